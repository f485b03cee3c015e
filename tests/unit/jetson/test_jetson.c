/* SPDX-License-Identifier: Apache-2.0
 *
 * The Jetson backend: names of rails of all boards, both driver generations, units, bad trees.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "device/device.h"
#include "device/jetson/jetson_rails.h"
#include "testdir.h"

static void rail_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t kind;
    } rows[] = {
        /* Nano, TX2 */
        {"POM_5V_IN", ZEUS_DOMAIN_SOC_TOTAL},
        {"POM_5V_CPU", ZEUS_DOMAIN_SOC_CPU},
        {"POM_5V_GPU", ZEUS_DOMAIN_SOC_GPU},
        {"VDD_IN", ZEUS_DOMAIN_SOC_TOTAL},
        {"VDD_SYS_CPU", ZEUS_DOMAIN_SOC_CPU},
        {"VDD_SYS_GPU", ZEUS_DOMAIN_SOC_GPU},
        {"VDD_SYS_SOC", ZEUS_DOMAIN_SOC_OTHER},
        {"VDD_SYS_DDR", ZEUS_DOMAIN_SOC_OTHER},
        /* AGX Xavier */
        {"GPU", ZEUS_DOMAIN_SOC_GPU},
        {"CPU", ZEUS_DOMAIN_SOC_CPU},
        {"SOC", ZEUS_DOMAIN_SOC_OTHER},
        {"SYS5V", ZEUS_DOMAIN_SOC_OTHER},
        /* Xavier NX, Orin NX, Orin Nano */
        {"VDD_CPU_GPU_CV", ZEUS_DOMAIN_SOC_OTHER},
        {"VDD_SOC", ZEUS_DOMAIN_SOC_OTHER},
        /* AGX Orin */
        {"VDD_GPU_SOC", ZEUS_DOMAIN_SOC_GPU},
        {"VDD_CPU_CV", ZEUS_DOMAIN_SOC_CPU},
        {"VIN_SYS_5V0", ZEUS_DOMAIN_SOC_OTHER},
        {"VDDQ_VDD2_1V8AO", ZEUS_DOMAIN_SOC_OTHER},
        /* case, words, and what is no rail */
        {"vdd_in", ZEUS_DOMAIN_SOC_TOTAL},
        {"System power", ZEUS_DOMAIN_SOC_TOTAL},
        {"total", ZEUS_DOMAIN_SOC_TOTAL},
        {"VDD_INT", ZEUS_DOMAIN_SOC_OTHER},
        {"NC", 0},
        {"", 0},
        {"sum of shunt voltages", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (jetson_rail_kind(rows[i].name) != rows[i].kind) {
            fail_msg("%s is %s", rows[i].name,
                     zeus_domain_kind_name(jetson_rail_kind(rows[i].name)));
        }
    }
}

