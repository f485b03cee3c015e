/* SPDX-License-Identifier: Apache-2.0
 *
 * The response of a power field: each candidate filter is applied to the load (0 or 1), level and
 * swing follow by linear regression, and the filter that leaves least of the readings unexplained
 * wins. How far it can be moved before it leaves significantly more is its uncertainty.
 */
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "monitor/calibrate.h"
#include "stats/quantile.h"

#define MS             1e6
#define UPDATES_MOST   ((size_t)1 << 17)
#define EXPLAINED_HALF 0.5
#define LENGTH_LEAST   (2 * MS)
#define LENGTH_MOST    (2500 * MS)
#define LENGTH_STEP    1.25 /* from one length tried to the next */
#define LAG_STEPS      20
#define LAG_FROM       -0.15 /* in periods: an edge is later than we know of */
#define LAG_SPAN       1.4
#define LAG_SPAN_LEAST (300 * MS)
#define SETTLED        (0.005 * MS)
/* An RC filter has to be better than the best boxcar by this much of what that leaves over. */
#define RC_ADVANTAGE 0.7
/* 2 F(2, many) at 95 %: the joint region of both numbers. */
#define REGION      6.1
#define MODEL_DOUBT 0.01 /* of the length: no sensor is exactly a boxcar */
#define WALKS       24
#define PARTIAL     0.01
/* Readings this many medians off are left out, a tenth of those that tell something at most. */
#define TRIM          8.0
#define TRIM_MOST     0.9
#define PARTIAL_LEAST 10
/* Updates off their beat shift window and lag by what does not average out. */
#define SPREAD_DOUBT 0.33

struct fit {
    double *t_ns; /* of updates, since the series' start */
    double *value;
    size_t count;
    double *edge_ns; /* on, off, on, off, ... */
    double *on_ns;   /* time the load was on before that edge */
    size_t edge_count;
    int is_rc;
};

struct point {
    double length_ns;
    double lag_ns;
    double left; /* share of the variance it leaves unexplained */
};

/* Time the load was on before t. */
static double on_before_ns(const struct fit *fit, double t_ns)
{
    size_t low = 0;
    size_t high = fit->edge_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fit->edge_ns[middle] <= t_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return 0;
    }
    int is_on = (low - 1) % 2 == 0;
    return fit->on_ns[low - 1] + (is_on ? t_ns - fit->edge_ns[low - 1] : 0);
}

/* Load behind an RC filter: each switching decays for itself. */
static double rc_level(const struct fit *fit, double t_ns, double tau_ns)
{
    double level = 0;
    for (size_t i = 0; i < fit->edge_count && fit->edge_ns[i] < t_ns; i++) {
        double part = 1 - exp((fit->edge_ns[i] - t_ns) / tau_ns);
        level += i % 2 == 0 ? part : -part;
    }
    return level;
}

static double filtered(const struct fit *fit, double t_ns, double length_ns)
{
    if (fit->is_rc) {
        return rc_level(fit, t_ns, length_ns);
    }
    return (on_before_ns(fit, t_ns) - on_before_ns(fit, t_ns - length_ns)) / length_ns;
}

/* Level and swing by regression; returns the unexplained share. */
static double regress(const struct fit *fit, double length_ns, double lag_ns, double *ret_off_w,
                      double *ret_on_w)
{
    double n = (double)fit->count;
    double sx = 0;
    double sy = 0;
    double sxx = 0;
    double syy = 0;
    double sxy = 0;
    for (size_t i = 0; i < fit->count; i++) {
        double x = filtered(fit, fit->t_ns[i] - lag_ns, length_ns);
        double y = fit->value[i];
        sx += x;
        sy += y;
        sxx += x * x;
        syy += y * y;
        sxy += x * y;
    }
    double vx = sxx - sx * sx / n;
    double vy = syy - sy * sy / n;
    double cxy = sxy - sx * sy / n;
    if (!(vx > 1e-9 * n && vy > 0 && cxy > 0)) {
        return 1;
    }
    if (ret_off_w) {
        *ret_off_w = (sy - cxy / vx * sx) / n;
        *ret_on_w = *ret_off_w + cxy / vx;
    }
    return fmax(1 - cxy * cxy / (vx * vy), 0);
}

