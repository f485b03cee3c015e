/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus env`: what can be measured here, how, and what is missing for the rest.
 */
#include "base/macro.h"
#include "cli/cli.h"
#include "cli/env_report.h"

#define REPORT_MAX_BYTES (64u << 20)

static int print_json(const struct cli_args *args, const struct env_report *report)
{
    struct strbuf out;
    strbuf_init(&out, REPORT_MAX_BYTES);
    int r = env_report_json(report, &out);
    if (r == 0) {
        (void)fwrite(strbuf_text(&out), 1, out.len, stdout);
        (void)fputc('\n', stdout);
    }
    strbuf_done(&out);
    return r == 0 ? CLI_EXIT_OK
                  : cli_failure(args, "cannot build the report: %s", zeus_strerror(r));
}

static int run_env(const struct cli_args *args)
{
    if (args->operand_count > 0) {
        return cli_usage_error(args, "unexpected operand '%s'", args->operands[0]);
    }
    zeus_session *session = NULL;
    zeus_session_options options = {
        .size = sizeof(options),
        .flags = cli_has(args, "all") ? ZEUS_SESSION_IGNORE_VISIBILITY : 0,
    };
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_session_open(&options, &session, &err) < 0) {
        return cli_error(args, &err);
    }
    struct env_report report;
    env_report_init(&report, session, cli_has(args, "packages"));
    int exit_code = CLI_EXIT_OK;
    if (cli_has(args, "json")) {
        exit_code = print_json(args, &report);
    } else {
        env_report_text(&report, stdout);
    }
    zeus_session_close(session);
    return exit_code;
}

static const struct cli_option options[] = {
    {.name = "json", .help = "print the report as JSON (schema zeus.env/1)"},
    {.name = "all", .help = "show every device, whatever the visibility variables say"},
    {.name = "packages", .help = "also ask Python for the versions of packages that matter"},
};

const struct cli_command cli_cmd_env = {
    .name = "env",
    .summary = "what can be measured on this machine, and how",
    .operands = "",
    .description =
        "Lists the GPUs, CPUs, SoCs and platforms that can be measured, where each number comes "
        "from and which sensor class it has. For everything that is missing it says why and what "
        "would help. Finding nothing is not a failure.",
    .examples = "zeus env\nzeus env --json | jq '.devices[].name'\n"
                "zeus sim --node h100x8 -- zeus env",
    .options = options,
    .option_count = ARRAY_LEN(options),
    .run = run_env,
};
