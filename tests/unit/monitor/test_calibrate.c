/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration against made-up sensors on a virtual clock: what went in comes out, within what the
 * method says of itself; flat and foreign loads are refused, with words that say how flat.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_devices.h"
#include "monitor/calibrate.h"
#include "monitor/calibrate_run.h"
#include "test.h"
#include "trace_world.h"

#define OFF_W 70.0
#define ON_W  350.0

/* A rig: one made-up GPU, a load that takes a moment to switch, a sleep that wakes up late. */
struct rig {
    struct world world;
    struct device *dev;
    struct monitor_io io;
    struct calibrate_io calibrate_io;
    struct calibrate_job job;
    zeus_calibrate_options options;
    zeus_calibrate_result result;
    double on_w;
    double stray_s; /* load edges are where they like, by this much */
    int fail_after; /* switchings until the load breaks, 0: never */
    int switches;
    int stop_after; /* calls of progress, 0: never */
    int told;
};

static void sleep_until(uint64_t deadline_ns, void *user)
{
    struct rig *rig = user;
    uint64_t late_ns = (uint64_t)(world_uniform(&rig->world, 5e-6, 3e-4) * 1e9);
    if (deadline_ns + late_ns > rig->world.now_ns) {
        rig->world.now_ns = deadline_ns + late_ns;
    }
}

static int switch_load(int is_on, void *user, zeus_error *err)
{
    struct rig *rig = user;
    (void)err;
    if (rig->fail_after && ++rig->switches >= rig->fail_after) {
        return err ? (err->code = ZEUS_EIO) : ZEUS_EIO;
    }
    uint64_t takes_ns = (uint64_t)(world_uniform(&rig->world, 1e-4, 8e-4) * 1e9);
    uint64_t edge_ns = (uint64_t)(world_uniform(&rig->world, 0, 1) * (double)takes_ns);
    edge_ns += (uint64_t)(world_uniform(&rig->world, 0, rig->stray_s) * 1e9);
    world_step(&rig->world, rig->world.now_ns + edge_ns, is_on ? rig->on_w : OFF_W);
    rig->world.now_ns += takes_ns > edge_ns ? takes_ns : edge_ns;
    return 0;
}

static int progress(double done_s, double total_s, void *user)
{
    struct rig *rig = user;
    assert_true(done_s >= 0 && done_s <= total_s);
    rig->told++;
    return rig->stop_after && rig->told >= rig->stop_after;
}

static void make(struct rig *rig, const char *sensor_class, uint64_t lag_ns, uint32_t field)
{
    memset(rig, 0, sizeof *rig);
    sensor_model_find(sensor_class, &rig->job.model);
    struct sensor_model truth = rig->job.model;
    truth.lag_ns = lag_ns;
    world_init(&rig->world, 7);
    world_use_model(&rig->world, &truth);
    world_flat(&rig->world, 0.01, OFF_W);
    rig->dev = fake_gpu(0, ZEUS_SOURCE_COUNTER, sensor_class);
    rig->io = world_io(&rig->world);
    rig->calibrate_io = (struct calibrate_io){&rig->io, sleep_until, rig};
    rig->job.dev = rig->dev;
    rig->job.field = field;
    rig->on_w = ON_W;
    rig->world.power_field = field == ZEUS_CALIBRATE_COUNTER ? ZEUS_POWER_INSTANT : field;
    rig->options = (zeus_calibrate_options){.size = sizeof rig->options,
                                            .duration_s = 15,
                                            .seed = 3,
                                            .load = switch_load,
                                            .load_user = rig,
                                            .progress = progress,
                                            .progress_user = rig};
}

static int run(struct rig *rig, zeus_error *err)
{
    return calibrate_run(&rig->calibrate_io, &rig->job, 1, &rig->options, &rig->result, err);
}

static void done(struct rig *rig)
{
    fake_device_free(rig->dev);
    world_done(&rig->world);
}

/* Found within its own uncertainty (and a little: it is 95 %), which is below `most_ns`. */
static void check_number(const char *what, uint64_t found_ns, uint64_t error_ns, uint64_t truth_ns,
                         uint64_t most_ns)
{
    double off_ns = fabs((double)found_ns - (double)truth_ns);
    if (off_ns > 1.5 * (double)error_ns || error_ns > most_ns) {
        fail_msg("%s: %.3f +/- %.3f ms, truth %.3f ms, uncertainty allowed %.3f ms", what,
                 (double)found_ns * 1e-6, (double)error_ns * 1e-6, (double)truth_ns * 1e-6,
                 (double)most_ns * 1e-6);
    }
}