static void products(void **state)
{
    (void)state;
    static const struct {
        int64_t mv;
        int64_t ma;
        int code;
        uint64_t uw;
    } rows[] = {
        {19000, 1234, 0, 23446000},
        {5000, 0, 0, 0},
        {5000, -8, 0, 0},
        {5000, -41, ZEUS_ERANGE, 7},
        {-1, 5, ZEUS_ERANGE, 7},
        {INT64_MAX, INT64_MAX, ZEUS_ERANGE, 7},
        {INT64_MIN, INT64_MIN, ZEUS_ERANGE, 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t uw = 7;
        assert_int_equal(jetson_rail_product_uw(rows[i].mv, rows[i].ma, &uw), rows[i].code);
        assert_true(uw == rows[i].uw);
    }
}

struct bench {
    struct testdir tree;
    struct device_list list;
    zeus_finding finding;
};

static void bench_init(struct bench *b)
{
    *b = (struct bench){0};
    testdir_create(&b->tree);
    testdir_write(&b->tree, "etc/nv_tegra_release", "# R36 (release), REVISION: 3.0\n");
}

static void bench_done(struct bench *b)
{
    device_list_done(&b->list);
    testdir_remove(&b->tree);
}

static struct device *discover(struct bench *b, int code)
{
    const struct device_env env = {.root_fd = b->tree.fd, .root = ""};
    zeus_error err = ZEUS_ERROR_INIT;
    b->finding = (zeus_finding){0};
    device_list_done(&b->list);
    assert_int_equal(jetson_backend.discover(&env, &b->list, &b->finding, &err), 0);
    assert_int_equal(b->finding.code, code);
    assert_int_equal(b->list.count, code == 0);
    return code == 0 ? b->list.items[0] : NULL;
}

static uint64_t power_uw(struct device *dev, uint32_t domain)
{
    zeus_power_sample sample = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    if (device_read_power(dev, domain, ZEUS_POWER_INSTANT, &sample, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return sample.power_uw;
}

static void write_hwmon_rail(struct bench *b, const char *dir, int channel, const char *label,
                             const char *mv, const char *ma)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/in%d_label", dir, channel);
    testdir_write(&b->tree, path, "%s\n", label);
    (void)snprintf(path, sizeof(path), "%s/in%d_input", dir, channel);
    testdir_write(&b->tree, path, "%s\n", mv);
    (void)snprintf(path, sizeof(path), "%s/curr%d_input", dir, channel);
    testdir_write(&b->tree, path, "%s\n", ma);
}

#define MAINLINE   "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3"
#define MAINLINE_2 "sys/bus/i2c/drivers/ina3221/1-0041/hwmon/hwmon4"

static void agx_orin(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    testdir_write(&b.tree, "sys/firmware/devicetree/base/model",
                  "NVIDIA Jetson AGX Orin Developer Kit%c", 0);
    write_hwmon_rail(&b, MAINLINE, 1, "VDD_GPU_SOC", "19000", "165");
    write_hwmon_rail(&b, MAINLINE, 2, "VDD_CPU_CV", "19000", "750");
    write_hwmon_rail(&b, MAINLINE, 3, "VIN_SYS_5V0", "4968", "1000");
    testdir_write(&b.tree, MAINLINE "/in7_label", "sum of shunt voltages\n");
    write_hwmon_rail(&b, MAINLINE_2, 1, "NC", "0", "0");
    write_hwmon_rail(&b, MAINLINE_2, 2, "VDDQ_VDD2_1V8AO", "4968", "220");
    write_hwmon_rail(&b, MAINLINE_2, 3, "VDD_OFF", "0", "0");
    testdir_write(&b.tree, MAINLINE_2 "/in3_enable", "0\n");
    struct device *dev = discover(&b, 0);
    assert_string_equal(dev->info.name, "NVIDIA Jetson AGX Orin Developer Kit");
    assert_string_equal(dev->info.driver, "R36 (release), REVISION: 3.0");
    assert_int_equal(dev->info.kind, ZEUS_KIND_SOC);
    assert_int_equal(dev->domain_count, 4);
    static const uint64_t values_uw[] = {3135000, 14250000, 4968000, 1092960};
    static const int32_t parents[] = {-1, -1, -1, 2}; /* memory hangs on the 5 V rail */
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(power_uw(dev, i), values_uw[i]);
        assert_int_equal(dev->domains[i].parent, parents[i]);
        assert_int_equal(dev->domains[i].source, ZEUS_SOURCE_INTEGRATED);
    }
    assert_string_equal(dev->domains[0].origin, "/" MAINLINE "/curr1_input x in1_input");
    zeus_energy_sample energy;
    zeus_power_sample power;
    assert_int_equal(device_read_energy(dev, 0, &energy, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_AVERAGE, &power, NULL), ZEUS_ENOTSUP);
    testdir_write(&b.tree, MAINLINE "/curr1_input", "200\n"); /* read anew each time */
    assert_int_equal(power_uw(dev, 0), 3800000);
    bench_done(&b);
}

#define DOWNSTREAM "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/"

static void nano(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    testdir_write(&b.tree, DOWNSTREAM "rail_name_0", "POM_5V_IN\n");
    testdir_write(&b.tree, DOWNSTREAM "in_power0_input", "2468\n"); /* mW */
    testdir_write(&b.tree, DOWNSTREAM "rail_name_1", "POM_5V_GPU\n");
    testdir_write(&b.tree, DOWNSTREAM "in_voltage1_input", "5000\n");
    testdir_write(&b.tree, DOWNSTREAM "in_current1_input", "24\n");
    testdir_write(&b.tree, DOWNSTREAM "rail_name_2", "POM_5V_CPU\n");
    testdir_write(&b.tree, DOWNSTREAM "in_power2_input", "600\n");
    write_hwmon_rail(&b, MAINLINE, 1, "VDD_IN", "5000", "9999"); /* the older driver goes first */
    struct device *dev = discover(&b, 0);
    assert_int_equal(dev->domain_count, 3);
    assert_int_equal(power_uw(dev, 0), 2468000);
    assert_int_equal(power_uw(dev, 1), 120000);
    assert_int_equal(dev->domains[0].kind, ZEUS_DOMAIN_SOC_TOTAL);
    assert_int_equal(dev->domains[0].parent, -1);
    assert_int_equal(dev->domains[1].parent, 0);
    assert_int_equal(dev->domains[2].parent, 0);
    assert_string_equal(dev->info.name, "NVIDIA Jetson");
    bench_done(&b);
}

/* A kernel with powerN_input: microwatts, by the hwmon rules. */
static void hwmon_power(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    write_hwmon_rail(&b, MAINLINE, 1, "VDD_IN", "5000", "1000");
    testdir_write(&b.tree, MAINLINE "/power1_input", "5012345\n");
    write_hwmon_rail(&b, MAINLINE, 2, "VDD_IN", "5000", "1");
    struct device *dev = discover(&b, 0);
    assert_int_equal(power_uw(dev, 0), 5012345);
    assert_string_equal(dev->domains[1].name, "VDD_IN-2");
    bench_done(&b);
}

static void bad_trees(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    (void)discover(&b, ZEUS_ENODRIVER); /* a Jetson without chips */
    write_hwmon_rail(&b, MAINLINE, 1, "VDD_IN", "x", "5");
    write_hwmon_rail(&b, MAINLINE, 2, "VDD_SOC", "5000", "99999999");
    write_hwmon_rail(&b, MAINLINE, 3, "VDD_CPU", "5000", "1");
    testdir_unlink(&b.tree, MAINLINE "/curr3_input");
    struct device *dev = discover(&b, 0);
    static const int codes[] = {ZEUS_EPARSE, ZEUS_ERANGE, ZEUS_ENOTFOUND};
    for (uint32_t i = 0; i < 3; i++) {
        zeus_power_sample sample;
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(device_read_power(dev, i, ZEUS_POWER_INSTANT, &sample, &err), codes[i]);
        assert_non_null(strstr(err.message, "curr"));
        assert_int_equal(dev->domains[i].source, ZEUS_SOURCE_NONE);
    }
    assert_int_equal(dev->features[ZEUS_FEATURE_POWER_INSTANT].code, ZEUS_EPARSE);
    write_hwmon_rail(&b, MAINLINE, 3, "VDD_CPU", "5000", "1");
    dev = discover(&b, 0);
    assert_int_equal(dev->features[ZEUS_FEATURE_POWER_INSTANT].code, 0); /* one is enough */
    testdir_unlink(&b.tree, "etc/nv_tegra_release");
    (void)discover(&b, ZEUS_ENOTFOUND); /* the same chip on another board */
    testdir_mkdir(&b.tree, "usr/lib/aarch64-linux-gnu/tegra");
    (void)discover(&b, 0);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rail_kinds), cmocka_unit_test(products),    cmocka_unit_test(agx_orin),
        cmocka_unit_test(nano),       cmocka_unit_test(hwmon_power), cmocka_unit_test(bad_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
