/* SPDX-License-Identifier: Apache-2.0
 *
 * Building problems: argument checks, growing arrays, and sealing. All that a caller can get wrong
 * is found here and named; the solver below asserts nothing about its input.
 */
#include <zeus/dag.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "core/dag_problem.h"
#include "dag/schedule.h"
#include "dag/spec.h"

#define SPECS_MAX 65536
#define EDGES_MAX 64000000u

static int out_of_memory(zeus_error *err)
{
    return err_set(err, ZEUS_ENOMEM, "out of memory");
}

int zeus_dag_create(double unit_s, zeus_dag **ret_dag, zeus_error *err)
{
    if (!ret_dag || !(unit_s > 0) || !isfinite(unit_s)) {
        return err_set(err, ZEUS_EINVAL, "a time unit of %g s", unit_s);
    }
    zeus_dag *dag = mem_calloc(1, sizeof(*dag));
    struct dag_problem *p = mem_calloc(1, sizeof(*p));
    if (!dag || !p) {
        free(dag);
        free(p);
        return out_of_memory(err);
    }
    p->users = 1;
    p->unit_s = unit_s;
    dag->problem = p;
    *ret_dag = dag;
    return 0;
}

void zeus_dag_destroy(zeus_dag *dag)
{
    if (dag) {
        dag_problem_release(dag->problem);
        free(dag);
    }
}

struct dag_problem *dag_problem_use(struct dag_problem *p)
{
    (void)__atomic_add_fetch(&p->users, 1, __ATOMIC_RELAXED);
    return p;
}

