/* SPDX-License-Identifier: Apache-2.0
 *
 * A frontier kept for look-ups: the cost of every plan and, as differences between neighbours with
 * a full copy now and then, the durations of every plan. Any plan is recovered in time linear in
 * the number of operations.
 */
#ifndef ZEUS_DAG_FRONTIER_H
#define ZEUS_DAG_FRONTIER_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "dag/tradeoff.h"

/* Point 0 is the slowest plan; point i is i time units shorter. */
struct frontier {
    int64_t longest; /* time units of point 0 */
    int32_t points;
    int32_t nodes;
    double *cost;   /* owned; per point */
    double *change; /* owned; per point: cost - cost of the point before; 0 for point 0 */
    int32_t *delta; /* owned; changed nodes as tradeoff_changes gives them */
    size_t deltas;
    size_t *delta_first; /* owned; per point, where its differences begin */
    int32_t *copy;       /* owned; full durations, `nodes` each */
    int32_t *copy_point; /* owned; which point each copy is */
    int32_t copies;
    size_t bytes;     /* allocated */
    size_t max_bytes; /* 0: any */
    size_t point_room;
    size_t delta_room;
    size_t cost_room;
    size_t change_room;
    size_t copy_room;
    size_t copy_point_room;
};

void frontier_init(struct frontier *f, size_t max_bytes);
void frontier_finish(struct frontier *f);

/* Appends the solver's present plan. ZEUS_ELIMIT past max_bytes. */
int frontier_add(struct frontier *f, const struct tradeoff *t, int32_t nodes) ZEUS_CHECK;

/* The cheapest point that takes at most `deadline` units, -1 when there is none. */
int32_t frontier_find(const struct frontier *f, int64_t deadline);

void frontier_durations(const struct frontier *f, int32_t point, int32_t *ret_duration);

#endif /* ZEUS_DAG_FRONTIER_H */
