/* SPDX-License-Identifier: Apache-2.0
 *
 * Pruning and the meaning of reports. Pruning walks from the default batch size down and then up,
 * stops a direction at its first failure, and starts the next round from the cheapest survivor; it
 * is replayed from the trials at every call, so there is no state that could disagree with them.
 */
#include "policy/batch_size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/mem.h"
#include "policy/objective.h"

/* One walk through the rounds. */
struct walk {
    const struct batch_size_job *job;
    const struct batch_size_trial *trials;
    size_t trial_count;
    uint32_t round;
    int64_t *sizes; /* of this round, ascending */
    size_t size_count;
    unsigned char *is_good; /* converged in this round, one flag for each of `sizes` */
    double best_cost;
    size_t best; /* index of the cheapest good one */
};

/* The exploration of `batch_size` that belongs to this round, NULL when it was not begun. */
static const struct batch_size_trial *find_trial(const struct walk *w, int64_t batch_size)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < w->trial_count; i++) {
        const struct batch_size_trial *t = &w->trials[i];
        if (t->batch_size != batch_size || t->type != BATCH_SIZE_EXPLORATION ||
            t->status == BATCH_SIZE_FAILED) {
            continue;
        }
        if (seen++ == w->round) {
            return t;
        }
    }
    return NULL;
}

enum visit {
    VISIT_GOOD,
    VISIT_BAD,
    VISIT_DECIDED, /* the step is filled: explore or wait */
};

static enum visit visit(struct walk *w, size_t at, struct batch_size_step *step)
{
    const int64_t batch_size = w->sizes[at];
    const struct batch_size_trial *t = find_trial(w, batch_size);
    if (!t || t->status == BATCH_SIZE_DISPATCHED) {
        step->kind = t ? BATCH_SIZE_STEP_WAIT : BATCH_SIZE_STEP_EXPLORE;
        step->batch_size = batch_size;
        step->round = w->round;
        return VISIT_DECIDED;
    }
    if (!t->has_converged) {
        return VISIT_BAD;
    }
    w->is_good[at] = 1;
    if (t->cost < w->best_cost) {
        w->best_cost = t->cost;
        w->best = at;
    }
    return VISIT_GOOD;
}

/* Down from `start`, then up from above it. 1 when the step was decided. */
static int visit_round(struct walk *w, size_t start, struct batch_size_step *step)
{
    for (size_t i = start + 1; i-- > 0;) {
        const enum visit v = visit(w, i, step);
        if (v == VISIT_DECIDED) {
            return 1;
        }
        if (v == VISIT_BAD) {
            break;
        }
    }
    for (size_t i = start + 1; i < w->size_count; i++) {
        const enum visit v = visit(w, i, step);
        if (v == VISIT_DECIDED) {
            return 1;
        }
        if (v == VISIT_BAD) {
            break;
        }
    }
    return 0;
}

/* The default and its neighbours failed: the sizes the walk never reached, until one converges. */
static int visit_rest(struct walk *w, struct batch_size_step *step)
{
    for (size_t i = 0; i < w->size_count; i++) {
        const enum visit v = visit(w, i, step);
        if (v == VISIT_DECIDED) {
            return 1;
        }
        if (v == VISIT_GOOD) {
            return 0;
        }
    }
    return 0;
}

/* Keeps the good sizes and returns the index of the cheapest among them. */
static size_t keep_survivors(struct walk *w)
{
    size_t kept = 0;
    size_t best = 0;
    for (size_t i = 0; i < w->size_count; i++) {
        if (!w->is_good[i]) {
            continue;
        }
        if (i == w->best) {
            best = kept;
        }
        w->sizes[kept++] = w->sizes[i];
    }
    w->size_count = kept;
    return best;
}

static int has_good(const struct walk *w)
{
    return memchr(w->is_good, 1, w->size_count) != NULL;
}

/* All rounds. 1: decided; 0: over, survivors in w->sizes; negative: error. */
static int walk_rounds(struct walk *w, size_t start, struct batch_size_step *step)
{
    const int is_strict = (w->job->quirks & BATCH_SIZE_QUIRK_DEADLOCK) != 0;
    for (w->round = 0; w->round < w->job->num_pruning_rounds; w->round++) {
        memset(w->is_good, 0, w->size_count);
        w->best_cost = INFINITY;
        w->best = start;
        if (visit_round(w, start, step)) {
            return 1;
        }
        if (!has_good(w) && !is_strict && w->round > 0) {
            return 0; /* the earlier rounds' survivors stand */
        }
        if (!has_good(w) && !is_strict && visit_rest(w, step)) {
            return 1;
        }
        if (!has_good(w)) {
            return ZEUS_ESTATE;
        }
        start = keep_survivors(w);
    }
    return 0;
}

