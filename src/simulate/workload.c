/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds a job's view of the trace and replays single runs of it.
 */
#include "simulate/workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "policy/bandit.h"
#include "policy/objective.h"
#include "simulate/trace.h"

static int matches(const struct trace_config *config, const struct workload_key *key)
{
    return strcmp(config->dataset, key->dataset) == 0 &&
           strcmp(config->network, key->network) == 0 &&
           strcmp(config->optimizer, key->optimizer) == 0;
}

static int compare_limits(const void *a, const void *b)
{
    const struct workload_power *left = a;
    const struct workload_power *right = b;
    return (left->limit_w < right->limit_w) - (left->limit_w > right->limit_w);
}

static int compare_sizes(const void *a, const void *b)
{
    const struct workload_size *left = a;
    const struct workload_size *right = b;
    return (left->batch_size > right->batch_size) - (left->batch_size < right->batch_size);
}

/* Means over the limits, in file order. Summed over the rows of the joined table, in which each
 * limit appears once for each recorded run: the same mean, but to the last digit the published one.
 */
static int fill_means(struct workload_size *size)
{
    const size_t count = size->power_count * size->run_count;
    if (count == 0) {
        return 0; /* no run has the target: never asked for */
    }
    double *values _free_ = mem_calloc(count, sizeof(*values));
    if (!values) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = size->powers[i % size->power_count].epoch_time_s;
    }
    size->mean_epoch_time_s = bandit_sum(values, count) / (double)count;
    for (size_t i = 0; i < count; i++) {
        values[i] = size->powers[i % size->power_count].epoch_energy_j;
    }
    size->mean_epoch_energy_j = bandit_sum(values, count) / (double)count;
    return 0;
}

static int fill_size(struct workload_size *size, const struct trace_config *config,
                     double target_metric)
{
    size->batch_size = config->batch_size;
    size->powers = mem_calloc(config->power_count, sizeof(*size->powers));
    size->target_epochs = mem_calloc(config->run_count, sizeof(*size->target_epochs));
    if (!size->powers || !size->target_epochs) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < config->power_count; i++) {
        const struct trace_power *row = &config->powers[i];
        size->powers[i] = (struct workload_power){
            .limit_w = row->limit_w,
            .epoch_time_s = row->epoch_time_s,
            .average_power_w = row->average_power_w,
            .epoch_energy_j = row->epoch_time_s * row->average_power_w,
        };
    }
    size->power_count = config->power_count;
    for (size_t i = 0; i < config->run_count; i++) {
        if (config->runs[i].target_metric == target_metric) {
            size->target_epochs[size->run_count++] = config->runs[i].target_epoch;
        }
    }
    const int code = fill_means(size);
    qsort(size->powers, size->power_count, sizeof(*size->powers), compare_limits);
    return code;
}

/* Counts what the job's own rows have: sizes with the target, and their distinct limits. */
static void count_job_rows(struct workload *w)
{
    for (size_t i = 0; i < w->size_count; i++) {
        if (w->sizes[i].run_count == 0) {
            continue;
        }
        w->job_size_count++;
        for (size_t k = 0; k < w->sizes[i].power_count; k++) {
            int is_new = 1;
            for (size_t j = 0; j < i && is_new; j++) {
                const struct workload_size *s = &w->sizes[j];
                for (size_t m = 0; s->run_count > 0 && m < s->power_count; m++) {
                    is_new = is_new && s->powers[m].limit_w != w->sizes[i].powers[k].limit_w;
                }
            }
            w->job_limit_count += (size_t)is_new;
        }
    }
}

static int fill(struct workload *w, const struct trace *trace, const struct workload_key *key)
{
    size_t count = 0;
    for (size_t i = 0; i < trace->config_count; i++) {
        count += (size_t)matches(&trace->configs[i], key);
    }
    w->sizes = mem_calloc(count, sizeof(*w->sizes));
    w->batch_sizes = mem_calloc(count, sizeof(*w->batch_sizes));
    if (!w->sizes || !w->batch_sizes) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < trace->config_count; i++) {
        if (!matches(&trace->configs[i], key)) {
            continue;
        }
        const int code =
            fill_size(&w->sizes[w->size_count++], &trace->configs[i], key->target_metric);
        if (code < 0) {
            return code;
        }
    }
    qsort(w->sizes, w->size_count, sizeof(*w->sizes), compare_sizes);
    for (size_t i = 0; i < w->size_count; i++) {
        w->batch_sizes[i] = w->sizes[i].batch_size;
    }
    w->max_power_w = trace->max_power_w;
    count_job_rows(w);
    return 0;
}

