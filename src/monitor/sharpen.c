/* SPDX-License-Identifier: Apache-2.0
 *
 * The reconstruction behind sharpen.h: a banded positive definite system, one row a point of the
 * grid, solved by Cholesky's root. The band is a window wide, because a reading ties a point to the
 * one a window before.
 */
#include "monitor/sharpen.h"

#include <math.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"

#define READINGS_LEAST 8u
/* The spread is at least this share of what one reading's noise makes of a bin. */
#define SPREAD_LEAST 0.05
/* How well the length of the window is known, as a share of it. */
#define WINDOW_DOUBT 0.005
/* E itself is free by a constant; this holds it, in units of a bin's spread. */
#define HOLD 1e4

static double square(double x)
{
    return x * x;
}

static double clamp(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

static double *row(struct sharpen *s, uint32_t i)
{
    return s->band + (size_t)i * (s->per_window + 2);
}

double sharpen_place(const struct sharpen *s, uint64_t t_ns)
{
    return (double)(int64_t)(t_ns - s->start_ns) * 1e-9 / s->bin_s;
}

static int lay_grid(struct sharpen *s)
{
    if (s->count < READINGS_LEAST || s->window_s <= 0) {
        return ZEUS_EAGAIN;
    }
    double per_window = clamp(round(s->window_s / s->period_s), 2, SHARPEN_PER_WINDOW);
    s->per_window = (uint32_t)per_window;
    s->bin_s = s->window_s / per_window;
    const struct sharpen_reading *nearest = &s->readings[0];
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t t_ns = s->readings[i].t_ns;
        double off = fabs((double)(int64_t)(t_ns - s->align_ns));
        nearest =
            off < fabs((double)(int64_t)(nearest->t_ns - s->align_ns)) ? &s->readings[i] : nearest;
    }
    double back_s =
        (double)(nearest->t_ns - s->readings[0].t_ns) * 1e-9 + s->window_s + s->bin_s / 2;
    double bins = ceil(back_s / s->bin_s);
    s->start_ns = nearest->t_ns - (uint64_t)(bins * s->bin_s * 1e9);
    double last = sharpen_place(s, s->readings[s->count - 1].t_ns);
    s->points = (uint32_t)ceil(last + 0.5) + 1;
    return s->points <= SHARPEN_POINTS ? 0 : ZEUS_ELIMIT;
}

/* Integral of the running average, each reading standing in the middle of its window. */
static void integrate_mean(struct sharpen *s)
{
    uint32_t at = 0;
    double half = s->per_window / 2.0;
    s->mean_j[0] = 0;
    for (uint32_t i = 0; i + 1 < s->points; i++) {
        double middle = i + 0.5 + half; /* where a reading ends whose middle is this bin's */
        while (at + 2 < s->count && sharpen_place(s, s->readings[at + 1].t_ns) <= middle) {
            at++;
        }
        const struct sharpen_reading *a = &s->readings[at];
        double from = sharpen_place(s, a->t_ns);
        double to = sharpen_place(s, a[1].t_ns);
        double share = to > from ? clamp((middle - from) / (to - from), 0, 1) : 0;
        s->mean_j[i + 1] = s->mean_j[i] + s->bin_s * (a->w + share * (a[1].w - a->w));
    }
}

static double between(const double *values_j, double place)
{
    uint32_t i = (uint32_t)place;
    return values_j[i] + (place - i) * (values_j[i + 1] - values_j[i]);
}

/* What a reading says beyond the running average. */
static double beyond_j(const struct sharpen *s, uint32_t k)
{
    double place = sharpen_place(s, s->readings[k].t_ns);
    return s->window_s * s->readings[k].w -
           (between(s->mean_j, place) - between(s->mean_j, place - s->per_window));
}

static void find_spread(struct sharpen *s)
{
    double sum_j2 = 0;
    double bins = 0;
    double noise_j2 = square(s->window_s * s->noise_w);
    for (uint32_t k = 1; k < s->count; k++) {
        bins += (double)(s->readings[k].t_ns - s->readings[k - 1].t_ns) * 1e-9 / s->bin_s;
        sum_j2 += square(beyond_j(s, k) - beyond_j(s, k - 1)) / 2 - noise_j2;
    }
    double least_w = SPREAD_LEAST * s->noise_w * s->per_window;
    s->spread_w = sqrt(fmax(sum_j2 / fmax(bins, 1), 0)) / s->bin_s;
    s->spread_w = fmax(s->spread_w, fmax(least_w, 1e-6));
}

/* A point between two of the grid strays from their line by up to this. */
static double line_var_j2(const struct sharpen *s, double place)
{
    double share = place - floor(place);
    return square(s->spread_w * s->bin_s * share * (1 - share));
}

