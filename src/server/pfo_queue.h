/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs whose scheduler has work to do, one thread that does it, and the requests that wait for it.
 * At most one entry a job, so the queue is no longer than there are jobs; uploads keep their body
 * in memory and have a limit of their own. Thread rule: every function wants the service's lock,
 * which is not held while work runs.
 */
#ifndef ZEUS_SERVER_PFO_QUEUE_H
#define ZEUS_SERVER_PFO_QUEUE_H

#include <pthread.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/flag.h"
#include "base/thread.h"
#include "httpd/httpd.h"
#include "server/pfo_job.h"

struct pfo_task {
    struct pfo_task *next;
    struct pfo_job *job;
    int has_ticket;
    struct httpd_ticket ticket; /* the upload that waits for the outcome */
};

struct pfo_queue {
    struct thread thread;
    pthread_cond_t wake;
    struct pfo_task *first; /* owned; `running` is not among them */
    struct pfo_task **end;
    struct pfo_task *running;
    size_t waiting; /* in the list */
    size_t uploads; /* waiting and running */
    size_t uploads_max;
    struct flag stop;
    uint64_t solved;
    uint64_t failed;
    uint64_t busy_ns;
};

struct pfo_service;

/* Starts the thread; the service's lock exists already. */
int pfo_queue_start(struct pfo_service *s, size_t uploads_max, zeus_error *err) ZEUS_CHECK;

/* 1 when no further upload fits. */
int pfo_queue_is_full(const struct pfo_queue *q);

/* The job is solving and gets its turn; the ticket (NULL: none) is answered when it is over.
 * ZEUS_ENOMEM: nothing was added. */
int pfo_queue_add(struct pfo_service *s, struct pfo_job *job, const struct httpd_ticket *ticket)
    ZEUS_CHECK;

/* How many go before this job: 0 while its work runs, -1 when it is not there. */
int pfo_queue_place(const struct pfo_queue *q, const struct pfo_job *job);

/* Ends what waits and stops what runs, with 503 for their clients; nothing is added any more. */
void pfo_queue_close(struct pfo_service *s);

/* Without the lock, after pfo_queue_close: the thread ends. */
void pfo_queue_join(struct pfo_queue *q);

#endif /* ZEUS_SERVER_PFO_QUEUE_H */
