/* SPDX-License-Identifier: Apache-2.0
 *
 * Batch size decisions: pruning against an oracle that walks the rounds forward, concurrency,
 * repeats, judging, learning, and each quirk on and off.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/rng.h"
#include "policy/batch_size.h"
#include "policy/objective.h"

#define SIZES  12
#define TRIALS 256

static const int64_t all_sizes[SIZES] = {8,   16,   32,   64,   128,  256,
                                         512, 1024, 2048, 4096, 8192, 16384};

static struct batch_size_job make_job(size_t count, size_t at, uint32_t rounds, uint32_t quirks)
{
    return (struct batch_size_job){
        .batch_sizes = all_sizes,
        .batch_size_count = count,
        .default_batch_size = all_sizes[at],
        .eta_knob = 0.5,
        .beta_knob = 2,
        .max_power_w = 100,
        .target_metric = 0.5,
        .is_higher_better = 1,
        .max_epochs = 10,
        .num_pruning_rounds = rounds,
        .num_explorations = 2,
        .quirks = quirks,
    };
}

/* What each size does in each round. */
struct truth {
    int has_converged[4][SIZES];
    double cost[4][SIZES];
};

/* The oracle: sizes in the order they must be explored, then the survivors. */
struct expectation {
    int64_t order[TRIALS];
    size_t order_count;
    int64_t survivors[SIZES];
    size_t survivor_count;
    int is_stuck;
};

static void expect(const struct truth *truth, size_t count, size_t at, uint32_t rounds,
                   struct expectation *e)
{
    int is_in[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        is_in[i] = i < count;
    }
    *e = (struct expectation){.order_count = 0};
    for (uint32_t r = 0; r < rounds; r++) {
        int is_good[SIZES] = {0};
        size_t best = SIZES;
        for (int direction = -1; direction <= 1; direction += 2) {
            for (long i = direction < 0 ? (long)at : (long)at + 1; i >= 0 && i < (long)count;
                 i += direction) {
                if (!is_in[i]) {
                    continue;
                }
                e->order[e->order_count++] = all_sizes[i];
                if (!truth->has_converged[r][i]) {
                    break;
                }
                is_good[i] = 1;
                if (best == SIZES || truth->cost[r][i] < truth->cost[r][best]) {
                    best = (size_t)i;
                }
            }
        }
        if (best == SIZES) {
            e->is_stuck = 1;
            return;
        }
        memcpy(is_in, is_good, sizeof(is_in));
        at = best;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_in[i]) {
            e->survivors[e->survivor_count++] = all_sizes[i];
        }
    }
}

static size_t index_of(int64_t batch_size)
{
    size_t i = 0;
    while (all_sizes[i] != batch_size) {
        i++;
    }
    return i;
}

/* Follows the oracle's order; crashed and concurrent trials in between change nothing. */
static void follow(const struct batch_size_job *job, const struct truth *truth,
                   const struct expectation *e, struct rng *rng)
{
    struct batch_size_trial trials[TRIALS];
    size_t trial_count = 0;
    uint32_t tried[SIZES] = {0};
    int64_t survivors[SIZES];
    struct batch_size_step step;
    for (size_t i = 0; i < e->order_count; i++) {
        assert_int_equal(batch_size_explore(job, trials, trial_count, survivors, &step), 0);
        assert_int_equal(step.kind, BATCH_SIZE_STEP_EXPLORE);
        assert_int_equal(step.batch_size, e->order[i]);
        if (rng_bounded(rng, 4) == 0) {
            /* It crashes: the exploration is repeated. */
            trials[trial_count++] = (struct batch_size_trial){.batch_size = step.batch_size,
                                                              .status = BATCH_SIZE_FAILED};
            i--;
            continue;
        }
        trials[trial_count++] = (struct batch_size_trial){.batch_size = step.batch_size,
                                                          .status = BATCH_SIZE_DISPATCHED};
        assert_int_equal(batch_size_explore(job, trials, trial_count, survivors, &step), 0);
        assert_int_equal(step.kind, BATCH_SIZE_STEP_WAIT);
        assert_int_equal(step.batch_size, e->order[i]);
        const size_t at = index_of(step.batch_size);
        trials[trial_count - 1].status = BATCH_SIZE_SUCCEEDED;
        trials[trial_count - 1].has_converged = truth->has_converged[tried[at]][at];
        trials[trial_count - 1].cost = truth->cost[tried[at]][at];
        tried[at]++;
        trials[trial_count++] = (struct batch_size_trial){.batch_size = all_sizes[0],
                                                          .type = BATCH_SIZE_CONCURRENT,
                                                          .status = BATCH_SIZE_SUCCEEDED,
                                                          .has_converged = 1,
                                                          .cost = 1};
        assert_true(trial_count + 3 < TRIALS);
    }
    const int code = batch_size_explore(job, trials, trial_count, survivors, &step);
    if (e->is_stuck) {
        assert_int_equal(code, ZEUS_ESTATE);
        return;
    }
    assert_int_equal(code, 0);
    assert_int_equal(step.kind, BATCH_SIZE_STEP_FINISHED);
    assert_int_equal(step.survivor_count, e->survivor_count);
    assert_memory_equal(survivors, e->survivors, e->survivor_count * sizeof(survivors[0]));
}

