/* SPDX-License-Identifier: Apache-2.0
 *
 * device/device.c: what the front of a device decides for every vendor. The device under it is a
 * table of recorded calls.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "device/device.h"

struct fake {
    struct device base;
    zeus_power_limits limits;
    int persistence;
    int writes; /* of any setting */
    int resets;
    int fail_with;
    uint32_t clocks[3];
};

static struct fake *fake_of(struct device *dev)
{
    return CONTAINER_OF(dev, struct fake, base);
}

static void fake_destroy(struct device *dev)
{
    device_base_done(dev);
    free(fake_of(dev));
}

static int fake_read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    (void)domain;
    if (fake_of(dev)->fail_with) {
        return err_set_vendor(err, fake_of(dev)->fail_with, ZEUS_VENDOR_NVML, 15, "gone");
    }
    *ret_uj = 42;
    return 0;
}

static int fake_read_limits(struct device *dev, zeus_power_limits *ret, zeus_error *err)
{
    (void)err;
    *ret = fake_of(dev)->limits;
    return 0;
}

static int fake_write_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    (void)err;
    fake_of(dev)->writes++;
    fake_of(dev)->limits.current_uw = limit_uw;
    return 0;
}

static int fake_read_persistence(struct device *dev, int *ret, zeus_error *err)
{
    (void)err;
    *ret = fake_of(dev)->persistence;
    return 0;
}

static int fake_write_persistence(struct device *dev, int is_enabled, zeus_error *err)
{
    (void)err;
    fake_of(dev)->writes++;
    fake_of(dev)->persistence = is_enabled;
    return 0;
}

static int fake_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz, uint32_t *out,
                       size_t capacity, size_t *ret_count, zeus_error *err)
{
    (void)clock;
    (void)memory_mhz;
    (void)err;
    for (size_t i = 0; i < 3 && i < capacity; i++) {
        out[i] = fake_of(dev)->clocks[i];
    }
    *ret_count = 3;
    return 0;
}

static int fake_lock(struct device *dev, uint32_t clock, uint32_t min_mhz, uint32_t max_mhz,
                     zeus_error *err)
{
    (void)clock;
    (void)min_mhz;
    (void)max_mhz;
    (void)err;
    fake_of(dev)->writes++;
    return 0;
}

static int fake_reset(struct device *dev, uint32_t clock, zeus_error *err)
{
    fake_of(dev)->resets++;
    return clock == ZEUS_CLOCK_GRAPHICS ? err_set(err, ZEUS_EPERM, "graphics refused") : 0;
}

static const struct device_ops full_ops = {
    .name = "fake",
    .destroy = fake_destroy,
    .read_energy = fake_read_energy,
    .read_power_limits = fake_read_limits,
    .write_power_limit = fake_write_limit,
    .read_persistence = fake_read_persistence,
    .write_persistence = fake_write_persistence,
    .read_supported_clocks = fake_clocks,
    .write_locked_clocks = fake_lock,
    .reset_locked_clocks = fake_reset,
};

static const struct device_ops empty_ops = {.name = "empty", .destroy = fake_destroy};

static struct fake *make(const struct device_ops *ops)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    assert_non_null(fake);
    device_base_init(&fake->base, ops, ZEUS_KIND_GPU);
    strcpy(fake->base.info.name, "Fake GPU");
    fake->base.info.physical_index = 3;
    fake->limits = (zeus_power_limits){300000000, 400000000, 100000000, 500000000};
    fake->clocks[0] = 1980;
    fake->clocks[1] = 1200;
    fake->clocks[2] = 345;
    assert_int_equal(device_add_domain(&fake->base, &(zeus_domain_info){.parent = -1}), 0);
    return fake;
}

