/* SPDX-License-Identifier: Apache-2.0
 *
 * Power cap and clock ranges: order of writes, second try, way back, resets.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "device/device.h"
#include "fake_amdsmi.h"

static struct device_list found;

static struct device *one_gpu(void)
{
    zeus_finding finding;
    fake_reset(26, 1);
    found = (struct device_list){0};
    assert_int_equal(fake_discover(&found, &finding), 0);
    return found.items[0];
}

static int teardown(void **state)
{
    (void)state;
    device_list_done(&found);
    return 0;
}

static void expect_writes(const struct fake_write *want, uint32_t count)
{
    assert_int_equal(fake.write_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(fake.writes[i].clock, want[i].clock);
        assert_int_equal(fake.writes[i].limit, want[i].limit);
        assert_int_equal(fake.writes[i].mhz, want[i].mhz);
    }
    fake.write_count = 0;
}

static void power_cap(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_power_limit(dev, 500000000, NULL), 0);
    assert_true(fake.cap_written_uw == 500000000);
    assert_int_equal(fake.calls[FAKE_SET_CAP], 1);
    assert_int_equal(device_set_power_limit(dev, 500000000, NULL), 0);
    assert_int_equal(fake.calls[FAKE_SET_CAP], 1); /* nothing would change */
    assert_int_equal(device_set_power_limit(dev, 751000000, &err), ZEUS_ERANGE);
    assert_int_equal(device_set_power_limit(dev, 0, &err), ZEUS_ERANGE); /* although min is 0 */
    assert_int_equal(fake.calls[FAKE_SET_CAP], 1);
    assert_int_equal(device_reset_power_limit(dev, NULL), 0);
    assert_true(fake.cap_written_uw == 750000000);
    fake.status[FAKE_SET_CAP] = 10;
    assert_int_equal(device_set_power_limit(dev, 400000000, &err), ZEUS_EPERM);
    assert_int_equal(err.vendor_code, 10);
    assert_int_equal(err.device, 0);
}

static void order_rule(void **state)
{
    (void)state;
    static const struct {
        struct amdsmi_range now;
        uint32_t new_min;
        int max_first;
    } rows[] = {{{1, 500, 1000}, 1001, 1},
                {{1, 500, 1000}, 1000, 0},
                {{1, 500, 1000}, 100, 0},
                {{0, 0, 0}, 2000, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(amdsmi_max_first(&rows[i].now, rows[i].new_min), rows[i].max_first);
    }
}

static void write_order(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 300, 800, NULL), 0);
    expect_writes((const struct fake_write[]){{0, 0, 300}, {0, 1, 800}}, 2);
    /* wholly above: the maximum must go first or the range would be empty */
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 1200, 1500, NULL), 0);
    expect_writes((const struct fake_write[]){{0, 1, 1500}, {0, 0, 1200}}, 2);
    /* wholly below: the minimum first */
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 200, 400, NULL), 0);
    expect_writes((const struct fake_write[]){{0, 0, 200}, {0, 1, 400}}, 2);
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_MEMORY, 900, 900, NULL), 0);
    expect_writes((const struct fake_write[]){{4, 0, 900}, {4, 1, 900}}, 2);
}

/* Somebody else moved the range: the cached bounds mislead the first try, the second succeeds. */
static void second_try(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 300, 2000, NULL), 0);
    fake.write_count = 0;
    fake.gpus[0].clock[0].max_clk = 600;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 900, 1000, &err), 0);
    expect_writes((const struct fake_write[]){{0, 0, 900}, {0, 1, 1000}, {0, 0, 900}}, 3);
    assert_int_equal(err.code, 0);
    assert_int_equal(fake.gpus[0].clock[0].min_clk, 900);
    assert_int_equal(fake.gpus[0].clock[0].max_clk, 1000);
}

static void way_back(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 300, 800, NULL), 0);
    fake.write_count = 0;
    fake.write_status[1] = 12; /* the second write of the first try */
    fake.write_status[3] = 7;  /* and of the second */
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 500, 600, &err),
                     ZEUS_EDRIVER);
    assert_int_equal(err.vendor_code, 7); /* the second try's */
    assert_non_null(strstr(err.message, "300-800 MHz was put back"));
    expect_writes(
        (const struct fake_write[]){
            {0, 0, 500}, {0, 1, 600}, {0, 0, 500}, {0, 1, 600}, {0, 0, 300}, {0, 1, 800}},
        6);
    assert_int_equal(fake.gpus[0].clock[0].min_clk, 300);
    assert_int_equal(fake.gpus[0].clock[0].max_clk, 800);
}

