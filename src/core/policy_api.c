/* SPDX-License-Identifier: Apache-2.0
 *
 * The public decision functions: argument checks, then policy/.
 */
#include <zeus/policy.h>

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "core/policy_private.h"
#include "policy/bandit.h"
#include "policy/objective.h"
#include "policy/power_choice.h"
#include "policy/pruning_policy.h"

double zeus_cost(double energy_j, double time_s, double eta_knob, double max_power_w)
{
    return eta_knob >= 0 && eta_knob <= 1 ? objective_cost(energy_j, time_s, eta_knob, max_power_w)
                                          : NAN;
}

int zeus_scale_learning_rate(const char *optimizer, double default_learning_rate,
                             int64_t default_batch_size, int64_t batch_size,
                             double *ret_learning_rate, zeus_error *err)
{
    if (!optimizer || !ret_learning_rate || default_batch_size <= 0 || batch_size <= 0) {
        return err_set(err, ZEUS_EINVAL, "an optimizer's name and batch sizes above 0 are needed");
    }
    const int rule = objective_lr_rule_of(optimizer);
    if (rule < 0) {
        return err_set(
            err, rule,
            "no learning rate rule for \"%.40s\": sgd, adam, adamw and adadelta have one",
            optimizer);
    }
    *ret_learning_rate =
        objective_scale_lr(rule, default_learning_rate, default_batch_size, batch_size);
    return 0;
}

int core_policy_wrap(const zeus_batch_policy_ops *ops, void *self, int is_ours,
                     zeus_batch_policy **ret_policy, zeus_error *err)
{
    zeus_batch_policy *policy = mem_calloc(1, sizeof(*policy));
    if (!policy) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *policy = (zeus_batch_policy){.ops = *ops, .self = self, .is_ours = is_ours};
    *ret_policy = policy;
    return 0;
}

int zeus_batch_policy_create(const zeus_batch_job *job, zeus_batch_policy **ret_policy,
                             zeus_error *err)
{
    if (!job || !ret_policy) {
        return err_set(err, ZEUS_EINVAL, "job and ret_policy must not be NULL");
    }
    const zeus_batch_policy_ops *ops = NULL;
    void *self = NULL;
    int code = pruning_policy_create(job, NULL, &ops, &self, err);
    if (code < 0) {
        return code;
    }
    code = core_policy_wrap(ops, self, 1, ret_policy, err);
    if (code < 0) {
        ops->destroy(self);
    }
    return code;
}

int zeus_batch_policy_wrap(const zeus_batch_policy_ops *ops, void *self,
                           zeus_batch_policy **ret_policy, zeus_error *err)
{
    if (!ops || !ret_policy || ops->size != sizeof(*ops) || !ops->predict || !ops->observe) {
        return err_set(err, ZEUS_EINVAL,
                       "zeus_batch_policy_ops needs its size, predict and observe");
    }
    return core_policy_wrap(ops, self, 0, ret_policy, err);
}

void zeus_batch_policy_destroy(zeus_batch_policy *policy)
{
    if (policy && policy->ops.destroy) {
        policy->ops.destroy(policy->self);
    }
    free(policy);
}

int zeus_batch_policy_predict(zeus_batch_policy *policy, int64_t *ret_batch_size, zeus_error *err)
{
    if (!policy || !ret_batch_size) {
        return err_set(err, ZEUS_EINVAL, "policy and ret_batch_size must not be NULL");
    }
    return policy->ops.predict(policy->self, ret_batch_size, err);
}

int zeus_batch_policy_observe(zeus_batch_policy *policy, int64_t batch_size, double cost,
                              int has_converged, zeus_error *err)
{
    if (!policy || !isfinite(cost)) {
        return err_set(err, ZEUS_EINVAL, "policy must not be NULL and the cost finite");
    }
    return policy->ops.observe(policy->self, batch_size, cost, has_converged != 0, err);
}

int zeus_batch_policy_arms(const zeus_batch_policy *policy, zeus_batch_arm *arms, size_t capacity,
                           size_t *ret_count)
{
    if (!policy || !ret_count || (capacity > 0 && !arms)) {
        return ZEUS_EINVAL;
    }
    size_t count = 0;
    const struct bandit_arm *list =
        policy->is_ours ? pruning_policy_arms(policy->self, &count) : NULL;
    for (size_t i = 0; i < count && i < capacity; i++) {
        arms[i] = (zeus_batch_arm){
            .batch_size = list[i].batch_size,
            .mean = list[i].param_mean,
            .precision = list[i].param_precision,
            .reward_precision = list[i].reward_precision,
            .observations = list[i].num_observations,
        };
    }
    *ret_count = count;
    return count > capacity ? ZEUS_ETOOSMALL : 0;
}

int zeus_power_select(uint32_t selector, double value, uint32_t world_size,
                      const zeus_power_point *points, size_t count, double *ret_limit_w,
                      zeus_error *err)
{
    if (!ret_limit_w) {
        return err_set(err, ZEUS_EINVAL, "ret_limit_w must not be NULL");
    }
    return power_choice_select(selector, value, world_size, points, count, ret_limit_w, err);
}
