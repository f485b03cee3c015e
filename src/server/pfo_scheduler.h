/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedulers decide which frequencies the ranks of a job use next. Each kind is a line of one
 * table; the job's state machine (pfo_job.h) knows only this interface. A scheduler is created when
 * all ranks are known, is asked for the next schedules, and sees the results of each round.
 * Thread rule: called under the service's lock.
 */
#ifndef ZEUS_SERVER_PFO_SCHEDULER_H
#define ZEUS_SERVER_PFO_SCHEDULER_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/flag.h"
#include "server/pfo_plan.h"
#include "server/pfo_wire.h"

struct pfo_schedule {
    int64_t rank;
    const struct pfo_steps *steps; /* borrowed from the scheduler until its next call */
};

struct pfo_scheduler_args {
    const char *solution_path; /* NULL: not given */
    /* of the frontier scheduler */
    int64_t micro_batches;
    const char *schedule; /* "1f1b" or "gpipe" */
    double p2p_power_w;   /* what one device draws while it waits for its neighbour */
    double unit_s;
    double noise_factor;
};

/* A new iteration time to plan for: another part of the job has become slower. */
struct pfo_deadline {
    double deadline_s; /* 0: as fast as possible */
    int64_t straggler; /* data-parallel rank that keeps the fastest plan; -1: none */
};

/* The plan that a deadline got. */
struct pfo_point {
    int64_t index;
    double time_s;
    double energy_j;
    int is_met; /* 0: nothing is that fast; the plan is the fastest */
};

struct pfo_scheduler;

struct pfo_scheduler_kind {
    const char *name; /* part of the job id */
    int needs_solution;
    int needs_micro_batches;
    /* `ranks` are sorted by rank and, as `args`, borrowed for the scheduler's life. Failures are
     * words for the clients. */
    int (*create)(const struct pfo_scheduler_args *args, const struct pfo_job_info *job,
                  const struct pfo_rank_info *ranks, size_t rank_count, struct pfo_scheduler **ret,
                  zeus_error *err);
};

#define PFO_NEEDS_WORK 1

/* Something that is done beside the requests, on any thread and without a lock. */
struct pfo_work {
    void (*run)(struct pfo_work *work, const struct flag *stop);
    void (*destroy)(struct pfo_work *work);
};

struct pfo_scheduler_ops {
    /* One schedule a rank. */
    const struct pfo_schedule *(*next)(struct pfo_scheduler *s, size_t *ret_count);
    /* 0, PFO_NEEDS_WORK, or a failure, which is the job's. */
    int (*observe)(struct pfo_scheduler *s, const struct pfo_result *results, size_t count,
                   zeus_error *err);
    /* Takes effect with the next schedules; NULL: not of this kind. ZEUS_ESTATE: there is no
     * frontier yet. */
    int (*set_deadline)(struct pfo_scheduler *s, const struct pfo_deadline *deadline,
                        struct pfo_point *ret, zeus_error *err);
    /* What takes too long for a request: from the rounds' profile (`csv` NULL), or from a profile
     * that stays where it is until the work is over. ZEUS_ESTATE: there is a frontier already.
     * NULL: not of this kind. The work is owned by the caller. */
    int (*begin_work)(struct pfo_scheduler *s, const char *csv, size_t len, struct pfo_work **ret,
                      zeus_error *err);
    /* Takes over what the work found; its failure is returned. */
    int (*end_work)(struct pfo_scheduler *s, struct pfo_work *work, zeus_error *err);
    /* Points of the frontier, 0 while there is none; NULL: not of this kind. */
    int (*get_points)(const struct pfo_scheduler *s);
    void (*destroy)(struct pfo_scheduler *s);
};

struct pfo_scheduler {
    const struct pfo_scheduler_ops *ops;
};

/* NULL when there is no such kind. */
const struct pfo_scheduler_kind *pfo_scheduler_find(const char *name);

/* pfo_frontier.c: profiles the stages in the job's first rounds, or takes an uploaded profile;
 * keeps the frontier and serves its fastest plan, or that of the deadline it was given last. */
int pfo_frontier_create(const struct pfo_scheduler_args *args, const struct pfo_job_info *job,
                        const struct pfo_rank_info *ranks, size_t rank_count,
                        struct pfo_scheduler **ret, zeus_error *err) ZEUS_CHECK;

/* "PointSolution, PointSolution3D, Frontier": for messages. */
const char *pfo_scheduler_names(void);

#endif /* ZEUS_SERVER_PFO_SCHEDULER_H */