static void no_way_back(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    for (size_t i = 0; i < FAKE_WRITES; i++) {
        fake.write_status[i] = 12;
    }
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 500, 600, &err),
                     ZEUS_EDRIVER);
    assert_non_null(strstr(err.message, "could not be put back"));
    assert_int_equal(fake.write_count, 3);
    /* the bounds are unknown now and are asked for again */
    memset(fake.write_status, 0, sizeof(fake.write_status));
    fake.write_count = 0;
    uint32_t asked = fake.calls[FAKE_CLOCK];
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 500, 600, &err), 0);
    assert_int_equal(fake.calls[FAKE_CLOCK], asked + 1);
}

static void no_permission_is_not_repeated(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    fake.write_status[0] = 10;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 500, 600, &err),
                     ZEUS_EPERM);
    assert_int_equal(fake.write_count, 1);
    assert_int_equal(err.vendor_code, 10);
}

static void clock_lists(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    uint32_t mhz[4];
    size_t count = 0;
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_GRAPHICS, 0, mhz, 4, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(mhz[0], 2100);
    assert_int_equal(mhz[1], 132);
    /* a locked range does not become the supported one */
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 500, 600, NULL), 0);
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_GRAPHICS, 0, mhz, 4, &count, NULL), 0);
    assert_int_equal(mhz[0], 2100);
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 500, 2101, &err),
                     ZEUS_ERANGE);
    fake.gpus[0].clock[1].max_clk = fake.gpus[0].clock[1].min_clk;
    assert_int_equal(device_reset_all_clocks(dev, NULL), 0);
}

/* Clocks that were locked before we came do not pass for the supported range. */
static void locked_before_us(void **state)
{
    (void)state;
    zeus_finding finding;
    fake_reset(26, 1);
    fake.gpus[0].perf_level = 3;
    fake.gpus[0].clock[0].max_clk = 800;
    found = (struct device_list){0};
    assert_int_equal(fake_discover(&found, &finding), 0);
    struct device *dev = found.items[0];
    uint32_t mhz[4];
    size_t count = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_GRAPHICS, 0, mhz, 4, &count, &err),
        ZEUS_ENOTSUP);
    assert_non_null(strstr(err.message, "reset all clocks"));
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 1000, 1200, &err), 0);
    expect_writes((const struct fake_write[]){{0, 1, 1200}, {0, 0, 1000}}, 2);
    assert_int_equal(device_reset_all_clocks(dev, NULL), 0);
    assert_int_equal(
        device_read_supported_clocks(dev, ZEUS_CLOCK_GRAPHICS, 0, mhz, 4, &count, &err), 0);
    assert_int_equal(mhz[0], 2100);
}

static void resets(void **state)
{
    (void)state;
    struct device *dev = one_gpu();
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_reset_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, &err), ZEUS_ENOTSUP);
    assert_non_null(strstr(err.message, "cannot reset a single clock domain"));
    assert_int_equal(fake.calls[FAKE_SET_PERF], 0);
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 500, 600, NULL), 0);
    assert_int_equal(device_reset_all_clocks(dev, NULL), 0);
    assert_int_equal(fake.calls[FAKE_SET_PERF], 1);
    assert_int_equal(fake.gpus[0].perf_level, 0);
    /* the cache was forgotten: the order is right for the free range */
    fake.write_count = 0;
    assert_int_equal(device_set_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, 900, 1000, NULL), 0);
    expect_writes((const struct fake_write[]){{0, 0, 900}, {0, 1, 1000}}, 2);
    fake.status[FAKE_SET_PERF] = 2;
    assert_int_equal(device_reset_all_clocks(dev, &err), ZEUS_ENOTSUP);
    assert_int_equal(err.vendor_code, 2);
}

static void writes_need_root(void **state)
{
    (void)state;
    fake_reset(26, 1);
    struct amdsmi_lib *lib = fake_lib();
    lib->is_root = 0;
    const struct device_env env = {.root_fd = -1, .root = ""};
    zeus_finding finding;
    assert_int_equal(amdsmi_lib_start(lib, NULL), 0);
    found = (struct device_list){0};
    assert_int_equal(amdsmi_discover_with(lib, &env, &found, &finding, NULL), 0);
    amdsmi_lib_unref(lib);
    const zeus_feature_state *features = found.items[0]->features;
    assert_int_equal(features[ZEUS_FEATURE_LIMIT_READ].code, 0);
    assert_int_equal(features[ZEUS_FEATURE_LIMIT_WRITE].code, ZEUS_EPERM);
    assert_non_null(strstr(features[ZEUS_FEATURE_LIMIT_WRITE].remedy, "zeusd"));
    assert_int_equal(features[ZEUS_FEATURE_LOCKED_CLOCKS].code, ZEUS_EPERM);
    assert_int_equal(features[ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS].code, ZEUS_EPERM);
}

#define CASE(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(power_cap),
        cmocka_unit_test(order_rule),
        CASE(write_order),
        CASE(second_try),
        CASE(way_back),
        CASE(no_way_back),
        CASE(no_permission_is_not_repeated),
        CASE(clock_lists),
        CASE(locked_before_us),
        CASE(resets),
        CASE(writes_need_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
