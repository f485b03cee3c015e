/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking readings in, and the life of the observer. What is new in a reading is told by the times
 * of its parts, so it may be seen twice without being counted twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/thread_wait.h"
#include "daemon/observer_private.h"
#include "device/containment.h"

#define WORKS_MAX       256u
#define CPU_POWER_MOST  UINT64_C(60000000000) /* longest stretch a CPU's mean power is shown for */
#define CPU_POWER_LEAST UINT64_C(20000000)
#define BOOT_ID_PATH    "/proc/sys/kernel/random/boot_id"
#define INTEGRAL_GAP_NS UINT64_C(2500000000)

/* ---- taking in ---- */

/* Midnight of the day that `at` falls into, `days` later; by mktime, which knows the calendar's
 * short and long days. */
static uint64_t midnight_ms(const struct tm *at, int days)
{
    struct tm tm = {.tm_year = at->tm_year,
                    .tm_mon = at->tm_mon,
                    .tm_mday = at->tm_mday + days,
                    .tm_isdst = -1};
    time_t second = mktime(&tm);
    if (second >= 0 && tm.tm_hour >= 12) {
        second += (24 - tm.tm_hour) * 3600; /* a day that begins at one: its midnight is no time */
    }
    return second < 0 ? 0 : (uint64_t)second * 1000u;
}

struct energy_clock observer_clock(struct observer *o)
{
    struct energy_clock now = {.wall_ms = clock_wall_ns() / 1000000u,
                               .boot_ms = clock_boot_ns() / 1000000u};
    uint64_t second = now.wall_ms / 1000u;
    if (second != o->day_second) {
        time_t at = (time_t)second;
        struct tm tm;
        tzset(); /* the machine may have been told of another zone */
        if (localtime_r(&at, &tm)) {
            o->day_second = second;
            o->day_begin_ms = midnight_ms(&tm, 0);
            o->day_end_ms = midnight_ms(&tm, 1);
        }
    }
    now.day_begin_ms = o->day_begin_ms;
    now.day_end_ms = o->day_end_ms;
    return now;
}

static void post_save(struct observer *o)
{
    if (o->energy_path && !o->is_save_posted) {
        o->is_save_posted = worker_post(&o->worker, &o->save) == 0;
    }
}

/* An energy read at `time_ns`, into the total that never falls. */
static void count_energy(struct observer *o, struct observed_slot *seen, struct observed_part *part,
                         uint64_t raw_uj, uint64_t time_ns)
{
    struct energy_total *total = &o->energy.entries[part->entry].total;
    struct energy_clock now = observer_clock(o);
    uint64_t holes = total->holes;
    int is_first = !part->is_resumed;
    int is_paused = !part->has_counter && time_ns - part->seen_ns > INTEGRAL_GAP_NS;
    if (seen->is_lost || is_paused || (!part->is_resumed && !part->has_counter)) {
        energy_total_lose(total); /* what is integrated knows nothing of pauses */
    }
    if (part->is_resumed) {
        (void)energy_total_add(total, raw_uj, time_ns);
    } else {
        (void)energy_total_resume(total, raw_uj, time_ns, part->wrap_uj);
    }
    part->is_resumed = 1;
    energy_total_date(total, &now);
    if (total->holes != holes || is_first) {
        post_save(o); /* from this pair of raw and total on, a restart can work out the rest */
    }
}

/* What the device itself left out: a counter that was not looked at for so long that nobody knows
 * how often it went round. A device that came back counts from 0 again. */
static void count_holes(struct observer *o, struct observed_part *part, uint32_t device_holes)
{
    if (part->seen_ns && device_holes > part->device_holes) {
        energy_total_hole(&o->energy.entries[part->entry].total, device_holes - part->device_holes);
    }
    part->device_holes = device_holes;
}

/* Mean power of a CPU between two energies. */
static void derive_power(struct observed_part *part, uint64_t energy_uj, uint64_t time_ns)
{
    uint64_t passed_ns = time_ns - part->seen_ns;
    if (part->seen_ns && energy_uj >= part->seen_uj && passed_ns >= CPU_POWER_LEAST &&
        passed_ns <= CPU_POWER_MOST) {
        part->power_uw = (uint64_t)((double)(energy_uj - part->seen_uj) * 1e9 / (double)passed_ns);
        part->power_ns = time_ns;
    } else if (passed_ns >= CPU_POWER_LEAST) {
        part->power_ns = 0;
    }
}

