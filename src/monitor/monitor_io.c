/* SPDX-License-Identifier: Apache-2.0
 *
 * The monotonic clock and the device layer.
 */
#include "monitor/monitor_io.h"

#include "base/clock.h"
#include "device/device.h"

static uint64_t now_ns(void *user)
{
    (void)user;
    return clock_monotonic_ns();
}

static uint64_t wall_ns(void *user)
{
    (void)user;
    return clock_wall_ns();
}

static uint32_t energy_holes(void *user, struct device *dev, uint32_t domain)
{
    (void)user;
    return device_energy_holes(dev, domain);
}

static int read_energy(void *user, struct device *dev, uint32_t domain,
                       zeus_energy_sample *ret_sample)
{
    (void)user;
    return device_read_energy(dev, domain, ret_sample, NULL);
}

static int read_power(void *user, struct device *dev, uint32_t domain, uint32_t field,
                      zeus_power_sample *ret_sample)
{
    (void)user;
    return device_read_power(dev, domain, field, ret_sample, NULL);
}

static int read_temperature(void *user, struct device *dev, int32_t *ret_c)
{
    (void)user;
    return device_read_temperature(dev, ret_c, NULL);
}

const struct monitor_io monitor_io_devices = {
    .now_ns = now_ns,
    .wall_ns = wall_ns,
    .read_energy = read_energy,
    .energy_holes = energy_holes,
    .read_power = read_power,
    .read_temperature = read_temperature,
};
