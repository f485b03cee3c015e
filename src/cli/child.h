/* SPDX-License-Identifier: Apache-2.0
 *
 * Running somebody else's program without getting in its way: terminal, stdin, signals, job control
 * and exit status are the program's own.
 *
 * The child stays in our process group. Signals from the terminal reach it by themselves; signals
 * that somebody sends to us alone are passed on. When it stops for job control we stop too, and
 * when we are killed it is killed (PR_SET_PDEATHSIG), so that nothing is orphaned. All of this
 * needs our signals blocked before any thread starts: child_block_signals() first.
 */
#ifndef ZEUS_CLI_CHILD_H
#define ZEUS_CLI_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct child {
    pid_t pid;
    int stdout_fd;   /* read end when the output was asked for, else -1 */
    int wait_status; /* of waitpid, once child_wait returned 0 */
    int last_signal; /* INT, QUIT, TERM or HUP that came to us meanwhile, else 0 */
    double user_s;   /* CPU time of the child and what it waited for */
    double system_s;
    long max_rss_kib;
};

/* Blocks the signals that child_wait handles, in the calling thread; threads started later inherit
 * that. The program run gets the mask from before. Call once, early. */
void child_block_signals(void);

/* What becomes of the child's stdout. */
enum child_stdout {
    CHILD_STDOUT_PASSED = 0, /* it is ours */
    CHILD_STDOUT_CAPTURED,   /* a pipe whose read end is child->stdout_fd (owned: close) */
    CHILD_STDOUT_DROPPED,
};

/* Starts argv[0] (looked up in $PATH). 0, or errno of what failed: fork or exec. */
int child_start(struct child *child, char *const *argv, enum child_stdout out) ZEUS_CHECK;

/* Waits for the end of the child, passing signals on. 0, or errno. */
int child_wait(struct child *child) ZEUS_CHECK;

/* Exit code a shell would show: 0 to 255, or 128 + signal. */
int child_exit_code(const struct child *child);

/* Ends this process the way the child ended: same exit code, or killed by the same signal. */
void child_die_alike(const struct child *child);

#endif /* ZEUS_CLI_CHILD_H */
