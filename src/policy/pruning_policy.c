/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of one job: explorations in order, the costs seen of each batch size, and after pruning
 * the arms. An arm is refitted from its whole windowed history at each observation.
 */
#include "policy/pruning_policy.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "policy/batch_size.h"

#define SIZES_MAX        4096
#define OBSERVATIONS_MAX ((size_t)1 << 24)

struct costs {
    double *values; /* owned, oldest first */
    size_t count;
    size_t capacity;
};

struct pruning_policy {
    struct batch_size_job job;       /* job.batch_sizes is ours */
    int64_t *sizes;                  /* owned */
    struct costs *costs;             /* one for each size */
    struct batch_size_trial *trials; /* explorations, in order */
    size_t trial_count;
    size_t trial_capacity;
    int64_t *survivors; /* scratch, later the arms' sizes */
    struct bandit_arm *arms;
    size_t arm_count; /* 0 while pruning */
    int64_t expected; /* the exploration under way, 0: none */
    struct rng rng;
    uint64_t seed;
    uint32_t flags;
};

static int check_job(const zeus_batch_job *job, zeus_error *err)
{
    if (job->size != sizeof(*job)) {
        return err_set(err, ZEUS_EINVAL, "zeus_batch_job.size is %zu, expected %zu", job->size,
                       sizeof(*job));
    }
    if (!job->batch_sizes || job->batch_size_count == 0 || job->batch_size_count > SIZES_MAX) {
        return err_set(err, ZEUS_EINVAL, "batch_sizes: %zu sizes, expected 1 to %d",
                       job->batch_sizes ? job->batch_size_count : 0, SIZES_MAX);
    }
    int has_default = 0;
    for (size_t i = 0; i < job->batch_size_count; i++) {
        if (job->batch_sizes[i] <= (i == 0 ? 0 : job->batch_sizes[i - 1])) {
            return err_set(err, ZEUS_EINVAL, "batch_sizes: %lld: must be above 0 and ascending",
                           (long long)job->batch_sizes[i]);
        }
        has_default |= job->batch_sizes[i] == job->default_batch_size;
    }
    if (!has_default) {
        return err_set(err, ZEUS_EINVAL, "default_batch_size %lld is not among the batch sizes",
                       (long long)job->default_batch_size);
    }
    if (!isfinite(job->prior_mean) || !isfinite(job->prior_precision) || job->prior_precision < 0) {
        return err_set(err, ZEUS_EINVAL, "the prior must be finite and its precision not negative");
    }
    return 0;
}

static void destroy(void *self)
{
    struct pruning_policy *p = self;
    if (!p) {
        return;
    }
    for (size_t i = 0; p->costs && i < p->job.batch_size_count; i++) {
        free(p->costs[i].values);
    }
    free(p->costs);
    free(p->sizes);
    free(p->trials);
    free(p->survivors);
    free(p->arms);
    free(p);
}

int pruning_policy_create(const zeus_batch_job *job, void *user,
                          const zeus_batch_policy_ops **ret_ops, void **ret_self, zeus_error *err)
{
    (void)user;
    const int code = check_job(job, err);
    if (code < 0) {
        return code;
    }
    struct pruning_policy *p = mem_calloc(1, sizeof(*p));
    const size_t n = job->batch_size_count;
    if (p) {
        p->sizes = mem_calloc(n, sizeof(*p->sizes));
        p->costs = mem_calloc(n, sizeof(*p->costs));
        p->survivors = mem_calloc(n, sizeof(*p->survivors));
        p->arms = mem_calloc(n, sizeof(*p->arms));
    }
    if (!p || !p->sizes || !p->costs || !p->survivors || !p->arms) {
        destroy(p);
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        p->sizes[i] = job->batch_sizes[i];
    }
    p->job = (struct batch_size_job){
        .batch_sizes = p->sizes,
        .batch_size_count = n,
        .default_batch_size = job->default_batch_size,
        .num_pruning_rounds = job->num_pruning_rounds,
        .num_explorations = job->num_explorations,
        .window_size = job->window_size,
        .prior_mean = job->prior_mean,
        .prior_precision = job->prior_precision,
        .quirks = job->flags & ZEUS_BATCH_EQUAL_REWARDS_CERTAIN ? BATCH_SIZE_QUIRK_SPIKE : 0,
    };
    p->flags = job->flags;
    p->seed = job->seed;
    rng_seed(&p->rng, job->seed);
    *ret_ops = &pruning_policy_ops;
    *ret_self = p;
    return 0;
}

