/* SPDX-License-Identifier: Apache-2.0
 *
 * One poll tick of a device: what is subscribed is read once and published as events. Documented
 * keys come first in an event, ours after them. A failed read publishes nothing.
 *
 * CPU power is the difference of two energies over the time measured between them, never over the
 * nominal period. A GPU without an energy counter has its power integrated while it is polled; the
 * integral does not cross a pause.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "daemon/node.h"
#include "daemon/observer.h"
#include "daemon/slot_read.h"
#include "httpd/hub.h"

#define EVENT_MAX 512

/* Room for one event: the documented part is put in by the caller, the rest is the same for all. */
struct event {
    char text[EVENT_MAX];
    int len;
};

static void publish(struct slot *slot, enum quantity quantity, struct event *event)
{
    struct node *node = slot->node;
    int n = snprintf(event->text + event->len, sizeof(event->text) - (size_t)event->len,
                     ",\"seq\":%" PRIu64 ",\"boot_id\":\"%s\",\"monotonic_ns\":%" PRIu64 "}",
                     ++slot->seq[quantity], node->options.boot_id, clock_monotonic_ns());
    (void)!hub_publish(node->hub, node_topic(slot, quantity), event->text,
                       (size_t)(event->len + n)); /* an event too many is counted by the hub */
}

static uint64_t wall_ms(void)
{
    return clock_wall_ns() / 1000000u;
}

static int is_wanted(struct slot *slot, enum quantity quantity)
{
    mutex_lock(&slot->lock);
    int is = slot->subscribers[quantity] > 0;
    mutex_unlock(&slot->lock);
    return is;
}

static const char *number_or_null(char *out, size_t size, int has, uint64_t value)
{
    (void)snprintf(out, size, has ? "%" PRIu64 : "null", value);
    return out;
}

/* Integrates power where there is no counter: trapezoids between samples. */
static void integrate(struct slot *slot, uint64_t now_ns, uint64_t power_mw)
{
    struct integral *sum = &slot->integral;
    double power_w = (double)power_mw / 1e3;
    if (sum->is_set) {
        sum->energy_uj += (sum->power_w + power_w) / 2.0 * (double)(now_ns - sum->t_ns) / 1e3;
    }
    sum->t_ns = now_ns;
    sum->power_w = power_w;
    sum->is_set = 1;
    mutex_lock(&slot->lock);
    slot->latest.energy_uj = (uint64_t)sum->energy_uj;
    slot->latest.valid |= READING_INTEGRAL;
    slot->latest.energy_ns = now_ns;
    mutex_unlock(&slot->lock);
}

/* The energy that goes with a sample; 1 when it is known. */
static int energy_of(struct slot *slot, uint64_t power_mw, int has_power, uint64_t *ret_uj)
{
    if (slot_has_counter(slot)) {
        if (slot_read_energy(slot, ret_uj, NULL) < 0) {
            return 0;
        }
    } else if (has_power) {
        integrate(slot, clock_monotonic_ns(), power_mw);
    } else {
        return 0;
    }
    observer_see(slot->node->observer, slot);
    return observer_energy(slot->node->observer, slot, 0, ret_uj);
}

static void poll_gpu_power(struct slot *slot, int wants_power, int wants_energy)
{
    uint64_t power_mw = 0;
    uint64_t energy_uj = 0;
    zeus_error err = {0};
    int has_power = 0;
    uint64_t at_ms = 0;
    if (wants_power || !slot_has_counter(slot)) {
        has_power = slot_read_power(slot, &power_mw, &err) == 0;
        at_ms = wall_ms();
    }
    int has_energy = energy_of(slot, power_mw, has_power, &energy_uj);
    char energy[24];
    (void)number_or_null(energy, sizeof(energy), has_energy, energy_uj);
    struct event event;
    if (wants_power && has_power) {
        event.len = snprintf(event.text, sizeof(event.text),
                             "{\"timestamp_ms\":%" PRIu64 ",\"gpu_id\":%" PRIu32
                             ",\"power_mw\":%" PRIu64 ",\"energy_uj\":%s",
                             at_ms, slot->id, power_mw, energy);
        publish(slot, QUANTITY_POWER, &event);
    }
    if (wants_energy && has_energy) {
        event.len =
            snprintf(event.text, sizeof(event.text),
                     "{\"timestamp_ms\":%" PRIu64 ",\"gpu_id\":%" PRIu32 ",\"energy_uj\":%s",
                     wall_ms(), slot->id, energy);
        publish(slot, QUANTITY_ENERGY, &event);
    }
}

static void poll_temperature(struct slot *slot)
{
    int32_t temperature_c = 0;
    zeus_error err = {0};
    if (slot_read_temperature(slot, &temperature_c, &err) < 0) {
        return;
    }
    struct event event;
    event.len =
        snprintf(event.text, sizeof(event.text),
                 "{\"timestamp_ms\":%" PRIu64 ",\"gpu_id\":%" PRIu32 ",\"temperature_c\":%" PRId32,
                 wall_ms(), slot->id, temperature_c);
    publish(slot, QUANTITY_TEMPERATURE, &event);
}

