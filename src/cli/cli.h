/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of the command line: one file per command, each exporting one `const struct
 * cli_command`. The option tables below are the only description of an option: parsing, --help,
 * the man pages and the shell completions are all made from them.
 *
 * Exit codes: 0 success, 1 failure, 2 wrong usage; `zeus run` and `zeus sim` pass their child's on.
 * `zeus report verify` has 3 beside: nothing is wrong, but not everything could be checked.
 */
#ifndef ZEUS_CLI_CLI_H
#define ZEUS_CLI_CLI_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <zeus/error.h>

#include "base/attr.h"

#define CLI_EXIT_OK      0
#define CLI_EXIT_FAILURE 1
#define CLI_EXIT_USAGE   2

/* One option. `arg` names its argument ("FILE"); NULL makes it a flag. `values` lists the words the
 * argument may be, separated by '|'; NULL: anything. */
struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* one-letter form, 0: none */
    int is_repeated;  /* may be given more than once; all values are kept */
    const char *arg;
    const char *values;
    const char *help; /* one sentence, no full stop */
};

struct cli_args;

struct cli_command {
    const char *name;
    const char *summary;     /* one line for the list of commands */
    const char *operands;    /* "[FILE]", "-- CMD ARG...", "" */
    const char *description; /* paragraphs for --help and the man page, '\n' between paragraphs */
    const char *examples;    /* lines "command # what it does", may be NULL */
    const struct cli_option *options;
    size_t option_count;
    int passes_command; /* everything from "--" or the first operand on is a command line */
    int is_raw;         /* no option parsing at all: every word is an operand */
    const struct cli_command *const *subcommands; /* NULL-terminated list, or NULL */
    int (*run)(const struct cli_args *args);      /* returns the exit code */
};

/* What was given on the command line. Strings are borrowed from argv. */
struct cli_given {
    const struct cli_option *option;
    const char *value; /* NULL for a flag */
};

struct cli_args {
    const struct cli_command *command;
    char full_name[96]; /* "zeus env", "zeus plan solve" */
    struct cli_given *given;
    size_t given_count;
    char **operands; /* borrowed argv entries; NULL-terminated */
    size_t operand_count;
};

/* Value of an option, NULL when it was not given; the last one wins. Flags yield "". The name must
 * be in the command's table (asserted). */
const char *cli_get(const struct cli_args *args, const char *name);
int cli_has(const struct cli_args *args, const char *name);

/* The `position`-th value of a repeated option, NULL past the end. */
const char *cli_get_nth(const struct cli_args *args, const char *name, size_t position);

/* Parsed values: the fallback when the option was not given. A malformed value prints what is
 * expected and where, and returns CLI_EXIT_USAGE (> 0); 0 on success. */
int cli_get_u32(const struct cli_args *args, const char *name, uint32_t fallback,
                uint32_t *ret_value) ZEUS_CHECK;
int cli_get_double(const struct cli_args *args, const char *name, double fallback,
                   double *ret_value) ZEUS_CHECK;
int cli_get_duration_ns(const struct cli_args *args, const char *name, uint64_t fallback_ns,
                        uint64_t *ret_ns) ZEUS_CHECK;

/* List of indices "0,2,5-7". *ret_list is owned (free), NULL with count 0 when not given. */
int cli_get_index_list(const struct cli_args *args, const char *name, uint32_t **ret_list,
                       size_t *ret_count) ZEUS_CHECK;

/* Prints "zeus env: message" plus a hint to --help on stderr and returns CLI_EXIT_USAGE. */
int cli_usage_error(const struct cli_args *args, const char *format, ...) ZEUS_PRINTF(2, 3);

/* Prints "zeus env: message" on stderr and returns CLI_EXIT_FAILURE. */
int cli_failure(const struct cli_args *args, const char *format, ...) ZEUS_PRINTF(2, 3);
/* The same from an error object. */
int cli_error(const struct cli_args *args, const zeus_error *err);

/* All commands, in the order of the help text, NULL-terminated (commands.c). */
extern const struct cli_command *const cli_commands[];

/* Parses argv[1..] of a command and runs it. */
int cli_run(const struct cli_command *command, int argc, char **argv);

/* The command a name stands for, NULL when there is none. */
const struct cli_command *cli_find(const struct cli_command *const *list, const char *name);

/* Texts made from the tables (help.c, generate.c). */
void cli_print_help(FILE *out, const char *full_name, const struct cli_command *command);
void cli_print_overview(FILE *out);

#endif /* ZEUS_CLI_CLI_H */
