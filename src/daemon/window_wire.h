/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy windows for processes that cannot link the library: by name, per owner, over a choice of
 * the daemon's devices, with the same measurement object as `zeus run --json`.
 *
 * Monitors are opened when a window begins (one for each distinct choice of devices) and closed
 * when none needs them: without windows nothing runs and nothing wakes up. Windows have an age
 * limit: one that nobody ends is forgotten, and whoever comes for it later is told so.
 *
 * Threads: any. Functions marked [fast] take the time, touch no device and wait for nobody, so that
 * an HTTP thread may call them; functions marked [slow] open monitors, wait for a closing tick (a
 * second at most) or join a sampler.
 */
#ifndef ZEUS_DAEMON_WINDOW_WIRE_H
#define ZEUS_DAEMON_WINDOW_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>
#include <zeus/monitor.h>

#include "base/attr.h"
#include "base/log.h"
#include "device/backend.h"
#include "monitor/monitor_io.h"

#define WINDOW_WIRE_NAME_MAX  128u /* bytes */
#define WINDOW_WIRE_OWNER_MAX 128u

struct window_wire;

struct window_wire_options {
    struct device *const *devices; /* borrowed, with what they point to, until destroy */
    size_t count;
    const struct log_sink *log;
    const struct monitor_io *io; /* NULL: the devices themselves */
    int is_manual;               /* samplers are stepped by the caller (tests) */
    uint32_t rate_hz;            /* of the samplers; 0: 100 */
    uint32_t windows_max;        /* open at once; 0: 256 */
    uint32_t owner_max;          /* of them, of one owner; 0: 64 */
    uint32_t monitors_max;       /* distinct choices of devices; 0: 8 */
    uint64_t age_max_ns;         /* 0: 24 hours */
};

/* Whose window. Borrowed for the call. */
struct window_wire_key {
    const char *owner; /* "uid:1000", "sub:dana" */
    const char *name;
};

int window_wire_create(const struct window_wire_options *options, struct window_wire **ret_wire,
                       zeus_error *err) ZEUS_CHECK;
/* Forgets everything. No call may be under way, no ended window unfinished. [slow] */
void window_wire_destroy(struct window_wire *wire);

/* Begins a window over the devices marked in `is_chosen` (one byte for each of the options'; NULL:
 * all). AGAIN when a monitor must be opened first and `may_wait` is 0: call again where waiting is
 * allowed. STATE: the name is in use; INVAL: the name; LIMIT: too many windows, or choices of
 * devices. *ret_expires_ns: when it will be forgotten. [fast] or, with may_wait, [slow] */
int window_wire_begin(struct window_wire *wire, const struct window_wire_key *key,
                      const uint8_t *is_chosen, uint64_t now_ns, int may_wait,
                      uint64_t *ret_expires_ns, zeus_error *err) ZEUS_CHECK;

/* A window that is over and whose energy is yet to be told. */
struct window_wire_ended;

/* Ends it: this is the closing edge. NOTFOUND; STALE when it was forgotten for its age.
 * *ret_ended goes to window_wire_finish, which must be called. [fast] */
int window_wire_end(struct window_wire *wire, const struct window_wire_key *key, uint64_t now_ns,
                    struct window_wire_ended **ret_ended, zeus_error *err) ZEUS_CHECK;

/* Waits until the sensors have shown the edge, writes the measurement (schema
 * "zeus.measurement/1") and frees `ended`, in every case. *ret_json is owned: free(). [slow] */
int window_wire_finish(struct window_wire *wire, struct window_wire_ended *ended, char **ret_json,
                       zeus_error *err) ZEUS_CHECK;

/* Forgets it. NOTFOUND, STALE. [fast] */
int window_wire_cancel(struct window_wire *wire, const struct window_wire_key *key, uint64_t now_ns,
                       zeus_error *err) ZEUS_CHECK;

/* What it has used so far; it runs on. *ret_json is owned: free(). [slow] */
int window_wire_read(struct window_wire *wire, const struct window_wire_key *key, uint64_t now_ns,
                     char **ret_json, zeus_error *err) ZEUS_CHECK;

/* Forgets windows past their age and closes monitors that nobody needs: call after each finish,
 * cancel and read, and when the time has come that it returned last. Returns when the next window
 * is due, 0 when there is none. [slow] */
uint64_t window_wire_tidy(struct window_wire *wire, uint64_t now_ns);

size_t window_wire_count(struct window_wire *wire);
/* Monitors that run now. */
size_t window_wire_monitors(struct window_wire *wire);
/* Of a test with is_manual: one round of every sampler. */
void window_wire_step(struct window_wire *wire, uint64_t now_ns);

#endif /* ZEUS_DAEMON_WINDOW_WIRE_H */
