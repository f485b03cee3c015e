/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: the power cap and clock ranges. A clock range is two writes in the driver, so their
 * order, a second try and the way back are the substance here (daemon specification, 8.3). There is
 * no reset of one clock domain: only the performance level, which frees both.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/err.h"
#include "base/macro.h"
#include "device/amdsmi/amdsmi_device.h"

int amdsmi_device_read_limits(struct device *dev, zeus_power_limits *ret_limits, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    return amdsmi_read_limits(gpu->lib, gpu->gpu, ret_limits, err);
}

int amdsmi_device_write_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    if (limit_uw == 0) {
        return err_set(err, ZEUS_ERANGE, "%s: a power cap of 0 W makes no sense", dev->info.name);
    }
    return amdsmi_write_limit(gpu->lib, gpu->gpu, limit_uw, err);
}

static uint32_t vendor_clock(uint32_t clock)
{
    return clock == ZEUS_CLOCK_MEMORY ? AMDSMI_CLOCK_MEM : AMDSMI_CLOCK_GFX;
}

static const char *clock_name(uint32_t clock)
{
    return clock == ZEUS_CLOCK_MEMORY ? "memory" : "graphics";
}

/* The range in force, asked from the driver. */
static int query_range(const struct amdsmi_device *gpu, uint32_t clock,
                       struct amdsmi_range *ret_range, zeus_error *err)
{
    struct amdsmi_clock now = {0};
    int r = amdsmi_read_clock(gpu->lib, gpu->gpu, vendor_clock(clock), &now, err);
    if (r < 0) {
        return r;
    }
    if (!now.has_bounds) {
        return err_set(err, ZEUS_ENOTSUP,
                       "%s: the driver does not report the range of the %s clock",
                       gpu->base.info.name, clock_name(clock));
    }
    *ret_range =
        (struct amdsmi_range){.is_known = 1, .min_mhz = now.min_mhz, .max_mhz = now.max_mhz};
    return 0;
}

int amdsmi_device_list_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz,
                              uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                              zeus_error *err)
{
    (void)memory_mhz; /* the ranges do not depend on each other */
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    ZEUS_ASSERT(pthread_mutex_lock(&gpu->clocks_lock) == 0);
    struct amdsmi_range range = gpu->supported[clock];
    ZEUS_ASSERT(pthread_mutex_unlock(&gpu->clocks_lock) == 0);
    if (!range.is_known) {
        return err_set(err, ZEUS_ENOTSUP,
                       "%s: the range of the %s clock is unknown (clocks were locked already, or "
                       "the driver does not say); reset all clocks to learn it",
                       dev->info.name, clock_name(clock));
    }
    const uint32_t ends_mhz[] = {range.max_mhz, range.min_mhz};
    size_t count = range.max_mhz == range.min_mhz ? 1 : 2;
    for (size_t i = 0; i < MIN_OF(count, capacity); i++) {
        clocks_mhz[i] = ends_mhz[i];
    }
    *ret_count = count;
    return 0;
}

int amdsmi_max_first(const struct amdsmi_range *in_force, uint32_t new_min_mhz)
{
    return in_force->is_known && new_min_mhz > in_force->max_mhz;
}

/* One change of a range: from what, to what, and how many of its two writes the driver took. */
struct change {
    struct amdsmi_range from;
    struct amdsmi_range to;
    int written;
};

