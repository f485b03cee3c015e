/* SPDX-License-Identifier: Apache-2.0
 *
 * The handle of a batch size policy, shared by the files that implement policy.h.
 */
#ifndef ZEUS_CORE_POLICY_PRIVATE_H
#define ZEUS_CORE_POLICY_PRIVATE_H

#include <zeus/policy.h>

#include "base/attr.h"

struct zeus_batch_policy {
    zeus_batch_policy_ops ops;
    void *self;  /* owned, ended by ops.destroy */
    int is_ours; /* self is a struct pruning_policy */
};

/* `self` is transferred on success. */
int core_policy_wrap(const zeus_batch_policy_ops *ops, void *self, int is_ours,
                     zeus_batch_policy **ret_policy, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_CORE_POLICY_PRIVATE_H */
