/* SPDX-License-Identifier: Apache-2.0
 *
 * The `zeus` program: finds the command and runs it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <zeus/session.h>

#include "cli/cli.h"

static int print_version(void)
{
    (void)printf("zeus %s\n", zeus_version());
    return fflush(stdout) == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILURE;
}

/* With one of the three standard descriptors closed, the next file opened would take its number and
 * receive what was meant for a terminal. The stand-ins vanish at exec: a program we run finds them
 * closed as they were. */
static void guard_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) != fd) {
            return;
        }
    }
}

int main(int argc, char **argv)
{
    guard_standard_descriptors();
    if (argc < 2) {
        cli_print_overview(stderr);
        return CLI_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        cli_print_overview(stdout);
        return CLI_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        return print_version();
    }
    if (strcmp(name, "help") == 0) {
        const struct cli_command *topic = argc > 2 ? cli_find(cli_commands, argv[2]) : NULL;
        if (!topic) {
            cli_print_overview(stdout);
            return argc > 2 ? CLI_EXIT_USAGE : CLI_EXIT_OK;
        }
        char help[] = "--help";
        char *help_argv[] = {argv[2], help, NULL};
        return cli_run(topic, 2, help_argv);
    }
    const struct cli_command *command = cli_find(cli_commands, name);
    if (!command) {
        (void)fprintf(stderr, "zeus: there is no command '%s'\nTry 'zeus --help'.\n", name);
        return CLI_EXIT_USAGE;
    }
    return cli_run(command, argc - 1, argv + 1);
}