static void look(const struct fit *fit, double length_ns, double lag_ns, struct point *best)
{
    if (length_ns < LENGTH_LEAST / 2) {
        return;
    }
    double left = regress(fit, length_ns, lag_ns, NULL, NULL);
    if (left < best->left) {
        *best = (struct point){length_ns, lag_ns, left};
    }
}

/* Downhill in both directions, steps halved when none helps. */
static void descend(const struct fit *fit, double length_step_ns, double lag_step_ns,
                    struct point *best)
{
    while (length_step_ns > SETTLED || lag_step_ns > SETTLED) {
        struct point start = *best;
        if (length_step_ns > 0) {
            look(fit, start.length_ns + length_step_ns, start.lag_ns, best);
            look(fit, start.length_ns - length_step_ns, start.lag_ns, best);
            /* A longer window and a smaller lag look alike: walk along that valley as well. */
            look(fit, start.length_ns + length_step_ns, start.lag_ns - length_step_ns / 2, best);
            look(fit, start.length_ns - length_step_ns, start.lag_ns + length_step_ns / 2, best);
        }
        look(fit, start.length_ns, start.lag_ns + lag_step_ns, best);
        look(fit, start.length_ns, start.lag_ns - lag_step_ns, best);
        if (best->left >= start.left) {
            length_step_ns /= 2;
            lag_step_ns /= 2;
        }
    }
}

static struct point search(struct fit *fit, int is_rc, double period_ns)
{
    double span_ns = fmax(LAG_SPAN * period_ns, LAG_SPAN_LEAST);
    struct point best = {0, 0, 2};
    fit->is_rc = is_rc;
    for (double length_ns = LENGTH_LEAST; length_ns < LENGTH_MOST; length_ns *= LENGTH_STEP) {
        for (int step = 0; step <= LAG_STEPS; step++) {
            double lag_ns = LAG_FROM * period_ns + span_ns * step / LAG_STEPS;
            look(fit, length_ns, lag_ns, &best);
        }
    }
    descend(fit, best.length_ns / 8, span_ns / LAG_STEPS / 2, &best);
    return best;
}

/* How far one number can go, the other following, until more than `limit` is left over. */
static double reach_ns(const struct fit *fit, const struct point *best, int of_length, double sign,
                       double limit)
{
    double from_ns = 0;
    double to_ns = of_length ? best->length_ns : fmax(best->length_ns, 50 * MS);
    for (int walk = 0; walk < WALKS; walk++) {
        double by_ns = (from_ns + to_ns) / 2;
        struct point at = *best;
        at.left = 2;
        if (of_length) {
            struct point start = {best->length_ns + sign * by_ns, best->lag_ns, 2};
            look(fit, start.length_ns, best->lag_ns, &at);
            look(fit, start.length_ns, best->lag_ns - sign * by_ns / 2, &at);
            if (at.left < 2) {
                descend(fit, 0, by_ns / 4, &at);
            }
        } else {
            look(fit, best->length_ns, best->lag_ns + sign * by_ns, &at);
            look(fit, fmax(best->length_ns - 2 * sign * by_ns, LENGTH_LEAST),
                 best->lag_ns + sign * by_ns, &at);
        }
        if (at.left <= limit) {
            from_ns = by_ns;
        } else {
            to_ns = by_ns;
        }
    }
    return to_ns;
}

/* Updates that tell something of the filter: those whose window an edge falls into. Where edges are
 * not where we think, these alone show it. */
static double count_partial(const struct fit *fit, const struct point *best)
{
    double count = 0;
    for (size_t i = 0; i < fit->count; i++) {
        double x = filtered(fit, fit->t_ns[i] - best->lag_ns, best->length_ns);
        count += x > PARTIAL && x < 1 - PARTIAL;
    }
    return count;
}

