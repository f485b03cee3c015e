/* SPDX-License-Identifier: Apache-2.0
 *
 * Exact quantiles of an array. Pure.
 */
#ifndef ZEUS_STATS_QUANTILE_H
#define ZEUS_STATS_QUANTILE_H

#include <stddef.h>

/* Sorts ascending in place. NaNs are not allowed. */
void quantile_sort(double *values, size_t count);

/* Of sorted values, linear between neighbours (the common "type 7"); q in [0, 1]; NaN when empty.
 */
double quantile_sorted(const double *values, size_t count, double q);

/* Median of values in any order; reorders them. NaN when empty. */
double quantile_median(double *values, size_t count);

#endif /* ZEUS_STATS_QUANTILE_H */
