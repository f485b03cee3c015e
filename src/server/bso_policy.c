/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversions between rows and the policy's values.
 */
#include "server/bso_policy.h"

#include <math.h>

#include "base/macro.h"
#include "policy/objective.h"

static uint32_t to_u32(int64_t value)
{
    return value < 0 ? 0 : (uint32_t)MIN_OF(value, (int64_t)UINT32_MAX);
}

struct batch_size_job bso_policy_job(const struct store_job *job, uint32_t quirks)
{
    return (struct batch_size_job){
        .batch_sizes = job->batch_sizes,
        .batch_size_count = job->batch_size_count,
        .default_batch_size = job->default_batch_size,
        .eta_knob = job->eta_knob,
        .beta_knob = job->has_beta_knob ? job->beta_knob : (double)NAN,
        .max_power_w = job->max_power_w,
        .target_metric = job->target_metric,
        .is_higher_better = job->higher_is_better_metric,
        .max_epochs = job->max_epochs,
        .num_pruning_rounds = to_u32(job->num_pruning_rounds),
        .num_explorations = to_u32(job->mab_num_explorations),
        .window_size = job->window_size,
        .prior_mean = job->mab_prior_mean,
        .prior_precision = job->mab_prior_precision,
        .quirks = quirks,
    };
}

double bso_trial_cost(const struct store_job *job, const struct store_trial *trial)
{
    return objective_cost(trial->energy_j, trial->time_s, job->eta_knob, job->max_power_w);
}

double bso_min_cost(const struct store_job *job)
{
    return job->has_min_cost ? job->min_cost : (double)NAN;
}

struct bandit_arm bso_to_arm(const struct store_arm *arm)
{
    return (struct bandit_arm){.batch_size = arm->batch_size,
                               .param_mean = arm->param_mean,
                               .param_precision = arm->param_precision,
                               .reward_precision = arm->reward_precision,
                               .num_observations = to_u32(arm->num_observations)};
}

struct store_arm bso_from_arm(const struct bandit_arm *arm)
{
    return (struct store_arm){.batch_size = arm->batch_size,
                              .param_mean = arm->param_mean,
                              .param_precision = arm->param_precision,
                              .reward_precision = arm->reward_precision,
                              .num_observations = arm->num_observations};
}
