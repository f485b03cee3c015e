/* SPDX-License-Identifier: Apache-2.0
 *
 * A load program that is switched on and off while something is measured.
 *
 * The program runs in a process group of its own, with no input and its output thrown away (its
 * errors are shown). LOAD_PAUSE starts it once, stops it by SIGTSTP (and SIGSTOP where that does
 * not help) and goes on by SIGCONT: its edges are true to the time the kernel needs to stop and
 * wake processes, which is why it is the usual way. LOAD_RESTART starts and kills it: for programs
 * that must not be paused; what they need to get going is part of their edges.
 */
#ifndef ZEUS_CLI_LOAD_SWITCH_H
#define ZEUS_CLI_LOAD_SWITCH_H

#include <stdint.h>
#include <sys/types.h>

#include <zeus/error.h>

#include "base/attr.h"

enum load_mode { LOAD_PAUSE, LOAD_RESTART };

struct load_switch {
    const char *command; /* shell text, borrowed */
    enum load_mode mode;
    pid_t pid; /* leads the group; 0: not running */
    int is_on;
};

/* Starts the program where the mode is LOAD_PAUSE, and leaves it running. */
int load_switch_start(struct load_switch *load, zeus_error *err) ZEUS_CHECK;

/* Fits zeus_calibrate_load. STATE when the program ended by itself. */
int load_switch_set(int is_on, void *user, zeus_error *err) ZEUS_CHECK;

/* Ends the program and everything it started in its group: politely, then for certain. */
void load_switch_stop(struct load_switch *load);

#endif /* ZEUS_CLI_LOAD_SWITCH_H */
