/* SPDX-License-Identifier: Apache-2.0
 *
 * The handles of simulate.h, shared by the files that implement it.
 */
#ifndef ZEUS_CORE_SIMULATE_PRIVATE_H
#define ZEUS_CORE_SIMULATE_PRIVATE_H

#include <zeus/simulate.h>

#include "base/attr.h"
#include "simulate/cluster_trace.h"
#include "simulate/recurring_job.h"
#include "simulate/trace.h"
#include "simulate/workload.h"

struct zeus_traces {
    struct trace *trace;
};

struct zeus_groups {
    struct cluster_groups groups;
};

struct zeus_simulation {
    struct simulated_history history;
    zeus_batch_arm *arms; /* owned */
    size_t arm_count;
    double max_power_w;
};

#endif /* ZEUS_CORE_SIMULATE_PRIVATE_H */