int batch_size_explore(const struct batch_size_job *job, const struct batch_size_trial *trials,
                       size_t trial_count, int64_t *survivors, struct batch_size_step *ret_step)
{
    size_t start = 0;
    while (start < job->batch_size_count && job->batch_sizes[start] != job->default_batch_size) {
        start++;
    }
    if (start == job->batch_size_count) {
        return ZEUS_EINVAL;
    }
    if (job->num_pruning_rounds == 0 && (job->quirks & BATCH_SIZE_QUIRK_ZERO_ROUNDS)) {
        return ZEUS_ESTATE;
    }
    unsigned char *is_good _free_ = mem_calloc(job->batch_size_count, 1);
    if (!is_good) {
        return ZEUS_ENOMEM;
    }
    memcpy(survivors, job->batch_sizes, job->batch_size_count * sizeof(*survivors));
    struct walk w = {
        .job = job,
        .trials = trials,
        .trial_count = trial_count,
        .sizes = survivors,
        .size_count = job->batch_size_count,
        .is_good = is_good,
    };
    struct batch_size_step step = {.kind = BATCH_SIZE_STEP_FINISHED};
    const int code = walk_rounds(&w, start, &step);
    if (code < 0) {
        return code;
    }
    if (step.kind == BATCH_SIZE_STEP_FINISHED) {
        step.round = w.round;
        step.survivor_count = w.size_count;
    }
    *ret_step = step;
    return 0;
}

int batch_size_lease_is_over(double seen_s, double now_s, double lease_s)
{
    return lease_s > 0 && now_s - seen_s > lease_s;
}

void batch_size_judge(const struct batch_size_job *job, double min_cost,
                      const struct batch_size_report *report,
                      struct batch_size_verdict *ret_verdict)
{
    struct batch_size_verdict v = {
        .cost = objective_cost(report->energy_j, report->time_s, job->eta_knob, job->max_power_w),
        .cost_bound = objective_cost_bound(job->beta_knob, min_cost),
    };
    const int is_within = v.cost_bound >= v.cost;
    const int is_reached = job->is_higher_better ? job->target_metric <= report->metric
                                                 : job->target_metric >= report->metric;
    v.is_stop = !is_within || is_reached || report->current_epoch >= job->max_epochs;
    v.has_converged = is_within && is_reached;
    if (!is_within) {
        v.reason = BATCH_SIZE_OVER_BOUND;
    } else if (is_reached) {
        v.reason = BATCH_SIZE_REACHED;
    } else {
        v.reason = v.is_stop ? BATCH_SIZE_OUT_OF_EPOCHS : BATCH_SIZE_KEEP_TRAINING;
    }
    *ret_verdict = v;
}

int batch_size_takes_minimum(const struct batch_size_job *job, double min_cost, double cost,
                             int has_converged)
{
    if (!has_converged && !(job->quirks & BATCH_SIZE_QUIRK_POISON)) {
        return 0;
    }
    return isnan(min_cost) || min_cost > cost;
}

int batch_size_learns(const struct batch_size_job *job, uint32_t type, int has_arm)
{
    if (job->quirks & BATCH_SIZE_QUIRK_REFUSE) {
        return has_arm && type == BATCH_SIZE_MAB ? 1 : ZEUS_ESTATE;
    }
    return has_arm ? 1 : 0;
}

int batch_size_fit(const struct batch_size_job *job, const double *costs, size_t count,
                   int is_windowed, struct bandit_arm *arm)
{
    size_t skipped = 0;
    if (is_windowed && job->window_size > 0 && count > (uint64_t)job->window_size) {
        skipped = count - (size_t)job->window_size;
    }
    const size_t kept = count - skipped;
    double fixed[256];
    double *heap _free_ = NULL;
    double *rewards = fixed;
    if (kept > 256) {
        rewards = heap = mem_calloc(kept, sizeof(*rewards));
        if (!heap) {
            return ZEUS_ENOMEM;
        }
    }
    for (size_t i = 0; i < kept; i++) {
        rewards[i] = -costs[skipped + i];
    }
    const struct bandit_prior prior = {
        .mean = job->prior_mean,
        .precision = job->prior_precision,
        .has_spread_floor = (job->quirks & BATCH_SIZE_QUIRK_SPIKE) == 0,
    };
    return bandit_fit(&prior, rewards, kept, arm);
}

void batch_size_prior_arm(const struct batch_size_job *job, int64_t batch_size,
                          struct bandit_arm *ret_arm)
{
    *ret_arm = (struct bandit_arm){
        .batch_size = batch_size,
        .param_mean = job->prior_mean,
        .param_precision = job->prior_precision,
        .reward_precision = 0,
        .num_observations = 0,
    };
}