static void pruning_against_oracle(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2024);
    unsigned stuck = 0;
    for (int i = 0; i < 3000; i++) {
        const size_t count = 1 + (size_t)rng_bounded(&rng, SIZES - 1);
        const size_t at = (size_t)rng_bounded(&rng, count - 1);
        const uint32_t rounds = 1 + (uint32_t)rng_bounded(&rng, 2);
        struct truth truth;
        for (size_t r = 0; r < 4; r++) {
            for (size_t k = 0; k < SIZES; k++) {
                truth.has_converged[r][k] = rng_bounded(&rng, 5) > 0;
                truth.cost[r][k] = (double)rng_bounded(&rng, 20); /* ties happen */
            }
        }
        struct expectation e;
        expect(&truth, count, at, rounds, &e);
        const struct batch_size_job job = make_job(count, at, rounds, BATCH_SIZE_COMPAT);
        follow(&job, &truth, &e, &rng);
        stuck += (unsigned)e.is_stuck;
    }
    assert_true(stuck > 50); /* the error path was walked too */
}

static const struct batch_size_trial failed_default = {.batch_size = 32,
                                                       .status = BATCH_SIZE_SUCCEEDED};

/* Fixed: a default that fails does not end the job; the sizes out of its reach are tried. */
static void failing_default(void **state)
{
    (void)state;
    struct batch_size_job job = make_job(5, 2, 1, 0);
    struct batch_size_trial trials[8] = {failed_default};
    size_t count = 1;
    int64_t survivors[SIZES];
    struct batch_size_step step;
    static const int64_t order[] = {64, 8, 16, 128};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_int_equal(batch_size_explore(&job, trials, count, survivors, &step), 0);
        assert_int_equal(step.kind, BATCH_SIZE_STEP_EXPLORE);
        assert_int_equal(step.batch_size, order[i]);
        trials[count++] = (struct batch_size_trial){.batch_size = order[i],
                                                    .status = BATCH_SIZE_SUCCEEDED,
                                                    .has_converged = order[i] == 128};
    }
    assert_int_equal(batch_size_explore(&job, trials, count, survivors, &step), 0);
    assert_int_equal(step.kind, BATCH_SIZE_STEP_FINISHED);
    assert_int_equal(step.survivor_count, 1);
    assert_int_equal(survivors[0], 128);

    job.quirks = BATCH_SIZE_QUIRK_DEADLOCK; /* 64 failed upwards, 32 downwards: stuck for ever */
    assert_int_equal(batch_size_explore(&job, trials, 2, survivors, &step), ZEUS_ESTATE);
    job.quirks = 0;
    trials[4].has_converged = 0;
    assert_int_equal(batch_size_explore(&job, trials, count, survivors, &step), ZEUS_ESTATE);
}

