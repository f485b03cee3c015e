/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows over the wire. One lock over the tables; monitors are opened and closed outside it: a
 * choice of devices whose monitor is being opened is marked so, and others that want it wait on the
 * condition. A choice is kept while a window or an unfinished measurement uses it.
 *
 * Inside a monitor windows are called by a number, so that equal names of two owners do not meet;
 * the measurement gets its own name back before it is written.
 */
#include "daemon/window_wire_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "codec/utf8.h"
#include "monitor/energy_window.h"

#define WINDOWS_DEFAULT  256u
#define OWNER_DEFAULT    64u
#define MONITORS_DEFAULT 8u
#define AGE_DEFAULT_NS   UINT64_C(86400000000000)
#define SETTLE_MOST_NS   UINT64_C(1000000000)
#define INNER_NAME_SIZE  24

struct window_wire_ended {
    struct zeus_measurement *measurement; /* owned */
    struct choice *choice;                /* borrowed, counted as user */
};

int window_wire_create(const struct window_wire_options *options, struct window_wire **ret_wire,
                       zeus_error *err)
{
    struct window_wire *wire = mem_calloc(1, sizeof *wire);
    if (!wire) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    wire->options = *options;
    struct window_wire_options *o = &wire->options;
    o->windows_max = o->windows_max ? o->windows_max : WINDOWS_DEFAULT;
    o->owner_max = o->owner_max ? o->owner_max : OWNER_DEFAULT;
    o->monitors_max = o->monitors_max ? o->monitors_max : MONITORS_DEFAULT;
    o->age_max_ns = o->age_max_ns ? o->age_max_ns : AGE_DEFAULT_NS;
    o->io = o->io ? o->io : &monitor_io_devices;
    mutex_init(&wire->lock);
    ZEUS_ASSERT(pthread_cond_init(&wire->opened, NULL) == 0);
    *ret_wire = wire;
    return 0;
}

void window_wire_destroy(struct window_wire *wire)
{
    if (!wire) {
        return;
    }
    while (wire->choices) {
        struct choice *choice = wire->choices;
        wire->choices = choice->next;
        monitor_destroy(choice->monitor);
        free(choice);
    }
    free(wire->windows);
    (void)pthread_cond_destroy(&wire->opened); /* nobody waits: no call is under way */
    mutex_done(&wire->lock);
    free(wire);
}

/* Text that may stand in a message and in JSON: UTF-8 without control characters. */
static int check_text(const char *text, size_t max, const char *what, zeus_error *err)
{
    size_t len = strlen(text);
    if (len == 0 || len > max) {
        return err_set(err, ZEUS_EINVAL, "%s must have 1 to %zu bytes", what, max);
    }
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence_length(text + i, len - i);
        if (step == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            return err_set(err, ZEUS_EINVAL, "%s holds a byte that is no printable UTF-8", what);
        }
        i += step;
    }
    return 0;
}

static int check_key(const struct window_wire_key *key, zeus_error *err)
{
    int r = check_text(key->name, WINDOW_WIRE_NAME_MAX, "a window's name", err);
    return r < 0 ? r : check_text(key->owner, WINDOW_WIRE_OWNER_MAX, "a window's owner", err);
}

/* ---- under the lock ---- */

static struct window *find_window(struct window_wire *wire, const struct window_wire_key *key)
{
    for (size_t i = 0; i < wire->count; i++) {
        struct window *window = &wire->windows[i];
        if (strcmp(window->name, key->name) == 0 && strcmp(window->owner, key->owner) == 0) {
            return window;
        }
    }
    return NULL;
}

static struct grave *find_grave(struct window_wire *wire, const struct window_wire_key *key)
{
    for (size_t i = 0; i < WINDOW_GRAVES; i++) {
        struct grave *grave = &wire->graves[i];
        if (strcmp(grave->name, key->name) == 0 && strcmp(grave->owner, key->owner) == 0) {
            return grave;
        }
    }
    return NULL;
}

static void bury(struct window_wire *wire, const struct window *window)
{
    struct grave *grave = &wire->graves[wire->grave_at++ % WINDOW_GRAVES];
    memcpy(grave->owner, window->owner, sizeof grave->owner);
    memcpy(grave->name, window->name, sizeof grave->name);
}

static void remove_window(struct window_wire *wire, struct window *window)
{
    *window = wire->windows[--wire->count];
}

/* Windows past their age; returns when the next is due. */
static uint64_t expire(struct window_wire *wire, uint64_t now_ns)
{
    uint64_t next_ns = 0;
    for (size_t i = 0; i < wire->count;) {
        struct window *window = &wire->windows[i];
        if (window->expires_ns <= now_ns) {
            char inner[INNER_NAME_SIZE];
            (void)snprintf(inner, sizeof inner, "%" PRIu64, window->number);
            (void)!monitor_cancel(window->choice->monitor, inner, NULL); /* it is there */
            log_write(wire->options.log, ZEUS_LOG_WARNING, "window",
                      "window '%s' of %s was never ended: forgotten for its age", window->name,
                      window->owner);
            bury(wire, window);
            window->choice->users--;
            remove_window(wire, window);
            continue;
        }
        next_ns = next_ns == 0 ? window->expires_ns : MIN_OF(next_ns, window->expires_ns);
        i++;
    }
    return next_ns;
}

