/* SPDX-License-Identifier: Apache-2.0
 *
 * The measuring library's entry points with every allocation failing in turn: a monitor that opens
 * or does not, windows that begin, end, are estimated, read back and written as JSON, comparisons.
 * NOMEM or a whole result, never half a one, and nothing leaks (run under ASan).
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include <zeus/compare.h>
#include <zeus/monitor.h>

#include "fake_devices.h"
#include "fault_alloc.h"
#include "monitor/energy_window.h"
#include "trace_world.h"

#define SECOND  UINT64_C(1000000000)
#define DEVICES 3

struct bench {
    struct world world;
    struct monitor_io io;
    struct device *devices[DEVICES];
    uint32_t positions[DEVICES];
    zeus_monitor_options options;
    struct monitor_config config;
    struct zeus_monitor *monitor;
};

static void set_up(struct bench *b, uint32_t flags)
{
    memset(b, 0, sizeof *b);
    world_init(&b->world, 3);
    world_flat(&b->world, 1000, 200);
    b->io = world_io(&b->world);
    b->devices[0] = fake_gpu(0, ZEUS_SOURCE_COUNTER, "hopper/instant");
    b->devices[1] = fake_gpu(1, ZEUS_SOURCE_INTEGRATED, "ada/instant");
    b->devices[2] = fake_cpu(0);
    for (uint32_t i = 0; i < DEVICES; i++) {
        b->positions[i] = i;
    }
    b->options = (zeus_monitor_options){.size = sizeof b->options, .flags = flags};
    b->config = (struct monitor_config){.devices = b->devices,
                                        .positions = b->positions,
                                        .count = DEVICES,
                                        .options = &b->options,
                                        .io = &b->io,
                                        .is_manual = 1};
}

static void tear_down(struct bench *b)
{
    zeus_monitor_close(b->monitor);
    for (uint32_t i = 0; i < DEVICES; i++) {
        fake_device_free(b->devices[i]);
    }
    world_done(&b->world);
}

static void pass(struct bench *b, uint64_t length_ns)
{
    uint64_t until_ns = b->world.now_ns + length_ns;
    while (b->world.now_ns < until_ns && b->monitor->has_sampler) {
        uint64_t next_ns = sampler_step(&b->monitor->sampler, b->world.now_ns);
        b->world.now_ns = next_ns > b->world.now_ns ? next_ns : b->world.now_ns + 1000;
    }
    b->world.now_ns = until_ns > b->world.now_ns ? until_ns : b->world.now_ns;
}

static void opening(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags <= ZEUS_MONITOR_NO_SAMPLER; flags += ZEUS_MONITOR_NO_SAMPLER) {
        unsigned failures = 0;
        int has_failed = 1;
        for (unsigned n = 1; has_failed; n++) {
            struct bench b;
            set_up(&b, flags);
            zeus_error err = ZEUS_ERROR_INIT;
            fault_alloc_arm(n);
            int r = monitor_create(&b.config, &b.monitor, &err);
            has_failed = fault_alloc_disarm();
            failures += (unsigned)has_failed;
            if (r == 0) {
                assert_non_null(b.monitor);
                assert_int_equal(b.monitor->count, 4);
            } else {
                assert_int_equal(r, ZEUS_ENOMEM);
                assert_true(has_failed && err.code == ZEUS_ENOMEM && err.message[0] != '\0');
                assert_null(b.monitor);
            }
            tear_down(&b);
        }
        assert_true(failures > 5);
    }
}

/* One whole life of a window; the first code that is not 0. */
static int live(struct bench *b, const char *name, zeus_measurement **ret_m)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_measurement *estimate = NULL;
    zeus_measurement *past = NULL;
    const char *text = NULL;
    uint64_t t0_ns = b->world.now_ns;
    int r = zeus_monitor_begin_window(b->monitor, name, 0, &err);
    assert_true(r == 0 || (err.code == ZEUS_ENOMEM && err.message[0] != '\0'));
    if (r < 0) {
        return r;
    }
    pass(b, SECOND);
    r = zeus_monitor_estimate_window(b->monitor, name, &estimate, &err);
    if (r == 0) {
        r = zeus_measurement_json(estimate, 2, &text);
    }
    zeus_measurement_free(estimate);
    int ended = zeus_monitor_end_window(b->monitor, name, 0, ret_m, &err);
    assert_int_equal(ended, 0); /* ending needs no memory */
    r = r < 0 ? r : zeus_monitor_measure_between(b->monitor, t0_ns, b->world.now_ns, &past, &err);
    zeus_measurement_free(past);
    return r;
}

