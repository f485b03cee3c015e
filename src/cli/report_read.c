/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of a report: numbers, and the edges they follow from. See report_file.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "cli/report_file.h"

#define CHECKS_MAX 200000u

int report_read_number(struct json_reader *r, double *ret_value)
{
    int t = json_next(r);
    if (t == JSON_NULL) {
        *ret_value = (double)NAN;
        return 0;
    }
    return t == JSON_NUMBER ? json_get_double(r, ret_value) : ZEUS_EPARSE;
}

int report_read_whole(struct json_reader *r, uint64_t *ret_value)
{
    return json_next(r) == JSON_NUMBER ? json_get_u64(r, ret_value) : ZEUS_EPARSE;
}

int report_read_text(struct json_reader *r, char *out, size_t size)
{
    int n = json_next(r) == JSON_STRING ? json_get_string(r, out, size) : ZEUS_EPARSE;
    return n < 0 ? ZEUS_EPARSE : 0;
}

static int read_truth(struct json_reader *r, int *ret)
{
    int t = json_next(r);
    *ret = t == JSON_TRUE;
    return t == JSON_TRUE || t == JSON_FALSE ? 0 : ZEUS_EPARSE;
}

static int read_knot(struct json_reader *r, zeus_edge *edge)
{
    uint64_t half_ns = 0;
    uint64_t flags = 0;
    zeus_knot knot = {0};
    int code = edge->knot_count < ZEUS_EDGE_KNOTS_MAX ? 0 : ZEUS_EPARSE;
    code = code ? code : report_read_whole(r, &knot.time_ns);
    code = code ? code : report_read_whole(r, &half_ns);
    code = code ? code : report_read_whole(r, &flags);
    code = code ? code : report_read_number(r, &knot.energy_j);
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

static int read_edge(struct json_reader *r, zeus_edge *edge, char source[24])
{
    unsigned seen = 0;
    *edge = (zeus_edge){.now_w = (double)NAN, .settled_j = (double)NAN};
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "time_ns")) {
            code = report_read_whole(r, &edge->time_ns);
            seen |= 1;
        } else if (json_is(r, "period_ns")) {
            code = report_read_whole(r, &edge->period_ns);
            seen |= 2;
        } else if (json_is(r, "now_ns")) {
            code = report_read_whole(r, &edge->now_ns);
        } else if (json_is(r, "now_w")) {
            code = report_read_number(r, &edge->now_w);
        } else if (json_is(r, "blur_s")) {
            code = report_read_number(r, &edge->blur_s);
            seen |= 4;
        } else if (json_is(r, "settled_j")) {
            code = report_read_number(r, &edge->settled_j);
        } else if (json_is(r, "source")) {
            code = report_read_text(r, source, 24);
            seen |= 8;
        } else if (json_is(r, "knots")) {
            code = read_knots(r, edge);
            seen |= 16;
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return ZEUS_EPARSE;
        }
    }
    int is_sane = edge->blur_s >= 0 && edge->blur_s < 1e6;
    return t == JSON_OBJECT_END && seen == 31 && is_sane ? 0 : ZEUS_EPARSE;
}

