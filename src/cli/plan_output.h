/* SPDX-License-Identifier: Apache-2.0
 *
 * What the plan commands write: frontiers and plans as JSON and CSV, pictures, a report. Each
 * function fills a strbuf; files are the commands' business.
 */
#ifndef ZEUS_CLI_PLAN_OUTPUT_H
#define ZEUS_CLI_PLAN_OUTPUT_H

#include <stdint.h>

#include <zeus/dag.h>

#include "base/attr.h"
#include "base/strbuf.h"
#include "cli/cli.h"

#define PLAN_OUTPUT_MAX ((size_t)1 << 30)

/* What a plan was made for; in the plan file, so that it can be verified later. */
struct plan_context {
    const char *source; /* the file planned from */
    const char *schedule;
    uint32_t micro_batches;
    uint32_t chunks;
    double p2p_power_w; /* of all devices of one stage */
    double unit_s;
    zeus_dag_baseline baseline; /* everything at the highest frequency */
};

/* Rows [iteration, cost_change, total_cost, quant_time], the slowest plan beside them. */
int plan_frontier_json(struct strbuf *out, const zeus_dag_frontier *frontier, double unit_s)
    ZEUS_CHECK;
int plan_frontier_csv(struct strbuf *out, const zeus_dag_frontier *frontier) ZEUS_CHECK;

/* Durations and knobs by operation, for a problem: {"durations": {"name": [duration, knob]}}. */
int plan_problem_json(struct strbuf *out, const zeus_dag_plan *plan, double unit_s) ZEUS_CHECK;

/* The instructions of every stage in order, for a pipeline. */
int plan_pipeline_json(struct strbuf *out, const zeus_dag_plan *plan,
                       const struct plan_context *context) ZEUS_CHECK;
int plan_pipeline_csv(struct strbuf *out, const zeus_dag_plan *plan) ZEUS_CHECK;

/* A list of stages, each a list of ('forward', 'configuration', ...) tuples in order: what the
 * runtime of a composed profile follows beside the frequencies. ZEUS_ENOTFOUND when the profile has
 * no configurations. */
int plan_configurations(struct strbuf *out, const zeus_dag_plan *plan) ZEUS_CHECK;

/* Ends of the colours. */
struct plan_scale {
    double low_w;
    double high_w;
};

/* Pictures. `plan` is picked out on the frontier; `scale` NULL: the plan's own. */
int plan_frontier_svg(struct strbuf *out, const zeus_dag_frontier *frontier,
                      const zeus_dag_plan *plan, const zeus_dag_baseline *baseline) ZEUS_CHECK;
int plan_gantt_svg(struct strbuf *out, const zeus_dag_plan *plan, double p2p_power_w,
                   const char *title, const struct plan_scale *scale) ZEUS_CHECK;

/* One HTML page with both, the figures of the fastest plan, and those of the baseline. */
int plan_report_html(struct strbuf *out, const zeus_dag_frontier *frontier,
                     const zeus_dag_plan *plan, const zeus_dag_plan *fastest,
                     const struct plan_context *context) ZEUS_CHECK;

/* Writes the buffer to a file ("-": standard output) and empties it; `made` is the result of the
 * function that filled it. Returns an exit code, having said what is wrong. */
int plan_write(const struct cli_args *args, const char *path, struct strbuf *out, int made);

#endif /* ZEUS_CLI_PLAN_OUTPUT_H */