/* The new parts of a reading, as one of the history. */
static void see_part(struct observer *o, struct observed_slot *seen, struct observed_part *part,
                     const struct reading *r, int is_dram)
{
    struct history_reading reading = {.time_ns = 0};
    uint64_t energy_ns = is_dram ? r->dram_energy_ns : r->energy_ns;
    uint64_t energy_uj = is_dram ? r->dram_energy_uj : r->energy_uj;
    int is_cpu = seen->slot->kind == ZEUS_KIND_CPU;
    uint64_t power_ns = part->power_ns;
    uint64_t mean_from_ns = 0;
    if (energy_ns > part->seen_ns) {
        if (is_cpu) {
            derive_power(part, energy_uj, energy_ns);
            mean_from_ns = part->seen_ns;
        }
        count_holes(o, part, is_dram ? r->dram_energy_holes : r->energy_holes);
        count_energy(o, seen, part, energy_uj, energy_ns);
        part->seen_ns = energy_ns;
        part->seen_uj = energy_uj;
        reading.time_ns = energy_ns;
        reading.energy_uj = o->energy.entries[part->entry].total.total_uj;
        reading.has |= HISTORY_HAS_ENERGY;
    }
    if (!is_cpu && r->power_ns > part->power_ns) {
        part->power_uw = r->power_uw;
        part->power_ns = r->power_ns;
    }
    if (part->power_ns > power_ns) {
        reading.time_ns = part->power_ns;
        reading.power_uw = part->power_uw;
        reading.has |= HISTORY_HAS_POWER;
    }
    if ((reading.has & HISTORY_HAS_POWER) &&
        mean_from_ns) { /* a mean holds from its beginning on */
        const struct history_reading from = {
            .time_ns = mean_from_ns, .has = HISTORY_HAS_POWER, .power_uw = part->power_uw};
        (void)!history_add(o->history, part->series, &from);
    }
    if (!is_dram && r->temperature_ns && reading.has &&
        r->temperature_ns + INTEGRAL_GAP_NS > reading.time_ns) {
        reading.temperature_c = r->temperature_c;
        reading.has |= HISTORY_HAS_TEMPERATURE;
    }
    (void)!history_add(o->history, part->series, &reading); /* no memory: no history of this one */
}

static void count_failures(struct observed_slot *seen, const struct reading *r)
{
    uint64_t more = r->failures - seen->failures;
    seen->failures = r->failures;
    for (size_t i = 0; i < OBSERVER_FAILURES && more > 0; i++) {
        if (seen->by_code[i].code == r->code || seen->by_code[i].count == 0 ||
            i + 1 == OBSERVER_FAILURES) {
            seen->by_code[i].code = seen->by_code[i].count ? seen->by_code[i].code : r->code;
            seen->by_code[i].count += more;
            return;
        }
    }
}

static struct observed_slot *find_seen(struct observer *o, const struct slot *slot)
{
    return &o->slots[slot->position];
}

int observer_energy(struct observer *o, const struct slot *slot, int is_dram, uint64_t *ret_uj)
{
    if (!o) {
        return 0;
    }
    const struct observed_part *part = &find_seen(o, slot)->parts[is_dram ? 1 : 0];
    mutex_lock(&o->lock);
    int is_known = part->is_there && part->seen_ns > 0;
    if (is_known) {
        *ret_uj = o->energy.entries[part->entry].total.total_uj;
    }
    mutex_unlock(&o->lock);
    return is_known;
}

void observer_see(struct observer *o, struct slot *slot)
{
    if (!o) {
        return;
    }
    struct reading reading;
    slot_latest(slot, &reading);
    struct observed_slot *seen = find_seen(o, slot);
    mutex_lock(&o->lock);
    count_failures(seen, &reading);
    for (size_t p = 0; p < OBSERVER_PARTS; p++) {
        if (seen->parts[p].is_there) {
            see_part(o, seen, &seen->parts[p], &reading, p == 1);
        }
    }
    seen->is_lost = reading.code == ZEUS_EDEVLOST;
    mutex_unlock(&o->lock);
}

/* ---- life ---- */

/* The device of a slot, for the one that gets another right now: that one. */
static const struct device *device_of(const struct observed_slot *seen, const struct slot *late,
                                      const struct device *device)
{
    return late && seen->slot == late ? device : seen->slot->device;
}

static void name_device(const struct slot *slot, char *out, size_t size)
{
    if (slot_info(slot)->uuid[0]) {
        (void)snprintf(out, size, "%s", slot_info(slot)->uuid);
    } else {
        (void)snprintf(out, size, "%s%u %s", slot->kind == ZEUS_KIND_GPU ? "gpu" : "cpu", slot->id,
                       slot_info(slot)->pci);
    }
}

