/* SPDX-License-Identifier: Apache-2.0
 *
 * What to know before believing a run, in words: other programs, limits, heat, sensors apart.
 */
#ifndef ZEUS_CLI_RUN_WARNINGS_H
#define ZEUS_CLI_RUN_WARNINGS_H

#include "cli/run_report.h"

#define RUN_WARNINGS_MAX 128u

struct run_warning {
    const char *kind; /* "throttled", stable; docs/report.md has the list */
    char text[240];   /* one sentence */
};

struct run_warnings {
    struct run_warning items[RUN_WARNINGS_MAX];
    size_t count;
    size_t left_out; /* beyond the bound */
};

/* Needs conditions, trials and samples of the report. */
void run_warnings_find(const struct run_report *report, struct run_warnings *ret_warnings);

#endif /* ZEUS_CLI_RUN_WARNINGS_H */
