/* SPDX-License-Identifier: Apache-2.0
 *
 * Solving: the walk down the frontier with progress and limits, one deadline, look-ups.
 */
#include <zeus/dag.h>

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "core/dag_problem.h"
#include "dag/deadline.h"

#define PROGRESS_POINTS 256

static int check_options(const zeus_dag_solve_options *options, zeus_error *err)
{
    if (options && options->size < sizeof(*options)) {
        return err_set(err, ZEUS_EINVAL, "solve options of an unknown size");
    }
    return 0;
}

static int is_stopped(const zeus_dag_solve_options *o, int64_t reached, int64_t fastest)
{
    return o && o->progress && o->progress(o->context, reached, fastest) != 0;
}

static int walk(struct tradeoff *t, const struct dag_problem *p, const zeus_dag_solve_options *o,
                struct frontier *points, zeus_error *err)
{
    int64_t stop = o && o->stop_units > p->fastest_units ? o->stop_units : p->fastest_units;
    int r = frontier_add(points, t, p->graph.nodes);
    while (r == 0 && tradeoff_time(t) > stop && tradeoff_step(t)) {
        r = frontier_add(points, t, p->graph.nodes);
        if (r == 0 && points->points % PROGRESS_POINTS == 0 &&
            is_stopped(o, tradeoff_time(t), p->fastest_units)) {
            return err_set(err, ZEUS_ECLOSED, "cancelled at %lld time units",
                           (long long)tradeoff_time(t));
        }
    }
    return r < 0
               ? err_set(err, r, "no memory for the frontier beyond point %d", (int)points->points)
               : 0;
}

int zeus_dag_solve(zeus_dag *dag, const zeus_dag_solve_options *options,
                   zeus_dag_frontier **ret_frontier, zeus_error *err)
{
    int r = check_options(options, err);
    if (r < 0 || !dag || !ret_frontier) {
        return r < 0 ? r : err_set(err, ZEUS_EINVAL, "no problem given");
    }
    struct dag_problem *p = dag->problem;
    r = dag_problem_seal(p, err);
    if (r < 0) {
        return r;
    }
    zeus_dag_frontier *f = mem_calloc(1, sizeof(*f));
    if (!f) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct tradeoff_problem view = dag_problem_view(p);
    struct tradeoff *t = NULL;
    size_t limit = options ? (size_t)options->max_bytes : 0;
    frontier_init(&f->points, limit);
    f->problem = dag_problem_use(p);
    r = tradeoff_create(&view, limit, &t, err);
    r = r < 0 ? r : walk(t, p, options, &f->points, err);
    tradeoff_destroy(t);
    if (r < 0) {
        zeus_dag_frontier_destroy(f);
        return r;
    }
    *ret_frontier = f;
    return 0;
}

struct cancel {
    const zeus_dag_solve_options *options;
    const struct dag_problem *problem;
};

static int is_cancelled(void *context)
{
    const struct cancel *c = context;
    return is_stopped(c->options, c->problem->slowest_units, c->problem->fastest_units);
}

int zeus_dag_solve_deadline(zeus_dag *dag, int64_t deadline_units,
                            const zeus_dag_solve_options *options, zeus_dag_plan **ret_plan,
                            zeus_error *err)
{
    int r = check_options(options, err);
    if (r < 0 || !dag || !ret_plan) {
        return r < 0 ? r : err_set(err, ZEUS_EINVAL, "no problem given");
    }
    struct dag_problem *p = dag->problem;
    r = dag_problem_seal(p, err);
    if (r < 0) {
        return r;
    }
    int32_t *duration _free_ = mem_calloc(p->operations, sizeof(*duration));
    if (!duration) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct tradeoff_problem view = dag_problem_view(p);
    struct cancel cancel = {options, p};
    r = deadline_solve(&view, deadline_units, options ? (size_t)options->max_bytes : 0,
                       is_cancelled, &cancel, duration, err);
    if (r < 0) {
        return r;
    }
    long double cost = 0;
    for (size_t v = 0; v < p->operations; v++) {
        if (p->spec_of[v] >= 0) {
            cost += (long double)dag_cost_at(&p->cost[p->spec_of[v]], duration[v]);
        }
    }
    int64_t units = MIN_OF(deadline_units, p->slowest_units);
    return dag_plan_create(p, duration, -1, units, (double)cost, ret_plan, err);
}

