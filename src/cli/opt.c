/* SPDX-License-Identifier: Apache-2.0
 *
 * Option parsing from the commands' tables. Names are exact: a prefix that is unique today would
 * change its meaning when an option is added.
 * "--name value", "--name=value", "-n value" and "-nvalue" are accepted; "--" ends the options.
 */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"

static void print_message(const struct cli_args *args, const char *format, va_list list)
    ZEUS_PRINTF(2, 0);

static void print_message(const struct cli_args *args, const char *format, va_list list)
{
    (void)fprintf(stderr, "%s: ", args->full_name);
    (void)vfprintf(stderr, format, list);
    (void)fputc('\n', stderr);
}

int cli_usage_error(const struct cli_args *args, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_message(args, format, list);
    va_end(list);
    (void)fprintf(stderr, "Try '%s --help'.\n", args->full_name);
    return CLI_EXIT_USAGE;
}

int cli_failure(const struct cli_args *args, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_message(args, format, list);
    va_end(list);
    return CLI_EXIT_FAILURE;
}

int cli_error(const struct cli_args *args, const zeus_error *err)
{
    return cli_failure(args, "%s", err->message[0] ? err->message : zeus_strerror(err->code));
}

const struct cli_command *cli_find(const struct cli_command *const *list, const char *name)
{
    for (; list && *list; list++) {
        if (strcmp((*list)->name, name) == 0) {
            return *list;
        }
    }
    return NULL;
}

static const struct cli_option *find_option(const struct cli_command *command, const char *name,
                                            size_t len)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *o = &command->options[i];
        if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
            return o;
        }
    }
    return NULL;
}

static const struct cli_option *find_letter(const struct cli_command *command, char letter)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == letter) {
            return &command->options[i];
        }
    }
    return NULL;
}

static int is_listed(const char *values, const char *value)
{
    size_t len = strlen(value);
    for (const char *p = values; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        size_t word = strcspn(p, "|");
        if (word == len && memcmp(p, value, len) == 0) {
            return 1;
        }
    }
    return 0;
}

static int keep(struct cli_args *args, const struct cli_option *option, const char *value)
{
    if (option->values && value && !is_listed(option->values, value)) {
        return cli_usage_error(args, "--%s: '%s' is none of %s", option->name, value,
                               option->values);
    }
    args->given[args->given_count++] = (struct cli_given){option, value};
    return 0;
}

/* One long or short option at argv[i]; returns how many entries it took, or -exit code. */
static int take_option(struct cli_args *args, int argc, char **argv, int i)
{
    const char *word = argv[i];
    int is_long = word[1] == '-';
    const char *inline_value = NULL;
    const struct cli_option *option;
    if (is_long) {
        size_t len = strcspn(word + 2, "=");
        option = find_option(args->command, word + 2, len);
        inline_value = word[2 + len] == '=' ? word + 3 + len : NULL;
    } else {
        option = find_letter(args->command, word[1]);
        inline_value = word[2] ? word + 2 : NULL;
    }
    if (!option) {
        return -cli_usage_error(args, "unknown option '%s'", word);
    }
    if (!option->arg) {
        if (inline_value) {
            return -cli_usage_error(args, "--%s takes no value ('%s')", option->name, word);
        }
        return keep(args, option, "") ? -CLI_EXIT_USAGE : 1;
    }
    if (inline_value) {
        return keep(args, option, inline_value) ? -CLI_EXIT_USAGE : 1;
    }
    if (i + 1 >= argc) {
        return -cli_usage_error(args, "--%s needs a value (%s)", option->name, option->arg);
    }
    return keep(args, option, argv[i + 1]) ? -CLI_EXIT_USAGE : 2;
}

/* Fills args from argv[1..]; 0, an exit code, or -1 when help was asked for. */
static int parse(struct cli_args *args, int argc, char **argv)
{
    int i = 1;
    while (i < argc && !args->command->is_raw) {
        const char *word = argv[i];
        if (strcmp(word, "--") == 0) {
            i++;
            break;
        }
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            return -1;
        }
        if (word[0] == '-' && word[1] != '\0') {
            int used = take_option(args, argc, argv, i);
            if (used < 0) {
                return -used;
            }
            i += used;
            continue;
        }
        if (args->command->passes_command) {
            break;
        }
        args->operands[args->operand_count++] = argv[i++];
    }
    while (i < argc) {
        args->operands[args->operand_count++] = argv[i++];
    }
    return 0;
}

static int run_parsed(struct cli_args *args, int argc, char **argv)
{
    args->given = calloc((size_t)argc + 1, sizeof(*args->given));
    args->operands = calloc((size_t)argc + 1, sizeof(*args->operands));
    if (!args->given || !args->operands) {
        return cli_failure(args, "out of memory");
    }
    int r = parse(args, argc, argv);
    if (r > 0) {
        return r;
    }
    if (r < 0) {
        cli_print_help(stdout, args->full_name, args->command);
        return CLI_EXIT_OK;
    }
    if (!args->command->run) {
        return cli_usage_error(args, "a subcommand is needed");
    }
    return args->command->run(args);
}