static double reading_var_j2(const struct sharpen *s, uint32_t k)
{
    const struct sharpen_reading *here = &s->readings[k];
    const struct sharpen_reading *before = k > 0 ? here - 1 : here;
    const struct sharpen_reading *after = k + 1 < s->count ? here + 1 : here;
    double apart_s = (double)(after->t_ns - before->t_ns) * 1e-9;
    double step_w = apart_s > 0 ? s->window_s * (after->w - before->w) / apart_s : 0;
    double place = sharpen_place(s, here->t_ns);
    return square(s->window_s * s->noise_w) + square(WINDOW_DOUBT * s->window_s * s->spread_w) +
           square(step_w * here->half_s) / 3 + line_var_j2(s, place) +
           line_var_j2(s, place - s->per_window);
}

static void add_reading(struct sharpen *s, uint32_t k)
{
    double place = sharpen_place(s, s->readings[k].t_ns);
    uint32_t at = (uint32_t)place;
    uint32_t before = at - s->per_window;
    double share = place - at;
    const uint32_t points[] = {before, before + 1, at, at + 1};
    const double weights[] = {share - 1, -share, 1 - share, share};
    double certainty = 1 / reading_var_j2(s, k);
    double said_j = beyond_j(s, k);
    for (uint32_t i = 0; i < ARRAY_LEN(points); i++) {
        s->energy_j[points[i]] += certainty * weights[i] * said_j;
        for (uint32_t j = 0; j <= i; j++) {
            row(s, points[i])[points[i] - points[j]] += certainty * weights[i] * weights[j];
        }
    }
}

static void build(struct sharpen *s)
{
    double certainty = 1 / square(s->spread_w * s->bin_s);
    memset(s->energy_j, 0, sizeof s->energy_j);
    memset(s->band, 0, (size_t)s->points * (s->per_window + 2) * sizeof *s->band);
    row(s, 0)[0] += certainty / square(HOLD);
    for (uint32_t i = 0; i + 1 < s->points; i++) {
        row(s, i)[0] += certainty;
        row(s, i + 1)[0] += certainty;
        row(s, i + 1)[1] -= certainty;
    }
    for (uint32_t k = 0; k < s->count; k++) {
        add_reading(s, k);
    }
}

/* Cholesky's root in place. */
static void take_root(struct sharpen *s)
{
    uint32_t wide = s->per_window + 1;
    for (uint32_t i = 0; i < s->points; i++) {
        double *own = row(s, i);
        uint32_t from = i > wide ? i - wide : 0;
        for (uint32_t j = from; j <= i; j++) {
            const double *other = row(s, j);
            uint32_t k = j > wide ? MAX_OF(from, j - wide) : from;
            double sum = own[i - j];
            for (; k < j; k++) {
                sum -= own[i - k] * other[j - k];
            }
            own[i - j] = j < i ? sum / other[0] : sqrt(fmax(sum, 1e-300));
        }
    }
}

static void forward(const struct sharpen *s, double *x)
{
    uint32_t wide = s->per_window + 1;
    for (uint32_t i = 0; i < s->points; i++) {
        const double *own = s->band + (size_t)i * (s->per_window + 2);
        double sum = x[i];
        for (uint32_t d = 1; d <= MIN_OF(i, wide); d++) {
            sum -= own[d] * x[i - d];
        }
        x[i] = sum / own[0];
    }
}

static void backward(const struct sharpen *s, double *x)
{
    uint32_t wide = s->per_window + 1;
    for (uint32_t i = s->points; i-- > 0;) {
        const double *own = s->band + (size_t)i * (s->per_window + 2);
        x[i] /= own[0];
        for (uint32_t d = 1; d <= MIN_OF(i, wide); d++) {
            x[i - d] -= own[d] * x[i];
        }
    }
}

int sharpen_solve(struct sharpen *s)
{
    int r = lay_grid(s);
    if (r < 0) {
        return r;
    }
    integrate_mean(s);
    find_spread(s);
    build(s);
    take_root(s);
    forward(s, s->energy_j);
    backward(s, s->energy_j);
    for (uint32_t i = 0; i < s->points; i++) {
        s->energy_j[i] += s->mean_j[i];
    }
    return 0;
}

void sharpen_add_at(const struct sharpen *s, double place, double sign, double *weights)
{
    place = clamp(place, 0, s->points - 1.0);
    uint32_t at = MIN_OF((uint32_t)place, s->points - 2);
    weights[at] += sign * (1 - (place - at));
    weights[at + 1] += sign * (place - at);
}

void sharpen_add_mean(const struct sharpen *s, double place, double sign, double *weights)
{
    double from = place - s->per_window / 2.0;
    for (uint32_t i = 0; i <= s->per_window; i++) {
        double part = i == 0 || i == s->per_window ? 0.5 : 1;
        sharpen_add_at(s, from + i, sign * part / s->per_window, weights);
    }
}

void sharpen_difference(const struct sharpen *s, double *weights, double *ret_j, double *ret_var_j2)
{
    double sum_j = 0;
    double sum_j2 = 0;
    for (uint32_t i = 0; i < s->points; i++) {
        sum_j += weights[i] * s->energy_j[i];
    }
    forward(s, weights);
    for (uint32_t i = 0; i < s->points; i++) {
        sum_j2 += square(weights[i]);
    }
    *ret_j = sum_j;
    *ret_var_j2 = sum_j2;
}
