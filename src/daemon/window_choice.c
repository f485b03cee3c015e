/* SPDX-License-Identifier: Apache-2.0
 *
 * Choices of devices and their monitors. A monitor is opened outside the lock: its choice is marked
 * as being opened, and others that want it wait on the condition.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "daemon/window_wire_private.h"

static int is_marked(const uint8_t *is_chosen, size_t device)
{
    return is_chosen ? is_chosen[device] != 0 : 1;
}

struct choice *window_find_choice(struct window_wire *wire, const uint8_t *is_chosen)
{
    struct choice *choice = wire->choices;
    for (; choice; choice = choice->next) {
        size_t same = 0;
        while (same < wire->options.count &&
               choice->is_chosen[same] == is_marked(is_chosen, same)) {
            same++;
        }
        if (same == wire->options.count) {
            return choice;
        }
    }
    return NULL;
}

static int new_choice(struct window_wire *wire, const uint8_t *is_chosen,
                      struct choice **ret_choice, zeus_error *err)
{
    if (wire->choice_count >= wire->options.monitors_max) {
        return err_set(err, ZEUS_ELIMIT,
                       "open windows are over %zu different choices of devices, which is the limit",
                       wire->choice_count);
    }
    struct choice *choice = mem_calloc(1, sizeof *choice + wire->options.count);
    if (!choice) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < wire->options.count; i++) {
        choice->is_chosen[i] = (uint8_t)is_marked(is_chosen, i);
    }
    choice->next = wire->choices;
    wire->choices = choice;
    wire->choice_count++;
    *ret_choice = choice;
    return 0;
}

void window_remove_choice(struct window_wire *wire, struct choice *choice)
{
    struct choice **link = &wire->choices;
    while (*link && *link != choice) {
        link = &(*link)->next;
    }
    if (*link) {
        *link = choice->next;
        wire->choice_count--;
    }
}

static int open_monitor(const struct window_wire *wire, const struct choice *choice,
                        struct zeus_monitor **ret_monitor, zeus_error *err)
{
    const struct window_wire_options *o = &wire->options;
    struct device **devices _free_ = mem_calloc(o->count + 1, sizeof(struct device *));
    uint32_t *positions _free_ = mem_calloc(o->count + 1, sizeof *positions);
    if (!devices || !positions) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    size_t count = 0;
    for (size_t i = 0; i < o->count; i++) {
        if (choice->is_chosen[i] && o->devices[i]) { /* NULL: not there yet */
            positions[count] = (uint32_t)i;
            devices[count++] = o->devices[i];
        }
    }
    const zeus_monitor_options options = {.size = sizeof options, .rate_hz = o->rate_hz};
    const struct monitor_config config = {.devices = devices,
                                          .positions = positions,
                                          .count = count,
                                          .options = &options,
                                          .io = o->io,
                                          .log = o->log,
                                          .is_manual = o->is_manual};
    return monitor_create(&config, ret_monitor, err);
}

/* The choice with its monitor open and counted as used, for a caller that may wait. Locked on entry
 * and on return. */
int window_open_choice(struct window_wire *wire, const uint8_t *is_chosen,
                       struct choice **ret_choice, zeus_error *err)
{
    struct choice *choice = window_find_choice(wire, is_chosen);
    while (choice && !choice->monitor) {
        ZEUS_ASSERT(pthread_cond_wait(&wire->opened, &wire->lock.raw) == 0);
        choice = window_find_choice(wire, is_chosen); /* the opening may have failed */
    }
    if (!choice) {
        int r = new_choice(wire, is_chosen, &choice, err);
        if (r < 0) {
            return r;
        }
        choice->users = 1;
        struct zeus_monitor *monitor = NULL;
        mutex_unlock(&wire->lock);
        r = open_monitor(wire, choice, &monitor, err);
        mutex_lock(&wire->lock);
        choice->monitor = monitor;
        choice->users--;
        (void)pthread_cond_broadcast(&wire->opened); /* cannot fail on a live condition */
        if (r < 0) {
            window_remove_choice(wire, choice);
            free(choice);
            return r;
        }
    }
    *ret_choice = choice;
    return 0;
}
