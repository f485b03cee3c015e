/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus plan`: a profile of a pipeline in, its frontier and one plan out, with pictures.
 */
#include "cli/cmd_plan.h"

#include <stdlib.h>
#include <string.h>

#include <zeus/dag.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/plan_output.h"

#define PROFILE_MAX ((size_t)1 << 28)

static const struct {
    const char *name;
    uint32_t value;
} schedules[] = {{"1f1b", ZEUS_DAG_SCHEDULE_1F1B},
                 {"interleaved", ZEUS_DAG_SCHEDULE_INTERLEAVED},
                 {"gpipe", ZEUS_DAG_SCHEDULE_GPIPE},
                 {"early-recompute", ZEUS_DAG_SCHEDULE_EARLY_RECOMPUTE}},
  models[] = {
      {"fit", ZEUS_DAG_MODEL_FIT}, {"hull", ZEUS_DAG_MODEL_HULL}, {"line", ZEUS_DAG_MODEL_LINE}};

/* Everything solved, until the outputs are written. */
struct planned {
    const struct cli_args *args;
    struct plan_context context;
    zeus_dag *dag;
    zeus_dag_frontier *frontier;
    zeus_dag_plan *plan;
    zeus_dag_plan *fastest;
};

static void planned_done(struct planned *p)
{
    zeus_dag_plan_destroy(p->plan);
    zeus_dag_plan_destroy(p->fastest);
    zeus_dag_frontier_destroy(p->frontier);
    zeus_dag_destroy(p->dag);
}

static int read_options(const struct cli_args *args, struct planned *p, zeus_dag_profile *o)
{
    uint64_t unit_ns = 0;
    const char *schedule = cli_get(args, "schedule");
    const char *model = cli_get(args, "model");
    p->context.schedule = schedule ? schedule : "1f1b";
    for (size_t i = 0; i < ARRAY_LEN(schedules); i++) {
        o->schedule =
            strcmp(schedules[i].name, p->context.schedule) == 0 ? schedules[i].value : o->schedule;
    }
    for (size_t i = 0; model && i < ARRAY_LEN(models); i++) {
        o->model = strcmp(models[i].name, model) == 0 ? models[i].value : o->model;
    }
    int code = cli_get_u32(args, "micro-batches", 0, &o->micro_batches);
    code = code ? code : cli_get_u32(args, "stages", 0, &o->stages);
    code = code ? code : cli_get_u32(args, "chunks", 1, &o->chunks);
    code = code ? code : cli_get_double(args, "p2p-power", 0, &o->p2p_power_w);
    code = code ? code : cli_get_double(args, "noise-factor", 0.95, &o->noise_factor);
    code = code ? code : cli_get_duration_ns(args, "unit", 1000000, &unit_ns);
    if (code == 0 && o->micro_batches == 0) {
        code = cli_usage_error(args, "--micro-batches is needed");
    }
    if (code == 0 && unit_ns == 0) {
        code = cli_usage_error(args, "--unit: a time unit is longer than nothing");
    }
    /* Nanoseconds to seconds by one division, so that 1ms is exactly 0.001. */
    o->unit_s = (double)unit_ns / 1e9;
    p->context.micro_batches = o->micro_batches;
    p->context.chunks = o->chunks > 0 ? o->chunks : 1;
    p->context.unit_s = o->unit_s;
    return code;
}

static int load(struct planned *p, const zeus_dag_profile *o)
{
    char *text _free_ = NULL;
    size_t length = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    p->context.source = p->args->operands[0];
    if (file_read_all(p->context.source, PROFILE_MAX, &text, &length, &err) < 0) {
        return cli_error(p->args, &err);
    }
    if (zeus_dag_read_profile(text, length, o, &p->dag, &err) < 0) {
        return cli_failure(p->args, "%s: %s", p->context.source, err.message);
    }
    zeus_dag_info info = {0};
    if (zeus_dag_check(p->dag, &info, &err) < 0) {
        return cli_error(p->args, &err);
    }
    p->context.p2p_power_w = info.p2p_power_w;
    if (zeus_dag_get_baseline(p->dag, &p->context.baseline, &err) < 0) {
        return cli_error(p->args, &err);
    }
    return 0;
}

static int solve(struct planned *p)
{
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_dag_solve(p->dag, NULL, &p->frontier, &err) < 0) {
        return cli_error(p->args, &err);
    }
    int64_t last = (int64_t)zeus_dag_frontier_count(p->frontier) - 1;
    int64_t index = last;
    if (cli_has(p->args, "deadline")) {
        int64_t units = 0;
        int code = plan_get_deadline(p->args, p->context.unit_s, &units);
        if (code != 0) {
            return code;
        }
        index = zeus_dag_frontier_find(p->frontier, units);
        if (index < 0) {
            zeus_dag_point fastest = {0};
            (void)zeus_dag_frontier_point(p->frontier, (uint32_t)last, &fastest); /* it exists */
            return cli_failure(p->args, "no plan takes %lld time units: the fastest takes %lld",
                               (long long)units, (long long)fastest.units);
        }
    }
    if (zeus_dag_frontier_plan(p->frontier, index, &p->plan, &err) < 0 ||
        zeus_dag_frontier_plan(p->frontier, last, &p->fastest, &err) < 0) {
        return cli_error(p->args, &err);
    }
    return 0;
}

static int ends_with(const char *path, const char *end)
{
    size_t n = strlen(path);
    size_t m = strlen(end);
    return n >= m && strcmp(path + n - m, end) == 0;
}

/* The plan in the form that the file's name asks for. */
static int make_plan_file(const struct planned *p, const char *path, struct strbuf *out)
{
    if (ends_with(path, ".csv")) {
        return plan_pipeline_csv(out, p->plan);
    }
    if (ends_with(path, ".py")) {
        char *text _free_ = NULL;
        int r = zeus_dag_plan_write_text(p->plan, &text, NULL);
        if (r == 0) {
            strbuf_adds(out, text);
        }
        return r < 0 ? r : strbuf_status(out);
    }
    return plan_pipeline_json(out, p->plan, &p->context);
}

static int make_frontier_file(const struct planned *p, const char *path, struct strbuf *out)
{
    return ends_with(path, ".csv") ? plan_frontier_csv(out, p->frontier)
                                   : plan_frontier_json(out, p->frontier, p->context.unit_s);
}

static int make_configurations(const struct planned *p, const char *path, struct strbuf *out)
{
    (void)path;
    return plan_configurations(out, p->plan);
}

static int make_gantt(const struct planned *p, const char *path, struct strbuf *out)
{
    (void)path;
    return plan_gantt_svg(out, p->plan, p->context.p2p_power_w, "Pipeline plan", NULL);
}

static int make_picture(const struct planned *p, const char *path, struct strbuf *out)
{
    (void)path;
    return plan_frontier_svg(out, p->frontier, p->plan, &p->context.baseline);
}

static int make_report(const struct planned *p, const char *path, struct strbuf *out)
{
    (void)path;
    return plan_report_html(out, p->frontier, p->plan, p->fastest, &p->context);
}

static const struct {
    const char *option;
    int (*make)(const struct planned *p, const char *path, struct strbuf *out);
} outputs[] = {{"frontier", make_frontier_file},        {"plan", make_plan_file},
               {"configurations", make_configurations}, {"gantt", make_gantt},
               {"frontier-svg", make_picture},          {"html", make_report}};

static int write_outputs(const struct planned *p)
{
    struct strbuf out;
    int code = 0;
    strbuf_init(&out, PLAN_OUTPUT_MAX);
    for (size_t i = 0; code == 0 && i < ARRAY_LEN(outputs); i++) {
        const char *path = cli_get(p->args, outputs[i].option);
        if (path) {
            code = plan_write(p->args, path, &out, outputs[i].make(p, path, &out));
        }
    }
    strbuf_done(&out);
    return code;
}

static void print_row(const char *name, const zeus_dag_plan_info *info, double baseline_j)
{
    (void)printf("%-14s %10.3f s %12.1f J %12.1f J %10.3f s %12.1f J %6.1f %%\n", name,
                 info->time_s, info->cost_j, info->cost_p2p_j, info->chosen_time_s,
                 info->chosen_p2p_j, 100 * (1 - info->chosen_p2p_j / baseline_j));
}

static void print_summary(const struct planned *p)
{
    zeus_dag_plan_info info = {0};
    zeus_dag_plan_info fast = {0};
    (void)zeus_dag_plan_get_info(p->plan, &info); /* both plans exist */
    (void)zeus_dag_plan_get_info(p->fastest, &fast);
    (void)printf("%u stages, %u micro-batches, %u points on the frontier\n\n", info.stages,
                 p->context.micro_batches, zeus_dag_frontier_count(p->frontier));
    const zeus_dag_baseline *b = &p->context.baseline;
    (void)printf("%-14s %12s %14s %14s %12s %14s %8s\n", "", "model's", "model's", "model's",
                 "measured", "measured", "");
    (void)printf("%-14s %12s %14s %14s %12s %14s %8s\n", "plan", "length", "energy", "with waiting",
                 "length", "with waiting", "saved");
    print_row("this", &info, b->cost_p2p_j);
    print_row("fastest", &fast, b->cost_p2p_j);
    (void)printf("%-14s %12s %14s %14s %10.3f s %12.1f J\n", "all at highest", "", "", "",
                 b->time_s, b->cost_p2p_j);
}

static int run_plan(const struct cli_args *args)
{
    struct planned p = {.args = args};
    zeus_dag_profile o = {.size = sizeof(o)};
    if (args->operand_count != 1) {
        return cli_usage_error(args, "one profile is needed");
    }
    int code = read_options(args, &p, &o);
    code = code ? code : load(&p, &o);
    code = code ? code : solve(&p);
    code = code ? code : write_outputs(&p);
    if (code == 0 && !cli_has(args, "quiet")) {
        print_summary(&p);
    }
    planned_done(&p);
    return code;
}

static const struct cli_option options[] = {
    {"micro-batches", 'm', 0, "N", NULL, "Micro-batches of one iteration (needed)"},
    {"stages", 0, 0, "N", NULL, "Check that the profile has so many stages"},
    {"schedule", 0, 0, "NAME", "1f1b|interleaved|gpipe|early-recompute",
     "Order of forwards and backwards on each stage (1f1b)"},
    {"chunks", 0, 0, "N", NULL, "Model parts a stage holds, for the interleaved schedule (1)"},
    {"p2p-power", 0, 0, "WATTS", NULL,
     "What a GPU draws while it waits for its neighbour (0); a plan saves what is above that"},
    {"unit", 0, 0, "TIME", NULL, "Time unit of the planner (1ms)"},
    {"model", 0, 0, "NAME", "fit|hull|line",
     "How energy depends on time between frequencies (fit)"},
    {"noise-factor", 0, 0, "SHARE", NULL,
     "Where three or fewer options remain, drop only those beaten by this share (0.95)"},
    {"deadline", 'd', 0, "TIME", NULL,
     "Plan for this iteration time: time units, or with a unit (12.5s); default: the fastest"},
    {"frontier", 0, 0, "FILE", NULL, "Write the frontier (.csv or JSON)"},
    {"plan", 0, 0, "FILE", NULL,
     "Write the plan (.csv, .py for pipeline servers, or JSON for 'zeus plan verify')"},
    {"configurations", 0, 0, "FILE", NULL,
     "Write the configurations of a composed profile's plan, a line a stage (a Python literal)"},
    {"gantt", 0, 0, "FILE", NULL, "Write a picture of the plan (SVG)"},
    {"frontier-svg", 0, 0, "FILE", NULL, "Write a picture of the frontier (SVG)"},
    {"html", 0, 0, "FILE", NULL, "Write a report with both pictures"},
    {"quiet", 'q', 0, NULL, NULL, "Print no summary"},
};

static const struct cli_command *const subcommands[] = {
    &cli_cmd_plan_solve, &cli_cmd_plan_verify, &cli_cmd_plan_compose, &cli_cmd_plan_compare, NULL};

const struct cli_command cli_cmd_plan = {
    .name = "plan",
    .summary = "Plan GPU frequencies for pipeline-parallel training",
    .operands = "PROFILE.csv",
    .description =
        "Reads a profile (columns stage, instruction, frequency, time, energy), finds for every "
        "iteration time the frequencies with the least energy, and writes the frontier and one "
        "plan.\n"
        "Work that is not on the critical path is slowed down for nothing lost; with a deadline "
        "beyond the fastest iteration everything may be.",
    .examples = "zeus plan profile.csv -m 8 --p2p-power 75 --html report.html # look at it\n"
                "zeus plan profile.csv -m 8 --deadline 3.2s --plan plan.py # for zeus-serve pfo",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .subcommands = subcommands,
    .run = run_plan,
};
