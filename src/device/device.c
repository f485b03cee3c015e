/* SPDX-License-Identifier: Apache-2.0
 *
 * The front of a device. Every operation passes here once, so that a missing operation, a range and
 * a needless write are judged in one place.
 */
#include "device/device.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/err.h"

/* Most clock steps a board is known to list, with room to spare. */
#define CLOCK_STEPS_MAX 1024

static int not_supported(const struct device *dev, const char *what, zeus_error *err)
{
    int r = err_set(err, ZEUS_ENOTSUP, "%s: %s is not supported by the %s backend", dev->info.name,
                    what, dev->ops->name);
    if (err) {
        err->device = dev->info.physical_index;
    }
    return r;
}

static int check_domain(const struct device *dev, uint32_t domain, zeus_error *err)
{
    if (domain < dev->domain_count) {
        return 0;
    }
    return err_set(err, ZEUS_EINVAL, "%s has no domain %" PRIu32 " (it has %" PRIu32 ")",
                   dev->info.name, domain, dev->domain_count);
}

/* Remembers which device failed; the backend filled the rest. */
static int tag(const struct device *dev, int code, zeus_error *err)
{
    if (code < 0 && err) {
        if (err->code != code) {
            (void)err_set(err, code, "%s: %s", dev->info.name, zeus_strerror(code));
        }
        err->device = dev->info.physical_index;
    }
    return code;
}

int device_read_energy(struct device *dev, uint32_t domain, zeus_energy_sample *ret_sample,
                       zeus_error *err)
{
    int r = check_domain(dev, domain, err);
    if (r < 0) {
        return r;
    }
    if (!dev->ops->read_energy) {
        return not_supported(dev, "reading energy", err);
    }
    uint64_t energy_uj = 0;
    uint64_t before_ns = clock_monotonic_ns();
    r = dev->ops->read_energy(dev, domain, &energy_uj, err);
    uint64_t after_ns = clock_monotonic_ns();
    if (r < 0) {
        return tag(dev, r, err);
    }
    *ret_sample = (zeus_energy_sample){.time_ns = before_ns + (after_ns - before_ns) / 2,
                                       .latency_ns = after_ns - before_ns,
                                       .energy_uj = energy_uj};
    return 0;
}

uint32_t device_energy_holes(struct device *dev, uint32_t domain)
{
    int is_known = domain < dev->domain_count && dev->ops->energy_holes;
    return is_known ? dev->ops->energy_holes(dev, domain) : 0;
}

int device_read_power(struct device *dev, uint32_t domain, uint32_t field,
                      zeus_power_sample *ret_sample, zeus_error *err)
{
    int r = check_domain(dev, domain, err);
    if (r < 0) {
        return r;
    }
    if (field > ZEUS_POWER_AVERAGE) {
        return err_set(err, ZEUS_EINVAL, "there is no power field %" PRIu32, field);
    }
    if (!dev->ops->read_power) {
        return not_supported(dev, "reading power", err);
    }
    uint64_t power_uw = 0;
    uint64_t before_ns = clock_monotonic_ns();
    r = dev->ops->read_power(dev, domain, field, &power_uw, err);
    uint64_t after_ns = clock_monotonic_ns();
    if (r < 0) {
        return tag(dev, r, err);
    }
    *ret_sample = (zeus_power_sample){.time_ns = before_ns + (after_ns - before_ns) / 2,
                                      .latency_ns = after_ns - before_ns,
                                      .power_uw = power_uw};
    return 0;
}

int device_read_temperature(struct device *dev, int32_t *ret_c, zeus_error *err)
{
    if (!dev->ops->read_temperature) {
        return not_supported(dev, "reading the temperature", err);
    }
    return tag(dev, dev->ops->read_temperature(dev, ret_c, err), err);
}

int device_read_activity(struct device *dev, zeus_activity *ret_activity, zeus_error *err)
{
    if (!dev->ops->read_activity) {
        return not_supported(dev, "reading clocks and load", err);
    }
    zeus_activity activity = {0};
    int r = dev->ops->read_activity(dev, &activity, err);
    if (r == 0) {
        *ret_activity = activity;
    }
    return tag(dev, r, err);
}

