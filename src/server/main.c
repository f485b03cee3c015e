/* SPDX-License-Identifier: Apache-2.0
 *
 * zeus-serve: the unprivileged optimizer servers.
 */
#include <stdio.h>
#include <string.h>

#include <zeus/version.h>

#include "base/macro.h"
#include "server/cmd.h"

extern char **environ;

static const struct {
    const char *name;
    int (*run)(int argc, char *const *argv, char *const *environment);
    const char *help;
} commands[] = {
    {"bso", cmd_bso, "batch size optimizer"},
    {"pfo", cmd_pfo, "pipeline frequency optimizer"},
};

static void usage(FILE *out)
{
    (void)fputs("usage: zeus-serve COMMAND [options]\n\n", out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        (void)fprintf(out, "  %-6s %s\n", commands[i].name, commands[i].help);
    }
    (void)fputs("\nzeus-serve COMMAND --help lists a server's options.\n", out);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("zeus-serve %s\n", ZEUS_VERSION_STRING);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        usage(stdout);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 2, argv + 2, environ);
        }
    }
    usage(stderr);
    return 2;
}
