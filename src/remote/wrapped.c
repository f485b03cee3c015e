/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing operations on. The table of a wrapper has exactly the operations its local device has.
 */
#include "remote/wrapped.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct device *wrapped_local(struct device *dev)
{
    return ((struct wrapped *)(void *)dev)->local;
}

static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_energy(local, domain, ret_uj, err);
}

static uint32_t energy_holes(struct device *dev, uint32_t domain)
{
    struct device *local = wrapped_local(dev);
    return local->ops->energy_holes(local, domain);
}

static int read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                      zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_power(local, domain, field, ret_uw, err);
}

static int read_temperature(struct device *dev, int32_t *ret_c, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_temperature(local, ret_c, err);
}

static int read_activity(struct device *dev, zeus_activity *ret_activity, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_activity(local, ret_activity, err);
}

static int read_processes(struct device *dev, zeus_process *processes, size_t capacity,
                          size_t *ret_count, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_processes(local, processes, capacity, ret_count, err);
}

static int read_mig(struct device *dev, zeus_mig_slice *slices, size_t capacity, size_t *ret_count,
                    zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_mig(local, slices, capacity, ret_count, err);
}

static int read_supported_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz,
                                 uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                                 zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_supported_clocks(local, clock, memory_mhz, clocks_mhz, capacity,
                                             ret_count, err);
}

static int read_power_limits(struct device *dev, zeus_power_limits *ret_limits, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_power_limits(local, ret_limits, err);
}

static int read_persistence(struct device *dev, int *ret_is_enabled, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->read_persistence(local, ret_is_enabled, err);
}

static int write_power_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->write_power_limit(local, limit_uw, err);
}

static int write_persistence(struct device *dev, int is_enabled, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->write_persistence(local, is_enabled, err);
}

static int write_locked_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz,
                               uint32_t max_mhz, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->write_locked_clocks(local, clock, min_mhz, max_mhz, err);
}

static int reset_locked_clocks(struct device *dev, uint32_t clock, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->reset_locked_clocks(local, clock, err);
}

static int reset_all_clocks(struct device *dev, zeus_error *err)
{
    struct device *local = wrapped_local(dev);
    return local->ops->reset_all_clocks(local, err);
}

static void hand_on(struct device_ops *ops, const struct device_ops *of)
{
    *ops = (struct device_ops){
        .name = of->name,
        .read_energy = of->read_energy ? read_energy : NULL,
        .energy_holes = of->energy_holes ? energy_holes : NULL,
        .read_power = of->read_power ? read_power : NULL,
        .read_temperature = of->read_temperature ? read_temperature : NULL,
        .read_activity = of->read_activity ? read_activity : NULL,
        .read_processes = of->read_processes ? read_processes : NULL,
        .read_mig = of->read_mig ? read_mig : NULL,
        .read_supported_clocks = of->read_supported_clocks ? read_supported_clocks : NULL,
        .read_power_limits = of->read_power_limits ? read_power_limits : NULL,
        .write_power_limit = of->write_power_limit ? write_power_limit : NULL,
        .read_persistence = of->read_persistence ? read_persistence : NULL,
        .write_persistence = of->write_persistence ? write_persistence : NULL,
        .write_locked_clocks = of->write_locked_clocks ? write_locked_clocks : NULL,
        .reset_locked_clocks = of->reset_locked_clocks ? reset_locked_clocks : NULL,
        .reset_all_clocks = of->reset_all_clocks ? reset_all_clocks : NULL,
    };
}

int wrapped_init(struct wrapped *w, struct device *local)
{
    zeus_domain_info *domains = NULL;
    if (local->domain_count > 0) {
        domains = mem_calloc(local->domain_count, sizeof(*domains));
        if (!domains) {
            return ZEUS_ENOMEM;
        }
        memcpy(domains, local->domains, local->domain_count * sizeof(*domains));
    }
    w->base = *local;
    w->base.domains = domains;
    hand_on(&w->ops, local->ops);
    w->base.ops = &w->ops;
    w->local = local;
    return 0;
}

void wrapped_done(struct wrapped *w)
{
    if (w->local) {
        w->local->ops->destroy(w->local);
    }
    device_base_done(&w->base);
}
