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
#include "server/pfo_plan.h"
#include "server/pfo_wire.h"

struct pfo_schedule {
    int64_t rank;
    const struct pfo_steps *steps; /* borrowed from the scheduler until its next call */
};

struct pfo_scheduler_args {
    const char *solution_path; /* NULL: not given */
};

struct pfo_scheduler;

struct pfo_scheduler_kind {
    const char *name; /* part of the job id */
    int needs_solution;
    /* `ranks` are sorted by rank. Failures are words for the clients. */
    int (*create)(const struct pfo_scheduler_args *args, const struct pfo_job_info *job,
                  const struct pfo_rank_info *ranks, size_t rank_count, struct pfo_scheduler **ret,
                  zeus_error *err);
};

struct pfo_scheduler_ops {
    /* One schedule a rank. */
    const struct pfo_schedule *(*next)(struct pfo_scheduler *s, size_t *ret_count);
    void (*observe)(struct pfo_scheduler *s, const struct pfo_result *results, size_t count);
    void (*destroy)(struct pfo_scheduler *s);
};

struct pfo_scheduler {
    const struct pfo_scheduler_ops *ops;
};

/* NULL when there is no such kind. */
const struct pfo_scheduler_kind *pfo_scheduler_find(const char *name);

/* "PointSolution, PointSolution3D": for messages. */
const char *pfo_scheduler_names(void);

#endif /* ZEUS_SERVER_PFO_SCHEDULER_H */
