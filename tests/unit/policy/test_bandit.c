/* SPDX-License-Identifier: Apache-2.0
 *
 * The bandit: the fit against its formulas, the choice's draws one by one, exploration first, the
 * shared variate of unseeded --compat, convergence to the best arm.
 */
#include "test.h"

#include <math.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/rng.h"
#include "policy/bandit.h"

static void fit_formulas(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int round = 0; round < 200; round++) {
        double rewards[300];
        const size_t n = 2 + (size_t)rng_bounded(&rng, 297);
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            rewards[i] = rng_normal(&rng, -50, 7);
            sum += rewards[i];
        }
        double squares = 0;
        for (size_t i = 0; i < n; i++) {
            squares += (rewards[i] - sum / (double)n) * (rewards[i] - sum / (double)n);
        }
        const double precision = (double)n / squares;
        const struct bandit_prior prior = {.mean = -40, .precision = 0.25};
        struct bandit_arm arm = {.batch_size = 8};
        assert_int_equal(bandit_fit(&prior, rewards, n, &arm), 0);
        assert_int_equal(arm.batch_size, 8);
        assert_int_equal(arm.num_observations, n);
        assert_true(fabs(arm.reward_precision / precision - 1) < 1e-9);
        const double posterior = 0.25 + (double)n * precision;
        assert_true(fabs(arm.param_precision / posterior - 1) < 1e-9);
        assert_true(fabs(arm.param_mean / ((-10 + precision * sum) / posterior) - 1) < 1e-9);
    }
}

static void pairwise_sums(void **state)
{
    (void)state;
    static double values[100000];
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        values[i] = 0.1;
    }
    assert_true(bandit_sum(values, 0) == 0);
    assert_true(bandit_sum(values, 3) == 0.1 + 0.1 + 0.1);
    assert_true(bandit_sum(values, 8) == 0.8);
    /* Far closer than adding one after the other, which is off by 1.9e-8. */
    assert_true(fabs(bandit_sum(values, ARRAY_LEN(values)) - 10000) < 1e-10);
}

static void degenerate_fits(void **state)
{
    (void)state;
    const double equal[] = {-10, -10, -10};
    struct bandit_arm arm = {.batch_size = 8};
    struct bandit_prior prior = {.mean = 0, .precision = 0};
    assert_int_equal(bandit_fit(&prior, equal, 3, &arm), 0);
    assert_true(isinf(arm.param_precision) && isinf(arm.reward_precision));
    assert_true(arm.param_mean == -10);
    prior.has_spread_floor = 1;
    assert_int_equal(bandit_fit(&prior, equal, 3, &arm), 0);
    assert_true(fabs(arm.param_precision - 300) < 1e-9); /* three observations of 1 % each */
    assert_int_equal(bandit_fit(&prior, equal, 0, &arm), ZEUS_EINVAL);
}

static void draws_in_order(void **state)
{
    (void)state;
    const struct bandit_arm arms[] = {
        {1, -10, 4, 1, 9}, {2, -11, 0.25, 1, 9}, {3, -12, INFINITY, INFINITY, 9}};
    struct rng rng;
    rng_seed(&rng, 77);
    struct rng twin = rng;
    double samples[3];
    size_t index = 9;
    const struct bandit_source source = {.rng = &rng};
    assert_int_equal(bandit_choose(arms, 3, 2, &source, samples, &index), 0);
    uint64_t order[3];
    assert_int_equal(rng_choice(&twin, 3, 3, order), 0);
    size_t best = 0;
    for (size_t i = 0; i < 3; i++) {
        const double want =
            rng_normal(&twin, arms[i].param_mean, sqrt(1 / arms[i].param_precision));
        assert_true(samples[i] == want);
        best = samples[i] > samples[best] ? i : best;
    }
    assert_true(samples[2] == -12);
    assert_int_equal(index, best);
    assert_memory_equal(&rng, &twin, sizeof(rng));
}

static void unexplored_first(void **state)
{
    (void)state;
    struct bandit_arm arms[] = {{1, -1, 1e9, 1, 2}, {2, -9, 1, 1, 1}, {3, -9, 1, 1, 0}};
    struct rng rng;
    rng_seed(&rng, 5);
    const struct bandit_source source = {.rng = &rng};
    int seen[3] = {0};
    for (int i = 0; i < 200; i++) {
        size_t index = 0;
        double samples[3];
        assert_int_equal(bandit_choose(arms, 3, 2, &source, samples, &index), 0);
        assert_true(isnan(samples[0]));
        seen[index]++;
    }
    assert_int_equal(seen[0], 0);
    assert_true(seen[1] > 50 && seen[2] > 50);
    size_t index = 0;
    assert_int_equal(bandit_choose(arms, 3, 0, &source, NULL, &index), 0);
    assert_int_equal(index, 2); /* never observed: nothing to sample from */
    assert_int_equal(bandit_choose(arms, 0, 2, &source, NULL, &index), ZEUS_EINVAL);
}

static void shared_variate(void **state)
{
    (void)state;
    const struct bandit_arm arms[] = {{1, 10, 1, 1, 9}, {2, 20, 0.25, 1, 9}};
    const uint64_t second = 1732152882;
    const struct bandit_source source = {.fresh_seed = &second};
    double samples[2];
    size_t index = 0;
    assert_int_equal(bandit_choose(arms, 2, 2, &source, samples, &index), 0);
    assert_true(samples[1] - 20 == 2 * (samples[0] - 10)); /* one variate for all */
    double again[2];
    assert_int_equal(bandit_choose(arms, 2, 2, &source, again, &index), 0);
    assert_memory_equal(samples, again, sizeof(samples));
}

/* Regret: with the arms' true costs 10 % apart the best is chosen nearly always in the end. */
static void finds_the_best(void **state)
{
    (void)state;
    enum { ARMS = 70, ROUNDS = 3000 }; /* more arms than fit the stack buffer */
    struct rng rng;
    rng_seed(&rng, 8);
    static double rewards[ARMS][ROUNDS];
    struct bandit_arm arms[ARMS];
    for (size_t i = 0; i < ARMS; i++) {
        arms[i] = (struct bandit_arm){.batch_size = (int64_t)i + 1};
    }
    const struct bandit_source source = {.rng = &rng};
    const struct bandit_prior prior = {.precision = 0};
    unsigned best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        size_t index = 0;
        assert_int_equal(bandit_choose(arms, ARMS, 2, &source, NULL, &index), 0);
        struct bandit_arm *arm = &arms[index];
        const double cost = (index == 33 ? 90.0 : 100.0) + 3 * rng_standard_normal(&rng);
        rewards[index][arm->num_observations] = -cost;
        assert_int_equal(bandit_fit(&prior, rewards[index], arm->num_observations + 1, arm), 0);
        best += i >= ROUNDS / 2 && index == 33;
    }
    assert_true(best > 0.97 * ROUNDS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit_formulas),     cmocka_unit_test(pairwise_sums),
        cmocka_unit_test(degenerate_fits),  cmocka_unit_test(draws_in_order),
        cmocka_unit_test(unexplored_first), cmocka_unit_test(shared_variate),
        cmocka_unit_test(finds_the_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
