/* SPDX-License-Identifier: Apache-2.0
 *
 * Help texts made from the commands' tables.
 */
#include "cli/cli.h"

#include <string.h>

#include "base/macro.h"

#define HELP_WIDTH  79
#define HELP_COLUMN 28

/* Prints `text` wrapped at HELP_WIDTH, starting in `column`; further lines start at `indent`. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent)
{
    int is_first = 1; /* no space before the first word of a line */
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (!is_first && column + 1 + word > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
            is_first = 1;
        }
        column += word + !is_first;
        (void)fprintf(out, "%s%.*s", is_first ? "" : " ", (int)word, text);
        is_first = 0;
        text += word;
        if (*text == '\n') {
            (void)fprintf(out, "\n\n%*s", (int)indent, "");
            column = indent;
            is_first = 1;
        }
        text += *text != '\0';
    }
    (void)fputc('\n', out);
}

static void print_option(FILE *out, const struct cli_option *o)
{
    char left[64];
    int n = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
                     o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, o->arg ? " " : "",
                     o->arg ? o->arg : "");
    size_t column = n > 0 ? (size_t)n : 0;
    (void)fputs(left, out);
    if (column + 2 > HELP_COLUMN) {
        (void)fprintf(out, "\n%*s", HELP_COLUMN, "");
    } else {
        (void)fprintf(out, "%*s", (int)(HELP_COLUMN - column), "");
    }
    char help[512];
    (void)snprintf(help, sizeof(help), "%s%s%s%s", o->help, o->values ? " (one of: " : "",
                   o->values ? o->values : "", o->values ? ")" : "");
    print_wrapped(out, help, HELP_COLUMN, HELP_COLUMN);
}

void cli_print_help(FILE *out, const char *full_name, const struct cli_command *command)
{
    (void)fprintf(out, "Usage: %s%s%s%s%s\n\n", full_name, command->subcommands ? " [COMMAND]" : "",
                  command->option_count ? " [OPTION]..." : "", command->operands[0] ? " " : "",
                  command->operands);
    print_wrapped(out, command->description, 0, 0);
    if (command->subcommands) {
        (void)fputs("\nCommands:\n", out);
        for (const struct cli_command *const *sub = command->subcommands; *sub; sub++) {
            (void)fprintf(out, "  %-14s %s\n", (*sub)->name, (*sub)->summary);
        }
    }
    (void)fputs("\nOptions:\n", out);
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(out, &command->options[i]);
    }
    static const struct cli_option help = {
        .name = "help", .letter = 'h', .help = "show this help and exit"};
    print_option(out, &help);
    if (command->examples) {
        (void)fputs("\nExamples:\n  ", out);
        for (const char *p = command->examples; *p; p++) {
            (void)fputc(*p, out);
            if (*p == '\n' && p[1]) {
                (void)fputs("  ", out);
            }
        }
        (void)fputc('\n', out);
    }
}

void cli_print_overview(FILE *out)
{
    (void)fputs("Usage: zeus COMMAND [OPTION]...\n\n"
                "Measures the energy of computing, and lowers it.\n\n"
                "Commands:\n",
                out);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if ((*c)->summary[0]) {
            (void)fprintf(out, "  %-10s %s\n", (*c)->name, (*c)->summary);
        }
    }
    (void)fputs("\n'zeus COMMAND --help' tells more. Exit codes: 0 success, 1 failure, 2 usage.\n",
                out);
}
