/* SPDX-License-Identifier: Apache-2.0
 *
 * The public simulation functions: option checks, then simulate/. A simulation owns its history;
 * traces are only read.
 */
#include <zeus/simulate.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "core/simulate_private.h"
#include "policy/bandit.h"
#include "policy/objective.h"
#include "policy/pruning_policy.h"
#include "simulate/baseline.h"

static int check_options(const zeus_recurring_options *options, zeus_error *err)
{
    if (!options || options->size != sizeof(*options)) {
        return err_set(err, ZEUS_EINVAL, "zeus_recurring_options needs its size");
    }
    const char *const names[] = {options->dataset, options->network, options->optimizer};
    for (size_t i = 0; i < 3; i++) {
        if (!memchr(names[i], '\0', sizeof(options->dataset))) {
            return err_set(err, ZEUS_EINVAL, "dataset, network and optimizer must end in a NUL");
        }
    }
    if (!(options->eta_knob >= 0 && options->eta_knob <= 1)) {
        return err_set(err, ZEUS_EINVAL, "eta_knob is %g, must be 0 to 1", options->eta_knob);
    }
    if (!(options->beta_knob > 0)) {
        return err_set(err, ZEUS_EINVAL, "beta_knob is %g, must be above 0", options->beta_knob);
    }
    if (!(options->max_epochs >= 1) || isinf(options->max_epochs)) {
        return err_set(err, ZEUS_EINVAL, "max_epochs is %g, must be at least 1",
                       options->max_epochs);
    }
    if (options->kind > ZEUS_SIMULATE_GRID) {
        return err_set(err, ZEUS_EINVAL, "unknown kind of simulation %u", options->kind);
    }
    return 0;
}

static int build_workload(const zeus_traces *traces, const zeus_recurring_options *options,
                          struct workload **ret_workload, zeus_error *err)
{
    const struct workload_key key = {
        .dataset = options->dataset,
        .network = options->network,
        .optimizer = options->optimizer,
        .target_metric = options->target_metric,
    };
    return workload_build(traces->trace, &key, ret_workload, err);
}

static int make_policy(const struct workload *workload, const zeus_recurring_options *options,
                       uint32_t flags, struct recurring_job *job, zeus_error *err)
{
    const zeus_batch_job batch_job = {
        .size = sizeof(batch_job),
        .batch_sizes = workload->batch_sizes,
        .batch_size_count = workload->size_count,
        .default_batch_size = job->default_batch_size,
        .seed = job->seed,
        .num_pruning_rounds = options->num_pruning_rounds,
        .num_explorations = options->num_explorations,
        .window_size = options->window_size,
        .flags = flags | ZEUS_BATCH_EQUAL_REWARDS_CERTAIN,
    };
    zeus_batch_policy_factory *factory = options->policy ? options->policy : pruning_policy_create;
    return factory(&batch_job, options->policy_user, &job->policy, &job->policy_self, err);
}

/* Keeps what our own policy believed at the end. */
static int keep_arms(zeus_simulation *simulation, const struct recurring_job *job, zeus_error *err)
{
    if (job->policy != &pruning_policy_ops) {
        return 0;
    }
    size_t count = 0;
    const struct bandit_arm *arms = pruning_policy_arms(job->policy_self, &count);
    simulation->arms = mem_calloc(count, sizeof(*simulation->arms));
    if (!simulation->arms) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        simulation->arms[i] = (zeus_batch_arm){
            .batch_size = arms[i].batch_size,
            .mean = arms[i].param_mean,
            .precision = arms[i].param_precision,
            .reward_precision = arms[i].reward_precision,
            .observations = arms[i].num_observations,
        };
    }
    simulation->arm_count = count;
    return 0;
}

/* Progress of the caller behind the simulators' watch. */
struct progress {
    zeus_simulate_progress_fn *fn;
    void *user;
};

static void report_progress(void *user, uint32_t done, uint32_t total)
{
    const struct progress *progress = user;
    progress->fn(done, total, progress->user);
}

