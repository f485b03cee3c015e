/* SPDX-License-Identifier: Apache-2.0
 *
 * The hwmon backend over generated trees: Grace and Grace Hopper, Altra, amd_energy with and
 * without RAPL, and everything that is not a CPU.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "device/device.h"
#include "device/hwmon/hwmon_channels.h"
#include "testdir.h"

#define HWMON "sys/class/hwmon/"

struct bench {
    struct testdir tree;
    struct device_list list;
    zeus_finding finding;
};

static void bench_init(struct bench *b)
{
    *b = (struct bench){0};
    testdir_create(&b->tree);
}

static void bench_done(struct bench *b)
{
    device_list_done(&b->list);
    testdir_remove(&b->tree);
}

static void discover(struct bench *b, size_t devices)
{
    const struct device_env env = {.root_fd = b->tree.fd, .root = ""};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(hwmon_backend.discover(&env, &b->list, &b->finding, &err), 0);
    assert_int_equal(b->list.count, devices);
    assert_int_equal(b->finding.devices, devices);
}

/* One ACPI power meter: files in the parent device, no powerN_label. */
static void write_meter(struct bench *b, int chip, const char *label, unsigned long long average_uw)
{
    char path[96];
    (void)snprintf(path, sizeof(path), HWMON "hwmon%d/name", chip);
    testdir_write(&b->tree, path, "power_meter\n");
    (void)snprintf(path, sizeof(path), HWMON "hwmon%d/device/power1_oem_info", chip);
    testdir_write(&b->tree, path, "%s\n", label);
    (void)snprintf(path, sizeof(path), HWMON "hwmon%d/device/power1_average", chip);
    testdir_write(&b->tree, path, "%llu\n", average_uw);
    (void)snprintf(path, sizeof(path), HWMON "hwmon%d/device/power1_average_interval", chip);
    testdir_write(&b->tree, path, "50\n");
}

static uint64_t power_uw(struct device *dev, uint32_t domain, uint32_t field)
{
    zeus_power_sample sample = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    if (device_read_power(dev, domain, field, &sample, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return sample.power_uw;
}

static void grace_hopper(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_meter(&b, 3, "SysIO Power Socket 0", 22000000);
    write_meter(&b, 1, "Grace Power Socket 0", 98000000);
    write_meter(&b, 2, "CPU Power Socket 0", 60000000);
    write_meter(&b, 10, "Module Power Socket 0", 412345678);
    discover(&b, 2);
    struct device *cpu = b.list.items[0];
    struct device *module = b.list.items[1];
    assert_int_equal(cpu->info.kind, ZEUS_KIND_CPU);
    assert_string_equal(cpu->info.name, "package-0");
    assert_int_equal(cpu->domain_count, 3);
    assert_int_equal(cpu->domains[0].kind, ZEUS_DOMAIN_PACKAGE);
    assert_int_equal(cpu->domains[0].parent, -1);
    assert_int_equal(cpu->domains[1].kind, ZEUS_DOMAIN_CORE);
    assert_int_equal(cpu->domains[1].parent, 0);
    assert_string_equal(cpu->domains[2].name, "sysio");
    assert_int_equal(cpu->domains[2].parent, 0);
    assert_int_equal(cpu->domains[0].source, ZEUS_SOURCE_INTEGRATED);
    assert_string_equal(cpu->domains[0].origin,
                        "/" HWMON "hwmon1/device/power1_average \"Grace Power Socket 0\"");
    assert_int_equal(power_uw(cpu, 0, ZEUS_POWER_AVERAGE), 98000000);
    assert_int_equal(power_uw(cpu, 0, ZEUS_POWER_INSTANT), 98000000); /* the shortest there is */
    assert_int_equal(power_uw(cpu, 2, ZEUS_POWER_AVERAGE), 22000000);
    assert_int_equal(module->info.kind, ZEUS_KIND_PLATFORM);
    assert_string_equal(module->info.name, "module-0");
    assert_int_equal(module->domains[0].kind, ZEUS_DOMAIN_MODULE);
    assert_int_equal(power_uw(module, 0, ZEUS_POWER_AVERAGE), 412345678);
    assert_int_equal(cpu->features[ZEUS_FEATURE_POWER_AVERAGE].code, 0);
    assert_int_equal(cpu->features[ZEUS_FEATURE_ENERGY_COUNTER].code, ZEUS_ENOTSUP);
    zeus_energy_sample energy;
    assert_int_equal(device_read_energy(cpu, 0, &energy, NULL), ZEUS_ENOTSUP);
    bench_done(&b);
}

static void two_sockets(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_meter(&b, 0, "Grace Power Socket 1", 2);
    write_meter(&b, 1, "Grace Power Socket 0  ", 1); /* trailing blanks do not matter */
    write_meter(&b, 2, "Grace Power Socket 0", 3);   /* said twice: the first chip counts */
    discover(&b, 2);
    assert_int_equal(b.list.items[1]->info.physical_index, 1);
    assert_int_equal(power_uw(b.list.items[0], 0, ZEUS_POWER_AVERAGE), 1);
    assert_int_equal(power_uw(b.list.items[1], 0, ZEUS_POWER_AVERAGE), 2);
    bench_done(&b);
}

static void altra(void **state)
{
    (void)state;
    static const char *const labels[] = {"power1 CORE VRD", "power2 SoC", "power3 DIMM VRD1",
                                         "power4 DIMM VRD2", "power5 RCA VRD"};
    struct bench b;
    bench_init(&b);
    for (int chip = 4; chip <= 5; chip++) {
        for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
            char path[64];
            (void)snprintf(path, sizeof(path), HWMON "hwmon%d/power%zu_label", chip, i + 1);
            testdir_write(&b.tree, path, "%s\n", labels[i]);
            (void)snprintf(path, sizeof(path), HWMON "hwmon%d/power%zu_input", chip, i + 1);
            testdir_write(&b.tree, path, "%zu\n", i + 1 + (chip == 5 ? 100 : 0));
        }
    }
    discover(&b, 2);
    struct device *second = b.list.items[1];
    assert_string_equal(second->info.name, "package-1");
    assert_int_equal(second->domain_count, 5);
    static const char *const names[] = {"core", "rca", "soc", "dimm-1", "dimm-2"};
    static const uint64_t values[] = {101, 105, 102, 103, 104};
    for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_string_equal(second->domains[i].name, names[i]);
        assert_int_equal(second->domains[i].parent, -1);
        assert_int_equal(power_uw(second, i, ZEUS_POWER_INSTANT), values[i]);
    }
    zeus_power_sample sample;
    assert_int_equal(device_read_power(second, 0, ZEUS_POWER_AVERAGE, &sample, NULL), ZEUS_ENOTSUP);
    bench_done(&b);
}

