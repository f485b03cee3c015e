/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures and the HTML report of a plan. The page is one file: pictures inline, no script.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fmt.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/plan_output.h"
#include "plot/chart.h"
#include "plot/svg.h"

int plan_frontier_svg(struct strbuf *out, const zeus_dag_frontier *frontier,
                      const zeus_dag_plan *plan, const zeus_dag_baseline *baseline)
{
    size_t count = zeus_dag_frontier_count(frontier);
    double *time_s _free_ = mem_calloc(count, sizeof(*time_s));
    double *cost_j _free_ = mem_calloc(count, sizeof(*cost_j));
    double *p2p_j _free_ = mem_calloc(count, sizeof(*p2p_j));
    zeus_dag_plan_info info = {0};
    zeus_dag_point p;
    if (!time_s || !cost_j || !p2p_j) {
        return ZEUS_ENOMEM;
    }
    int has_p2p = 0;
    for (uint32_t i = 0; zeus_dag_frontier_point(frontier, i, &p) == 0; i++) {
        time_s[i] = p.time_s;
        cost_j[i] = p.cost_j;
        p2p_j[i] = p.cost_p2p_j;
        has_p2p |= p.cost_p2p_j > p.cost_j;
    }
    int r = zeus_dag_plan_get_info(plan, &info);
    if (r < 0) {
        return r;
    }
    struct chart_series series[] = {
        {has_p2p ? "above waiting power" : NULL, time_s, cost_j, count, CHART_LINE},
        {has_p2p ? "with waiting power" : "cheapest plans", time_s, p2p_j, count, CHART_LINE},
        {"all at the highest frequency", &baseline->time_s, &baseline->cost_p2p_j, 1, CHART_POINTS},
    };
    struct chart_pick picks[] = {{info.time_s, info.cost_j, "this plan"},
                                 {info.time_s, info.cost_p2p_j, "this plan"}};
    struct chart chart = {.title = "Energy of one iteration against its duration",
                          .subtitle = "every point is the cheapest plan of its length",
                          .x_label = "iteration time (s)",
                          .y_label = "energy (J)"};
    /* Without waiting power both lines are one. */
    return has_p2p ? chart_frontier(out, &chart, series, 3, picks, 2)
                   : chart_frontier(out, &chart, series + 1, 2, picks, 1);
}

/* Boxes, their tooltips and the row names of a Gantt chart. */
struct gantt_data {
    struct chart_task *task; /* owned */
    char (*text)[16];        /* owned */
    char (*tooltip)[128];    /* owned */
    char (*row)[16];         /* owned */
    const char **row_names;  /* owned */
    size_t count;
};

static double get_power_w(const zeus_dag_plan_entry *e, double unit_s, double p2p_power_w)
{
    double time_s = (double)e->duration_units * unit_s;
    return time_s > 0 ? e->model_cost_j / time_s + p2p_power_w : 0;
}

static void gantt_done(struct gantt_data *g)
{
    free(g->task);
    free(g->text);
    free(g->tooltip);
    free(g->row);
    free(g->row_names);
}

static int gantt_room(struct gantt_data *g, const zeus_dag_plan_info *info)
{
    size_t n = (size_t)info->operations + 1;
    size_t rows = (size_t)info->stages + 1;
    g->task = mem_calloc(n, sizeof(*g->task));
    g->text = mem_calloc(n, sizeof(*g->text));
    g->tooltip = mem_calloc(n, sizeof(*g->tooltip));
    g->row = mem_calloc(rows, sizeof(*g->row));
    g->row_names = mem_calloc(rows, sizeof(*g->row_names));
    return g->task && g->text && g->tooltip && g->row && g->row_names ? 0 : ZEUS_ENOMEM;
}

