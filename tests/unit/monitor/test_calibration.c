/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration files: text and back, what is refused and in which words, where files are looked for,
 * and what a monitor makes of them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "monitor/calibration.h"
#include "rig.h"
#include "testdir.h"

static zeus_calibration_entry example(uint32_t field)
{
    zeus_calibration_entry entry = {
        .device = "FAKE-1-0",
        .driver = "",
        .domain = "gpu",
        .field = field,
        .valid = ZEUS_CALIBRATED_PERIOD,
        .period_ns = 99000000,
        .period_error_ns = 21000,
        .device_name = "gpu 0",
        .date = "2026-03-01T12:00:00Z",
        .method = "a \"load\"",
    };
    if (field != ZEUS_CALIBRATE_COUNTER) {
        entry.valid |= ZEUS_CALIBRATED_RESPONSE;
        entry.window_ns = 31000000;
        entry.window_error_ns = 600000;
        entry.lag_ns = 7000000;
        entry.lag_error_ns = 300000;
        entry.explained = 0.9996;
    }
    return entry;
}

static int same(const zeus_calibration_entry *a, const zeus_calibration_entry *b)
{
    return strcmp(a->device, b->device) == 0 && strcmp(a->driver, b->driver) == 0 &&
           strcmp(a->domain, b->domain) == 0 && a->field == b->field && a->valid == b->valid &&
           a->response == b->response && a->period_ns == b->period_ns &&
           a->period_error_ns == b->period_error_ns && a->window_ns == b->window_ns &&
           a->window_error_ns == b->window_error_ns && a->tau_ns == b->tau_ns &&
           a->tau_error_ns == b->tau_error_ns && a->lag_ns == b->lag_ns &&
           a->lag_error_ns == b->lag_error_ns && a->explained == b->explained &&
           strcmp(a->device_name, b->device_name) == 0 && strcmp(a->date, b->date) == 0 &&
           strcmp(a->method, b->method) == 0;
}

static void test_text_and_back(void **state)
{
    (void)state;
    struct zeus_calibration set = {0};
    struct zeus_calibration again = {0};
    zeus_calibration_entry rc = example(ZEUS_CALIBRATE_AVERAGE);
    rc.response = ZEUS_RESPONSE_RC;
    rc.tau_ns = 250000000;
    rc.tau_error_ns = 3000000;
    rc.window_ns = rc.window_error_ns = 0;
    const zeus_calibration_entry entries[] = {example(ZEUS_CALIBRATE_INSTANT), rc,
                                              example(ZEUS_CALIBRATE_COUNTER)};
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        assert_int_equal(calibration_put(&set, &entries[i], 0), 0);
    }
    struct strbuf text;
    zeus_error err = ZEUS_ERROR_INIT;
    strbuf_init(&text, CALIBRATION_FILE_MOST);
    assert_int_equal(calibration_write(&set, &text), 0);
    assert_int_equal(calibration_read(&again, strbuf_text(&text), text.len, 0, &err), 0);
    assert_int_equal(again.count, 3);
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        assert_true(same(&again.entries[i], &entries[i]));
    }
    strbuf_done(&text);
    calibration_done(&set);
    calibration_done(&again);
}

#define GOOD                                                                                  \
    "\"device\":\"A\",\"driver\":\"1\",\"domain\":\"gpu\",\"date\":\"d\",\"method\":\"m\",\n" \
    "\"field\":\"instant\",\"period_ns\":100000000,\"period_error_ns\":1"
