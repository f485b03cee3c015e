/* SPDX-License-Identifier: Apache-2.0
 *
 * The time-cost tradeoff on a DAG of operations with convex costs: from the slowest plan down to
 * the fastest, one time unit a step, the cheapest plan of each length. Exact: integer time, integer
 * (scaled) marginal costs, minimum cuts. docs/planner.md derives the method.
 */
#ifndef ZEUS_DAG_TRADEOFF_H
#define ZEUS_DAG_TRADEOFF_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "dag/cost.h"
#include "dag/graph.h"

/* All borrowed for the solver's life. */
struct tradeoff_problem {
    const struct dag_graph *graph;
    const int32_t *spec_of; /* per node; negative: takes no time and costs nothing */
    const struct dag_cost *specs;
    int32_t spec_count;
};

struct tradeoff;

/* Ready at the slowest plan. ZEUS_ELIMIT when more than `max_bytes` (0: any) would be needed,
 * ZEUS_ERANGE when lengths leave 31 bits. Owned. */
int tradeoff_create(const struct tradeoff_problem *problem, size_t max_bytes,
                    struct tradeoff **ret_solver, zeus_error *err) ZEUS_CHECK;
void tradeoff_destroy(struct tradeoff *t);

/* One unit shorter: 1, or 0 when the plan cannot be shorter at any cost. */
int tradeoff_step(struct tradeoff *t) ZEUS_CHECK;

int64_t tradeoff_time(const struct tradeoff *t);  /* length of the present plan */
double tradeoff_cost(const struct tradeoff *t);   /* its cost, all operations */
double tradeoff_change(const struct tradeoff *t); /* what the last step cost */
uint64_t tradeoff_augmentations(const struct tradeoff *t);

/* Node ids whose duration changed by one in the last step: v was shortened, ~v lengthened.
 * Borrowed until the next step. */
const int32_t *tradeoff_changes(const struct tradeoff *t, int32_t *ret_count);

/* Durations of all nodes in the present plan. Borrowed, kept up to date by tradeoff_step. */
const int32_t *tradeoff_durations(const struct tradeoff *t);

/* Checks that the flow is one (conservation, bounds, zero excess) and the trees agree with it;
 * for tests. 0 or ZEUS_EINTERNAL with words. */
int tradeoff_audit(const struct tradeoff *t, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAG_TRADEOFF_H */
