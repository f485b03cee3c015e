/* SPDX-License-Identifier: Apache-2.0
 *
 * One edge of a window: its neighbourhood of knots, and the energy at it. What estimator.c (knots
 * of a ring) and sharp_edge.c (knots of a reconstruction) share. Pure.
 */
#ifndef ZEUS_MONITOR_EDGE_H
#define ZEUS_MONITOR_EDGE_H

#include "monitor/estimator.h"
#include "monitor/stretch.h"

#define EDGE_AROUND     10u /* stretches looked at on either side */
#define EDGE_KNOTS_MOST (2 * EDGE_AROUND + 2)

struct edge_around {
    struct knot knots[EDGE_KNOTS_MOST];
    uint64_t numbers; /* number of knots[0] */
    uint32_t count;
    uint32_t at;      /* the edge lies between knots[at] and knots[at + 1], or past the last */
    uint64_t ring_at; /* number in the source's ring of the knot before the edge */
};

/* Energy at an instant, and how it hangs on the times of the two knots beside it. */
struct edge {
    double energy_j; /* since the source's start */
    double var_j2;   /* shape and carrying on, knot times left out */
    double base_var_j2;
    double slope_w[2]; /* -d energy / d time of the knot before and after */
    double knot_var_s2[2];
    uint64_t knot; /* number of the one before */
    uint64_t gap_ns;
    uint32_t flags;
    struct stretch stretch; /* the one it falls into, when is_inside */
    double at_s;            /* from that stretch's start */
    int is_inside;
};

/* A knot as the estimates see it; 0 when it is not in the ring. */
int edge_read_knot(const struct estimator *est, uint64_t number, struct knot *ret_knot);

/* Copies the neighbourhood of t. AGAIN when there are no knots at all. */
int edge_look_around(const struct estimator *est, uint64_t t_ns, struct edge_around *ret_around,
                     int *ret_is_early) ZEUS_CHECK;

/* The energy at t, between two knots or beyond them; `edge` was zeroed. */
void edge_inside(const struct estimator *est, const struct edge_around *a, uint64_t t_ns,
                 struct edge *edge);
void edge_outside(const struct estimator *est, const struct edge_around *a, uint64_t t_ns,
                  int is_early, struct edge *edge);

/* Of stretch i of a neighbourhood. */
double edge_power_w(const struct edge_around *a, uint32_t i);
int edge_is_observed(const struct edge_around *a, uint32_t i);

/* Number of the last knot of the ring at or before t, or of the oldest; returns whether it is at or
 * before t. */
int edge_find_knot(const struct estimator *est, uint64_t t_ns, uint64_t *ret_low,
                   uint64_t *ret_end);

/* Puts variance, gaps and flags of a window into an estimate that has its energy. */
void edge_finish(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns, double var_j2,
                 int64_t gap_ns, struct estimate *e);

/* Variance of what knots that are all early or late alike shift from one side of a window to the
 * other: the power that comes in at one edge less the power that goes out at the other. */
double edge_shift_var_j2(const struct estimator *est, const struct pinned_edge *begin,
                         const struct pinned_edge *end);

void edge_pin(const struct edge *edge, struct pinned_edge *ret_edge);

#endif /* ZEUS_MONITOR_EDGE_H */
