/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows of a monitor on a virtual clock: names, nesting, totals, provenance, gaps, faults, the
 * log, close and fork.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static void setup_flat(struct rig *rig, double power_w)
{
    memset(rig, 0, sizeof *rig);
    world_init(&rig->world, 7);
    world_flat(&rig->world, 1000, power_w);
    rig->devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "hopper/instant");
    rig->count = 1;
}

static void begin(struct rig *rig, const char *name)
{
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_monitor_begin_window(rig->monitor, name, 0, &err), 0);
}

static zeus_measurement *end(struct rig *rig, const char *name)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_measurement *m = NULL;
    assert_int_equal(zeus_monitor_end_window(rig->monitor, name, 0, &m, &err), 0);
    assert_non_null(m);
    return m;
}

static void test_flat_is_true_on_every_class(void **state)
{
    (void)state;
    const struct sensor_model *model;
    for (uint32_t row = 0; (model = sensor_model_row(row)) != NULL; row++) {
        for (uint32_t source = ZEUS_SOURCE_COUNTER; source <= ZEUS_SOURCE_INTEGRATED; source++) {
            if (source == ZEUS_SOURCE_COUNTER ? !model->tick_ns : !model->update_ns) {
                continue;
            }
            struct rig rig;
            setup_flat(&rig, 300);
            world_use_model(&rig.world, model);
            rig.world.power_field =
                strstr(model->name, "/average") ? ZEUS_POWER_AVERAGE : ZEUS_POWER_INSTANT;
            fake_device_free(rig.devices[0]);
            rig.devices[0] = fake_gpu(0, source, model->name);
            rig_open(&rig, 0);
            rig_run_until(&rig, 5.03);
            begin(&rig, "flat");
            rig_run_until(&rig, 13.03);
            zeus_measurement *m = end(&rig, "flat");
            zeus_energy energy;
            assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
            assert_int_equal(energy.code, 0);
            assert_int_equal(energy.source, source);
            assert_string_equal(energy.sensor_class, model->name);
            double truth_j = world_energy_j(&rig.world, zeus_measurement_begin_ns(m),
                                            zeus_measurement_end_ns(m));
            assert_true(fabs(truth_j - 2400) < 1);
            assert_true(fabs(energy.energy_j - truth_j) <= energy.random_j + 1e-6);
            assert_true(energy.random_j < 0.05 * truth_j);
            assert_true(fabs(energy.systematic_j - truth_j * model->gain_error -
                             8 * model->offset_error_w) < 5);
            zeus_measurement_free(m);
            rig_close(&rig);
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, 0);
    rig_run_until(&rig, 4);
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_measurement *m = NULL;
    begin(&rig, "a");
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "a", 0, &err), ZEUS_ESTATE);
    assert_string_equal(err.message, "window 'a' already exists");
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 1);
    assert_int_equal(zeus_monitor_end_window(rig.monitor, "b", 0, &m, &err), ZEUS_ENOTFOUND);
    assert_string_equal(err.message, "window 'b' does not exist");
    assert_null(m);
    assert_int_equal(zeus_monitor_cancel_window(rig.monitor, "b", &err), ZEUS_ENOTFOUND);
    assert_int_equal(zeus_monitor_estimate_window(rig.monitor, "b", &m, &err), ZEUS_ENOTFOUND);
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "", 0, &err), ZEUS_EINVAL);
    char longest[257];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, longest, 0, &err), ZEUS_EINVAL);
    longest[255] = '\0';
    begin(&rig, longest);
    zeus_measurement *named = end(&rig, longest);
    assert_string_equal(zeus_measurement_name(named), longest);
    zeus_measurement_free(named);
    assert_int_equal(zeus_monitor_begin_window(NULL, "a", 0, &err), ZEUS_EINVAL);
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, NULL, 0, &err), ZEUS_EINVAL);
    /* end consumes */
    zeus_measurement_free(end(&rig, "a"));
    assert_int_equal(zeus_monitor_end_window(rig.monitor, "a", 0, NULL, &err), ZEUS_ENOTFOUND);
    rig_close(&rig);
}

static void test_restart_cancel_reset(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, 0);
    rig_run_until(&rig, 4);
    begin(&rig, "w");
    rig_run_until(&rig, 6);
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "w", ZEUS_WINDOW_RESTART, NULL), 0);
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "fresh", ZEUS_WINDOW_RESTART, NULL), 0);
    rig_run_until(&rig, 7);
    zeus_measurement *m = end(&rig, "w");
    assert_true(fabs(zeus_measurement_time_s(m) - 1) < 0.01);
    zeus_measurement_free(m);
    assert_int_equal(zeus_monitor_cancel_window(rig.monitor, "fresh", NULL), 0);
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 0);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "many-%d", i);
        begin(&rig, name);
    }
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 1000);
    zeus_monitor_reset_windows(rig.monitor);
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 0);
    rig_close(&rig);
}

