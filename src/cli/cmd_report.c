/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus report verify`: recomputes the joules of a report from the raw edges stored in it.
 */
#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/report_edge.h"

#define REPORT_MOST_BYTES (512u << 20)
#define TOLERANCE         1e-6 /* of the energies at the edges: rounding, no more */

/* What a check adds up to, with how far rounding may take it. */
struct recomputed {
    double energy_j;
    double allowed_j;
};

static struct recomputed recompute(const struct report_check *check)
{
    double begin_j = report_edge_j(&check->edges[0]);
    double end_j = report_edge_j(&check->edges[1]);
    double energy_j = isnan(begin_j) || isnan(end_j) ? (double)NAN : fmax(end_j - begin_j, 0);
    return (struct recomputed){energy_j, TOLERANCE + 1e-9 * (fabs(begin_j) + fabs(end_j))};
}

static int judge(uint64_t trial, const char *what, double stated_j, const struct recomputed *r)
{
    int is_right = fabs(r->energy_j - stated_j) <= r->allowed_j; /* not where it is NaN */
    (void)printf("%5llu  %-20s %14.6f %14.6f %12.2e  %s\n", (unsigned long long)trial, what,
                 stated_j, r->energy_j, r->energy_j - stated_j, is_right ? "agrees" : "DIFFERS");
    return is_right;
}

/* The checks of one trial, from `first` on, and its total. Returns how many there are. */
static size_t verify_trial(const struct report_check *checks, size_t count, size_t *wrong,
                           size_t *judged)
{
    struct recomputed total = {0, 0};
    size_t n = 0;
    for (; n < count && checks[n].trial == checks[0].trial; n++) {
        struct recomputed r = recompute(&checks[n]);
        *wrong += !judge(checks[n].trial, checks[n].place, checks[n].energy_j, &r);
        *judged += 1;
        total.energy_j += checks[n].in_total ? r.energy_j : 0;
        total.allowed_j += r.allowed_j;
    }
    if (!isnan(checks[0].total_j)) {
        *wrong += !judge(checks[0].trial, "total", checks[0].total_j, &total);
        *judged += 1;
    }
    return n;
}

static int run_verify(const struct cli_args *args)
{
    if (args->operand_count != 1) {
        return cli_usage_error(args, "one report FILE is needed");
    }
    zeus_error err = ZEUS_ERROR_INIT;
    char *text _free_ = NULL;
    size_t len = 0;
    struct report_check *checks _free_ = NULL;
    size_t count = 0;
    int r = file_read_all(args->operands[0], REPORT_MOST_BYTES, &text, &len, &err);
    r = r < 0 ? r : report_load(text, len, &checks, &count, &err);
    if (r < 0) {
        return cli_error(args, &err);
    }
    if (count == 0) {
        return cli_failure(args, "the report holds no energy that could be recomputed");
    }
    size_t wrong = 0;
    size_t judged = 0;
    (void)printf("%5s  %-20s %14s %14s %12s\n", "trial", "place", "stated J", "recomputed J",
                 "difference");
    for (size_t i = 0; i < count;) {
        i += verify_trial(&checks[i], count - i, &wrong, &judged);
    }
    if (wrong > 0) {
        return cli_failure(args, "%zu of %zu numbers do not follow from their edges", wrong,
                           judged);
    }
    (void)printf("%zu numbers follow from their edges; the file is as it was written\n", judged);
    return CLI_EXIT_OK;
}

static const struct cli_command verify = {
    .name = "verify",
    .summary = "recompute the joules of a report from its raw edges",
    .operands = "FILE",
    .description =
        "Recomputes every energy of a report that 'zeus run --report' wrote from the raw "
        "sensor readings stored in it, and says whether the file is as it was written. "
        "The exit code is 0 when all agree, 1 otherwise.",
    .run = run_verify,
};

static const struct cli_command *const subcommands[] = {&verify, NULL};

const struct cli_command cli_cmd_report = {
    .name = "report",
    .summary = "check a report written by zeus run",
    .operands = "",
    .description = "Works on the HTML files of 'zeus run --report'.",
    .subcommands = subcommands,
};
