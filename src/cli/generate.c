/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus generate bash|zsh|man`: shell completions and man pages out of the option tables. Run at
 * build time; hidden from the list of commands.
 */
#include "cli/cli.h"

#include <string.h>

#include <zeus/version.h>

#include "base/macro.h"

typedef void visit_fn(const char *full_name, const struct cli_command *command);

/* Calls `visit` for a command and everything below it, with names such as "plan solve". */
static void walk(const struct cli_command *command, const char *prefix, visit_fn *visit)
{
    char name[96];
    (void)snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] ? " " : "", command->name);
    visit(name, command);
    for (const struct cli_command *const *sub = command->subcommands; sub && *sub; sub++) {
        walk(*sub, name, visit);
    }
}

static void walk_all(visit_fn *visit)
{
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if ((*c)->summary[0]) {
            walk(*c, "", visit);
        }
    }
}

static void print_words(const char *values)
{
    for (const char *p = values; *p; p++) {
        (void)putchar(*p == '|' ? ' ' : *p);
    }
}

/* bash: one case per command with its words, one case per option with a closed set of values. */
static void bash_words(const char *full_name, const struct cli_command *command)
{
    (void)printf("    '%s') words='--help", full_name);
    for (size_t i = 0; i < command->option_count; i++) {
        (void)printf(" --%s", command->options[i].name);
    }
    for (const struct cli_command *const *sub = command->subcommands; sub && *sub; sub++) {
        (void)printf(" %s", (*sub)->name);
    }
    (void)printf("' ;;\n");
}

static void bash_values(const char *full_name, const struct cli_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *o = &command->options[i];
        if (o->values) {
            (void)printf("    '%s --%s') words='", full_name, o->name);
            print_words(o->values);
            (void)printf("' ;;\n");
        } else if (o->arg) {
            (void)printf("    '%s --%s') want_files=1 ;;\n", full_name, o->name);
        }
    }
}

static void print_bash(void)
{
    (void)printf("# bash completion for zeus %s, made by 'zeus generate bash'\n"
                 "_zeus() {\n"
                 "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "  local cmd='' word words='' want_files=''\n"
                 "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                 "    case $word in\n"
                 "    --) COMPREPLY=($(compgen -c -- \"$cur\")); return ;;\n"
                 "    -*) break ;;\n"
                 "    *) cmd=\"${cmd:+$cmd }$word\" ;;\n"
                 "    esac\n"
                 "  done\n"
                 "  case \"$cmd $prev\" in\n",
                 ZEUS_VERSION_STRING);
    walk_all(bash_values);
    (void)printf("    *) case \"$cmd\" in\n    '') words='--help --version");
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        (void)printf("%s%s", (*c)->summary[0] ? " " : "", (*c)->summary[0] ? (*c)->name : "");
    }
    (void)printf("' ;;\n");
    walk_all(bash_words);
    (void)printf("    esac ;;\n"
                 "  esac\n"
                 "  if [ -n \"$want_files\" ]; then COMPREPLY=($(compgen -f -- \"$cur\"));\n"
                 "  else COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); fi\n"
                 "}\n"
                 "complete -F _zeus zeus\n");
}

/* Text inside zsh's single quotes and brackets. */
static void zsh_escape(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            (void)fputs("'\\''", stdout);
        } else {
            if (strchr("[]:\\", *text)) {
                (void)putchar('\\');
            }
            (void)putchar(*text);
        }
    }
}

static void zsh_case(const char *full_name, const struct cli_command *command)
{
    (void)printf("  '%s') _arguments '--help[show help]'", full_name);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *o = &command->options[i];
        (void)printf(" \\\n    '%s--%s[", o->is_repeated ? "*" : "", o->name);
        zsh_escape(o->help);
        (void)putchar(']');
        if (o->values) {
            (void)printf(":%s:(", o->arg);
            print_words(o->values);
            (void)putchar(')');
        } else if (o->arg) {
            (void)printf(":%s:_files", o->arg);
        }
        (void)putchar('\'');
    }
    if (command->subcommands) {
        (void)printf(" '1:command:(");
        for (const struct cli_command *const *sub = command->subcommands; *sub; sub++) {
            (void)printf(" %s", (*sub)->name);
        }
        (void)printf(")'");
    }
    (void)printf(" '*::arg:_normal' ;;\n");
}

static void print_zsh(void)
{
    (void)printf("#compdef zeus\n# made by 'zeus generate zsh', zeus %s\n"
                 "_zeus() {\n"
                 "  local cmd='' word\n"
                 "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
                 "    case $word in -*) break ;; *) cmd=\"${cmd:+$cmd }$word\" ;; esac\n"
                 "  done\n"
                 "  case $cmd in\n"
                 "  '') local -a commands; commands=(",
                 ZEUS_VERSION_STRING);
    for (const struct cli_command *const *c = cli_commands; *c; c++) {
        if ((*c)->summary[0]) {
            (void)printf("\n    '%s:", (*c)->name);
            zsh_escape((*c)->summary);
            (void)putchar('\'');
        }
    }
    (void)printf(")\n    _describe command commands ;;\n");
    walk_all(zsh_case);
    (void)printf("  esac\n}\n_zeus \"$@\"\n");
}

/* roff text: a leading dot or quote and backslashes must not be read as requests. */
static void man_text(const char *text)
{
    int at_line_start = 1;
    for (; *text; text++) {
        if (*text == '\n') {
            (void)fputs("\n.PP\n", stdout);
            at_line_start = 1;
            continue;
        }
        if (at_line_start && (*text == '.' || *text == '\'')) {
            (void)fputs("\\&", stdout);
        }
        if (*text == '\\') {
            (void)fputs("\\e", stdout);
        } else if (*text == '-') {
            (void)fputs("\\-", stdout);
        } else {
            (void)putchar(*text);
        }
        at_line_start = 0;
    }
    (void)putchar('\n');
}

static void man_option(const struct cli_option *o)
{
    (void)printf(".TP\n");
    if (o->letter) {
        (void)printf("\\fB\\-%c\\fR, ", o->letter);
    }
    (void)printf("\\fB\\-\\-%s\\fR", o->name);
    if (o->arg) {
        (void)printf(" \\fI%s\\fR", o->arg);
    }
    (void)putchar('\n');
    man_text(o->help);
    if (o->values) {
        (void)printf("One of: %s.\n", o->values);
    }
}

static void man_command(const char *full_name, const struct cli_command *command)
{
    (void)printf(".SS \"zeus %s %s\"\n", full_name, command->operands);
    man_text(command->description);
    for (size_t i = 0; i < command->option_count; i++) {
        man_option(&command->options[i]);
    }
    if (command->examples) {
        (void)printf(".PP\nExamples:\n.PP\n.nf\n");
        for (const char *p = command->examples; *p; p++) {
            (void)fputs(*p == '\\' ? "\\e" : *p == '-' ? "\\-" : (char[]){*p, 0}, stdout);
        }
        (void)printf("\n.fi\n");
    }
}

static void print_man(void)
{
    (void)printf(".\\\" made by 'zeus generate man'\n"
                 ".TH ZEUS 1 \"\" \"zeus %s\" \"Zeus\"\n"
                 ".SH NAME\nzeus \\- measure the energy of computing, and lower it\n"
                 ".SH SYNOPSIS\n\\fBzeus\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]...\n"
                 ".SH DESCRIPTION\n"
                 "Measures the energy that GPUs, CPUs and SoCs spend while programs run, with an\n"
                 "uncertainty and an origin for each number.\n"
                 ".SH COMMANDS\n",
                 ZEUS_VERSION_STRING);
    walk_all(man_command);
    (void)printf(".SH EXIT STATUS\n0 on success, 1 on failure, 2 on wrong usage. "
                 "\\fBrun\\fR and \\fBsim\\fR pass on the status of the program they ran.\n"
                 ".SH ENVIRONMENT\n"
                 "CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER, HIP_VISIBLE_DEVICES and\n"
                 "ROCR_VISIBLE_DEVICES select devices as they do for the programs measured.\n");
}

static int run_generate(const struct cli_args *args)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } kinds[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"man", print_man}};
    for (size_t i = 0; args->operand_count == 1 && i < ARRAY_LEN(kinds); i++) {
        if (strcmp(args->operands[0], kinds[i].name) == 0) {
            kinds[i].print();
            return CLI_EXIT_OK;
        }
    }
    return cli_usage_error(args, "one of bash, zsh, man is needed");
}

const struct cli_command cli_cmd_generate = {
    .name = "generate",
    .summary = "",
    .operands = "bash|zsh|man",
    .description = "Prints shell completions or the man page, made from the option tables.",
    .run = run_generate,
};
