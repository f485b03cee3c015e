/* SPDX-License-Identifier: Apache-2.0
 *
 * Every number of a report against the readings stored in it.
 */
#ifndef ZEUS_CLI_REPORT_VERIFY_H
#define ZEUS_CLI_REPORT_VERIFY_H

#include <stddef.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "cli/report_file.h"

struct report_verdict {
    size_t judged; /* numbers that were recomputed */
    size_t wrong;  /* of these, those that do not follow */
    size_t open;   /* numbers without the readings to recompute them */
};

/* One line a number to `out`. `page` is the file's text, for the numbers that people see. */
void report_verify(const struct report_file *file, const char *page, FILE *out,
                   struct report_verdict *ret_verdict);

/* The beginning of a table row of the page: place and joules (NaN: "unknown"). */
void report_row_begin(struct strbuf *out, const char *label, double energy_j);
/* The beginning of the line that tells the result. */
void report_headline_begin(struct strbuf *out, double energy_j);

#endif /* ZEUS_CLI_REPORT_VERIFY_H */
