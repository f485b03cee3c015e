/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiling against made-up windows: order of steps, counts, reduction over ranks, texts.
 */
#include <math.h>
#include <string.h>

#include "monitor/profile.h"
#include "test.h"

struct fake {
    uint64_t now_ns;
    uint64_t begun_ns;
    double slept_s;
    int works;
    int works_at_begin;
    int syncs;
    int fail_at;
    char log[4096];
};

static uint64_t now_ns(void *user)
{
    return ((struct fake *)user)->now_ns;
}

static int begin(void *user, zeus_error *err)
{
    (void)err;
    struct fake *f = user;
    f->begun_ns = f->now_ns;
    f->works_at_begin = f->works;
    return 0;
}

static int end(void *user, double *ret_energy_j, double *ret_time_s, zeus_error *err)
{
    (void)err;
    struct fake *f = user;
    *ret_time_s = (double)(f->now_ns - f->begun_ns) * 1e-9;
    *ret_energy_j = 100 * *ret_time_s;
    return 0;
}

static double temperature_c(void *user)
{
    return 40 + ((struct fake *)user)->works % 2;
}

static int work(void *user, zeus_error *err)
{
    (void)err;
    struct fake *f = user;
    f->now_ns += 250000000;
    f->works++;
    return f->fail_at && f->works >= f->fail_at ? ZEUS_EIO : 0;
}

static void nap(double seconds, void *user)
{
    ((struct fake *)user)->slept_s += seconds;
}

static int count_sync(void *user, zeus_error *err)
{
    (void)err;
    ((struct fake *)user)->syncs++;
    return 0;
}

static void note(const char *text, void *user)
{
    struct fake *f = user;
    (void)strncat(f->log, text, sizeof f->log - strlen(f->log) - 2);
    (void)strcat(f->log, "\n");
}

/* Two ranks that measure the same. */
static int reduce(double *values, size_t count, uint32_t operation, void *user, zeus_error *err)
{
    (void)user;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        values[i] *= operation == ZEUS_REDUCE_SUM ? 2 : 1;
    }
    return 0;
}

static struct profile_run prepare(struct fake *f, struct profile_io *io,
                                  const zeus_profile_options *given)
{
    *io = (struct profile_io){now_ns, begin, end, temperature_c, f};
    struct profile_run run = {.io = io, .work = work, .work_user = f};
    zeus_profile_options o = *given;
    o.size = sizeof o;
    o.sleep = nap;
    o.sleep_user = f;
    o.progress = note;
    o.progress_user = f;
    o.sync = count_sync;
    o.sync_user = f;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(profile_options_read(&o, &run.options, &err), 0);
    return run;
}

static void test_calibrate(void **state)
{
    (void)state;
    struct fake f = {0};
    struct profile_io io;
    struct profile_run run = prepare(&f, &io, &(zeus_profile_options){.size = 0});
    double iteration_s = 0;
    assert_int_equal(profile_calibrate(&run, &iteration_s, NULL), 0);
    assert_true(fabs(iteration_s - 0.25) < 1e-12);
    assert_int_equal(f.works, 110);
    assert_int_equal(f.syncs, 2);
    assert_string_equal(f.log, "Calibrated iteration duration: 250.000 ms\n");
}

static void test_trial(void **state)
{
    (void)state;
    struct fake f = {0};
    struct profile_io io;
    struct profile_run run =
        prepare(&f, &io, &(zeus_profile_options){.warmup_settle_duration_s = 0.6});
    zeus_profile_trial trial;
    assert_int_equal(profile_trial(&run, 1.1, 7, 0, 0.25, &trial, NULL), 0);
    assert_true(f.slept_s == 7);
    assert_int_equal(f.works_at_begin, 3); /* ceil(0.6 / 0.25) */
    assert_int_equal(trial.iterations, 5); /* ceil(1.1 / 0.25) */
    assert_true(fabs(trial.total_energy_j - 125) < 1e-9);
    assert_true(fabs(trial.energy_per_iter_j - 25) < 1e-9);
    assert_int_equal(profile_trial(&run, 0.01, 7, 1, 0.25, &trial, NULL), 0);
    assert_int_equal(trial.iterations, 1);
    assert_true(f.slept_s == 7); /* a warm-up trial does not cool down */
    f.fail_at = f.works + 2;
    assert_int_equal(profile_trial(&run, 5, 0, 1, 0.25, &trial, NULL), ZEUS_EIO);
}