/* Turns "there are more than fit" into TOOSMALL; the count is set either way. */
static int check_capacity(const struct device *dev, int r, size_t count, size_t capacity,
                          size_t *ret_count, zeus_error *err)
{
    if (r < 0) {
        return tag(dev, r, err);
    }
    *ret_count = count;
    if (count <= capacity) {
        return 0;
    }
    return tag(dev,
               err_set(err, ZEUS_ETOOSMALL, "%s: room for %zu entries, %zu needed", dev->info.name,
                       capacity, count),
               err);
}

int device_read_processes(struct device *dev, zeus_process *processes, size_t capacity,
                          size_t *ret_count, zeus_error *err)
{
    if (!dev->ops->read_processes) {
        return not_supported(dev, "listing processes", err);
    }
    size_t count = 0;
    int r = dev->ops->read_processes(dev, processes, capacity, &count, err);
    return check_capacity(dev, r, count, capacity, ret_count, err);
}

int device_read_memory(struct device *dev, struct device_memory *ret_memory, zeus_error *err)
{
    if (!dev->ops->read_memory) {
        return not_supported(dev, "reading the memory in use", err);
    }
    struct device_memory memory = {0};
    int r = dev->ops->read_memory(dev, &memory, err);
    if (r == 0 && memory.used_bytes > memory.size_bytes) {
        r = err_set(err, ZEUS_ENOTSUP, "%s: the driver reports more memory in use than there is",
                    dev->info.name);
    }
    if (r == 0) {
        *ret_memory = memory;
    }
    return tag(dev, r, err);
}

int device_read_mig(struct device *dev, zeus_mig_slice *slices, size_t capacity, size_t *ret_count,
                    zeus_error *err)
{
    if (!dev->ops->read_mig) {
        return not_supported(dev, "MIG", err);
    }
    size_t count = 0;
    int r = dev->ops->read_mig(dev, slices, capacity, &count, err);
    return check_capacity(dev, r, count, capacity, ret_count, err);
}

int device_read_supported_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz,
                                 uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                                 zeus_error *err)
{
    if (clock > ZEUS_CLOCK_MEMORY) {
        return err_set(err, ZEUS_EINVAL, "there is no clock domain %" PRIu32, clock);
    }
    if (!dev->ops->read_supported_clocks) {
        return not_supported(dev, "listing clocks", err);
    }
    size_t count = 0;
    int r =
        dev->ops->read_supported_clocks(dev, clock, memory_mhz, clocks_mhz, capacity, &count, err);
    return check_capacity(dev, r, count, capacity, ret_count, err);
}

int device_read_power_limits(struct device *dev, zeus_power_limits *ret_limits, zeus_error *err)
{
    if (!dev->ops->read_power_limits) {
        return not_supported(dev, "reading the power limit", err);
    }
    zeus_power_limits limits = {0};
    int r = dev->ops->read_power_limits(dev, &limits, err);
    if (r == 0) {
        *ret_limits = limits;
    }
    return tag(dev, r, err);
}

int device_read_throttle(struct device *dev, uint32_t *ret_reasons, zeus_error *err)
{
    if (!dev->ops->read_throttle) {
        return not_supported(dev, "reasons for throttling", err);
    }
    return tag(dev, dev->ops->read_throttle(dev, ret_reasons, err), err);
}

int device_read_persistence(struct device *dev, int *ret_is_enabled, zeus_error *err)
{
    if (!dev->ops->read_persistence) {
        return not_supported(dev, "persistence mode", err);
    }
    return tag(dev, dev->ops->read_persistence(dev, ret_is_enabled, err), err);
}

static int write_limit(struct device *dev, const zeus_power_limits *limits, uint64_t limit_uw,
                       zeus_error *err)
{
    if (limit_uw == limits->current_uw) {
        return 0;
    }
    return tag(dev, dev->ops->write_power_limit(dev, limit_uw, err), err);
}

int device_set_power_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    if (!dev->ops->write_power_limit) {
        return not_supported(dev, "setting the power limit", err);
    }
    zeus_power_limits limits = {0};
    int r = device_read_power_limits(dev, &limits, err);
    if (r < 0) {
        return r;
    }
    if (limit_uw < limits.min_uw || limit_uw > limits.max_uw) {
        return tag(dev,
                   err_set(err, ZEUS_ERANGE, "%s: power limit %.3f W is outside %.3f W to %.3f W",
                           dev->info.name, (double)limit_uw / 1e6, (double)limits.min_uw / 1e6,
                           (double)limits.max_uw / 1e6),
                   err);
    }
    return write_limit(dev, &limits, limit_uw, err);
}