/* Neighbouring windows add up to the one around them, whatever order they end in. */
static void test_nested_and_overlapping(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    world_square(&rig.world, 100);
    rig_open(&rig, 0);
    rig_run_until(&rig, 5);
    begin(&rig, "outer");
    begin(&rig, "first");
    rig_run_until(&rig, 6.217);
    zeus_measurement *first = end(&rig, "first");
    begin(&rig, "second");
    rig_run_until(&rig, 8.9);
    zeus_measurement *outer = end(&rig, "outer");
    zeus_measurement *second = end(&rig, "second");
    rig_run_until(&rig, 12);
    double sum_j = zeus_measurement_total_gpu_j(first) + zeus_measurement_total_gpu_j(second);
    assert_true(fabs(sum_j - zeus_measurement_total_gpu_j(outer)) < 0.01);
    zeus_measurement_free(first);
    zeus_measurement_free(second);
    zeus_measurement_free(outer);
    rig_close(&rig);
}

static void test_estimate_keeps_running(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 200);
    rig_open(&rig, 0);
    rig_run_until(&rig, 5);
    begin(&rig, "run");
    rig_run_until(&rig, 7);
    zeus_measurement *m = NULL;
    assert_int_equal(zeus_monitor_estimate_window(rig.monitor, "run", &m, NULL), 0);
    assert_string_equal(zeus_measurement_name(m), "run");
    assert_true(fabs(zeus_measurement_total_gpu_j(m) - 400) < 20);
    zeus_measurement_free(m);
    rig_run_until(&rig, 9);
    m = end(&rig, "run");
    assert_true(fabs(zeus_measurement_total_gpu_j(m) - 800) < 20);
    zeus_measurement_free(m);
    rig_close(&rig);
}

/* A window much longer than the history, and a measurement looked at long after. */
static void test_longer_than_history(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    zeus_monitor_options options = {.size = sizeof options, .history_s = 10};
    rig_open_options(&rig, &options);
    rig_run_until(&rig, 4);
    begin(&rig, "long");
    rig_run_until(&rig, 5);
    begin(&rig, "late");
    rig_run_until(&rig, 7);
    zeus_measurement *late = end(&rig, "late");
    rig_run_until(&rig, 204);
    zeus_measurement *m = end(&rig, "long");
    rig_run_until(&rig, 207);
    zeus_energy energy;
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_int_equal(energy.flags & ZEUS_ENERGY_GAP, 0);
    assert_true(fabs(energy.energy_j - 60000) < 10);
    assert_int_equal(zeus_measurement_gpu(late, 0, &energy), 0);
    assert_int_equal(energy.flags & ZEUS_ENERGY_GAP, 0);
    assert_true(fabs(energy.energy_j - 600) < 10);
    zeus_measurement_free(m);
    zeus_measurement_free(late);
    /* what left the history unasked for is a gap, not a number */
    assert_int_equal(zeus_monitor_measure_between(rig.monitor, WORLD_EPOCH_NS + 5000000000u,
                                                  WORLD_EPOCH_NS + 6000000000u, &m, NULL),
                     0);
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_int_equal(energy.code, ZEUS_EAGAIN);
    assert_true(isnan(energy.energy_j));
    assert_true(energy.reason[0] != '\0');
    zeus_measurement_free(m);
    rig_close(&rig);
}

/* A counter that ticks four times slower than its class says is read at every tick, more often than
 * its ring was sized for: edges are settled before they are gone. */
static void test_longer_than_a_ring_that_fills_early(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    fake_device_free(rig.devices[0]);
    rig.devices[0] = fake_cpu(0);
    zeus_monitor_options options = {.size = sizeof options, .history_s = 37};
    rig.world.counter.period_s = 0.0042;
    rig_open_options(&rig, &options);
    rig_run_until(&rig, 4);
    begin(&rig, "long");
    rig_run_until(&rig, 64);
    zeus_measurement *m = end(&rig, "long");
    rig_run_until(&rig, 66);
    zeus_energy energy;
    assert_int_equal(zeus_measurement_cpu(m, 0, &energy), 0);
    assert_int_equal(energy.flags & ZEUS_ENERGY_GAP, 0);
    assert_true(fabs(energy.energy_j - 18000) < 5);
    zeus_measurement_free(m);
    rig_close(&rig);
}