#define RESPONSE "\"response\":\"boxcar\",\"window_error_ns\":1,\"lag_ns\":0,\"lag_error_ns\":0"
#define HEAD     "{\"schema\":\"zeus.calibration/1\",\n\"entries\":["
#define TAIL     "]}"

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *words;
    } cases[] = {
        {"", ZEUS_EPARSE, "line 1"},
        {"[]", ZEUS_EPARSE, "no calibration file"},
        {"{}", ZEUS_EPARSE, "\"schema\" does not come first"},
        {"{\"schema\":7}", ZEUS_EPARSE, "no calibration file"},
        {"{\"schema\":\"zeus.run/1\",\"entries\":[]}", ZEUS_EPARSE, "no calibration file"},
        {"{\"schema\":\"zeus.calibration/2\",\"entries\":[]}", ZEUS_EVERSION,
         "zeus.calibration/2 is not known to this version"},
        {"{\"schema\":\"zeus.calibration/1\"}", ZEUS_EPARSE, "\"entries\" is missing"},
        {"{\"schema\":\"zeus.calibration/1\",\"entries\":[],\"x\":1}", ZEUS_EPARSE, "only key"},
        {"{\"schema\":\"zeus.calibration/1\",\"entries\":{}}", ZEUS_EPARSE, "is no list"},
        {HEAD "7" TAIL, ZEUS_EPARSE, "line 2: \"entries\" holds what is no entry"},
        {HEAD "{}" TAIL, ZEUS_EPARSE, "line 2: \"device\" is missing"},
        {HEAD "{" GOOD ",\n\"windw_ns\":1}" TAIL, ZEUS_EPARSE, "line 4: \"windw_ns\" is not known"},
        {HEAD "{" GOOD ",\n\"device\":\"B\"}" TAIL, ZEUS_EPARSE,
         "line 4: \"device\" is given twice"},
        {HEAD "{" GOOD ",\n\"name\":7}" TAIL, ZEUS_EPARSE, "\"name\" is no text"},
        {HEAD "{" GOOD ",\n" RESPONSE ",\"window_ns\":-1}" TAIL, ZEUS_EPARSE,
         "line 4: \"window_ns\" is no whole number"},
        {HEAD "{" GOOD ",\n" RESPONSE ",\"window_ns\":0}" TAIL, ZEUS_EPARSE,
         "line 4: \"window_ns\" is 0, outside"},
        {HEAD "{" GOOD ",\n" RESPONSE "}" TAIL, ZEUS_EPARSE, "\"window_ns\" is missing"},
        {HEAD "{" GOOD ",\n" RESPONSE ",\"window_ns\":5000,\"tau_ns\":5}" TAIL, ZEUS_EPARSE,
         "\"tau_ns\" does not go with"},
        {HEAD "{" GOOD ",\n\"window_ns\":5000}" TAIL, ZEUS_EPARSE, "\"response\" is missing"},
        {HEAD "{" GOOD ",\n" RESPONSE ",\"window_ns\":5000,\"explained\":2}" TAIL, ZEUS_EPARSE,
         "\"explained\" is outside"},
        {HEAD "{\"field\":\"max\"}" TAIL, ZEUS_EPARSE, "\"field\" is none of"},
        {HEAD "{\"response\":\"x\"}" TAIL, ZEUS_EPARSE, "\"response\" is neither"},
        {HEAD "{" GOOD "}", ZEUS_EPARSE, "line 3"},
        {HEAD TAIL "x", ZEUS_EPARSE, "line 2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct zeus_calibration set = {0};
        zeus_error err = ZEUS_ERROR_INIT;
        int r = calibration_read(&set, cases[i].text, strlen(cases[i].text), 0, &err);
        if (r != cases[i].code || !strstr(err.message, cases[i].words)) {
            fail_msg("case %zu: %d '%s', expected %d '%s'", i, r, err.message, cases[i].code,
                     cases[i].words);
        }
        calibration_done(&set);
    }
    struct zeus_calibration set = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    const char good[] = HEAD "{" GOOD "},{" GOOD "}" TAIL; /* the last of equals counts */
    assert_int_equal(calibration_read(&set, good, strlen(good), 0, &err), 0);
    assert_int_equal(set.count, 1);
    calibration_done(&set);
}

static void test_entries_are_checked(void **state)
{
    (void)state;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_calibration_entry entry = example(ZEUS_CALIBRATE_INSTANT);
    assert_int_equal(calibration_check(&entry, &err), 0);
    entry.period_ns = 0;
    assert_int_equal(calibration_check(&entry, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "period_ns"));
    entry = example(ZEUS_CALIBRATE_INSTANT);
    memset(entry.device, 'x', sizeof entry.device);
    assert_int_equal(calibration_check(&entry, &err), ZEUS_EINVAL);
    entry = example(ZEUS_CALIBRATE_COUNTER);
    entry.valid |= ZEUS_CALIBRATED_RESPONSE;
    assert_int_equal(calibration_check(&entry, &err), ZEUS_EINVAL);
    entry = example(ZEUS_CALIBRATE_INSTANT);
    entry.field = 9;
    assert_int_equal(zeus_calibration_store("/nowhere", &entry, 1, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "entry 0"));
}