static size_t index_of(const struct pruning_policy *p, int64_t batch_size)
{
    size_t i = 0;
    while (i < p->job.batch_size_count && p->sizes[i] != batch_size) {
        i++;
    }
    return i;
}

static int refit(struct pruning_policy *p, struct bandit_arm *arm)
{
    const struct costs *costs = &p->costs[index_of(p, arm->batch_size)];
    return batch_size_fit(&p->job, costs->values, costs->count, 1, arm);
}

/* Pruning is over: one arm for each survivor. */
static int build_arms(struct pruning_policy *p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        batch_size_prior_arm(&p->job, p->survivors[i], &p->arms[i]);
        if (p->costs[index_of(p, p->survivors[i])].count > 0) {
            const int code = refit(p, &p->arms[i]);
            if (code < 0) {
                return code;
            }
        }
    }
    p->arm_count = count;
    return 0;
}

/* Where pruning stands: a size to explore in *ret_step, or the arms were built. */
static int advance(struct pruning_policy *p, struct batch_size_step *ret_step, zeus_error *err)
{
    int code = batch_size_explore(&p->job, p->trials, p->trial_count, p->survivors, ret_step);
    if (code == ZEUS_ESTATE) {
        return err_set(err, code, "no batch size converged");
    }
    if (code >= 0 && ret_step->kind == BATCH_SIZE_STEP_FINISHED) {
        code = build_arms(p, ret_step->survivor_count);
    }
    return code < 0 ? err_set(err, code, "batch size policy: %s", zeus_strerror(code)) : 0;
}

static int predict(void *self, int64_t *ret_batch_size, zeus_error *err)
{
    struct pruning_policy *p = self;
    if (p->arm_count == 0) {
        struct batch_size_step step;
        const int code = advance(p, &step, err);
        if (code < 0) {
            return code;
        }
        if (step.kind != BATCH_SIZE_STEP_FINISHED) {
            *ret_batch_size = p->expected = step.batch_size;
            return 0;
        }
    }
    size_t chosen = 0;
    const struct bandit_source source = {.rng = &p->rng};
    const int code =
        bandit_choose(p->arms, p->arm_count, p->job.num_explorations, &source, NULL, &chosen);
    if (code < 0) {
        return err_set(err, code, "batch size policy: %s", zeus_strerror(code));
    }
    *ret_batch_size = p->arms[chosen].batch_size;
    return 0;
}

static int add_cost(struct costs *costs, double cost)
{
    const int code = mem_grow(&costs->values, &costs->capacity, costs->count + 1,
                              sizeof(*costs->values), OBSERVATIONS_MAX);
    if (code >= 0) {
        costs->values[costs->count++] = cost;
    }
    return code;
}

/* An outcome while pruning. */
static int observe_exploration(struct pruning_policy *p, int64_t batch_size, double cost,
                               int has_converged)
{
    const int code = mem_grow(&p->trials, &p->trial_capacity, p->trial_count + 1,
                              sizeof(*p->trials), OBSERVATIONS_MAX);
    if (code < 0) {
        return code;
    }
    p->trials[p->trial_count++] = (struct batch_size_trial){
        .batch_size = batch_size,
        .type = BATCH_SIZE_EXPLORATION,
        .status = BATCH_SIZE_SUCCEEDED,
        .has_converged = has_converged,
        .cost = cost,
    };
    p->expected = 0;
    return 0;
}

