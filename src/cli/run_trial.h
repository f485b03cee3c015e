/* SPDX-License-Identifier: Apache-2.0
 *
 * One measured execution of a program: the child, the window around it, its phases, and the keys by
 * which the energy is split between the program, everybody else and nobody.
 */
#ifndef ZEUS_CLI_RUN_TRIAL_H
#define ZEUS_CLI_RUN_TRIAL_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/monitor.h>
#include <zeus/session.h>

#include "cli/child.h"
#include "cli/run_conditions.h"

#define TRIAL_PHASES_MAX 1024

/* A stretch between two marks on the program's output. */
struct trial_phase {
    char label[128];               /* the line that began it; "start" for the first */
    zeus_measurement *measurement; /* owned */
};

/* Shares of one resource's use: program + others + unattributed = 1. Estimates. */
struct trial_shares {
    int is_known;
    double program;
    double others;
    double unattributed;
};

struct trial {
    struct child child;
    int start_errno;               /* the program could not be started */
    zeus_measurement *measurement; /* owned; NULL when it did not start */
    double time_s;
    struct trial_phase *phases; /* owned */
    size_t phase_count;
    size_t phases_dropped;
    struct trial_shares cpu;
    struct trial_shares *gpus; /* owned; one per visible GPU */
    uint32_t gpu_count;
};

struct trial_options {
    zeus_session *session; /* borrowed, as all below */
    zeus_monitor *monitor;
    char *const *argv;
    const char *phase_token; /* NULL: stdout is the child's own */
    int with_shares;
    int keeps_edges;           /* of the run, for a report */
    size_t phases_kept;        /* and of so many phases */
    struct run_watch *watches; /* one a visible GPU; NULL: none wanted */
};

/* Runs the program once. 0, or a negative code with `err` filled when *we* failed; a program that
 * cannot be started or fails is a result (start_errno, child.wait_status). */
int trial_run(const struct trial_options *options, struct trial *ret_trial, zeus_error *err)
    ZEUS_CHECK;

void trial_done(struct trial *trial);

#endif /* ZEUS_CLI_RUN_TRIAL_H */
