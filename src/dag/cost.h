/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operation costs at each integer duration: a convex, non-increasing table made from a
 * model. Convexity makes the relaxed planning problem exactly solvable.
 */
#ifndef ZEUS_DAG_COST_H
#define ZEUS_DAG_COST_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

/* a * exp(b * t) + c, a >= 0, b < 0 or a == 0; with b > 0 the cheapest duration becomes the
 * longest. */
struct dag_exponential {
    double a;
    double b;
    double c;
};

struct dag_cost {
    int32_t shortest; /* durations, in time units */
    int32_t longest;
    double *value; /* owned; value[i] at duration shortest + i; convex and non-increasing */
};

/* Every init function: ZEUS_EINVAL with words, ZEUS_ELIMIT when the table would exceed
 * `max_entries`. `value` of a model that rises towards long durations is cut at its minimum. */
int dag_cost_exponential(struct dag_cost *cost, struct dag_exponential model, int32_t shortest,
                         int32_t longest, int32_t max_entries, zeus_error *err) ZEUS_CHECK;

/* The lower convex hull of measured points (time[i], cost[i]), in any order: between neighbours
 * the cost is linear. */
int dag_cost_hull(struct dag_cost *cost, int32_t points, const int32_t *time, const double *value,
                  int32_t max_entries, zeus_error *err) ZEUS_CHECK;

/* One value for each duration shortest, shortest + 1, ...; must be convex. */
int dag_cost_table(struct dag_cost *cost, int32_t shortest, int32_t count, const double *value,
                   zeus_error *err) ZEUS_CHECK;

void dag_cost_finish(struct dag_cost *cost);

/* Cost at a duration; beyond the longest it stays the same. `duration` must not be below shortest.
 */
double dag_cost_at(const struct dag_cost *cost, int64_t duration);

#endif /* ZEUS_DAG_COST_H */
