/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size policy for use in one process: pruning, then Gaussian Thompson sampling. It keeps
 * the tables that policy/batch_size.h decides on and stands behind the same interface as a user's
 * own policy.
 */
#ifndef ZEUS_POLICY_PRUNING_POLICY_H
#define ZEUS_POLICY_PRUNING_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/policy.h>

#include "base/attr.h"

struct bandit_arm;
struct batch_size_trial;
struct pruning_policy;
struct rng;

extern const zeus_batch_policy_ops pruning_policy_ops;

/* A zeus_batch_policy_factory; `user` is not used. INVAL names the field. */
int pruning_policy_create(const zeus_batch_job *job, void *user,
                          const zeus_batch_policy_ops **ret_ops, void **ret_self, zeus_error *err)
    ZEUS_CHECK;

/* The arms, ascending; *ret_count is 0 while pruning. Borrowed until the next call. */
const struct bandit_arm *pruning_policy_arms(const struct pruning_policy *policy,
                                             size_t *ret_count);

/* ---- keeping a policy between processes ---- */

/* All that a policy knows. Borrowed until the next call. */
struct pruning_view {
    zeus_batch_job job;
    const struct rng *rng;
    int64_t expected; /* the exploration under way, 0: none */
    const struct batch_size_trial *explorations;
    size_t exploration_count;
    const struct bandit_arm *arms;
    size_t arm_count;
};
void pruning_policy_view(const struct pruning_policy *policy, struct pruning_view *ret_view);

/* Costs of the batch size at an index of job.batch_sizes, oldest first. Borrowed likewise. */
const double *pruning_policy_costs(const struct pruning_policy *policy, size_t index,
                                   size_t *ret_count);

/* Into a policy just created, in this order: costs and explorations, then the rest. ZEUS_EINVAL for
 * what cannot be: unknown sizes, costs that are not finite, arms that are not ascending. */
int pruning_policy_add_cost(struct pruning_policy *policy, size_t index, double cost) ZEUS_CHECK;
int pruning_policy_add_exploration(struct pruning_policy *policy, int64_t batch_size, double cost,
                                   int has_converged) ZEUS_CHECK;
int pruning_policy_resume(struct pruning_policy *policy, const struct rng *rng, int64_t expected,
                          const int64_t *arm_sizes, size_t arm_count) ZEUS_CHECK;

#endif /* ZEUS_POLICY_PRUNING_POLICY_H */