int workload_build(const struct trace *trace, const struct workload_key *key,
                   struct workload **ret_workload, zeus_error *err)
{
    struct workload *w = mem_calloc(1, sizeof(*w));
    if (!w) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int code = fill(w, trace, key);
    if (code < 0) {
        err_set(err, code, "%s", zeus_strerror(code));
    } else if (w->size_count == 0) {
        code = err_set(err, ZEUS_ENOTFOUND, "the traces have no %s, %s, %s", key->dataset,
                       key->network, key->optimizer);
    } else if (w->job_size_count == 0) {
        code = err_set(err, ZEUS_ENOTFOUND, "the traces have no run of %s with target %g",
                       key->dataset, key->target_metric);
    }
    if (code < 0) {
        workload_destroy(w);
        return code;
    }
    *ret_workload = w;
    return 0;
}

void workload_destroy(struct workload *workload)
{
    if (!workload) {
        return;
    }
    for (size_t i = 0; i < workload->size_count; i++) {
        free(workload->sizes[i].powers);
        free(workload->sizes[i].target_epochs);
    }
    free(workload->sizes);
    free(workload->batch_sizes);
    free(workload);
}

const struct workload_size *workload_find(const struct workload *workload, int64_t batch_size)
{
    for (size_t i = 0; i < workload->size_count; i++) {
        if (workload->batch_sizes[i] == batch_size) {
            return &workload->sizes[i];
        }
    }
    return NULL;
}

double workload_epoch_cost(const struct workload_size *size, const struct workload_power *power,
                           double eta_knob)
{
    const double max_limit_w = size->powers[0].limit_w;
    return (eta_knob * power->average_power_w + (1 - eta_knob) * max_limit_w) * power->epoch_time_s;
}

const struct workload_power *workload_best_power(const struct workload_size *size, double eta_knob)
{
    const struct workload_power *best = &size->powers[0];
    double best_cost = workload_epoch_cost(size, best, eta_knob);
    for (size_t i = 1; i < size->power_count; i++) {
        const double cost = workload_epoch_cost(size, &size->powers[i], eta_knob);
        if (cost < best_cost) {
            best_cost = cost;
            best = &size->powers[i];
        }
    }
    return best;
}

/* Whole epochs that fit under the bound, as the trainer would know before it starts. */
static double epochs_under_bound(const struct workload_run *run)
{
    if (isinf(run->cost_bound)) {
        return run->max_epochs;
    }
    const double max_limit_w = run->size->powers[0].limit_w;
    const double epoch_cost = run->eta_knob * run->power->epoch_energy_j +
                              (1 - run->eta_knob) * max_limit_w * run->power->epoch_time_s;
    return fmin(objective_floor_divide(run->cost_bound, epoch_cost), run->max_epochs);
}

void workload_replay(const struct workload_run *run, struct rng *rng,
                     struct workload_outcome *ret_outcome)
{
    const size_t row = (size_t)rng_bounded(rng, run->size->run_count - 1);
    const double target_epoch = run->size->target_epochs[row];
    const double allowed = epochs_under_bound(run);
    if (allowed <= 0) {
        *ret_outcome = (struct workload_outcome){.is_void = 1};
        return;
    }
    struct workload_outcome out = {.has_reached = target_epoch <= allowed};
    const double epochs = out.has_reached ? target_epoch : allowed;
    const struct workload_power *power = run->power;
    if (run->is_profiled) {
        out.energy_j = run->size->mean_epoch_energy_j + power->epoch_energy_j * (epochs - 1);
        out.time_s = run->size->mean_epoch_time_s + power->epoch_time_s * (epochs - 1);
    } else {
        out.energy_j = power->epoch_energy_j * epochs;
        out.time_s = power->epoch_time_s * epochs;
    }
    *ret_outcome = out;
}
