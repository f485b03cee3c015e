/* SPDX-License-Identifier: Apache-2.0
 *
 * The fake GPU's operations.
 */
#include "fake_gpu.h"

#include <stdio.h>

#include "base/err.h"
#include "base/macro.h"

static struct fake_gpu *gpu_of(struct device *dev)
{
    return CONTAINER_OF(dev, struct fake_gpu, base);
}

static void destroy(struct device *dev)
{
    (void)dev;
}

static int write_value(struct device *dev, enum setting setting, struct setting_value value,
                       zeus_error *err)
{
    struct fake_gpu *gpu = gpu_of(dev);
    if (gpu->in_write) {
        gpu->in_write(gpu->in_write_user);
    }
    if (gpu->fail_with != 0) {
        return err_set(err, gpu->fail_with, "the fake refuses");
    }
    gpu->writes++;
    gpu->values[setting] = value;
    return gpu->fail_after_with != 0 ? err_set(err, gpu->fail_after_with, "the fake stumbles") : 0;
}

static int read_limits(struct device *dev, zeus_power_limits *ret, zeus_error *err)
{
    if (gpu_of(dev)->cannot_read) {
        return err_set(err, ZEUS_EDRIVER, "the fake says nothing");
    }
    *ret = (zeus_power_limits){.current_uw = gpu_of(dev)->values[SETTING_POWER_LIMIT].a * 1000ull,
                               .default_uw = 300000000,
                               .min_uw = 100000000,
                               .max_uw = 400000000};
    return 0;
}

static int write_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    const struct setting_value value = {.is_known = 1, .a = (uint32_t)(limit_uw / 1000)};
    return write_value(dev, SETTING_POWER_LIMIT, value, err);
}

static int read_persistence(struct device *dev, int *ret, zeus_error *err)
{
    (void)err;
    *ret = (int)gpu_of(dev)->values[SETTING_PERSISTENCE].a;
    return 0;
}

static int write_persistence(struct device *dev, int is_enabled, zeus_error *err)
{
    const struct setting_value value = {.is_known = 1, .a = is_enabled != 0};
    return write_value(dev, SETTING_PERSISTENCE, value, err);
}

static enum setting of_clock(uint32_t clock)
{
    return clock == ZEUS_CLOCK_GRAPHICS ? SETTING_GPU_CLOCKS : SETTING_MEM_CLOCKS;
}

static int lock_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz, uint32_t max_mhz,
                       zeus_error *err)
{
    const struct setting_value value = {.is_known = 1, .a = min_mhz, .b = max_mhz};
    return write_value(dev, of_clock(clock), value, err);
}

static int reset_clocks(struct device *dev, uint32_t clock, zeus_error *err)
{
    const struct setting_value unlocked = {.is_known = 1, .is_unlocked = 1};
    if (gpu_of(dev)->has_no_single_reset) {
        return err_set(err, ZEUS_ENOTSUP, "only both at once");
    }
    return write_value(dev, of_clock(clock), unlocked, err);
}

static int reset_all(struct device *dev, zeus_error *err)
{
    const struct setting_value unlocked = {.is_known = 1, .is_unlocked = 1};
    int r = write_value(dev, SETTING_GPU_CLOCKS, unlocked, err);
    return r < 0 ? r : write_value(dev, SETTING_MEM_CLOCKS, unlocked, err);
}

static const struct device_ops ops = {.name = "fake",
                                      .destroy = destroy,
                                      .read_power_limits = read_limits,
                                      .write_power_limit = write_limit,
                                      .read_persistence = read_persistence,
                                      .write_persistence = write_persistence,
                                      .write_locked_clocks = lock_clocks,
                                      .reset_locked_clocks = reset_clocks,
                                      .reset_all_clocks = reset_all};

void fake_gpu_init(struct fake_gpu *gpu, int number)
{
    *gpu = (struct fake_gpu){.fail_with = 0};
    device_base_init(&gpu->base, &ops, ZEUS_KIND_GPU);
    gpu->base.info.index = number;
    (void)snprintf(gpu->base.info.uuid, sizeof gpu->base.info.uuid, "GPU-%d", number);
    (void)snprintf(gpu->base.info.name, sizeof gpu->base.info.name, "Fake %d", number);
    gpu->values[SETTING_POWER_LIMIT] = (struct setting_value){.is_known = 1, .a = 300000};
    gpu->values[SETTING_PERSISTENCE] = (struct setting_value){.is_known = 1};
    gpu->values[SETTING_GPU_CLOCKS] = (struct setting_value){.is_known = 1, .is_unlocked = 1};
    gpu->values[SETTING_MEM_CLOCKS] = (struct setting_value){.is_known = 1, .is_unlocked = 1};
}
