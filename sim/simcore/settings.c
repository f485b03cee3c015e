/* SPDX-License-Identifier: Apache-2.0
 *
 * What changes: limits, clocks and announced load, and the log that makes the truth a function of
 * time. Each change appends one event that holds everything in force from then on and the energy
 * spent before it.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>

#include "base/macro.h"
#include "simcore/state.h"

#define LOG_RESERVE    (SIM_LOAD_SLOTS + 8) /* events kept free for loads that end */
#define REAP_PERIOD_NS INT64_C(10000000)
#define NEVER_NS       INT64_MAX

/* Highest share of the clock in [low, high] at which the first channel stays below the limit. */
static double throttle(const struct sim *sim, const struct sim_device *device, double load,
                       double limit_w, double low, double high, double memory)
{
    if (limit_w <= 0 || load <= 0 || device->channel_count == 0) {
        return high;
    }
    const struct sim_channel *channel = &sim->channels[device->first_channel];
    if (channel->is_sum || !channel->is_capped) {
        return high;
    }
    double dynamic_w = load * channel->dynamic_w;
    double fixed_w = channel->max_w + dynamic_w * channel->memory_share * memory;
    double core_w = dynamic_w * (1 - channel->memory_share);
    if (fixed_w + core_w * (0.3 * high + 0.7 * high * high * high) <= limit_w) {
        return high;
    }
    for (int i = 0; i < 50; i++) {
        double x = 0.5 * (low + high);
        if (fixed_w + core_w * (0.3 * x + 0.7 * x * x * x) > limit_w) {
            high = x;
        } else {
            low = x;
        }
    }
    return low;
}

/* The supported memory clock nearest below the locked maximum. */
static uint32_t memory_clock_mhz(const struct sim_device *device)
{
    const struct sim_settings *settings = &device->live.settings;
    if (device->memory_clock_count == 0) {
        return 0;
    }
    if (settings->memory_max_mhz == 0) {
        return device->memory_mhz[0];
    }
    for (uint32_t i = 0; i < device->memory_clock_count; i++) {
        if (device->memory_mhz[i] <= settings->memory_max_mhz) {
            return device->memory_mhz[i];
        }
    }
    return device->memory_mhz[device->memory_clock_count - 1];
}

static double work_speed(const struct sim_device *device, double core, double memory)
{
    if (device->units_per_s <= 0) {
        return 0;
    }
    double share = device->compute_share;
    return device->units_per_s / (share / core + (1 - share) / memory);
}

/* Everything in force, from settings and loads; prefixes and time are the caller's. */
static struct sim_event compose(const struct sim *sim, const struct sim_device *device)
{
    const struct sim_live *live = &device->live;
    struct sim_event event = {.limit_w = live->settings.limit_w, .core = 1, .memory = 1};
    for (uint32_t i = 0; i < SIM_LOAD_SLOTS; i++) {
        event.crowd += live->loads[i].id ? live->loads[i].level : 0;
    }
    event.load = fmin(event.crowd, 1);
    event.memory_mhz = memory_clock_mhz(device);
    if (device->memory_clock_count > 0) {
        event.memory = (double)event.memory_mhz / device->memory_mhz[0];
    }
    if (device->core_max_mhz > 0) {
        double top = device->core_max_mhz;
        const struct sim_settings *settings = &live->settings;
        double high = settings->core_max_mhz ? fmin(settings->core_max_mhz, top) : top;
        event.core = throttle(sim, device, event.load, event.limit_w, device->core_min_mhz / top,
                              high / top, event.memory);
        event.core_mhz = (uint32_t)(event.core * top + 0.5);
        if (event.load <= 0) {
            event.core_mhz = MAX_OF(device->core_idle_mhz, settings->core_min_mhz);
        }
    }
    event.speed = work_speed(device, event.core, event.memory);
    return event;
}

static int is_same(const struct sim_event *a, const struct sim_event *b)
{
    return a->crowd == b->crowd && a->limit_w == b->limit_w && a->core == b->core &&
           a->memory == b->memory && a->core_mhz == b->core_mhz;
}