/* Fixed: when a later round finds nothing, what survived before stands. */
static void failing_second_round(void **state)
{
    (void)state;
    struct batch_size_job job = make_job(1, 0, 2, 0);
    const struct batch_size_trial trials[] = {
        {.batch_size = 8, .status = BATCH_SIZE_SUCCEEDED, .has_converged = 1, .cost = 3},
        {.batch_size = 8, .status = BATCH_SIZE_SUCCEEDED, .has_converged = 0, .cost = 9},
    };
    int64_t survivors[SIZES];
    struct batch_size_step step;
    assert_int_equal(batch_size_explore(&job, trials, 2, survivors, &step), 0);
    assert_int_equal(step.kind, BATCH_SIZE_STEP_FINISHED);
    assert_int_equal(step.survivor_count, 1);
    job.quirks = BATCH_SIZE_COMPAT;
    assert_int_equal(batch_size_explore(&job, trials, 2, survivors, &step), ZEUS_ESTATE);
}

static void no_rounds(void **state)
{
    (void)state;
    struct batch_size_job job = make_job(3, 1, 0, 0);
    int64_t survivors[SIZES];
    struct batch_size_step step;
    assert_int_equal(batch_size_explore(&job, NULL, 0, survivors, &step), 0);
    assert_int_equal(step.kind, BATCH_SIZE_STEP_FINISHED);
    assert_int_equal(step.survivor_count, 3);
    job.quirks = BATCH_SIZE_COMPAT;
    assert_int_equal(batch_size_explore(&job, NULL, 0, survivors, &step), ZEUS_ESTATE);
    job.default_batch_size = 9;
    assert_int_equal(batch_size_explore(&job, NULL, 0, survivors, &step), ZEUS_EINVAL);
}

