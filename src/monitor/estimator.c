/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy between two instants; see estimator.h. An edge is found by bisection, its neighbourhood is
 * copied out of the ring, and the energy at the edge follows from the stretch it falls into.
 */
#include "monitor/estimator.h"

#include <math.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "monitor/stretch.h"
#include "monitor/unrest.h"

#define AROUND     10u /* stretches looked at on either side */
#define NEAR       3u  /* of these, for the range of power */
#define KNOTS_MOST (2 * AROUND + 2)
/* How far unrest that is hidden takes the energy carried on away from its mean line. */
#define HIDDEN_CARRIED 0.5
/* How far past the last knot the power is carried on before it is a gap. */
#define CARRY_PERIODS 3u
#define CARRY_MIN_NS  UINT64_C(300000000)
/* What a long average may hide at an edge, as a share of power times window. */
#define BLUR_HIDDEN 0.05
/* Half spread of a step's smoothing error, as a share of step times window (see measurement.md). */
#define BLUR_SIGMA 0.0373

struct around {
    struct knot knots[KNOTS_MOST];
    uint64_t numbers; /* number of knots[0] in the ring */
    uint32_t count;
    uint32_t at; /* the edge lies between knots[at] and knots[at + 1], or past the last */
};

/* Energy at an instant, and how it hangs on the times of the two knots beside it. */
struct edge {
    double energy_j; /* since the source's start */
    double var_j2;   /* shape and carrying on, knot times left out */
    double base_var_j2;
    double slope_w[2]; /* -d energy / d time of the knot before and after */
    double knot_var_s2[2];
    uint64_t knot; /* number of the one before */
    uint64_t gap_ns;
    uint32_t flags;
    struct stretch stretch; /* the one it falls into, when is_inside */
    double at_s;            /* from that stretch's start */
    int is_inside;
};

static double square(double x)
{
    return x * x;
}

static double seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

/* The first of all was made when nothing was known of the beat. */
int estimate_read_knot(const struct estimator *est, uint64_t number, struct knot *ret_knot)
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
static int find_knot(const struct estimator *est, uint64_t t_ns, uint64_t *ret_low,
                     uint64_t *ret_end)
{
    const struct ring *ring = est->knots;
    uint64_t end = ring_end(ring);
    uint64_t low = ring_oldest(ring, end);
    uint64_t high = end;
    struct knot knot;
    int found = 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (!estimate_read_knot(est, middle, &knot) || knot.t_ns <= t_ns) {
            low = middle + 1; /* overtaken counts as earlier */
            found = 1;
        } else {
            high = middle;
        }
    }
    *ret_end = end;
    *ret_low = found && low > 0 ? low - 1 : low;
    return found && estimate_read_knot(est, *ret_low, &knot) && knot.t_ns <= t_ns;
}