static void test_ranks(void **state)
{
    (void)state;
    struct fake f = {0};
    struct profile_io io;
    struct profile_run run =
        prepare(&f, &io, &(zeus_profile_options){.world_size = 2, .reduce = reduce});
    zeus_profile_trial trial;
    assert_int_equal(profile_trial(&run, 1, 0, 1, 0.25, &trial, NULL), 0);
    assert_true(fabs(trial.total_energy_j - 200) < 1e-9);
    assert_true(fabs(trial.total_time_s - 1) < 1e-9);
    assert_true(fabs(trial.temperature_before_c - 40) < 1e-9);
}

static void test_sweep_text(void **state)
{
    (void)state;
    static const double range_s[] = {1, 10};
    struct fake f = {0};
    struct profile_io io;
    struct profile_run run = prepare(&f, &io,
                                     &(zeus_profile_options){.measurement_range = range_s,
                                                             .measurement_count = 2,
                                                             .trials = 2,
                                                             .warmup_trials = 1,
                                                             .cooldown_duration_s = 3});
    struct zeus_profile_sweep *sweep = NULL;
    assert_int_equal(profile_sweep(&run, 1, 0.25, 1, &sweep, NULL), 0);
    assert_string_equal(
        zeus_profile_sweep_text(sweep),
        "Sweep measurement_duration (fixed cooldown_duration=3.0 s):\n"
        "  measurement_duration=1.0 s   mean=25.0000 J  std=0.0000 J  temp_before=40.0 \xC2\xB0"
        "C  temp_after=40.0 \xC2\xB0"
        "C  [VALID]\n"
        "  measurement_duration=10.0 s  mean=25.0000 J  std=0.0000 J  temp_before=40.0 \xC2\xB0"
        "C  temp_after=40.0 \xC2\xB0"
        "C  [VALID]");
    assert_non_null(strstr(f.log, "Sweeping measurement_duration (cooldown fixed at 3.0 s)\n"
                                  "Running 1 warmup trial(s)\nWarmup trial 1/1 done\n"
                                  "Starting measurement_duration=1.0 s  [2 trials]\n"
                                  "Trial 1/2 done\n"));
    zeus_profile_entry entry;
    assert_int_equal(zeus_profile_sweep_entry(sweep, 1, &entry), 0);
    char line[256];
    size_t len = zeus_profile_entry_text(&entry, line, sizeof line);
    assert_int_equal(len, strlen(line));
    assert_string_equal(line, "measurement=10.0 s  cooldown=3.0 s  mean=25.0000 J  std=0.0000 J  "
                              "temp_before=40.0 \xC2\xB0"
                              "C  temp_after=40.0 \xC2\xB0"
                              "C  [VALID]");
    zeus_profile_trial trial;
    assert_int_equal(zeus_profile_sweep_trial(sweep, 1, 1, &trial), 0);
    assert_int_equal(trial.iterations, 40);
    assert_int_equal(zeus_profile_sweep_trial(sweep, 2, 0, &trial), ZEUS_EINVAL);
    zeus_profile_sweep_free(sweep);
}

static void test_bad_options(void **state)
{
    (void)state;
    zeus_profile_options out;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_profile_options bad = {.size = sizeof bad, .warmup_settle_duration_s = -1};
    assert_int_equal(profile_options_read(&bad, &out, &err), ZEUS_EINVAL);
    assert_string_equal(err.message, "warmup_settle_duration must be non-negative");
    static const double negative[] = {1, -2};
    bad =
        (zeus_profile_options){.size = sizeof bad, .cooldown_range = negative, .cooldown_count = 2};
    assert_int_equal(profile_options_read(&bad, &out, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "cooldown_range[1]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibrate),   cmocka_unit_test(test_trial),
        cmocka_unit_test(test_ranks),       cmocka_unit_test(test_sweep_text),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
