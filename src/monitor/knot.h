/* SPDX-License-Identifier: Apache-2.0
 *
 * A knot: an instant at which the energy of a source since its start is known. Counter ticks make
 * knots; integrated power makes knots. Everything about windows is read off a ring of them.
 */
#ifndef ZEUS_MONITOR_KNOT_H
#define ZEUS_MONITOR_KNOT_H

#include <stdint.h>
#include <string.h>

#include "base/ring.h"

#define KNOT_GUESS \
    (1u << 0) /* the stretch before this knot was not observed: filled from its sides */
#define KNOT_GAP \
    (1u << 1) /* nothing is known of the stretch before this knot: energy not counted */
#define KNOT_POWER (1u << 2) /* made from power: a late knot moves energy, it does not add any */

struct knot {
    uint64_t t_ns;
    uint32_t half_ns; /* the instant is uniform within t_ns -/+ half_ns */
    uint32_t flags;   /* KNOT_... */
    double energy_j;  /* since the source's start, gaps left out */
    double var_j2;    /* variance that integration has gathered since the start; 0 for counters */
    uint64_t gap_ns;  /* time in gaps since the start */
    double reading_w; /* of the power field, for knots made from power */
};

#define KNOT_WORDS 6

static inline void knot_push(struct ring *ring, const struct knot *knot)
{
    uint64_t words[KNOT_WORDS] = {
        knot->t_ns, (uint64_t)knot->flags << 32 | knot->half_ns, 0, 0, knot->gap_ns, 0};
    memcpy(&words[2], &knot->energy_j, sizeof(double));
    memcpy(&words[3], &knot->var_j2, sizeof(double));
    memcpy(&words[5], &knot->reading_w, sizeof(double));
    ring_push(ring, words);
}

static inline int knot_read(const struct ring *ring, uint64_t number, struct knot *ret_knot)
{
    uint64_t words[KNOT_WORDS];
    if (!ring_read(ring, number, words)) {
        return 0;
    }
    ret_knot->t_ns = words[0];
    ret_knot->half_ns = (uint32_t)(words[1] & UINT32_MAX);
    ret_knot->flags = (uint32_t)(words[1] >> 32);
    memcpy(&ret_knot->energy_j, &words[2], sizeof(double));
    memcpy(&ret_knot->var_j2, &words[3], sizeof(double));
    ret_knot->gap_ns = words[4];
    memcpy(&ret_knot->reading_w, &words[5], sizeof(double));
    return 1;
}

#endif /* ZEUS_MONITOR_KNOT_H */
