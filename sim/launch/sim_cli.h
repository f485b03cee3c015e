/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of zeus-sim.
 */
#ifndef ZEUS_SIM_CLI_H
#define ZEUS_SIM_CLI_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "simcore/sim.h"

#define CLI_FAULTS_MAX 64
#define CLI_USAGE      2 /* exit status of a command line that makes no sense */

/* Every option there is; each command takes some of them. */
struct cli_args {
    const char *command; /* "run", "list", "show", "truth", "load", "work", "clock" */
    const char *node;
    const char *dir;
    const char *device;
    const char *domain;
    const char *from;
    const char *to;
    const char *level;
    const char *seconds;
    const char *units;
    const char *seed;
    const char *faults[CLI_FAULTS_MAX];
    size_t fault_count;
    int is_privileged;
    int is_virtual;
    int keep;
    int json;
    char **rest; /* after "--", or the words of a command */
    int rest_count;
};

/* Fills `args`; 0, or the exit status to leave with (help was asked for, or a mistake was named).
 */
int cli_parse(int argc, char **argv, struct cli_args *args, int *ret_is_done);

int cli_run(const struct cli_args *args);
int cli_list(const struct cli_args *args);
int cli_show(const struct cli_args *args);
int cli_truth(const struct cli_args *args);
int cli_load(const struct cli_args *args);
int cli_work(const struct cli_args *args);
int cli_clock(const struct cli_args *args);

/* Prints "zeus sim: message" and yields exit status 1. */
int cli_fail(const zeus_error *err);

/* A point in time: seconds of the monotonic clock ("5123.25"), "123ns", "now", "start", or one of
 * these words plus or minus a duration ("start+2s", "now-500ms"). */
int cli_take_time(const struct sim *sim, const char *text, uint64_t *ret_ns, zeus_error *err);

#endif /* ZEUS_SIM_CLI_H */
