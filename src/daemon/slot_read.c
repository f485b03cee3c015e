/* SPDX-License-Identifier: Apache-2.0
 *
 * One reading each, and the note of how it went.
 */
#include "daemon/slot_read.h"

#include "base/clock.h"
#include "base/err.h"
#include "daemon/node.h"
#include "daemon/observer.h"

#define READ_LONG_NS UINT64_C(1000000)
#define READ_TRIES   2

static void stamp(struct reading *reading)
{
    reading->t_ns = clock_monotonic_ns();
    reading->wall_ms = clock_wall_ns() / 1000000u;
}

int slot_read_power(struct slot *slot, uint64_t *ret_mw, zeus_error *err)
{
    zeus_power_sample sample = {0};
    struct device *device = slot_enter(slot);
    int r =
        device_read_power(device, slot_main_domain(device), slot_power_field(device), &sample, err);
    slot_leave(slot);
    slot_note(slot, r, err);
    if (r < 0) {
        return r;
    }
    mutex_lock(&slot->lock);
    slot->latest.power_uw = sample.power_uw;
    slot->latest.valid |= READING_POWER;
    stamp(&slot->latest);
    slot->latest.power_ns = sample.time_ns;
    mutex_unlock(&slot->lock);
    *ret_mw = sample.power_uw / 1000u;
    return 0;
}

/* A thread that loses its processor inside a read does not know when the counter was looked at;
 * then it is looked at again, and the reading known best is taken. Power is energy over time: a
 * wrong time makes a wrong power. */
static int read_timed(struct slot *slot, struct device *device, uint32_t domain,
                      zeus_energy_sample *ret_sample, zeus_error *err)
{
    int r = device_read_energy(device, domain, ret_sample, err);
    for (int i = 0; i < READ_TRIES && r == 0 && slot->kind == ZEUS_KIND_CPU &&
                    ret_sample->latency_ns > READ_LONG_NS;
         i++) {
        zeus_energy_sample again = {0};
        r = device_read_energy(device, domain, &again, err);
        *ret_sample = r == 0 && again.latency_ns < ret_sample->latency_ns ? again : *ret_sample;
    }
    return r;
}

static int read_domain(struct slot *slot, int domain, zeus_energy_sample *ret_sample,
                       uint32_t *ret_holes, zeus_error *err)
{
    struct device *device = slot_enter(slot);
    int r = read_timed(slot, device, (uint32_t)domain, ret_sample, err);
    if (r == ZEUS_ESTALE) {
        /* Told once after a gap in the counter; the total goes on from here. */
        r = read_timed(slot, device, (uint32_t)domain, ret_sample, err);
    }
    *ret_holes = device_energy_holes(device, (uint32_t)domain);
    slot_leave(slot);
    slot_note(slot, r, err);
    return r;
}

int slot_read_energy(struct slot *slot, uint64_t *ret_uj, zeus_error *err)
{
    zeus_energy_sample sample = {0};
    struct device *device = slot_enter(slot);
    int domain = (int)slot_main_domain(device);
    slot_leave(slot);
    uint32_t holes = 0;
    int r = read_domain(slot, domain, &sample, &holes, err);
    if (r < 0) {
        return r;
    }
    mutex_lock(&slot->lock);
    slot->latest.energy_uj = sample.energy_uj;
    slot->latest.energy_holes = holes;
    slot->latest.valid |= READING_ENERGY;
    stamp(&slot->latest);
    slot->latest.energy_ns = sample.time_ns;
    mutex_unlock(&slot->lock);
    *ret_uj = sample.energy_uj;
    return 0;
}

static int dram_domain(struct slot *slot)
{
    struct device *device = slot_enter(slot);
    int domain = slot_find_domain(device, ZEUS_DOMAIN_DRAM);
    slot_leave(slot);
    return domain;
}

int slot_read_dram_energy(struct slot *slot, uint64_t *ret_uj, zeus_error *err)
{
    zeus_energy_sample sample = {0};
    int domain = dram_domain(slot);
    if (domain < 0) {
        return err_set(err, ZEUS_ENOTSUP, "CPU %u has no memory domain", slot->id);
    }
    uint32_t holes = 0;
    int r = read_domain(slot, domain, &sample, &holes, err);
    if (r < 0) {
        return r;
    }
    mutex_lock(&slot->lock);
    slot->latest.dram_energy_uj = sample.energy_uj;
    slot->latest.dram_energy_holes = holes;
    slot->latest.valid |= READING_DRAM_ENERGY;
    stamp(&slot->latest);
    slot->latest.dram_energy_ns = sample.time_ns;
    mutex_unlock(&slot->lock);
    *ret_uj = sample.energy_uj;
    return 0;
}

int slot_read_temperature(struct slot *slot, int32_t *ret_c, zeus_error *err)
{
    int32_t temperature_c = 0;
    struct device *device = slot_enter(slot);
    int r = device_read_temperature(device, &temperature_c, err);
    slot_leave(slot);
    slot_note(slot, r, err);
    if (r < 0) {
        return r;
    }
    mutex_lock(&slot->lock);
    slot->latest.temperature_c = temperature_c;
    slot->latest.valid |= READING_TEMPERATURE;
    slot->latest.temperature_ns = clock_monotonic_ns();
    mutex_unlock(&slot->lock);
    *ret_c = temperature_c;
    return 0;
}