static int is_around(const zeus_edge *edge)
{
    return edge->knot_count > 0 && edge->knots[0].time_ns <= edge->time_ns &&
           edge->knots[edge->knot_count - 1].time_ns > edge->time_ns;
}

/* The readings around an edge that was settled long ago are there where they were asked for. */
static void test_kept_edges(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    zeus_monitor_options options = {.size = sizeof options, .history_s = 10};
    rig_open_options(&rig, &options);
    rig_run_until(&rig, 4.03);
    begin(&rig, "lost");
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "kept", ZEUS_WINDOW_KEEP_EDGES, NULL),
                     0);
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "kept", ZEUS_WINDOW_KEEP_EDGES, NULL),
                     ZEUS_ESTATE);
    rig_run_until(&rig, 6.07);
    zeus_measurement *past = end(&rig, "kept");
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "kept", ZEUS_WINDOW_KEEP_EDGES, NULL),
                     0);
    rig_run_until(&rig, 204);
    zeus_measurement *kept = end(&rig, "kept");
    zeus_measurement *lost = end(&rig, "lost");
    rig_run_until(&rig, 207);
    zeus_edge edges[2];
    zeus_energy energy;
    assert_int_equal(zeus_measurement_edges(past, 0, edges, &energy), 0);
    assert_true(is_around(&edges[0]) && is_around(&edges[1]));
    assert_int_equal(edges[0].knot_count, ZEUS_EDGE_KNOTS_MAX);
    assert_int_equal(edges[1].knot_count, ZEUS_EDGE_KNOTS_MAX);
    assert_true(edges[1].settled_j - edges[0].settled_j == energy.energy_j);
    assert_int_equal(zeus_measurement_edges(kept, 0, edges, &energy), 0);
    assert_true(is_around(&edges[0]) && is_around(&edges[1]));
    assert_true(isfinite(edges[0].settled_j));
    assert_true(isnan(edges[1].settled_j)); /* young: still in the history */
    assert_int_equal(edges[0].source, energy.source);
    assert_int_equal(zeus_measurement_edges(lost, 0, edges, &energy), 0);
    assert_false(is_around(&edges[0]));
    assert_true(isfinite(edges[0].settled_j));
    assert_true(is_around(&edges[1]));
    zeus_measurement_free(past);
    zeus_measurement_free(kept);
    zeus_measurement_free(lost);
    rig_close(&rig);
}

static void test_totals_count_once(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 100);
    rig.devices[1] = fake_gpu(1, ZEUS_SOURCE_INTEGRATED, "ada/instant");
    rig.devices[2] = fake_cpu(0);
    rig.count = 3;
    rig_open(&rig, 0);
    rig_run_until(&rig, 5);
    begin(&rig, "w");
    rig_run_until(&rig, 9);
    zeus_measurement *m = end(&rig, "w");
    rig_run_until(&rig, 12);
    assert_int_equal(zeus_measurement_count(m), 4);
    zeus_total total;
    assert_int_equal(zeus_measurement_total_gpu(m, &total), 0);
    assert_int_equal(total.places, 2);
    assert_true(fabs(total.energy_j - 800) < 20);
    assert_int_equal(zeus_measurement_total(m, &total), 0);
    assert_int_equal(total.places, 4); /* two GPUs, package, dram beside it */
    assert_true(fabs(total.energy_j - 1600) < 30);
    zeus_energy energy;
    assert_int_equal(zeus_measurement_cpu(m, 0, &energy), 0);
    assert_string_equal(energy.name, "package-0");
    assert_int_equal(zeus_measurement_dram(m, 0, &energy), 0);
    assert_int_equal(zeus_measurement_gpu(m, 2, &energy), ZEUS_ENOTFOUND);
    const char *text = NULL;
    assert_int_equal(zeus_measurement_json(m, 0, &text), 0);
    assert_non_null(strstr(text, "\"schema\":\"zeus.measurement/1\""));
    assert_non_null(strstr(text, "\"gpus\":{\"0\":{\"energy_j\":"));
    assert_non_null(strstr(text, "\"dram\":{\"0\":"));
    assert_non_null(strstr(text, "\"source\":\"counter\""));
    assert_non_null(strstr(text, "\"total_gpu_energy_j\":"));
    zeus_measurement_free(m);
    rig_close(&rig);
}

