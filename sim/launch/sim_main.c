/* SPDX-License-Identifier: Apache-2.0
 *
 * zeus-sim: simulated nodes from the command line. `zeus sim` runs this program.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/parse.h"
#include "launch/launch.h"
#include "launch/sim_cli.h"

static const struct {
    const char *name;
    int (*run)(const struct cli_args *);
} commands[] = {
    {"run", cli_run},   {"list", cli_list}, {"show", cli_show},   {"truth", cli_truth},
    {"load", cli_load}, {"work", cli_work}, {"clock", cli_clock},
};

int cli_fail(const zeus_error *err)
{
    (void)fprintf(stderr, "zeus sim: %s\n",
                  err->message[0] ? err->message : zeus_strerror(err->code));
    return 1;
}

/* Ends as the program ended: with its status, or by its signal. */
static int leave_as(int status)
{
    if (!WIFSIGNALED(status)) {
        return WEXITSTATUS(status);
    }
    int number = WTERMSIG(status);
    sigset_t mask;
    (void)signal(number, SIG_DFL);
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, number);
    (void)sigprocmask(SIG_UNBLOCK, &mask, NULL);
    (void)raise(number);
    return 128 + number;
}

int cli_run(const struct cli_args *args)
{
    zeus_error err = ZEUS_ERROR_INIT;
    struct launch_options options = {.node = args->node,
                                     .dir = args->dir,
                                     .faults = args->faults,
                                     .fault_count = args->fault_count,
                                     .is_privileged = args->is_privileged,
                                     .is_virtual = args->is_virtual,
                                     .keep = args->keep,
                                     .argv = args->rest};
    if (args->seed && parse_u64(args->seed, strlen(args->seed), &options.seed) < 0) {
        err_set(&err, ZEUS_EPARSE, "--seed '%s' is not a number", args->seed);
        return cli_fail(&err);
    }
    int status = 0;
    int r = launch_run(&options, &status, &err);
    return r < 0 ? cli_fail(&err) : leave_as(status);
}

int main(int argc, char **argv)
{
    struct cli_args args;
    int is_done = 0;
    int r = cli_parse(argc, argv, &args, &is_done);
    if (is_done) {
        return r;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, args.command) == 0) {
            r = commands[i].run(&args);
            break;
        }
    }
    if (fflush(stdout) != 0 && r == 0) {
        (void)fprintf(stderr, "zeus sim: standard output cannot be written\n");
        return 1;
    }
    return r;
}