/* Runs what `options` ask for; `group` is NULL for single jobs. */
static int run(const struct workload *workload, const zeus_recurring_options *options,
               const struct cluster_group *group, struct recurring_job *job,
               zeus_simulation *simulation, zeus_error *err)
{
    if (!group && options->kind == ZEUS_SIMULATE_DEFAULT) {
        return baseline_default_run(workload, job, &simulation->history, err);
    }
    if (!group && options->kind == ZEUS_SIMULATE_GRID) {
        return baseline_grid_run(workload, job, &simulation->history, err);
    }
    int code = make_policy(workload, options, group ? ZEUS_BATCH_CONCURRENT : 0, job, err);
    if (code < 0) {
        return code;
    }
    code = group ? cluster_group_run(workload, group, job, &simulation->history, err)
                 : recurring_job_run(workload, job, &simulation->history, err);
    if (code >= 0) {
        code = keep_arms(simulation, job, err);
    }
    if (job->policy->destroy) {
        job->policy->destroy(job->policy_self);
    }
    return code;
}

static int simulate(const zeus_traces *traces, const zeus_recurring_options *options,
                    const struct cluster_group *group, zeus_simulation **ret_simulation,
                    zeus_error *err)
{
    struct workload *workload = NULL;
    int code = build_workload(traces, options, &workload, err);
    if (code < 0) {
        return code;
    }
    struct progress progress = {options->progress, options->progress_user};
    const struct simulate_watch watch = {.recurred = report_progress, .user = &progress};
    struct recurring_job job = {
        .eta_knob = options->eta_knob,
        .beta_knob = options->beta_knob,
        .default_batch_size = options->default_batch_size,
        .max_epochs = options->max_epochs,
        .seed = options->seed,
        .num_recurrences = options->num_recurrences ? options->num_recurrences
                                                    : recurring_job_default_recurrences(workload),
        .watch = options->progress ? &watch : NULL,
    };
    zeus_simulation *simulation = mem_calloc(1, sizeof(*simulation));
    if (!simulation) {
        code = err_set(err, ZEUS_ENOMEM, "out of memory");
    } else {
        simulation->max_power_w = workload->max_power_w;
        code = run(workload, options, group, &job, simulation, err);
    }
    workload_destroy(workload);
    if (code < 0) {
        zeus_simulation_destroy(simulation);
        return code;
    }
    *ret_simulation = simulation;
    return 0;
}

int zeus_simulate_recurring(const zeus_traces *traces, const zeus_recurring_options *options,
                            zeus_simulation **ret_simulation, zeus_error *err)
{
    if (!traces || !ret_simulation) {
        return err_set(err, ZEUS_EINVAL, "traces and ret_simulation must not be NULL");
    }
    const int code = check_options(options, err);
    return code < 0 ? code : simulate(traces, options, NULL, ret_simulation, err);
}

int zeus_simulate_group(const zeus_traces *traces, const zeus_groups *groups, size_t index,
                        const zeus_recurring_options *options, zeus_simulation **ret_simulation,
                        zeus_error *err)
{
    if (!traces || !groups || !ret_simulation || index >= groups->groups.count) {
        return err_set(err, ZEUS_EINVAL, "traces, groups and an index of a group are needed");
    }
    const struct cluster_group *group = &groups->groups.groups[index];
    if (!options || options->size != sizeof(*options)) {
        return err_set(err, ZEUS_EINVAL, "zeus_recurring_options needs its size");
    }
    zeus_recurring_options own = *options;
    int code = zeus_recurring_defaults(traces, group->dataset, &own, err);
    if (code < 0) {
        err_prefix(err, "group %s", group->name);
        return code;
    }
    own.seed = cluster_seed(group->name);
    own.eta_knob = options->eta_knob;
    own.beta_knob = options->beta_knob;
    own.num_pruning_rounds = options->num_pruning_rounds;
    own.num_explorations = options->num_explorations;
    own.window_size = options->window_size;
    own.kind = options->kind;
    code = check_options(&own, err);
    if (code >= 0 && own.kind != ZEUS_SIMULATE_ZEUS) {
        code = err_set(err, ZEUS_ENOTSUP, "groups have no baselines");
    }
    if (code >= 0) {
        code = simulate(traces, &own, group, ret_simulation, err);
    }
    if (code < 0) {
        err_prefix(err, "group %s", group->name);
    }
    return code;
}

void zeus_simulation_destroy(zeus_simulation *simulation)
{
    if (!simulation) {
        return;
    }
    simulated_history_finish(&simulation->history);
    free(simulation->arms);
    free(simulation);
}

size_t zeus_simulation_run_count(const zeus_simulation *simulation)
{
    return simulation ? simulation->history.count : 0;
}

