/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of `zeus simulate`: a list of simulations, run by a pool of threads, then written as
 * text, JSON, CSV and pictures.
 */
#ifndef ZEUS_CLI_SIMULATE_H
#define ZEUS_CLI_SIMULATE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/simulate.h>

#include "base/attr.h"
#include "cli/cli.h"

/* One simulation to run. */
struct simulate_task {
    zeus_recurring_options options;
    size_t group;                /* index into simulate_set.groups, when there are groups */
    char group_name[64];         /* empty: single job */
    zeus_simulation *simulation; /* owned; NULL until run */
    zeus_error error;
};

/* All simulations of one command. */
struct simulate_set {
    const char *gpu;
    zeus_traces *traces;
    zeus_groups *groups; /* NULL: single jobs */
    struct simulate_task *tasks;
    size_t count;
    zeus_grid_point *grid; /* expectations of the job, for single jobs */
    size_t grid_count;
    int is_progress_shown;
};

void cli_simulate_finish(struct simulate_set *set);

/* Runs all tasks on `threads` threads (0: one for each processor). Failures are in the tasks'
 * errors; the code returned is about the pool itself. */
int cli_simulate_run(struct simulate_set *set, uint32_t threads, zeus_error *err) ZEUS_CHECK;

/* Name of a kind of simulation: "zeus", "default", "grid". */
const char *cli_simulate_kind_name(uint32_t kind);

/* The default choice and the cheapest of the grid, NULL when unknown. */
const zeus_grid_point *cli_simulate_default_point(const struct simulate_set *set);
const zeus_grid_point *cli_simulate_best_point(const struct simulate_set *set);

void cli_simulate_print(const struct simulate_set *set);
int cli_simulate_write_json(const struct simulate_set *set, const char *path, zeus_error *err)
    ZEUS_CHECK;
int cli_simulate_write_csv(const struct simulate_set *set, const char *path, zeus_error *err)
    ZEUS_CHECK;

/* Pictures into `directory`, which is made when it is not there: cost.svg, and for single jobs
 * regret.svg and energy.svg. */
int cli_simulate_plot(const struct simulate_set *set, const char *directory, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_CLI_SIMULATE_H */