int cli_run(const struct cli_command *command, int argc, char **argv)
{
    struct cli_args args = {.command = command};
    (void)snprintf(args.full_name, sizeof(args.full_name), "zeus %s", command->name);
    while (args.command->subcommands && argc > 1 && argv[1][0] != '-') {
        const struct cli_command *sub = cli_find(args.command->subcommands, argv[1]);
        if (!sub) {
            if (args.command->run) {
                break; /* a command that takes operands beside its subcommands */
            }
            return cli_usage_error(&args, "there is no subcommand '%s'", argv[1]);
        }
        size_t used = strlen(args.full_name);
        (void)snprintf(args.full_name + used, sizeof(args.full_name) - used, " %s", sub->name);
        args.command = sub;
        argc--;
        argv++;
    }
    int r = run_parsed(&args, argc, argv);
    free(args.given);
    free(args.operands);
    if (fflush(stdout) != 0 && r == CLI_EXIT_OK) {
        return cli_failure(&args, "cannot write the output");
    }
    return r;
}

const char *cli_get(const struct cli_args *args, const char *name)
{
    ZEUS_ASSERT(find_option(args->command, name, strlen(name)));
    const char *value = NULL;
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].option->name, name) == 0) {
            value = args->given[i].value;
        }
    }
    return value;
}

int cli_has(const struct cli_args *args, const char *name)
{
    return cli_get(args, name) != NULL;
}

const char *cli_get_nth(const struct cli_args *args, const char *name, size_t position)
{
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].option->name, name) == 0 && position-- == 0) {
            return args->given[i].value;
        }
    }
    return NULL;
}

int cli_get_u32(const struct cli_args *args, const char *name, uint32_t fallback,
                uint32_t *ret_value)
{
    const char *text = cli_get(args, name);
    *ret_value = fallback;
    if (text && parse_u32(text, strlen(text), ret_value) < 0) {
        return cli_usage_error(args, "--%s: '%s' is not a whole number", name, text);
    }
    return 0;
}

int cli_get_double(const struct cli_args *args, const char *name, double fallback,
                   double *ret_value)
{
    const char *text = cli_get(args, name);
    *ret_value = fallback;
    if (text && parse_double(text, strlen(text), 1, ret_value) < 0) {
        return cli_usage_error(args, "--%s: '%s' is not a number", name, text);
    }
    return 0;
}

int cli_get_duration_ns(const struct cli_args *args, const char *name, uint64_t fallback_ns,
                        uint64_t *ret_ns)
{
    const char *text = cli_get(args, name);
    *ret_ns = fallback_ns;
    if (text && parse_duration_ns(text, strlen(text), ret_ns) < 0) {
        return cli_usage_error(args, "--%s: '%s' is not a duration (e.g. 250ms, 1.5s, 2m)", name,
                               text);
    }
    return 0;
}

/* One item "5" or "5-7"; 0 or a negative code. */
static int parse_range(const char *text, size_t len, uint32_t *ret_first, uint32_t *ret_last)
{
    const char *dash = memchr(text, '-', len);
    size_t first_len = dash ? (size_t)(dash - text) : len;
    int r = parse_u32(text, first_len, ret_first);
    if (r < 0 || !dash) {
        *ret_last = *ret_first;
        return r;
    }
    r = parse_u32(dash + 1, len - first_len - 1, ret_last);
    return r < 0 ? r : *ret_last < *ret_first ? ZEUS_ERANGE : 0;
}

int cli_get_index_list(const struct cli_args *args, const char *name, uint32_t **ret_list,
                       size_t *ret_count)
{
    enum { LIST_MAX = 4096 };
    const char *text = cli_get(args, name);
    *ret_list = NULL;
    *ret_count = 0;
    if (!text) {
        return 0;
    }
    uint32_t *list = calloc(LIST_MAX, sizeof(*list));
    if (!list) {
        return cli_failure(args, "out of memory");
    }
    size_t count = 0;
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        uint32_t first = 0;
        uint32_t last = 0;
        size_t len = strcspn(p, ",");
        if (len == 0 && p == text && !strchr(text, ',')) {
            break; /* an empty list: none of them */
        }
        if (parse_range(p, len, &first, &last) < 0 || last - first >= LIST_MAX - count) {
            free(list);
            return cli_usage_error(args, "--%s: '%s' is not a list of indices (e.g. 0,2,5-7)", name,
                                   text);
        }
        for (uint32_t i = first; i <= last; i++) {
            list[count++] = i;
        }
    }
    *ret_list = list;
    *ret_count = count;
    return 0;
}