static void test_store_and_load(void **state)
{
    (void)state;
    struct testdir tree;
    testdir_create(&tree);
    char path[256];
    (void)snprintf(path, sizeof path, "%s/c.json", tree.path);
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_calibration *set = NULL;
    assert_int_equal(zeus_calibration_load(path, &set, &err), ZEUS_ENOTFOUND);
    zeus_calibration_entry entry = example(ZEUS_CALIBRATE_INSTANT);
    assert_int_equal(zeus_calibration_store(path, &entry, 1, &err), 0);
    entry.window_ns = 26000000;
    assert_int_equal(zeus_calibration_store(path, &entry, 1, &err), 0); /* takes its place */
    (void)snprintf(entry.driver, sizeof entry.driver, "560.1");
    assert_int_equal(zeus_calibration_store(path, &entry, 1, &err), 0); /* stands beside it */
    assert_int_equal(zeus_calibration_load(path, &set, &err), 0);
    assert_int_equal(zeus_calibration_count(set), 2);
    zeus_calibration_entry got;
    assert_int_equal(zeus_calibration_get(set, 0, &got), 0);
    assert_int_equal(got.window_ns, 26000000);
    assert_int_equal(zeus_calibration_get(set, 2, &got), ZEUS_EINVAL);
    zeus_calibration_free(set);

    testdir_write(&tree, "c.json", "{\"schema\":\"zeus.calibration/9\",\"entries\":[]}");
    assert_int_equal(zeus_calibration_store(path, &entry, 1, &err), ZEUS_EVERSION);
    assert_non_null(strstr(err.message, path)); /* and it is still what it was */
    assert_int_equal(zeus_calibration_load(path, &set, &err), ZEUS_EVERSION);
    testdir_write(&tree, "c.json", "{\n\"schema\": oh");
    assert_int_equal(zeus_calibration_load(path, &set, &err), ZEUS_EPARSE);
    assert_non_null(strstr(err.message, "c.json: line 2"));
    (void)snprintf(path, sizeof path, "%s/no/c.json", tree.path);
    assert_int_equal(zeus_calibration_store(path, &entry, 1, &err), ZEUS_ENOTFOUND);
    testdir_remove(&tree);
}

static void test_where_files_are(void **state)
{
    (void)state;
    struct testdir tree;
    testdir_create(&tree);
    char path[256];
    char expected[256];
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_calibration_entry user = example(ZEUS_CALIBRATE_INSTANT);
    zeus_calibration_entry system = example(ZEUS_CALIBRATE_COUNTER);
    (void)unsetenv("ZEUS_CALIBRATION");
    (void)setenv("XDG_DATA_HOME", tree.path, 1);
    (void)setenv("ZEUS_SYSFS_ROOT", tree.path, 1);
    (void)snprintf(expected, sizeof expected, "%s/zeus/calibration.json", tree.path);
    assert_int_equal(zeus_calibration_path(path, sizeof path, &err), strlen(expected) + 1);
    assert_string_equal(path, expected);
    zeus_calibration *set = NULL;
    assert_int_equal(zeus_calibration_load(NULL, &set, &err), 0); /* missing files are empty */
    assert_int_equal(zeus_calibration_count(set), 0);
    zeus_calibration_free(set);
    assert_int_equal(zeus_calibration_store(NULL, &user, 1, &err), 0); /* makes the directory */

    testdir_mkdir(&tree, "etc/zeus");
    (void)snprintf(path, sizeof path, "%s/etc/zeus/calibration.json", tree.path);
    user.window_ns = 1000000; /* the user's own goes before the system's */
    const zeus_calibration_entry both[] = {user, system};
    assert_int_equal(zeus_calibration_store(path, both, 2, &err), 0);
    assert_int_equal(zeus_calibration_load(NULL, &set, &err), 0);
    assert_int_equal(zeus_calibration_count(set), 2);
    zeus_calibration_entry got;
    assert_int_equal(zeus_calibration_get(set, 0, &got), 0);
    assert_int_equal(got.window_ns, 31000000);
    zeus_calibration_free(set);

    (void)setenv("ZEUS_CALIBRATION", "", 1); /* off, the system's too */
    assert_int_equal(zeus_calibration_load(NULL, &set, &err), 0);
    assert_int_equal(zeus_calibration_count(set), 0);
    zeus_calibration_free(set);
    assert_int_equal(zeus_calibration_store(NULL, &user, 1, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_calibration_path(path, sizeof path, &err), ZEUS_ENOTFOUND);

    (void)unsetenv("ZEUS_CALIBRATION");
    (void)unsetenv("XDG_DATA_HOME");
    (void)unsetenv("HOME");
    assert_int_equal(zeus_calibration_path(path, sizeof path, &err), ZEUS_ENOTFOUND);
    assert_int_equal(zeus_calibration_load(NULL, &set, &err), 0);
    assert_int_equal(zeus_calibration_count(set), 2); /* the system's */
    zeus_calibration_free(set);
    (void)unsetenv("ZEUS_SYSFS_ROOT");
    testdir_remove(&tree);
}

/* A monitor over one made-up GPU with these entries. */
static void open_with(struct rig *rig, const zeus_calibration_entry *entries, size_t count,
                      const char *driver)
{
    memset(rig, 0, sizeof *rig);
    world_init(&rig->world, 7);
    world_flat(&rig->world, 1000, 300);
    rig->devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "hopper/instant");
    (void)snprintf(rig->devices[0]->info.driver, sizeof rig->devices[0]->info.driver, "%s", driver);
    rig->count = 1;
    rig->io = world_io(&rig->world);
    struct zeus_calibration set = {0};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(calibration_put(&set, &entries[i], 0), 0);
    }
    zeus_monitor_options options = {.size = sizeof options};
    struct monitor_config config = {.devices = rig->devices,
                                    .positions = rig->positions,
                                    .count = 1,
                                    .options = &options,
                                    .io = &rig->io,
                                    .calibration = &set,
                                    .is_manual = 1};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(monitor_create(&config, &rig->monitor, &err), 0);
    calibration_done(&set);
}

