/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line of zeus-sim: one table of options.
 */
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"
#include "launch/sim_cli.h"

static const char usage[] =
    "usage: zeus sim --node NAME|FILE [--privileged] [--fault SPEC]... [--seed N] [--virtual]\n"
    "                [--dir DIR] [--keep] -- COMMAND [ARGUMENT...]\n"
    "       zeus sim --list [--json]\n"
    "Inside a simulation (or with --dir):\n"
    "       zeus sim show [--json]\n"
    "       zeus sim truth --device ID [--domain NAME] [--from TIME] [--to TIME] [--json]\n"
    "       zeus sim load --device ID --level 0..1 --seconds N\n"
    "       zeus sim work --device ID --units N [--json]\n"
    "       zeus sim clock [--to TIME] [--json]\n"
    "\n"
    "Runs any program with simulated devices: NVML, AMD SMI, RAPL, hwmon and Jetson rails. Its "
    "exit\n"
    "status is the program's.\n"
    "  --node NAME|FILE  what to simulate: a name of --list or a file of your own\n"
    "  --privileged      permit setters (power limits, clocks, persistence)\n"
    "  --fault SPEC      TARGET:[fn=NAME:][at=TIME:][for=TIME:]EFFECT[=VALUE], for example\n"
    "                    gpu3:at=2s:GPU_IS_LOST; may be given again\n"
    "  --seed N          other phases and noise\n"
    "  --virtual         time stands still until `zeus sim clock --to` moves it\n"
    "  --dir DIR         use (run: make) this directory; --keep leaves it at the end\n"
    "  TIME              monotonic seconds, 123ns, now, start, start+2s, now-500ms\n"
    "docs/simulation.md describes node files, faults, and how the truth is defined.\n";

static const struct {
    const char *name;
    size_t text; /* offset of a const char * in cli_args; SIZE_MAX: none */
    size_t flag; /* offset of an int */
} options[] = {
    {"--node", offsetof(struct cli_args, node), SIZE_MAX},
    {"--dir", offsetof(struct cli_args, dir), SIZE_MAX},
    {"--device", offsetof(struct cli_args, device), SIZE_MAX},
    {"--domain", offsetof(struct cli_args, domain), SIZE_MAX},
    {"--from", offsetof(struct cli_args, from), SIZE_MAX},
    {"--to", offsetof(struct cli_args, to), SIZE_MAX},
    {"--level", offsetof(struct cli_args, level), SIZE_MAX},
    {"--seconds", offsetof(struct cli_args, seconds), SIZE_MAX},
    {"--units", offsetof(struct cli_args, units), SIZE_MAX},
    {"--seed", offsetof(struct cli_args, seed), SIZE_MAX},
    {"--privileged", SIZE_MAX, offsetof(struct cli_args, is_privileged)},
    {"--virtual", SIZE_MAX, offsetof(struct cli_args, is_virtual)},
    {"--keep", SIZE_MAX, offsetof(struct cli_args, keep)},
    {"--json", SIZE_MAX, offsetof(struct cli_args, json)},
};

static int mistake(const char *word, const char *what)
{
    (void)fprintf(stderr, "zeus sim: %s: %s\n`zeus sim --help` shows how it is used\n", word, what);
    return CLI_USAGE;
}

/* The value of an option: after '=', or the next word. */
static const char *take_value(int argc, char **argv, int *at, size_t name_len)
{
    if (argv[*at][name_len] == '=') {
        return argv[*at] + name_len + 1;
    }
    if (*at + 1 >= argc) {
        return NULL;
    }
    return argv[++*at];
}

static int take_option(int argc, char **argv, int *at, struct cli_args *args)
{
    char *word = argv[*at];
    size_t len = strcspn(word, "=");
    if (len == 7 && strncmp(word, "--fault", len) == 0) {
        const char *value = take_value(argc, argv, at, len);
        if (!value || args->fault_count >= CLI_FAULTS_MAX) {
            return mistake("--fault", "needs a value and is given at most 64 times");
        }
        args->faults[args->fault_count++] = value;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (strlen(options[i].name) != len || strncmp(word, options[i].name, len) != 0) {
            continue;
        }
        if (options[i].flag != SIZE_MAX) {
            if (word[len] == '=') {
                return mistake(options[i].name, "takes no value");
            }
            *(int *)(void *)((char *)args + options[i].flag) = 1;
            return 0;
        }
        const char *value = take_value(argc, argv, at, len);
        if (!value) {
            return mistake(options[i].name, "needs a value");
        }
        memcpy((char *)args + options[i].text, &value, sizeof(value));
        return 0;
    }
    return mistake(word, "is not an option of zeus sim");
}

static int is_command(const char *word)
{
    static const char *const commands[] = {"show", "truth", "load", "work", "clock"};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i], word) == 0) {
            return 1;
        }
    }
    return 0;
}

int cli_parse(int argc, char **argv, struct cli_args *args, int *ret_is_done)
{
    *args = (struct cli_args){0};
    *ret_is_done = 1;
    int at = 1;
    for (; at < argc; at++) {
        const char *word = argv[at];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (strcmp(word, "--") == 0) {
            at++;
            break;
        }
        if (strcmp(word, "--list") == 0) {
            args->command = "list";
        } else if (word[0] == '-' && word[1]) {
            int r = take_option(argc, argv, &at, args);
            if (r != 0) {
                return r;
            }
        } else if (!args->command && is_command(word)) {
            args->command = word;
        } else if (args->node && !args->command) {
            break; /* the program may come without "--" */
        } else {
            return mistake(word, "is not a command of zeus sim");
        }
    }
    args->rest = argv + at;
    args->rest_count = argc - at;
    if (!args->command) {
        args->command = "run";
        if (!args->node) {
            return mistake("--node", "is missing: which node?");
        }
        if (args->rest_count == 0) {
            return mistake("COMMAND", "is missing: what to run after --?");
        }
    } else if (args->rest_count > 0) {
        return mistake(args->rest[0], "is one word too many");
    }
    *ret_is_done = 0;
    return 0;
}