static void amd_energy(void **state)
{
    (void)state;
    for (int has_rapl = 0; has_rapl < 2; has_rapl++) {
        struct bench b;
        bench_init(&b);
        testdir_write(&b.tree, HWMON "hwmon0/energy1_label", "Ecore000\n");
        testdir_write(&b.tree, HWMON "hwmon0/energy1_input", "5\n");
        testdir_write(&b.tree, HWMON "hwmon0/energy2_label", "Esocket0\n");
        testdir_write(&b.tree, HWMON "hwmon0/energy2_input", "123456789012\n");
        if (has_rapl) {
            testdir_write(&b.tree, "sys/class/powercap/intel-rapl/intel-rapl:0/name",
                          "package-0\n");
            discover(&b, 0); /* the same registers: not twice */
            bench_done(&b);
            continue;
        }
        discover(&b, 1);
        struct device *dev = b.list.items[0];
        zeus_energy_sample energy = {0};
        assert_int_equal(dev->domains[0].source, ZEUS_SOURCE_COUNTER);
        assert_int_equal(device_read_energy(dev, 0, &energy, NULL), 0);
        assert_true(energy.energy_uj == 123456789012);
        assert_int_equal(dev->features[ZEUS_FEATURE_ENERGY_COUNTER].code, 0);
        assert_int_equal(dev->features[ZEUS_FEATURE_POWER_INSTANT].code, ZEUS_ENOTSUP);
        bench_done(&b);
    }
}

static void broken_trees(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    discover(&b, 0);
    assert_int_equal(b.finding.code, ZEUS_ENOTFOUND);
    write_meter(&b, 0, "PSU 1 Input", 5);
    write_meter(&b, 1, "Grace Power Socket", 5);
    write_meter(&b, 2, "Grace Power Socket x", 5);
    write_meter(&b, 3, "Grace Power Socket -1", 5);
    write_meter(&b, 4, "", 5);
    testdir_write(&b.tree, HWMON "hwmonx/device/power1_oem_info", "Grace Power Socket 0\n");
    discover(&b, 0);
    write_meter(&b, 5, "Grace Power Socket 7", 5);
    testdir_write(&b.tree, HWMON "hwmon5/device/power1_average", "not a number\n");
    write_meter(&b, 6, "Grace Power Socket 8", 5);
    testdir_unlink(&b.tree, HWMON "hwmon6/device/power1_average");
    write_meter(&b, 7, "Grace Power Socket 9", 5);
    discover(&b, 3);
    zeus_power_sample sample;
    zeus_error err = ZEUS_ERROR_INIT;
    struct device *garbage = b.list.items[0];
    assert_int_equal(garbage->domains[0].source, ZEUS_SOURCE_NONE);
    assert_int_equal(garbage->features[ZEUS_FEATURE_POWER_AVERAGE].code, ZEUS_EPARSE);
    assert_int_equal(device_read_power(garbage, 0, ZEUS_POWER_AVERAGE, &sample, &err), ZEUS_EPARSE);
    assert_non_null(strstr(err.message, "hwmon5/device/power1_average"));
    assert_int_equal(device_read_power(b.list.items[1], 0, ZEUS_POWER_AVERAGE, &sample, &err),
                     ZEUS_ENOTSUP);
    testdir_write(&b.tree, HWMON "hwmon7/device/power1_average", "-5\n");
    assert_int_equal(device_read_power(b.list.items[2], 0, ZEUS_POWER_AVERAGE, &sample, &err),
                     ZEUS_EPARSE);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grace_hopper), cmocka_unit_test(two_sockets),  cmocka_unit_test(altra),
        cmocka_unit_test(amd_energy),   cmocka_unit_test(broken_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
