/* SPDX-License-Identifier: Apache-2.0
 *
 * Variable projection: for a fixed decay b the model is linear in a and c and solved directly, so
 * what is left is a search over one number. It is scanned over seven decades and refined by golden
 * section, which neither diverges nor needs a guess. Times are scaled to 0..1 first.
 */
#include "stats/fit.h"

#include <math.h>

#include "base/macro.h"

#include <zeus/error.h>

#define SCAN_STEPS   140
#define REFINE_STEPS 70
#define DECAY_LEAST  1e-5 /* over the whole range of times: a straight line to ten digits */
#define DECAY_MOST   1e3

struct data {
    size_t count;
    const double *t;
    const double *y;
    double first; /* least t */
    double span;  /* greatest minus least t */
};

static int load(struct data *d, size_t count, const double *t, const double *y)
{
    *d = (struct data){.count = count, .t = t, .y = y};
    if (count == 0) {
        return ZEUS_EINVAL;
    }
    double last = d->first = t[0];
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(t[i]) || !isfinite(y[i])) {
            return ZEUS_EINVAL;
        }
        d->first = MIN_OF(d->first, t[i]);
        last = MAX_OF(last, t[i]);
    }
    d->span = last - d->first;
    return 0;
}

/* The basis function: how far the decay has come, (1 - exp(-k u)) / k, which tends to u as k tends
 * to 0 instead of losing all digits. */
static double basis(const struct data *d, size_t i, double decay)
{
    double u = (d->t[i] - d->first) / d->span;
    return -expm1(-decay * u) / decay;
}

struct projection {
    double weight; /* of the basis function, <= 0 */
    double offset;
    double sse;
};

/* Best weight and offset at one decay. */
static struct projection project(const struct data *d, double decay)
{
    double n = (double)d->count;
    double mean_b = 0;
    double mean_y = 0;
    for (size_t i = 0; i < d->count; i++) {
        mean_b += basis(d, i, decay) / n;
        mean_y += d->y[i] / n;
    }
    double bb = 0;
    double by = 0;
    for (size_t i = 0; i < d->count; i++) {
        double b = basis(d, i, decay) - mean_b;
        bb += b * b;
        by += b * (d->y[i] - mean_y);
    }
    struct projection p = {.weight = bb > 0 ? MIN_OF(by / bb, 0) : 0};
    p.offset = mean_y - p.weight * mean_b;
    for (size_t i = 0; i < d->count; i++) {
        double e = d->y[i] - p.offset - p.weight * basis(d, i, decay);
        p.sse += e * e;
    }
    return p;
}

static double decay_at(double step)
{
    return DECAY_LEAST * pow(DECAY_MOST / DECAY_LEAST, step / SCAN_STEPS);
}

static double refine(const struct data *d, double low, double high)
{
    const double ratio = 0.6180339887498949;
    double x1 = high - ratio * (high - low);
    double x2 = low + ratio * (high - low);
    double f1 = project(d, decay_at(x1)).sse;
    double f2 = project(d, decay_at(x2)).sse;
    for (int i = 0; i < REFINE_STEPS; i++) {
        if (f1 <= f2) {
            high = x2;
            x2 = x1;
            f2 = f1;
            x1 = high - ratio * (high - low);
            f1 = project(d, decay_at(x1)).sse;
        } else {
            low = x1;
            x1 = x2;
            f1 = f2;
            x2 = low + ratio * (high - low);
            f2 = project(d, decay_at(x2)).sse;
        }
    }
    return decay_at((low + high) / 2);
}

int fit_exponential(size_t count, const double *t, const double *y, struct fit_curve *ret_curve)
{
    struct data d;
    int r = load(&d, count, t, y);
    if (r < 0) {
        return r;
    }
    if (d.span <= 0) {
        struct fit_line line;
        r = fit_line(count, t, y, &line);
        *ret_curve = (struct fit_curve){.c = line.intercept, .mse = line.mse};
        return r;
    }
    int best = 0;
    double least = INFINITY;
    for (int i = 0; i <= SCAN_STEPS; i++) {
        double sse = project(&d, decay_at(i)).sse;
        if (sse < least) {
            least = sse;
            best = i;
        }
    }
    double decay = refine(&d, MAX_OF(best - 1, 0), MIN_OF(best + 1, SCAN_STEPS));
    if (project(&d, decay_at(best)).sse < project(&d, decay).sse) {
        decay = decay_at(best);
    }
    struct projection p = project(&d, decay);
    double b = -decay / d.span;
    double height = -p.weight / decay; /* of the exponential at the first time */
    *ret_curve = (struct fit_curve){.a = height * exp(-b * d.first),
                                    .b = b,
                                    .c = p.offset - height,
                                    .mse = p.sse / (double)count};
    return isfinite(ret_curve->a) ? 0 : ZEUS_ERANGE;
}

int fit_line(size_t count, const double *t, const double *y, struct fit_line *ret_line)
{
    struct data d;
    int r = load(&d, count, t, y);
    if (r < 0) {
        return r;
    }
    double n = (double)count;
    double mean_t = 0;
    double mean_y = 0;
    double tt = 0;
    double ty = 0;
    for (size_t i = 0; i < count; i++) {
        mean_t += (t[i] - d.first) / n;
        mean_y += y[i] / n;
    }
    for (size_t i = 0; i < count; i++) {
        double x = t[i] - d.first - mean_t;
        tt += x * x;
        ty += x * (y[i] - mean_y);
    }
    struct fit_line line = {.slope = tt > 0 ? ty / tt : 0};
    line.intercept = mean_y - line.slope * (mean_t + d.first);
    for (size_t i = 0; i < count; i++) {
        double e = y[i] - line.intercept - line.slope * t[i];
        line.mse += e * e / n;
    }
    *ret_line = line;
    return 0;
}