/* Both writes, in the order that never leaves an empty range. */
static int write_pair(const struct amdsmi_device *gpu, uint32_t clock, struct change *change,
                      zeus_error *err)
{
    int max_first = amdsmi_max_first(&change->from, change->to.min_mhz);
    for (change->written = 0; change->written < 2; change->written++) {
        int is_max = (change->written == 0) == (max_first != 0);
        int r = amdsmi_write_clock_limit(gpu->lib, gpu->gpu, vendor_clock(clock),
                                         is_max ? AMDSMI_LIMIT_MAX : AMDSMI_LIMIT_MIN,
                                         is_max ? change->to.max_mhz : change->to.min_mhz, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* After both tries failed: the range of before, as far as it was known. Adds to the error text
 * whether that worked; the code stays that of the second try. */
static void restore(struct amdsmi_device *gpu, uint32_t clock, const struct amdsmi_range *before,
                    zeus_error *err)
{
    struct change back = {.to = *before};
    int r = ZEUS_ENOTFOUND;
    if (before->is_known) {
        (void)query_range(gpu, clock, &back.from, NULL); /* unknown: minimum first */
        r = write_pair(gpu, clock, &back, NULL);
    }
    if (r == 0) {
        gpu->range[clock] = *before;
        err_prefix(err, "the previous range %" PRIu32 "-%" PRIu32 " MHz was put back",
                   before->min_mhz, before->max_mhz);
        return;
    }
    gpu->range[clock] = (struct amdsmi_range){0};
    err_prefix(err, "the previous range could not be put back");
}

/* clocks_lock held. */
static int change_range(struct amdsmi_device *gpu, uint32_t clock,
                        const struct amdsmi_range *wanted, zeus_error *err)
{
    struct change change = {.from = gpu->range[clock], .to = *wanted};
    if (!change.from.is_known) {
        (void)query_range(gpu, clock, &change.from, NULL); /* unknown: minimum first */
    }
    const struct amdsmi_range before = change.from;
    int r = write_pair(gpu, clock, &change, err);
    if (r == ZEUS_EPERM && change.written == 0) {
        return r; /* nothing was written and nothing will be */
    }
    if (r < 0) {
        gpu->range[clock] = (struct amdsmi_range){0};
        change.from = (struct amdsmi_range){0};
        (void)query_range(gpu, clock, &change.from, NULL);
        r = write_pair(gpu, clock, &change, err);
    }
    if (r < 0) {
        restore(gpu, clock, &before, err);
        return r;
    }
    gpu->range[clock] = *wanted;
    err_clear(err);
    return 0;
}

int amdsmi_device_write_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz,
                               uint32_t max_mhz, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    const struct amdsmi_range wanted = {.is_known = 1, .min_mhz = min_mhz, .max_mhz = max_mhz};
    ZEUS_ASSERT(pthread_mutex_lock(&gpu->clocks_lock) == 0);
    int r = change_range(gpu, clock, &wanted, err);
    ZEUS_ASSERT(pthread_mutex_unlock(&gpu->clocks_lock) == 0);
    return r;
}

int amdsmi_device_reset_clocks(struct device *dev, uint32_t clock, zeus_error *err)
{
    (void)clock;
    return err_set(err, ZEUS_ENOTSUP,
                   "%s: AMD SMI cannot reset a single clock domain; reset all clocks instead",
                   dev->info.name);
}

/* Learns the supported ranges; right only while the performance level is automatic. */
static void learn_ranges(struct amdsmi_device *gpu)
{
    for (uint32_t clock = 0; clock <= ZEUS_CLOCK_MEMORY; clock++) {
        struct amdsmi_range range = {0};
        if (query_range(gpu, clock, &range, NULL) == 0) {
            gpu->supported[clock] = range;
            gpu->range[clock] = range;
        }
    }
}

int amdsmi_device_reset_all(struct device *dev, zeus_error *err)
{
    struct amdsmi_device *gpu = amdsmi_device_of(dev);
    ZEUS_ASSERT(pthread_mutex_lock(&gpu->clocks_lock) == 0);
    int r = amdsmi_write_perf_auto(gpu->lib, gpu->gpu, err);
    if (r == 0) {
        gpu->range[ZEUS_CLOCK_GRAPHICS] = (struct amdsmi_range){0};
        gpu->range[ZEUS_CLOCK_MEMORY] = (struct amdsmi_range){0};
        learn_ranges(gpu);
    }
    ZEUS_ASSERT(pthread_mutex_unlock(&gpu->clocks_lock) == 0);
    return r;
}

/* Writing needs root inside the library itself, whatever the files allow. */
static void state_write(struct amdsmi_device *gpu, uint32_t feature)
{
    if (gpu->lib->is_root) {
        device_set_feature(&gpu->base, feature, 0, NULL, NULL);
        return;
    }
    device_set_feature(&gpu->base, feature, ZEUS_EPERM, "AMD SMI changes settings for root only",
                       "run zeusd as root and let it set them, or run this program as root");
}

static void probe_clock(struct amdsmi_device *gpu, uint32_t clock, uint32_t feature)
{
    struct amdsmi_clock now = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = amdsmi_read_clock(gpu->lib, gpu->gpu, vendor_clock(clock), &now, &err);
    if (clock == ZEUS_CLOCK_GRAPHICS) {
        amdsmi_state_feature(gpu, ZEUS_FEATURE_CLOCKS, r, &err);
    }
    if (r < 0) {
        amdsmi_state_feature(gpu, feature, r, &err);
        return;
    }
    state_write(gpu, feature);
}

void amdsmi_device_probe_control(struct amdsmi_device *gpu)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_power_limits limits = {0};
    int r = amdsmi_read_limits(gpu->lib, gpu->gpu, &limits, &err);
    amdsmi_state_feature(gpu, ZEUS_FEATURE_LIMIT_READ, r, &err);
    amdsmi_state_feature(gpu, ZEUS_FEATURE_LIMIT_WRITE, r, &err);
    if (r == 0) {
        gpu->check.ceiling_uw = limits.max_uw;
        state_write(gpu, ZEUS_FEATURE_LIMIT_WRITE);
    }
    probe_clock(gpu, ZEUS_CLOCK_GRAPHICS, ZEUS_FEATURE_LOCKED_CLOCKS);
    probe_clock(gpu, ZEUS_CLOCK_MEMORY, ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS);
    uint32_t level = AMDSMI_PERF_UNKNOWN;
    r = amdsmi_read_perf_level(gpu->lib, gpu->gpu, &level, NULL);
    if (r == 0 && level == AMDSMI_PERF_AUTO) {
        learn_ranges(gpu);
    }
    device_set_feature(&gpu->base, ZEUS_FEATURE_PERSISTENCE, ZEUS_ENOTSUP,
                       "AMD GPUs have no persistence mode", NULL);
    device_set_feature(&gpu->base, ZEUS_FEATURE_MIG, ZEUS_ENOTSUP, "AMD GPUs have no MIG", NULL);
}
