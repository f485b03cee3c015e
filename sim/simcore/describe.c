/* SPDX-License-Identifier: Apache-2.0
 *
 * Look-ups in a simulation's description, which never changes after creation: devices, attributes,
 * channels, sensors, counters. No lock is needed.
 */
#include <string.h>

#include "base/parse.h"
#include "simcore/state.h"

uint32_t sim_device_count(const struct sim *sim)
{
    return sim->file->device_count;
}

const struct sim_device *sim_device(const struct sim *sim, uint32_t index)
{
    return index < sim->file->device_count ? &sim->devices[index] : NULL;
}

uint32_t sim_kind_count(const struct sim *sim, uint32_t kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->file->device_count; i++) {
        count += sim->devices[i].kind == kind;
    }
    return count;
}

uint32_t sim_kind_device(const struct sim *sim, uint32_t kind, uint32_t nth)
{
    for (uint32_t i = 0; i < sim->file->device_count; i++) {
        if (sim->devices[i].kind == kind && sim->devices[i].kind_index == nth) {
            return i;
        }
    }
    return SIM_NONE;
}

uint32_t sim_device_find(const struct sim *sim, const char *id)
{
    for (uint32_t i = 0; i < sim->file->device_count; i++) {
        if (strcmp(sim->devices[i].id, id) == 0) {
            return i;
        }
    }
    return SIM_NONE;
}

static const char *find_attr(const struct sim *sim, uint32_t first, uint32_t count, const char *key)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(sim->attrs[first + i].key, key) == 0) {
            return sim->attrs[first + i].value;
        }
    }
    return NULL;
}

const char *sim_node_text(const struct sim *sim, const char *key)
{
    return find_attr(sim, 0, sim->file->node_attr_count, key);
}

const char *sim_attr(const struct sim *sim, uint32_t device, const char *key)
{
    const struct sim_device *dev = sim_device(sim, device);
    return dev ? find_attr(sim, dev->first_attr, dev->attr_count, key) : NULL;
}

uint64_t sim_attr_u64(const struct sim *sim, uint32_t device, const char *key, uint64_t fallback)
{
    const char *text = sim_attr(sim, device, key);
    uint64_t value = fallback;
    if (text && parse_u64(text, strlen(text), &value) < 0) {
        return fallback;
    }
    return value;
}

size_t sim_core_clocks(const struct sim_device *device, uint32_t *mhz, size_t capacity)
{
    size_t count = 0;
    if (device->core_max_mhz == 0) {
        return 0;
    }
    for (double clock = device->core_max_mhz; clock >= (double)device->core_min_mhz - 0.5;
         clock -= device->core_step_mhz) {
        if (mhz && count < capacity) {
            mhz[count] = (uint32_t)clock;
        }
        count++;
    }
    return count;
}

uint32_t sim_channel_count(const struct sim *sim)
{
    return sim->file->channel_count;
}

const struct sim_channel *sim_channel(const struct sim *sim, uint32_t channel)
{
    return channel < sim->file->channel_count ? &sim->channels[channel] : NULL;
}

uint32_t sim_channel_find(const struct sim *sim, uint32_t device, const char *name)
{
    const struct sim_device *dev = sim_device(sim, device);
    if (!dev || dev->channel_count == 0) {
        return SIM_NONE;
    }
    if (!name || name[0] == '\0') {
        return dev->first_channel;
    }
    for (uint32_t i = 0; i < dev->channel_count; i++) {
        if (strcmp(sim->channels[dev->first_channel + i].name, name) == 0) {
            return dev->first_channel + i;
        }
    }
    return SIM_NONE;
}

const struct sim_sensor *sim_sensor_find(const struct sim_device *device, const char *name)
{
    for (uint32_t i = 0; i < device->sensor_count; i++) {
        if (strcmp(device->sensors[i].name, name) == 0) {
            return &device->sensors[i];
        }
    }
    return NULL;
}

const struct sim_counter *sim_counter_find(const struct sim_device *device, const char *name)
{
    for (uint32_t i = 0; i < device->counter_count; i++) {
        if (strcmp(device->counters[i].name, name) == 0) {
            return &device->counters[i];
        }
    }
    return NULL;
}
