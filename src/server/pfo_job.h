/* SPDX-License-Identifier: Apache-2.0
 *
 * One pipeline job: its ranks arrive, ask for schedules, post results, round after round. A state
 * machine without I/O and without clocks: what it wants done it does through hooks.
 *
 *   ranks -> (all known) scheduler -> requests -> (all asked) answers -> results -> (all in)
 * requests ...
 * Where the scheduler has work to do, the job is `solving` until pfo_job_end_work; who owns the job
 * runs the work elsewhere.
 *
 * Two rules of counting. Fixed (the default): each rank counts once; a repeated request or result
 * of a rank in the same round is a retry and is answered alike. Compat: requests and results are
 * counted whoever sends them, as the published server does, and a full result queue refuses.
 */
#ifndef ZEUS_SERVER_PFO_JOB_H
#define ZEUS_SERVER_PFO_JOB_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/arena.h"
#include "base/attr.h"
#include "server/pfo_scheduler.h"
#include "server/pfo_wire.h"

#define PFO_WORLD_MAX   16384
#define PFO_WAITERS_MAX 4 /* outstanding requests a rank */

enum pfo_job_phase {
    PFO_JOB_RANKS,    /* ranks register */
    PFO_JOB_REQUESTS, /* ranks ask for the next schedule */
    PFO_JOB_RESULTS,  /* schedules are out, results come in */
    PFO_JOB_SOLVING,  /* the scheduler's work is under way or waits for its turn */
    PFO_JOB_FAILED,   /* every request is answered with the failure */
};

struct pfo_job;

struct pfo_job_hooks {
    /* Answers one waiting request: with the steps, or (steps NULL) with the job's failure. */
    void (*answer)(void *user, const struct pfo_job *job, void *waiter, int64_t rank,
                   const struct pfo_steps *steps);
    /* A dump file's content: "ranks.json", "0.prof.json", "0.sched.json". NULL: no dumps. */
    void (*dump)(void *user, const struct pfo_job *job, const char *name, const char *text,
                 size_t len);
    void *user;
};

struct pfo_waiter {
    int64_t rank;
    void *waiter;
};

struct pfo_job_rank {
    int has_asked; /* this round */
    int is_served; /* compat: a schedule lies in the slot; fixed: may be asked again */
};

struct pfo_job {
    char *id; /* owned */
    struct pfo_job_info info;
    int is_compat;
    enum pfo_job_phase phase;
    uint64_t last_active_ns;
    uint64_t round;

    struct pfo_rank_info *infos; /* world_size; sorted by rank once complete */
    size_t info_count;
    struct pfo_job_rank *ranks; /* world_size, by rank */
    struct pfo_result *results; /* world_size */
    struct arena *result_arenas;
    size_t result_count;
    size_t request_count;
    struct pfo_waiter *waiters; /* oldest first */
    size_t waiter_count;
    size_t waiter_max;

    const struct pfo_scheduler_kind *kind;
    const struct pfo_scheduler_args *args; /* borrowed */
    struct pfo_scheduler *scheduler;       /* once all ranks are known */
    const struct pfo_schedule *schedules;  /* of this round */
    size_t schedule_count;
    const char *csv; /* phase SOLVING: an upload, borrowed; NULL: the rounds' profile */
    size_t csv_len;
    int is_queued;      /* the owner's mark: the work has its place in a queue */
    zeus_error failure; /* phase FAILED */
    struct arena arena; /* rank infos */
};

/* `id` and the strings of `info` are copied. ZEUS_ENOMEM. */
int pfo_job_create(const char *id, const struct pfo_job_info *info,
                   const struct pfo_scheduler_kind *kind, const struct pfo_scheduler_args *args,
                   int is_compat, struct pfo_job **ret) ZEUS_CHECK;
void pfo_job_destroy(struct pfo_job *job); /* waiters must have been taken */

/* ZEUS_ERANGE: no such rank in this job; ZEUS_ESTATE: all ranks are known already (fixed rules). */
int pfo_job_add_rank(struct pfo_job *job, const struct pfo_rank_info *info,
                     const struct pfo_job_hooks *hooks) ZEUS_CHECK;

/* Registers a request; the answer hook is called now or later. ZEUS_ERANGE: no such rank;
 * ZEUS_ELIMIT: too many requests are waiting. */
int pfo_job_request(struct pfo_job *job, int64_t rank, void *waiter,
                    const struct pfo_job_hooks *hooks) ZEUS_CHECK;

/* ZEUS_ERANGE, ZEUS_ESTATE (fixed: no schedule is out), ZEUS_ELIMIT (compat: the queue is full). */
int pfo_job_report(struct pfo_job *job, const struct pfo_result *result,
                   const struct pfo_job_hooks *hooks) ZEUS_CHECK;

/* Hands a deadline to the scheduler. ZEUS_ESTATE and ZEUS_ENOTSUP with words for the client. */
int pfo_job_set_deadline(struct pfo_job *job, const struct pfo_deadline *deadline,
                         struct pfo_point *ret, zeus_error *err) ZEUS_CHECK;

/* Takes a profile, borrowed until the work with it has ended: the job is solving then. Failures as
 * above. */
int pfo_job_load_profile(struct pfo_job *job, const char *csv, size_t len, zeus_error *err)
    ZEUS_CHECK;

/* Of a job that is solving: its work, owned by the caller. */
int pfo_job_begin_work(struct pfo_job *job, struct pfo_work **ret, zeus_error *err) ZEUS_CHECK;

/* The work is over (`work` NULL: it will not be done, because of `code` and the words in `err`). A
 * job whose upload failed goes on as before, one whose rounds gave no plan has failed. Returns the
 * failure, with words in `err`. */
int pfo_job_end_work(struct pfo_job *job, struct pfo_work *work, int code,
                     const struct pfo_job_hooks *hooks, zeus_error *err);

/* Removes and returns a waiter for which `match` says yes, or NULL. */
void *pfo_job_take_waiter(struct pfo_job *job, int (*match)(void *user, void *waiter), void *user);

#endif /* ZEUS_SERVER_PFO_JOB_H */
