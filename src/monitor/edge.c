/* SPDX-License-Identifier: Apache-2.0
 *
 * The energy at one edge; see edge.h. The neighbourhood is copied out of the ring after a
 * bisection, and the energy at the edge follows from the stretch it falls into.
 */
#include "monitor/edge.h"

#include <math.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "monitor/unrest.h"

#define NEAR 3u /* stretches on either side, for the range of power */
/* How far unrest that is hidden takes the energy carried on away from its mean line. */
#define HIDDEN_CARRIED 0.5
/* How far past the last knot the power is carried on before it is a gap. */
#define CARRY_PERIODS 3u
#define CARRY_MIN_NS  UINT64_C(300000000)

static double square(double x)
{
    return x * x;
}

static double seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

/* The first of all was made when nothing was known of the beat. */
int edge_read_knot(const struct estimator *est, uint64_t number, struct knot *ret_knot)
{
    if (!knot_read(est->knots, number, ret_knot)) {
        return 0;
    }
    if (number == 0 && est->first_half_ns > 0) {
        ret_knot->t_ns = est->first_t_ns;
        ret_knot->half_ns = (uint32_t)est->first_half_ns;
    }
    return 1;
}

/* Number of the last knot at or before t; 0 returned when even the oldest is later. */
int edge_find_knot(const struct estimator *est, uint64_t t_ns, uint64_t *ret_low, uint64_t *ret_end)
{
    const struct ring *ring = est->knots;
    uint64_t end = ring_end(ring);
    uint64_t low = ring_oldest(ring, end);
    uint64_t high = end;
    struct knot knot;
    int found = 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (!edge_read_knot(est, middle, &knot) || knot.t_ns <= t_ns) {
            low = middle + 1; /* overtaken counts as earlier */
            found = 1;
        } else {
            high = middle;
        }
    }
    *ret_end = end;
    *ret_low = found && low > 0 ? low - 1 : low;
    return found && edge_read_knot(est, *ret_low, &knot) && knot.t_ns <= t_ns;
}

int edge_look_around(const struct estimator *est, uint64_t t_ns, struct edge_around *ret_around,
                     int *ret_is_early)
{
    const struct ring *ring = est->knots;
    uint64_t at = 0;
    uint64_t end = 0;
    *ret_is_early = !edge_find_knot(est, t_ns, &at, &end);
    uint64_t from =
        at > ring_oldest(ring, end) + EDGE_AROUND ? at - EDGE_AROUND : ring_oldest(ring, end);
    uint64_t to = MIN_OF(at + EDGE_AROUND + 2, end);
    ret_around->count = 0;
    ret_around->at = 0;
    ret_around->ring_at = at;
    for (uint64_t i = from; i < to; i++) {
        struct knot *knot = &ret_around->knots[ret_around->count];
        if (!edge_read_knot(est, i, knot)) {
            ret_around->count = 0; /* overtaken meanwhile: begin after it */
            continue;
        }
        if (ret_around->count == 0) {
            ret_around->numbers = i;
        }
        ret_around->at = i <= at ? ret_around->count : ret_around->at;
        ret_around->count++;
    }
    return ret_around->count > 0 ? 0 : ZEUS_EAGAIN;
}

static double length_s(const struct edge_around *a, uint32_t i)
{
    return seconds((int64_t)(a->knots[i + 1].t_ns - a->knots[i].t_ns));
}

double edge_power_w(const struct edge_around *a, uint32_t i)
{
    double dt_s = length_s(a, i);
    return dt_s > 0 ? (a->knots[i + 1].energy_j - a->knots[i].energy_j) / dt_s : 0;
}

int edge_is_observed(const struct edge_around *a, uint32_t i)
{
    return !(a->knots[i + 1].flags & (KNOT_GUESS | KNOT_GAP)) && length_s(a, i) > 0;
}

/* Nearest observed stretches from `from` in direction `by`; returns how many of two were found. */
static uint32_t neighbours(const struct edge_around *a, int from, int by, double ret_w[2])
{
    uint32_t n = 0;
    for (int i = from; n < 2 && i >= 0 && i + 1 < (int)a->count; i += by) {
        if (a->knots[i + 1].flags & KNOT_GAP) {
            break;
        }
        if (edge_is_observed(a, (uint32_t)i)) {
            ret_w[n++] = edge_power_w(a, (uint32_t)i);
        }
    }
    if (n == 1) {
        ret_w[1] = ret_w[0];
    }
    return n;
}

