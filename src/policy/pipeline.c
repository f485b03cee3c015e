/* SPDX-License-Identifier: Apache-2.0
 *
 * Frontier of a profiled pipeline. Each stage has two specs, forward and backward; recomputing
 * steps cost what a forward costs, and a backward that recomputes what a backward does. Nodes of
 * the graph are the schedule's steps, then a source and a sink.
 */
#include "policy/pipeline.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "dag/assign.h"
#include "dag/frontier.h"
#include "dag/spec.h"

#define KINDS       2
#define STAGES_MAX  16384
#define ROUNDING    1e-12 /* a deadline of whole units but for rounding is that many */
#define STOP_POINTS 256
#define UNITS_MAX   1e15

static const char *const kind_names[KINDS] = {"forward", "backward"};

struct spec {
    struct assign_option *options; /* owned; slowest first */
    int32_t count;
};

struct pipeline {
    struct pipeline_shape shape;
    struct schedule schedule;
    struct dag_graph graph;
    struct spec *spec;     /* owned; by stage, then kind */
    struct dag_cost *cost; /* owned; the same */
    int64_t *mhz;          /* owned; by option id */
    int32_t *spec_of;      /* owned; per node */
    struct frontier frontier;
};

void pipeline_destroy(struct pipeline *p)
{
    if (!p) {
        return;
    }
    size_t specs = (size_t)p->shape.stages * KINDS;
    for (size_t i = 0; i < specs; i++) {
        if (p->spec) {
            free(p->spec[i].options);
        }
        if (p->cost) {
            dag_cost_finish(&p->cost[i]);
        }
    }
    free(p->spec);
    free(p->cost);
    free(p->mhz);
    free(p->spec_of);
    frontier_finish(&p->frontier);
    dag_graph_finish(&p->graph);
    schedule_finish(&p->schedule);
    free(p);
}

/* The options of one spec, in the rows' order; option ids are row numbers. */
static int32_t collect(const struct pipeline *p, const struct pipeline_row *rows, size_t count,
                       size_t which, struct assign_option *out)
{
    int32_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if ((size_t)rows[i].stage * KINDS + rows[i].kind == which) {
            int32_t quant = assign_quantize(rows[i].time_s, p->shape.unit_s);
            out[n++] = (struct assign_option){rows[i].time_s, rows[i].energy_j, quant, (int32_t)i};
        }
    }
    return n;
}

static int make_spec(struct pipeline *p, const struct pipeline_row *rows, size_t count,
                     size_t which, zeus_error *err)
{
    const char *name = kind_names[which % KINDS];
    int stage = (int)(which / KINDS);
    struct spec *spec = &p->spec[which];
    const struct dag_spec_rule rule = {.unit_s = p->shape.unit_s,
                                       .idle_power_w = p->shape.idle_power_w,
                                       .noise_factor = p->shape.noise_factor,
                                       .is_noise_for_few = 1};
    spec->options = mem_calloc(count, sizeof(*spec->options));
    if (!spec->options) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int32_t n = collect(p, rows, count, which, spec->options);
    if (n == 0) {
        return err_set(err, ZEUS_EINVAL, "the profile has no %s of stage %d", name, stage);
    }
    int r = dag_spec_make(&rule, spec->options, n, &spec->count, &p->cost[which], err);
    if (r < 0) {
        err_prefix(err, "stage %d %s", stage, name);
    }
    return r;
}

static int check_rows(const struct pipeline_shape *shape, const struct pipeline_row *rows,
                      size_t count, zeus_error *err)
{
    if (shape->stages < 1 || shape->stages > STAGES_MAX || !(shape->unit_s > 0) ||
        !isfinite(shape->unit_s) || !(shape->idle_power_w >= 0) || !isfinite(shape->idle_power_w) ||
        !(shape->noise_factor > 0) || shape->noise_factor > 1 ||
        shape->schedule == SCHEDULE_INTERLEAVED || count == 0 || count > INT32_MAX) {
        return err_set(err, ZEUS_EINVAL, "a pipeline without stages, time unit or profile");
    }
    for (size_t i = 0; i < count; i++) {
        const struct pipeline_row *row = &rows[i];
        if (row->stage < 0 || row->stage >= shape->stages || row->kind >= KINDS) {
            return err_set(err, ZEUS_EINVAL, "row %zu of the profile is of stage %d, not below %d",
                           i + 1, (int)row->stage, (int)shape->stages);
        }
        if (!(row->time_s > 0) || !(row->energy_j > 0) || !isfinite(row->energy_j) ||
            assign_quantize(row->time_s, shape->unit_s) < 0) {
            return err_set(err, ZEUS_EINVAL, "stage %d %s at %lld MHz takes %g s and %g J",
                           (int)row->stage, kind_names[row->kind], (long long)row->frequency_mhz,
                           row->time_s, row->energy_j);
        }
    }
    return 0;
}

static int make_specs(struct pipeline *p, const struct pipeline_row *rows, size_t count,
                      zeus_error *err)
{
    size_t specs = (size_t)p->shape.stages * KINDS;
    p->spec = mem_calloc(specs, sizeof(*p->spec));
    p->cost = mem_calloc(specs, sizeof(*p->cost));
    p->mhz = mem_calloc(count, sizeof(*p->mhz));
    if (!p->spec || !p->cost || !p->mhz) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        p->mhz[i] = rows[i].frequency_mhz;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < specs; i++) {
        r = make_spec(p, rows, count, i, err);
    }
    return r;
}

