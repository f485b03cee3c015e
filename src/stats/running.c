/* SPDX-License-Identifier: Apache-2.0
 *
 * Welford's recurrence.
 */
#include "stats/running.h"

#include <math.h>

void running_add(struct running *r, double value)
{
    r->count++;
    double off = value - r->mean;
    r->mean += off / (double)r->count;
    r->sum2 += off * (value - r->mean);
    r->min = r->count == 1 ? value : fmin(r->min, value);
    r->max = r->count == 1 ? value : fmax(r->max, value);
}

double running_variance(const struct running *r)
{
    return r->count < 2 ? 0 : r->sum2 / (double)(r->count - 1);
}

double running_stddev(const struct running *r)
{
    return sqrt(running_variance(r));
}

double running_stderr(const struct running *r)
{
    return r->count < 2 ? 0 : running_stddev(r) / sqrt((double)r->count);
}
