/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans: durations become options (frequencies), with times of everything and the order of each
 * stage. All arrays are per operation and made once; reading a plan allocates nothing.
 */
#include <zeus/dag.h>

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/dag_problem.h"

#define TEXT_MAX ((size_t)1 << 30)

void zeus_dag_plan_destroy(zeus_dag_plan *plan)
{
    if (!plan) {
        return;
    }
    dag_problem_release(plan->problem);
    free(plan->duration);
    free(plan->start);
    free(plan->latest);
    free(plan->choice);
    free(plan->slack_choice);
    free(plan->chosen_start);
    free(plan->by_stage);
    free(plan->stage_first);
    free(plan);
}

static int allocate(zeus_dag_plan *plan, const struct dag_problem *p)
{
    size_t n = p->operations;
    plan->duration = mem_calloc(n, sizeof(*plan->duration));
    plan->start = mem_calloc(n, sizeof(*plan->start));
    plan->latest = mem_calloc(n, sizeof(*plan->latest));
    plan->choice = mem_calloc(n, sizeof(*plan->choice));
    plan->slack_choice = mem_calloc(n, sizeof(*plan->slack_choice));
    plan->chosen_start = mem_calloc(n, sizeof(*plan->chosen_start));
    plan->by_stage = mem_calloc(n, sizeof(*plan->by_stage));
    plan->stage_first = mem_calloc((size_t)p->stages + 2, sizeof(*plan->stage_first));
    int is_short = !plan->duration || !plan->start || !plan->latest || !plan->choice ||
                   !plan->slack_choice || !plan->chosen_start || !plan->by_stage ||
                   !plan->stage_first;
    return is_short ? ZEUS_ENOMEM : 0;
}

/* The slowest option that fits, and the second choice that uses slack. */
static int choose(zeus_dag_plan *plan, const struct dag_problem *p)
{
    struct assign_table table = {p->option, p->option_first, p->spec_of};
    assign_first(&table, p->graph.nodes, plan->duration, plan->choice);
    int64_t r = assign_plan(&p->graph, &table, plan->choice, plan->info.units, plan->slack_choice);
    return r < 0 ? (int)r : 0;
}

/* Runs the chosen options: each starts when all before it have ended. */
static void run_chosen(zeus_dag_plan *plan, const struct dag_problem *p)
{
    const struct dag_graph *g = &p->graph;
    for (int32_t i = 0; i < g->nodes; i++) {
        int32_t v = g->topo[i];
        double at = 0;
        for (int32_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
            int32_t u = g->in_from[e];
            double time_s = plan->choice[u] >= 0 ? p->option[plan->choice[u]].time_s : 0;
            at = MAX_OF(at, plan->chosen_start[u] + time_s);
        }
        plan->chosen_start[v] = at;
        if (plan->choice[v] >= 0) {
            const struct assign_option *o = &p->option[plan->choice[v]];
            plan->info.chosen_cost_j += o->cost;
            plan->info.slack_cost_j += p->option[plan->slack_choice[v]].cost;
            at += o->time_s;
        }
        plan->info.chosen_time_s = MAX_OF(plan->info.chosen_time_s, at);
    }
    plan->info.chosen_p2p_j =
        plan->info.chosen_cost_j + p->stages * plan->info.chosen_time_s * p->p2p_power_w;
}

/* Counting sort by stage over the topological order, which keeps each stage's own order. */
static void order_stages(zeus_dag_plan *plan, const struct dag_problem *p)
{
    const struct dag_graph *g = &p->graph;
    uint32_t *first = plan->stage_first;
    for (size_t v = 0; v < p->operations; v++) {
        if (p->operation[v].stage >= 0 && p->spec_of[v] >= 0) {
            first[p->operation[v].stage + 2]++;
        }
    }
    for (uint32_t s = 0; s < p->stages; s++) {
        first[s + 1] += first[s];
    }
    for (int32_t i = 0; i < g->nodes; i++) {
        int32_t v = g->topo[i];
        if (p->operation[v].stage >= 0 && p->spec_of[v] >= 0) {
            plan->by_stage[first[p->operation[v].stage + 1]++] = (uint32_t)v;
        }
    }
}

int dag_plan_create(struct dag_problem *p, const int32_t *duration, int64_t iteration,
                    int64_t units, double cost, zeus_dag_plan **ret_plan, zeus_error *err)
{
    zeus_dag_plan *plan = mem_calloc(1, sizeof(*plan));
    if (!plan) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    plan->problem = dag_problem_use(p);
    plan->info = (zeus_dag_plan_info){.iteration = iteration,
                                      .units = units,
                                      .time_s = (double)units * p->unit_s,
                                      .cost_j = cost,
                                      .operations = (uint32_t)p->operations,
                                      .stages = p->stages};
    plan->info.cost_p2p_j = cost + p->stages * plan->info.time_s * p->p2p_power_w;
    int r = allocate(plan, p);
    if (r == 0) {
        memcpy(plan->duration, duration, p->operations * sizeof(*duration));
        (void)dag_earliest(&p->graph, duration, plan->start);
        dag_latest(&p->graph, duration, units, plan->latest);
        r = choose(plan, p);
    }
    if (r < 0) {
        zeus_dag_plan_destroy(plan);
        return err_set(err, r, "out of memory for a plan");
    }
    run_chosen(plan, p);
    order_stages(plan, p);
    *ret_plan = plan;
    return 0;
}