static int look_around(const struct estimator *est, uint64_t t_ns, struct around *ret_around,
                       int *ret_is_early)
{
    const struct ring *ring = est->knots;
    uint64_t at = 0;
    uint64_t end = 0;
    *ret_is_early = !find_knot(est, t_ns, &at, &end);
    uint64_t from = at > ring_oldest(ring, end) + AROUND ? at - AROUND : ring_oldest(ring, end);
    uint64_t to = MIN_OF(at + AROUND + 2, end);
    ret_around->count = 0;
    ret_around->at = 0;
    for (uint64_t i = from; i < to; i++) {
        struct knot *knot = &ret_around->knots[ret_around->count];
        if (!estimate_read_knot(est, i, knot)) {
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

static double length_s(const struct around *a, uint32_t i)
{
    return seconds((int64_t)(a->knots[i + 1].t_ns - a->knots[i].t_ns));
}

static double power_w(const struct around *a, uint32_t i)
{
    double dt_s = length_s(a, i);
    return dt_s > 0 ? (a->knots[i + 1].energy_j - a->knots[i].energy_j) / dt_s : 0;
}

static int is_observed(const struct around *a, uint32_t i)
{
    return !(a->knots[i + 1].flags & (KNOT_GUESS | KNOT_GAP)) && length_s(a, i) > 0;
}

/* Nearest observed stretches from `from` in direction `by`; returns how many of two were found. */
static uint32_t neighbours(const struct around *a, int from, int by, double ret_w[2])
{
    uint32_t n = 0;
    for (int i = from; n < 2 && i >= 0 && i + 1 < (int)a->count; i += by) {
        if (a->knots[i + 1].flags & KNOT_GAP) {
            break;
        }
        if (is_observed(a, (uint32_t)i)) {
            ret_w[n++] = power_w(a, (uint32_t)i);
        }
    }
    if (n == 1) {
        ret_w[1] = ret_w[0];
    }
    return n;
}

/* Range of power close by and robust spread over the whole neighbourhood. */
static void survey(const struct around *a, uint32_t own, uint32_t nearness, struct stretch *s)
{
    double steps_w[KNOTS_MOST];
    uint32_t n = 0;
    double last_w = NAN;
    s->low_w = INFINITY;
    s->high_w = -INFINITY;
    for (uint32_t i = 0; i + 1 < a->count; i++) {
        if (!is_observed(a, i)) {
            continue;
        }
        double w = power_w(a, i);
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

static double hidden_near_w(const struct around *a, uint32_t own)
{
    double means_w[KNOTS_MOST];
    uint32_t n = 0;
    for (uint32_t i = 0; i + 1 < a->count; i++) {
        if (i != own && is_observed(a, i)) {
            means_w[n++] = power_w(a, i);
        }
    }
    return stretch_hidden_w(means_w, n);
}

static void build_stretch(const struct around *a, uint32_t i, struct stretch *ret)
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

static void edge_inside(const struct estimator *est, const struct around *a, uint64_t t_ns,
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
    double far_w = unrest_far_w(est->knots, a->numbers + a->at);
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
static void edge_outside(const struct estimator *est, const struct around *a, uint64_t t_ns,
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
    survey(a, is_early ? 0 : a->count - 1, AROUND, &s);
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
    double far_w = unrest_far_w(est->knots, a->numbers + a->at);
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

/* Mean power of the knots around an instant, from a stretch there. */
static double power_at_w(const struct estimator *est, uint64_t t_ns, double fallback_w)
{
    struct around a;
    int is_early = 0;
    if (look_around(est, t_ns, &a, &is_early) < 0 || is_early || a.at + 1 >= a.count ||
        !is_observed(&a, a.at)) {
        return fallback_w;
    }
    return power_w(&a, a.at);
}

/* A long average smooths the energy near an edge: corrects the mean of that, keeps the rest. */
static void unblur(const struct estimator *est, uint64_t t_ns, struct edge *edge)
{
    uint64_t half_ns = (uint64_t)(est->blur_s * 5e8);
    double here_w = edge->slope_w[0] + edge->slope_w[1];
    double before_w = power_at_w(est, t_ns - half_ns, here_w);
    double after_w = power_at_w(est, t_ns + half_ns, here_w);
    double wide_w = fmax(fmax(before_w, after_w), here_w) - fmin(fmin(before_w, after_w), here_w);
    edge->energy_j -= est->blur_s * (after_w - before_w) / 24;
    edge->var_j2 +=
        square(BLUR_SIGMA * est->blur_s * wide_w) + square(BLUR_HIDDEN * est->blur_s * here_w);
}

static int edge_at(const struct estimator *est, uint64_t t_ns, struct edge *ret_edge)
{
    struct around a;
    int is_early = 0;
    int r = look_around(est, t_ns, &a, &is_early);
    if (r < 0) {
        return r;
    }
    memset(ret_edge, 0, sizeof *ret_edge);
    ret_edge->knot = a.numbers + a.at;
    if (is_early || a.at + 1 >= a.count) {
        edge_outside(est, &a, t_ns, is_early, ret_edge);
    } else {
        edge_inside(est, &a, t_ns, ret_edge);
    }
    if (est->blur_s > 0) {
        unblur(est, t_ns, ret_edge);
    }
    return 0;
}

/* Variance from knot times, where both edges may hang on the same knots. */
static double knots_var_j2(const struct edge *a, const struct edge *b)
{
    double var_j2 = 0;
    for (uint32_t i = 0; i < 2; i++) {
        double slope_w = a->slope_w[i];
        for (uint32_t j = 0; j < 2; j++) {
            slope_w -= a->knot + i == b->knot + j ? b->slope_w[j] : 0;
        }
        var_j2 += square(slope_w) * a->knot_var_s2[i];
    }
    for (uint32_t j = 0; j < 2; j++) {
        int is_shared = b->knot + j == a->knot || b->knot + j == a->knot + 1;
        var_j2 += is_shared ? 0 : square(b->slope_w[j]) * b->knot_var_s2[j];
    }
    return var_j2;
}

static void finish(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns, double var_j2,
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

int estimate_between(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns,
                     struct estimate *ret_estimate)
{
    struct edge a;
    struct edge b;
    int r = edge_at(est, begin_ns, &a);
    if (r == 0) {
        r = edge_at(est, end_ns, &b);
    }
    if (r < 0) {
        return r;
    }
    double var_j2 = a.var_j2 + b.var_j2;
    struct estimate e = {.energy_j = b.energy_j - a.energy_j, .flags = a.flags | b.flags};
    if (a.is_inside && b.is_inside && a.knot == b.knot) {
        double part_j = 0;
        double blur_j2 = 0;
        double ignored_j = 0;
        double edge_j2 = 0;
        stretch_part(&a.stretch, 0, a.at_s, &ignored_j, &edge_j2);
        blur_j2 += fmax(a.var_j2 - edge_j2, 0);
        stretch_part(&b.stretch, 0, b.at_s, &ignored_j, &edge_j2);
        blur_j2 += fmax(b.var_j2 - edge_j2, 0);
        stretch_part(&a.stretch, a.at_s, b.at_s, &part_j, &var_j2);
        /* Both ends of a short window are smoothed alike. */
        var_j2 += blur_j2 * fmin(1, (b.at_s - a.at_s) / fmax(est->blur_s, 1e-9));
    }
    var_j2 += fmax(b.base_var_j2 - a.base_var_j2, 0) + knots_var_j2(&a, &b);
    finish(est, begin_ns, end_ns, var_j2, (int64_t)(b.gap_ns - a.gap_ns), &e);
    if (end_ns > begin_ns && e.covered_s <= 0) {
        return ZEUS_EAGAIN;
    }
    *ret_estimate = e;
    return 0;
}

static void pin_edge(const struct edge *edge, struct pinned_edge *ret_edge)
{
    *ret_edge = (struct pinned_edge){
        .energy_j = edge->energy_j,
        .var_j2 = edge->var_j2 + square(edge->slope_w[0]) * edge->knot_var_s2[0] +
                  square(edge->slope_w[1]) * edge->knot_var_s2[1],
        .base_var_j2 = edge->base_var_j2,
        .gap_ns = edge->gap_ns,
        .flags = edge->flags,
    };
}

int estimate_pin(const struct estimator *est, uint64_t t_ns, struct pinned_edge *ret_edge)
{
    struct edge edge;
    int r = edge_at(est, t_ns, &edge);
    if (r < 0) {
        return r;
    }
    if (edge.flags & ESTIMATE_OPEN) {
        return ZEUS_EAGAIN;
    }
    pin_edge(&edge, ret_edge);
    return 0;
}

static int pinned_or_now(const struct estimator *est, const struct pinned_edge *pinned,
                         uint64_t t_ns, struct pinned_edge *ret_edge)
{
    if (pinned) {
        *ret_edge = *pinned;
        return 0;
    }
    struct edge edge;
    int r = edge_at(est, t_ns, &edge);
    if (r == 0) {
        pin_edge(&edge, ret_edge);
    }
    return r;
}

int estimate_pinned(const struct estimator *est, const struct pinned_edge *begin,
                    const struct pinned_edge *end, uint64_t begin_ns, uint64_t end_ns,
                    struct estimate *ret_estimate)
{
    struct pinned_edge a;
    struct pinned_edge b;
    int r = pinned_or_now(est, begin, begin_ns, &a);
    if (r == 0) {
        r = pinned_or_now(est, end, end_ns, &b);
    }
    if (r < 0) {
        return r;
    }
    struct estimate e = {.energy_j = b.energy_j - a.energy_j, .flags = a.flags | b.flags};
    double var_j2 = a.var_j2 + b.var_j2 + fmax(b.base_var_j2 - a.base_var_j2, 0);
    finish(est, begin_ns, end_ns, var_j2, (int64_t)(b.gap_ns - a.gap_ns), &e);
    if (end_ns > begin_ns && e.covered_s <= 0) {
        return ZEUS_EAGAIN;
    }
    *ret_estimate = e;
    return 0;
}

int estimate_is_closed(const struct estimator *est, uint64_t t_ns)
{
    uint64_t end = ring_end(est->knots);
    struct knot last;
    if (end == 0 || !knot_read(est->knots, end - 1, &last)) {
        return 0;
    }
    return last.t_ns > t_ns + last.half_ns + (uint64_t)(est->blur_s * 5e8);
}
