/* SPDX-License-Identifier: Apache-2.0
 *
 * What `zeus run` found, as text, JSON (schema "zeus.run/1") and CSV.
 */
#ifndef ZEUS_CLI_RUN_REPORT_H
#define ZEUS_CLI_RUN_REPORT_H

#include <stdio.h>

#include <zeus/timeline.h>

#include "base/strbuf.h"
#include "cli/run_conditions.h"
#include "cli/run_samples.h"
#include "cli/run_trial.h"

/* Edges of places that a report keeps, 600 bytes each; phases may take half of them. */
#define RUN_EDGES_MAX 16384u

/* Idle power of every place of a measurement, in the measurement's order; NaN where unknown. */
struct run_idle {
    double seconds;  /* how long it was measured; 0: not asked for */
    double *place_w; /* owned */
    size_t count;
    zeus_measurement *measurement; /* owned; what it follows from */
};

/* Powers anew from the measurement, after its energies were settled. */
void run_idle_update(struct run_idle *idle);

struct run_report {
    char *const *argv;     /* borrowed */
    zeus_session *session; /* borrowed */
    struct trial *trials;  /* borrowed: the counted ones */
    size_t trial_count;
    uint32_t warmups;
    uint32_t asked;             /* repeats that were asked for */
    struct run_idle *idle;      /* borrowed */
    zeus_timeline *timeline;    /* borrowed; NULL: not asked for */
    struct run_samples samples; /* owned: what the timeline saw */
    /* Before the first run and after the last; owned. Empty: not asked for. */
    struct run_conditions conditions[2];
    struct run_watch *watches; /* owned: one a visible GPU; NULL: not asked for */
};

/* One row of the result: a place, or a sum of places. */
struct run_row {
    char label[64];    /* "gpu0", "cpu0 dram", "total" */
    zeus_energy first; /* of the first trial: provenance */
    uint32_t flags;    /* union over the trials */
    size_t count;      /* trials that have a number */
    double mean_j;
    double random_j; /* half width of the 95 % interval of the mean */
    double systematic_j;
    double net_j;     /* above idle; NaN when idle was not measured */
    char reason[160]; /* why there is no number, or what to know about it */
};

/* Rows for all places, then "total gpu" and "total". *ret_rows is owned (free). */
int run_report_rows(const struct run_report *report, struct run_row **ret_rows, size_t *ret_count)
    ZEUS_CHECK;

void run_report_text(const struct run_report *report, FILE *out);
int run_report_json(const struct run_report *report, struct strbuf *out) ZEUS_CHECK;
int run_report_csv(const struct run_report *report, FILE *out) ZEUS_CHECK;

#endif /* ZEUS_CLI_RUN_REPORT_H */
