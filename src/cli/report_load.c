/* SPDX-License-Identifier: Apache-2.0
 *
 * A report file back into numbers. The file is somebody's: nothing in it is trusted.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/report_edge.h"
#include "codec/json_reader.h"

#define CHECKS_MAX  1000000u
#define SCHEMA_TEXT "zeus.report/1"

uint64_t report_seal(const char *text, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static const char *find(const char *text, size_t len, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= len; i++) {
        if (text[i] == what[0] && memcmp(text + i, what, n) == 0) {
            return text + i;
        }
    }
    return NULL;
}

/* The next token must be a number (or null, NaN then). */
static int number(struct json_reader *r, double *ret)
{
    int t = json_next(r);
    if (t == JSON_NULL) {
        *ret = (double)NAN;
        return 0;
    }
    return t == JSON_NUMBER ? json_get_double(r, ret) : ZEUS_EPARSE;
}

static int whole(struct json_reader *r, uint64_t *ret)
{
    return json_next(r) == JSON_NUMBER ? json_get_u64(r, ret) : ZEUS_EPARSE;
}

static int read_knot(struct json_reader *r, zeus_edge *edge)
{
    uint64_t half_ns = 0;
    uint64_t flags = 0;
    zeus_knot knot = {0};
    int code = edge->knot_count < ZEUS_EDGE_KNOTS_MAX ? 0 : ZEUS_EPARSE;
    code = code ? code : whole(r, &knot.time_ns);
    code = code ? code : whole(r, &half_ns);
    code = code ? code : whole(r, &flags);
    code = code ? code : number(r, &knot.energy_j);
    if (code || half_ns > UINT32_MAX || flags > UINT32_MAX || json_next(r) != JSON_ARRAY_END) {
        return ZEUS_EPARSE;
    }
    if (edge->knot_count > 0 && knot.time_ns < edge->knots[edge->knot_count - 1].time_ns) {
        return ZEUS_EPARSE;
    }
    knot.half_ns = (uint32_t)half_ns;
    knot.flags = (uint32_t)flags;
    edge->knots[edge->knot_count++] = knot;
    return 0;
}

static int read_knots(struct json_reader *r, zeus_edge *edge)
{
    if (json_next(r) != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    int t = json_next(r);
    for (; t == JSON_ARRAY_BEGIN; t = json_next(r)) {
        if (read_knot(r, edge) < 0) {
            return ZEUS_EPARSE;
        }
    }
    return t == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}

static int read_edge(struct json_reader *r, zeus_edge *edge)
{
    unsigned seen = 0;
    *edge = (zeus_edge){.now_w = (double)NAN, .settled_j = (double)NAN};
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "time_ns")) {
            code = whole(r, &edge->time_ns);
            seen |= 1;
        } else if (json_is(r, "period_ns")) {
            code = whole(r, &edge->period_ns);
            seen |= 2;
        } else if (json_is(r, "now_ns")) {
            code = whole(r, &edge->now_ns);
        } else if (json_is(r, "now_w")) {
            code = number(r, &edge->now_w);
        } else if (json_is(r, "blur_s")) {
            code = number(r, &edge->blur_s);
            seen |= 4;
        } else if (json_is(r, "settled_j")) {
            code = number(r, &edge->settled_j);
        } else if (json_is(r, "knots")) {
            code = read_knots(r, edge);
            seen |= 8;
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return ZEUS_EPARSE;
        }
    }
    int is_sane = edge->blur_s >= 0 && edge->blur_s < 1e6;
    return t == JSON_OBJECT_END && seen == 15 && is_sane ? 0 : ZEUS_EPARSE;
}

static int read_edges(struct json_reader *r, struct report_check *check)
{
    int t = json_next(r);
    if (t != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (t = json_next(r); t == JSON_OBJECT_BEGIN; t = json_next(r)) {
        if (check->edge_count == 2 || read_edge(r, &check->edges[check->edge_count++]) < 0) {
            return ZEUS_EPARSE;
        }
    }
    return t == JSON_ARRAY_END && check->edge_count == 2 ? 0 : ZEUS_EPARSE;
}

static int read_check(struct json_reader *r, struct report_check *check)
{
    *check = (struct report_check){
        .energy_j = (double)NAN, .random_j = (double)NAN, .total_j = (double)NAN};
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "trial")) {
            code = whole(r, &check->trial);
        } else if (json_is(r, "place")) {
            code = json_next(r) == JSON_STRING
                       ? json_get_string(r, check->place, sizeof(check->place))
                       : ZEUS_EPARSE;
        } else if (json_is(r, "energy_j")) {
            code = number(r, &check->energy_j);
        } else if (json_is(r, "random_j")) {
            code = number(r, &check->random_j);
        } else if (json_is(r, "in_total")) {
            t = json_next(r);
            code = t == JSON_TRUE || t == JSON_FALSE ? 0 : ZEUS_EPARSE;
            check->in_total = t == JSON_TRUE;
        } else if (json_is(r, "total_j")) {
            code = number(r, &check->total_j);
        } else if (json_is(r, "edges")) {
            code = read_edges(r, check);
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return ZEUS_EPARSE;
        }
    }
    int is_whole = check->place[0] && !isnan(check->energy_j) && check->edge_count == 2;
    return t == JSON_OBJECT_END && is_whole ? 0 : ZEUS_EPARSE;
}

