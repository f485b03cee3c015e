/* SPDX-License-Identifier: Apache-2.0
 *
 * From measured options to a cost model and back: which options are worth keeping, and which real
 * option (frequency) an operation gets for its planned duration.
 */
#ifndef ZEUS_DAG_ASSIGN_H
#define ZEUS_DAG_ASSIGN_H

#include <stdint.h>

#include "base/attr.h"
#include "dag/graph.h"

struct assign_option {
    double time_s;
    double cost;
    int32_t quant; /* time in units, rounded down */
    int32_t id;    /* the caller's */
};

/* Whole units in a time, as Python's a // b counts them; -1 when not between 0 and 2^30. */
int32_t assign_quantize(double time_s, double unit_s);

/* Keeps the useful options, slowest first, in the front of `options`; returns their number. An
 * option goes when another is below `noise` times its time and its cost; of one quant the costliest
 * stays, whose true time is nearest. The order of equals is that of the input. */
int32_t assign_filter(struct assign_option *options, int32_t count, double noise);

/* Index of the slowest option that takes at most `duration` units, else of the fastest. `options`
 * as assign_filter leaves them; count > 0. */
int32_t assign_lookup(const struct assign_option *options, int32_t count, int32_t duration);

/* Options of an operation: `options[first[spec] .. first[spec + 1]]`. */
struct assign_table {
    const struct assign_option *options;
    const int32_t *first;
    const int32_t *spec_of; /* per node; negative: none */
};

/* For every node the slowest option that fits its planned duration: index into options, -1 for
 * none. */
void assign_first(const struct assign_table *table, int32_t nodes, const int32_t *duration,
                  int32_t *ret_choice);

/* A second choice so that the whole ends within `deadline` units: in topological order, a slower
 * and cheaper option than the first one where slack was left over by the rounding. Returns the
 * length, or ZEUS_ENOMEM. */
int64_t assign_plan(const struct dag_graph *g, const struct assign_table *table,
                    const int32_t *first, int64_t deadline, int32_t *ret_choice) ZEUS_CHECK;

#endif /* ZEUS_DAG_ASSIGN_H */
