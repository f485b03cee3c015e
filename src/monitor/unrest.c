/* SPDX-License-Identifier: Apache-2.0
 *
 * Hidden unrest; see unrest.h.
 */
#include "monitor/unrest.h"

#include <math.h>

#include "base/macro.h"
#include "monitor/stretch.h"

#define FAR         160u /* stretches looked back at, and half as many ahead */
#define FAR_STEP    5u   /* odd: every other stretch of a sparse sensor is a guess */
#define FAR_DOUBT   0.4  /* share of that variance that is taken to be there still */
#define FLOOR       0.2
#define FLOOR_NEW   0.40 /* more without a past, fading over so many knots */
#define FLOOR_KNOTS 40u

double unrest_far_w(const struct ring *ring, uint64_t at)
{
    double means_w[(FAR + FAR / 2) / FAR_STEP + 1];
    uint32_t n = 0;
    uint64_t end = ring_end(ring);
    uint64_t from = at > ring_oldest(ring, end) + FAR ? at - FAR : ring_oldest(ring, end);
    for (uint64_t i = from; i + 1 < MIN_OF(end, at + FAR / 2); i += FAR_STEP) {
        struct knot before;
        struct knot after;
        if (knot_read(ring, i, &before) && knot_read(ring, i + 1, &after) &&
            !(after.flags & (KNOT_GAP | KNOT_GUESS)) && after.t_ns > before.t_ns) {
            means_w[n++] =
                (after.energy_j - before.energy_j) / ((double)(after.t_ns - before.t_ns) * 1e-9);
        }
    }
    return sqrt(FAR_DOUBT) * stretch_hidden_w(means_w, n);
}

double unrest_floor(const struct ring *ring)
{
    uint64_t known = MIN_OF(ring_end(ring), FLOOR_KNOTS);
    return FLOOR + FLOOR_NEW * (1 - (double)known / FLOOR_KNOTS);
}
