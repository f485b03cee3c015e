/* SPDX-License-Identifier: Apache-2.0
 *
 * Gaussian Thompson sampling over arms whose reward precision is learnt from the rewards.
 *
 * An arm is always fitted from the prior and the rewards it is given, never incrementally: windows
 * and replays come for free. Sums follow numpy's pairwise order, so that recorded runs repeat to
 * the last digit.
 */
#ifndef ZEUS_POLICY_BANDIT_H
#define ZEUS_POLICY_BANDIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct rng;

struct bandit_arm {
    int64_t batch_size;
    double param_mean;
    double param_precision;  /* +inf: the mean is taken as certain */
    double reward_precision; /* +inf when all rewards were equal */
    uint32_t num_observations;
};

struct bandit_prior {
    double mean;
    double precision;
    /* Off: equal rewards give infinite precision, and the arm is never doubted again (as recorded).
     * On: their deviation is taken as 1 % of their size, so that the arm can still lose. */
    int has_spread_floor;
};

/* Fits mean, precisions and count from `count` rewards (negative costs); batch_size is kept.
 * ZEUS_EINVAL without rewards. */
int bandit_fit(const struct bandit_prior *prior, const double *rewards, size_t count,
               struct bandit_arm *arm) ZEUS_CHECK;

/* Where the draws come from. */
struct bandit_source {
    struct rng *rng; /* advanced by the permutation, then once for each arm */
    /* When set, `rng` is not used: each single draw starts a fresh generator from this seed, so
     * that all arms get one and the same variate. Only for --compat, where it is the time in s. */
    const uint64_t *fresh_seed;
};

/* Index of the chosen arm: the first of a random permutation with fewer than `num_explorations`
 * observations, else the largest sample (first wins). `samples` (may be NULL) receives the sample
 * of each arm, NaN for all when the choice was an exploration. ZEUS_EINVAL without arms. */
int bandit_choose(const struct bandit_arm *arms, size_t count, uint32_t num_explorations,
                  const struct bandit_source *source, double *samples, size_t *ret_index)
    ZEUS_CHECK;

/* Sum in numpy's pairwise order. */
double bandit_sum(const double *values, size_t count);

#endif /* ZEUS_POLICY_BANDIT_H */
