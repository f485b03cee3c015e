/* SPDX-License-Identifier: Apache-2.0
 *
 * Temperature, clocks, load, memory and throttling of a GPU. The temperature has a newer, versioned
 * call; drivers that lack it, or refuse its version, are asked through the older one.
 */
#include "device/nvml/nvml.h"

#include "base/macro.h"

int nvml_read_temperature(struct device *device, int32_t *ret_c, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    const struct nvml_lib *lib = &dev->lib;
    int r = nvml_check_call(dev, lib->temperature_v || lib->temperature, "nvmlDeviceGetTemperature",
                            err);
    if (r < 0) {
        return r;
    }
    nvml_code code = NVML_FUNCTION_NOT_FOUND;
    if (lib->temperature_v) {
        struct nvml_temperature reading = {.version = NVML_TEMPERATURE_V1,
                                           .sensor = NVML_SENSOR_GPU};
        code = lib->temperature_v(dev->handle, &reading);
        if (code == NVML_SUCCESS) {
            *ret_c = reading.temperature_c;
            return 0;
        }
    }
    int is_refused = nvml_code_is_definitive(code) || code == NVML_ARGUMENT_VERSION_MISMATCH;
    if (is_refused && lib->temperature) {
        unsigned int temperature_c = 0;
        code = lib->temperature(dev->handle, NVML_SENSOR_GPU, &temperature_c);
        if (code == NVML_SUCCESS) {
            *ret_c = (int32_t)temperature_c; /* the older call carries negative ones so as well */
            return 0;
        }
    }
    return nvml_check_code(dev, code, "temperature", err);
}

static nvml_code read_clock(const struct nvml_device *dev, unsigned int kind, uint32_t bit,
                            uint32_t *clock_mhz, zeus_activity *activity)
{
    if (!dev->lib.clock) {
        return NVML_FUNCTION_NOT_FOUND;
    }
    unsigned int value_mhz = 0;
    nvml_code code = dev->lib.clock(dev->handle, kind, &value_mhz);
    if (code == NVML_SUCCESS) {
        *clock_mhz = value_mhz;
        activity->valid |= bit;
    }
    return code;
}

static nvml_code read_load(const struct nvml_device *dev, zeus_activity *activity)
{
    if (!dev->lib.utilization) {
        return NVML_FUNCTION_NOT_FOUND;
    }
    struct nvml_utilization load = {0};
    nvml_code code = dev->lib.utilization(dev->handle, &load);
    if (code == NVML_SUCCESS) {
        activity->gpu_pct = load.gpu_pct;
        activity->memory_pct = load.memory_pct;
        activity->valid |= ZEUS_ACTIVITY_GPU_LOAD | ZEUS_ACTIVITY_MEMORY_LOAD;
    }
    return code;
}

/* Each part on its own: a partitioned GPU has clocks but no load. Fails when nothing answers. */
int nvml_read_activity(struct device *device, zeus_activity *ret_activity, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int r =
        nvml_check_call(dev, dev->lib.clock || dev->lib.utilization, "nvmlDeviceGetClockInfo", err);
    if (r < 0) {
        return r;
    }
    zeus_activity activity = {0};
    nvml_code code = read_clock(dev, NVML_CLOCK_GRAPHICS, ZEUS_ACTIVITY_GRAPHICS_CLOCK,
                                &activity.graphics_mhz, &activity);
    (void)read_clock(dev, NVML_CLOCK_MEM, ZEUS_ACTIVITY_MEMORY_CLOCK, &activity.memory_mhz,
                     &activity); /* absence shows in `valid` */
    nvml_code load_code = read_load(dev, &activity);
    if (activity.valid == 0) {
        return nvml_check_code(dev, dev->lib.clock ? code : load_code, "clocks and load", err);
    }
    *ret_activity = activity;
    return 0;
}

int nvml_read_memory(struct device *device, struct device_memory *ret_memory, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    struct nvml_memory memory = {0};
    int r = nvml_check_call(dev, dev->lib.memory != NULL, "nvmlDeviceGetMemoryInfo", err);
    r = r < 0 ? r
              : nvml_check_code(dev, dev->lib.memory(dev->handle, &memory), "memory in use", err);
    if (r == 0) {
        *ret_memory = (struct device_memory){memory.used_bytes, memory.total_bytes};
    }
    return r;
}

/* Bits of nvmlDeviceGetCurrentClocksEventReasons (nvml.h, nvmlClocksEventReasons). */
static const struct throttle_row {
    unsigned long long vendor;
    uint32_t reason;
} throttle_rows[] = {
    {0x1, ZEUS_THROTTLE_IDLE},      {0x2, ZEUS_THROTTLE_SETTING},
    {0x4, ZEUS_THROTTLE_POWER_CAP}, {0x8, ZEUS_THROTTLE_SLOWDOWN},
    {0x10, ZEUS_THROTTLE_SYNC},     {0x20, ZEUS_THROTTLE_THERMAL},
    {0x40, ZEUS_THROTTLE_THERMAL},  {0x80, ZEUS_THROTTLE_POWER_BRAKE},
    {0x100, ZEUS_THROTTLE_DISPLAY},
};

int nvml_read_throttle(struct device *device, uint32_t *ret_reasons, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int r = nvml_check_call(dev, dev->lib.throttle != NULL,
                            "nvmlDeviceGetCurrentClocksEventReasons", err);
    if (r < 0) {
        return r;
    }
    unsigned long long bits = 0;
    r = nvml_check_code(dev, dev->lib.throttle(dev->handle, &bits), "reasons for throttling", err);
    if (r < 0) {
        return r;
    }
    uint32_t reasons = 0;
    for (size_t i = 0; i < ARRAY_LEN(throttle_rows); i++) {
        reasons |= bits & throttle_rows[i].vendor ? throttle_rows[i].reason : 0;
        bits &= ~throttle_rows[i].vendor;
    }
    *ret_reasons = reasons | (bits ? ZEUS_THROTTLE_OTHER : 0);
    return 0;
}
