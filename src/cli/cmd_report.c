/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus report verify`: recomputes the joules of a report from the raw edges stored in it.
 */
#include <stdlib.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/report_verify.h"

#define REPORT_MOST_BYTES (512u << 20)
#define EXIT_NOT_WHOLE    3

static int run_verify(const struct cli_args *args)
{
    if (args->operand_count != 1) {
        return cli_usage_error(args, "one report FILE is needed");
    }
    zeus_error err = ZEUS_ERROR_INIT;
    char *text _free_ = NULL;
    size_t len = 0;
    struct report_file file = {.check_count = 0};
    struct report_verdict verdict;
    int r = file_read_all(args->operands[0], REPORT_MOST_BYTES, &text, &len, &err);
    r = r < 0 ? r : report_load(text, len, &file, &err);
    if (r < 0) {
        return cli_error(args, &err);
    }
    if (file.check_count == 0) {
        report_done(&file);
        return cli_failure(args, "the report holds no energy that could be recomputed");
    }
    report_verify(&file, text, stdout, &verdict);
    report_done(&file);
    if (verdict.wrong > 0) {
        return cli_failure(args, "%zu of %zu numbers do not follow from their edges", verdict.wrong,
                           verdict.judged);
    }
    (void)printf("%zu numbers follow from their edges; the file is as it was written\n",
                 verdict.judged);
    if (verdict.open > 0) {
        (void)cli_failure(args, "%zu numbers cannot be verified: the report says why",
                          verdict.open);
        return EXIT_NOT_WHOLE;
    }
    return CLI_EXIT_OK;
}

static const struct cli_command verify = {
    .name = "verify",
    .summary = "recompute the joules of a report from its raw edges",
    .operands = "FILE",
    .description =
        "Recomputes every energy of a report that 'zeus run --report' wrote from the raw "
        "sensor readings stored in it, sums and means with them, compares the plotted power with "
        "the "
        "counted joules, and says whether the file is as it was written.\n"
        "The exit code is 0 when all agree, 1 when a number does not or the file was changed, and "
        "3 "
        "when all that could be recomputed agree but some numbers lack the readings for it.",
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
