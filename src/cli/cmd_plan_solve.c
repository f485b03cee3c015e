/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus plan solve`: a planning problem in, its frontier or the plan for one deadline out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/dag.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/cmd_plan.h"
#include "cli/plan_output.h"

#define PROBLEM_MAX ((size_t)1 << 30)

int plan_get_deadline(const struct cli_args *args, double unit_s, int64_t *ret_units)
{
    uint64_t value = 0;
    const char *text = cli_get(args, "deadline");
    if (parse_u64(text, strlen(text), &value) == 0 && value < INT32_MAX) {
        *ret_units = (int64_t)value;
        return 0;
    }
    if (parse_duration_ns(text, strlen(text), &value) < 0) {
        return cli_usage_error(args,
                               "--deadline: '%s' is neither time units nor a duration with its "
                               "unit (e.g. 12.5s)",
                               text);
    }
    *ret_units = (int64_t)floor((double)value * 1e-9 / unit_s * (1 + 1e-12) + 1e-9);
    return 0;
}

static int write_plan(const struct cli_args *args, const zeus_dag_plan *plan, double unit_s)
{
    const char *path = cli_get(args, "plan");
    struct strbuf out;
    int code = 0;
    if (path) {
        strbuf_init(&out, PLAN_OUTPUT_MAX);
        code = plan_write(args, path, &out, plan_problem_json(&out, plan, unit_s));
        strbuf_done(&out);
    }
    return code;
}

static int solve_one(const struct cli_args *args, zeus_dag *dag, int64_t deadline_units,
                     double unit_s)
{
    zeus_dag_plan *plan = NULL;
    zeus_dag_plan_info info = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_dag_solve_deadline(dag, deadline_units, NULL, &plan, &err) < 0) {
        return cli_error(args, &err);
    }
    int code = write_plan(args, plan, unit_s);
    if (code == 0 && zeus_dag_plan_get_info(plan, &info) == 0) {
        (void)fprintf(stderr, "%lld time units (%.6g s): cost %.9g\n", (long long)info.units,
                      info.time_s, info.cost_j);
    }
    zeus_dag_plan_destroy(plan);
    return code;
}

/* The plan picked from the frontier: the deadline's, else the fastest. */
static int write_picked(const struct cli_args *args, const zeus_dag_frontier *frontier,
                        const int64_t *deadline_units, double unit_s)
{
    zeus_dag_plan *plan = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int64_t index = (int64_t)zeus_dag_frontier_count(frontier) - 1;
    if (deadline_units) {
        index = zeus_dag_frontier_find(frontier, *deadline_units);
    }
    if (index < 0) {
        return cli_failure(args, "no plan takes %lld time units", (long long)*deadline_units);
    }
    if (zeus_dag_frontier_plan(frontier, index, &plan, &err) < 0) {
        return cli_error(args, &err);
    }
    int code = write_plan(args, plan, unit_s);
    zeus_dag_plan_destroy(plan);
    return code;
}

static int solve_all(const struct cli_args *args, zeus_dag *dag, const int64_t *deadline_units,
                     double unit_s)
{
    zeus_dag_frontier *frontier = NULL;
    zeus_dag_point first = {0};
    zeus_dag_point last = {0};
    struct strbuf out;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_dag_solve(dag, NULL, &frontier, &err) < 0) {
        return cli_error(args, &err);
    }
    uint32_t count = zeus_dag_frontier_count(frontier);
    strbuf_init(&out, PLAN_OUTPUT_MAX);
    const char *path = cli_get(args, "frontier");
    int code = 0;
    if (path) {
        code = plan_write(args, path, &out, plan_frontier_json(&out, frontier, unit_s));
    }
    strbuf_done(&out);
    code = code ? code : write_picked(args, frontier, deadline_units, unit_s);
    (void)zeus_dag_frontier_point(frontier, 0, &first); /* both exist in every frontier */
    (void)zeus_dag_frontier_point(frontier, count - 1, &last);
    (void)fprintf(stderr, "%u points: %lld to %lld time units, cost %.9g to %.9g\n", count,
                  (long long)first.units, (long long)last.units, first.cost_j, last.cost_j);
    zeus_dag_frontier_destroy(frontier);
    return code;
}

/* What all of it is to be held against. */
static void print_baseline(zeus_dag *dag)
{
    zeus_dag_baseline b;
    if (zeus_dag_get_baseline(dag, &b, NULL) == 0) {
        (void)fprintf(stderr, "all at the highest knob, measured: %.6g s, cost %.9g\n", b.time_s,
                      b.cost_j);
    }
}

static int run_solve(const struct cli_args *args)
{
    char *text _free_ = NULL;
    size_t length = 0;
    int64_t deadline_units = 0;
    zeus_dag *dag = NULL;
    zeus_dag_info info;
    zeus_error err = ZEUS_ERROR_INIT;
    if (args->operand_count != 1) {
        return cli_usage_error(args, "one problem file is needed");
    }
    if (file_read_all(args->operands[0], PROBLEM_MAX, &text, &length, &err) < 0) {
        return cli_error(args, &err);
    }
    if (zeus_dag_read_json(text, length, &dag, &err) < 0 || zeus_dag_check(dag, &info, &err) < 0) {
        zeus_dag_destroy(dag);
        return cli_failure(args, "%s: %s", args->operands[0], err.message);
    }
    int has_deadline = cli_has(args, "deadline");
    int code = has_deadline ? plan_get_deadline(args, info.unit_s, &deadline_units) : 0;
    if (code == 0 && has_deadline && !cli_has(args, "frontier")) {
        code = solve_one(args, dag, deadline_units, info.unit_s);
    } else if (code == 0) {
        code = solve_all(args, dag, has_deadline ? &deadline_units : NULL, info.unit_s);
    }
    if (code == 0) {
        print_baseline(dag);
    }
    zeus_dag_destroy(dag);
    return code;
}

static const struct cli_option options[] = {
    {"frontier", 0, 0, "FILE", NULL, "Write the frontier as JSON ('-': standard output)"},
    {"deadline", 0, 0, "TIME", NULL,
     "Plan for this length: time units, or with a unit (12.5s); without --frontier only this plan "
     "is solved for, which is much faster"},
    {"plan", 0, 0, "FILE", NULL,
     "Write durations and knobs of every operation as JSON: the deadline's plan, else the fastest"},
};

const struct cli_command cli_cmd_plan_solve = {
    .name = "solve",
    .summary = "Solve a planning problem (a graph of operations)",
    .operands = "PROBLEM.json",
    .description =
        "Finds the cheapest plan of every total length for a graph of operations, each of which "
        "may take longer at a lower cost.\n"
        "The frontier is written as rows [iteration, cost_change, total_cost, quant_time].",
    .examples = "zeus plan solve pipe.json --frontier out.json # the whole frontier\n"
                "zeus plan solve pipe.json --deadline 12.5s --plan plan.json # one plan",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .run = run_solve,
};