/* Reads fail in the middle: a counter knows the sum all the same, power does not. */
static void test_gaps(void **state)
{
    (void)state;
    for (uint32_t source = ZEUS_SOURCE_COUNTER; source <= ZEUS_SOURCE_INTEGRATED; source++) {
        struct rig rig;
        setup_flat(&rig, 300);
        fake_device_free(rig.devices[0]);
        rig.devices[0] = fake_gpu(0, source, "ada/instant");
        rig.world.fail_from_ns = WORLD_EPOCH_NS + 6000000000u;
        rig.world.fail_to_ns = WORLD_EPOCH_NS + 8000000000u;
        rig_open(&rig, 0);
        rig_run_until(&rig, 5);
        begin(&rig, "w");
        rig_run_until(&rig, 10);
        zeus_measurement *m = end(&rig, "w");
        rig_run_until(&rig, 12);
        zeus_energy energy;
        assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
        assert_int_equal(energy.code, 0);
        if (source == ZEUS_SOURCE_COUNTER) {
            assert_true(fabs(energy.energy_j - 1500) < 10);
            assert_int_equal(energy.flags & ZEUS_ENERGY_GAP, 0);
        } else {
            assert_true(energy.flags & ZEUS_ENERGY_GAP);
            assert_true(energy.covered_s > 2.5 && energy.covered_s < 3.3);
            assert_true(fabs(energy.energy_j / energy.covered_s - 300) < 5);
            assert_non_null(strstr(energy.reason, "no data for"));
        }
        zeus_measurement_free(m);
        rig_close(&rig);
    }
}

/* Reads fail for good: unknown with the driver's reason, no zero. */
static void test_dead_device(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, 0);
    rig_run_until(&rig, 5);
    rig.world.fail_from_ns = rig.world.now_ns;
    rig.world.fail_to_ns = UINT64_MAX;
    rig_run_until(&rig, 20);
    begin(&rig, "w");
    rig_run_until(&rig, 24);
    zeus_measurement *m = end(&rig, "w");
    zeus_energy energy;
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_int_equal(energy.code, ZEUS_EDRIVER);
    assert_true(isnan(energy.energy_j));
    assert_true(isnan(zeus_measurement_total_gpu_j(m)));
    const char *text = NULL;
    assert_int_equal(zeus_measurement_json(m, 2, &text), 0);
    assert_non_null(strstr(text, "\"energy_j\": null"));
    assert_non_null(strstr(text, "\"error\": \"driver\""));
    zeus_measurement_free(m);
    rig_close(&rig);
}

/* A counter that stops or lies is found out and replaced by integrated power. */
static void test_suspect_counter(void **state)
{
    (void)state;
    for (int lies = 0; lies < 2; lies++) {
        struct rig rig;
        setup_flat(&rig, 300);
        fake_device_free(rig.devices[0]);
        rig.devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "ada/instant");
        if (lies) {
            rig.world.counter_gain = 0.5;
        } else {
            rig.world.stuck_from_ns = WORLD_EPOCH_NS + 3000000000u;
        }
        rig_open(&rig, 0);
        rig_run_until(&rig, 20);
        begin(&rig, "w");
        rig_run_until(&rig, 24);
        zeus_measurement *m = end(&rig, "w");
        rig_run_until(&rig, 25);
        zeus_energy energy;
        assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
        assert_int_equal(energy.source, ZEUS_SOURCE_INTEGRATED);
        assert_true(energy.flags & ZEUS_ENERGY_REPLACED);
        assert_true(energy.reason[0] != '\0');
        assert_true(fabs(energy.energy_j - 1200) < 20);
        zeus_measurement_free(m);
        zeus_monitor_source source;
        assert_int_equal(zeus_monitor_get_source(rig.monitor, 0, &source), 0);
        assert_true(source.flags & ZEUS_ENERGY_REPLACED);
        assert_true(fabs(source.health_ratio - (lies ? 0.5 : 0)) < 0.05);
        rig_close(&rig);
    }
}

/* The counter starts anew (driver reload): the time around it is a gap, nothing is negative. */
static void test_counter_reset(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig.world.reset_at_ns = WORLD_EPOCH_NS + 6000000000u;
    rig_open(&rig, 0);
    rig_run_until(&rig, 5);
    begin(&rig, "w");
    rig_run_until(&rig, 8);
    zeus_measurement *m = end(&rig, "w");
    rig_run_until(&rig, 9);
    zeus_energy energy;
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_true(energy.flags & ZEUS_ENERGY_GAP);
    assert_true(energy.energy_j > 800 && energy.energy_j <= 900);
    assert_true(energy.covered_s < 2.95 && energy.covered_s > 2.7);
    zeus_measurement_free(m);
    rig_close(&rig);
}