static int missing(struct window_wire *wire, const struct window_wire_key *key, zeus_error *err)
{
    if (find_grave(wire, key)) {
        return err_set(err, ZEUS_ESTALE, "window '%s' was forgotten: it was open for over %.6g h",
                       key->name, (double)wire->options.age_max_ns / 3.6e12);
    }
    return err_set(err, ZEUS_ENOTFOUND, "window '%s' does not exist", key->name);
}

/* The window of a key for a call, after the check of its name and of ages. */
static int look_up(struct window_wire *wire, const struct window_wire_key *key, uint64_t now_ns,
                   struct window **ret_window, zeus_error *err)
{
    (void)expire(wire, now_ns);
    struct window *window = find_window(wire, key);
    if (!window) {
        return missing(wire, key, err);
    }
    *ret_window = window;
    return 0;
}

static int check_room(struct window_wire *wire, const struct window_wire_key *key, zeus_error *err)
{
    const struct window_wire_options *o = &wire->options;
    if (find_window(wire, key)) {
        return err_set(err, ZEUS_ESTATE, "window '%s' already exists", key->name);
    }
    uint32_t owned = 0;
    for (size_t i = 0; i < wire->count; i++) {
        owned += strcmp(wire->windows[i].owner, key->owner) == 0;
    }
    if (owned >= o->owner_max) {
        return err_set(err, ZEUS_ELIMIT, "you have %u open windows, which is the limit", owned);
    }
    if (wire->count >= o->windows_max) {
        return err_set(err, ZEUS_ELIMIT, "%zu windows are open, which is the limit", wire->count);
    }
    return 0;
}

/* Locked: the window in the table and in its monitor. */
static int add_window(struct window_wire *wire, const struct window_wire_key *key,
                      struct choice *choice, uint64_t now_ns, zeus_error *err)
{
    int r = mem_grow(&wire->windows, &wire->capacity, wire->count + 1, sizeof *wire->windows,
                     wire->options.windows_max);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    char inner[INNER_NAME_SIZE];
    struct window window = {.number = ++wire->last_number,
                            .expires_ns = now_ns + wire->options.age_max_ns,
                            .choice = choice};
    (void)snprintf(window.owner, sizeof window.owner, "%s", key->owner);
    (void)snprintf(window.name, sizeof window.name, "%s", key->name);
    (void)snprintf(inner, sizeof inner, "%" PRIu64, window.number);
    r = monitor_begin(choice->monitor, inner, 0, err);
    if (r < 0) {
        return r;
    }
    struct grave *grave = find_grave(wire, key);
    if (grave) {
        grave->name[0] = '\0';
    }
    choice->users++;
    wire->windows[wire->count++] = window;
    return 0;
}

int window_wire_begin(struct window_wire *wire, const struct window_wire_key *key,
                      const uint8_t *is_chosen, uint64_t now_ns, int may_wait,
                      uint64_t *ret_expires_ns, zeus_error *err)
{
    int r = check_key(key, err);
    if (r < 0) {
        return r;
    }
    mutex_lock(&wire->lock);
    (void)expire(wire, now_ns);
    r = check_room(wire, key, err);
    struct choice *choice = window_find_choice(wire, is_chosen);
    if (r == 0 && !may_wait && !(choice && choice->monitor)) {
        r = err_set(err, ZEUS_EAGAIN, "the monitor must be opened first");
    } else if (r == 0 && may_wait) {
        r = window_open_choice(wire, is_chosen, &choice, err);
        r = r < 0 ? r : check_room(wire, key, err); /* the lock was open meanwhile */
    }
    r = r < 0 ? r : add_window(wire, key, choice, now_ns, err);
    mutex_unlock(&wire->lock);
    if (r == 0) {
        *ret_expires_ns = now_ns + wire->options.age_max_ns;
    }
    return r;
}

static void leave(struct window_wire *wire, struct choice *choice)
{
    mutex_lock(&wire->lock);
    choice->users--;
    mutex_unlock(&wire->lock);
}

