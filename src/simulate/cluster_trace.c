/* SPDX-License-Identifier: Apache-2.0
 *
 * The event loop of one group. Outcomes are computed when a job is launched and seen when it ends;
 * a job that failed is retried at once for as long again as it took.
 */
#include "simulate/cluster_trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "policy/objective.h"
#include "simulate/workload.h"

#define RUNNING_MAX 1000000
#define RETRIES_MAX \
    1000000 /* of a whole group: a job that can never converge would retry for ever */

struct running {
    struct cluster_job job;
    uint32_t recurrence;
    int64_t batch_size;
    double limit_w;
    double cost;
    struct workload_outcome outcome;
};

struct sim {
    const struct workload *workload;
    const struct recurring_job *job;
    struct simulated_history *history;
    unsigned char *is_profiled;
    struct running *running; /* owned; in launch order */
    size_t running_count;
    size_t running_capacity;
    struct rng rng;
    double min_cost;
    int64_t best_batch_size;
    uint32_t retries;
};

/* The batch size of a launch: the cheapest known while others run, else the policy's. */
static int choose(struct sim *s, const struct workload_size **ret_size, zeus_error *err)
{
    int64_t batch_size = s->best_batch_size;
    const struct simulate_watch *watch = s->job->watch;
    if (s->running_count == 0) {
        const int code = s->job->policy->predict(s->job->policy_self, &batch_size, err);
        if (code < 0) {
            return code;
        }
        if (watch && watch->predicted) {
            watch->predicted(watch->user, batch_size);
        }
    }
    const struct workload_size *size = workload_find(s->workload, batch_size);
    if (!size || size->run_count == 0) {
        return err_set(err, ZEUS_ENOTFOUND, "the traces have no run with batch size %lld",
                       (long long)batch_size);
    }
    *ret_size = size;
    return 0;
}

static int launch(struct sim *s, const struct cluster_job *job, uint32_t recurrence,
                  zeus_error *err)
{
    const struct workload_size *size = NULL;
    int code = choose(s, &size, err);
    if (code < 0) {
        return code;
    }
    unsigned char *is_profiled = &s->is_profiled[size - s->workload->sizes];
    const struct workload_run run = {
        .size = size,
        .power = workload_best_power(size, s->job->eta_knob),
        .eta_knob = s->job->eta_knob,
        .cost_bound = s->job->beta_knob * s->min_cost,
        .max_epochs = s->job->max_epochs,
        .is_profiled = s->running_count == 0 && !*is_profiled,
    };
    *is_profiled = 1;
    code = mem_grow(&s->running, &s->running_capacity, s->running_count + 1, sizeof(*s->running),
                    RUNNING_MAX);
    if (code < 0) {
        return err_set(err, code, "too many jobs run at once");
    }
    struct running *entry = &s->running[s->running_count++];
    *entry = (struct running){
        .job = *job,
        .recurrence = recurrence,
        .batch_size = size->batch_size,
        .limit_w = run.power->limit_w,
    };
    workload_replay(&run, &s->rng, &entry->outcome);
    entry->cost = objective_cost(entry->outcome.energy_j, entry->outcome.time_s, s->job->eta_knob,
                                 s->workload->max_power_w);
    if (entry->outcome.is_void) {
        entry->cost = 100 * s->job->beta_knob * s->min_cost;
    }
    return 0;
}

static int append(struct sim *s, const struct running *r)
{
    const struct simulated_run entry = {
        .batch_size = r->batch_size,
        .limit_w = r->limit_w,
        .energy_j = r->outcome.energy_j * r->job.runtime_ratio,
        .time_s = r->outcome.time_s * r->job.runtime_ratio,
        .cost = r->cost,
        .has_reached = r->outcome.has_reached,
        .recurrence = r->recurrence,
    };
    return simulated_history_add(s->history, &entry);
}

static int retry(struct sim *s, const struct running *r, zeus_error *err)
{
    if (++s->retries > RETRIES_MAX) {
        return err_set(err, ZEUS_ESTATE, "%d retries and no end", RETRIES_MAX);
    }
    const struct cluster_job again = {
        .start_s = r->job.end_s,
        .end_s = r->job.end_s + (r->job.end_s - r->job.start_s),
        .runtime_ratio = r->job.runtime_ratio,
    };
    return launch(s, &again, r->recurrence, err);
}

/* A job ended. 1 when it was launched again. */
static int end(struct sim *s, const struct running *r, zeus_error *err)
{
    const int ok = r->outcome.has_reached;
    const struct simulate_watch *watch = s->job->watch;
    if (watch && watch->observed) {
        watch->observed(watch->user, r->batch_size, r->cost, ok);
    }
    int code = s->job->policy->observe(s->job->policy_self, r->batch_size, r->cost, ok, err);
    if (code < 0) {
        return code;
    }
    if (!r->outcome.is_void) {
        code = append(s, r);
        if (code < 0) {
            return err_set(err, code, "history: %s", zeus_strerror(code));
        }
    }
    if (ok && r->cost < s->min_cost) {
        s->min_cost = r->cost;
        s->best_batch_size = r->batch_size;
    }
    if (ok) {
        return 0;
    }
    code = retry(s, r, err);
    return code < 0 ? code : 1;
}

/* Sees all jobs that ended by `now_s`, earliest first; jobs that end together in launch order. A
 * retry may end before the others, so the earliest is looked for anew each time. */
static int reap(struct sim *s, double now_s, zeus_error *err)
{
    for (;;) {
        size_t first = s->running_count;
        for (size_t i = 0; i < s->running_count; i++) {
            if (s->running[i].job.end_s <= now_s &&
                (first == s->running_count ||
                 s->running[i].job.end_s < s->running[first].job.end_s)) {
                first = i;
            }
        }
        if (first == s->running_count) {
            return 0;
        }
        const struct running ended = s->running[first];
        s->running_count--;
        memmove(&s->running[first], &s->running[first + 1],
                (s->running_count - first) * sizeof(ended));
        const int code = end(s, &ended, err);
        if (code < 0) {
            return code;
        }
    }
}

static int run_jobs(struct sim *s, const struct cluster_group *group, zeus_error *err)
{
    const struct simulate_watch *watch = s->job->watch;
    for (size_t i = 0; i < group->job_count; i++) {
        int code = reap(s, group->jobs[i].start_s, err);
        if (code >= 0) {
            code = launch(s, &group->jobs[i], (uint32_t)i, err);
        }
        if (code < 0) {
            return code;
        }
        if (watch && watch->recurred) {
            watch->recurred(watch->user, (uint32_t)i + 1, (uint32_t)group->job_count);
        }
    }
    return reap(s, INFINITY, err);
}

int cluster_group_run(const struct workload *workload, const struct cluster_group *group,
                      const struct recurring_job *job, struct simulated_history *history,
                      zeus_error *err)
{
    unsigned char *is_profiled _free_ = mem_calloc(workload->size_count, 1);
    if (!is_profiled) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct sim s = {
        .workload = workload,
        .job = job,
        .history = history,
        .is_profiled = is_profiled,
        .min_cost = INFINITY,
        .best_batch_size = job->default_batch_size,
    };
    rng_seed(&s.rng, job->seed);
    const int code = run_jobs(&s, group, err);
    free(s.running);
    return code;
}