static void check(const char *sensor_class, uint64_t lag_ns, uint32_t field)
{
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    make(&rig, sensor_class, lag_ns, field);
    assert_int_equal(run(&rig, &err), 0);
    if (rig.result.code != 0) {
        fail_msg("%s: %s", sensor_class, rig.result.reason);
    }
    const zeus_calibration_entry *entry = &rig.result.entry;
    const struct sensor_model *truth = &rig.job.model;
    int is_rc = truth->response == SENSOR_RC;
    uint64_t length_ns = is_rc ? truth->tau_ns : truth->window_ns;
    print_message("%-16s period %8.3f +/- %.3f of %g, length %8.2f +/- %.2f of %g, lag %.2f +/- "
                  "%.2f of %g ms, %.4f\n",
                  sensor_class, (double)entry->period_ns * 1e-6,
                  (double)entry->period_error_ns * 1e-6, (double)truth->update_ns * 1e-6,
                  (double)(is_rc ? entry->tau_ns : entry->window_ns) * 1e-6,
                  (double)(is_rc ? entry->tau_error_ns : entry->window_error_ns) * 1e-6,
                  (double)length_ns * 1e-6, (double)entry->lag_ns * 1e-6,
                  (double)entry->lag_error_ns * 1e-6, (double)lag_ns * 1e-6, entry->explained);
    assert_int_equal(entry->valid, ZEUS_CALIBRATED_PERIOD | ZEUS_CALIBRATED_RESPONSE);
    assert_int_equal(entry->response, is_rc ? ZEUS_RESPONSE_RC : ZEUS_RESPONSE_BOXCAR);
    check_number("period", entry->period_ns, entry->period_error_ns, truth->update_ns,
                 truth->update_ns / 200);
    check_number("length", is_rc ? entry->tau_ns : entry->window_ns,
                 is_rc ? entry->tau_error_ns : entry->window_error_ns, length_ns,
                 length_ns / 8 + 2000000);
    check_number("lag", entry->lag_ns, entry->lag_error_ns, lag_ns,
                 truth->update_ns / 8 + length_ns / 100);
    assert_true(entry->explained > 0.97);
    assert_true(rig.told > 10);
    done(&rig);
}

static void test_what_went_in_comes_out(void **state)
{
    (void)state;
    check("hopper/instant", 0, ZEUS_CALIBRATE_INSTANT);
    check("hopper/instant", 30000000, ZEUS_CALIBRATE_INSTANT);
    check("hopper/average", 0, ZEUS_CALIBRATE_AVERAGE);
    check("ada/average", 20000000, ZEUS_CALIBRATE_AVERAGE);
    check("ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    check("ampere/instant", 100000000, ZEUS_CALIBRATE_INSTANT);
    check("volta/instant", 0, ZEUS_CALIBRATE_INSTANT);
    check("pascal/instant", 3000000, ZEUS_CALIBRATE_INSTANT);
    check("maxwell/instant", 0, ZEUS_CALIBRATE_INSTANT);
    check("hwmon/average", 0, ZEUS_CALIBRATE_AVERAGE);
    check("cdna/average", 0, ZEUS_CALIBRATE_AVERAGE);
}

/* A sensor that is not what the table says. */
static void test_the_table_may_be_wrong(void **state)
{
    (void)state;
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    make(&rig, "generic", 0, ZEUS_CALIBRATE_INSTANT);
    rig.world.power.period_s = 0.037;
    rig.world.power.jitter_s = 0.0005;
    rig.world.power.window_s = 0.013;
    rig.world.power.lag_s = 0.008;
    assert_int_equal(run(&rig, &err), 0);
    assert_int_equal(rig.result.code, 0);
    const zeus_calibration_entry *entry = &rig.result.entry;
    check_number("period", entry->period_ns, entry->period_error_ns, 37000000, 400000);
    check_number("window", entry->window_ns, entry->window_error_ns, 13000000, 4000000);
    check_number("lag", entry->lag_ns, entry->lag_error_ns, 8000000, 4000000);
    done(&rig);
}

static void check_tick(const char *sensor_class, uint64_t tick_ns, int with_load)
{
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    make(&rig, sensor_class, 0, ZEUS_CALIBRATE_COUNTER);
    rig.options.load = with_load ? switch_load : NULL;
    assert_int_equal(run(&rig, &err), 0);
    assert_int_equal(rig.result.code, 0);
    assert_int_equal(rig.result.entry.valid, ZEUS_CALIBRATED_PERIOD);
    check_number("tick", rig.result.entry.period_ns, rig.result.entry.period_error_ns, tick_ns,
                 tick_ns / 100);
    done(&rig);
}

static void test_counters_need_no_load(void **state)
{
    (void)state;
    check_tick("hopper/instant", 100000000, 1);
    check_tick("hopper/instant", 100000000, 0);
    check_tick("volta/instant", 20000000, 0);
    check_tick("rapl", 1000000, 0);
}

static void test_period_without_load(void **state)
{
    (void)state;
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    rig.options.load = NULL;
    assert_int_equal(run(&rig, &err), 0);
    assert_int_equal(rig.result.code, 0); /* the sensor's noise shows its updates */
    assert_int_equal(rig.result.entry.valid, ZEUS_CALIBRATED_PERIOD);
    check_number("period", rig.result.entry.period_ns, rig.result.entry.period_error_ns, 100000000,
                 1000000);
    done(&rig);
}

static void test_flat_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    rig.on_w = OFF_W;
    rig.world.power.noise_w = 0;
    assert_int_equal(run(&rig, &err), 0);
    assert_int_equal(rig.result.code, ZEUS_ERANGE);
    assert_int_equal(rig.result.entry.valid, 0);
    assert_non_null(strstr(rig.result.reason, "flat"));
    assert_non_null(strstr(rig.result.reason, "70.0 to 70.0 W: +/- 0.00 %"));
    done(&rig);
    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    rig.on_w = OFF_W; /* noise alone is no load */
    assert_int_equal(run(&rig, &err), 0);
    assert_int_equal(rig.result.code, ZEUS_ERANGE);
    assert_non_null(strstr(rig.result.reason, "does not follow the load"));
    done(&rig);
}

