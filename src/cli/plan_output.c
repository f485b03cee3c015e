/* SPDX-License-Identifier: Apache-2.0
 *
 * Frontiers and plans as JSON and CSV.
 */
#include "cli/plan_output.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/fmt.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "codec/json_writer.h"

int plan_write(const struct cli_args *args, const char *path, struct strbuf *out, int made)
{
    zeus_error err = ZEUS_ERROR_INIT;
    int code = 0;
    if (made < 0) {
        code = cli_failure(args, "%s: cannot be made: %s", path, zeus_strerror(made));
    } else if (strcmp(path, "-") == 0) {
        size_t n = fwrite(strbuf_text(out), 1, out->len, stdout);
        code = n == out->len ? 0 : cli_failure(args, "cannot write the output");
    } else if (file_write_all(path, strbuf_text(out), out->len, &err) < 0) {
        code = cli_error(args, &err);
    }
    strbuf_clear(out);
    return code;
}

int plan_frontier_json(struct strbuf *out, const zeus_dag_frontier *frontier, double unit_s)
{
    static const char *const columns[] = {"iteration", "cost_change", "total_cost", "quant_time"};
    zeus_dag_point p = {0};
    struct json_writer w;
    json_writer_init(&w, out, 0);
    (void)zeus_dag_frontier_point(frontier, 0, &p); /* every frontier has a first point */
    json_begin_object(&w);
    json_key_double(&w, "unit_time", unit_s);
    json_key_double(&w, "initial_cost_all_slowest", p.cost_j);
    json_key_i64(&w, "initial_quant_time", p.units);
    json_key_double(&w, "waiting_power", p.time_s > 0 ? (p.cost_p2p_j - p.cost_j) / p.time_s : 0);
    json_key(&w, "columns");
    json_begin_array(&w);
    for (size_t i = 0; i < 4; i++) {
        json_string(&w, columns[i]);
    }
    json_end_array(&w);
    json_key(&w, "frontier");
    json_begin_array(&w);
    for (uint32_t i = 1; zeus_dag_frontier_point(frontier, i, &p) == 0; i++) {
        json_begin_array(&w);
        json_i64(&w, p.iteration);
        json_double(&w, p.cost_change_j);
        json_double(&w, p.cost_j);
        json_i64(&w, p.units);
        json_end_array(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    strbuf_addc(out, '\n');
    return r < 0 ? r : strbuf_status(out);
}

static void put_double(struct csv_writer *w, double value)
{
    char text[FMT_DOUBLE_SIZE];
    (void)fmt_double(text, value);
    csv_put_string(w, text);
}

static void put_i64(struct csv_writer *w, int64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    csv_put_string(w, text);
}

static void put_header(struct csv_writer *w, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        csv_put_string(w, names[i]);
    }
    csv_end_row(w);
}

int plan_frontier_csv(struct strbuf *out, const zeus_dag_frontier *frontier)
{
    static const char *const names[] = {"iteration",   "quant_time", "time",
                                        "cost_change", "total_cost", "total_cost_p2p"};
    struct csv_writer w;
    zeus_dag_point p;
    csv_writer_init(&w, out);
    put_header(&w, names, 6);
    for (uint32_t i = 0; zeus_dag_frontier_point(frontier, i, &p) == 0; i++) {
        put_i64(&w, p.iteration);
        put_i64(&w, p.units);
        put_double(&w, p.time_s);
        put_double(&w, p.cost_change_j);
        put_double(&w, p.cost_j);
        put_double(&w, p.cost_p2p_j);
        csv_end_row(&w);
    }
    return strbuf_status(out);
}

static void knob(struct json_writer *w, const zeus_dag_plan_entry *e)
{
    if (e->label) {
        json_string(w, e->label);
    } else {
        json_i64(w, e->knob);
    }
}

static void totals(struct json_writer *w, const zeus_dag_plan_info *info, double unit_s)
{
    json_key_double(w, "unit_time", unit_s);
    json_key_i64(w, "iteration", info->iteration);
    json_key_i64(w, "quant_time", info->units);
    json_key_double(w, "time", info->time_s);
    json_key_double(w, "total_cost", info->cost_j);
    json_key_double(w, "chosen_time", info->chosen_time_s);
    json_key_double(w, "chosen_cost", info->chosen_cost_j);
    json_key_double(w, "slack_cost", info->slack_cost_j);
}

int plan_problem_json(struct strbuf *out, const zeus_dag_plan *plan, double unit_s)
{
    zeus_dag_plan_info info = {0};
    zeus_dag_plan_entry e;
    struct json_writer w;
    int r = zeus_dag_plan_get_info(plan, &info);
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    totals(&w, &info, unit_s);
    json_key(&w, "durations");
    json_begin_object(&w);
    for (uint32_t v = 0; r == 0 && v < info.operations; v++) {
        char number[16];
        r = zeus_dag_plan_get_entry(plan, v, &e);
        if (r < 0 || e.spec < 0) {
            continue;
        }
        (void)snprintf(number, sizeof(number), "%u", v);
        json_key(&w, e.name ? e.name : number);
        json_begin_array(&w);
        json_i64(&w, e.duration_units);
        knob(&w, &e);
        json_end_array(&w);
    }
    json_end_object(&w);
    json_end_object(&w);
    r = r < 0 ? r : json_writer_finish(&w);
    strbuf_addc(out, '\n');
    return r < 0 ? r : strbuf_status(out);
}

/* One instruction of a stage. */
static void instruction(struct json_writer *w, const zeus_dag_plan_entry *e)
{
    json_begin_object(w);
    json_key_string(w, "instruction", zeus_dag_kind_name(e->kind));
    json_key_i64(w, "micro_batch", e->micro_batch);
    json_key_i64(w, "chunk", e->chunk);
    json_key_i64(w, "frequency", e->knob);
    if (e->label) {
        json_key_string(w, "configuration", e->label);
    }
    json_key_i64(w, "duration", e->duration_units);
    json_key_i64(w, "start", e->start_units);
    json_key_bool(w, "critical", e->is_critical);
    json_key_i64(w, "slack_frequency", e->slack_knob);
    json_end_object(w);
}

/* Calls `row` for the operations of a stage in their order. */
static int each_of_stage(const zeus_dag_plan *plan, uint32_t stage, uint32_t operations,
                         void (*row)(void *, uint32_t, const zeus_dag_plan_entry *), void *context)
{
    size_t count = 0;
    zeus_dag_plan_entry e;
    uint32_t *list _free_ = mem_calloc((size_t)operations + 1, sizeof(*list));
    int r = list ? zeus_dag_plan_get_stage(plan, stage, list, operations, &count) : ZEUS_ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = zeus_dag_plan_get_entry(plan, list[i], &e);
        if (r == 0) {
            row(context, (uint32_t)i, &e);
        }
    }
    return r;
}