static void test_without_sampler(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig.devices[1] = fake_gpu(1, ZEUS_SOURCE_INTEGRATED, "pascal/instant");
    rig.count = 2;
    rig_open(&rig, ZEUS_MONITOR_NO_SAMPLER);
    rig_run_until(&rig, 5.01);
    begin(&rig, "w");
    rig_run_until(&rig, 8.05);
    zeus_measurement *m = end(&rig, "w");
    zeus_energy energy;
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_true(energy.flags & ZEUS_ENERGY_NO_SAMPLER);
    double truth_j =
        world_energy_j(&rig.world, zeus_measurement_begin_ns(m), zeus_measurement_end_ns(m));
    assert_true(fabs(energy.energy_j - truth_j) <= energy.random_j);
    assert_true(energy.random_j > 5);
    assert_int_equal(zeus_measurement_gpu(m, 1, &energy), 0);
    assert_int_equal(energy.code, ZEUS_ENOTSUP);
    assert_true(isnan(energy.energy_j));
    zeus_total total;
    assert_int_equal(zeus_measurement_total_gpu(m, &total), 0);
    assert_int_equal(total.missing, 1);
    assert_true(total.flags & ZEUS_ENERGY_GAP);
    zeus_measurement_free(m);
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_monitor_measure_between(rig.monitor, 1, 2, &m, &err), ZEUS_ESTATE);
    /* shorter than a tick: unknown, not zero */
    rig_run_until(&rig, 9.01);
    begin(&rig, "short");
    rig_run_until(&rig, 9.03);
    m = end(&rig, "short");
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_int_equal(energy.code, ZEUS_EAGAIN);
    assert_true(isnan(energy.energy_j));
    zeus_measurement_free(m);
    rig_close(&rig);
}

static void test_approximate(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, ZEUS_MONITOR_NO_SAMPLER | ZEUS_MONITOR_APPROX_INSTANT);
    rig_run_until(&rig, 9.01);
    begin(&rig, "short");
    rig_run_until(&rig, 9.02);
    zeus_measurement *m = end(&rig, "short");
    zeus_energy energy;
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_true(energy.flags & ZEUS_ENERGY_APPROXIMATED);
    assert_true(fabs(energy.energy_j - 300 * zeus_measurement_time_s(m)) < 0.1);
    zeus_measurement_free(m);
    rig_close(&rig);
}

static int count_sync(void *user, zeus_error *err)
{
    (void)err;
    ++*(int *)user;
    return *(int *)user > 2 ? ZEUS_EDRIVER : 0;
}

static void test_sync(void **state)
{
    (void)state;
    struct rig rig;
    int calls = 0;
    setup_flat(&rig, 300);
    zeus_monitor_options options = {
        .size = sizeof options, .sync = count_sync, .sync_user = &calls};
    rig_open_options(&rig, &options);
    begin(&rig, "a");
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "b", ZEUS_WINDOW_NO_SYNC, NULL), 0);
    assert_int_equal(calls, 1);
    zeus_measurement_free(end(&rig, "a"));
    assert_int_equal(calls, 2);
    assert_int_equal(zeus_monitor_begin_window(rig.monitor, "c", 0, NULL), ZEUS_EDRIVER);
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 1);
    assert_int_equal(zeus_monitor_end_window(rig.monitor, "b", 0, NULL, NULL), ZEUS_EDRIVER);
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 0);
    rig_close(&rig);
}

