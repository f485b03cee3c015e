/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings read from and written to a device.
 */
#include "daemon/guard_device.h"

#include <stdio.h>

#include <zeus/device.h>

#include "base/err.h"
#include "base/macro.h"
#include "daemon/guard_private.h"
#include "device/device.h"

int guard_can_read(enum setting setting)
{
    return setting == SETTING_POWER_LIMIT || setting == SETTING_PERSISTENCE;
}

static struct setting_value read_power_limit(struct device *device)
{
    zeus_power_limits limits;
    if (device_read_power_limits(device, &limits, NULL) < 0 ||
        limits.current_uw / 1000 > UINT32_MAX) {
        return (struct setting_value){0};
    }
    return (struct setting_value){.is_known = 1, .a = (uint32_t)(limits.current_uw / 1000)};
}

static struct setting_value read_persistence(struct device *device)
{
    int is_enabled = 0;
    if (device_read_persistence(device, &is_enabled, NULL) < 0) {
        return (struct setting_value){0};
    }
    return (struct setting_value){.is_known = 1, .a = is_enabled != 0};
}

static struct setting_value known_clocks(struct guard *guard, const struct guard_device *device,
                                         const char *key, enum setting setting)
{
    struct setting_value original;
    struct setting_value value;
    if (lease_original(guard->options.leases, device->number, setting, &original, &value)) {
        return value;
    }
    struct lease_journal_entry entry;
    if (lease_journal_find(guard->options.journal, key, setting, &entry) && entry.base.is_known) {
        return entry.base;
    }
    return (struct setting_value){.is_known = 1, .is_unlocked = 1};
}

struct setting_value guard_present_value(struct guard *guard, const struct guard_device *device,
                                         const char *key, enum setting setting)
{
    switch (setting) {
    case SETTING_POWER_LIMIT:
        return read_power_limit(device->device);
    case SETTING_PERSISTENCE:
        return read_persistence(device->device);
    case SETTING_GPU_CLOCKS:
    case SETTING_MEM_CLOCKS:
        return known_clocks(guard, device, key, setting);
    case SETTING_COUNT:
        break;
    }
    return (struct setting_value){0};
}

static int write_power_limit(struct device *device, const struct write_args *args, zeus_error *err)
{
    return device_set_power_limit(device, (uint64_t)args->a * 1000, err);
}

static int write_persistence(struct device *device, const struct write_args *args, zeus_error *err)
{
    return device_set_persistence(device, args->a != 0, err);
}

static int write_gpu_clocks(struct device *device, const struct write_args *args, zeus_error *err)
{
    return device_set_locked_clocks(device, ZEUS_CLOCK_GRAPHICS, args->a, args->b, err);
}

static int write_mem_clocks(struct device *device, const struct write_args *args, zeus_error *err)
{
    return device_set_locked_clocks(device, ZEUS_CLOCK_MEMORY, args->a, args->b, err);
}

static int reset_gpu_clocks(struct device *device, const struct write_args *args, zeus_error *err)
{
    (void)args;
    return device_reset_locked_clocks(device, ZEUS_CLOCK_GRAPHICS, err);
}

static int reset_mem_clocks(struct device *device, const struct write_args *args, zeus_error *err)
{
    (void)args;
    return device_reset_locked_clocks(device, ZEUS_CLOCK_MEMORY, err);
}

static int reset_all_clocks(struct device *device, const struct write_args *args, zeus_error *err)
{
    (void)args;
    return device_reset_all_clocks(device, err);
}

typedef int (*native_write)(struct device *device, const struct write_args *args, zeus_error *err);

static const native_write native_writes[WRITE_OP_COUNT] = {
    [WRITE_PERSISTENCE] = write_persistence,     [WRITE_POWER_LIMIT] = write_power_limit,
    [WRITE_GPU_CLOCKS] = write_gpu_clocks,       [WRITE_GPU_CLOCKS_RESET] = reset_gpu_clocks,
    [WRITE_MEM_CLOCKS] = write_mem_clocks,       [WRITE_MEM_CLOCKS_RESET] = reset_mem_clocks,
    [WRITE_ALL_CLOCKS_RESET] = reset_all_clocks,
};

int guard_device_write(struct guard *guard, const struct guard_call *call, int *ret_was_overridden,
                       zeus_error *err)
{
    *ret_was_overridden = 0;
    const struct guard_options *options = &guard->options;
    if (options->override) {
        int r = options->override(options->override_user, call->op, call->device, &call->args,
                                  call->text, call->size);
        if (r != GUARD_NOT_OVERRIDDEN) {
            *ret_was_overridden = 1;
            return r < 0 ? err_set(err, r, "%s: the site's command failed", write_op_name(call->op))
                         : 0;
        }
    }
    return native_writes[call->op](call->device->device, &call->args, err);
}

/* Sets the range of the domain that was not meant again, if it had one. */
static int relock_other(struct guard *guard, const struct guard_call *call, enum setting other,
                        const struct setting_value *value, zeus_error *err)
{
    if (!value->is_known || value->is_unlocked) {
        return 0;
    }
    struct guard_call again = *call;
    again.op = write_op_for(other, value, &again.args);
    int was_overridden = 0;
    return guard_device_write(guard, &again, &was_overridden, err);
}

int guard_device_restore(struct guard *guard, const struct guard_call *call, zeus_error *err)
{
    int was_overridden = 0;
    int r = guard_device_write(guard, call, &was_overridden, err);
    const int is_single_reset =
        call->op == WRITE_GPU_CLOCKS_RESET || call->op == WRITE_MEM_CLOCKS_RESET;
    if (r != ZEUS_ENOTSUP || was_overridden || !is_single_reset) {
        return r;
    }
    const enum setting other =
        call->op == WRITE_GPU_CLOCKS_RESET ? SETTING_MEM_CLOCKS : SETTING_GPU_CLOCKS;
    const struct setting_value value = guard_present_value(guard, call->device, call->key, other);
    struct guard_call all = *call;
    all.op = WRITE_ALL_CLOCKS_RESET;
    r = guard_device_write(guard, &all, &was_overridden, err);
    return r < 0 ? r : relock_other(guard, call, other, &value, err);
}
