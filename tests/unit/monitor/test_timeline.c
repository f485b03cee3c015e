/* SPDX-License-Identifier: Apache-2.0
 *
 * Timelines on a virtual clock: inference of the period, lossless deduplication, integrals with
 * carried edges, gaps, bounded memory.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fake_devices.h"
#include "monitor/power_monitor.h"
#include "stats/integrate.h"
#include "test.h"
#include "trace_world.h"

struct scene {
    struct world world;
    struct monitor_io io;
    struct device *devices[2];
    struct zeus_timeline *timeline;
    uint64_t next_ns;
};

static void open_scene(struct scene *scene, uint32_t quantities, uint64_t period_ns, size_t samples)
{
    static const uint32_t positions[] = {0, 1};
    scene->devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "ada/instant");
    scene->devices[1] = fake_cpu(0);
    scene->io = world_io(&scene->world);
    struct timeline_config config = {.devices = scene->devices,
                                     .positions = positions,
                                     .count = 2,
                                     .quantities = quantities,
                                     .period_ns = period_ns,
                                     .max_samples = samples,
                                     .io = &scene->io,
                                     .is_manual = 1};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(timeline_create(&config, &scene->timeline, &err), 0);
    scene->next_ns = scene->world.now_ns;
}

static void run_until(struct scene *scene, double t_s)
{
    uint64_t until_ns = WORLD_EPOCH_NS + (uint64_t)(t_s * 1e9);
    while (scene->next_ns < until_ns) {
        if (scene->next_ns > scene->world.now_ns) {
            scene->world.now_ns = scene->next_ns;
        }
        scene->next_ns = timeline_step(scene->timeline, scene->world.now_ns);
    }
    scene->world.now_ns = until_ns;
}

static void close_scene(struct scene *scene)
{
    zeus_timeline_stop(scene->timeline);
    zeus_timeline_stop(scene->timeline);
    zeus_timeline_close(scene->timeline);
    fake_device_free(scene->devices[0]);
    fake_device_free(scene->devices[1]);
    world_done(&scene->world);
}

static uint64_t at(double t_s)
{
    return WORLD_EPOCH_NS + (uint64_t)(t_s * 1e9);
}

static void test_constant_power_is_not_zero(void **state)
{
    (void)state;
    struct scene scene = {0};
    world_init(&scene.world, 3);
    world_flat(&scene.world, 100, 200);
    open_scene(&scene, 0, 0, 0);
    run_until(&scene, 65);
    zeus_series_info info;
    assert_int_equal(zeus_timeline_get_series(scene.timeline, 0, &info), 0);
    assert_int_equal(info.samples, 1); /* one value, held a minute */
    zeus_energy energy;
    assert_int_equal(zeus_timeline_energy(scene.timeline, 0, at(2), at(62), &energy), 0);
    assert_true(fabs(energy.energy_j - 12000) < 1);
    assert_true(fabs(energy.covered_s - 60) < 1e-6);
    zeus_point point;
    assert_int_equal(zeus_timeline_value_at(scene.timeline, 0, 0, &point), 0);
    assert_true(fabs(point.value - 200) < 0.01);
    close_scene(&scene);
}

