/* SPDX-License-Identifier: Apache-2.0
 *
 * Joules from the raw edges of a report, by the rule of docs/report.md and by nothing of the
 * library's; and the reading of a report file.
 */
#ifndef ZEUS_CLI_REPORT_EDGE_H
#define ZEUS_CLI_REPORT_EDGE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>
#include <zeus/monitor.h>

#include "base/attr.h"

#define REPORT_DATA_BEGIN "<script type=\"application/json\" id=\"zeus-data\">"
#define REPORT_DATA_END   "</script>"
#define REPORT_SEAL       "<!-- zeus-seal "

/* Energy at an edge since the source's start; NaN when the knots do not say. */
double report_edge_j(const zeus_edge *edge);

/* One number of a report and what it was made of. */
struct report_check {
    uint64_t trial;
    char place[64];
    double energy_j;
    double random_j;
    double total_j;    /* stated of the whole trial; NaN: none that could be recomputed */
    uint32_t in_total; /* this place is a part of it */
    zeus_edge edges[2];
    uint32_t edge_count;
};

/* FNV-1a over the bytes: finds damage, is no signature. */
uint64_t report_seal(const char *text, size_t len);

/* The checks of a report (owned: free). PARSE says what is wrong: not a report, truncated, changed,
 * missing data. */
int report_load(const char *text, size_t len, struct report_check **ret_checks, size_t *ret_count,
                zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_CLI_REPORT_EDGE_H */
