/* SPDX-License-Identifier: Apache-2.0
 *
 * Flat 300 W for 8 s, 2,400 J, on every sensor class of the simulated node through the real
 * backends, with and without an energy counter: the truth lies within the interval, once the
 * closing edge was seen, when asked at once, and in a window that begins when the monitor opens.
 * All devices stand in one node, in virtual time.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "monitor/energy_window.h"
#include "simrig.h"

#define SECOND  UINT64_C(1000000000)
#define FLAT_W  300.0
#define FLAT_S  8.0
#define FLAT_J  (FLAT_W * FLAT_S)
#define LONG_NS (8 * SECOND)

struct row {
    const char *sensor_class;
    const char *head; /* section and identity */
    const char *sensor;
    const char *counter;
};

#define NVIDIA(arch, compute) "kind = nvidia\narch = " arch "\ncompute = " compute "\n"
#define AMD(name)             "kind = amd\nname = " name "\n"
#define NV_COUNTER            "counter.energy = of=main period=100ms jitter=1ms quantum=1mJ\n"
#define FAST_COUNTER          "counter.energy = of=main period=20ms jitter=200us quantum=1mJ\n"
#define AMD_COUNTER           "counter.energy = of=main period=1ms jitter=10us quantum=15.259uJ\n"
#define W25                   "period=100ms jitter=1ms window=25ms noise=0.5W"
#define W100                  "period=100ms jitter=1ms window=100ms noise=0.5W"
#define W1000                 "period=100ms jitter=1ms window=1s noise=0.5W"
#define W10                   "period=20ms jitter=200us window=10ms noise=0.5W"
#define RC                    "period=100ms jitter=1ms tau=250ms noise=0.5W"

/* GPUs in the order of their numbers; each also without its counter. */
static const struct row gpus[] = {
    {"blackwell/instant", NVIDIA("blackwell", "10.0"), "instant = " W25, NV_COUNTER},
    {"blackwell/average", NVIDIA("blackwell", "10.0"), "average = " W1000, NV_COUNTER},
    {"hopper/instant", NVIDIA("hopper", "9.0"), "instant = " W25, NV_COUNTER},
    {"hopper/average", NVIDIA("hopper", "9.0"), "average = " W1000, NV_COUNTER},
    {"ada/instant", NVIDIA("ada", "8.9"), "instant = " W100, NV_COUNTER},
    {"ada/average", NVIDIA("ada", "8.9"), "average = " W1000, NV_COUNTER},
    {"ampere/instant", NVIDIA("ampere", "8.6"), "instant = " W100, NV_COUNTER},
    {"ampere/average", NVIDIA("ampere", "8.6"), "average = " W1000, NV_COUNTER},
    {"ga100/instant", NVIDIA("ampere", "8.0"), "instant = " W25, NV_COUNTER},
    {"turing/instant", NVIDIA("turing", "7.5"), "instant = " W100, NV_COUNTER},
    {"volta/instant", NVIDIA("volta", "7.0"), "instant = " W10, FAST_COUNTER},
    {"pascal/instant", NVIDIA("pascal", "6.0"), "instant = " W10, ""},
    {"maxwell/instant", NVIDIA("maxwell", "5.2"), "instant = " RC, ""},
    {"kepler2/instant", NVIDIA("kepler", "3.5"), "instant = " RC, ""},
    {"generic", "kind = nvidia\n", "instant = " W100, NV_COUNTER},
    {"cdna/instant", AMD("AMD Instinct MI300X"),
     "current = period=20ms jitter=200us window=20ms noise=0.5W round=1W", AMD_COUNTER},
    {"cdna/average", AMD("AMD Instinct MI250X"),
     "average = period=20ms jitter=200us window=1s noise=0.5W round=1W", AMD_COUNTER},
    {"rdna/average", AMD("AMD Radeon RX 7900 XTX"),
     "average = period=20ms jitter=200us window=1s noise=0.5W round=1W", ""},
};

static const char others[] =
    "[cpu 0]\nkind = cpu\nname = CPU\nzone = 0\npackage = 0\ncpus = 0-7\n"
    "channel.main = constant 300\n"
    "counter.package = of=main period=1ms jitter=40us quantum=61.03515625uJ wrap=262143328850uJ "
    "start=262143000000uJ\n"
    "[hwmon 0]\nkind = hwmon\nname = meter\ncpus = 8-15\nchannel.main = constant 300\n"
    "sensor.cpu = period=50ms jitter=500us window=50ms noise=0.1W\n"
    "hwmon.label.cpu = CPU Power Socket 1\n"
    "[soc 0]\nkind = jetson\nname = Jetson\njetson.driver = ina3221\n"
    "channel.main = constant 300\n"
    "sensor.gpu = of=main period=10ms jitter=100us window=10ms noise=0.04W round=8mW\n"
    "jetson.rail.gpu = 1-0040 1 VDD_GPU_SOC 19000\n";

