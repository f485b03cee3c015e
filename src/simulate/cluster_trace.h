/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster-trace experiment: a group of jobs that recur at recorded start and end times, some
 * while others still run. While one runs, the next takes the cheapest known batch size; otherwise
 * it asks the policy. Outcomes are seen when a job ends.
 */
#ifndef ZEUS_SIMULATE_CLUSTER_TRACE_H
#define ZEUS_SIMULATE_CLUSTER_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/policy.h>

#include "base/attr.h"
#include "simulate/recurring_job.h"

struct workload;

/* One job of a group. */
struct cluster_job {
    double start_s;
    double end_s;
    double runtime_ratio; /* of this job to the mean of its dataset: scales energy and time */
};

struct cluster_group {
    char name[64];
    char dataset[48];
    struct cluster_job *jobs; /* owned; in start order */
    size_t job_count;
    size_t job_capacity;
};

struct cluster_groups {
    struct cluster_group *groups; /* owned; sorted by name */
    size_t count;
    size_t capacity;
};

/* Parses group,start_time,end_time,dataset,runtime_ratio. PARSE names line and column; a group must
 * have one dataset. Jobs are put in start order (stable). */
int cluster_groups_parse(const char *text, size_t len, struct cluster_groups *ret_groups,
                         zeus_error *err) ZEUS_CHECK;
void cluster_groups_finish(struct cluster_groups *groups);

/* Defaults of the published experiment for a dataset; NULL when it had none. */
struct cluster_dataset {
    const char *dataset;
    const char *network;
    const char *optimizer;
    double target_metric;
    double max_epochs;
    int64_t batch_size_cap; /* default batch size, unless the trace's largest is smaller */
};
const struct cluster_dataset *cluster_dataset_find(const char *name);

/* adler32 of the name: the seed of a group. */
uint32_t cluster_seed(const char *name);

/* Runs a group. `job->num_recurrences` is not used. */
int cluster_group_run(const struct workload *workload, const struct cluster_group *group,
                      const struct recurring_job *job, struct simulated_history *history,
                      zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_SIMULATE_CLUSTER_TRACE_H */
