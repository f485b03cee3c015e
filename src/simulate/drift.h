/* SPDX-License-Identifier: Apache-2.0
 *
 * Sliding slices of a labelled text set in order of time: a data set that drifts. Where slices
 * begin and which lines go where; reading and writing files is the caller's.
 */
#ifndef ZEUS_SIMULATE_DRIFT_H
#define ZEUS_SIMULATE_DRIFT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

/* The lines of a text; views of it. */
struct drift_lines {
    size_t *starts; /* owned; line i is [starts[i], starts[i + 1]) without its newline */
    size_t count;
    size_t capacity;
};

/* Finds the lines; empty ones are left out. ZEUS_ELIMIT, ZEUS_ENOMEM. */
int drift_lines_find(const char *text, size_t len, struct drift_lines *ret_lines) ZEUS_CHECK;
void drift_lines_finish(struct drift_lines *lines);

/* Line i as a view, without newline or carriage return. */
const char *drift_line(const char *text, size_t len, const struct drift_lines *lines, size_t i,
                       size_t *ret_len);

struct drift_plan {
    uint64_t window;       /* lines of a slice, above 0 */
    uint64_t stride;       /* lines, or days when date_key is set; above 0 */
    const char *date_key;  /* NULL: by lines */
    const char *first_day; /* "YYYY-MM-DD" or NULL */
};

/* First line of each slice, while complete. *ret_first is owned: free. PARSE names the line whose
 * date is missing, malformed or earlier than the one before. */
int drift_plan_slices(const char *text, size_t len, const struct drift_lines *lines,
                      const struct drift_plan *plan, size_t **ret_first, size_t *ret_count,
                      zeus_error *err) ZEUS_CHECK;

/* Days since 1970-01-01 of text that begins "YYYY-MM-DD"; ZEUS_EPARSE. */
int drift_day(const char *text, size_t len, int64_t *ret_day) ZEUS_CHECK;

#endif /* ZEUS_SIMULATE_DRIFT_H */