static int describe(char *text, size_t size)
{
    int n = snprintf(text, size, "[node]\nname = flat\ndriver = 550.54.15\ncuda = 12040\n");
    uint32_t number = 0;
    for (size_t i = 0; i < ARRAY_LEN(gpus); i++) {
        for (uint32_t has_counter = 2; has_counter-- > 0;) {
            if (has_counter && !gpus[i].counter[0]) {
                continue;
            }
            n +=
                snprintf(text + n, size - (size_t)n,
                         "[gpu %u]\n%s%smemory = 16384MiB\nlimit = min=100 max=1000 default=1000\n"
                         "channel.main = constant 300\nsensor.%s\n%s",
                         number++, gpus[i].head, strstr(gpus[i].head, "name") ? "" : "name = GPU\n",
                         gpus[i].sensor, has_counter ? gpus[i].counter : "");
        }
    }
    return n + snprintf(text + n, size - (size_t)n, "%s", others);
}

static void check_place(const struct simrig *rig, zeus_measurement *m, size_t i, const char *when)
{
    zeus_energy energy;
    assert_int_equal(zeus_measurement_get(m, i, &energy), 0);
    double length_s = zeus_measurement_time_s(m);
    if (!(fabs(energy.energy_j - FLAT_W * length_s) <= energy.random_j + 1e-9)) {
        fail_msg("%s: %s, %s %u: %.3f J +- %.3f J in %.6f s", when, energy.sensor_class,
                 energy.source == ZEUS_SOURCE_COUNTER ? "counter" : "power",
                 rig->monitor->places[i].position, energy.energy_j, energy.random_j, length_s);
    }
    /* An interval that says something: 5 % of the energy at most, where a window of a second is
     * smeared out at both edges. */
    assert_true(energy.random_j < 0.05 * FLAT_J);
    assert_true(energy.covered_s > length_s - 1e-6);
}

static zeus_measurement *measure(struct simrig *rig)
{
    zeus_measurement *m = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(zeus_monitor_begin_window(rig->monitor, "flat", 0, &err), 0);
    simrig_run_until(rig, simrig_now_ns(rig) + LONG_NS);
    assert_int_equal(zeus_monitor_end_window(rig->monitor, "flat", 0, &m, &err), 0);
    assert_true(fabs(zeus_measurement_time_s(m) - FLAT_S) < 1e-3);
    return m;
}

static void check_window(struct simrig *rig, const char *when)
{
    zeus_measurement *m = measure(rig);
    for (size_t i = 0; i < rig->monitor->count; i++) {
        check_place(rig, m, i, when);
    }
    simrig_run_until(rig, simrig_now_ns(rig) + 3 * SECOND);
    assert_int_equal(zeus_measurement_settle(m, 0), 0);
    for (size_t i = 0; i < rig->monitor->count; i++) {
        check_place(rig, m, i, when);
    }
    zeus_measurement_free(m);
}

static void count_classes(const struct simrig *rig)
{
    const struct zeus_monitor *monitor = rig->monitor;
    size_t place = 0;
    for (size_t i = 0; i < ARRAY_LEN(gpus); i++) {
        for (uint32_t has_counter = 2; has_counter-- > 0;) {
            if (has_counter && !gpus[i].counter[0]) {
                continue;
            }
            assert_true(place < monitor->count);
            assert_string_equal(monitor->places[place].model.name, gpus[i].sensor_class);
            assert_int_equal(monitor->sources[place].config.has_counter, has_counter);
            place++;
        }
    }
    assert_int_equal(monitor->count, place + 3);
    assert_string_equal(monitor->places[place].model.name, "rapl");
}

static void test_flat(void **state)
{
    (void)state;
    struct simrig rig;
    char text[16384];
    simrig_init(&rig, 3);
    assert_true(describe(text, sizeof text) < (int)sizeof text);
    simrig_start(&rig, text);
    simrig_open(&rig, 100, 0);
    count_classes(&rig);
    check_window(&rig, "at once after opening");
    check_window(&rig, "later");
    simrig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
