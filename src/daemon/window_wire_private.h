/* SPDX-License-Identifier: Apache-2.0
 *
 * What window_wire.c and window_choice.c share: the tables, and the choices of devices with their
 * monitors.
 */
#ifndef ZEUS_DAEMON_WINDOW_WIRE_PRIVATE_H
#define ZEUS_DAEMON_WINDOW_WIRE_PRIVATE_H

#include "base/mutex.h"
#include "daemon/window_wire.h"
#include "monitor/energy_window.h"

#define WINDOW_GRAVES 64u

/* A distinct choice of devices with its monitor. */
struct choice {
    struct choice *next;
    struct zeus_monitor *monitor; /* owned; NULL while it is being opened */
    uint32_t users;               /* windows, unfinished measurements, calls under way */
    uint8_t is_chosen[];          /* one byte a device */
};

struct window {
    char owner[WINDOW_WIRE_OWNER_MAX + 1];
    char name[WINDOW_WIRE_NAME_MAX + 1];
    uint64_t number; /* its name in the monitor */
    uint64_t expires_ns;
    struct choice *choice; /* borrowed, counted as user */
};

/* A window that was forgotten for its age. */
struct grave {
    char owner[WINDOW_WIRE_OWNER_MAX + 1];
    char name[WINDOW_WIRE_NAME_MAX + 1];
};

struct window_wire {
    struct window_wire_options options;
    struct mutex lock;
    pthread_cond_t opened;
    struct choice *choices; /* owned */
    size_t choice_count;
    struct window *windows; /* owned */
    size_t count;
    size_t capacity;
    uint64_t last_number;
    struct grave graves[WINDOW_GRAVES];
    size_t grave_at;
};

/* All under the lock. */

/* The choice that marks exactly these devices (NULL: all), NULL when there is none. */
struct choice *window_find_choice(struct window_wire *wire, const uint8_t *is_chosen);

/* As above with its monitor open, made where there is none: for a caller that may wait. The lock is
 * open meanwhile. */
int window_open_choice(struct window_wire *wire, const uint8_t *is_chosen,
                       struct choice **ret_choice, zeus_error *err) ZEUS_CHECK;

/* Takes it out of the table; it is the caller's then. */
void window_remove_choice(struct window_wire *wire, struct choice *choice);

#endif /* ZEUS_DAEMON_WINDOW_WIRE_PRIVATE_H */
