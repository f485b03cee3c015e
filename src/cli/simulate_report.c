/* SPDX-License-Identifier: Apache-2.0
 *
 * What simulations are written as. JSON rows are [batch size, power limit, energy, reached, time];
 * one simulation is one object, several are {"simulations": [...]}. Numbers are the shortest that
 * read back the same.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/simulate.h"
#include "codec/csv.h"
#include "codec/json_writer.h"

#define REPORT_MAX ((size_t)1 << 30)

const char *cli_simulate_kind_name(uint32_t kind)
{
    static const char *const names[] = {"zeus", "default", "grid"};
    return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

const zeus_grid_point *cli_simulate_default_point(const struct simulate_set *set)
{
    for (size_t i = 0; i < set->grid_count; i++) {
        /* Limits come from the highest down: the first of a size is its highest. */
        if (set->grid[i].batch_size == set->tasks[0].options.default_batch_size) {
            return &set->grid[i];
        }
    }
    return NULL;
}

const zeus_grid_point *cli_simulate_best_point(const struct simulate_set *set)
{
    const zeus_grid_point *best = NULL;
    for (size_t i = 0; i < set->grid_count; i++) {
        const zeus_grid_point *p = &set->grid[i];
        if (p->reached == p->runs && isfinite(p->cost) && (!best || p->cost < best->cost)) {
            best = p;
        }
    }
    return best;
}

/* A limit in W is written as an integer where it is one. */
static void put_number(struct json_writer *w, double value)
{
    if (value == floor(value) && fabs(value) < 1e15) {
        json_i64(w, (int64_t)value);
    } else {
        json_double(w, value);
    }
}

static void key_number(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    if (isinf(value)) {
        json_string(w, value > 0 ? "inf" : "-inf");
    } else {
        json_double(w, value);
    }
}

static void put_history(struct json_writer *w, const zeus_simulation *simulation)
{
    json_key(w, "history");
    json_begin_array(w);
    for (size_t i = 0; i < zeus_simulation_run_count(simulation); i++) {
        zeus_simulated_run run;
        if (zeus_simulation_get_run(simulation, i, &run) < 0) {
            break;
        }
        json_begin_array(w);
        json_i64(w, run.batch_size);
        put_number(w, run.limit_w);
        json_double(w, run.energy_j);
        json_bool(w, run.has_reached != 0);
        json_double(w, run.time_s);
        json_end_array(w);
    }
    json_end_array(w);
}

static int put_arms(struct json_writer *w, const zeus_simulation *simulation)
{
    size_t count = 0;
    int code = zeus_simulation_arms(simulation, NULL, 0, &count);
    if (code < 0 && code != ZEUS_ETOOSMALL) {
        return code;
    }
    zeus_batch_arm *arms _free_ = mem_calloc(count, sizeof(*arms));
    if (!arms) {
        return ZEUS_ENOMEM;
    }
    code = zeus_simulation_arms(simulation, arms, count, &count);
    json_key(w, "arms");
    json_begin_array(w);
    for (size_t i = 0; code >= 0 && i < count; i++) {
        json_begin_object(w);
        json_key_i64(w, "bs", arms[i].batch_size);
        json_key_double(w, "mean", arms[i].mean);
        key_number(w, "prec", arms[i].precision);
        key_number(w, "reward_prec", arms[i].reward_precision);
        json_key_u64(w, "n", arms[i].observations);
        json_end_object(w);
    }
    json_end_array(w);
    return code;
}

static void put_summary(struct json_writer *w, const zeus_simulation_summary *s)
{
    json_key(w, "summary");
    json_begin_object(w);
    json_key_u64(w, "runs", s->runs);
    json_key_u64(w, "reached", s->reached);
    json_key_double(w, "total_energy", s->total_energy_j);
    json_key_double(w, "total_time", s->total_time_s);
    json_key_double(w, "total_cost", s->total_cost);
    json_key_u64(w, "last_k", s->last_runs);
    json_key_double(w, "last_k_mean_cost", s->last_cost);
    json_key_double(w, "last_k_mean_energy", s->last_energy_j);
    json_key_double(w, "last_k_mean_time", s->last_time_s);
    json_key_i64(w, "final_bs", s->final_batch_size);
    json_key(w, "final_pl");
    put_number(w, s->final_limit_w);
    json_end_object(w);
}

static int put_task(struct json_writer *w, const struct simulate_set *set,
                    const struct simulate_task *task)
{
    zeus_simulation_summary summary;
    int code = zeus_simulation_summarize(task->simulation, &summary);
    if (code < 0) {
        return code;
    }
    const zeus_recurring_options *o = &task->options;
    json_begin_object(w);
    if (task->group_name[0]) {
        json_key_string(w, "group", task->group_name);
    }
    json_key_string(w, "kind", cli_simulate_kind_name(o->kind));
    json_key_string(w, "gpu", set->gpu);
    json_key_string(w, "dataset", o->dataset);
    json_key_string(w, "network", o->network);
    json_key_string(w, "optimizer", o->optimizer);
    json_key_double(w, "target_metric", o->target_metric);
    json_key(w, "max_epochs");
    put_number(w, o->max_epochs);
    json_key_i64(w, "b0", o->default_batch_size);
    json_key_u64(w, "seed", o->seed);
    json_key_double(w, "eta_knob", o->eta_knob);
    key_number(w, "beta_knob", o->beta_knob);
    json_key_u64(w, "window_size", o->window_size);
    json_key_u64(w, "num_recurrence", summary.recurrences);
    json_key_double(w, "max_power", summary.max_power_w);
    put_history(w, task->simulation);
    code = put_arms(w, task->simulation);
    put_summary(w, &summary);
    json_end_object(w);
    return code;
}