int device_reset_power_limit(struct device *dev, zeus_error *err)
{
    if (!dev->ops->write_power_limit) {
        return not_supported(dev, "setting the power limit", err);
    }
    zeus_power_limits limits = {0};
    int r = device_read_power_limits(dev, &limits, err);
    if (r < 0) {
        return r;
    }
    return write_limit(dev, &limits, limits.default_uw, err);
}

int device_set_persistence(struct device *dev, int is_enabled, zeus_error *err)
{
    if (!dev->ops->write_persistence) {
        return not_supported(dev, "setting persistence mode", err);
    }
    int is_now = 0;
    int r = device_read_persistence(dev, &is_now, err);
    if (r < 0) {
        return r;
    }
    if (!is_now == !is_enabled) {
        return 0;
    }
    return tag(dev, dev->ops->write_persistence(dev, is_enabled ? 1 : 0, err), err);
}

/* RANGE when the device lists its clocks and [min, max] leaves that list. A device that does not
 * list them judges the request itself. */
static int check_clock_range(struct device *dev, uint32_t clock, uint32_t min_mhz, uint32_t max_mhz,
                             zeus_error *err)
{
    uint32_t steps_mhz[CLOCK_STEPS_MAX];
    size_t count = 0;
    int r = device_read_supported_clocks(dev, clock, 0, steps_mhz, CLOCK_STEPS_MAX, &count, NULL);
    if (r < 0 || count == 0) {
        return 0;
    }
    uint32_t lowest = steps_mhz[0];
    uint32_t highest = steps_mhz[0];
    for (size_t i = 1; i < count; i++) {
        lowest = steps_mhz[i] < lowest ? steps_mhz[i] : lowest;
        highest = steps_mhz[i] > highest ? steps_mhz[i] : highest;
    }
    if (min_mhz >= lowest && max_mhz <= highest) {
        return 0;
    }
    return tag(dev,
               err_set(err, ZEUS_ERANGE,
                       "%s: clocks %" PRIu32 " to %" PRIu32 " MHz are outside %" PRIu32
                       " to %" PRIu32 " MHz",
                       dev->info.name, min_mhz, max_mhz, lowest, highest),
               err);
}

int device_set_locked_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz, uint32_t max_mhz,
                             zeus_error *err)
{
    if (clock > ZEUS_CLOCK_MEMORY) {
        return err_set(err, ZEUS_EINVAL, "there is no clock domain %" PRIu32, clock);
    }
    if (!dev->ops->write_locked_clocks) {
        return not_supported(dev, "locking clocks", err);
    }
    if (min_mhz == 0 || min_mhz > max_mhz) {
        return err_set(err, ZEUS_EINVAL,
                       "%s: locked clocks need 0 < min <= max, got %" PRIu32 " and %" PRIu32 " MHz",
                       dev->info.name, min_mhz, max_mhz);
    }
    int r = check_clock_range(dev, clock, min_mhz, max_mhz, err);
    if (r < 0) {
        return r;
    }
    return tag(dev, dev->ops->write_locked_clocks(dev, clock, min_mhz, max_mhz, err), err);
}

int device_reset_locked_clocks(struct device *dev, uint32_t clock, zeus_error *err)
{
    if (clock > ZEUS_CLOCK_MEMORY) {
        return err_set(err, ZEUS_EINVAL, "there is no clock domain %" PRIu32, clock);
    }
    if (!dev->ops->reset_locked_clocks) {
        return not_supported(dev, "resetting one clock domain", err);
    }
    return tag(dev, dev->ops->reset_locked_clocks(dev, clock, err), err);
}

int device_reset_all_clocks(struct device *dev, zeus_error *err)
{
    if (dev->ops->reset_all_clocks) {
        return tag(dev, dev->ops->reset_all_clocks(dev, err), err);
    }
    int first = device_reset_locked_clocks(dev, ZEUS_CLOCK_GRAPHICS, err);
    int second = device_reset_locked_clocks(dev, ZEUS_CLOCK_MEMORY, first < 0 ? NULL : err);
    return first < 0 ? first : second;
}