static void test_two_levels(void **state)
{
    (void)state;
    struct scene scene = {0};
    world_init(&scene.world, 3);
    world_noisy(&scene.world, 100);
    open_scene(&scene, 0, 0, 0);
    run_until(&scene, 30);
    zeus_series_info info;
    assert_int_equal(zeus_timeline_get_series(scene.timeline, 0, &info), 0);
    assert_true(info.update_ns > 90000000 && info.update_ns < 110000000);
    assert_true(info.period_ns > 45000000 && info.period_ns < 55000000);
    /* the same integral from the points themselves */
    zeus_point points[1024];
    size_t count = 0;
    assert_int_equal(zeus_timeline_between(scene.timeline, 0, 0, UINT64_MAX, points, 1024, &count),
                     0);
    struct integrate_sample samples[1024];
    for (size_t i = 0; i < count; i++) {
        samples[i] =
            (struct integrate_sample){points[i].time_ns, points[i].until_ns, points[i].value};
    }
    for (int i = 0; i < 50; i++) {
        uint64_t begin_ns = at(1 + i * 0.317);
        uint64_t end_ns = begin_ns + (uint64_t)(0.01e9 + i * 0.2e9);
        struct integral expected;
        integrate_steps(samples, count, begin_ns, end_ns, &expected);
        zeus_energy energy;
        assert_int_equal(zeus_timeline_energy(scene.timeline, 0, begin_ns, end_ns, &energy), 0);
        assert_true(fabs(energy.energy_j - expected.sum) < 1e-6);
        assert_true(fabs(energy.covered_s - expected.covered_s) < 1e-6);
    }
    size_t few = 0;
    assert_int_equal(zeus_timeline_between(scene.timeline, 0, 0, UINT64_MAX, points, 3, &few),
                     ZEUS_ETOOSMALL);
    assert_int_equal(few, count);
    /* nearest in time, ties to the earlier */
    zeus_point near;
    uint64_t middle_ns = points[4].time_ns + (points[5].time_ns - points[4].time_ns) / 4;
    assert_int_equal(zeus_timeline_value_at(scene.timeline, 0, middle_ns, &near), 0);
    assert_int_equal(near.time_ns, points[4].time_ns);
    assert_int_equal(zeus_timeline_value_at(scene.timeline, 0, points[5].time_ns - 1, &near), 0);
    assert_int_equal(near.time_ns, points[5].time_ns);
    assert_int_equal(zeus_timeline_value_at(scene.timeline, 0, 1, &near), 0);
    assert_int_equal(near.time_ns, points[0].time_ns);
    close_scene(&scene);
}

static void test_gap(void **state)
{
    (void)state;
    struct scene scene = {0};
    world_init(&scene.world, 3);
    world_flat(&scene.world, 100, 200);
    scene.world.fail_from_ns = at(5);
    scene.world.fail_to_ns = at(8);
    open_scene(&scene, 0, 0, 0);
    run_until(&scene, 12);
    zeus_energy energy;
    assert_int_equal(zeus_timeline_energy(scene.timeline, 0, at(4), at(10), &energy), 0);
    assert_true(energy.flags & ZEUS_ENERGY_GAP);
    assert_true(energy.covered_s > 2.8 && energy.covered_s < 3.4);
    assert_true(fabs(energy.energy_j / energy.covered_s - 200) < 0.1);
    assert_int_equal(zeus_timeline_energy(scene.timeline, 0, at(6), at(7), &energy), ZEUS_EAGAIN);
    zeus_series_info info;
    assert_int_equal(zeus_timeline_get_series(scene.timeline, 0, &info), 0);
    assert_true(info.failures > 20);
    close_scene(&scene);
}

static void test_counters_and_temperature(void **state)
{
    (void)state;
    struct scene scene = {0};
    world_init(&scene.world, 3);
    scene.world.counter.period_s = 0.001;
    world_flat(&scene.world, 100, 90);
    scene.world.power_field = 99; /* no power fields: counters only */
    open_scene(&scene,
               ZEUS_SERIES_BIT(ZEUS_SERIES_CPU_PACKAGE) | ZEUS_SERIES_BIT(ZEUS_SERIES_CPU_DRAM) |
                   ZEUS_SERIES_BIT(ZEUS_SERIES_TEMPERATURE),
               0, 0);
    run_until(&scene, 10);
    assert_int_equal(zeus_timeline_series_count(scene.timeline), 3);
    size_t package = 9;
    size_t hot = 9;
    assert_int_equal(zeus_timeline_find(scene.timeline, ZEUS_SERIES_CPU_PACKAGE, 0, &package), 0);
    assert_int_equal(zeus_timeline_find(scene.timeline, ZEUS_SERIES_TEMPERATURE, 0, &hot), 0);
    assert_int_equal(zeus_timeline_find(scene.timeline, ZEUS_SERIES_DEVICE_INSTANT, 0, &hot),
                     ZEUS_ENOTFOUND);
    zeus_energy energy;
    assert_int_equal(zeus_timeline_energy(scene.timeline, package, at(2), at(8), &energy), 0);
    assert_true(fabs(energy.energy_j - 540) < 1);
    assert_int_equal(energy.source, ZEUS_SOURCE_COUNTER);
    assert_int_equal(zeus_timeline_energy(scene.timeline, hot, at(2), at(8), &energy),
                     ZEUS_ENOTSUP);
    zeus_point point;
    assert_int_equal(zeus_timeline_value_at(scene.timeline, hot, at(5), &point), 0);
    assert_true(point.value == 39);
    close_scene(&scene);
}

