/* SPDX-License-Identifier: Apache-2.0
 *
 * Step and line integrals; see integrate.h.
 */
#include "stats/integrate.h"

/* The part of sample i's reign that lies within [begin, end]; 0 when empty. */
static int reign(const struct integrate_sample *samples, size_t count, size_t i, uint64_t begin_ns,
                 uint64_t end_ns, uint64_t *ret_from_ns, uint64_t *ret_to_ns)
{
    uint64_t from_ns = samples[i].time_ns;
    uint64_t to_ns = samples[i].until_ns;
    if (i + 1 < count && samples[i + 1].time_ns < to_ns) {
        to_ns = samples[i + 1].time_ns;
    }
    *ret_from_ns = from_ns > begin_ns ? from_ns : begin_ns;
    *ret_to_ns = to_ns < end_ns ? to_ns : end_ns;
    return *ret_from_ns < *ret_to_ns;
}

/* First sample whose reign can reach `begin`. */
static size_t first_of(const struct integrate_sample *samples, size_t count, uint64_t begin_ns)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (samples[middle].time_ns <= begin_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? low - 1 : 0;
}

void integrate_steps(const struct integrate_sample *samples, size_t count, uint64_t begin_ns,
                     uint64_t end_ns, struct integral *ret_integral)
{
    struct integral sum = {0, 0};
    for (size_t i = first_of(samples, count, begin_ns); i < count && samples[i].time_ns < end_ns;
         i++) {
        uint64_t from_ns;
        uint64_t to_ns;
        if (reign(samples, count, i, begin_ns, end_ns, &from_ns, &to_ns)) {
            double dt_s = (double)(to_ns - from_ns) * 1e-9;
            sum.sum += samples[i].value * dt_s;
            sum.covered_s += dt_s;
        }
    }
    *ret_integral = sum;
}

static double line_at(const struct integrate_sample *samples, size_t count, size_t i, uint64_t t_ns)
{
    if (i + 1 >= count || samples[i + 1].time_ns > samples[i].until_ns) {
        return samples[i].value;
    }
    double length_ns = (double)(samples[i + 1].time_ns - samples[i].time_ns);
    double share = length_ns > 0 ? (double)(t_ns - samples[i].time_ns) / length_ns : 0;
    return samples[i].value + (samples[i + 1].value - samples[i].value) * share;
}

void integrate_lines(const struct integrate_sample *samples, size_t count, uint64_t begin_ns,
                     uint64_t end_ns, struct integral *ret_integral)
{
    struct integral sum = {0, 0};
    for (size_t i = first_of(samples, count, begin_ns); i < count && samples[i].time_ns < end_ns;
         i++) {
        uint64_t from_ns;
        uint64_t to_ns;
        if (reign(samples, count, i, begin_ns, end_ns, &from_ns, &to_ns)) {
            double dt_s = (double)(to_ns - from_ns) * 1e-9;
            double mean =
                (line_at(samples, count, i, from_ns) + line_at(samples, count, i, to_ns)) / 2;
            sum.sum += mean * dt_s;
            sum.covered_s += dt_s;
        }
    }
    *ret_integral = sum;
}
