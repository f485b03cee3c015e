/* SPDX-License-Identifier: Apache-2.0
 *
 * Frontier files as lists of (time, energy).
 */
#include "cli/plan_points.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "codec/json_reader.h"

#define POINTS_MAX  ((size_t)1 << 26)
#define COLUMNS_MAX 64

/* What a JSON frontier says beside its rows. */
struct scale {
    double unit_s;
    double waiting_w; /* of all stages */
    double first_cost_j;
    double first_units;
};

void plan_points_finish(struct plan_points *p)
{
    free(p->point);
    *p = (struct plan_points){0};
}

static int add(struct plan_points *p, double time_s, double energy_j, zeus_error *err)
{
    if (!(time_s > 0) || !isfinite(time_s) || !isfinite(energy_j)) {
        return err_set(err, ZEUS_EPARSE, "point %zu takes %g s and %g J", p->count + 1, time_s,
                       energy_j);
    }
    int r = mem_grow(&p->point, &p->room, p->count + 1, sizeof(*p->point), POINTS_MAX);
    if (r < 0) {
        return err_set(err, r, "more than %zu points", POINTS_MAX);
    }
    p->point[p->count++] = (struct plan_point){time_s, energy_j};
    return 0;
}

static int bad(const struct json_reader *r, const char *what, zeus_error *err)
{
    return r->problem ? json_reader_error(r, err)
                      : err_set(err, ZEUS_EPARSE, "byte %zu of the frontier: %s", r->pos, what);
}

/* [iteration, cost_change, total_cost, quant_time]; kept in units and model cost until the scale is
 * known. */
static int read_row(struct plan_points *p, struct json_reader *r, zeus_error *err)
{
    double value[4] = {0};
    int t = JSON_NUMBER;
    for (size_t i = 0; i < 4 && t == JSON_NUMBER; i++) {
        t = json_next(r);
        t = t == JSON_NUMBER && json_get_double(r, &value[i]) < 0 ? ZEUS_EPARSE : t;
    }
    if (t != JSON_NUMBER || json_next(r) != JSON_ARRAY_END) {
        return bad(r, "a row of four numbers was expected", err);
    }
    return add(p, value[3], value[2], err);
}

static int read_rows(struct plan_points *p, struct json_reader *r, zeus_error *err)
{
    int t = json_next(r);
    int e = t == JSON_ARRAY_BEGIN ? 0 : bad(r, "the frontier is a list", err);
    while (e == 0 && (t = json_next(r)) == JSON_ARRAY_BEGIN) {
        e = read_row(p, r, err);
    }
    return e < 0 || t == JSON_ARRAY_END ? e : bad(r, "a row was expected", err);
}

static int read_member(struct plan_points *p, struct scale *s, struct json_reader *r,
                       zeus_error *err)
{
    const struct {
        const char *name;
        double *value;
    } numbers[] = {{"unit_time", &s->unit_s},
                   {"waiting_power", &s->waiting_w},
                   {"initial_cost_all_slowest", &s->first_cost_j},
                   {"initial_quant_time", &s->first_units}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (json_is(r, numbers[i].name)) {
            int t = json_next(r);
            return t == JSON_NUMBER && json_get_double(r, numbers[i].value) == 0
                       ? 0
                       : bad(r, "a number was expected", err);
        }
    }
    if (json_is(r, "frontier")) {
        return read_rows(p, r, err);
    }
    return json_skip(r) < 0 ? bad(r, "a value was expected", err) : 0;
}