/* A reader that lost the processor in the middle of every seventh read of the counter. */
static int read_interrupted(void *user, struct device *dev, uint32_t domain,
                            zeus_energy_sample *ret_sample)
{
    struct world *world = user;
    (void)dev;
    (void)domain;
    *ret_sample = (zeus_energy_sample){world->now_ns, 5000, world_counter_uj(world, world->now_ns)};
    if (world->now_ns / 100000000u % 7 == 0) {
        world->now_ns += 80000000;
        ret_sample->latency_ns = 80000000;
        ret_sample->time_ns = world->now_ns - 40000000;
    }
    return 0;
}

static void test_interrupted_reads_make_no_spikes(void **state)
{
    (void)state;
    struct scene scene = {0};
    world_init(&scene.world, 3);
    scene.world.counter.period_s = 0.001;
    world_flat(&scene.world, 100, 90);
    scene.world.power_field = 99; /* no power fields: counters only */
    open_scene(&scene, ZEUS_SERIES_BIT(ZEUS_SERIES_CPU_PACKAGE), 0, 0);
    scene.timeline->io.read_energy = read_interrupted;
    run_until(&scene, 20);
    zeus_point points[512];
    size_t count = 0;
    assert_int_equal(zeus_timeline_between(scene.timeline, 0, at(1), at(19), points, 512, &count),
                     0);
    assert_in_range(count, 100, 180);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs(points[i].value - 90) < 3); /* a tick of the counter, no more */
    }
    zeus_energy energy;
    assert_int_equal(zeus_timeline_energy(scene.timeline, 0, at(2), at(18), &energy), 0);
    assert_true(fabs(energy.energy_j - 1440) < 2);
    assert_true(fabs(energy.covered_s - 16) < 1e-6);
    close_scene(&scene);
}

static void test_bounded(void **state)
{
    (void)state;
    struct scene scene = {0};
    world_init(&scene.world, 3);
    world_noisy(&scene.world, 100);
    open_scene(&scene, ZEUS_SERIES_BIT(ZEUS_SERIES_DEVICE_INSTANT), 20000000, 64);
    run_until(&scene, 50);
    zeus_series_info info;
    assert_int_equal(zeus_timeline_get_series(scene.timeline, 0, &info), 0);
    assert_true(info.samples <= 64 && info.samples > 32);
    assert_true(info.dropped > 300);
    zeus_energy energy;
    assert_int_equal(zeus_timeline_energy(scene.timeline, 0, at(10), at(50), &energy), 0);
    assert_true(energy.flags & ZEUS_ENERGY_GAP);
    assert_true(energy.covered_s < 10);
    assert_int_equal(zeus_timeline_energy(scene.timeline, 0, at(10), at(12), &energy), ZEUS_EAGAIN);
    close_scene(&scene);
}

