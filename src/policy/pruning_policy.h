/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size policy for use in one process: pruning, then Gaussian Thompson sampling. It keeps
 * the tables that policy/batch_size.h decides on and stands behind the same interface as a user's
 * own policy.
 */
#ifndef ZEUS_POLICY_PRUNING_POLICY_H
#define ZEUS_POLICY_PRUNING_POLICY_H

#include <zeus/policy.h>

#include "base/attr.h"

struct bandit_arm;
struct pruning_policy;

extern const zeus_batch_policy_ops pruning_policy_ops;

/* A zeus_batch_policy_factory; `user` is not used. INVAL names the field. */
int pruning_policy_create(const zeus_batch_job *job, void *user,
                          const zeus_batch_policy_ops **ret_ops, void **ret_self, zeus_error *err)
    ZEUS_CHECK;

/* The arms, ascending; *ret_count is 0 while pruning. Borrowed until the next call. */
const struct bandit_arm *pruning_policy_arms(const struct pruning_policy *policy,
                                             size_t *ret_count);

#endif /* ZEUS_POLICY_PRUNING_POLICY_H */
