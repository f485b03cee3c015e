/* SPDX-License-Identifier: Apache-2.0
 *
 * Undoes a running average. Pure: readings in, energies at the points of a grid out.
 *
 * A field that averages over a window W says at u that E(u) - E(u - W) = W R(u), E being the energy
 * since some instant. Readings that come every few per cent of W tie every point of E to the one a
 * window earlier and to the one a window later, with little noise; what they leave open is what
 * repeats every W. That, and only that, is supposed: power strays from the running average of the
 * readings as an even noise does, by as much as the readings show. The most probable E then follows
 * from one system of linear equations, and so does how sure any difference of it is.
 */
#ifndef ZEUS_MONITOR_SHARPEN_H
#define ZEUS_MONITOR_SHARPEN_H

#include <stdint.h>

#include "base/attr.h"

#define SHARPEN_READINGS   640u
#define SHARPEN_POINTS     640u
#define SHARPEN_PER_WINDOW 50u /* points to a window, at most */

struct sharpen_reading {
    uint64_t t_ns; /* end of its window */
    double half_s; /* that instant is uniform within -/+ this */
    double w;
};

struct sharpen {
    /* given */
    struct sharpen_reading readings[SHARPEN_READINGS]; /* by time */
    uint32_t count;
    double window_s;
    double period_s;   /* between readings, about */
    double noise_w;    /* standard deviation of one reading */
    uint64_t align_ns; /* the grid falls on the reading nearest to this */
    /* found */
    uint64_t start_ns; /* of the grid */
    double bin_s;
    uint32_t points;
    uint32_t per_window; /* bins to a window */
    double spread_w;     /* of one bin about the running average */
    double energy_j[SHARPEN_POINTS];
    double mean_j[SHARPEN_POINTS];
    double work_j[SHARPEN_POINTS];
    double band[SHARPEN_POINTS * (SHARPEN_PER_WINDOW + 2)]; /* lower half, then its root */
};

/* AGAIN when there are too few readings for a window's worth of grid. */
int sharpen_solve(struct sharpen *s) ZEUS_CHECK;

/* A number of the grid for an instant: whole at its points, below 0 and above points - 1 outside.
 */
double sharpen_place(const struct sharpen *s, uint64_t t_ns);

/* Weights that, summed over the energies of the grid, give E there; adds `sign` times them. */
void sharpen_add_at(const struct sharpen *s, double place, double sign, double *weights);

/* The same for the mean of E over a window in whose middle the place is. */
void sharpen_add_mean(const struct sharpen *s, double place, double sign, double *weights);

/* What weights that sum up to zero give, and the variance of that. `weights` is used up. */
void sharpen_difference(const struct sharpen *s, double *weights, double *ret_j,
                        double *ret_var_j2);

#endif /* ZEUS_MONITOR_SHARPEN_H */
