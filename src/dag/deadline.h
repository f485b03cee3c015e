/* SPDX-License-Identifier: Apache-2.0
 *
 * The cheapest plan of one given length, without walking down the frontier: scaling from coarse to
 * single time units.
 */
#ifndef ZEUS_DAG_DEADLINE_H
#define ZEUS_DAG_DEADLINE_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "dag/tradeoff.h"

/* Durations of all nodes for a plan of at most `deadline` time units. A deadline beyond the slowest
 * plan gives the slowest. ZEUS_ERANGE with words when no plan is that fast, ZEUS_CLOSED when
 * `is_cancelled` (may be NULL) said so. */
int deadline_solve(const struct tradeoff_problem *problem, int64_t deadline, size_t max_bytes,
                   int (*is_cancelled)(void *), void *context, int32_t *ret_duration,
                   zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAG_DEADLINE_H */
