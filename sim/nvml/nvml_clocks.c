/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated NVML: clocks, temperature, utilisation.
 */
#include <stddef.h>

#include "nvml/nvml_call.h"

#define REASON_IDLE      0x1ULL
#define REASON_SETTING   0x2ULL
#define REASON_POWER_CAP 0x4ULL

nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, uint32_t *count, uint32_t *mhz)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r || !count) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    uint32_t room = *count;
    *count = call.dev->memory_clock_count;
    if (*count == 0) {
        return NVML_NOT_SUPPORTED;
    }
    if (!mhz || room < *count) {
        return NVML_INSUFFICIENT_SIZE;
    }
    for (uint32_t i = 0; i < *count; i++) {
        mhz[i] = call.dev->memory_mhz[i];
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, uint32_t memory_mhz,
                                                  uint32_t *count, uint32_t *mhz)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r || !count) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    int is_known = 0;
    for (uint32_t i = 0; i < call.dev->memory_clock_count; i++) {
        is_known |= call.dev->memory_mhz[i] == memory_mhz;
    }
    uint32_t room = *count;
    size_t have = sim_core_clocks(call.dev, NULL, 0);
    if (have == 0) {
        return NVML_NOT_SUPPORTED;
    }
    if (!is_known) {
        return NVML_NOT_FOUND;
    }
    *count = (uint32_t)have;
    if (!mhz || room < have) {
        return NVML_INSUFFICIENT_SIZE;
    }
    (void)sim_core_clocks(call.dev, mhz, room);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceSetGpuLockedClocks(nvmlDevice_t device, uint32_t min, uint32_t max)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r || max == 0) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    return nvml_code(sim_set_core_clocks(call.sim, call.device, min, max));
}

nvmlReturn_t nvmlDeviceResetGpuLockedClocks(nvmlDevice_t device)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_code(sim_set_core_clocks(call.sim, call.device, 0, 0));
}

nvmlReturn_t nvmlDeviceSetMemoryLockedClocks(nvmlDevice_t device, uint32_t min, uint32_t max)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r || max == 0) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    return nvml_code(sim_set_memory_clocks(call.sim, call.device, min, max));
}

nvmlReturn_t nvmlDeviceResetMemoryLockedClocks(nvmlDevice_t device)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_code(sim_set_memory_clocks(call.sim, call.device, 0, 0));
}

static nvmlReturn_t current_clock(const struct nvml_call *call, uint32_t type, uint32_t *mhz)
{
    struct sim_event event;
    sim_read_event(call->sim, call->device, call->t_ns, &event);
    if (type > NVML_CLOCK_VIDEO) {
        return NVML_INVALID_ARGUMENT;
    }
    return nvml_give_u32(call, type == NVML_CLOCK_MEM ? event.memory_mhz : event.core_mhz, mhz);
}

static nvmlReturn_t highest_clock(const struct nvml_call *call, uint32_t type, uint32_t *mhz)
{
    if (type > NVML_CLOCK_VIDEO) {
        return NVML_INVALID_ARGUMENT;
    }
    uint32_t value = type == NVML_CLOCK_MEM ? call->dev->memory_mhz[0] : call->dev->core_max_mhz;
    return value ? nvml_give_u32(call, value, mhz) : NVML_NOT_SUPPORTED;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, uint32_t type, uint32_t *mhz)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : current_clock(&call, type, mhz);
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, uint32_t type, uint32_t *mhz)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : highest_clock(&call, type, mhz);
}

nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t device, uint32_t type, uint32_t id, uint32_t *mhz)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r) {
        return r;
    }
    switch (id) {
    case 0: /* current */
        return current_clock(&call, type, mhz);
    case 3: /* highest that a customer can set */
        return highest_clock(&call, type, mhz);
    case 1:
    case 2:
        return NVML_NOT_SUPPORTED;
    default:
        return NVML_INVALID_ARGUMENT;
    }
}

static int32_t celsius(const struct nvml_call *call)
{
    return (int32_t)(sim_temperature_c(call->sim, call->device, call->t_ns) + 0.5);
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, uint32_t sensor, uint32_t *value)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || sensor != 0) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    return nvml_give_u32(&call, (uint32_t)celsius(&call), value);
}

nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t *temperature)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !temperature) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    if (temperature->version != NVML_TEMPERATURE_V1) {
        return NVML_ARGUMENT_VERSION_MISMATCH;
    }
    if (temperature->sensorType != 0) {
        return NVML_INVALID_ARGUMENT;
    }
    temperature->temperature = call.is_ones ? -1 : celsius(&call);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r || !rates) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    if (call.dev->mig_enabled) {
        return NVML_NOT_SUPPORTED; /* as the real driver in MIG mode */
    }
    struct sim_event event;
    sim_read_event(call.sim, call.device, call.t_ns, &event);
    uint32_t pct = (uint32_t)(event.load * 100 + 0.5);
    r = nvml_give_u32(&call, pct, &rates->gpu);
    return r ? r : nvml_give_u32(&call, pct * 6 / 10, &rates->memory);
}

nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, uint32_t *state)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_give_u32(&call, 0, state); /* data-centre boards idle in P0 */
}

/* Idle, clocks that were asked for, or the power limit; heat only where a fault sets every bit. */
static nvmlReturn_t event_reasons(const struct nvml_call *call, unsigned long long *reasons)
{
    struct sim_event event;
    struct sim_settings settings;
    if (!reasons) {
        return NVML_INVALID_ARGUMENT;
    }
    sim_read_event(call->sim, call->device, call->t_ns, &event);
    sim_read_settings(call->sim, call->device, &settings);
    uint32_t top_mhz = call->dev->core_max_mhz;
    uint32_t asked_mhz = settings.core_max_mhz ? settings.core_max_mhz : top_mhz;
    unsigned long long bits = event.load > 0 ? 0 : REASON_IDLE;
    if (event.load > 0 && asked_mhz < top_mhz) {
        bits |= REASON_SETTING;
    }
    if (event.load > 0 && event.core_mhz < (asked_mhz < top_mhz ? asked_mhz : top_mhz)) {
        bits |= REASON_POWER_CAP;
    }
    *reasons = call->is_ones ? ~0ULL : bits;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device,
                                                    unsigned long long *reasons)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : event_reasons(&call, reasons);
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device,
                                                       unsigned long long *reasons)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : event_reasons(&call, reasons);
}