int zeus_simulation_get_run(const zeus_simulation *simulation, size_t index,
                            zeus_simulated_run *ret_run)
{
    if (!simulation || !ret_run || index >= simulation->history.count) {
        return ZEUS_EINVAL;
    }
    const struct simulated_run *run_ = &simulation->history.runs[index];
    *ret_run = (zeus_simulated_run){
        .batch_size = run_->batch_size,
        .limit_w = run_->limit_w,
        .energy_j = run_->energy_j,
        .time_s = run_->time_s,
        .cost = run_->cost,
        .recurrence = run_->recurrence,
        .has_reached = (uint32_t)run_->has_reached,
    };
    return 0;
}

int zeus_simulation_summarize(const zeus_simulation *simulation,
                              zeus_simulation_summary *ret_summary)
{
    if (!simulation || !ret_summary) {
        return ZEUS_EINVAL;
    }
    const size_t count = simulation->history.count;
    const size_t last = count / 5 > 0 ? count / 5 : 1;
    zeus_simulation_summary s = {
        .runs = count,
        .last_runs = count > 0 ? last : 0,
        .max_power_w = simulation->max_power_w,
    };
    for (size_t i = 0; i < count; i++) {
        const struct simulated_run *r = &simulation->history.runs[i];
        s.reached += (uint64_t)r->has_reached;
        s.recurrences = r->recurrence + 1u > s.recurrences ? r->recurrence + 1u : s.recurrences;
        s.total_energy_j += r->energy_j;
        s.total_time_s += r->time_s;
        s.total_cost += r->cost;
        if (i + last >= count) {
            s.last_energy_j += r->energy_j;
            s.last_time_s += r->time_s;
            s.last_cost += r->cost;
        }
        s.final_batch_size = r->batch_size;
        s.final_limit_w = r->limit_w;
    }
    s.last_energy_j /= (double)last;
    s.last_time_s /= (double)last;
    s.last_cost /= (double)last;
    *ret_summary = s;
    return 0;
}

int zeus_simulation_arms(const zeus_simulation *simulation, zeus_batch_arm *arms, size_t capacity,
                         size_t *ret_count)
{
    if (!simulation || !ret_count || (capacity > 0 && !arms)) {
        return ZEUS_EINVAL;
    }
    for (size_t i = 0; i < simulation->arm_count && i < capacity; i++) {
        arms[i] = simulation->arms[i];
    }
    *ret_count = simulation->arm_count;
    return simulation->arm_count > capacity ? ZEUS_ETOOSMALL : 0;
}

static void expect_size(const struct workload *workload, const struct workload_size *size,
                        const zeus_recurring_options *options, zeus_grid_point *points,
                        size_t capacity, size_t *count)
{
    size_t reached = 0;
    const double epochs = baseline_mean_epochs(size, options->max_epochs, &reached);
    for (size_t i = 0; size->run_count > 0 && i < size->power_count; i++, ++*count) {
        if (*count >= capacity) {
            continue;
        }
        const struct workload_power *power = &size->powers[i];
        const double energy_j = epochs * power->epoch_energy_j;
        const double time_s = epochs * power->epoch_time_s;
        points[*count] = (zeus_grid_point){
            .batch_size = size->batch_size,
            .limit_w = power->limit_w,
            .energy_j = energy_j,
            .time_s = time_s,
            .cost = objective_cost(energy_j, time_s, options->eta_knob, workload->max_power_w),
            .runs = (uint32_t)size->run_count,
            .reached = (uint32_t)reached,
        };
    }
}

int zeus_simulate_expected(const zeus_traces *traces, const zeus_recurring_options *options,
                           zeus_grid_point *points, size_t capacity, size_t *ret_count,
                           zeus_error *err)
{
    if (!traces || !ret_count || (capacity > 0 && !points)) {
        return err_set(err, ZEUS_EINVAL, "traces, points and ret_count are needed");
    }
    int code = check_options(options, err);
    if (code < 0) {
        return code;
    }
    struct workload *workload = NULL;
    code = build_workload(traces, options, &workload, err);
    if (code < 0) {
        return code;
    }
    size_t count = 0;
    for (size_t i = 0; i < workload->size_count; i++) {
        expect_size(workload, &workload->sizes[i], options, points, capacity, &count);
    }
    workload_destroy(workload);
    *ret_count = count;
    return count > capacity ? ZEUS_ETOOSMALL : 0;
}
