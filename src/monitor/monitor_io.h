/* SPDX-License-Identifier: Apache-2.0
 *
 * The outside world as the monitor sees it: the time and the readings. The default is the monotonic
 * clock and the device layer; tests put a virtual clock and made-up devices here.
 */
#ifndef ZEUS_MONITOR_MONITOR_IO_H
#define ZEUS_MONITOR_MONITOR_IO_H

#include <stdint.h>

#include <zeus/device.h>

#include "device/backend.h"

struct monitor_io {
    uint64_t (*now_ns)(void *user);
    uint64_t (*wall_ns)(void *user);
    int (*read_energy)(void *user, struct device *dev, uint32_t domain,
                       zeus_energy_sample *ret_sample);
    int (*read_power)(void *user, struct device *dev, uint32_t domain, uint32_t field,
                      zeus_power_sample *ret_sample);
    /* Stretches the counter lost so far (device_energy_holes); NULL: none are ever lost. */
    uint32_t (*energy_holes)(void *user, struct device *dev, uint32_t domain);
    int (*read_temperature)(void *user, struct device *dev, int32_t *ret_c);
    void *user;
};

/* The real one. */
extern const struct monitor_io monitor_io_devices;

#endif /* ZEUS_MONITOR_MONITOR_IO_H */