/* Appends the present state at t (or right after the last event when that is later). */
static int append(struct sim *sim, uint32_t index, int64_t t_ns, uint32_t reserve)
{
    struct sim_device *device = &sim->devices[index];
    struct sim_event *events = sim_state_events(sim, index);
    uint32_t count = device->live.event_count;
    struct sim_event event = compose(sim, device);
    if (count > 0 && is_same(&events[count - 1], &event)) {
        return 0;
    }
    if (count + reserve >= sim->file->log_capacity) {
        return ZEUS_ELIMIT;
    }
    event.t_ns = count > 0 ? MAX_OF(t_ns, events[count - 1].t_ns) : t_ns;
    for (uint32_t i = 0; i < device->channel_count && count > 0; i++) {
        const struct sim_channel *channel = &sim->channels[device->first_channel + i];
        if (!channel->is_sum) {
            event.prefix_j[channel->slot] =
                sim_truth_energy_j(sim, device->first_channel + i, event.t_ns);
        }
    }
    events[count] = event;
    device->live.event_count = count + 1; /* last: a writer that dies before leaves nothing */
    return 0;
}

void sim_settings_start(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->file->device_count; i++) {
        struct sim_live *live = &sim->devices[i].live;
        *live = (struct sim_live){.settings.limit_w = sim->devices[i].limit_default_w};
        (void)append(sim, i, 0, 0); /* the log is empty and has room */
    }
}

static void drop_dead_owners(struct sim_live *live, int64_t now_ns)
{
    if (now_ns - live->reaped_ns < REAP_PERIOD_NS && now_ns >= live->reaped_ns) {
        return;
    }
    live->reaped_ns = now_ns;
    for (uint32_t i = 0; i < SIM_LOAD_SLOTS; i++) {
        struct sim_load *load = &live->loads[i];
        if (load->id && load->pid > 0 && kill(load->pid, 0) < 0 && errno == ESRCH) {
            load->end_ns = MIN_OF(load->end_ns, now_ns);
        }
    }
}

static struct sim_load *first_to_end(struct sim_live *live)
{
    struct sim_load *first = NULL;
    for (uint32_t i = 0; i < SIM_LOAD_SLOTS; i++) {
        struct sim_load *load = &live->loads[i];
        if (load->id && (!first || load->end_ns < first->end_ns)) {
            first = load;
        }
    }
    return first;
}

void sim_settings_advance(struct sim *sim, uint32_t device, int64_t now_ns)
{
    struct sim_live *live = &sim->devices[device].live;
    if (live->load_count == 0) {
        return;
    }
    drop_dead_owners(live, now_ns);
    for (;;) {
        struct sim_load *load = first_to_end(live);
        if (!load || load->end_ns > now_ns) {
            return;
        }
        load->id = 0;
        live->load_count--;
        (void)append(sim, device, load->end_ns, 0); /* room was kept when the load began */
    }
}

void sim_settings_advance_all(struct sim *sim, int64_t now_ns)
{
    for (uint32_t i = 0; i < sim->file->device_count; i++) {
        sim_settings_advance(sim, i, now_ns);
    }
}

void sim_read_settings(struct sim *sim, uint32_t device, struct sim_settings *ret_settings)
{
    *ret_settings = (struct sim_settings){0};
    if (device >= sim->file->device_count) {
        return;
    }
    sim_state_lock(sim);
    *ret_settings = sim->devices[device].live.settings;
    sim_state_unlock(sim);
}

void sim_read_event(struct sim *sim, uint32_t device, uint64_t t_ns, struct sim_event *ret_event)
{
    *ret_event = (struct sim_event){0};
    if (device >= sim->file->device_count) {
        return;
    }
    sim_state_lock(sim);
    sim_settings_advance(sim, device, sim_state_now_ns(sim));
    *ret_event = *sim_state_event_at(sim, device, sim_state_relative_ns(sim, t_ns));
    sim_state_unlock(sim);
}