static void test_csv(void **state)
{
    (void)state;
    char folder[] = "/tmp/zeus-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[128];
    (void)snprintf(path, sizeof path, "%s/deep/er/log.csv", folder);
    struct rig rig;
    setup_flat(&rig, 300);
    rig.devices[1] = fake_cpu(0);
    rig.count = 2;
    zeus_monitor_options options = {
        .size = sizeof options, .flags = ZEUS_MONITOR_CSV_ALL, .csv_path = path};
    rig_open_options(&rig, &options);
    rig_run_until(&rig, 5);
    begin(&rig, "plain");
    begin(&rig, "with, comma and \"quote\"");
    rig_run_until(&rig, 6);
    zeus_measurement_free(end(&rig, "with, comma and \"quote\""));
    assert_int_equal(zeus_monitor_end_window(rig.monitor, "plain", 0, NULL, NULL), 0);
    rig_close(&rig);
    char text[1024];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    const char *head = "start_time,window_name,elapsed_time,gpu0_energy,cpu0_energy,dram0_energy\n";
    assert_memory_equal(text, head, strlen(head));
    assert_non_null(strstr(text, ",\"with, comma and \"\"quote\"\"\","));
    assert_non_null(strstr(text, ",plain,"));
    (void)unlink(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
    (void)rmdir(folder);
}

static void test_csv_fails(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig.io = world_io(&rig.world);
    zeus_monitor_options options = {.size = sizeof options, .csv_path = "/proc/no/such/log.csv"};
    struct monitor_config config = {.devices = rig.devices,
                                    .positions = rig.positions,
                                    .count = 1,
                                    .options = &options,
                                    .io = &rig.io,
                                    .is_manual = 1};
    zeus_error err = ZEUS_ERROR_INIT;
    struct zeus_monitor *monitor = NULL;
    assert_true(monitor_create(&config, &monitor, &err) < 0);
    assert_null(monitor);
    assert_non_null(strstr(err.message, "/proc/no"));
    rig_close(&rig);
}

static void test_measurement_outlives_monitor(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, 0);
    rig_run_until(&rig, 5);
    begin(&rig, "w");
    begin(&rig, "never ended");
    rig_run_until(&rig, 6);
    zeus_measurement *m = end(&rig, "w");
    rig_close(&rig);
    assert_true(fabs(zeus_measurement_total_gpu_j(m) - 300) < 20);
    assert_int_equal(zeus_measurement_settle(m, 1), ZEUS_ESTATE);
    zeus_measurement_free(m);
}

static void test_fork(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, 0);
    begin(&rig, "w");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        zeus_error err = ZEUS_ERROR_INIT;
        int ok = zeus_monitor_begin_window(rig.monitor, "x", 0, &err) == ZEUS_ESTATE &&
                 zeus_monitor_end_window(rig.monitor, "w", 0, NULL, &err) == ZEUS_ESTATE;
        zeus_monitor_close(rig.monitor);
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    zeus_measurement_free(end(&rig, "w"));
    rig_close(&rig);
}

static void test_no_devices(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    fake_device_free(rig.devices[0]);
    rig.count = 0;
    rig_open(&rig, 0);
    begin(&rig, "w");
    zeus_measurement *m = end(&rig, "w");
    assert_int_equal(zeus_measurement_count(m), 0);
    zeus_total total;
    assert_int_equal(zeus_measurement_total_gpu(m, &total), 0);
    assert_int_equal(total.code, ZEUS_ENOTFOUND);
    assert_true(isnan(total.energy_j));
    zeus_measurement_free(m);
    rig_close(&rig);
}

static void test_scope(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, 0);
    {
        ZEUS_WINDOW_SCOPE(rig.monitor, "scope");
        assert_int_equal(zeus_monitor_window_count(rig.monitor), 1);
    }
    assert_int_equal(zeus_monitor_window_count(rig.monitor), 0);
    rig_close(&rig);
}

static void test_zero_length(void **state)
{
    (void)state;
    struct rig rig;
    setup_flat(&rig, 300);
    rig_open(&rig, 0);
    rig_run_until(&rig, 5);
    begin(&rig, "w");
    zeus_measurement *m = end(&rig, "w");
    zeus_energy energy;
    assert_int_equal(zeus_measurement_gpu(m, 0, &energy), 0);
    assert_int_equal(energy.code, 0);
    assert_true(energy.energy_j >= 0 && energy.energy_j < 1e-6);
    assert_true(energy.flags & ZEUS_ENERGY_SUB_TICK);
    zeus_measurement_free(m);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat_is_true_on_every_class),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_restart_cancel_reset),
        cmocka_unit_test(test_nested_and_overlapping),
        cmocka_unit_test(test_longer_than_a_ring_that_fills_early),
        cmocka_unit_test(test_kept_edges),
        cmocka_unit_test(test_estimate_keeps_running),
        cmocka_unit_test(test_longer_than_history),
        cmocka_unit_test(test_totals_count_once),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_dead_device),
        cmocka_unit_test(test_suspect_counter),
        cmocka_unit_test(test_counter_reset),
        cmocka_unit_test(test_without_sampler),
        cmocka_unit_test(test_approximate),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_fails),
        cmocka_unit_test(test_measurement_outlives_monitor),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_no_devices),
        cmocka_unit_test(test_scope),
        cmocka_unit_test(test_zero_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
