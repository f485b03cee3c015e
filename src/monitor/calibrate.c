/* SPDX-License-Identifier: Apache-2.0
 *
 * Fits of calibrate.h. Each candidate filter is applied to the load (0 or 1), level and swing
 * follow by linear regression, and the candidate that explains most of the readings' variance wins.
 */
#include "monitor/calibrate.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "stats/quantile.h"

#define CHANGES_LEAST   8u
#define EXPLAINED_LEAST 0.5
#define MS              1000000.0
#define LAG_STEPS       16 /* tried from 0 to one period */
/* An RC filter has to be better than the best boxcar by this much of what that leaves over. */
#define RC_ADVANTAGE 0.7

int calibrate_period(const struct calibrate_sample *samples, size_t count, uint64_t *ret_period_ns,
                     uint64_t *ret_spread_ns, zeus_error *err)
{
    double *gaps_ns _free_ = mem_calloc(count + 1, sizeof *gaps_ns);
    if (!gaps_ns) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    size_t changes = 0;
    uint64_t last_ns = 0;
    for (size_t i = 1; i < count; i++) {
        if (samples[i].value == samples[i - 1].value) {
            continue;
        }
        if (last_ns) {
            gaps_ns[changes++] = (double)(samples[i].time_ns - last_ns);
        }
        last_ns = samples[i].time_ns;
    }
    if (changes < CHANGES_LEAST) {
        return err_set(err, ZEUS_ERANGE,
                       "the reading changed %zu times only: the load is flat or the reads too rare "
                       "to calibrate by",
                       changes);
    }
    quantile_sort(gaps_ns, changes);
    *ret_period_ns = (uint64_t)quantile_sorted(gaps_ns, changes, 0.5);
    *ret_spread_ns = (uint64_t)((quantile_sorted(gaps_ns, changes, 0.9) -
                                 quantile_sorted(gaps_ns, changes, 0.1)) /
                                2);
    return 0;
}

/* Share of [from, to] in which the load was on. */
static double on_share(const struct calibrate_load *loads, size_t count, double from_ns,
                       double to_ns)
{
    double on_ns = 0;
    for (size_t i = 0; i < count; i++) {
        double begin_ns = fmax(from_ns, (double)loads[i].on_ns);
        double end_ns = fmin(to_ns, (double)loads[i].off_ns);
        on_ns += fmax(end_ns - begin_ns, 0);
    }
    return on_ns / (to_ns - from_ns);
}

/* Load behind an RC filter at t: each switching decays for itself. */
static double rc_level(const struct calibrate_load *loads, size_t count, double t_ns, double tau_ns)
{
    double level = 0;
    for (size_t i = 0; i < count; i++) {
        double since_on_ns = t_ns - (double)loads[i].on_ns;
        double since_off_ns = t_ns - (double)loads[i].off_ns;
        level += since_on_ns > 0 ? 1 - exp(-since_on_ns / tau_ns) : 0;
        level -= since_off_ns > 0 ? 1 - exp(-since_off_ns / tau_ns) : 0;
    }
    return level;
}

struct fit_input {
    const struct calibrate_sample *updates; /* readings at their changes */
    size_t count;
    const struct calibrate_load *loads;
    size_t load_count;
};

/* Share of the readings' variance that the filtered load explains. */
static double explained(const struct fit_input *in, int is_rc, double length_ns, double lag_ns)
{
    double n = (double)in->count;
    double sx = 0;
    double sy = 0;
    double sxx = 0;
    double syy = 0;
    double sxy = 0;
    for (size_t i = 0; i < in->count; i++) {
        double end_ns = (double)in->updates[i].time_ns - lag_ns;
        double x = is_rc ? rc_level(in->loads, in->load_count, end_ns, length_ns)
                         : on_share(in->loads, in->load_count, end_ns - length_ns, end_ns);
        double y = in->updates[i].value;
        sx += x;
        sy += y;
        sxx += x * x;
        syy += y * y;
        sxy += x * y;
    }
    double vx = sxx - sx * sx / n;
    double vy = syy - sy * sy / n;
    double cxy = sxy - sx * sy / n;
    return vx > 0 && vy > 0 && cxy > 0 ? cxy * cxy / (vx * vy) : 0;
}

struct best {
    double explained;
    double length_ns;
    double lag_ns;
};

static struct best search(const struct fit_input *in, int is_rc, uint64_t period_ns)
{
    static const double lengths_ms[] = {5,   10,  15,  20,  25,  30,  40,  50,  75,  100,
                                        125, 150, 200, 250, 300, 400, 500, 750, 1000};
    struct best best = {-1, 0, 0};
    for (size_t l = 0; l < ARRAY_LEN(lengths_ms); l++) {
        for (int step = 0; step <= LAG_STEPS; step++) {
            double lag_ns = (double)period_ns * step / LAG_STEPS;
            double share = explained(in, is_rc, lengths_ms[l] * MS, lag_ns);
            if (share > best.explained + 1e-9) {
                best = (struct best){share, lengths_ms[l] * MS, lag_ns};
            }
        }
    }
    return best;
}

int calibrate_response(const struct calibrate_sample *samples, size_t count,
                       const struct calibrate_load *loads, size_t load_count, uint64_t period_ns,
                       struct sensor_model *ret_model, double *ret_explained, zeus_error *err)
{
    struct calibrate_sample *updates _free_ = mem_calloc(count + 1, sizeof *updates);
    if (!updates) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct fit_input in = {.updates = updates, .loads = loads, .load_count = load_count};
    for (size_t i = 1; i < count; i++) {
        if (samples[i].value != samples[i - 1].value) {
            updates[in.count++] = samples[i];
        }
    }
    if (in.count < CHANGES_LEAST || load_count == 0) {
        return err_set(err, ZEUS_ERANGE,
                       "%zu changes and %zu stretches of load are too few to "
                       "calibrate by",
                       in.count, load_count);
    }
    struct best boxcar = search(&in, 0, period_ns);
    struct best rc = search(&in, 1, period_ns);
    int is_rc = 1 - rc.explained < RC_ADVANTAGE * (1 - boxcar.explained);
    struct best best = is_rc ? rc : boxcar;
    if (best.explained < EXPLAINED_LEAST) {
        return err_set(err, ZEUS_ERANGE,
                       "the readings do not follow the load (%.0f %% explained): nothing to "
                       "calibrate by",
                       100 * fmax(best.explained, 0));
    }
    ret_model->response = is_rc ? SENSOR_RC : SENSOR_BOXCAR;
    ret_model->update_ns = period_ns;
    ret_model->window_ns = is_rc ? 0 : (uint64_t)best.length_ns;
    ret_model->tau_ns = is_rc ? (uint64_t)best.length_ns : 0;
    ret_model->lag_ns = (uint64_t)best.lag_ns;
    *ret_explained = best.explained;
    return 0;
}