static int open_part(struct observer *o, struct observed_slot *seen, struct observed_part *part,
                     const struct device *device, int domain)
{
    char key[ENERGY_KEY_MAX];
    if (domain < 0 || (uint32_t)domain >= device->domain_count) {
        return 0;
    }
    part->info = device->domains[domain];
    part->has_counter =
        part->info.source == ZEUS_SOURCE_COUNTER && !(part->info.flags & ZEUS_DOMAIN_SUSPECT);
    part->wrap_uj = part->info.wrap_uj;
    sensor_model_of(&device->info, &part->info, slot_power_field(device), &part->model);
    name_device(seen->slot, key, sizeof key);
    struct energy_entry *entry = energy_state_entry(&o->energy, key, part->info.name);
    if (!entry) {
        return ZEUS_ENOMEM;
    }
    part->entry = (size_t)(entry - o->energy.entries);
    struct history_info info = {.device_kind = seen->slot->kind,
                                .index = seen->slot->id,
                                .is_in_total = (uint32_t)part->is_in_total,
                                .gain_error = part->model.gain_error,
                                .offset_error_w = part->model.offset_error_w};
    (void)snprintf(info.domain, sizeof info.domain, "%s", part->info.name);
    (void)snprintf(info.sensor_class, sizeof info.sensor_class, "%s", part->model.name);
    int series = history_add_series(o->history, &info);
    part->series = (uint32_t)series;
    part->is_there = series >= 0;
    return series < 0 ? series : 0;
}

/* Which of the kept domains add up to the node. `late` has `device` in a moment, or is NULL. */
static int select_total(struct observer *o, const struct slot *late, const struct device *device)
{
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        count += device_of(&o->slots[i], late, device)->domain_count;
    }
    struct containment_place *places _free_ = mem_calloc(count + 1, sizeof *places);
    uint8_t *is_chosen _free_ = mem_calloc(count + 1, 1);
    if (!places || !is_chosen) {
        return ZEUS_ENOMEM;
    }
    size_t at = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct device *d = device_of(&o->slots[i], late, device);
        at = containment_add_device(places, at, (uint32_t)i, &d->info, d->domains, d->domain_count);
    }
    (void)containment_select(places, at, is_chosen);
    at = 0;
    for (size_t i = 0; i < o->count; i++) {
        const struct device *d = device_of(&o->slots[i], late, device);
        struct observed_part *parts = o->slots[i].parts;
        int dram = slot_find_domain(d, ZEUS_DOMAIN_DRAM);
        parts[0].is_in_total =
            slot_main_domain(d) < d->domain_count && is_chosen[at + slot_main_domain(d)];
        parts[1].is_in_total = dram >= 0 && is_chosen[at + (size_t)dram];
        for (size_t p = 0; p < OBSERVER_PARTS; p++) {
            if (parts[p].is_there) {
                history_set_in_total(o->history, parts[p].series, parts[p].is_in_total);
            }
        }
        at += d->domain_count;
    }
    return 0;
}

static int open_parts(struct observer *o, struct observed_slot *seen, const struct device *device)
{
    int r = open_part(o, seen, &seen->parts[0], device, (int)slot_main_domain(device));
    if (r == 0 && seen->slot->kind == ZEUS_KIND_CPU) {
        r = open_part(o, seen, &seen->parts[1], device, slot_find_domain(device, ZEUS_DOMAIN_DRAM));
    }
    return r;
}

static int open_slots(struct observer *o)
{
    struct node *node = &o->daemon->node;
    o->count = node_count(node);
    o->capacity = node_capacity(node);
    o->slots = mem_calloc(o->capacity + 1, sizeof *o->slots);
    if (!o->slots) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < o->count; i++) {
        o->slots[i].slot = node_at(node, i);
        o->slots[i].refresh.observer = o;
    }
    int r = select_total(o, NULL, NULL);
    for (size_t i = 0; i < o->count && r == 0; i++) {
        r = open_parts(o, &o->slots[i], o->slots[i].slot->device);
    }
    return r;
}