static int32_t spec_of_step(const struct schedule_step *step)
{
    int is_backward = step->kind == SCHEDULE_BACKWARD || step->kind == SCHEDULE_FORWARD_BACKWARD;
    return step->stage * KINDS + is_backward;
}

/* The schedule's dependencies and those of source and sink. */
static int make_graph(struct pipeline *p, zeus_error *err)
{
    const struct schedule *s = &p->schedule;
    int32_t steps = s->steps;
    size_t room = (size_t)s->edges + 2 * (size_t)steps;
    int32_t *from _free_ = mem_calloc(room, sizeof(*from));
    int32_t *to _free_ = mem_calloc(room, sizeof(*to));
    uint8_t *has _free_ = mem_calloc((size_t)steps, 1);
    p->spec_of = mem_calloc((size_t)steps + 2, sizeof(*p->spec_of));
    if (!from || !to || !has || !p->spec_of) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int32_t edges = 0;
    for (; edges < s->edges; edges++) {
        from[edges] = s->from[edges];
        to[edges] = s->to[edges];
        has[to[edges]] |= 1;
        has[from[edges]] |= 2;
    }
    for (int32_t v = 0; v < steps; v++) {
        p->spec_of[v] = spec_of_step(&s->step[v]);
        if ((has[v] & 1) == 0) {
            from[edges] = steps;
            to[edges++] = v;
        }
        if ((has[v] & 2) == 0) {
            from[edges] = v;
            to[edges++] = steps + 1;
        }
    }
    p->spec_of[steps] = p->spec_of[steps + 1] = -1;
    return dag_graph_build(&p->graph, steps + 2, edges, from, to, NULL, err);
}

static int is_stopped(const struct pipeline_limits *limits, int32_t points)
{
    return limits->should_stop && points % STOP_POINTS == 0 && limits->should_stop(limits->user);
}

static int solve(struct pipeline *p, const struct pipeline_limits *limits, zeus_error *err)
{
    const struct tradeoff_problem problem = {.graph = &p->graph,
                                             .spec_of = p->spec_of,
                                             .specs = p->cost,
                                             .spec_count = p->shape.stages * KINDS};
    struct tradeoff *t = NULL;
    int r = tradeoff_create(&problem, limits->max_bytes, &t, err);
    if (r < 0) {
        return r;
    }
    do {
        r = frontier_add(&p->frontier, t, p->graph.nodes);
        r = r == 0 && is_stopped(limits, p->frontier.points) ? ZEUS_ECLOSED : r;
    } while (r == 0 && tradeoff_step(t));
    tradeoff_destroy(t);
    if (r == ZEUS_ECLOSED) {
        return err_set(err, r, "stopped after point %d", (int)p->frontier.points);
    }
    return r < 0 ? err_set(err, r, "no memory for the frontier beyond point %d",
                           (int)p->frontier.points)
                 : 0;
}

int pipeline_create(const struct pipeline_shape *shape, const struct pipeline_row *rows,
                    size_t count, const struct pipeline_limits *limits, struct pipeline **ret,
                    zeus_error *err)
{
    int r = check_rows(shape, rows, count, err);
    if (r < 0) {
        return r;
    }
    struct pipeline *p = mem_calloc(1, sizeof(*p));
    if (!p) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    p->shape = *shape;
    frontier_init(&p->frontier, limits->max_bytes);
    r = schedule_build(&p->schedule, shape->schedule, shape->stages, shape->micro_batches, 1, err);
    r = r < 0 ? r : make_specs(p, rows, count, err);
    r = r < 0 ? r : make_graph(p, err);
    r = r < 0 ? r : solve(p, limits, err);
    if (r < 0) {
        pipeline_destroy(p);
        return r;
    }
    *ret = p;
    return 0;
}

const struct schedule *pipeline_schedule(const struct pipeline *p)
{
    return &p->schedule;
}

struct pipeline_point pipeline_find(const struct pipeline *p, double deadline_s)
{
    const struct frontier *f = &p->frontier;
    int32_t at = f->points - 1;
    int is_met = 1;
    if (deadline_s > 0) {
        double units = floor(deadline_s / p->shape.unit_s * (1 + ROUNDING) + 1e-9);
        int32_t found = frontier_find(f, (int64_t)MIN_OF(units, UNITS_MAX));
        is_met = found >= 0;
        at = is_met ? found : at;
    }
    double time_s = (double)(f->longest - at) * p->shape.unit_s;
    double waiting_j = p->shape.stages * time_s * p->shape.idle_power_w;
    return (struct pipeline_point){at, time_s, f->cost[at] + waiting_j, is_met};
}

int32_t pipeline_points(const struct pipeline *p)
{
    return p->frontier.points;
}

int pipeline_plan(const struct pipeline *p, int32_t point, int64_t *ret_mhz)
{
    int32_t *duration _free_ = mem_calloc((size_t)p->graph.nodes, sizeof(*duration));
    if (!duration) {
        return ZEUS_ENOMEM;
    }
    frontier_durations(&p->frontier, point, duration);
    for (int32_t v = 0; v < p->schedule.steps; v++) {
        const struct spec *spec = &p->spec[p->spec_of[v]];
        int32_t at = assign_lookup(spec->options, spec->count, duration[v]);
        ret_mhz[v] = p->mhz[spec->options[at].id];
    }
    return 0;
}
