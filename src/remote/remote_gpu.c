/* SPDX-License-Identifier: Apache-2.0
 *
 * GPU settings through the daemon. Before each one the daemon is asked which of its GPUs this is:
 * settings are rare, and a number that was right an hour ago may be another board's now.
 */
#include "remote/remote_gpu.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "remote/link.h"
#include "remote/wrapped.h"

struct remote_gpu {
    struct wrapped wrapped;   /* first */
    struct remote_link *link; /* borrowed, lives longer */
};

static void destroy(struct device *dev);

static struct remote_gpu *downcast(struct device *dev)
{
    ZEUS_ASSERT(dev->ops->destroy == destroy);
    return (struct remote_gpu *)(void *)dev;
}

static void destroy(struct device *dev)
{
    struct remote_gpu *gpu = downcast(dev);
    wrapped_done(&gpu->wrapped);
    free(gpu);
}

static int send(struct device *dev, zeus_daemon_write write, zeus_error *err)
{
    struct remote_gpu *gpu = downcast(dev);
    uint32_t id = 0;
    int r = remote_link_gpu(gpu->link, &dev->info, &id, err);
    if (r < 0) {
        return r;
    }
    write.size = sizeof(write);
    write.gpu_ids = &id;
    write.gpu_id_count = 1;
    return zeus_daemon_write_gpus(remote_link_daemon(gpu->link), &write, err);
}

static int write_power_limit(struct device *dev, uint64_t limit_uw, zeus_error *err)
{
    uint64_t limit_mw = limit_uw / 1000;
    if (limit_mw > UINT32_MAX) {
        return err_set(err, ZEUS_ERANGE, "a power limit of %" PRIu64 " mW is no 32-bit number",
                       limit_mw);
    }
    return send(dev,
                (zeus_daemon_write){.setting = ZEUS_DAEMON_SET_POWER_LIMIT,
                                    .power_limit_mw = (uint32_t)limit_mw},
                err);
}

static int write_persistence(struct device *dev, int is_enabled, zeus_error *err)
{
    return send(
        dev, (zeus_daemon_write){.setting = ZEUS_DAEMON_SET_PERSISTENCE, .is_enabled = is_enabled},
        err);
}

static int write_locked_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz,
                               uint32_t max_mhz, zeus_error *err)
{
    uint32_t setting =
        clock == ZEUS_CLOCK_MEMORY ? ZEUS_DAEMON_SET_MEM_CLOCKS : ZEUS_DAEMON_SET_GPU_CLOCKS;
    return send(
        dev, (zeus_daemon_write){.setting = setting, .min_mhz = min_mhz, .max_mhz = max_mhz}, err);
}

static int reset_locked_clocks(struct device *dev, uint32_t clock, zeus_error *err)
{
    uint32_t setting =
        clock == ZEUS_CLOCK_MEMORY ? ZEUS_DAEMON_RESET_MEM_CLOCKS : ZEUS_DAEMON_RESET_GPU_CLOCKS;
    return send(dev, (zeus_daemon_write){.setting = setting}, err);
}

static int reset_all_clocks(struct device *dev, zeus_error *err)
{
    return send(dev, (zeus_daemon_write){.setting = ZEUS_DAEMON_RESET_CLOCKS}, err);
}

static void take_over_settings(struct device_ops *ops)
{
    ops->write_power_limit = ops->write_power_limit ? write_power_limit : NULL;
    ops->write_persistence = ops->write_persistence ? write_persistence : NULL;
    ops->write_locked_clocks = ops->write_locked_clocks ? write_locked_clocks : NULL;
    ops->reset_locked_clocks = ops->reset_locked_clocks ? reset_locked_clocks : NULL;
    ops->reset_all_clocks = ops->reset_all_clocks ? reset_all_clocks : NULL;
}

/* What the device cannot do it cannot do through a daemon either; where only permission was
 * missing, the daemon's answer counts. */
static void set_features(struct device *dev, const zeus_feature_state *can)
{
    static const uint32_t settings[] = {ZEUS_FEATURE_LIMIT_WRITE, ZEUS_FEATURE_PERSISTENCE,
                                        ZEUS_FEATURE_LOCKED_CLOCKS,
                                        ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        zeus_feature_state *state = &dev->features[settings[i]];
        if (state->code == 0 || state->code == ZEUS_EPERM) {
            *state = *can;
        }
    }
}

int remote_gpu_wrap(struct device *local, struct remote_link *link, const zeus_feature_state *can,
                    struct device **ret)
{
    struct remote_gpu *gpu = mem_calloc(1, sizeof(*gpu));
    int r = gpu ? wrapped_init(&gpu->wrapped, local) : ZEUS_ENOMEM;
    if (r < 0) {
        free(gpu);
        return r;
    }
    gpu->link = link;
    gpu->wrapped.ops.destroy = destroy;
    take_over_settings(&gpu->wrapped.ops);
    set_features(&gpu->wrapped.base, can);
    *ret = &gpu->wrapped.base;
    return 0;
}
