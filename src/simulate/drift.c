/* SPDX-License-Identifier: Apache-2.0
 *
 * Cutting a text set into slices. Dates are days of the proleptic Gregorian calendar; time zones
 * play no part, since only the order of days matters.
 */
#include "simulate/drift.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/json_reader.h"

#define LINES_MAX  ((size_t)1 << 31)
#define SLICES_MAX 1000000

int drift_lines_find(const char *text, size_t len, struct drift_lines *ret_lines)
{
    struct drift_lines lines = {.starts = NULL};
    for (size_t at = 0; at < len;) {
        const char *newline = memchr(text + at, '\n', len - at);
        const size_t end = newline ? (size_t)(newline - text) : len;
        if (end > at && !(end == at + 1 && text[at] == '\r')) {
            const int code = mem_grow(&lines.starts, &lines.capacity, lines.count + 1,
                                      sizeof(*lines.starts), LINES_MAX);
            if (code < 0) {
                drift_lines_finish(&lines);
                return code;
            }
            lines.starts[lines.count++] = at;
        }
        at = end + 1;
    }
    *ret_lines = lines;
    return 0;
}

void drift_lines_finish(struct drift_lines *lines)
{
    free(lines->starts);
    *lines = (struct drift_lines){.starts = NULL};
}

const char *drift_line(const char *text, size_t len, const struct drift_lines *lines, size_t i,
                       size_t *ret_len)
{
    const char *line = text + lines->starts[i];
    const size_t rest = len - lines->starts[i];
    const char *newline = memchr(line, '\n', rest);
    size_t size = newline ? (size_t)(newline - line) : rest;
    if (size > 0 && line[size - 1] == '\r') {
        size--;
    }
    *ret_len = size;
    return line;
}

static int digits(const char *text, size_t count, int64_t *ret_value)
{
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return ZEUS_EPARSE;
        }
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    return 0;
}

static int64_t month_length(int64_t year, int64_t month)
{
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && is_leap);
}

int drift_day(const char *text, size_t len, int64_t *ret_day)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    if (len < 10 || text[4] != '-' || text[7] != '-' || digits(text, 4, &year) < 0 ||
        digits(text + 5, 2, &month) < 0 || digits(text + 8, 2, &day) < 0 || year < 1 || month < 1 ||
        month > 12 || day < 1 || day > month_length(year, month)) {
        return ZEUS_EPARSE;
    }
    /* Years begin in March here, so that the leap day is the last of its year. */
    const int64_t shifted = month <= 2 ? year - 1 : year;
    const int64_t era = shifted / 400;
    const int64_t of_era = shifted - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    *ret_day = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return 0;
}

/* The day of a line: the string member `key` of its object. */
static int line_day(const char *line, size_t len, const char *key, int64_t *ret_day)
{
    struct json_reader r;
    json_reader_init(&r, line, len);
    if (json_next(&r) != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (int token = json_next(&r); token == JSON_KEY; token = json_next(&r)) {
        const int is_key = json_is(&r, key);
        token = json_next(&r);
        if (is_key) {
            return token == JSON_STRING ? drift_day(r.start, r.size, ret_day) : ZEUS_EPARSE;
        }
        if (token < 0 || json_skip(&r) < 0) {
            return ZEUS_EPARSE;
        }
    }
    return ZEUS_EPARSE;
}

/* Slices found so far. */
struct slices {
    size_t *first; /* owned */
    size_t count;
    size_t capacity;
};

static int add_slice(struct slices *s, size_t first, zeus_error *err)
{
    const int code = mem_grow(&s->first, &s->capacity, s->count + 1, sizeof(*s->first), SLICES_MAX);
    if (code < 0) {
        return err_set(err, code, "more than %d slices", SLICES_MAX);
    }
    s->first[s->count++] = first;
    return 0;
}

static int plan_by_lines(const struct drift_lines *lines, const struct drift_plan *plan,
                         struct slices *s, zeus_error *err)
{
    for (uint64_t first = 0; first <= lines->count && lines->count - first >= plan->window;
         first += plan->stride) {
        const int code = add_slice(s, (size_t)first, err);
        if (code < 0) {
            return code;
        }
        if (plan->stride > lines->count) {
            break;
        }
    }
    return 0;
}

static int plan_by_days(const char *text, size_t len, const struct drift_lines *lines,
                        const struct drift_plan *plan, struct slices *s, zeus_error *err)
{
    int64_t next = INT64_MIN; /* the day the next slice begins */
    if (plan->first_day && drift_day(plan->first_day, strlen(plan->first_day), &next) < 0) {
        return err_set(err, ZEUS_EINVAL, "first_day is \"%.20s\", expected YYYY-MM-DD",
                       plan->first_day);
    }
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < lines->count; i++) {
        size_t size = 0;
        const char *line = drift_line(text, len, lines, i, &size);
        int64_t day = 0;
        if (line_day(line, size, plan->date_key, &day) < 0) {
            return err_set(err, ZEUS_EPARSE, "line %zu: no member \"%.40s\" that begins YYYY-MM-DD",
                           i + 1, plan->date_key);
        }
        if (day < before) {
            return err_set(err, ZEUS_EPARSE, "line %zu: its date is before that of the line above",
                           i + 1);
        }
        before = day;
        if (day < next || lines->count - i < plan->window) {
            continue;
        }
        const int code = add_slice(s, i, err);
        if (code < 0) {
            return code;
        }
        if (next == INT64_MIN) {
            next = day;
        }
        /* Days without a line begin no slice of their own. */
        while (next <= day) {
            next += (int64_t)plan->stride;
        }
    }
    return 0;
}

int drift_plan_slices(const char *text, size_t len, const struct drift_lines *lines,
                      const struct drift_plan *plan, size_t **ret_first, size_t *ret_count,
                      zeus_error *err)
{
    if (plan->window == 0 || plan->stride == 0 || plan->stride > 1000000000) {
        return err_set(err, ZEUS_EINVAL, "window and stride must be above 0 (stride at most 1e9)");
    }
    struct slices s = {.first = NULL};
    const int code = plan->date_key ? plan_by_days(text, len, lines, plan, &s, err)
                                    : plan_by_lines(lines, plan, &s, err);
    if (code < 0) {
        free(s.first);
        return code;
    }
    *ret_first = s.first;
    *ret_count = s.count;
    return 0;
}
