/* SPDX-License-Identifier: Apache-2.0
 *
 * The recurrence loop. Two generators: one here for the draws of recorded runs, one in the policy;
 * their draws must not mix. The early-stop bound follows the cheapest *recurrence*, that is the
 * cost of all tries together, as in the published simulator.
 */
#include "simulate/recurring_job.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "policy/objective.h"
#include "simulate/workload.h"

#define HISTORY_MAX ((size_t)1 << 26)

void simulated_history_finish(struct simulated_history *history)
{
    free(history->runs);
    *history = (struct simulated_history){.runs = NULL};
}

int simulated_history_add(struct simulated_history *history, const struct simulated_run *run)
{
    const int code =
        mem_grow(&history->runs, &history->capacity, history->count + 1, sizeof(*run), HISTORY_MAX);
    if (code >= 0) {
        history->runs[history->count++] = *run;
    }
    return code;
}

uint32_t recurring_job_default_recurrences(const struct workload *workload)
{
    const size_t n = 2 * workload->job_size_count * workload->job_limit_count;
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The state of one simulation. */
struct sim {
    const struct workload *workload;
    const struct recurring_job *job;
    struct simulated_history *history;
    unsigned char *is_profiled; /* one flag for each size: its limits are known */
    struct rng rng;
    double min_cost;
};

static int observe(struct sim *s, int64_t batch_size, double cost, int has_converged,
                   zeus_error *err)
{
    const struct simulate_watch *watch = s->job->watch;
    if (watch && watch->observed) {
        watch->observed(watch->user, batch_size, cost, has_converged);
    }
    return s->job->policy->observe(s->job->policy_self, batch_size, cost, has_converged, err);
}

static int predict(struct sim *s, const struct workload_size **ret_size, zeus_error *err)
{
    int64_t batch_size = 0;
    const int code = s->job->policy->predict(s->job->policy_self, &batch_size, err);
    if (code < 0) {
        return code;
    }
    const struct workload_size *size = workload_find(s->workload, batch_size);
    if (!size || size->run_count == 0) {
        return err_set(err, ZEUS_ENOTFOUND, "the traces have no run with batch size %lld",
                       (long long)batch_size);
    }
    const struct simulate_watch *watch = s->job->watch;
    if (watch && watch->predicted) {
        watch->predicted(watch->user, batch_size);
    }
    *ret_size = size;
    return 0;
}

/* One try. 1: reached; 0: not; negative: error. *accumulated grows by what it cost. */
static int try_once(struct sim *s, uint32_t recurrence, double *accumulated, zeus_error *err)
{
    const struct recurring_job *job = s->job;
    const struct workload_size *size = NULL;
    int code = predict(s, &size, err);
    if (code < 0) {
        return code;
    }
    unsigned char *is_profiled = &s->is_profiled[size - s->workload->sizes];
    const struct workload_run run = {
        .size = size,
        .power = workload_best_power(size, job->eta_knob),
        .eta_knob = job->eta_knob,
        .cost_bound = job->beta_knob * s->min_cost,
        .max_epochs = job->max_epochs,
        .is_profiled = !*is_profiled,
    };
    *is_profiled = 1;
    struct workload_outcome out;
    workload_replay(&run, &s->rng, &out);
    if (out.is_void) {
        code = observe(s, size->batch_size, 100 * job->beta_knob * s->min_cost, 0, err);
        return code < 0 ? code : 0;
    }
    const double cost =
        objective_cost(out.energy_j, out.time_s, job->eta_knob, s->workload->max_power_w);
    *accumulated += cost;
    code = observe(s, size->batch_size, cost, out.has_reached, err);
    if (code < 0) {
        return code;
    }
    const struct simulated_run entry = {
        .batch_size = size->batch_size,
        .limit_w = run.power->limit_w,
        .energy_j = out.energy_j,
        .time_s = out.time_s,
        .cost = cost,
        .has_reached = out.has_reached,
        .recurrence = recurrence,
    };
    code = simulated_history_add(s->history, &entry);
    if (code < 0) {
        return err_set(err, code, "history: %s", zeus_strerror(code));
    }
    return out.has_reached;
}

static int recur(struct sim *s, uint32_t recurrence, zeus_error *err)
{
    double accumulated = 0;
    for (int i = 0; i < RECURRING_TRIES_MAX; i++) {
        const int code = try_once(s, recurrence, &accumulated, err);
        if (code < 0) {
            return code;
        }
        if (code > 0) {
            s->min_cost = fmin(s->min_cost, accumulated);
            return 0;
        }
        if (recurrence == 0) {
            return err_set(err, ZEUS_ESTATE, "default batch size %lld did not converge",
                           (long long)s->job->default_batch_size);
        }
    }
    return err_set(err, ZEUS_ESTATE, "recurrence %u did not converge in %d tries", recurrence,
                   RECURRING_TRIES_MAX);
}

int recurring_job_run(const struct workload *workload, const struct recurring_job *job,
                      struct simulated_history *history, zeus_error *err)
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
    };
    rng_seed(&s.rng, job->seed);
    for (uint32_t i = 0; i < job->num_recurrences; i++) {
        const int code = recur(&s, i, err);
        if (code < 0) {
            return code;
        }
        if (job->watch && job->watch->recurred) {
            job->watch->recurred(job->watch->user, i + 1, job->num_recurrences);
        }
    }
    return 0;
}
