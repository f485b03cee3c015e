/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy between two instants, read off a ring of knots, with its uncertainty. Pure: a ring and
 * numbers in, numbers out; docs/measurement.md derives what is done here.
 *
 * Inside the stretch between two knots the energy follows from the stretch's own energy and the
 * power of its neighbours: between a lower and a higher neighbour there was a step (its instant
 * follows exactly) or a ramp; a stretch like its neighbours was even, up to the spread that the
 * neighbourhood shows; a stretch that stands out is bounded by the powers seen around it. Knots are
 * uncertain in time by their bracket. Past the last knot the power now is carried on.
 */
#ifndef ZEUS_MONITOR_ESTIMATOR_H
#define ZEUS_MONITOR_ESTIMATOR_H

#include <stdint.h>

#include "base/attr.h"
#include "monitor/knot.h"

/* What the estimator has to know of a source beside its knots. */
struct estimator {
    const struct ring *knots;
    double blur_s;      /* knot_maker_blur_s, 0 for counters */
    double noise_w;     /* of one reading, where there is blur */
    double shift_s;     /* standard deviation of what all knots may be off by together */
    int is_sharp;       /* readings are dense enough to undo the averaging: sharp_edge.h */
    double edge_j;      /* standard deviation that each edge has anyway: quantum, RC noise */
    uint64_t now_ns;    /* a reading of the power now, for what lies past the last knot */
    double now_w;       /* NaN: none */
    uint64_t period_ns; /* of the knots */
    /* Where the very first knot (number 0) stands, once the beat has told; half 0: as it is. */
    uint64_t first_t_ns;
    uint64_t first_half_ns;
};

/* est_result.flags */
#define ESTIMATE_OPEN  (1u << 0) /* an edge lies past the last knot */
#define ESTIMATE_EARLY (1u << 1) /* an edge lies before the first knot or before the history */
#define ESTIMATE_GAP   (1u << 2) /* part of the window has no data */
#define ESTIMATE_SHORT (1u << 3) /* shorter than the stretch it lies in */
#define ESTIMATE_GUESS (1u << 4) /* parts were filled from their neighbours */

struct estimate {
    double energy_j;
    double sigma_j; /* standard deviation of the random part */
    double covered_s;
    uint32_t flags;
};

/* An edge settled once and for all, to be used after the history has passed on. */
struct pinned_edge {
    double energy_j;    /* since the source's start */
    double var_j2;      /* of the edge itself */
    double base_var_j2; /* cumulative variance at the edge */
    double power_w;     /* there */
    double unrest_w;    /* by which the power at the very edge may differ from that */
    uint64_t gap_ns;
    uint32_t flags;
};

/* AGAIN when there are no knots at all or the window lies wholly outside of what they cover. */
int estimate_between(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns,
                     struct estimate *ret_estimate) ZEUS_CHECK;

/* Settles an edge. AGAIN while it is past the last knot. */
int estimate_pin(const struct estimator *est, uint64_t t_ns, struct pinned_edge *ret_edge)
    ZEUS_CHECK;

/* As estimate_between with edges that were pinned; NULL for one that was not. */
int estimate_pinned(const struct estimator *est, const struct pinned_edge *begin,
                    const struct pinned_edge *end, uint64_t begin_ns, uint64_t end_ns,
                    struct estimate *ret_estimate) ZEUS_CHECK;

/* Whether the edge at t lies before the last knot, whatever time that took place. */
int estimate_is_closed(const struct estimator *est, uint64_t t_ns);

#endif /* ZEUS_MONITOR_ESTIMATOR_H */