/* Puts new settings in force, or leaves the old ones when the log is full. */
static int change(struct sim *sim, uint32_t device, const struct sim_settings *settings)
{
    struct sim_live *live = &sim->devices[device].live;
    int64_t now_ns = sim_state_now_ns(sim);
    sim_settings_advance(sim, device, now_ns);
    struct sim_settings before = live->settings;
    live->settings = *settings;
    int r = append(sim, device, now_ns, LOG_RESERVE);
    if (r < 0) {
        live->settings = before;
    }
    return r;
}

int sim_set_limit_w(struct sim *sim, uint32_t device, double limit_w)
{
    const struct sim_device *dev = sim_device(sim, device);
    if (!dev || dev->limit_max_w <= 0) {
        return ZEUS_ENOTSUP;
    }
    if (!(limit_w >= dev->limit_min_w && limit_w <= dev->limit_max_w)) {
        return ZEUS_EINVAL;
    }
    if (!sim_is_privileged(sim)) {
        return ZEUS_EPERM;
    }
    sim_state_lock(sim);
    struct sim_settings settings = dev->live.settings;
    settings.limit_w = limit_w;
    int r = change(sim, device, &settings);
    sim_state_unlock(sim);
    return r;
}

int sim_set_core_clocks(struct sim *sim, uint32_t device, uint32_t min_mhz, uint32_t max_mhz)
{
    const struct sim_device *dev = sim_device(sim, device);
    if (!dev || !dev->has_lock || dev->core_max_mhz == 0) {
        return ZEUS_ENOTSUP;
    }
    if (min_mhz > max_mhz || (max_mhz > 0 && max_mhz < dev->core_min_mhz)) {
        return ZEUS_EINVAL;
    }
    if (!sim_is_privileged(sim)) {
        return ZEUS_EPERM;
    }
    sim_state_lock(sim);
    struct sim_settings settings = dev->live.settings;
    settings.core_min_mhz = min_mhz;
    settings.core_max_mhz = max_mhz;
    int r = change(sim, device, &settings);
    sim_state_unlock(sim);
    return r;
}

int sim_set_memory_clocks(struct sim *sim, uint32_t device, uint32_t min_mhz, uint32_t max_mhz)
{
    const struct sim_device *dev = sim_device(sim, device);
    if (!dev || !dev->has_lock || dev->memory_clock_count == 0) {
        return ZEUS_ENOTSUP;
    }
    if (min_mhz > max_mhz) {
        return ZEUS_EINVAL;
    }
    if (!sim_is_privileged(sim)) {
        return ZEUS_EPERM;
    }
    sim_state_lock(sim);
    struct sim_settings settings = dev->live.settings;
    settings.memory_min_mhz = min_mhz;
    settings.memory_max_mhz = max_mhz;
    int r = change(sim, device, &settings);
    sim_state_unlock(sim);
    return r;
}

int sim_set_persistence(struct sim *sim, uint32_t device, uint32_t on)
{
    const struct sim_device *dev = sim_device(sim, device);
    if (!dev || !dev->has_persistence) {
        return ZEUS_ENOTSUP;
    }
    if (on > 1) {
        return ZEUS_EINVAL;
    }
    if (!sim_is_privileged(sim)) {
        return ZEUS_EPERM;
    }
    sim_state_lock(sim);
    sim->devices[device].live.settings.persistence = on;
    sim_state_unlock(sim);
    return 0;
}

int sim_set_perf_level(struct sim *sim, uint32_t device, uint32_t level)
{
    if (!sim_device(sim, device)) {
        return ZEUS_ENOTSUP;
    }
    if (!sim_is_privileged(sim)) {
        return ZEUS_EPERM;
    }
    sim_state_lock(sim);
    struct sim_settings settings = sim->devices[device].live.settings;
    settings.perf_level = level;
    if (level == 0) { /* AUTO forgets clock ranges */
        settings.core_min_mhz = settings.core_max_mhz = 0;
        settings.memory_min_mhz = settings.memory_max_mhz = 0;
    }
    int r = change(sim, device, &settings);
    sim_state_unlock(sim);
    return r;
}

static struct sim_load *free_slot(struct sim_live *live)
{
    for (uint32_t i = 0; i < SIM_LOAD_SLOTS; i++) {
        if (live->loads[i].id == 0) {
            return &live->loads[i];
        }
    }
    return NULL;
}

