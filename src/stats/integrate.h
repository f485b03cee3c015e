/* SPDX-License-Identifier: Apache-2.0
 *
 * Integrals over irregular samples with rules for edges and gaps. Pure.
 *
 * A sample holds from its time until the next one. What held before an interval is carried in, what
 * holds at its end is carried out; where nothing is known (before the first sample, from the
 * `until` of a sample on) there is a gap, which adds nothing and is counted.
 */
#ifndef ZEUS_STATS_INTEGRATE_H
#define ZEUS_STATS_INTEGRATE_H

#include <stddef.h>
#include <stdint.h>

struct integrate_sample {
    uint64_t time_ns;
    uint64_t until_ns; /* holds no longer than this; UINT64_MAX: until the next sample */
    double value;
};

struct integral {
    double sum; /* value times seconds */
    double covered_s;
};

/* Samples sorted by time; the value is a step function. */
void integrate_steps(const struct integrate_sample *samples, size_t count, uint64_t begin_ns,
                     uint64_t end_ns, struct integral *ret_integral);

/* Straight lines between samples that follow each other without a gap; held past the last. */
void integrate_lines(const struct integrate_sample *samples, size_t count, uint64_t begin_ns,
                     uint64_t end_ns, struct integral *ret_integral);

#endif /* ZEUS_STATS_INTEGRATE_H */
