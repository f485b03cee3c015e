/* SPDX-License-Identifier: Apache-2.0
 *
 * Power limit and persistence mode. Ranges and needless writes are judged by the front functions of
 * device/device.c; here is one call each. NVML counts milliwatts, we count microwatts.
 */
#include "device/nvml/nvml.h"

#include <inttypes.h>

#include "base/err.h"

int nvml_read_power_limits(struct device *device, zeus_power_limits *ret_limits, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    const struct nvml_lib *lib = &dev->lib;
    int r = nvml_check_call(dev, lib->limit && lib->default_limit && lib->limit_constraints,
                            "nvmlDeviceGetPowerManagementLimit", err);
    if (r < 0) {
        return r;
    }
    unsigned int current_mw = 0;
    unsigned int default_mw = 0;
    unsigned int min_mw = 0;
    unsigned int max_mw = 0;
    r = nvml_check_code(dev, lib->limit(dev->handle, &current_mw), "power limit", err);
    if (r == 0) {
        r = nvml_check_code(dev, lib->default_limit(dev->handle, &default_mw),
                            "default power limit", err);
    }
    if (r == 0) {
        r = nvml_check_code(dev, lib->limit_constraints(dev->handle, &min_mw, &max_mw),
                            "power limit range", err);
    }
    if (r == 0) {
        *ret_limits = (zeus_power_limits){.current_uw = (uint64_t)current_mw * 1000,
                                          .default_uw = (uint64_t)default_mw * 1000,
                                          .min_uw = (uint64_t)min_mw * 1000,
                                          .max_uw = (uint64_t)max_mw * 1000};
    }
    return r;
}

int nvml_write_power_limit(struct device *device, uint64_t limit_uw, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int r =
        nvml_check_call(dev, dev->lib.set_limit != NULL, "nvmlDeviceSetPowerManagementLimit", err);
    if (r < 0) {
        return r;
    }
    uint64_t limit_mw = limit_uw / 1000;
    if (limit_mw > UINT32_MAX) {
        return err_set(err, ZEUS_ERANGE,
                       "GPU %d: a power limit of %" PRIu64 " mW is no 32-bit number",
                       device->info.physical_index, limit_mw);
    }
    return nvml_check_code(dev, dev->lib.set_limit(dev->handle, (unsigned int)limit_mw),
                           "setting the power limit", err);
}

int nvml_read_persistence(struct device *device, int *ret_is_enabled, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int r = nvml_check_call(dev, dev->lib.persistence != NULL, "nvmlDeviceGetPersistenceMode", err);
    if (r < 0) {
        return r;
    }
    unsigned int mode = 0;
    r = nvml_check_code(dev, dev->lib.persistence(dev->handle, &mode), "persistence mode", err);
    if (r == 0) {
        *ret_is_enabled = mode == NVML_ENABLED;
    }
    return r;
}

int nvml_write_persistence(struct device *device, int is_enabled, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int r =
        nvml_check_call(dev, dev->lib.set_persistence != NULL, "nvmlDeviceSetPersistenceMode", err);
    if (r < 0) {
        return r;
    }
    return nvml_check_code(dev, dev->lib.set_persistence(dev->handle, is_enabled ? 1u : 0u),
                           "setting persistence mode", err);
}