/* `doubt_ns`: how well the times of edges and updates are known. */
static void find_errors(const struct fit *fit, const struct point *best, double period_ns,
                        double doubt_ns, struct calibrate_response *response)
{
    /* Readings whose windows overlap are no independent witnesses. */
    double alone = fmin(1, period_ns / best->length_ns);
    double freedom = fmax(count_partial(fit, best) * alone - 4, 2);
    double limit = best->left * (1 + REGION / freedom) + 1e-12;
    double longer_ns = reach_ns(fit, best, 1, 1, limit);
    double shorter_ns = reach_ns(fit, best, 1, -1, limit);
    double later_ns = reach_ns(fit, best, 0, 1, limit);
    double earlier_ns = reach_ns(fit, best, 0, -1, limit);
    double model_ns = MODEL_DOUBT * best->length_ns;
    response->length_error_ns =
        sqrt(pow(fmax(longer_ns, shorter_ns), 2) + pow(doubt_ns, 2) + pow(model_ns, 2));
    response->lag_error_ns =
        sqrt(pow(fmax(later_ns, earlier_ns), 2) + pow(doubt_ns, 2) + pow(model_ns / 2, 2));
    if (best->lag_ns < 0) { /* no sensor is ahead: our knowledge of the edges is behind */
        response->lag_error_ns = fmax(response->lag_error_ns, -best->lag_ns);
    }
}

static void add_edges(struct fit *fit, const struct calibrate_series *series,
                      const struct calibrate_loads *loads)
{
    double sum_ns = 0;
    uint64_t origin_ns = series->changes[0].lo_ns;
    for (size_t i = 0; i < loads->count; i++) {
        double on_ns = (double)(int64_t)(loads->loads[i].on_ns - origin_ns);
        double off_ns = (double)(int64_t)(loads->loads[i].off_ns - origin_ns);
        fit->edge_ns[fit->edge_count] = on_ns;
        fit->on_ns[fit->edge_count++] = sum_ns;
        sum_ns += off_ns - on_ns;
        fit->edge_ns[fit->edge_count] = off_ns;
        fit->on_ns[fit->edge_count++] = sum_ns;
    }
}

/* Every update there was, whether it changed the reading or not. */
static void add_updates(struct fit *fit, const struct calibrate_series *series,
                        const struct calibrate_beat *beat, size_t room)
{
    uint64_t origin_ns = series->changes[0].lo_ns;
    double end_ns = (double)(series->end_ns - origin_ns);
    size_t change = 0;
    double k = ceil(-beat->phase_ns / beat->period_ns);
    for (; fit->count < room; k++) {
        double t_ns = beat->phase_ns + k * beat->period_ns;
        if (t_ns + beat->period_ns / 2 > end_ns) {
            return;
        }
        while (change + 1 < series->count) {
            const struct calibrate_change *next = &series->changes[change + 1];
            double lo_ns = (double)(next->lo_ns - origin_ns);
            double hi_ns = (double)(next->hi_ns - origin_ns);
            if ((lo_ns + hi_ns) / 2 > t_ns + beat->period_ns / 2) {
                break;
            }
            if ((lo_ns + hi_ns) / 2 > t_ns - beat->period_ns / 2) {
                t_ns = fmin(fmax(t_ns, lo_ns), hi_ns); /* it was seen: not off its bracket */
            }
            change++;
        }
        fit->t_ns[fit->count] = t_ns;
        fit->value[fit->count++] = series->changes[change].value;
    }
}

/* Takes out what no sensor did: an edge that came late because the machine was busy makes readings
 * far off what all others agree on. Judged by the readings that tell something; `residuals` has
 * room for all. Returns how many went. */
