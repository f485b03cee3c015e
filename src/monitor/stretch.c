/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy inside a stretch; see stretch.h. The cases: a step or a ramp between two different
 * neighbours, an even stretch, a stretch that stands out of its neighbours, a guess.
 */
#include "monitor/stretch.h"

#include <math.h>

/* A difference of neighbours counts as a change from this many spreads on. */
#define CHANGE_SPREADS 2.5
/* How much of the distance between the step's and the ramp's answer is doubt at least. */
#define SHAPE_DOUBT 0.05

/* Spread of the energy of a switching power about its mean line, as a share of hidden_w times the
 * length: a triangle between its ends. */
#define HIDDEN_SHARE 0.2

/* The same where nothing was seen: of hidden_w times the part's length. */
#define HIDDEN_UNSEEN 0.5

static double square(double x)
{
    return x * x;
}

static double clamp(double x, double low, double high)
{
    return fmin(fmax(x, low), high);
}

double stretch_hidden_w(const double *means_w, uint32_t count)
{
    double low_w = INFINITY;
    double high_w = -INFINITY;
    for (uint32_t i = 0; i < count; i++) {
        low_w = fmin(low_w, means_w[i]);
        high_w = fmax(high_w, means_w[i]);
    }
    double sum_w2 = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum_w2 += (means_w[i] - low_w) * (high_w - means_w[i]);
    }
    return count ? sqrt(sum_w2 / count) : 0;
}

/* Power left_w until the instant that makes the energy come out right, then right_w. */
static double step_j(const struct stretch *s, double at_s)
{
    double change_s = (s->right_w * s->length_s - s->energy_j) / (s->right_w - s->left_w);
    change_s = clamp(change_s, 0, s->length_s);
    double before_j = s->left_w * fmin(at_s, change_s);
    return before_j + s->right_w * fmax(at_s - change_s, 0);
}

/* Power rising evenly, by as much as the neighbours differ over two lengths. */
static double ramp_j(const struct stretch *s, double at_s)
{
    double slope = (s->right_w - s->left_w) / (2 * s->length_s);
    return s->energy_j / s->length_s * at_s + slope / 2 * at_s * (at_s - s->length_s);
}

/* Widest and narrowest energy of a part when the power stays within [low, high]. */
static void bounds(const struct stretch *s, double low_w, double high_w, double part_s,
                   double *ret_low_j, double *ret_high_j)
{
    double rest_s = s->length_s - part_s;
    *ret_low_j = fmax(low_w * part_s, s->energy_j - high_w * rest_s);
    *ret_high_j = fmin(high_w * part_s, s->energy_j - low_w * rest_s);
    if (*ret_low_j > *ret_high_j) {
        *ret_low_j = *ret_high_j = s->energy_j * part_s / s->length_s;
    }
}

/* 1: the neighbourhood looks like one step, 0: like a ramp or something else. */
static double stepness(const struct stretch *s)
{
    double across_w = fabs(s->right_w - s->left_w);
    double outside_w = fabs(s->left_w - s->left2_w) + fabs(s->right_w - s->right2_w);
    return clamp(1 - (outside_w - 2 * s->spread_w) / across_w, 0, 1);
}

static void changing(const struct stretch *s, double from_s, double to_s, double *ret_j,
                     double *ret_var_j2)
{
    double weight = stepness(s);
    double by_step_j = step_j(s, to_s) - step_j(s, from_s);
    double by_ramp_j = ramp_j(s, to_s) - ramp_j(s, from_s);
    double low_j;
    double high_j;
    double low_w = fmin(fmin(s->left_w, s->right_w), s->low_w);
    double high_w = fmax(fmax(s->left_w, s->right_w), s->high_w);
    bounds(s, low_w, high_w, to_s - from_s, &low_j, &high_j);
    *ret_j = weight * by_step_j + (1 - weight) * by_ramp_j;
    *ret_var_j2 = square(by_step_j - by_ramp_j) * (SHAPE_DOUBT + weight * (1 - weight)) +
                  square((1 - weight) * (high_j - low_j)) / 12;
}

/* Power unlike a step between the neighbours. */
static void standing_out(const struct stretch *s, double from_s, double to_s, double *ret_j,
                         double *ret_var_j2)
{
    double own_w = s->energy_j / s->length_s;
    double low_w = fmin(own_w, s->low_w);
    double high_w = fmax(own_w, s->high_w);
    if (s->has_left) {
        low_w = fmin(low_w, s->left_w);
        high_w = fmax(high_w, s->left_w);
    }
    if (s->has_right) {
        low_w = fmin(low_w, s->right_w);
        high_w = fmax(high_w, s->right_w);
    }
    double low_j;
    double high_j;
    bounds(s, low_w, high_w, to_s - from_s, &low_j, &high_j);
    *ret_j = clamp(own_w * (to_s - from_s), low_j, high_j);
    *ret_var_j2 = square(high_j - low_j) / 12;
}

/* Filled from its sides: one step at an unknown instant. */
static void guessed(const struct stretch *s, double from_s, double to_s, double *ret_j,
                    double *ret_var_j2)
{
    double part_s = to_s - from_s;
    double share = part_s / s->length_s;
    double step_w = s->has_left && s->has_right ? s->right_w - s->left_w : 0;
    double slope = step_w / s->length_s;
    *ret_j = s->energy_j * share + slope / 2 * part_s * (from_s + to_s - s->length_s);
    double whole_j2 = square(step_w * s->length_s) / 12;
    double edge_j2 = square(step_w * part_s) * (share / 3 - share * share / 4);
    int is_inside = from_s > 0 && to_s < s->length_s;
    double var_j2 = is_inside ? fmax(edge_j2, whole_j2 * share * share) : edge_j2;
    *ret_var_j2 = var_j2 + fmax(s->var_j2 - whole_j2, 0) * share;
    /* What switches in step with the sensor is seen in one of its states only. */
    *ret_var_j2 += square(HIDDEN_UNSEEN * s->hidden_w * part_s);
}

void stretch_part(const struct stretch *s, double from_s, double to_s, double *ret_j,
                  double *ret_var_j2)
{
    if (s->length_s <= 0 || to_s <= from_s) {
        *ret_j = 0;
        *ret_var_j2 = 0;
        return;
    }
    if (s->is_guess) {
        guessed(s, from_s, to_s, ret_j, ret_var_j2);
        return;
    }
    double own_w = s->energy_j / s->length_s;
    double across_w = s->has_left && s->has_right ? s->right_w - s->left_w : 0;
    int is_between = (own_w - s->left_w) * (s->right_w - own_w) >= 0;
    if (is_between && fabs(across_w) > CHANGE_SPREADS * s->spread_w && fabs(across_w) > 1e-6) {
        changing(s, from_s, to_s, ret_j, ret_var_j2);
    } else {
        standing_out(s, from_s, to_s, ret_j, ret_var_j2);
    }
    /* Unrest inside the stretch as large as between stretches: a bridge between its ends. */
    double share = (to_s - from_s) / s->length_s;
    *ret_var_j2 += square(s->spread_w * s->length_s) * share * (1 - share);
    /* And what a fast switching hides: its energy strays from the mean line by up to this. */
    *ret_var_j2 += square(HIDDEN_SHARE * s->hidden_w * s->length_s) * 4 * share * (1 - share);
}
