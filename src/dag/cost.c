/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost tables from models: exponential, convex hull of measured points, explicit values. A model
 * that is not convex is refused, because the frontier would silently not be the cheapest.
 */
#include "dag/cost.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

static int allocate(struct dag_cost *cost, int32_t shortest, int32_t longest, int32_t max_entries,
                    zeus_error *err)
{
    *cost = (struct dag_cost){.shortest = shortest, .longest = longest};
    if (shortest < 0 || longest < shortest) {
        return err_set(err, ZEUS_EINVAL, "durations from %d to %d time units", (int)shortest,
                       (int)longest);
    }
    if ((int64_t)longest - shortest >= max_entries) {
        return err_set(err, ZEUS_ELIMIT,
                       "durations from %d to %d are more than %d time units: use a coarser unit",
                       (int)shortest, (int)longest, (int)max_entries);
    }
    cost->value = mem_calloc((size_t)(longest - shortest) + 1, sizeof(*cost->value));
    return cost->value ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory for a cost table");
}

void dag_cost_finish(struct dag_cost *cost)
{
    free(cost->value);
    *cost = (struct dag_cost){0};
}

/* Nobody plans a duration that is longer and dearer: the table ends at its minimum. */
static void cut_at_minimum(struct dag_cost *cost)
{
    while (cost->longest > cost->shortest) {
        int32_t last = cost->longest - cost->shortest;
        if (cost->value[last] <= cost->value[last - 1]) {
            return;
        }
        cost->longest--;
    }
}

int dag_cost_exponential(struct dag_cost *cost, struct dag_exponential m, int32_t shortest,
                         int32_t longest, int32_t max_entries, zeus_error *err)
{
    *cost = (struct dag_cost){0};
    if (!isfinite(m.a) || !isfinite(m.b) || !isfinite(m.c) || m.a < 0) {
        return err_set(err, ZEUS_EINVAL,
                       "cost %g * exp(%g t) + %g is not convex: the first number must be >= 0", m.a,
                       m.b, m.c);
    }
    int r = allocate(cost, shortest, longest, max_entries, err);
    if (r < 0) {
        return r;
    }
    for (int32_t i = 0; i <= longest - shortest; i++) {
        cost->value[i] = m.a * exp(m.b * (double)(shortest + i)) + m.c;
        if (!isfinite(cost->value[i])) {
            dag_cost_finish(cost);
            return err_set(err, ZEUS_ERANGE, "cost %g * exp(%g t) + %g overflows at t = %d", m.a,
                           m.b, m.c, (int)(shortest + i));
        }
    }
    cut_at_minimum(cost);
    return 0;
}

int dag_cost_table(struct dag_cost *cost, int32_t shortest, int32_t count, const double *value,
                   zeus_error *err)
{
    *cost = (struct dag_cost){0};
    if (count < 1 || shortest < 0 || shortest > INT32_MAX - count) {
        return err_set(err, ZEUS_EINVAL, "a cost table of %d entries from %d", (int)count,
                       (int)shortest);
    }
    int r = allocate(cost, shortest, shortest + count - 1, count, err);
    if (r < 0) {
        return r;
    }
    double scale = 0;
    for (int32_t i = 0; i < count; i++) {
        cost->value[i] = value[i];
        scale = MAX_OF(scale, fabs(value[i]));
        if (!isfinite(value[i])) {
            dag_cost_finish(cost);
            return err_set(err, ZEUS_EINVAL, "the cost at %d is not a number", (int)(shortest + i));
        }
    }
    for (int32_t i = 2; i < count; i++) {
        double bend = value[i] - 2 * value[i - 1] + value[i - 2];
        if (bend < -1e-12 * scale) { /* a table of rounded doubles may bend by its last digit */
            dag_cost_finish(cost);
            return err_set(err, ZEUS_EINVAL, "the cost table is not convex at %d",
                           (int)(shortest + i - 1));
        }
    }
    cut_at_minimum(cost);
    return 0;
}

struct point {
    int32_t time;
    double value;
};

static int by_time(const void *left, const void *right)
{
    const struct point *a = left;
    const struct point *b = right;
    if (a->time != b->time) {
        return a->time < b->time ? -1 : 1;
    }
    return (a->value > b->value) - (a->value < b->value);
}

/* Keeps the corners of the lower hull (Andrew's monotone chain). Returns their number. */
static int32_t hull(struct point *p, int32_t points)
{
    int32_t n = 0;
    for (int32_t i = 0; i < points; i++) {
        if (n > 0 && p[n - 1].time == p[i].time) {
            continue; /* the cheaper one came first */
        }
        while (n >= 2 && (p[n - 1].value - p[n - 2].value) * (p[i].time - p[n - 2].time) >=
                             (p[i].value - p[n - 2].value) * (p[n - 1].time - p[n - 2].time)) {
            n--;
        }
        p[n++] = p[i];
    }
    return n;
}

int dag_cost_hull(struct dag_cost *cost, int32_t points, const int32_t *time, const double *value,
                  int32_t max_entries, zeus_error *err)
{
    *cost = (struct dag_cost){0};
    struct point *p _free_ = points > 0 ? mem_calloc((size_t)points, sizeof(*p)) : NULL;
    if (!p) {
        return err_set(err, points > 0 ? ZEUS_ENOMEM : ZEUS_EINVAL, "%d options", (int)points);
    }
    for (int32_t i = 0; i < points; i++) {
        if (!isfinite(value[i])) {
            return err_set(err, ZEUS_EINVAL, "option %d has no finite cost", (int)i);
        }
        p[i] = (struct point){time[i], value[i]};
    }
    qsort(p, (size_t)points, sizeof(*p), by_time);
    int32_t n = hull(p, points);
    while (n > 1 && p[n - 1].value > p[n - 2].value) {
        n--;
    }
    int r = allocate(cost, p[0].time, p[n - 1].time, max_entries, err);
    if (r < 0) {
        return r;
    }
    cost->value[0] = p[0].value;
    for (int32_t i = 1; i < n; i++) {
        double slope = (p[i].value - p[i - 1].value) / (p[i].time - p[i - 1].time);
        for (int32_t t = p[i - 1].time + 1; t <= p[i].time; t++) {
            cost->value[t - p[0].time] = p[i].value + slope * (t - p[i].time);
        }
    }
    return 0;
}

double dag_cost_at(const struct dag_cost *cost, int64_t duration)
{
    int64_t i = MIN_OF(duration, cost->longest) - cost->shortest;
    return cost->value[MAX_OF(i, 0)];
}
