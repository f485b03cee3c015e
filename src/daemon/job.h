/* SPDX-License-Identifier: Apache-2.0
 *
 * Work for a device's thread: a bounded first-in first-out queue, and jobs that wait for a time.
 * Jobs are intrusive and belong to whoever posted them; `run` is called exactly once, at shutdown
 * too. The queue has no lock of its own: its owner's guards it.
 */
#ifndef ZEUS_DAEMON_JOB_H
#define ZEUS_DAEMON_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct slot;

struct job {
    struct job *next;
    uint64_t due_ns; /* 0: at once */
    void (*run)(struct job *job, struct slot *slot);
};

struct job_queue {
    struct job *first;
    struct job *last;
    struct job *later; /* ascending by due_ns */
    size_t count;      /* both lists */
    size_t max;
};

/* ZEUS_EBUSY when the queue is full. */
int job_queue_add(struct job_queue *queue, struct job *job) ZEUS_CHECK;

/* The next job to run at now_ns, or NULL; UINT64_MAX takes those that are not due yet as well. */
struct job *job_queue_take(struct job_queue *queue, uint64_t now_ns);

/* When the next job is due: 0 at once, UINT64_MAX never. */
uint64_t job_queue_due_ns(const struct job_queue *queue);

#endif /* ZEUS_DAEMON_JOB_H */