static void check_energy(zeus_measurement *m)
{
    zeus_total total;
    zeus_energy energy;
    zeus_edge edges[2];
    assert_int_equal(zeus_measurement_get(m, 0, &energy), 0);
    double truth_j = 200 * zeus_measurement_time_s(m);
    assert_true(truth_j > 190 && fabs(energy.energy_j - truth_j) <= energy.random_j);
    assert_int_equal(zeus_measurement_total_gpu(m, &total), 0);
    assert_true(fabs(total.energy_j - 2 * truth_j) <= total.random_j);
    assert_int_equal(zeus_measurement_edges(m, 0, edges, &energy), 0);
}

static void windows(void **state)
{
    (void)state;
    static const char *const names[] = {
        "w", "a name that is longer than what a window holds inside itself, so it is allocated"};
    for (size_t i = 0; i < 2; i++) {
        int has_failed = 1;
        unsigned failures = 0;
        for (unsigned n = 1; has_failed; n++) {
            struct bench b;
            zeus_measurement *m = NULL;
            zeus_error err = ZEUS_ERROR_INIT;
            set_up(&b, 0);
            assert_int_equal(monitor_create(&b.config, &b.monitor, &err), 0);
            pass(&b, 3 * SECOND);
            fault_alloc_arm(n);
            int r = live(&b, names[i], &m);
            has_failed = fault_alloc_disarm();
            failures += (unsigned)has_failed;
            assert_true(r == 0 || (r == ZEUS_ENOMEM && has_failed));
            assert_int_equal(zeus_monitor_window_count(b.monitor), 0);
            if (m) { /* what failed can be asked again */
                check_energy(m);
            }
            zeus_measurement_free(m);
            tear_down(&b);
        }
        assert_true(failures >= 4);
    }
}

static void closing(void **state)
{
    (void)state;
    /* Measurements that outlive the monitor are computed at its close: without memory they have no
     * energy, and say so. */
    int has_failed = 1;
    for (unsigned n = 1; has_failed; n++) {
        struct bench b;
        zeus_measurement *m = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        zeus_energy energy;
        set_up(&b, 0);
        assert_int_equal(monitor_create(&b.config, &b.monitor, &err), 0);
        assert_int_equal(zeus_monitor_begin_window(b.monitor, "w", 0, &err), 0);
        pass(&b, SECOND);
        assert_int_equal(zeus_monitor_end_window(b.monitor, "w", 0, &m, &err), 0);
        fault_alloc_arm(n);
        zeus_monitor_close(b.monitor);
        has_failed = fault_alloc_disarm();
        b.monitor = NULL;
        int r = zeus_measurement_get(m, 0, &energy);
        assert_int_equal(r, has_failed ? ZEUS_ESTATE : 0);
        zeus_measurement_free(m);
        tear_down(&b);
    }
}

static void comparing(void **state)
{
    (void)state;
    int has_failed = 1;
    unsigned failures = 0;
    for (unsigned n = 1; has_failed; n++) {
        zeus_compare *compare = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        fault_alloc_arm(n);
        int r = zeus_compare_open(3, 64, 1, &compare, &err);
        for (uint32_t i = 0; r == 0 && i < 30; i++) {
            int arm = zeus_compare_next(compare);
            assert_in_range(arm, 0, 2);
            r = zeus_compare_add(compare, 1.0 + arm, &err);
        }
        has_failed = fault_alloc_disarm();
        failures += (unsigned)has_failed;
        assert_int_equal(r, has_failed ? ZEUS_ENOMEM : 0);
        assert_true(r == 0 || err.message[0] != '\0');
        zeus_compare_close(compare);
    }
    assert_true(failures >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening),
        cmocka_unit_test(windows),
        cmocka_unit_test(closing),
        cmocka_unit_test(comparing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
