/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus plan compare`: two frontiers, at equal time and at equal energy.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/cmd_plan.h"
#include "cli/plan_points.h"

#define FRONTIER_MAX ((size_t)1 << 30)

/* Rounding of a time that was computed in two ways must not make a plan late. */
#define ROUNDING 1e-12

static int load(const struct cli_args *args, const char *path, struct plan_points *p)
{
    char *text _free_ = NULL;
    size_t length = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    if (file_read_all(path, FRONTIER_MAX, &text, &length, &err) < 0) {
        return cli_error(args, &err);
    }
    if (plan_points_read(p, text, length, &err) < 0) {
        return cli_failure(args, "%s: %s", path, err.message);
    }
    return 0;
}

static void print_change(const char *what, double was, double is)
{
    (void)printf("  %.1f %% %s %s\n", 100 * (is < was ? 1 - is / was : is / was - 1),
                 is < was ? "less" : "more", what);
}

static void print_iso_time(const struct plan_points *a, const struct plan_points *b)
{
    const struct plan_point r = plan_points_quickest(b);
    const struct plan_point *p = plan_points_within_time(a, r.time_s * (1 + ROUNDING));
    (void)printf("at the reference's shortest time\n  reference %14.6f s %14.3f J\n", r.time_s,
                 r.energy_j);
    if (!p) {
        (void)printf("  this       is never that fast\n");
        return;
    }
    (void)printf("  this      %14.6f s %14.3f J\n", p->time_s, p->energy_j);
    print_change("energy", r.energy_j, p->energy_j);
}

static void print_iso_energy(const struct plan_points *a, const struct plan_points *b)
{
    const struct plan_point r = plan_points_cheapest(b);
    const struct plan_point *p = plan_points_within_energy(a, r.energy_j * (1 + ROUNDING));
    (void)printf("at the reference's least energy\n  reference %14.6f s %14.3f J\n", r.time_s,
                 r.energy_j);
    if (!p) {
        (void)printf("  this       never spends that little\n");
        return;
    }
    (void)printf("  this      %14.6f s %14.3f J\n", p->time_s, p->energy_j);
    print_change("time", r.time_s, p->time_s);
}

static int run_compare(const struct cli_args *args)
{
    struct plan_points a = {0};
    struct plan_points b = {0};
    if (args->operand_count != 2) {
        return cli_usage_error(args, "two frontiers are needed");
    }
    int code = load(args, args->operands[0], &a);
    code = code ? code : load(args, args->operands[1], &b);
    if (code == 0) {
        print_iso_time(&a, &b);
        print_iso_energy(&a, &b);
    }
    plan_points_finish(&a);
    plan_points_finish(&b);
    return code;
}

const struct cli_command cli_cmd_plan_compare = {
    .name = "compare",
    .summary = "Compare two frontiers at equal time and at equal energy",
    .operands = "FRONTIER REFERENCE",
    .description =
        "Reads two frontiers as 'zeus plan --frontier' writes them and prints the least energy of "
        "the first within the shortest time of the second, and its shortest time within the least "
        "energy of the second. Energies include what waiting GPUs draw.",
    .examples = "zeus plan compare composed.csv plain.csv # what the composition is worth",
    .run = run_compare,
};