int zeus_dag_plan_get_info(const zeus_dag_plan *plan, zeus_dag_plan_info *ret_info)
{
    if (!plan || !ret_info) {
        return ZEUS_EINVAL;
    }
    *ret_info = plan->info;
    return 0;
}

int zeus_dag_plan_get_entry(const zeus_dag_plan *plan, uint32_t v, zeus_dag_plan_entry *ret_entry)
{
    if (!plan || !ret_entry || v >= plan->info.operations) {
        return ZEUS_EINVAL;
    }
    const struct dag_problem *p = plan->problem;
    const struct dag_operation *o = &p->operation[v];
    *ret_entry = (zeus_dag_plan_entry){.spec = o->spec,
                                       .kind = o->kind,
                                       .stage = o->stage,
                                       .chunk = o->chunk,
                                       .micro_batch = o->micro_batch,
                                       .is_critical = plan->start[v] == plan->latest[v],
                                       .duration_units = plan->duration[v],
                                       .start_units = plan->start[v],
                                       .chosen_start_s = plan->chosen_start[v],
                                       .name = o->name};
    if (o->spec >= 0) {
        const struct assign_option *option = &p->option[plan->choice[v]];
        const struct dag_knob *knob = &p->knob[option->id];
        ret_entry->knob = knob->number;
        ret_entry->label = knob->label;
        ret_entry->slack_knob = p->knob[p->option[plan->slack_choice[v]].id].number;
        ret_entry->option_time_s = option->time_s;
        ret_entry->option_cost_j = option->cost;
        ret_entry->model_cost_j = dag_cost_at(&p->cost[o->spec], plan->duration[v]);
    }
    return 0;
}

int zeus_dag_plan_get_stage(const zeus_dag_plan *plan, uint32_t stage, uint32_t *operations,
                            size_t capacity, size_t *ret_count)
{
    if (!plan || !ret_count || stage >= plan->info.stages || (capacity > 0 && !operations)) {
        return ZEUS_EINVAL;
    }
    /* After the sort stage_first[s] is where stage s begins. */
    const uint32_t *first = plan->stage_first + stage;
    size_t count = first[1] - first[0];
    *ret_count = count;
    if (capacity < count) {
        return ZEUS_ETOOSMALL;
    }
    memcpy(operations, plan->by_stage + first[0], count * sizeof(*operations));
    return 0;
}

const char *zeus_dag_kind_name(uint32_t kind)
{
    static const char *const names[] = {[ZEUS_DAG_FORWARD] = "forward",
                                        [ZEUS_DAG_BACKWARD] = "backward",
                                        [ZEUS_DAG_FORWARD_BACKWARD] = "forward_backward",
                                        [ZEUS_DAG_RECOMPUTE] = "recompute",
                                        [ZEUS_DAG_OTHER] = "other"};
    return kind < ARRAY_LEN(names) ? names[kind] : "other";
}

static void write_stage(struct strbuf *out, const zeus_dag_plan *plan, uint32_t stage)
{
    zeus_dag_plan_entry e;
    strbuf_addc(out, '[');
    for (uint32_t i = plan->stage_first[stage]; i < plan->stage_first[stage + 1]; i++) {
        (void)zeus_dag_plan_get_entry(plan, plan->by_stage[i], &e); /* in range by construction */
        strbuf_addf(out, "%s('%s', %lld)", i > plan->stage_first[stage] ? ", " : "",
                    zeus_dag_kind_name(e.kind), (long long)e.knob);
    }
    strbuf_adds(out, "],\n");
}

static void write_note(struct strbuf *out, long long iteration, const char *what, double value)
{
    char text[FMT_DOUBLE_SIZE];
    (void)fmt_double(text, value);
    strbuf_addf(out, "# Iteration %lld %s: %s\n", iteration, what, text);
}

int zeus_dag_plan_write_text(const zeus_dag_plan *plan, char **ret_text, zeus_error *err)
{
    if (!plan || !ret_text) {
        return err_set(err, ZEUS_EINVAL, "no plan given");
    }
    struct strbuf out;
    strbuf_init(&out, TEXT_MAX);
    strbuf_adds(&out, "[\n");
    for (uint32_t s = 0; s < plan->info.stages; s++) {
        write_stage(&out, plan, s);
    }
    strbuf_adds(&out, "]\n");
    /* The original numbers from the first plan after the slowest. */
    long long iteration = MAX_OF(plan->info.iteration - 1, 0);
    write_note(&out, iteration, "cost change", plan->info.cost_change_j);
    write_note(&out, iteration, "total cost", plan->info.cost_j);
    write_note(&out, iteration, "total cost with P2P", plan->info.cost_p2p_j);
    int r = strbuf_take(&out, ret_text);
    strbuf_done(&out);
    return r < 0 ? err_set(err, r, "no memory for the plan's text") : 0;
}
