/* SPDX-License-Identifier: Apache-2.0
 *
 * The single-job experiment: one job recurs, each recurrence is retried until it reaches its
 * target, batch sizes come from a policy and power limits from profiling the first epoch.
 */
#ifndef ZEUS_SIMULATE_RECURRING_JOB_H
#define ZEUS_SIMULATE_RECURRING_JOB_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/policy.h>

#include "base/attr.h"

struct workload;

#define RECURRING_TRIES_MAX 20

/* One run: what was chosen and what it cost. */
struct simulated_run {
    int64_t batch_size;
    double limit_w;
    double energy_j;
    double time_s;
    double cost;
    int has_reached;
    uint32_t recurrence; /* from 0 */
};

/* History of a simulation, grown as it runs. */
struct simulated_history {
    struct simulated_run *runs; /* owned */
    size_t count;
    size_t capacity;
};

void simulated_history_finish(struct simulated_history *history);
int simulated_history_add(struct simulated_history *history, const struct simulated_run *run)
    ZEUS_CHECK;

/* Sees each decision and observation in order; any member may be NULL. */
struct simulate_watch {
    void (*predicted)(void *user, int64_t batch_size);
    void (*observed)(void *user, int64_t batch_size, double cost, int has_converged);
    void (*recurred)(void *user, uint32_t done, uint32_t total);
    void *user;
};

struct recurring_job {
    double eta_knob;
    double beta_knob; /* +inf: no early stopping */
    int64_t default_batch_size;
    double max_epochs;
    uint64_t seed; /* of the draws of recorded runs */
    uint32_t num_recurrences;
    const zeus_batch_policy_ops *policy;
    void *policy_self;
    const struct simulate_watch *watch; /* NULL: none */
};

/* Runs it. STATE when the default batch size does not converge at first, when a recurrence fails 20
 * times, or what the policy returns. `history` keeps what ran up to then. */
int recurring_job_run(const struct workload *workload, const struct recurring_job *job,
                      struct simulated_history *history, zeus_error *err) ZEUS_CHECK;

/* 2 * batch sizes * limits of the job's rows: enough for a grid search twice over. */
uint32_t recurring_job_default_recurrences(const struct workload *workload);

#endif /* ZEUS_SIMULATE_RECURRING_JOB_H */