void zeus_dag_frontier_destroy(zeus_dag_frontier *f)
{
    if (f) {
        frontier_finish(&f->points);
        dag_problem_release(f->problem);
        free(f);
    }
}

uint32_t zeus_dag_frontier_count(const zeus_dag_frontier *f)
{
    return f ? (uint32_t)f->points.points : 0;
}

int zeus_dag_frontier_point(const zeus_dag_frontier *f, uint32_t index, zeus_dag_point *ret_point)
{
    if (!f || !ret_point || index >= (uint32_t)f->points.points) {
        return ZEUS_EINVAL;
    }
    const struct dag_problem *p = f->problem;
    int64_t units = f->points.longest - index;
    double time_s = (double)units * p->unit_s;
    double cost = f->points.cost[index];
    *ret_point = (zeus_dag_point){.iteration = index,
                                  .units = units,
                                  .time_s = time_s,
                                  .cost_j = cost,
                                  .cost_change_j = f->points.change[index],
                                  .cost_p2p_j = cost + p->stages * time_s * p->p2p_power_w};
    return 0;
}

int64_t zeus_dag_frontier_find(const zeus_dag_frontier *f, int64_t deadline_units)
{
    return f ? frontier_find(&f->points, deadline_units) : -1;
}

int64_t zeus_dag_frontier_find_s(const zeus_dag_frontier *f, double deadline_s)
{
    if (!f || !(deadline_s >= 0)) {
        return -1;
    }
    /* A deadline that is a whole number of units but for rounding is that number. */
    double units = floor(deadline_s / f->problem->unit_s * (1 + 1e-12) + 1e-9);
    return frontier_find(&f->points, units < 1e15 ? (int64_t)units : (int64_t)1e15);
}

int zeus_dag_frontier_plan(const zeus_dag_frontier *f, int64_t index, zeus_dag_plan **ret_plan,
                           zeus_error *err)
{
    if (!f || !ret_plan || index < 0 || index >= f->points.points) {
        return err_set(err, ZEUS_ERANGE, "the frontier has no point %lld", (long long)index);
    }
    struct dag_problem *p = f->problem;
    int32_t *duration _free_ = mem_calloc(p->operations, sizeof(*duration));
    if (!duration) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    frontier_durations(&f->points, (int32_t)index, duration);
    int r = dag_plan_create(p, duration, index, f->points.longest - index, f->points.cost[index],
                            ret_plan, err);
    if (r == 0) {
        (*ret_plan)->info.cost_change_j = f->points.change[index];
    }
    return r;
}

int zeus_dag_get_baseline(zeus_dag *dag, zeus_dag_baseline *ret_baseline, zeus_error *err)
{
    if (!dag || !ret_baseline) {
        return err_set(err, ZEUS_EINVAL, "no problem given");
    }
    struct dag_problem *p = dag->problem;
    int r = dag_problem_seal(p, err);
    double *end_s _free_ = r == 0 ? mem_calloc(p->operations, sizeof(*end_s)) : NULL;
    if (r < 0 || !end_s) {
        return r < 0 ? r : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    const struct dag_graph *g = &p->graph;
    zeus_dag_baseline b = {0};
    for (int32_t i = 0; i < g->nodes; i++) {
        int32_t v = g->topo[i];
        for (int32_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
            end_s[v] = MAX_OF(end_s[v], end_s[g->in_from[e]]);
        }
        if (p->spec_of[v] >= 0) {
            end_s[v] += p->top[p->spec_of[v]].time_s;
            b.cost_j += p->top[p->spec_of[v]].cost;
        }
        b.time_s = MAX_OF(b.time_s, end_s[v]);
    }
    b.cost_p2p_j = b.cost_j + p->stages * b.time_s * p->p2p_power_w;
    *ret_baseline = b;
    return 0;
}