static void json_row(void *context, uint32_t index, const zeus_dag_plan_entry *e)
{
    (void)index;
    instruction(context, e);
}

int plan_pipeline_json(struct strbuf *out, const zeus_dag_plan *plan,
                       const struct plan_context *context)
{
    zeus_dag_plan_info info = {0};
    struct json_writer w;
    int r = zeus_dag_plan_get_info(plan, &info);
    json_writer_init(&w, out, 1);
    json_begin_object(&w);
    json_key_string(&w, "format", "zeus-plan-1");
    json_key_string(&w, "profile", context->source);
    json_key_string(&w, "schedule", context->schedule);
    json_key_u64(&w, "stages", info.stages);
    json_key_u64(&w, "micro_batches", context->micro_batches);
    json_key_u64(&w, "chunks", context->chunks);
    json_key_double(&w, "p2p_power", context->p2p_power_w);
    json_key_double(&w, "total_cost_p2p", info.cost_p2p_j);
    json_key_double(&w, "chosen_cost_p2p", info.chosen_p2p_j);
    json_key(&w, "all_at_highest_frequency");
    json_begin_object(&w);
    json_key_double(&w, "time", context->baseline.time_s);
    json_key_double(&w, "cost", context->baseline.cost_j);
    json_key_double(&w, "cost_p2p", context->baseline.cost_p2p_j);
    json_end_object(&w);
    totals(&w, &info, context->unit_s);
    json_key(&w, "instructions");
    json_begin_array(&w);
    for (uint32_t s = 0; r == 0 && s < info.stages; s++) {
        json_begin_array(&w);
        r = each_of_stage(plan, s, info.operations, json_row, &w);
        json_end_array(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    r = r < 0 ? r : json_writer_finish(&w);
    strbuf_addc(out, '\n');
    return r < 0 ? r : strbuf_status(out);
}

static void csv_row(void *context, uint32_t index, const zeus_dag_plan_entry *e)
{
    struct csv_writer *w = context;
    put_i64(w, e->stage);
    put_i64(w, index);
    csv_put_string(w, zeus_dag_kind_name(e->kind));
    put_i64(w, e->micro_batch);
    put_i64(w, e->chunk);
    put_i64(w, e->knob);
    csv_put_string(w, e->label ? e->label : "");
    put_i64(w, e->duration_units);
    put_i64(w, e->start_units);
    put_double(w, e->option_time_s);
    put_double(w, e->option_cost_j);
    put_i64(w, e->is_critical);
    csv_end_row(w);
}

int plan_pipeline_csv(struct strbuf *out, const zeus_dag_plan *plan)
{
    static const char *const names[] = {"stage", "position",    "instruction",   "micro_batch",
                                        "chunk", "frequency",   "configuration", "duration",
                                        "start", "option_time", "option_cost",   "critical"};
    zeus_dag_plan_info info = {0};
    struct csv_writer w;
    int r = zeus_dag_plan_get_info(plan, &info);
    csv_writer_init(&w, out);
    put_header(&w, names, 12);
    for (uint32_t s = 0; r == 0 && s < info.stages; s++) {
        r = each_of_stage(plan, s, info.operations, csv_row, &w);
    }
    return r < 0 ? r : strbuf_status(out);
}

/* What configurations are written to. */
struct tuples {
    struct strbuf *out;
    int has_label;
};

/* ('forward', 'a', 'b') from the label "1410, a, b". */
static void tuple_row(void *context, uint32_t index, const zeus_dag_plan_entry *e)
{
    struct tuples *t = context;
    const char *at = e->label ? strstr(e->label, ", ") : NULL;
    strbuf_addf(t->out, "%s('%s'", index ? ", " : "", zeus_dag_kind_name(e->kind));
    t->has_label |= at != NULL;
    while (at) {
        const char *next = strstr(at + 2, ", ");
        strbuf_adds(t->out, ", '");
        strbuf_add(t->out, at + 2, next ? (size_t)(next - at - 2) : strlen(at + 2));
        strbuf_addc(t->out, '\'');
        at = next;
    }
    strbuf_adds(t->out, e->label ? ")" : ",)");
}

int plan_configurations(struct strbuf *out, const zeus_dag_plan *plan)
{
    struct tuples t = {out, 0};
    zeus_dag_plan_info info = {0};
    int r = zeus_dag_plan_get_info(plan, &info);
    strbuf_adds(out, "[\n");
    for (uint32_t s = 0; r == 0 && s < info.stages; s++) {
        strbuf_addc(out, '[');
        r = each_of_stage(plan, s, info.operations, tuple_row, &t);
        strbuf_adds(out, "],\n");
    }
    strbuf_adds(out, "]\n");
    r = r == 0 && !t.has_label ? ZEUS_ENOTFOUND : r;
    return r < 0 ? r : strbuf_status(out);
}
