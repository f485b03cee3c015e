/* SPDX-License-Identifier: Apache-2.0
 *
 * Baselines. They draw recorded runs as the policies' simulations do, one draw a run, so that the
 * same seed gives them the same luck with the same batch size.
 */
#include "simulate/baseline.h"

#include <math.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "policy/objective.h"
#include "simulate/workload.h"

struct choice {
    const struct workload_size *size;
    const struct workload_power *power;
};

struct sim {
    const struct workload *workload;
    const struct recurring_job *job;
    struct simulated_history *history;
    struct rng rng;
};

static int run_choice(struct sim *s, const struct choice *choice, uint32_t recurrence,
                      struct simulated_run *ret_run, zeus_error *err)
{
    const struct workload_run run = {
        .size = choice->size,
        .power = choice->power,
        .eta_knob = s->job->eta_knob,
        .cost_bound = INFINITY,
        .max_epochs = s->job->max_epochs,
    };
    struct workload_outcome out;
    workload_replay(&run, &s->rng, &out);
    *ret_run = (struct simulated_run){
        .batch_size = choice->size->batch_size,
        .limit_w = choice->power->limit_w,
        .energy_j = out.energy_j,
        .time_s = out.time_s,
        .cost =
            objective_cost(out.energy_j, out.time_s, s->job->eta_knob, s->workload->max_power_w),
        .has_reached = out.has_reached,
        .recurrence = recurrence,
    };
    const int code = simulated_history_add(s->history, ret_run);
    return code < 0 ? err_set(err, code, "history: %s", zeus_strerror(code)) : 0;
}

static const struct workload_size *default_size(const struct sim *s, zeus_error *err)
{
    const struct workload_size *size = workload_find(s->workload, s->job->default_batch_size);
    if (!size || size->run_count == 0) {
        err_set(err, ZEUS_ENOTFOUND, "the traces have no run with batch size %lld",
                (long long)s->job->default_batch_size);
        return NULL;
    }
    return size;
}

static void tell(const struct sim *s, uint32_t done)
{
    const struct simulate_watch *watch = s->job->watch;
    if (watch && watch->recurred) {
        watch->recurred(watch->user, done, s->job->num_recurrences);
    }
}

int baseline_default_run(const struct workload *workload, const struct recurring_job *job,
                         struct simulated_history *history, zeus_error *err)
{
    struct sim s = {.workload = workload, .job = job, .history = history};
    const struct workload_size *size = default_size(&s, err);
    if (!size) {
        return ZEUS_ENOTFOUND;
    }
    const struct choice choice = {size, &size->powers[0]};
    rng_seed(&s.rng, job->seed);
    for (uint32_t i = 0; i < job->num_recurrences; i++) {
        struct simulated_run run = {.has_reached = 0};
        for (int k = 0; k < RECURRING_TRIES_MAX && !run.has_reached; k++) {
            const int code = run_choice(&s, &choice, i, &run, err);
            if (code < 0) {
                return code;
            }
        }
        if (!run.has_reached) {
            return err_set(err, ZEUS_ESTATE, "recurrence %u did not converge in %d tries", i,
                           RECURRING_TRIES_MAX);
        }
        tell(&s, i + 1);
    }
    return 0;
}

/* Where the grid search stands. */
struct grid {
    struct choice *choices; /* owned; in the order of trying */
    unsigned char *is_dropped;
    size_t count;
    size_t next;
    size_t best; /* index of the cheapest seen, count: none */
    double best_cost;
};

static void add_size(struct grid *g, const struct workload_size *size)
{
    for (size_t i = 0; size->run_count > 0 && i < size->power_count; i++) {
        g->choices[g->count++] = (struct choice){size, &size->powers[i]};
    }
}

static int grid_init(struct grid *g, const struct workload *w, const struct workload_size *start)
{
    size_t count = 0;
    for (size_t i = 0; i < w->size_count; i++) {
        count += w->sizes[i].power_count;
    }
    *g = (struct grid){
        .choices = mem_calloc(count, sizeof(*g->choices)),
        .is_dropped = mem_calloc(count, 1),
        .best_cost = INFINITY,
    };
    if (!g->choices || !g->is_dropped) {
        return ZEUS_ENOMEM;
    }
    const size_t at = (size_t)(start - w->sizes);
    for (size_t i = at + 1; i-- > 0;) {
        add_size(g, &w->sizes[i]);
    }
    for (size_t i = at + 1; i < w->size_count; i++) {
        add_size(g, &w->sizes[i]);
    }
    g->best = g->count;
    return 0;
}

/* No further limits of this size are tried. It may still be the cheapest seen: then it stays so. */
static void drop_size(struct grid *g, const struct workload_size *size)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->choices[i].size == size) {
            g->is_dropped[i] = 1;
        }
    }
}

/* The next choice: an untried one, else the cheapest seen. g->count: nothing ever converged. */
static size_t grid_next(struct grid *g)
{
    while (g->next < g->count && g->is_dropped[g->next]) {
        g->next++;
    }
    return g->next < g->count ? g->next++ : g->best;
}

static int grid_recur(struct sim *s, struct grid *g, uint32_t recurrence, zeus_error *err)
{
    for (size_t k = 0; k < g->count + RECURRING_TRIES_MAX; k++) {
        const size_t at = grid_next(g);
        if (at == g->count) {
            return err_set(err, ZEUS_ESTATE, "no batch size converged");
        }
        struct simulated_run run;
        const int code = run_choice(s, &g->choices[at], recurrence, &run, err);
        if (code < 0) {
            return code;
        }
        if (run.has_reached) {
            if (run.cost < g->best_cost) {
                g->best_cost = run.cost;
                g->best = at;
            }
            return 0;
        }
        drop_size(g, g->choices[at].size);
    }
    return err_set(err, ZEUS_ESTATE, "recurrence %u did not converge", recurrence);
}

int baseline_grid_run(const struct workload *workload, const struct recurring_job *job,
                      struct simulated_history *history, zeus_error *err)
{
    struct sim s = {.workload = workload, .job = job, .history = history};
    const struct workload_size *size = default_size(&s, err);
    if (!size) {
        return ZEUS_ENOTFOUND;
    }
    rng_seed(&s.rng, job->seed);
    struct grid grid;
    int code = grid_init(&grid, workload, size);
    if (code < 0) {
        err_set(err, code, "%s", zeus_strerror(code));
    }
    for (uint32_t i = 0; code >= 0 && i < job->num_recurrences; i++) {
        code = grid_recur(&s, &grid, i, err);
        tell(&s, i + 1);
    }
    mem_freep(&grid.choices);
    mem_freep(&grid.is_dropped);
    return code;
}

double baseline_mean_epochs(const struct workload_size *size, double max_epochs,
                            size_t *ret_reached)
{
    double sum = 0;
    size_t reached = 0;
    for (size_t i = 0; i < size->run_count; i++) {
        if (size->target_epochs[i] <= max_epochs) {
            sum += size->target_epochs[i];
            reached++;
        }
    }
    *ret_reached = reached;
    return reached > 0 ? sum / (double)reached : NAN;
}
