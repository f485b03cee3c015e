/* SPDX-License-Identifier: Apache-2.0
 *
 * The front of a device: argument checks, NULL operations, time stamps, range checks and
 * no-op skipping, in one place for all vendors. The public functions of <zeus/device.h> end here.
 * Same contract as there, on the internal type, with the error object on every call.
 */
#ifndef ZEUS_DEVICE_DEVICE_H
#define ZEUS_DEVICE_DEVICE_H

#include "device/backend.h"

int device_read_energy(struct device *dev, uint32_t domain, zeus_energy_sample *ret_sample,
                       zeus_error *err) ZEUS_CHECK;
/* Holes in the domain's total so far (backend.h). A window whose edges have different numbers lacks
 * energy and must say so. */
uint32_t device_energy_holes(struct device *dev, uint32_t domain);
int device_read_power(struct device *dev, uint32_t domain, uint32_t field,
                      zeus_power_sample *ret_sample, zeus_error *err) ZEUS_CHECK;
int device_read_temperature(struct device *dev, int32_t *ret_c, zeus_error *err) ZEUS_CHECK;
int device_read_activity(struct device *dev, zeus_activity *ret_activity, zeus_error *err)
    ZEUS_CHECK;
int device_read_throttle(struct device *dev, uint32_t *ret_reasons, zeus_error *err) ZEUS_CHECK;
int device_read_processes(struct device *dev, zeus_process *processes, size_t capacity,
                          size_t *ret_count, zeus_error *err) ZEUS_CHECK;
int device_read_memory(struct device *dev, struct device_memory *ret_memory, zeus_error *err)
    ZEUS_CHECK;
int device_read_mig(struct device *dev, zeus_mig_slice *slices, size_t capacity, size_t *ret_count,
                    zeus_error *err) ZEUS_CHECK;
int device_read_supported_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz,
                                 uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                                 zeus_error *err) ZEUS_CHECK;
int device_read_power_limits(struct device *dev, zeus_power_limits *ret_limits, zeus_error *err)
    ZEUS_CHECK;
int device_read_persistence(struct device *dev, int *ret_is_enabled, zeus_error *err) ZEUS_CHECK;

/* Setters: RANGE names the value and both limits; nothing is written when nothing would change. */
int device_set_power_limit(struct device *dev, uint64_t limit_uw, zeus_error *err) ZEUS_CHECK;
int device_reset_power_limit(struct device *dev, zeus_error *err) ZEUS_CHECK;
int device_set_persistence(struct device *dev, int is_enabled, zeus_error *err) ZEUS_CHECK;
int device_set_locked_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz, uint32_t max_mhz,
                             zeus_error *err) ZEUS_CHECK;
int device_reset_locked_clocks(struct device *dev, uint32_t clock, zeus_error *err) ZEUS_CHECK;
int device_reset_all_clocks(struct device *dev, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DEVICE_DEVICE_H */
