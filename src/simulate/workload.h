/* SPDX-License-Identifier: Apache-2.0
 *
 * One job as the traces know it: for each batch size the cost of an epoch at each power limit and
 * the epochs that recorded runs needed. Immutable once built; serves many simulations.
 */
#ifndef ZEUS_SIMULATE_WORKLOAD_H
#define ZEUS_SIMULATE_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct rng;
struct trace;

/* An epoch at one power limit. */
struct workload_power {
    double limit_w;
    double epoch_time_s;
    double average_power_w;
    double epoch_energy_j;
};

struct workload_size {
    int64_t batch_size;
    struct workload_power *powers; /* owned; highest limit first */
    size_t power_count;
    double *target_epochs;    /* owned; one for each recorded run, NaN: never reached */
    size_t run_count;         /* 0: no recorded run has the job's target */
    double mean_epoch_time_s; /* over all limits: an epoch in which limits are profiled */
    double mean_epoch_energy_j;
};

struct workload {
    struct workload_size *sizes; /* ascending by batch size */
    int64_t *batch_sizes;        /* the same sizes alone */
    size_t size_count;
    double max_power_w;     /* largest limit of the whole trace */
    size_t job_size_count;  /* sizes that have the job's target */
    size_t job_limit_count; /* distinct limits of those */
};

struct workload_key {
    const char *dataset;
    const char *network;
    const char *optimizer;
    double target_metric;
};

/* NOTFOUND (naming what is missing and what there is) when the traces do not have the job. */
int workload_build(const struct trace *trace, const struct workload_key *key,
                   struct workload **ret_workload, zeus_error *err) ZEUS_CHECK;

void workload_destroy(struct workload *workload);

/* The size's entry, NULL when the workload lacks it. */
const struct workload_size *workload_find(const struct workload *workload, int64_t batch_size);

/* Cost of an epoch at a limit, against the highest limit of the batch size. */
double workload_epoch_cost(const struct workload_size *size, const struct workload_power *power,
                           double eta_knob);

/* The limit with the cheapest epoch, scanned from the highest down; the first wins ties. */
const struct workload_power *workload_best_power(const struct workload_size *size, double eta_knob);

/* How a run ended. */
struct workload_outcome {
    double energy_j;
    double time_s;
    int has_reached;
    int is_void; /* not one epoch fitted under the bound: nothing ran */
};

struct workload_run {
    const struct workload_size *size;
    const struct workload_power *power;
    double eta_knob;
    double cost_bound; /* +inf: none */
    double max_epochs;
    int is_profiled; /* the first epoch goes through all limits */
};

/* Replays a recorded run drawn from `rng` (one draw, always consumed). */
void workload_replay(const struct workload_run *run, struct rng *rng,
                     struct workload_outcome *ret_outcome);

#endif /* ZEUS_SIMULATE_WORKLOAD_H */