void observer_adopt(struct observer *o, struct slot *slot, struct device *device)
{
    struct observed_slot *seen = find_seen(o, slot);
    mutex_lock(&o->lock);
    seen->slot = slot;
    seen->refresh.observer = o;
    o->count = MAX_OF(o->count, (size_t)slot->position + 1);
    int r = select_total(o, slot, device);
    r = r < 0 ? r : open_parts(o, seen, device);
    mutex_unlock(&o->lock);
    if (r < 0) {
        log_write(&o->daemon->log, ZEUS_LOG_WARNING, "observer",
                  "GPU %u has no energy and no history: %s", slot->id, zeus_strerror(r));
    }
}

static void read_boot_id(char out[ENERGY_BOOT_MAX])
{
    char *text _free_ = NULL;
    size_t len = 0;
    out[0] = '\0';
    if (file_read_all(BOOT_ID_PATH, 128, &text, &len, NULL) == 0) {
        (void)snprintf(out, ENERGY_BOOT_MAX, "%.*s", (int)strcspn(text, "\n"), text);
    }
}

static int load_energy(struct observer *o)
{
    const char *dir = o->daemon->config.state_dir;
    char boot_id[ENERGY_BOOT_MAX];
    zeus_error err = ZEUS_ERROR_INIT;
    read_boot_id(boot_id);
    (void)snprintf(o->energy.boot_id, sizeof o->energy.boot_id, "%s", boot_id);
    if (!dir || !dir[0]) {
        return 0;
    }
    size_t size = strlen(dir) + sizeof "/energy.json";
    o->energy_path = mem_calloc(size, 1);
    if (!o->energy_path) {
        return ZEUS_ENOMEM;
    }
    (void)snprintf(o->energy_path, size, "%s/energy.json", dir);
    int r = energy_state_load(o->energy_path, boot_id, &o->energy, &err);
    if (r < 0 && r != ZEUS_ENOTFOUND) {
        log_write(&o->daemon->log, ZEUS_LOG_WARNING, "observer", "energy totals begin afresh: %s",
                  err.message);
    }
    return 0;
}

void observer_save(struct observer *o)
{
    struct energy_state copy = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    if (!o->energy_path) {
        return;
    }
    mutex_lock(&o->lock);
    copy = o->energy;
    copy.entries = mem_calloc(copy.count + 1, sizeof *copy.entries);
    if (copy.entries) {
        memcpy(copy.entries, o->energy.entries, copy.count * sizeof *copy.entries);
    }
    mutex_unlock(&o->lock);
    int r = copy.entries ? energy_state_save(o->energy_path, &copy, &err) : ZEUS_ENOMEM;
    free(copy.entries);
    if (r < 0) {
        log_write(&o->daemon->log, ZEUS_LOG_WARNING, "observer",
                  "energy totals are not kept over a restart: %s", err.message);
        free(o->energy_path); /* said once */
        o->energy_path = NULL;
    }
}

static void run_save(struct work *work)
{
    struct observer *o = CONTAINER_OF(work, struct observer, save);
    mutex_lock(&o->lock);
    o->is_save_posted = 0;
    mutex_unlock(&o->lock);
    observer_save(o);
}

int observer_create(struct daemon *daemon, struct observer **ret_observer, zeus_error *err)
{
    struct observer *o = mem_calloc(1, sizeof *o);
    if (!o) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    o->daemon = daemon;
    o->worker.max = WORKS_MAX;
    o->save.run = run_save;
    mutex_init(&o->lock);
    int r = thread_wait_init(&o->refreshed) == 0 ? 0 : ZEUS_EOS;
    ZEUS_ASSERT(r == 0);
    r = load_energy(o);
    r = r < 0 ? r : history_create(&o->history);
    r = r < 0 ? r : open_slots(o);
    if (r < 0) {
        (void)err_set(err, r, "%s", zeus_strerror(r));
    }
    r = r < 0 ? r : worker_start(&o->worker, "observer", err);
    if (r < 0) {
        observer_destroy(o);
        return r;
    }
    *ret_observer = o;
    return 0;
}

void observer_stop(struct observer *o)
{
    if (!o) {
        return;
    }
    mutex_lock(&o->lock);
    o->is_closing = 1;
    (void)pthread_cond_broadcast(&o->refreshed); /* cannot fail on a live condition */
    mutex_unlock(&o->lock);
    worker_stop(&o->worker);
}

void observer_destroy(struct observer *o)
{
    if (!o) {
        return;
    }
    worker_stop(&o->worker);
    if (o->slots && o->history) {
        observer_save(o);
    }
    history_destroy(o->history);
    energy_state_done(&o->energy);
    free(o->slots);
    free(o->energy_path);
    (void)pthread_cond_destroy(&o->refreshed); /* nobody waits */
    mutex_done(&o->lock);
    free(o);
}