static void add_task(struct gantt_data *g, const zeus_dag_plan_entry *e, double unit_s,
                     double p2p_power_w)
{
    size_t i = g->count++;
    double time_s = (double)e->duration_units * unit_s;
    double power_w = get_power_w(e, unit_s, p2p_power_w);
    (void)snprintf(g->text[i], sizeof(g->text[i]), "%lld", (long long)e->knob);
    (void)snprintf(g->tooltip[i], sizeof(g->tooltip[i]), "%s %d at %.40s: %.4f s, %.1f W%s",
                   zeus_dag_kind_name(e->kind), (int)e->micro_batch,
                   e->label ? e->label : g->text[i], time_s, power_w,
                   e->is_critical ? ", critical" : "");
    double start_s = (double)e->start_units * unit_s;
    g->task[i] = (struct chart_task){.row = e->stage,
                                     .start = start_s,
                                     .end = start_s + time_s,
                                     .value = power_w,
                                     .text = g->text[i],
                                     .tooltip = g->tooltip[i],
                                     .is_critical = e->is_critical};
}

static int by_start(const void *left, const void *right)
{
    const struct chart_task *a = left;
    const struct chart_task *b = right;
    return a->start != b->start ? (a->start > b->start) - (a->start < b->start) : a->row - b->row;
}

/* The least and the greatest power of a plan's instructions. */
static struct plan_scale get_scale(const zeus_dag_plan *plan, double p2p_power_w)
{
    struct plan_scale scale = {INFINITY, 0};
    zeus_dag_plan_info info = {0};
    zeus_dag_plan_entry e;
    int r = zeus_dag_plan_get_info(plan, &info);
    double unit_s = info.units > 0 ? info.time_s / (double)info.units : 0;
    for (uint32_t v = 0; r == 0 && v < info.operations; v++) {
        r = zeus_dag_plan_get_entry(plan, v, &e);
        if (r == 0 && e.spec >= 0 && e.stage >= 0) {
            double power_w = get_power_w(&e, unit_s, p2p_power_w);
            scale.low_w = MIN_OF(scale.low_w, power_w);
            scale.high_w = MAX_OF(scale.high_w, power_w);
        }
    }
    return scale;
}

