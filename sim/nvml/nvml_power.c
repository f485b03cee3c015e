/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated NVML: power, energy, fields, limits, persistence.
 */
#include <string.h>

#include "base/clock.h"
#include "nvml/nvml_call.h"

static uint32_t mw_of(double w)
{
    return (uint32_t)(w * 1000 + 0.5);
}

static nvmlReturn_t read_sensor(const struct nvml_call *call, const char *sensor, uint32_t *mw)
{
    struct sim_reading reading;
    int r = sim_sensor_read(call->sim, call->device, sensor, call->t_ns, &reading);
    if (r < 0) {
        return nvml_code(r);
    }
    return nvml_give_u32(call, mw_of(reading.value_w), mw);
}

static nvmlReturn_t read_energy(const struct nvml_call *call, unsigned long long *mj)
{
    struct sim_count count;
    int r = sim_counter_read(call->sim, call->device, "energy", call->t_ns, &count);
    if (r < 0) {
        return nvml_code(r);
    }
    *mj = call->is_ones ? UINT64_MAX : count.energy_uj / 1000;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *mj)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r || !mj) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    return read_energy(&call, mj);
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, uint32_t *mw)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : read_sensor(&call, "usage", mw);
}

/* Which sensor stands behind a power field and scope. */
static const struct {
    uint32_t field;
    uint32_t scope;
    const char *sensor;
} power_fields[] = {
    {NVML_FI_POWER_AVERAGE, NVML_SCOPE_GPU, "average"},
    {NVML_FI_POWER_AVERAGE, NVML_SCOPE_MODULE, "module_average"},
    {NVML_FI_POWER_AVERAGE, NVML_SCOPE_MEMORY, "memory"},
    {NVML_FI_POWER_INSTANT, NVML_SCOPE_GPU, "instant"},
    {NVML_FI_POWER_INSTANT, NVML_SCOPE_MODULE, "module_instant"},
};

static nvmlReturn_t read_limit_field(const struct nvml_call *call, uint32_t field, uint32_t *mw)
{
    const struct sim_device *dev = call->dev;
    struct sim_settings settings;
    if (dev->limit_max_w <= 0) {
        return NVML_NOT_SUPPORTED;
    }
    sim_read_settings(call->sim, call->device, &settings);
    switch (field) {
    case NVML_FI_POWER_MIN_LIMIT:
        return nvml_give_u32(call, mw_of(dev->limit_min_w), mw);
    case NVML_FI_POWER_MAX_LIMIT:
        return nvml_give_u32(call, mw_of(dev->limit_max_w), mw);
    case NVML_FI_POWER_DEFAULT_LIMIT:
        return nvml_give_u32(call, mw_of(dev->limit_default_w), mw);
    case NVML_FI_POWER_CURRENT_LIMIT:
    case NVML_FI_POWER_REQUESTED_LIMIT:
        return nvml_give_u32(call, mw_of(settings.limit_w), mw);
    default:
        return NVML_NOT_SUPPORTED;
    }
}

static nvmlReturn_t read_field(const struct nvml_call *call, nvmlFieldValue_t *value)
{
    if (value->fieldId == NVML_FI_TOTAL_ENERGY || value->fieldId == NVML_FI_ENERGY) {
        unsigned long long mj = 0;
        nvmlReturn_t r = value->scopeId == 0 ? read_energy(call, &mj) : NVML_INVALID_ARGUMENT;
        value->valueType = NVML_VALUE_ULL;
        value->value.ullVal = mj;
        return r;
    }
    value->valueType = NVML_VALUE_UINT;
    value->value.ullVal = 0;
    for (size_t i = 0; i < sizeof(power_fields) / sizeof(power_fields[0]); i++) {
        if (power_fields[i].field == value->fieldId && power_fields[i].scope == value->scopeId) {
            return read_sensor(call, power_fields[i].sensor, &value->value.uiVal);
        }
    }
    return read_limit_field(call, value->fieldId, &value->value.uiVal);
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !values || count <= 0) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    for (int i = 0; i < count; i++) {
        values[i].timestamp = (int64_t)(clock_wall_ns() / 1000);
        values[i].latencyUsec = 0;
        values[i].nvmlReturn = call.mig ? NVML_NOT_SUPPORTED : read_field(&call, &values[i]);
    }
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, uint32_t *mode)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_give_u32(&call, call.dev->limit_max_w > 0, mode);
}

static nvmlReturn_t limit(nvmlDevice_t device, uint32_t field, uint32_t *mw, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, function, NVML_BOARD_ONLY);
    return r ? r : read_limit_field(&call, field, mw);
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, uint32_t *mw)
{
    return limit(device, NVML_FI_POWER_CURRENT_LIMIT, mw, __func__);
}

nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, uint32_t *mw)
{
    return limit(device, NVML_FI_POWER_DEFAULT_LIMIT, mw, __func__);
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, uint32_t *mw)
{
    return limit(device, NVML_FI_POWER_CURRENT_LIMIT, mw, __func__);
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, uint32_t *min_mw,
                                                          uint32_t *max_mw)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    r = r ? r : read_limit_field(&call, NVML_FI_POWER_MIN_LIMIT, min_mw);
    return r ? r : read_limit_field(&call, NVML_FI_POWER_MAX_LIMIT, max_mw);
}

static nvmlReturn_t set_limit(nvmlDevice_t device, uint32_t mw, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, function, NVML_BOARD_ONLY);
    return r ? r : nvml_code(sim_set_limit_w(call.sim, call.device, mw / 1000.0));
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, uint32_t mw)
{
    return set_limit(device, mw, __func__);
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit_v2(nvmlDevice_t device, nvmlPowerValue_v2_t *value)
{
    if (!value) {
        return NVML_INVALID_ARGUMENT;
    }
    if (value->version != NVML_POWER_VALUE_V2) {
        return NVML_ARGUMENT_VERSION_MISMATCH;
    }
    if (value->powerScope != NVML_SCOPE_GPU) {
        return NVML_NOT_SUPPORTED;
    }
    return set_limit(device, value->powerValueMw, __func__);
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, uint32_t *mode)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !call.dev->has_persistence) {
        return r ? r : NVML_NOT_SUPPORTED;
    }
    struct sim_settings settings;
    sim_read_settings(call.sim, call.device, &settings);
    return nvml_give_u32(&call, settings.persistence, mode);
}

nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, uint32_t mode)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_code(sim_set_persistence(call.sim, call.device, mode));
}