static int write_out(const char *path, struct strbuf *text, zeus_error *err)
{
    const int code = strbuf_status(text);
    if (code < 0) {
        return err_set(err, code, "%s: %s", path, zeus_strerror(code));
    }
    if (strcmp(path, "-") == 0) {
        return fwrite(strbuf_text(text), 1, text->len, stdout) == text->len
                   ? 0
                   : err_set(err, ZEUS_EIO, "cannot write to standard output");
    }
    return file_write_all(path, strbuf_text(text), text->len, err);
}

int cli_simulate_write_json(const struct simulate_set *set, const char *path, zeus_error *err)
{
    struct strbuf text CLEANUP(strbuf_done);
    struct json_writer w;
    strbuf_init(&text, REPORT_MAX);
    json_writer_init(&w, &text, 0);
    int code = 0;
    if (set->count == 1 && !set->groups) {
        code = put_task(&w, set, &set->tasks[0]);
    } else {
        json_begin_object(&w);
        json_key(&w, "simulations");
        json_begin_array(&w);
        for (size_t i = 0; code >= 0 && i < set->count; i++) {
            code = put_task(&w, set, &set->tasks[i]);
        }
        json_end_array(&w);
        json_end_object(&w);
    }
    code = code < 0 ? code : json_writer_finish(&w);
    if (code < 0) {
        return err_set(err, code, "%s: %s", path, zeus_strerror(code));
    }
    strbuf_addc(&text, '\n');
    return write_out(path, &text, err);
}

static void put_csv_rows(struct csv_writer *w, const struct simulate_set *set,
                         const struct simulate_task *task)
{
    for (size_t i = 0; i < zeus_simulation_run_count(task->simulation); i++) {
        zeus_simulated_run run;
        if (zeus_simulation_get_run(task->simulation, i, &run) < 0) {
            return;
        }
        csv_put_string(w, set->gpu);
        csv_put_string(w, task->options.dataset);
        csv_put_string(w, task->group_name);
        csv_put_string(w, cli_simulate_kind_name(task->options.kind));
        csv_put_i64(w, (int64_t)task->options.seed);
        csv_put_i64(w, run.recurrence);
        csv_put_i64(w, run.batch_size);
        csv_put_double(w, run.limit_w);
        csv_put_double(w, run.energy_j);
        csv_put_double(w, run.time_s);
        csv_put_double(w, run.cost);
        csv_put_i64(w, run.has_reached);
        csv_end_row(w);
    }
}

int cli_simulate_write_csv(const struct simulate_set *set, const char *path, zeus_error *err)
{
    struct strbuf text CLEANUP(strbuf_done);
    struct csv_writer w;
    strbuf_init(&text, REPORT_MAX);
    csv_writer_init(&w, &text);
    strbuf_adds(&text, "gpu,dataset,group,kind,seed,recurrence,batch_size,power_limit_w,energy_j,"
                       "time_s,cost_j,reached\n");
    for (size_t i = 0; i < set->count; i++) {
        put_csv_rows(&w, set, &set->tasks[i]);
    }
    return write_out(path, &text, err);
}

static void print_point(const char *label, const zeus_grid_point *p)
{
    printf("%-22s %8" PRId64 " %6.0f W  %14.1f J  %12.1f s  %14.1f J\n", label, p->batch_size,
           p->limit_w, p->energy_j, p->time_s, p->cost);
}

static void print_task(const struct simulate_set *set, const struct simulate_task *task)
{
    zeus_simulation_summary s;
    if (zeus_simulation_summarize(task->simulation, &s) < 0) {
        return;
    }
    char label[80];
    if (task->group_name[0]) {
        (void)snprintf(label, sizeof(label), "%.60s", task->group_name);
    } else {
        (void)snprintf(label, sizeof(label), "%s, seed %" PRIu64,
                       cli_simulate_kind_name(task->options.kind), task->options.seed);
    }
    printf("%-22s %8" PRId64 " %6.0f W  %14.1f J  %12.1f s  %14.1f J", label, s.final_batch_size,
           s.final_limit_w, s.last_energy_j, s.last_time_s, s.last_cost);
    const zeus_grid_point *base = cli_simulate_default_point(set);
    if (base && isfinite(base->energy_j)) {
        printf("  %+6.1f %% %+6.1f %%", 100 * (s.last_energy_j / base->energy_j - 1),
               100 * (s.last_time_s / base->time_s - 1));
    }
    printf("  (%" PRIu64 " runs, %" PRIu64 " reached)\n", s.runs, s.reached);
}

void cli_simulate_print(const struct simulate_set *set)
{
    if (set->count > 0 && !set->groups) {
        const zeus_recurring_options *o = &set->tasks[0].options;
        printf("%s, %s, %s on %s: target %g, eta %g, beta %g\n", o->dataset, o->network,
               o->optimizer, set->gpu, o->target_metric, o->eta_knob, o->beta_knob);
    }
    printf("%-22s %8s %8s  %16s  %14s  %16s%s\n", "newest fifth of runs", "batch", "limit",
           "mean energy", "mean time", "mean cost",
           set->groups ? "" : "  against the default: energy, time");
    for (size_t i = 0; i < set->count; i++) {
        print_task(set, &set->tasks[i]);
    }
    const zeus_grid_point *base = cli_simulate_default_point(set);
    const zeus_grid_point *best = cli_simulate_best_point(set);
    if (base) {
        print_point("expected: default", base);
    }
    if (best) {
        print_point("expected: best of grid", best);
    }
}