void dag_problem_release(struct dag_problem *p)
{
    if (!p || __atomic_sub_fetch(&p->users, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    for (size_t i = 0; i < p->operations; i++) {
        free(p->operation[i].name);
    }
    for (size_t i = 0; i < p->specs; i++) {
        dag_cost_finish(&p->cost[i]);
    }
    for (size_t i = 0; i < p->knobs; i++) {
        free(p->knob[i].label);
    }
    free(p->operation);
    free(p->from);
    free(p->to);
    free(p->cost);
    free(p->top);
    free(p->option_first);
    free(p->option);
    free(p->knob);
    free(p->spec_of);
    dag_graph_finish(&p->graph);
    free(p);
}

/* A problem that is shared with a frontier or a plan must not change under them. */
static int check_open(const zeus_dag *dag, zeus_error *err)
{
    if (!dag) {
        return err_set(err, ZEUS_EINVAL, "no problem given");
    }
    if (dag->problem->is_sealed) {
        return err_set(err, ZEUS_ESTATE, "the problem was solved already: it cannot be changed");
    }
    return 0;
}

/* What the spec says, in the solver's words. */
static struct dag_spec_rule rule_of(const struct dag_problem *p, const struct dag_spec_input *input)
{
    const zeus_dag_spec *spec = input->spec;
    return (struct dag_spec_rule){.model = (enum dag_spec_model)spec->model,
                                  .curve = {spec->a, spec->b, spec->c},
                                  .unit_s = p->unit_s,
                                  .idle_power_w = spec->idle_power_w,
                                  .noise_factor = spec->noise_factor > 0 ? spec->noise_factor : 1,
                                  .is_noise_for_few = input->is_noise_for_few};
}

static int reserve_spec(struct dag_problem *p, size_t kept)
{
    int r = mem_grow(&p->cost, &p->cost_room, p->specs + 1, sizeof(*p->cost), SPECS_MAX);
    r = r < 0 ? r : mem_grow(&p->top, &p->top_room, p->specs + 1, sizeof(*p->top), SPECS_MAX);
    r = r < 0 ? r
              : mem_grow(&p->option_first, &p->option_first_room, p->specs + 2,
                         sizeof(*p->option_first), SPECS_MAX + 1);
    r = r < 0 ? r
              : mem_grow(&p->option, &p->option_room, p->options + kept, sizeof(*p->option),
                         INT32_MAX / 2);
    return r < 0 ? r
                 : mem_grow(&p->knob, &p->knob_room, p->knobs + kept, sizeof(*p->knob),
                            INT32_MAX / 2);
}

static int store_spec(struct dag_problem *p, const zeus_dag_spec *spec,
                      const struct assign_option *option, int32_t kept, zeus_error *err)
{
    int r = reserve_spec(p, (size_t)kept);
    if (r < 0) {
        return err_set(err, r, "room for at most %d specs", SPECS_MAX);
    }
    p->option_first[p->specs] = (int32_t)p->options;
    for (int32_t i = 0; i < kept; i++) {
        const zeus_dag_option *o = &spec->options[option[i].id];
        struct dag_knob *knob = &p->knob[p->knobs];
        *knob = (struct dag_knob){.number = o->knob};
        p->option[p->options] = option[i];
        p->option[p->options++].id = (int32_t)p->knobs++;
        knob->label = o->label ? mem_strdup(o->label) : NULL;
        if (o->label && !knob->label) {
            return out_of_memory(err);
        }
    }
    p->option_first[p->specs + 1] = (int32_t)p->options;
    return 0;
}

static int check_spec(const zeus_dag_spec *spec, zeus_error *err)
{
    const char *name = spec && spec->name ? spec->name : "a spec";
    if (!spec || spec->size < sizeof(*spec) || !spec->options || spec->option_count == 0 ||
        spec->option_count > ZEUS_DAG_OPTIONS_MAX) {
        return err_set(err, ZEUS_EINVAL, "%.60s has no options, or more than %u", name,
                       ZEUS_DAG_OPTIONS_MAX);
    }
    if (spec->model > ZEUS_DAG_MODEL_LINE) {
        return err_set(err, ZEUS_EINVAL, "%.60s has an unknown cost model %u", name, spec->model);
    }
    if (!isfinite(spec->idle_power_w) || spec->idle_power_w < 0 || !(spec->noise_factor >= 0) ||
        spec->noise_factor > 1) {
        return err_set(err, ZEUS_EINVAL, "%.60s: idle power %g W, noise factor %g", name,
                       spec->idle_power_w, spec->noise_factor);
    }
    return 0;
}

/* The option that runs as fast as the device can. */
static struct assign_option find_top(const zeus_dag_spec *spec, const struct assign_option *option,
                                     double unit_s)
{
    size_t best = 0;
    for (size_t i = 1; i < spec->option_count; i++) {
        int64_t more = spec->options[i].knob - spec->options[best].knob;
        if (more > 0 || (more == 0 && option[i].time_s < option[best].time_s)) {
            best = i;
        }
    }
    struct assign_option top = option[best];
    top.cost -= spec->idle_power_w * top.quant * unit_s;
    return top;
}

/* Everything of a spec but its place in the problem. */
static int make_spec(struct dag_problem *p, const struct dag_spec_input *input,
                     struct dag_cost *cost, zeus_error *err)
{
    const zeus_dag_spec *spec = input->spec;
    const struct dag_spec_rule rule = rule_of(p, input);
    struct assign_option *option _free_ = mem_calloc(spec->option_count, sizeof(*option));
    int32_t kept = 0;
    if (!option) {
        return out_of_memory(err);
    }
    for (size_t i = 0; i < spec->option_count; i++) {
        const zeus_dag_option *o = &spec->options[i];
        int32_t quant = input->quants ? input->quants[i] : assign_quantize(o->time_s, p->unit_s);
        option[i] = (struct assign_option){o->time_s, o->cost_j, quant, (int32_t)i};
    }
    const struct assign_option top = find_top(spec, option, p->unit_s);
    int r = dag_spec_make(&rule, option, (int32_t)spec->option_count, &kept, cost, err);
    if (r < 0) {
        return r;
    }
    r = store_spec(p, spec, option, kept, err);
    if (r < 0) {
        dag_cost_finish(cost);
        return r;
    }
    p->top[p->specs] = top;
    return 0;
}

int dag_add_spec(zeus_dag *dag, const struct dag_spec_input *input, int32_t *ret_index,
                 zeus_error *err)
{
    int r = check_open(dag, err);
    r = r < 0 ? r : check_spec(input->spec, err);
    if (r < 0) {
        return r;
    }
    struct dag_problem *p = dag->problem;
    struct dag_cost cost = {0};
    r = make_spec(p, input, &cost, err);
    if (r < 0) {
        err_prefix(err, "%.60s", input->spec->name ? input->spec->name : "a spec");
        return r;
    }
    p->cost[p->specs] = cost;
    if (ret_index) {
        *ret_index = (int32_t)p->specs;
    }
    p->specs++;
    return 0;
}

int zeus_dag_add_spec(zeus_dag *dag, const zeus_dag_spec *spec, int32_t *ret_index, zeus_error *err)
{
    const struct dag_spec_input input = {.spec = spec};
    return dag_add_spec(dag, &input, ret_index, err);
}

int zeus_dag_add_operation(zeus_dag *dag, const zeus_dag_operation *operation, int32_t *ret_index,
                           zeus_error *err)
{
    int r = check_open(dag, err);
    if (r < 0) {
        return r;
    }
    struct dag_problem *p = dag->problem;
    if (!operation || operation->size < sizeof(*operation) || operation->spec < -1 ||
        operation->spec >= (int32_t)p->specs || operation->kind > ZEUS_DAG_OTHER ||
        operation->stage < -1 || operation->stage >= 1 << 20) {
        return err_set(err, ZEUS_EINVAL, "operation %zu: spec, kind or stage out of range",
                       p->operations);
    }
    r = mem_grow(&p->operation, &p->operation_room, p->operations + 1, sizeof(*p->operation),
                 ZEUS_DAG_OPERATIONS_MAX);
    char *name = r == 0 && operation->name ? mem_strdup(operation->name) : NULL;
    if (r < 0 || (operation->name && !name)) {
        return err_set(err, r < 0 ? r : ZEUS_ENOMEM, "room for at most %u operations",
                       ZEUS_DAG_OPERATIONS_MAX);
    }
    p->operation[p->operations] = (struct dag_operation){.spec = operation->spec,
                                                         .kind = operation->kind,
                                                         .stage = operation->stage,
                                                         .chunk = operation->chunk,
                                                         .micro_batch = operation->micro_batch,
                                                         .name = name};
    if (ret_index) {
        *ret_index = (int32_t)p->operations;
    }
    p->operations++;
    return 0;
}

int zeus_dag_add_edge(zeus_dag *dag, int32_t before, int32_t after, zeus_error *err)
{
    int r = check_open(dag, err);
    if (r < 0) {
        return r;
    }
    struct dag_problem *p = dag->problem;
    if (before < 0 || after < 0 || (size_t)before >= p->operations ||
        (size_t)after >= p->operations || before == after) {
        return err_set(err, ZEUS_EINVAL, "edge %zu leads from operation %d to %d of %zu", p->edges,
                       (int)before, (int)after, p->operations);
    }
    r = mem_grow(&p->from, &p->from_room, p->edges + 1, sizeof(*p->from), EDGES_MAX);
    r = r < 0 ? r : mem_grow(&p->to, &p->to_room, p->edges + 1, sizeof(*p->to), EDGES_MAX);
    if (r < 0) {
        return err_set(err, r, "room for at most %u edges", EDGES_MAX);
    }
    p->from[p->edges] = before;
    p->to[p->edges++] = after;
    return 0;
}

static const uint32_t step_kinds[] = {
    [SCHEDULE_FORWARD] = ZEUS_DAG_FORWARD,
    [SCHEDULE_BACKWARD] = ZEUS_DAG_BACKWARD,
    [SCHEDULE_FORWARD_BACKWARD] = ZEUS_DAG_FORWARD_BACKWARD,
    [SCHEDULE_RECOMPUTE] = ZEUS_DAG_RECOMPUTE,
};

static int add_steps(zeus_dag *dag, const zeus_dag_pipeline *pipe, const struct schedule *s,
                     zeus_error *err)
{
    const int32_t *specs[] = {
        [SCHEDULE_FORWARD] = pipe->forward,
        [SCHEDULE_BACKWARD] = pipe->backward,
        [SCHEDULE_FORWARD_BACKWARD] =
            pipe->forward_backward ? pipe->forward_backward : pipe->backward,
        [SCHEDULE_RECOMPUTE] = pipe->recompute ? pipe->recompute : pipe->forward,
    };
    const int32_t first = (int32_t)dag->problem->operations;
    for (int32_t i = 0; i < s->steps; i++) {
        const struct schedule_step *step = &s->step[i];
        zeus_dag_operation o = {.size = sizeof(o),
                                .spec = specs[step->kind][step->chunk * s->stages + step->stage],
                                .kind = step_kinds[step->kind],
                                .stage = step->stage,
                                .chunk = step->chunk,
                                .micro_batch = step->micro_batch};
        int r = zeus_dag_add_operation(dag, &o, NULL, err);
        if (r < 0) {
            return r;
        }
    }
    for (int32_t i = 0; i < s->edges; i++) {
        int r = zeus_dag_add_edge(dag, first + s->from[i], first + s->to[i], err);
        if (r < 0) {
            return r;
        }
    }
    return zeus_dag_add_ends(dag, err);
}

int zeus_dag_add_pipeline(zeus_dag *dag, const zeus_dag_pipeline *pipe, zeus_error *err)
{
    int r = check_open(dag, err);
    if (r < 0) {
        return r;
    }
    if (!pipe || pipe->size < sizeof(*pipe) || !pipe->forward || !pipe->backward ||
        pipe->stages > 1 << 20 || pipe->micro_batches > 1 << 24 || pipe->chunks > 1 << 16) {
        return err_set(err, ZEUS_EINVAL, "a pipeline without stages or specs");
    }
    struct schedule s;
    uint32_t chunks = pipe->chunks > 0 ? pipe->chunks : 1;
    r = schedule_build(&s, (enum schedule_kind)pipe->schedule, (int32_t)pipe->stages,
                       (int32_t)pipe->micro_batches, (int32_t)chunks, err);
    if (r < 0) {
        return r;
    }
    r = add_steps(dag, pipe, &s, err);
    schedule_finish(&s);
    return r;
}

/* One more operation joined to all that have nothing before (or after) them. */
static int add_end(zeus_dag *dag, const uint8_t *has, uint8_t bit, size_t operations,
                   zeus_error *err)
{
    size_t open = 0;
    int32_t end = 0;
    for (size_t v = 0; v < operations; v++) {
        open += (has[v] & bit) == 0;
    }
    if (open == 1) {
        return 0;
    }
    zeus_dag_operation o = {
        .size = sizeof(o), .spec = -1, .kind = ZEUS_DAG_OTHER, .stage = -1, .micro_batch = -1};
    int r = zeus_dag_add_operation(dag, &o, &end, err);
    for (size_t v = 0; r == 0 && v < operations; v++) {
        if ((has[v] & bit) == 0) {
            r = bit == 1 ? zeus_dag_add_edge(dag, end, (int32_t)v, err)
                         : zeus_dag_add_edge(dag, (int32_t)v, end, err);
        }
    }
    return r;
}

int zeus_dag_add_ends(zeus_dag *dag, zeus_error *err)
{
    int r = check_open(dag, err);
    if (r < 0) {
        return r;
    }
    struct dag_problem *p = dag->problem;
    size_t operations = p->operations;
    uint8_t *has _free_ = mem_calloc(operations + 1, 1);
    if (!has) {
        return out_of_memory(err);
    }
    for (size_t i = 0; i < p->edges; i++) {
        has[p->to[i]] |= 1;
        has[p->from[i]] |= 2;
    }
    r = add_end(dag, has, 1, operations, err);
    return r < 0 ? r : add_end(dag, has, 2, operations, err);
}

struct tradeoff_problem dag_problem_view(const struct dag_problem *p)
{
    return (struct tradeoff_problem){.graph = &p->graph,
                                     .spec_of = p->spec_of,
                                     .specs = p->cost,
                                     .spec_count = (int32_t)p->specs};
}

static int build_graph(struct dag_problem *p, zeus_error *err)
{
    const char **names _free_ = mem_calloc(p->operations + 1, sizeof(*names));
    if (!names) {
        return out_of_memory(err);
    }
    for (size_t v = 0; v < p->operations; v++) {
        names[v] = p->operation[v].name;
    }
    return dag_graph_build(&p->graph, (int32_t)p->operations, (int32_t)p->edges, p->from, p->to,
                           names, err);
}

/* Lengths and cost at the extremes. */
static int measure(struct dag_problem *p, zeus_error *err)
{
    size_t nodes = p->operations;
    int32_t *duration _free_ = mem_calloc(nodes, sizeof(*duration));
    int64_t *start _free_ = mem_calloc(nodes, sizeof(*start));
    p->spec_of = mem_calloc(nodes, sizeof(*p->spec_of));
    if (!duration || !start || !p->spec_of) {
        return out_of_memory(err);
    }
    long double cost = 0;
    size_t work = 0;
    for (size_t v = 0; v < nodes; v++) {
        int32_t spec = p->spec_of[v] = p->operation[v].spec;
        duration[v] = spec >= 0 ? p->cost[spec].longest : 0;
        cost += spec >= 0 ? (long double)dag_cost_at(&p->cost[spec], duration[v]) : 0;
        work += spec >= 0;
        p->stages = MAX_OF(p->stages, (uint32_t)(p->operation[v].stage + 1));
    }
    if (work == 0) {
        return err_set(err, ZEUS_EINVAL, "no operation takes any time");
    }
    p->slowest_cost = (double)cost;
    p->slowest_units = dag_earliest(&p->graph, duration, start);
    for (size_t v = 0; v < nodes; v++) {
        duration[v] = p->spec_of[v] >= 0 ? p->cost[p->spec_of[v]].shortest : 0;
    }
    p->fastest_units = dag_earliest(&p->graph, duration, start);
    return 0;
}

int dag_problem_seal(struct dag_problem *p, zeus_error *err)
{
    if (p->is_sealed) {
        return 0;
    }
    int r = build_graph(p, err);
    if (r < 0) {
        return r;
    }
    r = measure(p, err);
    if (r < 0) {
        dag_graph_finish(&p->graph);
        free(p->spec_of);
        p->spec_of = NULL;
        return r;
    }
    p->is_sealed = 1;
    return 0;
}

int zeus_dag_check(zeus_dag *dag, zeus_dag_info *ret_info, zeus_error *err)
{
    if (!dag) {
        return err_set(err, ZEUS_EINVAL, "no problem given");
    }
    struct dag_problem *p = dag->problem;
    int r = dag_problem_seal(p, err);
    if (r == 0 && ret_info) {
        *ret_info = (zeus_dag_info){.operations = (uint32_t)p->operations,
                                    .edges = (uint32_t)p->graph.edges,
                                    .specs = (uint32_t)p->specs,
                                    .stages = p->stages,
                                    .unit_s = p->unit_s,
                                    .p2p_power_w = p->p2p_power_w,
                                    .slowest_units = p->slowest_units,
                                    .fastest_units = p->fastest_units,
                                    .slowest_cost_j = p->slowest_cost};
    }
    return r;
}
