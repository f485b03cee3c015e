/* SPDX-License-Identifier: Apache-2.0
 *
 * Least-squares fits of a cost that falls with time: a * exp(b t) + c, convex and falling by
 * construction, and a straight line. Deterministic, no starting values.
 */
#ifndef ZEUS_STATS_FIT_H
#define ZEUS_STATS_FIT_H

#include <stddef.h>

#include "base/attr.h"

struct fit_curve {
    double a; /* >= 0 */
    double b; /* <= 0, per unit of t */
    double c;
    double mse; /* mean of the squared errors */
};

/* Needs one point; with fewer than three different times the curve goes through all of them (two
 * points: a line in the limit, drawn as a very flat exponential). ZEUS_EINVAL for no point or a
 * value that is not finite. */
int fit_exponential(size_t count, const double *t, const double *y, struct fit_curve *ret_curve)
    ZEUS_CHECK;

struct fit_line {
    double slope;
    double intercept;
    double mse;
};

/* ZEUS_EINVAL as above; with one time only the slope is 0. */
int fit_line(size_t count, const double *t, const double *y, struct fit_line *ret_line) ZEUS_CHECK;

#endif /* ZEUS_STATS_FIT_H */