/* Edges that are nowhere near where they are said to be. */
static void test_a_load_that_strays_says_so(void **state)
{
    (void)state;
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    rig.stray_s = 0.04;
    assert_int_equal(run(&rig, &err), 0);
    if (rig.result.code == 0) {
        check_number("lag", rig.result.entry.lag_ns, rig.result.entry.lag_error_ns, 0, 60000000);
        assert_true(rig.result.entry.lag_error_ns > 5000000);
    }
    done(&rig);
}

static void test_failures_are_told(void **state)
{
    (void)state;
    struct rig rig;
    zeus_error err = ZEUS_ERROR_INIT;
    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_AVERAGE);
    rig.world.power_field = ZEUS_POWER_INSTANT; /* the other one is not there */
    assert_int_equal(run(&rig, &err), 0);
    assert_int_equal(rig.result.code, ZEUS_ENOTSUP);
    done(&rig);

    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    rig.fail_after = 5;
    assert_int_equal(run(&rig, &err), ZEUS_EIO);
    done(&rig);

    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    rig.stop_after = 20;
    assert_int_equal(run(&rig, &err), ZEUS_ECLOSED);
    assert_true(fabs(rig.world.pieces[rig.world.count - 1].from_w - OFF_W) < 1e-9); /* off again */
    done(&rig);

    make(&rig, "ampere/instant", 0, ZEUS_CALIBRATE_INSTANT);
    rig.world.fail_from_ns = rig.world.now_ns + 3000000000u;
    rig.world.fail_to_ns = UINT64_MAX;
    assert_int_equal(run(&rig, &err), 0);
    assert_int_equal(rig.result.code, ZEUS_EDRIVER);
    done(&rig);
}

/* Changes that keep to no beat. */
static void test_no_beat(void **state)
{
    (void)state;
    struct calibrate_change changes[64];
    uint64_t t_ns = 5000000000u;
    uint64_t x = 12345;
    for (size_t i = 0; i < 64; i++) {
        changes[i] = (struct calibrate_change){t_ns, t_ns + 1000, (double)i};
        x = x * 6364136223846793005u + 1442695040888963407u;
        t_ns += 20000000 + (x >> 33) % 200000000;
    }
    changes[0].hi_ns = changes[0].lo_ns;
    struct calibrate_series series = {changes, 64, t_ns};
    struct calibrate_beat beat;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(calibrate_beat(&series, &beat, &err), ZEUS_ERANGE);
    assert_non_null(strstr(err.message, "no beat"));
    series.count = 5;
    assert_int_equal(calibrate_beat(&series, &beat, &err), ZEUS_ERANGE);
    assert_non_null(strstr(err.message, "4 times only"));
    series.count = 0;
    assert_int_equal(calibrate_beat(&series, &beat, &err), ZEUS_ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_went_in_comes_out),
        cmocka_unit_test(test_the_table_may_be_wrong),
        cmocka_unit_test(test_counters_need_no_load),
        cmocka_unit_test(test_period_without_load),
        cmocka_unit_test(test_flat_is_refused),
        cmocka_unit_test(test_a_load_that_strays_says_so),
        cmocka_unit_test(test_failures_are_told),
        cmocka_unit_test(test_no_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
