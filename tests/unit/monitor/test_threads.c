/* SPDX-License-Identifier: Apache-2.0
 *
 * Many threads, one monitor, the real sampler: for the thread sanitizer above all. The number of
 * windows a thread is the first argument (the figure is 1,000,000).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/monitor.h>

#include "base/clock.h"
#include "fake_devices.h"
#include "monitor/energy_window.h"
#include "test.h"

#define GPUS    8
#define THREADS 64

static int rounds = 300;

static uint64_t now_ns(void *user)
{
    (void)user;
    return clock_monotonic_ns();
}

static int read_energy(void *user, struct device *dev, uint32_t domain, zeus_energy_sample *ret)
{
    (void)user;
    (void)dev;
    (void)domain;
    uint64_t t_ns = clock_monotonic_ns();
    *ret = (zeus_energy_sample){t_ns, 100, t_ns / 5000000u * 1500000u}; /* 300 W in 5 ms ticks */
    return 0;
}

static int read_power(void *user, struct device *dev, uint32_t domain, uint32_t field,
                      zeus_power_sample *ret)
{
    (void)user;
    (void)dev;
    (void)domain;
    (void)field;
    *ret = (zeus_power_sample){clock_monotonic_ns(), 100, 300000000u};
    return 0;
}

struct worker {
    pthread_t id;
    struct zeus_monitor *monitor;
    int number;
    int failures;
};

static void *work(void *user)
{
    struct worker *worker = user;
    for (int i = 0; i < rounds; i++) {
        char name[48];
        (void)snprintf(name, sizeof name, "thread %d window %d", worker->number, i % 7);
        zeus_measurement *m = NULL;
        if (zeus_monitor_begin_window(worker->monitor, name, 0, NULL) < 0 ||
            zeus_monitor_end_window(worker->monitor, name, 0, &m, NULL) < 0) {
            worker->failures++;
            continue;
        }
        if (i % 64 == 0) {
            zeus_total total;
            worker->failures += zeus_measurement_total_gpu(m, &total) < 0 || total.energy_j < 0;
        }
        zeus_measurement_free(m);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    static const struct monitor_io io = {
        .now_ns = now_ns, .wall_ns = now_ns, .read_energy = read_energy, .read_power = read_power};
    struct device *devices[GPUS];
    uint32_t positions[GPUS];
    for (int i = 0; i < GPUS; i++) {
        devices[i] = fake_gpu(i, ZEUS_SOURCE_COUNTER, "volta/instant");
        positions[i] = (uint32_t)i;
    }
    zeus_monitor_options options = {.size = sizeof options, .history_s = 1};
    struct monitor_config config = {
        .devices = devices, .positions = positions, .count = GPUS, .options = &options, .io = &io};
    struct zeus_monitor *monitor = NULL;
    assert_int_equal(monitor_create(&config, &monitor, NULL), 0);
    assert_int_equal(zeus_monitor_begin_window(monitor, "whole", 0, NULL), 0);
    static struct worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.monitor = monitor, .number = i};
        assert_int_equal(pthread_create(&workers[i].id, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].id, NULL), 0);
        assert_int_equal(workers[i].failures, 0);
    }
    assert_int_equal(zeus_monitor_window_count(monitor), 1);
    zeus_measurement *m = NULL;
    assert_int_equal(zeus_monitor_end_window(monitor, "whole", 0, &m, NULL), 0);
    zeus_monitor_close(monitor);
    zeus_total total;
    assert_int_equal(zeus_measurement_total_gpu(m, &total), 0);
    zeus_measurement_free(m);
    for (int i = 0; i < GPUS; i++) {
        fake_device_free(devices[i]);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        rounds = atoi(argv[1]);
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