/* A field that is late, with and without a calibration that says so: a step of 300 W at 20 s. */
static double step_error_j(const struct zeus_calibration *calibration, zeus_energy *ret_energy)
{
    struct scene scene = {0};
    static const uint32_t position = 0;
    world_init(&scene.world, 3);
    world_flat(&scene.world, 10, 100);
    world_step(&scene.world, at(20), 400);
    scene.world.power.lag_s = 0.25;
    scene.devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "ada/instant");
    scene.devices[1] = fake_cpu(0);
    scene.io = world_io(&scene.world);
    struct timeline_config config = {.devices = scene.devices,
                                     .positions = &position,
                                     .count = 1,
                                     .quantities = ZEUS_SERIES_BIT(ZEUS_SERIES_DEVICE_INSTANT),
                                     .io = &scene.io,
                                     .calibration = calibration,
                                     .is_manual = 1};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(timeline_create(&config, &scene.timeline, &err), 0);
    scene.next_ns = scene.world.now_ns;
    zeus_series_info info;
    assert_int_equal(zeus_timeline_get_series(scene.timeline, 0, &info), 0);
    assert_int_equal(info.update_ns, calibration ? 100000000 : 0);
    run_until(&scene, 30);
    assert_int_equal(zeus_timeline_energy(scene.timeline, 0, at(18), at(22), ret_energy), 0);
    zeus_point point;
    assert_int_equal(zeus_timeline_value_at(scene.timeline, 0, at(20.2), &point), 0);
    assert_true(!calibration || (fabs(point.value - 400) < 5 && point.time_ns <= at(20.2)));
    close_scene(&scene);
    return fabs(ret_energy->energy_j - 1000);
}

static void test_calibrated(void **state)
{
    (void)state;
    struct zeus_calibration set = {0};
    struct device *dev = fake_gpu(0, ZEUS_SOURCE_COUNTER, "ada/instant");
    zeus_calibration_entry entry = {.field = ZEUS_CALIBRATE_INSTANT,
                                    .valid = ZEUS_CALIBRATED_PERIOD | ZEUS_CALIBRATED_RESPONSE,
                                    .response = ZEUS_RESPONSE_BOXCAR,
                                    .period_ns = 100000000,
                                    .window_ns = 100000000,
                                    .lag_ns = 250000000,
                                    .lag_error_ns = 20000000};
    (void)snprintf(entry.device, sizeof entry.device, "%s", dev->info.uuid);
    (void)snprintf(entry.driver, sizeof entry.driver, "%s", dev->info.driver);
    (void)snprintf(entry.domain, sizeof entry.domain, "%s", dev->domains[0].name);
    fake_device_free(dev);
    assert_int_equal(calibration_put(&set, &entry, 0), 0);
    zeus_energy plain;
    zeus_energy own;
    assert_true(step_error_j(NULL, &plain) > 50);
    assert_false(plain.flags & ZEUS_ENERGY_OWN_MODEL);
    double error_j = step_error_j(&set, &own);
    assert_true(error_j < 10 && error_j <= own.random_j);
    assert_true(own.flags & ZEUS_ENERGY_OWN_MODEL);
    /* 300 W more at the end than at the begin, not known by 20 ms: 6 J at least. */
    assert_true(own.random_j >= 6);
    calibration_done(&set);
}

static void test_refusals(void **state)
{
    (void)state;
    struct scene scene = {0};
    world_init(&scene.world, 3);
    world_flat(&scene.world, 100, 90);
    scene.io = world_io(&scene.world);
    scene.devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "ada/instant");
    uint32_t position = 0;
    struct timeline_config config = {.devices = scene.devices,
                                     .positions = &position,
                                     .count = 1,
                                     .quantities = ZEUS_SERIES_BIT(ZEUS_SERIES_CPU_DRAM),
                                     .io = &scene.io,
                                     .is_manual = 1};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(timeline_create(&config, &scene.timeline, &err), ZEUS_ENOTSUP);
    assert_non_null(strstr(err.message, "cpu_dram"));
    uint32_t quantity = 7;
    assert_int_equal(zeus_series_from_name("device_average", &quantity), 0);
    assert_int_equal(quantity, ZEUS_SERIES_DEVICE_AVERAGE);
    assert_int_equal(zeus_series_from_name("device_avg", &quantity), ZEUS_EINVAL);
    fake_device_free(scene.devices[0]);
    world_done(&scene.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_power_is_not_zero),
        cmocka_unit_test(test_two_levels),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_counters_and_temperature),
        cmocka_unit_test(test_interrupted_reads_make_no_spikes),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_calibrated),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