int window_wire_end(struct window_wire *wire, const struct window_wire_key *key, uint64_t now_ns,
                    struct window_wire_ended **ret_ended, zeus_error *err)
{
    struct window_wire_ended *ended = mem_calloc(1, sizeof *ended);
    if (!ended) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct window *window = NULL;
    mutex_lock(&wire->lock);
    int r = look_up(wire, key, now_ns, &window, err);
    if (r == 0) {
        char inner[INNER_NAME_SIZE];
        (void)snprintf(inner, sizeof inner, "%" PRIu64, window->number);
        r = monitor_end(window->choice->monitor, inner, 0, &ended->measurement, err);
        ended->choice = window->choice;
        window->choice->users -= r < 0; /* else the measurement takes its place */
        remove_window(wire, window);
    }
    mutex_unlock(&wire->lock);
    if (r == 0 && measurement_set_name(ended->measurement, key->name) < 0) {
        zeus_measurement_free(ended->measurement);
        leave(wire, ended->choice);
        r = err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (r < 0) {
        free(ended);
        return r;
    }
    *ret_ended = ended;
    return 0;
}

/* Writes and frees a measurement. */
static int tell(struct zeus_measurement *measurement, char **ret_json, zeus_error *err)
{
    const char *text = NULL;
    int r = measurement_json(measurement, 0, &text);
    char *copy = r < 0 ? NULL : mem_strdup(text);
    zeus_measurement_free(measurement);
    if (!copy) {
        r = r < 0 ? r : ZEUS_ENOMEM;
        return err_set(err, r, "the measurement cannot be written: %s", zeus_strerror(r));
    }
    *ret_json = copy;
    return 0;
}

int window_wire_finish(struct window_wire *wire, struct window_wire_ended *ended, char **ret_json,
                       zeus_error *err)
{
    struct choice *choice = ended->choice;
    /* A closing edge that was not seen in time is flagged in the measurement. */
    (void)!zeus_measurement_settle(ended->measurement,
                                   wire->options.is_manual ? 0 : SETTLE_MOST_NS);
    int r = tell(ended->measurement, ret_json, err);
    free(ended);
    leave(wire, choice);
    return r;
}

int window_wire_cancel(struct window_wire *wire, const struct window_wire_key *key, uint64_t now_ns,
                       zeus_error *err)
{
    struct window *window = NULL;
    mutex_lock(&wire->lock);
    int r = look_up(wire, key, now_ns, &window, err);
    if (r == 0) {
        char inner[INNER_NAME_SIZE];
        (void)snprintf(inner, sizeof inner, "%" PRIu64, window->number);
        r = monitor_cancel(window->choice->monitor, inner, err);
        window->choice->users--;
        remove_window(wire, window);
    }
    mutex_unlock(&wire->lock);
    return r;
}

int window_wire_read(struct window_wire *wire, const struct window_wire_key *key, uint64_t now_ns,
                     char **ret_json, zeus_error *err)
{
    struct zeus_measurement *measurement = NULL;
    struct choice *choice = NULL;
    struct window *window = NULL;
    char inner[INNER_NAME_SIZE] = "";
    mutex_lock(&wire->lock);
    int r = look_up(wire, key, now_ns, &window, err);
    if (r == 0) {
        (void)snprintf(inner, sizeof inner, "%" PRIu64, window->number);
        choice = window->choice;
        choice->users++;
    }
    mutex_unlock(&wire->lock);
    if (!choice) {
        return r;
    }
    r = monitor_estimate(choice->monitor, inner, &measurement, err);
    if (r == ZEUS_ENOTFOUND) {
        (void)err_set(err, r, "window '%s' does not exist", key->name); /* ended meanwhile */
    }
    if (r == 0 && measurement_set_name(measurement, key->name) < 0) {
        zeus_measurement_free(measurement);
        r = err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    r = r < 0 ? r : tell(measurement, ret_json, err);
    leave(wire, choice);
    return r;
}

uint64_t window_wire_tidy(struct window_wire *wire, uint64_t now_ns)
{
    struct choice *unused = NULL;
    mutex_lock(&wire->lock);
    uint64_t next_ns = expire(wire, now_ns);
    for (struct choice *choice = wire->choices; choice;) {
        struct choice *next = choice->next;
        if (choice->users == 0) {
            window_remove_choice(wire, choice);
            choice->next = unused;
            unused = choice;
        }
        choice = next;
    }
    mutex_unlock(&wire->lock);
    while (unused) {
        struct choice *choice = unused;
        unused = choice->next;
        monitor_destroy(choice->monitor);
        free(choice);
    }
    return next_ns;
}

size_t window_wire_count(struct window_wire *wire)
{
    mutex_lock(&wire->lock);
    size_t count = wire->count;
    mutex_unlock(&wire->lock);
    return count;
}

size_t window_wire_monitors(struct window_wire *wire)
{
    mutex_lock(&wire->lock);
    size_t count = wire->choice_count;
    mutex_unlock(&wire->lock);
    return count;
}

void window_wire_step(struct window_wire *wire, uint64_t now_ns)
{
    for (struct choice *choice = wire->choices; choice; choice = choice->next) {
        if (choice->monitor) {
            (void)sampler_step(&choice->monitor->sampler, now_ns);
        }
    }
}