static void test_a_monitor_uses_it(void **state)
{
    (void)state;
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    const zeus_calibration_entry entries[] = {example(ZEUS_CALIBRATE_INSTANT),
                                              example(ZEUS_CALIBRATE_COUNTER)};
    open_with(&rig, entries, 2, "");
    const struct sensor_model *model = &rig.monitor->places[0].model;
    assert_int_equal(model->update_ns, 99000000);
    assert_int_equal(model->window_ns, 31000000);
    assert_int_equal(model->lag_ns, 7000000);
    assert_int_equal(model->tick_ns, 99000000);
    assert_string_equal(model->name, "hopper/instant");
    zeus_monitor_source source;
    assert_int_equal(zeus_monitor_get_source(rig.monitor, 0, &source), 0);
    assert_true(source.flags & ZEUS_ENERGY_OWN_MODEL);
    assert_int_equal(source.window_ns, 31000000);
    assert_string_equal(source.reason, "");
    rig_run_until(&rig, 4);
    zeus_measurement *m = NULL;
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "w", 0, &err), 0);
    rig_run_until(&rig, 6);
    assert_int_equal(zeus_monitor_end_window(rig.monitor, "w", 0, &m, &err), 0);
    const char *json = NULL;
    assert_int_equal(zeus_measurement_json(m, 0, &json), 0);
    assert_non_null(strstr(json, "\"uncalibrated\",\"own-model\""));
    assert_string_equal(zeus_energy_flag_name(ZEUS_ENERGY_OWN_MODEL), "own-model");
    zeus_measurement_free(m);
    rig_close(&rig);
}

struct score {
    double mean_error_j;
    double covered; /* share of windows whose truth lies in the interval */
};

/* Windows of half a second over a restless load, from a power field that is not what its class
 * says: 80 ms late and seeing 40 ms of every 100. */
#define SEEDS   6
#define WINDOWS 60

