/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated AMD SMI: clocks, their ranges, the performance level. As with the kernel's interface a
 * range is changed one end at a time, an end that would empty the range is refused, and a change
 * leaves the automatic performance level.
 */
#include "amdsmi/smi_call.h"
#include "base/macro.h"

#define PERF_MANUAL 3u

struct smi_frequencies {
    uint8_t has_deep_sleep;
    uint32_t count;
    uint32_t current;
    uint64_t hz[AMDSMI_FREQUENCIES];
};
_Static_assert(sizeof(struct smi_frequencies) == 280, "frequencies");

struct range {
    uint32_t min_mhz;
    uint32_t max_mhz;
    int is_locked;
};

/* The range in force; NOT_SUPPORTED for clocks that are not there. */
static uint32_t read_range(const struct smi_call *call, uint32_t clock, struct range *ret_range)
{
    const struct sim_device *dev = call->dev;
    struct sim_settings now;
    sim_read_settings(call->sim, call->device, &now);
    if (clock == AMDSMI_CLOCK_GFX && dev->core_max_mhz > 0) {
        *ret_range = now.core_max_mhz ? (struct range){now.core_min_mhz, now.core_max_mhz, 1}
                                      : (struct range){dev->core_min_mhz, dev->core_max_mhz, 0};
        return AMDSMI_OK;
    }
    if (clock == AMDSMI_CLOCK_MEM && dev->memory_clock_count > 0) {
        uint32_t lowest = dev->memory_mhz[dev->memory_clock_count - 1];
        *ret_range = now.memory_max_mhz ? (struct range){now.memory_min_mhz, now.memory_max_mhz, 1}
                                        : (struct range){lowest, dev->memory_mhz[0], 0};
        return AMDSMI_OK;
    }
    return AMDSMI_NOT_SUPPORTED;
}

static uint32_t write_range(const struct smi_call *call, uint32_t clock, const struct range *range)
{
    if (range->min_mhz > range->max_mhz) {
        return AMDSMI_INVALID;
    }
    int r = clock == AMDSMI_CLOCK_GFX
                ? sim_set_core_clocks(call->sim, call->device, range->min_mhz, range->max_mhz)
                : sim_set_memory_clocks(call->sim, call->device, range->min_mhz, range->max_mhz);
    if (r == 0) {
        r = sim_set_perf_level(call->sim, call->device, PERF_MANUAL);
    }
    return smi_status(r);
}

SMI_EXPORT amdsmi_get_clock_info(amdsmi_handle gpu, uint32_t clock, struct amdsmi_abi_clock *out);
SMI_EXPORT amdsmi_get_clock_info(amdsmi_handle gpu, uint32_t clock, struct amdsmi_abi_clock *out)
{
    struct smi_call call;
    struct range range;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    status = read_range(&call, clock, &range);
    if (status) {
        return status;
    }
    struct sim_event now;
    sim_read_event(call.sim, call.device, call.t_ns, &now);
    const struct amdsmi_abi_clock info = {
        .clk = clock == AMDSMI_CLOCK_GFX ? now.core_mhz : now.memory_mhz,
        .min_clk = range.min_mhz,
        .max_clk = range.max_mhz,
        .is_locked = (uint8_t)(range.is_locked && range.min_mhz == range.max_mhz),
        .is_deep_sleep = 0};
    smi_give(&call, out, &info, sizeof(info));
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_get_clk_freq(amdsmi_handle gpu, uint32_t clock, struct smi_frequencies *out);
SMI_EXPORT amdsmi_get_clk_freq(amdsmi_handle gpu, uint32_t clock, struct smi_frequencies *out)
{
    struct smi_call call;
    struct range range;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !out) {
        return status ? status : AMDSMI_INVALID;
    }
    status = read_range(&call, clock, &range);
    if (status) {
        return status;
    }
    struct sim_event now;
    sim_read_event(call.sim, call.device, call.t_ns, &now);
    uint32_t now_mhz = clock == AMDSMI_CLOCK_GFX ? now.core_mhz : now.memory_mhz;
    *out = (struct smi_frequencies){.count = 3, .current = 1};
    out->hz[0] = (uint64_t)range.min_mhz * 1000000;
    out->hz[1] = (uint64_t)now_mhz * 1000000;
    out->hz[2] = (uint64_t)range.max_mhz * 1000000;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_set_gpu_clk_limit(amdsmi_handle gpu, uint32_t clock, uint32_t limit,
                                    uint64_t mhz);
SMI_EXPORT amdsmi_set_gpu_clk_limit(amdsmi_handle gpu, uint32_t clock, uint32_t limit, uint64_t mhz)
{
    struct smi_call call;
    struct range range;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || limit > AMDSMI_LIMIT_MAX || mhz == 0 || mhz > UINT32_MAX) {
        return status ? status : AMDSMI_INVALID;
    }
    status = read_range(&call, clock, &range);
    if (status) {
        return status;
    }
    if (limit == AMDSMI_LIMIT_MIN) {
        range.min_mhz = (uint32_t)mhz;
    } else {
        range.max_mhz = (uint32_t)mhz;
    }
    return write_range(&call, clock, &range);
}

SMI_EXPORT amdsmi_set_gpu_clk_range(amdsmi_handle gpu, uint64_t min_mhz, uint64_t max_mhz,
                                    uint32_t clock);
SMI_EXPORT amdsmi_set_gpu_clk_range(amdsmi_handle gpu, uint64_t min_mhz, uint64_t max_mhz,
                                    uint32_t clock)
{
    struct smi_call call;
    struct range range;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || max_mhz == 0 || max_mhz > UINT32_MAX || min_mhz > max_mhz) {
        return status ? status : AMDSMI_INVALID;
    }
    status = read_range(&call, clock, &range);
    range = (struct range){(uint32_t)min_mhz, (uint32_t)max_mhz, 1};
    return status ? status : write_range(&call, clock, &range);
}

SMI_EXPORT amdsmi_get_gpu_perf_level(amdsmi_handle gpu, uint32_t *level);
SMI_EXPORT amdsmi_get_gpu_perf_level(amdsmi_handle gpu, uint32_t *level)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || !level) {
        return status ? status : AMDSMI_INVALID;
    }
    struct sim_settings settings;
    sim_read_settings(call.sim, call.device, &settings);
    *level = settings.perf_level;
    return AMDSMI_OK;
}

SMI_EXPORT amdsmi_set_gpu_perf_level(amdsmi_handle gpu, uint32_t level);
SMI_EXPORT amdsmi_set_gpu_perf_level(amdsmi_handle gpu, uint32_t level)
{
    struct smi_call call;
    uint32_t status = smi_begin(&call, gpu, __func__);
    if (status || level > 8) {
        return status ? status : AMDSMI_INVALID;
    }
    return smi_status(sim_set_perf_level(call.sim, call.device, level));
}
