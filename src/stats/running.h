/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean and variance of a stream in constant memory (Welford). Pure.
 */
#ifndef ZEUS_STATS_RUNNING_H
#define ZEUS_STATS_RUNNING_H

#include <stdint.h>

struct running {
    uint64_t count;
    double mean;
    double sum2; /* of squared distances from the mean */
    double min;
    double max;
};

void running_add(struct running *r, double value);

/* Sample variance and deviation (n - 1); 0 below two values. */
double running_variance(const struct running *r);
double running_stddev(const struct running *r);

/* Standard error of the mean; 0 below two values. */
double running_stderr(const struct running *r);

#endif /* ZEUS_STATS_RUNNING_H */