static void poll_clocks(struct slot *slot)
{
    zeus_activity activity = {0};
    zeus_error err = {0};
    if (slot_read_activity(slot, &activity, &err) < 0) {
        return;
    }
    char graphics[24];
    char memory[24];
    struct event event;
    event.len = snprintf(
        event.text, sizeof(event.text),
        "{\"timestamp_ms\":%" PRIu64 ",\"gpu_id\":%" PRIu32
        ",\"graphics_mhz\":%s,\"memory_mhz\":%s",
        wall_ms(), slot->id,
        number_or_null(graphics, sizeof(graphics), activity.valid & ZEUS_ACTIVITY_GRAPHICS_CLOCK,
                       activity.graphics_mhz),
        number_or_null(memory, sizeof(memory), activity.valid & ZEUS_ACTIVITY_MEMORY_CLOCK,
                       activity.memory_mhz));
    publish(slot, QUANTITY_CLOCKS, &event);
}

static void poll_gpu(struct slot *slot)
{
    int wants_power = is_wanted(slot, QUANTITY_POWER);
    int wants_energy = is_wanted(slot, QUANTITY_ENERGY);
    if (wants_power || wants_energy) {
        poll_gpu_power(slot, wants_power, wants_energy);
    }
    if (is_wanted(slot, QUANTITY_TEMPERATURE)) {
        poll_temperature(slot);
    }
    if (is_wanted(slot, QUANTITY_CLOCKS)) {
        poll_clocks(slot);
    }
}

/* Milliwatts between two energies; a counter that went back shows no power. */
static uint64_t mean_mw(uint64_t from_uj, uint64_t to_uj, uint64_t elapsed_ns)
{
    if (to_uj <= from_uj || elapsed_ns == 0) {
        return 0;
    }
    return (uint64_t)((double)(to_uj - from_uj) * 1e6 / (double)elapsed_ns + 0.5);
}

static void publish_cpu(struct slot *slot, const struct cpu_power_base *now)
{
    const struct cpu_power_base *base = &slot->base;
    uint64_t package_mw = mean_mw(base->package_uj, now->package_uj, now->t_ns - base->t_ns);
    uint64_t dram_mw = mean_mw(base->dram_uj, now->dram_uj, now->dram_t_ns - base->dram_t_ns);
    int has_dram_mw = now->has_dram && base->has_dram;
    mutex_lock(&slot->lock);
    slot->latest.power_uw = package_mw * 1000u;
    slot->latest.dram_power_uw = dram_mw * 1000u;
    slot->latest.valid |= READING_POWER | (has_dram_mw ? READING_DRAM_POWER : 0u);
    mutex_unlock(&slot->lock);
    char dram_power[24];
    char dram_energy[24];
    (void)number_or_null(dram_power, sizeof(dram_power), has_dram_mw, dram_mw);
    (void)number_or_null(dram_energy, sizeof(dram_energy), now->has_dram, now->dram_total_uj);
    struct event event;
    if (is_wanted(slot, QUANTITY_POWER)) {
        event.len = snprintf(
            event.text, sizeof(event.text),
            "{\"timestamp_ms\":%" PRIu64 ",\"cpu_id\":%" PRIu32 ",\"cpu_mw\":%" PRIu64
            ",\"dram_mw\":%s,\"cpu_energy_uj\":%" PRIu64 ",\"dram_energy_uj\":%s",
            wall_ms(), slot->id, package_mw, dram_power, now->package_total_uj, dram_energy);
        publish(slot, QUANTITY_POWER, &event);
    }
}

static void publish_cpu_energy(struct slot *slot, const struct cpu_power_base *now)
{
    char dram[24];
    struct event event;
    event.len = snprintf(event.text, sizeof(event.text),
                         "{\"timestamp_ms\":%" PRIu64 ",\"cpu_id\":%" PRIu32
                         ",\"cpu_energy_uj\":%" PRIu64 ",\"dram_energy_uj\":%s",
                         wall_ms(), slot->id, now->package_total_uj,
                         number_or_null(dram, sizeof(dram), now->has_dram, now->dram_total_uj));
    publish(slot, QUANTITY_ENERGY, &event);
}

static void poll_cpu(struct slot *slot)
{
    struct cpu_power_base now = {.is_set = 1};
    zeus_error err = {0};
    if (slot_read_energy(slot, &now.package_uj, &err) < 0) {
        return;
    }
    now.has_dram = slot_has_dram(slot) && slot_read_dram_energy(slot, &now.dram_uj, &err) == 0;
    /* When the counters were looked at, not when this thread got round to asking. */
    mutex_lock(&slot->lock);
    now.t_ns = slot->latest.energy_ns;
    now.dram_t_ns = slot->latest.dram_energy_ns;
    mutex_unlock(&slot->lock);
    observer_see(slot->node->observer, slot);
    if (!observer_energy(slot->node->observer, slot, 0, &now.package_total_uj)) {
        return;
    }
    now.has_dram =
        now.has_dram && observer_energy(slot->node->observer, slot, 1, &now.dram_total_uj);
    if (slot->base.is_set) {
        publish_cpu(slot, &now);
    }
    if (is_wanted(slot, QUANTITY_ENERGY)) {
        publish_cpu_energy(slot, &now);
    }
    slot->base = now;
}

void slot_poll(struct slot *slot)
{
    if (slot->kind == ZEUS_KIND_GPU) {
        poll_gpu(slot);
    } else {
        poll_cpu(slot);
    }
    observer_see(slot->node->observer, slot);
}

void slot_poll_sleep(struct slot *slot)
{
    for (int q = 0; q < QUANTITY_COUNT; q++) {
        hub_forget(slot->node->hub, node_topic(slot, (enum quantity)q));
    }
    slot->base.is_set = 0;
    slot->integral.is_set = 0;
}
