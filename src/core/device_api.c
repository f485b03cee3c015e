/* SPDX-License-Identifier: Apache-2.0
 *
 * The public device functions: argument checks, then the front functions of device/device.h.
 */
#include <zeus/device.h>

#include "base/err.h"
#include "base/forkmark.h"
#include "device/device.h"

/* A handle is the internal struct under its public name. */
static struct device *unwrap(zeus_device *dev)
{
    return (struct device *)(void *)dev;
}

static const struct device *unwrap_const(const zeus_device *dev)
{
    return (const struct device *)(const void *)dev;
}

/* 0 when the device may be used: there is one, and this is the process that opened it. */
static int check(const zeus_device *dev)
{
    if (!dev) {
        return ZEUS_EINVAL;
    }
    const struct forkmark *mark = unwrap_const(dev)->fork_mark;
    return mark && forkmark_is_child(mark) ? ZEUS_ESTATE : 0;
}

static int check_setter(const zeus_device *dev, zeus_error *err)
{
    int r = check(dev);
    return r == 0 ? 0
                  : err_set(err, r,
                            r == ZEUS_EINVAL ? "device is NULL"
                                             : "the device belongs to the parent process; a forked "
                                               "child opens a session of its own");
}

int zeus_device_get_info(const zeus_device *dev, zeus_device_info *ret_info)
{
    if (!dev || !ret_info) {
        return ZEUS_EINVAL;
    }
    *ret_info = unwrap_const(dev)->info;
    return 0;
}

uint32_t zeus_device_domain_count(const zeus_device *dev)
{
    return dev ? unwrap_const(dev)->domain_count : 0;
}

int zeus_device_get_domain(const zeus_device *dev, uint32_t domain, zeus_domain_info *ret_info)
{
    if (!dev || !ret_info || domain >= unwrap_const(dev)->domain_count) {
        return ZEUS_EINVAL;
    }
    *ret_info = unwrap_const(dev)->domains[domain];
    return 0;
}

int zeus_device_get_feature(const zeus_device *dev, uint32_t feature, zeus_feature_state *ret_state)
{
    if (!dev || !ret_state || feature >= ZEUS_FEATURE_COUNT) {
        return ZEUS_EINVAL;
    }
    *ret_state = unwrap_const(dev)->features[feature];
    return 0;
}

int zeus_device_read_energy(zeus_device *dev, uint32_t domain, zeus_energy_sample *ret_sample)
{
    if (!dev || !ret_sample) {
        return ZEUS_EINVAL;
    }
    int r = check(dev);
    return r < 0 ? r : device_read_energy(unwrap(dev), domain, ret_sample, NULL);
}

int zeus_device_read_power(zeus_device *dev, uint32_t domain, uint32_t field,
                           zeus_power_sample *ret_sample)
{
    if (!dev || !ret_sample) {
        return ZEUS_EINVAL;
    }
    int r = check(dev);
    return r < 0 ? r : device_read_power(unwrap(dev), domain, field, ret_sample, NULL);
}

int zeus_device_read_temperature(zeus_device *dev, int32_t *ret_c)
{
    int r = ret_c ? check(dev) : ZEUS_EINVAL;
    return r < 0 ? r : device_read_temperature(unwrap(dev), ret_c, NULL);
}

int zeus_device_read_activity(zeus_device *dev, zeus_activity *ret_activity)
{
    int r = ret_activity ? check(dev) : ZEUS_EINVAL;
    return r < 0 ? r : device_read_activity(unwrap(dev), ret_activity, NULL);
}

int zeus_device_read_throttle(zeus_device *dev, uint32_t *ret_reasons)
{
    int r = ret_reasons ? check(dev) : ZEUS_EINVAL;
    return r < 0 ? r : device_read_throttle(unwrap(dev), ret_reasons, NULL);
}

int zeus_device_read_processes(zeus_device *dev, zeus_process *processes, size_t capacity,
                               size_t *ret_count)
{
    if (!dev || !ret_count || (capacity > 0 && !processes)) {
        return ZEUS_EINVAL;
    }
    int r = check(dev);
    return r < 0 ? r : device_read_processes(unwrap(dev), processes, capacity, ret_count, NULL);
}

int zeus_device_read_mig(zeus_device *dev, zeus_mig_slice *slices, size_t capacity,
                         size_t *ret_count)
{
    if (!dev || !ret_count || (capacity > 0 && !slices)) {
        return ZEUS_EINVAL;
    }
    int r = check(dev);
    return r < 0 ? r : device_read_mig(unwrap(dev), slices, capacity, ret_count, NULL);
}

int zeus_device_read_power_limits(zeus_device *dev, zeus_power_limits *ret_limits)
{
    int r = ret_limits ? check(dev) : ZEUS_EINVAL;
    return r < 0 ? r : device_read_power_limits(unwrap(dev), ret_limits, NULL);
}

int zeus_device_set_power_limit(zeus_device *dev, uint64_t limit_uw, zeus_error *err)
{
    int r = check_setter(dev, err);
    return r < 0 ? r : device_set_power_limit(unwrap(dev), limit_uw, err);
}

int zeus_device_reset_power_limit(zeus_device *dev, zeus_error *err)
{
    int r = check_setter(dev, err);
    return r < 0 ? r : device_reset_power_limit(unwrap(dev), err);
}

int zeus_device_read_persistence(zeus_device *dev, int *ret_is_enabled)
{
    int r = ret_is_enabled ? check(dev) : ZEUS_EINVAL;
    return r < 0 ? r : device_read_persistence(unwrap(dev), ret_is_enabled, NULL);
}

int zeus_device_set_persistence(zeus_device *dev, int is_enabled, zeus_error *err)
{
    int r = check_setter(dev, err);
    return r < 0 ? r : device_set_persistence(unwrap(dev), is_enabled, err);
}

int zeus_device_read_supported_clocks(zeus_device *dev, uint32_t clock, uint32_t memory_mhz,
                                      uint32_t *clocks_mhz, size_t capacity, size_t *ret_count)
{
    if (!dev || !ret_count || (capacity > 0 && !clocks_mhz)) {
        return ZEUS_EINVAL;
    }
    int r = check(dev);
    return r < 0 ? r
                 : device_read_supported_clocks(unwrap(dev), clock, memory_mhz, clocks_mhz,
                                                capacity, ret_count, NULL);
}

int zeus_device_set_locked_clocks(zeus_device *dev, uint32_t clock, uint32_t min_mhz,
                                  uint32_t max_mhz, zeus_error *err)
{
    int r = check_setter(dev, err);
    return r < 0 ? r : device_set_locked_clocks(unwrap(dev), clock, min_mhz, max_mhz, err);
}

int zeus_device_reset_locked_clocks(zeus_device *dev, uint32_t clock, zeus_error *err)
{
    int r = check_setter(dev, err);
    return r < 0 ? r : device_reset_locked_clocks(unwrap(dev), clock, err);
}

int zeus_device_reset_all_clocks(zeus_device *dev, zeus_error *err)
{
    int r = check_setter(dev, err);
    return r < 0 ? r : device_reset_all_clocks(unwrap(dev), err);
}
