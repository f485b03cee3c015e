/* SPDX-License-Identifier: Apache-2.0
 *
 * A thread that does work in the order it came: what an HTTP thread must not wait for. With nothing
 * to do it sleeps, without a timeout unless one was set.
 */
#ifndef ZEUS_DAEMON_WORKER_H
#define ZEUS_DAEMON_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/mutex.h"
#include "base/thread.h"

/* Intrusive; belongs to whoever posted it. `run` is called exactly once, at the stop too. */
struct work {
    struct work *next;
    void (*run)(struct work *work);
};

struct worker {
    struct thread thread;
    struct mutex lock;
    struct work *first;
    struct work *last;
    size_t count;
    size_t max;
    int is_closed;
    /* Called by the thread between works; returns when to be called again without work (monotonic),
     * 0 never. NULL: none. */
    uint64_t (*idle)(void *user);
    void *user;
};

/* `worker` zeroed but for max, idle and user; it must not move. */
int worker_start(struct worker *worker, const char *name, zeus_error *err) ZEUS_CHECK;

/* BUSY when the queue is full, CLOSED after the stop. Any thread. */
int worker_post(struct worker *worker, struct work *work) ZEUS_CHECK;

/* Takes no more work, does what is queued, ends the thread. Harmless when it was not started. */
void worker_stop(struct worker *worker);

#endif /* ZEUS_DAEMON_WORKER_H */
