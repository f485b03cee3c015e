/* SPDX-License-Identifier: Apache-2.0
 *
 * Quantiles by sorting.
 */
#include "stats/quantile.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void quantile_sort(double *values, size_t count)
{
    if (count > 1) {
        qsort(values, count, sizeof *values, by_value);
    }
}

double quantile_sorted(const double *values, size_t count, double q)
{
    if (count == 0) {
        return (double)NAN;
    }
    double at = q * (double)(count - 1);
    size_t low = (size_t)floor(at);
    if (low + 1 >= count) {
        return values[count - 1];
    }
    return values[low] + (values[low + 1] - values[low]) * (at - (double)low);
}

double quantile_median(double *values, size_t count)
{
    quantile_sort(values, count);
    return quantile_sorted(values, count, 0.5);
}