static int read_edges(struct json_reader *r, struct report_check *check)
{
    int t = json_next(r);
    if (t != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (t = json_next(r); t == JSON_OBJECT_BEGIN; t = json_next(r)) {
        uint32_t at = check->edge_count++;
        if (at >= 2 || read_edge(r, &check->edges[at], check->sources[at]) < 0) {
            return ZEUS_EPARSE;
        }
    }
    return t == JSON_ARRAY_END && check->edge_count == 2 ? 0 : ZEUS_EPARSE;
}

static int read_window(struct json_reader *r, enum report_window *ret)
{
    static const char *const names[] = {
        [REPORT_RUN] = "run", [REPORT_PHASE] = "phase", [REPORT_IDLE] = "idle"};
    if (json_next(r) != JSON_STRING) {
        return ZEUS_EPARSE;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (json_is(r, names[i])) {
            *ret = (enum report_window)i;
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

/* null, or what the plotted power adds up to. */
static int read_claim(struct json_reader *r, struct report_claim *claim)
{
    int t = json_next(r);
    unsigned seen = 0;
    claim->energy_j = (double)NAN;
    if (t == JSON_NULL) {
        return 0;
    }
    claim->is_plotted = 1;
    if (t != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (t = json_next(r); t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "series")) {
            code = report_read_whole(r, &claim->series);
            seen |= 1;
        } else if (json_is(r, "energy_j")) {
            code = report_read_number(r, &claim->energy_j);
            seen |= 2;
        } else if (json_is(r, "agrees")) {
            code = read_truth(r, &claim->agrees);
            claim->is_compared = 1;
            seen |= 4;
        } else if (json_is(r, "not_compared")) {
            code = report_read_text(r, claim->why, sizeof(claim->why));
            seen |= 8;
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return ZEUS_EPARSE;
        }
    }
    return t == JSON_OBJECT_END && (seen == 7 || seen == 11) ? 0 : ZEUS_EPARSE;
}

static int read_member(struct json_reader *r, struct report_check *check)
{
    const struct {
        const char *key;
        double *value;
    } numbers[] = {{"energy_j", &check->energy_j},
                   {"random_j", &check->random_j},
                   {"systematic_j", &check->systematic_j},
                   {"total_j", &check->total_j}};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (json_is(r, numbers[i].key)) {
            return report_read_number(r, numbers[i].value);
        }
    }
    if (json_is(r, "window")) {
        return read_window(r, &check->window);
    }
    if (json_is(r, "trial")) {
        return report_read_whole(r, &check->trial);
    }
    if (json_is(r, "phase")) {
        return report_read_whole(r, &check->phase);
    }
    if (json_is(r, "place")) {
        return report_read_text(r, check->place, sizeof(check->place));
    }
    if (json_is(r, "source")) {
        return report_read_text(r, check->source, sizeof(check->source));
    }
    if (json_is(r, "in_total")) {
        return read_truth(r, &check->is_in_total);
    }
    if (json_is(r, "in_gpu_total")) {
        return read_truth(r, &check->is_in_gpu_total);
    }
    if (json_is(r, "unverifiable")) {
        return report_read_text(r, check->why, sizeof(check->why));
    }
    if (json_is(r, "plot")) {
        return read_claim(r, &check->plot);
    }
    return json_is(r, "edges") ? read_edges(r, check) : json_skip(r);
}

static int read_check(struct json_reader *r, struct report_check *check)
{
    *check = (struct report_check){.energy_j = (double)NAN,
                                   .random_j = (double)NAN,
                                   .systematic_j = (double)NAN,
                                   .total_j = (double)NAN};
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        if (read_member(r, check) < 0) {
            return ZEUS_EPARSE;
        }
    }
    int has_edges = check->edge_count == 2;
    int is_whole = check->place[0] && !isnan(check->energy_j) && has_edges == !check->why[0];
    return t == JSON_OBJECT_END && is_whole ? 0 : ZEUS_EPARSE;
}

int report_read_checks(struct json_reader *r, struct report_file *file)
{
    size_t room = file->check_count;
    int t = json_next(r);
    if (t != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (t = json_next(r); t == JSON_OBJECT_BEGIN; t = json_next(r)) {
        if (file->check_count == room) {
            room = room ? 2 * room : 16;
            void *more =
                room > CHECKS_MAX ? NULL : realloc(file->checks, room * sizeof(*file->checks));
            if (!more) {
                return ZEUS_ENOMEM;
            }
            file->checks = more;
        }
        if (read_check(r, &file->checks[file->check_count]) < 0) {
            return ZEUS_EPARSE;
        }
        file->check_count++;
    }
    return t == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}