static int observe(void *self, int64_t batch_size, double cost, int has_converged, zeus_error *err)
{
    struct pruning_policy *p = self;
    const size_t at = index_of(p, batch_size);
    if (at == p->job.batch_size_count) {
        return err_set(err, ZEUS_EINVAL, "batch size %lld is not one of the job's",
                       (long long)batch_size);
    }
    const int is_pruning = p->arm_count == 0;
    if (is_pruning && batch_size != p->expected && !(p->flags & ZEUS_BATCH_CONCURRENT)) {
        return err_set(err, ZEUS_ESTATE, "batch size %lld was not asked for",
                       (long long)batch_size);
    }
    int code = add_cost(&p->costs[at], cost);
    if (code >= 0 && is_pruning && batch_size == p->expected) {
        code = observe_exploration(p, batch_size, cost, has_converged);
    }
    for (size_t i = 0; code >= 0 && i < p->arm_count; i++) {
        if (p->arms[i].batch_size == batch_size) {
            code = refit(p, &p->arms[i]);
        }
    }
    return code < 0 ? err_set(err, code, "batch size policy: %s", zeus_strerror(code)) : 0;
}

const struct bandit_arm *pruning_policy_arms(const struct pruning_policy *policy, size_t *ret_count)
{
    *ret_count = policy->arm_count;
    return policy->arms;
}

void pruning_policy_view(const struct pruning_policy *policy, struct pruning_view *ret_view)
{
    const struct batch_size_job *job = &policy->job;
    *ret_view = (struct pruning_view){
        .job =
            {
                .size = sizeof(zeus_batch_job),
                .batch_sizes = policy->sizes,
                .batch_size_count = job->batch_size_count,
                .default_batch_size = job->default_batch_size,
                .seed = policy->seed,
                .num_pruning_rounds = job->num_pruning_rounds,
                .num_explorations = job->num_explorations,
                .window_size = (uint32_t)job->window_size,
                .flags = policy->flags,
                .prior_mean = job->prior_mean,
                .prior_precision = job->prior_precision,
            },
        .rng = &policy->rng,
        .expected = policy->expected,
        .explorations = policy->trials,
        .exploration_count = policy->trial_count,
        .arms = policy->arms,
        .arm_count = policy->arm_count,
    };
}

const double *pruning_policy_costs(const struct pruning_policy *policy, size_t index,
                                   size_t *ret_count)
{
    *ret_count = policy->costs[index].count;
    return policy->costs[index].values;
}

int pruning_policy_add_cost(struct pruning_policy *policy, size_t index, double cost)
{
    if (index >= policy->job.batch_size_count || !isfinite(cost)) {
        return ZEUS_EINVAL;
    }
    return add_cost(&policy->costs[index], cost);
}

int pruning_policy_add_exploration(struct pruning_policy *policy, int64_t batch_size, double cost,
                                   int has_converged)
{
    if (index_of(policy, batch_size) == policy->job.batch_size_count || !isfinite(cost)) {
        return ZEUS_EINVAL;
    }
    return observe_exploration(policy, batch_size, cost, has_converged);
}

int pruning_policy_resume(struct pruning_policy *policy, const struct rng *rng, int64_t expected,
                          const int64_t *arm_sizes, size_t arm_count)
{
    if (arm_count > policy->job.batch_size_count ||
        (expected != 0 && index_of(policy, expected) == policy->job.batch_size_count)) {
        return ZEUS_EINVAL;
    }
    for (size_t i = 0; i < arm_count; i++) {
        if (index_of(policy, arm_sizes[i]) == policy->job.batch_size_count ||
            (i > 0 && arm_sizes[i] <= arm_sizes[i - 1])) {
            return ZEUS_EINVAL;
        }
        policy->survivors[i] = arm_sizes[i];
    }
    policy->rng = *rng;
    policy->expected = expected;
    return build_arms(policy, arm_count);
}

const zeus_batch_policy_ops pruning_policy_ops = {
    .size = sizeof(zeus_batch_policy_ops),
    .name = "pruning-thompson",
    .predict = predict,
    .observe = observe,
    .destroy = destroy,
};