/* Range of power close by and robust spread over the whole neighbourhood. */
static void survey(const struct edge_around *a, uint32_t own, uint32_t nearness, struct stretch *s)
{
    double steps_w[EDGE_KNOTS_MOST];
    uint32_t n = 0;
    double last_w = NAN;
    s->low_w = INFINITY;
    s->high_w = -INFINITY;
    for (uint32_t i = 0; i + 1 < a->count; i++) {
        if (!edge_is_observed(a, i)) {
            continue;
        }
        double w = edge_power_w(a, i);
        if (i != own && i + nearness >= own && i <= own + nearness) {
            s->low_w = fmin(s->low_w, w);
            s->high_w = fmax(s->high_w, w);
        }
        if (!isnan(last_w)) {
            double step_w = fabs(w - last_w);
            uint32_t at = n++;
            for (; at > 0 && steps_w[at - 1] > step_w; at--) {
                steps_w[at] = steps_w[at - 1];
            }
            steps_w[at] = step_w;
        }
        last_w = w;
    }
    s->spread_w = n ? steps_w[n / 2] / 0.954 : 0;
    if (s->low_w > s->high_w) {
        s->low_w = s->high_w = isnan(last_w) ? 0 : last_w;
    }
}

static double hidden_near_w(const struct edge_around *a, uint32_t own)
{
    double means_w[EDGE_KNOTS_MOST];
    uint32_t n = 0;
    for (uint32_t i = 0; i + 1 < a->count; i++) {
        if (i != own && edge_is_observed(a, i)) {
            means_w[n++] = edge_power_w(a, i);
        }
    }
    return stretch_hidden_w(means_w, n);
}

static void build_stretch(const struct edge_around *a, uint32_t i, struct stretch *ret)
{
    double left_w[2] = {0, 0};
    double right_w[2] = {0, 0};
    memset(ret, 0, sizeof *ret);
    ret->has_left = neighbours(a, (int)i - 1, -1, left_w) > 0;
    ret->has_right = neighbours(a, (int)i + 1, 1, right_w) > 0;
    survey(a, i, NEAR, ret);
    ret->length_s = length_s(a, i);
    ret->energy_j = a->knots[i + 1].energy_j - a->knots[i].energy_j;
    ret->var_j2 = a->knots[i + 1].var_j2 - a->knots[i].var_j2;
    ret->is_guess = (a->knots[i + 1].flags & KNOT_GUESS) != 0;
    ret->hidden_w = hidden_near_w(a, i);
    ret->left_w = left_w[0];
    ret->left2_w = left_w[1];
    ret->right_w = right_w[0];
    ret->right2_w = right_w[1];
}

static double time_var_s2(const struct knot *knot)
{
    /* Knots made from power carry this in their variance already. */
    return knot->flags & KNOT_POWER ? 0 : square((double)knot->half_ns * 1e-9) / 3;
}

void edge_inside(const struct estimator *est, const struct edge_around *a, uint64_t t_ns,
                 struct edge *edge)
{
    const struct knot *before = &a->knots[a->at];
    const struct knot *after = before + 1;
    edge->at_s = seconds((int64_t)(t_ns - before->t_ns));
    edge->gap_ns = before->gap_ns;
    edge->energy_j = before->energy_j;
    edge->base_var_j2 = before->var_j2;
    if (after->flags & KNOT_GAP) {
        edge->gap_ns += t_ns - before->t_ns;
        edge->flags |= ESTIMATE_GAP;
        return;
    }
    build_stretch(a, a->at, &edge->stretch);
    edge->is_inside = 1;
    double far_w = unrest_far_w(est->knots, a->ring_at);
    double own_w = edge->stretch.energy_j / edge->stretch.length_s;
    edge->stretch.hidden_w = sqrt(square(edge->stretch.hidden_w) + square(far_w) +
                                  square(unrest_floor(est->knots) * own_w));
    double part_j = 0;
    stretch_part(&edge->stretch, 0, edge->at_s, &part_j, &edge->var_j2);
    edge->energy_j += part_j;
    double share = edge->at_s / edge->stretch.length_s;
    if (edge->stretch.is_guess) {
        edge->flags |= ESTIMATE_GUESS;
    } else {
        edge->base_var_j2 += edge->stretch.var_j2 * share;
    }
    double mean_w = edge->stretch.energy_j / edge->stretch.length_s;
    edge->slope_w[0] = mean_w * (1 - share);
    edge->slope_w[1] = mean_w * share;
    edge->knot_var_s2[0] = time_var_s2(before);
    edge->knot_var_s2[1] = time_var_s2(after);
}

static uint64_t carry_most_ns(const struct estimator *est)
{
    return MAX_OF(CARRY_PERIODS * est->period_ns, CARRY_MIN_NS) + (uint64_t)(est->blur_s * 1e9);
}