int slot_read_activity(struct slot *slot, zeus_activity *ret_activity, zeus_error *err)
{
    zeus_activity activity = {0};
    struct device *device = slot_enter(slot);
    int r = device_read_activity(device, &activity, err);
    slot_leave(slot);
    slot_note(slot, r, err);
    if (r < 0) {
        return r;
    }
    mutex_lock(&slot->lock);
    struct reading *latest = &slot->latest;
    latest->valid &= ~(READING_GRAPHICS | READING_MEMORY | READING_LOAD | READING_MEMORY_LOAD);
    latest->valid |= activity.valid & ZEUS_ACTIVITY_GRAPHICS_CLOCK ? READING_GRAPHICS : 0;
    latest->valid |= activity.valid & ZEUS_ACTIVITY_MEMORY_CLOCK ? READING_MEMORY : 0;
    latest->valid |= activity.valid & ZEUS_ACTIVITY_GPU_LOAD ? READING_LOAD : 0;
    latest->valid |= activity.valid & ZEUS_ACTIVITY_MEMORY_LOAD ? READING_MEMORY_LOAD : 0;
    latest->memory_load_pct = activity.memory_pct;
    latest->graphics_mhz = activity.graphics_mhz;
    latest->memory_mhz = activity.memory_mhz;
    latest->load_pct = activity.gpu_pct;
    latest->activity_ns = clock_monotonic_ns();
    mutex_unlock(&slot->lock);
    *ret_activity = activity;
    return 0;
}

int slot_read_limits(struct slot *slot, zeus_power_limits *ret_limits, zeus_error *err)
{
    zeus_power_limits limits = {0};
    struct device *device = slot_enter(slot);
    int r = device_read_power_limits(device, &limits, err);
    slot_leave(slot);
    slot_note(slot, r, err);
    if (r < 0) {
        return r;
    }
    mutex_lock(&slot->lock);
    slot->latest.limit_uw = limits.current_uw;
    slot->latest.limit_default_uw = limits.default_uw;
    slot->latest.limit_min_uw = limits.min_uw;
    slot->latest.limit_max_uw = limits.max_uw;
    slot->latest.valid |= READING_LIMITS;
    slot->latest.limits_ns = clock_monotonic_ns();
    mutex_unlock(&slot->lock);
    *ret_limits = limits;
    return 0;
}

int slot_read_persistence(struct slot *slot, int *ret_is_enabled, zeus_error *err)
{
    struct device *device = slot_enter(slot);
    int r = device_read_persistence(device, ret_is_enabled, err);
    slot_leave(slot);
    slot_note(slot, r, err);
    if (r == 0) {
        mutex_lock(&slot->lock);
        slot->latest.is_persistent = *ret_is_enabled != 0;
        slot->latest.persistence_ns = clock_monotonic_ns();
        mutex_unlock(&slot->lock);
    }
    return r;
}

/* What nobody asked for by name: a driver that does not tell it is not a device that is down. */
static void note_aside(struct slot *slot, int code, const zeus_error *err)
{
    slot_note(slot, code == 0 || slot_is_loss(code) ? code : ZEUS_ENOTSUP, err);
}

static void refresh_usage(struct slot *slot)
{
    zeus_error err = {0};
    int is_enabled = 0;
    size_t processes = 0;
    struct device_memory memory = {0};
    struct device *device = slot_enter(slot);
    int persistence = device_read_persistence(device, &is_enabled, &err);
    int list = device_read_processes(device, NULL, 0, &processes, &err);
    list = list == ZEUS_ETOOSMALL ? 0 : list; /* only how many there are is wanted */
    int usage = device_read_memory(device, &memory, &err);
    slot_leave(slot);
    uint64_t now_ns = clock_monotonic_ns();
    mutex_lock(&slot->lock);
    struct reading *latest = &slot->latest;
    latest->is_persistent = is_enabled != 0;
    latest->persistence_ns = persistence == 0 ? now_ns : 0;
    latest->processes = processes;
    latest->processes_ns = list == 0 ? now_ns : 0;
    latest->memory_used_bytes = memory.used_bytes;
    latest->memory_size_bytes = memory.size_bytes;
    latest->memory_ns = usage == 0 ? now_ns : 0;
    mutex_unlock(&slot->lock);
    note_aside(slot, persistence, &err);
    note_aside(slot, list, &err);
    note_aside(slot, usage, &err);
}

int slot_has_counter(struct slot *slot)
{
    struct device *device = slot_enter(slot);
    uint32_t domain = slot_main_domain(device);
    int has = domain < device->domain_count &&
              device->domains[domain].source == ZEUS_SOURCE_COUNTER &&
              !(device->domains[domain].flags & ZEUS_DOMAIN_SUSPECT);
    slot_leave(slot);
    return has;
}

int slot_has_dram(struct slot *slot)
{
    return dram_domain(slot) >= 0;
}

static void refresh(struct slot *slot)
{
    uint64_t value = 0;
    int32_t temperature_c = 0;
    zeus_activity activity = {0};
    zeus_power_limits limits = {0};
    zeus_error err = {0};
    /* What a device does not have is no failure of it: the reading says what is valid. */
    if (slot->kind == ZEUS_KIND_CPU) {
        if (slot_read_energy(slot, &value, &err) == 0 && slot_has_dram(slot)) {
            (void)!slot_read_dram_energy(slot, &value, &err);
        }
        return;
    }
    (void)!slot_read_power(slot, &value, &err);
    if (slot_has_counter(slot)) {
        (void)!slot_read_energy(slot, &value, &err);
    }
    (void)!slot_read_temperature(slot, &temperature_c, &err);
    (void)!slot_read_activity(slot, &activity, &err);
    refresh_usage(slot);
    (void)!slot_read_limits(slot, &limits, &err);
}

void slot_refresh(struct slot *slot)
{
    refresh(slot);
    observer_see(slot->node->observer, slot);
}