int plan_gantt_svg(struct strbuf *out, const zeus_dag_plan *plan, double p2p_power_w,
                   const char *title, const struct plan_scale *scale)
{
    zeus_dag_plan_info info = {0};
    struct gantt_data g = {0};
    struct plan_scale own = scale ? *scale : get_scale(plan, p2p_power_w);
    int r = zeus_dag_plan_get_info(plan, &info);
    r = r < 0 ? r : gantt_room(&g, &info);
    double unit_s = info.units > 0 ? info.time_s / (double)info.units : 0;
    for (uint32_t v = 0; r == 0 && v < info.operations; v++) {
        zeus_dag_plan_entry e;
        r = zeus_dag_plan_get_entry(plan, v, &e);
        if (r == 0 && e.spec >= 0 && e.stage >= 0) {
            add_task(&g, &e, unit_s, p2p_power_w);
        }
    }
    if (r == 0) {
        for (uint32_t s = 0; s < info.stages; s++) {
            (void)snprintf(g.row[s], sizeof(g.row[s]), "stage %u", s);
            g.row_names[s] = g.row[s];
        }
        qsort(g.task, g.count, sizeof(*g.task), by_start);
        struct chart chart = {.title = title,
                              .subtitle =
                                  "numbers in the boxes are MHz; the line is a critical path",
                              .x_label = "time (s)"};
        struct chart_gantt gantt = {.rows = g.row_names,
                                    .row_count = info.stages,
                                    .tasks = g.task,
                                    .task_count = g.count,
                                    .value_low = floor(own.low_w / 10) * 10,
                                    .value_high = ceil(own.high_w / 10) * 10,
                                    .value_label = "power (W)",
                                    .end = info.time_s};
        r = chart_gantt(out, &chart, &gantt);
    }
    gantt_done(&g);
    return r;
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<title>Pipeline plan</title>\n<style>\n"
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,'Segoe UI',Helvetica,Arial,sans-serif;margin:2rem auto;"
    "max-width:1120px;padding:0 1rem;color:#22262b;background:#fff}"
    "h1{font-size:1.5rem;margin:0 0 .25rem}p.note{color:#68707a;margin:0 0 1.5rem}"
    "table{border-collapse:collapse;margin:0 0 1.5rem}th,td{padding:.3rem 1rem .3rem 0;"
    "text-align:right;border-bottom:1px solid #e3e6ea;font-variant-numeric:tabular-nums}"
    "th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto;display:block;"
    "margin:0 0 1.5rem}"
    "@media(prefers-color-scheme:dark){body{color:#d7dce2;background:#15181c}"
    "th,td{border-color:#2c3138}p.note{color:#949ca6}}\n</style></head><body>\n";

static void number_cell(struct strbuf *out, double value, int decimals, const char *unit)
{
    char text[FMT_DOUBLE_SIZE];
    (void)fmt_fixed(text, value, decimals);
    strbuf_addf(out, "<td>%s%s</td>", text, unit);
}

static void plan_row(struct strbuf *out, const char *name, const zeus_dag_plan_info *info,
                     const zeus_dag_baseline *baseline)
{
    strbuf_addf(out, "<tr><td>%s</td>", name);
    number_cell(out, info->time_s, 3, " s");
    number_cell(out, info->cost_j, 1, " J");
    number_cell(out, info->cost_p2p_j, 1, " J");
    number_cell(out, info->chosen_time_s, 3, " s");
    number_cell(out, info->chosen_p2p_j, 1, " J");
    number_cell(out, 100 * (1 - info->chosen_p2p_j / baseline->cost_p2p_j), 1, " %");
    strbuf_adds(out, "</tr>\n");
}

static void baseline_row(struct strbuf *out, const zeus_dag_baseline *b)
{
    strbuf_adds(out, "<tr><td>all at the highest frequency</td><td></td><td></td><td></td>");
    number_cell(out, b->time_s, 3, " s");
    number_cell(out, b->cost_p2p_j, 1, " J");
    strbuf_adds(out, "<td></td></tr>\n");
}

int plan_report_html(struct strbuf *out, const zeus_dag_frontier *frontier,
                     const zeus_dag_plan *plan, const zeus_dag_plan *fastest,
                     const struct plan_context *context)
{
    zeus_dag_plan_info info = {0};
    zeus_dag_plan_info fast = {0};
    int r = zeus_dag_plan_get_info(plan, &info);
    r = r < 0 ? r : zeus_dag_plan_get_info(fastest, &fast);
    if (r < 0) {
        return r;
    }
    strbuf_adds(out, page_head);
    strbuf_adds(out, "<h1>Pipeline plan</h1>\n<p class=\"note\">");
    svg_escape(out, context->source);
    strbuf_addf(out, ": %u stages, %u micro-batches, schedule %s, %u points on the frontier</p>\n",
                info.stages, context->micro_batches, context->schedule,
                zeus_dag_frontier_count(frontier));
    strbuf_adds(out, "<table><tr><th>plan</th><th>length</th><th>energy (model)</th>"
                     "<th>with waiting</th><th>length, measured</th>"
                     "<th>with waiting, measured</th><th>saved</th></tr>\n");
    int is_fastest = info.units == fast.units;
    plan_row(out, is_fastest ? "this plan, the fastest" : "this plan", &info, &context->baseline);
    if (!is_fastest) {
        plan_row(out, "fastest plan", &fast, &context->baseline);
    }
    baseline_row(out, &context->baseline);
    strbuf_adds(out, "</table>\n<p class=\"note\">Saved is what the measured energy, waiting "
                     "included, is below that of all instructions at the highest frequency. Times "
                     "of the model are whole time units.</p>\n");
    r = plan_frontier_svg(out, frontier, plan, &context->baseline);
    /* One scale of colours, so that the two can be compared. */
    const struct plan_scale a = get_scale(plan, context->p2p_power_w);
    const struct plan_scale b = get_scale(fastest, context->p2p_power_w);
    const struct plan_scale both = {MIN_OF(a.low_w, b.low_w), MAX_OF(a.high_w, b.high_w)};
    r = r < 0 ? r : plan_gantt_svg(out, plan, context->p2p_power_w, "This plan", &both);
    if (r == 0 && !is_fastest) {
        r = plan_gantt_svg(out, fastest, context->p2p_power_w, "The fastest plan", &both);
    }
    strbuf_adds(out, "</body></html>\n");
    return r < 0 ? r : strbuf_status(out);
}