static int read_json(struct plan_points *p, const char *text, size_t length, zeus_error *err)
{
    struct json_reader r;
    struct scale s = {0};
    json_reader_init(&r, text, length);
    int t = json_next(&r);
    int e = t == JSON_OBJECT_BEGIN ? 0 : bad(&r, "a frontier is a JSON object", err);
    while (e == 0 && (t = json_next(&r)) == JSON_KEY) {
        e = read_member(p, &s, &r, err);
    }
    if (e == 0 && (t != JSON_OBJECT_END || json_next(&r) != JSON_END)) {
        e = bad(&r, "the frontier does not end properly", err);
    }
    if (e == 0 && (!(s.unit_s > 0) || !(s.waiting_w >= 0))) {
        e = err_set(err, ZEUS_EPARSE, "the frontier has no unit_time, or an unusable one");
    }
    if (e == 0 && s.first_units > 0) {
        e = add(p, s.first_units, s.first_cost_j, err);
    }
    for (size_t i = 0; e == 0 && i < p->count; i++) {
        p->point[i].time_s *= s.unit_s;
        p->point[i].energy_j += s.waiting_w * p->point[i].time_s;
    }
    return e;
}

static int read_csv(struct plan_points *p, const char *text, size_t length, zeus_error *err)
{
    struct csv_reader r;
    struct csv_field f[COLUMNS_MAX];
    size_t header = 0;
    size_t count = 0;
    csv_reader_init(&r, text, length);
    int t = csv_next(&r, f, COLUMNS_MAX, &header);
    int time = t > 0 ? csv_find(f, header, "time") : -1;
    int energy = t > 0 ? csv_find(f, header, "total_cost_p2p") : -1;
    if (t < 0) {
        return csv_reader_error(&r, t, err);
    }
    if (time < 0 || energy < 0) {
        return err_set(err, ZEUS_EPARSE, "no columns time and total_cost_p2p");
    }
    int e = 0;
    while (e == 0 && (t = csv_next(&r, f, COLUMNS_MAX, &count)) > 0) {
        double time_s = 0;
        double energy_j = 0;
        int is_bad = count != header || csv_get_double(&f[time], &time_s) < 0 ||
                     csv_get_double(&f[energy], &energy_j) < 0;
        e = is_bad ? err_set(err, ZEUS_EPARSE, "line %zu cannot be used", r.line)
                   : add(p, time_s, energy_j, err);
    }
    return e == 0 && t < 0 ? csv_reader_error(&r, t, err) : e;
}

int plan_points_read(struct plan_points *p, const char *text, size_t length, zeus_error *err)
{
    *p = (struct plan_points){0};
    int e = length > 0 && text[0] == '{' ? read_json(p, text, length, err)
                                         : read_csv(p, text, length, err);
    if (e == 0 && p->count == 0) {
        e = err_set(err, ZEUS_EPARSE, "the frontier has no points");
    }
    if (e < 0) {
        plan_points_finish(p);
    }
    return e;
}

struct plan_point plan_points_quickest(const struct plan_points *p)
{
    struct plan_point best = p->point[0];
    for (size_t i = 1; i < p->count; i++) {
        const struct plan_point *q = &p->point[i];
        if (q->time_s < best.time_s || (q->time_s <= best.time_s && q->energy_j < best.energy_j)) {
            best = *q;
        }
    }
    return best;
}

struct plan_point plan_points_cheapest(const struct plan_points *p)
{
    struct plan_point best = p->point[0];
    for (size_t i = 1; i < p->count; i++) {
        const struct plan_point *q = &p->point[i];
        if (q->energy_j < best.energy_j ||
            (q->energy_j <= best.energy_j && q->time_s < best.time_s)) {
            best = *q;
        }
    }
    return best;
}

const struct plan_point *plan_points_within_time(const struct plan_points *p, double time_s)
{
    const struct plan_point *best = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct plan_point *q = &p->point[i];
        if (q->time_s <= time_s && (!best || q->energy_j < best->energy_j)) {
            best = q;
        }
    }
    return best;
}

const struct plan_point *plan_points_within_energy(const struct plan_points *p, double energy_j)
{
    const struct plan_point *best = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct plan_point *q = &p->point[i];
        if (q->energy_j <= energy_j && (!best || q->time_s < best->time_s)) {
            best = q;
        }
    }
    return best;
}
