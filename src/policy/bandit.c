/* SPDX-License-Identifier: Apache-2.0
 *
 * Conjugate Gaussian fit and Thompson choice. Every draw of the choice is consumed in a fixed
 * order (the permutation, then one normal for each arm), because jobs keep the generator's state
 * and repeat published sequences.
 */
#include "policy/bandit.h"

#include <math.h>
#include <stdlib.h>

#include <zeus/error.h>

#include "base/mem.h"
#include "base/rng.h"

#define ARMS_ON_STACK 64
#define SPREAD_FLOOR  0.01 /* of the mean reward, see struct bandit_prior */

/* Up to 128 values: eight interleaved sums, then the rest. */
static double sum_block(const double *values, size_t count)
{
    if (count < 8) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) {
            sum += values[i];
        }
        return sum;
    }
    double part[8];
    for (size_t k = 0; k < 8; k++) {
        part[k] = values[k];
    }
    size_t i = 8;
    for (; i + 8 <= count; i += 8) {
        for (size_t k = 0; k < 8; k++) {
            part[k] += values[i + k];
        }
    }
    double sum =
        ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
    for (; i < count; i++) {
        sum += values[i];
    }
    return sum;
}

double bandit_sum(const double *values, size_t count)
{
    if (count <= 128) {
        return sum_block(values, count);
    }
    size_t half = count / 2;
    half -= half % 8;
    return bandit_sum(values, half) + bandit_sum(values + half, count - half);
}

/* Population variance, the squares summed in the same pairwise order. */
static double variance(const double *values, size_t count, double mean, double *scratch)
{
    for (size_t i = 0; i < count; i++) {
        const double deviation = values[i] - mean;
        scratch[i] = deviation * deviation;
    }
    return bandit_sum(scratch, count) / (double)count;
}

int bandit_fit(const struct bandit_prior *prior, const double *rewards, size_t count,
               struct bandit_arm *arm)
{
    if (count == 0 || count > UINT32_MAX) {
        return ZEUS_EINVAL;
    }
    double fixed[256];
    double *heap _free_ = NULL;
    double *scratch = fixed;
    if (count > 256) {
        scratch = heap = mem_calloc(count, sizeof(*scratch));
        if (!heap) {
            return ZEUS_ENOMEM;
        }
    }
    const double n = (double)count;
    const double sum = bandit_sum(rewards, count);
    const double mean = sum / n;
    double spread = variance(rewards, count, mean, scratch);
    if (spread == 0 && prior->has_spread_floor) {
        spread = SPREAD_FLOOR * mean * (SPREAD_FLOOR * mean);
    }
    arm->num_observations = (uint32_t)count;
    arm->reward_precision = spread == 0 ? INFINITY : 1 / spread;
    if (isinf(arm->reward_precision)) {
        arm->param_mean = mean;
        arm->param_precision = INFINITY;
        return 0;
    }
    arm->param_precision = prior->precision + n * arm->reward_precision;
    arm->param_mean =
        (prior->precision * prior->mean + arm->reward_precision * sum) / arm->param_precision;
    return 0;
}

/* The generator for the next draw: the caller's, or a fresh one in `spare`. */
static struct rng *draw_from(const struct bandit_source *source, struct rng *spare)
{
    if (!source->fresh_seed) {
        return source->rng;
    }
    rng_seed(spare, *source->fresh_seed);
    return spare;
}

static int is_unexplored(const struct bandit_arm *arm, uint32_t num_explorations)
{
    /* An arm that nobody observed has nothing to sample from, however few explorations are wanted.
     */
    return arm->num_observations < num_explorations || arm->num_observations == 0;
}

static size_t choose_by_sample(const struct bandit_arm *arms, size_t count,
                               const struct bandit_source *source, double *samples)
{
    struct rng spare;
    size_t best = 0;
    double best_sample = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        const double deviation = sqrt(1 / arms[i].param_precision);
        const double sample = rng_normal(draw_from(source, &spare), arms[i].param_mean, deviation);
        if (samples) {
            samples[i] = sample;
        }
        if (sample > best_sample) {
            best_sample = sample;
            best = i;
        }
    }
    return best;
}

int bandit_choose(const struct bandit_arm *arms, size_t count, uint32_t num_explorations,
                  const struct bandit_source *source, double *samples, size_t *ret_index)
{
    if (count == 0) {
        return ZEUS_EINVAL;
    }
    uint64_t fixed[ARMS_ON_STACK];
    uint64_t *heap _free_ = NULL;
    uint64_t *order = fixed;
    if (count > ARMS_ON_STACK) {
        order = heap = mem_calloc(count, sizeof(*order));
        if (!heap) {
            return ZEUS_ENOMEM;
        }
    }
    struct rng spare;
    const int code = rng_choice(draw_from(source, &spare), count, count, order);
    if (code < 0) {
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        if (samples) {
            samples[i] = NAN;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_unexplored(&arms[order[i]], num_explorations)) {
            *ret_index = (size_t)order[i];
            return 0;
        }
    }
    *ret_index = choose_by_sample(arms, count, source, samples);
    return 0;
}