static void a_missing_operation_is_not_supported(void **state)
{
    (void)state;
    struct fake *fake = make(&empty_ops);
    struct device *dev = &fake->base;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_energy_sample energy;
    zeus_power_sample power;
    zeus_power_limits limits;
    int32_t c = 0;
    assert_int_equal(device_read_energy(dev, 0, &energy, &err), ZEUS_ENOTSUP);
    assert_int_equal(err.device, 3);
    assert_non_null(strstr(err.message, "Fake GPU"));
    assert_int_equal(device_read_power(dev, 0, ZEUS_POWER_INSTANT, &power, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_read_temperature(dev, &c, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_read_power_limits(dev, &limits, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_set_power_limit(dev, 1, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_reset_power_limit(dev, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_set_persistence(dev, 1, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_set_locked_clocks(dev, 0, 1, 1, NULL), ZEUS_ENOTSUP);
    assert_int_equal(device_reset_all_clocks(dev, NULL), ZEUS_ENOTSUP);
    dev->ops->destroy(dev);
}

static void reads_are_stamped_and_checked(void **state)
{
    (void)state;
    struct fake *fake = make(&full_ops);
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_energy_sample energy = {0};
    assert_int_equal(device_read_energy(&fake->base, 0, &energy, &err), 0);
    assert_true(energy.energy_uj == 42 && energy.time_ns > 0);
    assert_int_equal(device_read_energy(&fake->base, 1, &energy, &err), ZEUS_EINVAL);
    fake->fail_with = ZEUS_EDEVLOST;
    energy.energy_uj = 7;
    assert_int_equal(device_read_energy(&fake->base, 0, &energy, &err), ZEUS_EDEVLOST);
    assert_true(energy.energy_uj == 7);
    assert_int_equal(err.vendor_code, 15);
    assert_int_equal(err.device, 3);
    fake_destroy(&fake->base);
}

static void limits_are_checked_and_equal_ones_skipped(void **state)
{
    (void)state;
    struct fake *fake = make(&full_ops);
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_set_power_limit(&fake->base, 99999999, &err), ZEUS_ERANGE);
    assert_non_null(strstr(err.message, "100.000 W to 500.000 W"));
    assert_int_equal(device_set_power_limit(&fake->base, 500000001, NULL), ZEUS_ERANGE);
    assert_int_equal(device_set_power_limit(&fake->base, 300000000, NULL), 0);
    assert_int_equal(fake->writes, 0);
    assert_int_equal(device_set_power_limit(&fake->base, 100000000, NULL), 0);
    assert_int_equal(fake->writes, 1);
    assert_int_equal(device_reset_power_limit(&fake->base, NULL), 0);
    assert_true(fake->limits.current_uw == 400000000);
    assert_int_equal(device_reset_power_limit(&fake->base, NULL), 0);
    assert_int_equal(fake->writes, 2);
    fake_destroy(&fake->base);
}

static void persistence_is_written_only_when_it_changes(void **state)
{
    (void)state;
    struct fake *fake = make(&full_ops);
    assert_int_equal(device_set_persistence(&fake->base, 0, NULL), 0);
    assert_int_equal(fake->writes, 0);
    assert_int_equal(device_set_persistence(&fake->base, 7, NULL), 0);
    assert_int_equal(fake->writes, 1);
    assert_int_equal(device_set_persistence(&fake->base, 1, NULL), 0);
    assert_int_equal(fake->writes, 1);
    fake_destroy(&fake->base);
}

static void clock_ranges(void **state)
{
    (void)state;
    static const struct {
        uint32_t min, max;
        int code;
    } rows[] = {
        {345, 1980, 0},           {345, 345, 0},
        {0, 1980, ZEUS_EINVAL},   {1200, 345, ZEUS_EINVAL},
        {300, 1980, ZEUS_ERANGE}, {345, 2000, ZEUS_ERANGE},
    };
    struct fake *fake = make(&full_ops);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(device_set_locked_clocks(&fake->base, ZEUS_CLOCK_GRAPHICS, rows[i].min,
                                                  rows[i].max, NULL),
                         rows[i].code);
    }
    assert_int_equal(fake->writes, 2);
    assert_int_equal(device_set_locked_clocks(&fake->base, 2, 345, 345, NULL), ZEUS_EINVAL);
    fake_destroy(&fake->base);
}

static void both_clock_domains_are_reset_and_the_first_error_is_told(void **state)
{
    (void)state;
    struct fake *fake = make(&full_ops);
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(device_reset_all_clocks(&fake->base, &err), ZEUS_EPERM);
    assert_int_equal(fake->resets, 2);
    assert_string_equal(err.message, "graphics refused");
    fake_destroy(&fake->base);
}

static void too_small_a_list(void **state)
{
    (void)state;
    struct fake *fake = make(&full_ops);
    uint32_t clocks[3] = {0};
    size_t count = 0;
    assert_int_equal(device_read_supported_clocks(&fake->base, 0, 0, clocks, 2, &count, NULL),
                     ZEUS_ETOOSMALL);
    assert_int_equal(count, 3);
    assert_int_equal(clocks[1], 1200);
    assert_int_equal(clocks[2], 0);
    assert_int_equal(device_read_supported_clocks(&fake->base, 0, 0, clocks, 3, &count, NULL), 0);
    fake_destroy(&fake->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_operation_is_not_supported),
        cmocka_unit_test(reads_are_stamped_and_checked),
        cmocka_unit_test(limits_are_checked_and_equal_ones_skipped),
        cmocka_unit_test(persistence_is_written_only_when_it_changes),
        cmocka_unit_test(clock_ranges),
        cmocka_unit_test(both_clock_domains_are_reset_and_the_first_error_is_told),
        cmocka_unit_test(too_small_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