/* Under the lock. */
static int begin_load(struct sim *sim, uint32_t device, struct sim_load load, int64_t now_ns,
                      uint32_t *ret_id)
{
    struct sim_live *live = &sim->devices[device].live;
    sim_settings_advance(sim, device, now_ns);
    struct sim_load *slot = free_slot(live);
    if (!slot) {
        return ZEUS_ELIMIT;
    }
    load.id = ++live->next_load_id ? live->next_load_id : ++live->next_load_id;
    *slot = load;
    int r = append(sim, device, now_ns, LOG_RESERVE);
    if (r < 0) {
        slot->id = 0;
        return r;
    }
    live->load_count++;
    *ret_id = load.id;
    return 0;
}

int sim_load_begin(struct sim *sim, uint32_t device, double level, uint64_t for_ns, int32_t pid,
                   uint32_t *ret_id)
{
    if (device >= sim->file->device_count) {
        return ZEUS_ENOTFOUND;
    }
    if (!(level >= 0 && level <= 1) || for_ns > INT64_MAX / 2) {
        return ZEUS_EINVAL;
    }
    sim_state_lock(sim);
    int64_t now_ns = sim_state_now_ns(sim);
    struct sim_load load = {
        .pid = pid, .level = level, .end_ns = for_ns ? now_ns + (int64_t)for_ns : NEVER_NS};
    int r = begin_load(sim, device, load, now_ns, ret_id);
    sim_state_unlock(sim);
    return r;
}

int sim_load_end(struct sim *sim, uint32_t device, uint32_t id)
{
    if (device >= sim->file->device_count || id == 0) {
        return ZEUS_ENOTFOUND;
    }
    int r = ZEUS_ENOTFOUND;
    sim_state_lock(sim);
    int64_t now_ns = sim_state_now_ns(sim);
    struct sim_live *live = &sim->devices[device].live;
    for (uint32_t i = 0; i < SIM_LOAD_SLOTS; i++) {
        if (live->loads[i].id == id) {
            live->loads[i].end_ns = MIN_OF(live->loads[i].end_ns, now_ns);
            r = 0;
        }
    }
    sim_settings_advance(sim, device, now_ns);
    sim_state_unlock(sim);
    return r;
}

int sim_load_change(struct sim *sim, uint32_t device, uint32_t id, double level)
{
    if (device >= sim->file->device_count || id == 0) {
        return ZEUS_ENOTFOUND;
    }
    if (!(level >= 0 && level <= 1)) {
        return ZEUS_EINVAL;
    }
    int r = ZEUS_ENOTFOUND;
    sim_state_lock(sim);
    int64_t now_ns = sim_state_now_ns(sim);
    struct sim_live *live = &sim->devices[device].live;
    sim_settings_advance(sim, device, now_ns);
    for (uint32_t i = 0; i < SIM_LOAD_SLOTS; i++) {
        if (live->loads[i].id == id) {
            double before = live->loads[i].level;
            live->loads[i].level = level;
            r = append(sim, device, now_ns, LOG_RESERVE);
            live->loads[i].level = r < 0 ? before : level;
        }
    }
    sim_state_unlock(sim);
    return r;
}

size_t sim_load_owners(struct sim *sim, uint32_t device, int32_t *pids, size_t capacity)
{
    size_t count = 0;
    if (device >= sim->file->device_count) {
        return 0;
    }
    sim_state_lock(sim);
    sim_settings_advance(sim, device, sim_state_now_ns(sim));
    const struct sim_live *live = &sim->devices[device].live;
    for (uint32_t i = 0; i < SIM_LOAD_SLOTS; i++) {
        int is_new = live->loads[i].id && live->loads[i].pid > 0;
        for (uint32_t j = 0; j < i && is_new; j++) {
            is_new = !(live->loads[j].id && live->loads[j].pid == live->loads[i].pid);
        }
        if (is_new) {
            if (pids && count < capacity) {
                pids[count] = live->loads[i].pid;
            }
            count++;
        }
    }
    sim_state_unlock(sim);
    return count;
}