static size_t trim(struct fit *fit, const struct point *best, double *residuals)
{
    double off_w = 0;
    double on_w = 0;
    (void)regress(fit, best->length_ns, best->lag_ns, &off_w, &on_w);
    size_t partial = 0;
    for (size_t i = 0; i < fit->count; i++) {
        double x = filtered(fit, fit->t_ns[i] - best->lag_ns, best->length_ns);
        if (x > PARTIAL && x < 1 - PARTIAL) {
            residuals[partial++] = fabs(fit->value[i] - off_w - (on_w - off_w) * x);
        }
    }
    if (partial < PARTIAL_LEAST) {
        return 0;
    }
    quantile_sort(residuals, partial);
    double limit_w = fmax(TRIM * quantile_sorted(residuals, partial, 0.5), 1e-3 * (on_w - off_w));
    limit_w = fmax(limit_w, quantile_sorted(residuals, partial, TRIM_MOST));
    size_t kept = 0;
    for (size_t i = 0; i < fit->count; i++) {
        double x = filtered(fit, fit->t_ns[i] - best->lag_ns, best->length_ns);
        if (fabs(fit->value[i] - off_w - (on_w - off_w) * x) <= limit_w) {
            fit->t_ns[kept] = fit->t_ns[i];
            fit->value[kept++] = fit->value[i];
        }
    }
    size_t gone = fit->count - kept;
    fit->count = kept;
    return gone;
}

static int choose(struct fit *fit, double period_ns, double doubt_ns, double *room,
                  struct calibrate_response *ret_response, zeus_error *err)
{
    struct point boxcar = search(fit, 0, period_ns);
    struct point rc = search(fit, 1, period_ns);
    struct calibrate_response response = {.is_rc = rc.left < RC_ADVANTAGE * boxcar.left};
    struct point best = response.is_rc ? rc : boxcar;
    fit->is_rc = (int)response.is_rc;
    for (int pass = 0; pass < 2 && trim(fit, &best, room); pass++) {
        best.left = 2;
        look(fit, best.length_ns, best.lag_ns, &best);
        descend(fit, best.length_ns / 8, best.length_ns / 8, &best);
    }
    (void)regress(fit, fmax(best.length_ns, LENGTH_LEAST), best.lag_ns, &response.off_w,
                  &response.on_w);
    response.explained = 1 - fmin(best.left, 1);
    if (response.explained < EXPLAINED_HALF) {
        return err_set(err, ZEUS_ERANGE,
                       "it does not follow the load: %.0f %% explained by it, less than half",
                       100 * response.explained);
    }
    response.length_ns = best.length_ns;
    response.lag_ns = fmax(best.lag_ns, 0);
    find_errors(fit, &best, period_ns, doubt_ns, &response);
    *ret_response = response;
    return 0;
}

int calibrate_response(const struct calibrate_series *series, const struct calibrate_beat *beat,
                       const struct calibrate_loads *loads, struct calibrate_response *ret_response,
                       zeus_error *err)
{
    if (series->count < CALIBRATE_CHANGES_LEAST || loads->count < 3) {
        return err_set(err, ZEUS_ERANGE,
                       "%zu changes and %zu stretches of load are too few to calibrate by",
                       series->count, loads->count);
    }
    double length_ns = (double)(series->end_ns - series->changes[0].lo_ns);
    double updates = length_ns / beat->period_ns + 2;
    size_t room = updates < (double)UPDATES_MOST ? (size_t)updates : UPDATES_MOST;
    double *block _free_ = mem_calloc(3 * room + 4 * loads->count, sizeof *block);
    if (!block) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct fit fit = {.t_ns = block,
                      .value = block + room,
                      .edge_ns = block + 2 * room,
                      .on_ns = block + 2 * room + 2 * loads->count};
    add_edges(&fit, series, loads);
    add_updates(&fit, series, beat, room);
    if (fit.count < CALIBRATE_CHANGES_LEAST) {
        return err_set(err, ZEUS_ERANGE, "%zu updates are too few to calibrate by", fit.count);
    }
    double doubt_ns = hypot(loads->edge_half_ns, SPREAD_DOUBT * beat->spread_ns);
    return choose(&fit, beat->period_ns, doubt_ns, block + 2 * room + 4 * loads->count,
                  ret_response, err);
}
