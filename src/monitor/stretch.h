/* SPDX-License-Identifier: Apache-2.0
 *
 * One stretch between two knots: how much of its energy lies in a part of it, and how sure that is.
 * Pure arithmetic on a handful of numbers; the ring is estimator.c's.
 */
#ifndef ZEUS_MONITOR_STRETCH_H
#define ZEUS_MONITOR_STRETCH_H

#include <stdint.h>

/* Powers are of the nearest observed stretches; where there is none on a side, has_... is 0. */
struct stretch {
    double length_s;
    double energy_j;
    double var_j2;  /* of the energy: for a guessed stretch */
    double left_w;  /* neighbour before */
    double left2_w; /* the one before that */
    double right_w;
    double right2_w;
    double low_w; /* range of the powers around, own excluded */
    double high_w;
    double spread_w; /* robust spread of stretches around */
    double hidden_w; /* unrest that may hide inside stretches, see stretch_hidden_w */
    uint32_t has_left;
    uint32_t has_right;
    uint32_t is_guess;
};

/* What the means of stretches say about unrest inside them. A power that switches between `low` and
 * `high` and is at its mean `w` in a stretch has a spread of sqrt((w - low)(high - w)) inside it:
 * none when the stretches themselves are at the ends, much when all of them lie between. Returns
 * the root of the average of that over the stretches. */
double stretch_hidden_w(const double *means_w, uint32_t count);

/* Energy in [from_s, to_s] of the stretch and the variance of that, given the stretch's energy. */
void stretch_part(const struct stretch *stretch, double from_s, double to_s, double *ret_j,
                  double *ret_var_j2);

#endif /* ZEUS_MONITOR_STRETCH_H */
