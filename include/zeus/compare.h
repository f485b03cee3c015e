/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparing the energy (or time, or any positive cost) of several programs from interleaved runs.
 *
 *     zeus_compare_open(2, 30, seed, &c, &err);
 *     for (int arm = zeus_compare_next(c); arm >= 0; arm = zeus_compare_next(c))
 *         zeus_compare_add(c, measure(arm), &err);
 *     zeus_compare_get(c, 1, &result);
 *
 * Runs come in blocks A B B A (with several arms A B C C B A) in a fresh random order each time, so
 * that linear drift cancels. The comparison stops early at one of five planned looks when every arm
 * is told apart from the first; the interval accounts for the looks: a difference is claimed where
 * there is none in 5 % of comparisons. Threads: one at a time.
 */
#ifndef ZEUS_COMPARE_H
#define ZEUS_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_compare zeus_compare;

#define ZEUS_COMPARE_ARMS_MAX   8u
#define ZEUS_COMPARE_BLOCKS_MIN 10u

/* One arm against the first. */
typedef struct zeus_compare_result {
    uint64_t blocks; /* complete ones */
    double ratio;    /* this arm's cost over the first arm's */
    double low;      /* interval of the ratio, 95 % over all looks; NaN before two blocks */
    double high;
    double mean;     /* this arm's mean cost */
    int32_t differs; /* 1: the interval leaves out 1 */
    int32_t reserved;
} zeus_compare_result;

/* `arms` from 2 to ZEUS_COMPARE_ARMS_MAX, `max_blocks` from ZEUS_COMPARE_BLOCKS_MIN on. Owned by
 * the caller (zeus_compare_close). */
ZEUS_API int zeus_compare_open(size_t arms, size_t max_blocks, uint64_t seed,
                               zeus_compare **ret_compare, zeus_error *err) ZEUS_CHECK;
ZEUS_API void zeus_compare_close(zeus_compare *compare);

/* Arm to run next, -1 when the comparison is finished. */
ZEUS_API int zeus_compare_next(const zeus_compare *compare);

/* Cost of the run that zeus_compare_next asked for. RANGE unless it is positive and finite. */
ZEUS_API int zeus_compare_add(zeus_compare *compare, double cost, zeus_error *err) ZEUS_CHECK;

/* Where an arm stands; arm 0 against itself gives its mean. */
ZEUS_API int zeus_compare_get(const zeus_compare *compare, size_t arm,
                              zeus_compare_result *ret_result) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_COMPARE_H */
