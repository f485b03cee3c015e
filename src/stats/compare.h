/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparing the cost of several programs from interleaved runs. Pure: values in, decisions out.
 *
 * Runs come in blocks. A block runs every arm once forward and once backward (A B C C B A), with
 * the arms in a fresh random order each block: whatever drifts linearly during a block
 * (temperature, clocks, a neighbour) hits all arms alike and cancels. A block gives one number per
 * arm: the mean log ratio to the first arm. The interval of the ratio is Student's t over blocks.
 *
 * Looking at the data several times and stopping at the first success would find differences that
 * are not there. So there are at most COMPARE_LOOKS looks at fixed numbers of blocks, each at a
 * level that keeps the chance of any false difference at 5 % over all looks together (the levels
 * were found by simulation; tests/unit/stats/test_compare.c checks them). With several arms the
 * level is divided among the comparisons.
 */
#ifndef ZEUS_STATS_COMPARE_H
#define ZEUS_STATS_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define COMPARE_ARMS_MAX 8
#define COMPARE_LOOKS    5

struct compare {
    size_t arms;
    size_t max_blocks;
    uint64_t random_state;
    size_t order[COMPARE_ARMS_MAX]; /* of the block being run */
    size_t position;                /* runs of this block so far, 0 .. 2 * arms */
    double sums[COMPARE_ARMS_MAX];  /* of logs in this block */
    size_t blocks;                  /* complete ones */
    size_t looks;                   /* taken so far */
    int is_done;
    double mean[COMPARE_ARMS_MAX]; /* Welford over blocks of the log ratio to arm 0 */
    double square[COMPARE_ARMS_MAX];
    double level_mean[COMPARE_ARMS_MAX]; /* running mean of the plain values */
    size_t level_count[COMPARE_ARMS_MAX];
};

struct compare_result {
    size_t blocks;
    double ratio; /* arm over arm 0 */
    double low;   /* 95 % interval over all looks; NaN with fewer than two blocks */
    double high;
    int differs; /* the interval leaves out 1 */
};

/* `arms` from 2 to COMPARE_ARMS_MAX; `max_blocks` at least COMPARE_LOOKS * 2. ZEUS_EINVAL. */
int compare_init(struct compare *c, size_t arms, size_t max_blocks, uint64_t seed) ZEUS_CHECK;

/* Which arm to run next, -1 when the comparison is finished. */
int compare_next(const struct compare *c);

/* The cost of the run that compare_next asked for: > 0, else ZEUS_ERANGE and nothing changes. */
int compare_add(struct compare *c, double value) ZEUS_CHECK;

/* The state of one arm (1 .. arms-1) against arm 0. */
void compare_get(const struct compare *c, size_t arm, struct compare_result *ret_result);

/* Number of blocks at which look `look` (from 0) is taken. */
size_t compare_look_at(const struct compare *c, size_t look);

#endif /* ZEUS_STATS_COMPARE_H */