/* Power carried on from the last knot, or back from the first. */
void edge_outside(const struct estimator *est, const struct edge_around *a, uint64_t t_ns,
                  int is_early, struct edge *edge)
{
    const struct knot *knot = is_early ? &a->knots[0] : &a->knots[a->count - 1];
    uint64_t away_ns = is_early ? knot->t_ns - t_ns : t_ns - knot->t_ns;
    uint64_t carry_ns = MIN_OF(away_ns, carry_most_ns(est));
    double near_w[2] = {0, 0};
    uint32_t found =
        is_early ? neighbours(a, 0, 1, near_w) : neighbours(a, (int)a->count - 2, -1, near_w);
    struct stretch s;
    memset(&s, 0, sizeof s);
    survey(a, is_early ? 0 : a->count - 1, EDGE_AROUND, &s);
    double carry_w = near_w[0];
    if (!is_early && !isnan(est->now_w) && (est->now_ns > knot->t_ns || found == 0)) {
        carry_w = est->now_w;
        found++;
    }
    double carry_s = found ? seconds((int64_t)carry_ns) : 0;
    if (found == 0) {
        carry_ns = 0;
    }
    double period_s = fmax((double)est->period_ns * 1e-9, carry_s);
    double low_w = fmin(fmin(s.low_w, carry_w), near_w[0]);
    double high_w = fmax(fmax(s.high_w, carry_w), near_w[0]);
    if (s.low_w == 0 && s.high_w == 0) {
        low_w = high_w = carry_w;
    }
    double sign = is_early ? -1 : 1;
    edge->energy_j = knot->energy_j + sign * carry_w * carry_s;
    edge->var_j2 =
        square(s.spread_w) * period_s * carry_s + square((high_w - low_w) * carry_s) / 12;
    double near_hidden_w = hidden_near_w(a, UINT32_MAX);
    double far_w = unrest_far_w(est->knots, a->ring_at);
    double hidden_w2 =
        square(near_hidden_w) + square(far_w) + square(unrest_floor(est->knots) * carry_w);
    edge->var_j2 +=
        square(HIDDEN_CARRIED * fmin(carry_s, (double)est->period_ns * 1e-9)) * hidden_w2;
    edge->base_var_j2 = knot->var_j2;
    edge->slope_w[0] = carry_w;
    edge->knot_var_s2[0] = time_var_s2(knot);
    edge->gap_ns =
        is_early ? knot->gap_ns - (away_ns - carry_ns) : knot->gap_ns + away_ns - carry_ns;
    edge->flags |= is_early ? ESTIMATE_EARLY : ESTIMATE_OPEN;
    edge->flags |= away_ns > carry_ns ? ESTIMATE_GAP : 0;
}

void edge_finish(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns, double var_j2,
                 int64_t gap_ns, struct estimate *e)
{
    double length = seconds((int64_t)(end_ns - begin_ns));
    e->covered_s = fmin(fmax(length - seconds(gap_ns), 0), length);
    e->flags |= gap_ns > 0 ? ESTIMATE_GAP : 0;
    e->flags |= end_ns - begin_ns < est->period_ns ? ESTIMATE_SHORT : 0;
    var_j2 += end_ns > begin_ns ? 2 * square(est->edge_j) : 0;
    e->sigma_j = sqrt(fmax(var_j2, 0));
    if (e->energy_j < 0) {
        e->sigma_j = fmax(e->sigma_j, -e->energy_j);
        e->energy_j = 0;
    }
}

double edge_shift_var_j2(const struct estimator *est, const struct pinned_edge *begin,
                         const struct pinned_edge *end)
{
    return square(est->shift_s) * (square(end->power_w - begin->power_w) + square(begin->unrest_w) +
                                   square(end->unrest_w));
}

/* A step near the edge may lie on either side of it: half of what the neighbours differ by. */
static double unrest_w(const struct edge *edge)
{
    const struct stretch *s = &edge->stretch;
    if (!edge->is_inside || s->length_s <= 0) {
        return 0;
    }
    double own_w = s->energy_j / s->length_s;
    double left_w = s->has_left ? fabs(own_w - s->left_w) : 0;
    double right_w = s->has_right ? fabs(own_w - s->right_w) : 0;
    return fmax(left_w, right_w) / 2;
}

void edge_pin(const struct edge *edge, struct pinned_edge *ret_edge)
{
    *ret_edge = (struct pinned_edge){
        .energy_j = edge->energy_j,
        .var_j2 = edge->var_j2 + square(edge->slope_w[0]) * edge->knot_var_s2[0] +
                  square(edge->slope_w[1]) * edge->knot_var_s2[1],
        .base_var_j2 = edge->base_var_j2,
        .power_w = edge->slope_w[0] + edge->slope_w[1],
        .unrest_w = unrest_w(edge),
        .gap_ns = edge->gap_ns,
        .flags = edge->flags,
    };
}