static void judging(void **state)
{
    (void)state;
    struct batch_size_job job = make_job(1, 0, 2, 0);
    static const struct {
        double min_cost;
        struct batch_size_report report; /* cost = energy / 2 + 50 * time */
        uint32_t reason;
        int is_stop;
        int has_converged;
    } rows[] = {
        {NAN, {100, 1, 0.4, 1}, BATCH_SIZE_KEEP_TRAINING, 0, 0},
        {NAN, {100, 1, 0.5, 1}, BATCH_SIZE_REACHED, 1, 1},
        {NAN, {100, 1, 0.4, 10}, BATCH_SIZE_OUT_OF_EPOCHS, 1, 0},
        {50, {100, 1, 0.4, 1}, BATCH_SIZE_KEEP_TRAINING, 0, 0}, /* 100 is within 2 * 50 */
        {49, {100, 1, 0.4, 1}, BATCH_SIZE_OVER_BOUND, 1, 0},
        {49, {100, 1, 0.9, 1}, BATCH_SIZE_OVER_BOUND, 1, 0},
        {0, {0, 0, 0.9, 1}, BATCH_SIZE_REACHED, 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct batch_size_verdict v;
        batch_size_judge(&job, rows[i].min_cost, &rows[i].report, &v);
        assert_int_equal(v.reason, rows[i].reason);
        assert_int_equal(v.is_stop, rows[i].is_stop);
        assert_int_equal(v.has_converged, rows[i].has_converged);
    }
    struct batch_size_verdict v;
    job.beta_knob = NAN; /* no early stopping */
    batch_size_judge(&job, 1, &rows[0].report, &v);
    assert_true(isinf(v.cost_bound) && !v.is_stop);
    job.is_higher_better = 0;
    batch_size_judge(&job, 1, &rows[0].report, &v);
    assert_int_equal(v.reason, BATCH_SIZE_REACHED);
}

static void quirks(void **state)
{
    (void)state;
    struct batch_size_job job = make_job(1, 0, 2, 0);
    assert_false(batch_size_takes_minimum(&job, 100, 5, 0));
    assert_true(batch_size_takes_minimum(&job, 100, 5, 1));
    assert_true(batch_size_takes_minimum(&job, NAN, 5, 1));
    assert_false(batch_size_takes_minimum(&job, 5, 5, 1));
    assert_int_equal(batch_size_learns(&job, BATCH_SIZE_CONCURRENT, 1), 1);
    assert_int_equal(batch_size_learns(&job, BATCH_SIZE_CONCURRENT, 0), 0);
    struct bandit_arm arm = {.batch_size = 8};
    const double equal[] = {200, 200};
    assert_int_equal(batch_size_fit(&job, equal, 2, 1, &arm), 0);
    assert_true(isfinite(arm.param_precision) && arm.param_mean == -200);

    job.quirks = BATCH_SIZE_COMPAT;
    assert_true(batch_size_takes_minimum(&job, 100, 5, 0));
    assert_int_equal(batch_size_learns(&job, BATCH_SIZE_MAB, 1), 1);
    assert_int_equal(batch_size_learns(&job, BATCH_SIZE_CONCURRENT, 1), ZEUS_ESTATE);
    assert_int_equal(batch_size_learns(&job, BATCH_SIZE_MAB, 0), ZEUS_ESTATE);
    assert_int_equal(batch_size_fit(&job, equal, 2, 1, &arm), 0);
    assert_true(isinf(arm.param_precision));

    assert_false(batch_size_lease_is_over(0, 1e9, 0));
    assert_false(batch_size_lease_is_over(10, 70, 60));
    assert_true(batch_size_lease_is_over(10, 71, 60));
}

static void windows(void **state)
{
    (void)state;
    struct batch_size_job job = make_job(1, 0, 2, 0);
    const double costs[] = {1000, 1000, 10, 20, 30};
    struct bandit_arm arm = {.batch_size = 8};
    job.window_size = 3;
    assert_int_equal(batch_size_fit(&job, costs, 5, 1, &arm), 0);
    assert_int_equal(arm.num_observations, 3);
    assert_true(fabs(arm.param_mean + 20) < 1e-12);
    assert_int_equal(batch_size_fit(&job, costs, 5, 0, &arm), 0);
    assert_int_equal(arm.num_observations, 5);
    job.window_size = -1;
    assert_int_equal(batch_size_fit(&job, costs, 5, 1, &arm), 0);
    assert_int_equal(arm.num_observations, 5);
    assert_int_equal(batch_size_fit(&job, costs, 0, 1, &arm), ZEUS_EINVAL);
}

static void costs_and_rates(void **state)
{
    (void)state;
    assert_true(objective_cost(100, 2, 0.5, 50) == 100);
    assert_true(objective_cost(100, 2, 1, 50) == 100);
    assert_true(objective_cost(100, 2, 0, 50) == 100);
    assert_true(isinf(objective_cost_bound(2, NAN)) && isinf(objective_cost_bound(NAN, 2)));
    assert_true(isinf(objective_cost_bound(INFINITY, 0)) && objective_cost_bound(2, 3) == 6);
    assert_true(objective_floor_divide(7, 2) == 3);
    assert_true(objective_floor_divide(1, 0.1) == 9); /* as the language of the recording has it */
    assert_true(objective_floor_divide(6, 2) == 3);
    assert_int_equal(objective_lr_rule_of("AdamW"), OBJECTIVE_LR_SQRT);
    assert_int_equal(objective_lr_rule_of("sgd"), OBJECTIVE_LR_LINEAR);
    assert_int_equal(objective_lr_rule_of("adamx"), ZEUS_ENOTSUP);
    assert_int_equal(objective_lr_rule_of(""), ZEUS_ENOTSUP);
    assert_true(objective_scale_lr(OBJECTIVE_LR_SQRT, 0.1, 64, 256) == 0.2);
    assert_true(objective_scale_lr(OBJECTIVE_LR_LINEAR, 0.1, 64, 256) == 0.4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pruning_against_oracle),
        cmocka_unit_test(failing_default),
        cmocka_unit_test(failing_second_round),
        cmocka_unit_test(no_rounds),
        cmocka_unit_test(judging),
        cmocka_unit_test(quirks),
        cmocka_unit_test(windows),
        cmocka_unit_test(costs_and_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