struct checks {
    struct report_check *items; /* owned */
    size_t count;
    size_t room;
};

static int read_checks(struct json_reader *r, struct checks *list)
{
    int t = json_next(r);
    if (t != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (t = json_next(r); t == JSON_OBJECT_BEGIN; t = json_next(r)) {
        if (list->count == list->room) {
            size_t room = list->room ? 2 * list->room : 16;
            void *more =
                room > CHECKS_MAX ? NULL : realloc(list->items, room * sizeof(*list->items));
            if (!more) {
                return ZEUS_ENOMEM;
            }
            list->items = more;
            list->room = room;
        }
        if (read_check(r, &list->items[list->count]) < 0) {
            return ZEUS_EPARSE;
        }
        list->count++;
    }
    return t == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}

static int read_data(struct json_reader *r, struct checks *list)
{
    int has_schema = 0;
    int has_checks = 0;
    int code = json_next(r) == JSON_OBJECT_BEGIN ? 0 : ZEUS_EPARSE;
    int t = code ? code : json_next(r);
    for (; t == JSON_KEY && code == 0; t = code ? t : json_next(r)) {
        if (json_is(r, "schema")) {
            has_schema = json_next(r) == JSON_STRING && json_is(r, SCHEMA_TEXT);
            code = has_schema ? 0 : ZEUS_EPARSE;
        } else if (json_is(r, "checks") && !has_checks) {
            has_checks = 1;
            code = read_checks(r, list);
        } else {
            code = json_skip(r);
        }
    }
    if (code == 0 && (t != JSON_OBJECT_END || json_next(r) != JSON_END)) {
        code = ZEUS_EPARSE;
    }
    return code ? code : has_schema && has_checks ? 0 : ZEUS_EPARSE;
}

static int check_seal(const char *text, size_t len, zeus_error *err)
{
    char seal[64];
    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    int n = snprintf(seal, sizeof(seal), REPORT_SEAL "%016llx -->", 0ULL);
    size_t size = (size_t)n;
    if (len < size || memcmp(text + len - size, REPORT_SEAL, strlen(REPORT_SEAL)) != 0) {
        return err_set(err, ZEUS_EPARSE, "the report is cut off: its last line is missing");
    }
    (void)snprintf(seal, sizeof(seal), REPORT_SEAL "%016llx -->",
                   (unsigned long long)report_seal(text, len - size));
    if (memcmp(text + len - size, seal, size) != 0) {
        return err_set(err, ZEUS_EPARSE, "the report was changed after it was written");
    }
    return 0;
}

int report_load(const char *text, size_t len, struct report_check **ret_checks, size_t *ret_count,
                zeus_error *err)
{
    const char *data = find(text, len, REPORT_DATA_BEGIN);
    if (!data) {
        return err_set(err, ZEUS_EPARSE, "not a report of zeus run: it holds no zeus-data");
    }
    int code = check_seal(text, len, err);
    if (code < 0) {
        return code;
    }
    data += strlen(REPORT_DATA_BEGIN);
    const char *end = find(data, len - (size_t)(data - text), REPORT_DATA_END);
    if (!end) {
        return err_set(err, ZEUS_EPARSE, "the data of the report have no end");
    }
    struct json_reader r;
    struct checks list = {0};
    json_reader_init(&r, data, (size_t)(end - data));
    code = read_data(&r, &list);
    if (code < 0) {
        free(list.items);
        return code == ZEUS_ENOMEM ? err_set(err, code, "out of memory")
               : r.problem         ? json_reader_error(&r, err)
                                   : err_set(err, code,
                                             "data are missing or of the wrong kind near "
                                                     "byte %zu of zeus-data",
                                             r.pos);
    }
    *ret_checks = list.items;
    *ret_count = list.count;
    return 0;
}
