/* SPDX-License-Identifier: Apache-2.0
 *
 * The little statistics a measurement needs: summaries of repeats with their confidence interval,
 * and quantiles of Student's t. Pure functions.
 */
#ifndef ZEUS_STATS_H
#define ZEUS_STATS_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>

ZEUS_BEGIN_DECLS

/* Repeats of one quantity. With fewer than two values sd and ci95 are NaN; with none all are. */
typedef struct zeus_summary {
    uint64_t count;
    double mean;
    double sd;   /* of one value (n - 1) */
    double ci95; /* half width of the 95 % interval of the mean, by Student's t */
    double min;
    double max;
} zeus_summary;

/* NaN values are left out. Never fails. */
ZEUS_API void zeus_summarize(const double *values, size_t count, zeus_summary *ret_summary);

/* Quantile of Student's t: p in (0, 1), degrees of freedom > 0; NaN outside. */
ZEUS_API double zeus_t_quantile(double p, double degrees_of_freedom);

ZEUS_END_DECLS

#endif /* ZEUS_STATS_H */
