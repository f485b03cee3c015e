/* SPDX-License-Identifier: Apache-2.0
 *
 * Interleaved comparison with planned looks.
 */
#include "stats/compare.h"

#include <math.h>

#include <zeus/error.h>

#include "stats/student.h"

/* Two-sided level of each look such that all five together reject a true null hypothesis in 5 % of
 * comparisons. The looks are at 1/5, 2/5 ... of the blocks; the level depends on the number of
 * blocks hardly at all, because the test statistic is Student's t at each look. */
#define LOOK_LEVEL 0.0148

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15)); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static void shuffle(struct compare *c)
{
    for (size_t i = c->arms - 1; i > 0; i--) {
        size_t k = (size_t)(next_random(&c->random_state) % (i + 1));
        size_t swap = c->order[i];
        c->order[i] = c->order[k];
        c->order[k] = swap;
    }
}

int compare_init(struct compare *c, size_t arms, size_t max_blocks, uint64_t seed)
{
    if (arms < 2 || arms > COMPARE_ARMS_MAX || max_blocks < COMPARE_LOOKS * 2) {
        return ZEUS_EINVAL;
    }
    *c = (struct compare){.arms = arms, .max_blocks = max_blocks, .random_state = seed};
    for (size_t i = 0; i < arms; i++) {
        c->order[i] = i;
    }
    shuffle(c);
    return 0;
}

size_t compare_look_at(const struct compare *c, size_t look)
{
    return c->max_blocks * (look + 1) / COMPARE_LOOKS;
}

int compare_next(const struct compare *c)
{
    if (c->is_done) {
        return -1;
    }
    size_t i = c->position;
    return (int)c->order[i < c->arms ? i : 2 * c->arms - 1 - i];
}

/* Stops when every arm has been told apart from the first, or when the looks are used up. */
static void look(struct compare *c)
{
    if (c->looks >= COMPARE_LOOKS || c->blocks < compare_look_at(c, c->looks)) {
        return;
    }
    c->looks++;
    int is_settled = 1;
    for (size_t arm = 1; arm < c->arms; arm++) {
        struct compare_result result;
        compare_get(c, arm, &result);
        is_settled &= result.differs;
    }
    c->is_done = is_settled || c->looks == COMPARE_LOOKS;
}

static void finish_block(struct compare *c)
{
    c->blocks++;
    double n = (double)c->blocks;
    for (size_t arm = 0; arm < c->arms; arm++) {
        double log_ratio = (c->sums[arm] - c->sums[0]) / 2;
        double delta = log_ratio - c->mean[arm];
        c->mean[arm] += delta / n;
        c->square[arm] += delta * (log_ratio - c->mean[arm]);
    }
    for (size_t arm = 0; arm < c->arms; arm++) {
        c->sums[arm] = 0;
    }
    c->position = 0;
    shuffle(c);
    look(c);
}

int compare_add(struct compare *c, double value)
{
    int arm = compare_next(c);
    if (arm < 0) {
        return ZEUS_ESTATE;
    }
    if (!(value > 0) || isinf(value)) {
        return ZEUS_ERANGE;
    }
    c->sums[arm] += log(value);
    c->level_count[arm]++;
    c->level_mean[arm] += (value - c->level_mean[arm]) / (double)c->level_count[arm];
    c->position++;
    if (c->position == 2 * c->arms) {
        finish_block(c);
    }
    return 0;
}

void compare_get(const struct compare *c, size_t arm, struct compare_result *ret_result)
{
    *ret_result = (struct compare_result){.blocks = c->blocks,
                                          .ratio = c->blocks ? exp(c->mean[arm]) : (double)NAN,
                                          .low = (double)NAN,
                                          .high = (double)NAN};
    if (c->blocks < 2) {
        return;
    }
    double n = (double)c->blocks;
    double standard_error = sqrt(c->square[arm] / (n - 1) / n);
    double level = LOOK_LEVEL / (double)(c->arms - 1);
    double half = student_quantile(1 - level / 2, n - 1) * standard_error;
    ret_result->low = exp(c->mean[arm] - half);
    ret_result->high = exp(c->mean[arm] + half);
    ret_result->differs = ret_result->low > 1 || ret_result->high < 1;
}