static void measure_windows(const zeus_calibration_entry *entry, uint64_t seed, struct score *score)
{
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    memset(&rig, 0, sizeof rig);
    world_init(&rig.world, seed);
    world_square(&rig.world, 300);
    struct sensor_model truth;
    sensor_model_find("ampere/instant", &truth);
    truth.window_ns = 40000000;
    truth.lag_ns = 80000000;
    world_use_model(&rig.world, &truth);
    rig.devices[0] = fake_gpu(0, ZEUS_SOURCE_INTEGRATED, "ampere/instant");
    rig.count = 1;
    rig.io = world_io(&rig.world);
    struct zeus_calibration set = {0};
    if (entry) {
        assert_int_equal(calibration_put(&set, entry, 0), 0);
    }
    zeus_monitor_options options = {.size = sizeof options};
    struct monitor_config config = {.devices = rig.devices,
                                    .positions = rig.positions,
                                    .count = 1,
                                    .options = &options,
                                    .io = &rig.io,
                                    .calibration = &set,
                                    .is_manual = 1};
    assert_int_equal(monitor_create(&config, &rig.monitor, &err), 0);
    calibration_done(&set);
    rig.next_ns = rig.world.now_ns;
    for (int i = 0; i < WINDOWS; i++) {
        double begin_s = 5 + 4.7 * i;
        rig_run_until(&rig, begin_s + 1.2);
        uint64_t begin_ns = WORLD_EPOCH_NS + (uint64_t)(begin_s * 1e9);
        zeus_measurement *m = NULL;
        zeus_energy energy;
        assert_int_equal(
            zeus_monitor_measure_between(rig.monitor, begin_ns, begin_ns + 500000000u, &m, &err),
            0);
        assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
        double truth_j = world_energy_j(&rig.world, begin_ns, begin_ns + 500000000u);
        double off_j =
            energy.energy_j > truth_j ? energy.energy_j - truth_j : truth_j - energy.energy_j;
        score->mean_error_j += off_j / (WINDOWS * SEEDS);
        score->covered += (off_j <= energy.random_j) / (double)(WINDOWS * SEEDS);
        zeus_measurement_free(m);
    }
    rig_close(&rig);
}

static void test_it_pays(void **state)
{
    (void)state;
    zeus_calibration_entry entry = example(ZEUS_CALIBRATE_INSTANT);
    entry.period_ns = 100000000;
    entry.window_ns = 40000000;
    entry.lag_ns = 80000000;
    struct score by_class = {0, 0};
    struct score by_own = {0, 0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        measure_windows(NULL, seed, &by_class);
        measure_windows(&entry, seed, &by_own);
    }
    print_message("half-second windows: %.2f J off and %.1f %% covered by the class, "
                  "%.2f J and %.1f %% calibrated\n",
                  by_class.mean_error_j, 100 * by_class.covered, by_own.mean_error_j,
                  100 * by_own.covered);
    assert_true(by_own.mean_error_j < 0.8 * by_class.mean_error_j);
    assert_true(by_own.covered > by_class.covered);
    assert_true(by_own.covered >= 0.9);
}

/* Lags that are off as a normal error of 50 ms may be, with and without an entry that says so. */
static void test_doubtful_lag(void **state)
{
    (void)state;
    static const double offs[SEEDS] = {-1.5, -0.7, -0.2, 0.3, 0.8, 1.4};
    zeus_calibration_entry entry = example(ZEUS_CALIBRATE_INSTANT);
    struct score sure = {0, 0};
    struct score doubtful = {0, 0};
    entry.period_ns = 100000000;
    entry.window_ns = 40000000;
    entry.window_error_ns = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        entry.lag_ns = 80000000 + (uint64_t)(int64_t)(50e6 * offs[seed - 1]);
        entry.lag_error_ns = 0;
        measure_windows(&entry, seed, &sure);
        entry.lag_error_ns = 98000000;
        measure_windows(&entry, seed, &doubtful);
    }
    print_message("lags 50 ms off: %.1f %% covered, %.1f %% where the entry says so\n",
                  100 * sure.covered, 100 * doubtful.covered);
    assert_true(doubtful.covered > sure.covered + 0.02);
    assert_true(doubtful.covered >= 0.93);
    assert_true(fabs(doubtful.mean_error_j - sure.mean_error_j) < 1e-9);
}

static void test_another_driver_is_no_match(void **state)
{
    (void)state;
    struct rig rig;
    zeus_calibration_entry entry = example(ZEUS_CALIBRATE_INSTANT);
    (void)snprintf(entry.driver, sizeof entry.driver, "535.1");
    open_with(&rig, &entry, 1, "560.2");
    assert_int_equal(rig.monitor->places[0].model.window_ns, 25000000);
    zeus_monitor_source source;
    assert_int_equal(zeus_monitor_get_source(rig.monitor, 0, &source), 0);
    assert_false(source.flags & ZEUS_ENERGY_OWN_MODEL);
    assert_non_null(strstr(source.reason, "of driver '535.1' and this is '560.2': not used"));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_entries_are_checked),
        cmocka_unit_test(test_store_and_load),
        cmocka_unit_test(test_where_files_are),
        cmocka_unit_test(test_a_monitor_uses_it),
        cmocka_unit_test(test_it_pays),
        cmocka_unit_test(test_doubtful_lag),
        cmocka_unit_test(test_another_driver_is_no_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
