/* SPDX-License-Identifier: Apache-2.0
 *
 * The rule of docs/report.md: energy at an instant from the knots around it. Written from the rule,
 * not from the library, so that the two check each other.
 */
#include "cli/report_edge.h"

#include <math.h>
#include <stdlib.h>

#define CHANGE_SPREADS 2.5
#define NORMAL_STEP    0.954 /* median step of a noise of spread one */
#define CARRY_LEAST_S  0.3
#define CARRY_PERIODS  3

static double between_s(const zeus_edge *e, uint32_t i)
{
    return (double)(int64_t)(e->knots[i + 1].time_ns - e->knots[i].time_ns) * 1e-9;
}

static double mean_w(const zeus_edge *e, uint32_t i)
{
    return (e->knots[i + 1].energy_j - e->knots[i].energy_j) / between_s(e, i);
}

static int is_seen(const zeus_edge *e, uint32_t i)
{
    return (e->knots[i + 1].flags & (ZEUS_KNOT_GUESS | ZEUS_KNOT_GAP)) == 0 && between_s(e, i) > 0;
}

/* Powers of the two nearest stretches that were seen, going by `by` from `i`. */
static int two_beside(const zeus_edge *e, int64_t i, int by, double w[2])
{
    int found = 0;
    w[0] = w[1] = 0;
    while (found < 2 && i >= 0 && i + 1 < (int64_t)e->knot_count &&
           !(e->knots[i + 1].flags & ZEUS_KNOT_GAP)) {
        if (is_seen(e, (uint32_t)i)) {
            w[found++] = mean_w(e, (uint32_t)i);
        }
        i += by;
    }
    w[1] = found == 1 ? w[0] : w[1];
    return found;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double spread_w(const zeus_edge *e)
{
    double steps[ZEUS_EDGE_KNOTS_MAX];
    size_t n = 0;
    double last = NAN;
    for (uint32_t i = 0; i + 1 < e->knot_count; i++) {
        if (!is_seen(e, i)) {
            continue;
        }
        double w = mean_w(e, i);
        if (!isnan(last)) {
            steps[n++] = fabs(w - last);
        }
        last = w;
    }
    qsort(steps, n, sizeof(*steps), compare);
    return n ? steps[n / 2] / NORMAL_STEP : 0;
}

/* Part of the stretch's energy before at_s: even, a step, a ramp, or between the two. */
static double part_j(const zeus_edge *e, uint32_t i, double at_s)
{
    double l[2];
    double r[2];
    int has_both = two_beside(e, (int64_t)i - 1, -1, l) > 0;
    has_both &= two_beside(e, (int64_t)i + 1, 1, r) > 0;
    double whole_s = between_s(e, i);
    double whole_j = e->knots[i + 1].energy_j - e->knots[i].energy_j;
    double even_j = whole_j / whole_s * at_s;
    double rise_w = has_both ? r[0] - l[0] : 0;
    double bend_j = rise_w / whole_s / 2 * at_s * (at_s - whole_s);
    if (e->knots[i + 1].flags & ZEUS_KNOT_GUESS) {
        return even_j + bend_j;
    }
    double spread = spread_w(e);
    double own_w = whole_j / whole_s;
    int is_between = (own_w - l[0]) * (r[0] - own_w) >= 0;
    if (!is_between || fabs(rise_w) <= CHANGE_SPREADS * spread || fabs(rise_w) <= 1e-6) {
        return even_j;
    }
    double turn_s = fmin(fmax((r[0] * whole_s - whole_j) / rise_w, 0), whole_s);
    double step_j = l[0] * fmin(at_s, turn_s) + r[0] * fmax(at_s - turn_s, 0);
    double outside_w = fabs(l[0] - l[1]) + fabs(r[0] - r[1]);
    double weight = fmin(fmax(1 - (outside_w - 2 * spread) / fabs(rise_w), 0), 1);
    return weight * step_j + (1 - weight) * (even_j + bend_j / 2);
}

/* The knot at or before t; -1 when t is before all. */
static int64_t knot_at(const zeus_edge *e, uint64_t t_ns)
{
    int64_t at = -1;
    for (uint32_t i = 0; i < e->knot_count && e->knots[i].time_ns <= t_ns; i++) {
        at = (int64_t)i;
    }
    return at;
}

static double outside_j(const zeus_edge *e, int64_t at, double *ret_w)
{
    const zeus_knot *k = &e->knots[at < 0 ? 0 : at];
    double near_w[2];
    int found = at < 0 ? two_beside(e, 0, 1, near_w) : two_beside(e, at - 1, -1, near_w);
    double w = near_w[0];
    if (at >= 0 && !isnan(e->now_w) && (e->now_ns > k->time_ns || !found)) {
        w = e->now_w;
        found = 1;
    }
    double away_s = (double)(int64_t)(e->time_ns - k->time_ns) * 1e-9;
    double most_s = fmax(CARRY_PERIODS * (double)e->period_ns * 1e-9, CARRY_LEAST_S) + e->blur_s;
    *ret_w = w;
    return found ? k->energy_j + w * copysign(fmin(fabs(away_s), most_s), away_s) : k->energy_j;
}

static double power_near_w(const zeus_edge *e, uint64_t t_ns, double otherwise_w)
{
    int64_t at = knot_at(e, t_ns);
    int is_known = at >= 0 && at + 1 < (int64_t)e->knot_count && is_seen(e, (uint32_t)at);
    return is_known ? mean_w(e, (uint32_t)at) : otherwise_w;
}

double report_edge_j(const zeus_edge *e)
{
    if (e->knot_count == 0) {
        return (double)NAN;
    }
    int64_t at = knot_at(e, e->time_ns);
    double here_w = 0;
    double energy_j = 0;
    if (at < 0 || at + 1 >= (int64_t)e->knot_count) {
        energy_j = outside_j(e, at, &here_w);
    } else {
        energy_j = e->knots[at].energy_j;
        if (!(e->knots[at + 1].flags & ZEUS_KNOT_GAP)) {
            here_w = between_s(e, (uint32_t)at) > 0 ? mean_w(e, (uint32_t)at) : 0;
            energy_j += part_j(e, (uint32_t)at,
                               (double)(int64_t)(e->time_ns - e->knots[at].time_ns) * 1e-9);
        }
    }
    if (e->blur_s > 0) {
        uint64_t half_ns = (uint64_t)(e->blur_s * 5e8);
        energy_j -= e->blur_s / 24 *
                    (power_near_w(e, e->time_ns + half_ns, here_w) -
                     power_near_w(e, e->time_ns - half_ns, here_w));
    }
    return energy_j;
}

int report_edge_is_settled(const zeus_edge *e)
{
    double energy_j = report_edge_j(e);
    return isnan(e->settled_j) ||
           fabs(energy_j - e->settled_j) <= REPORT_TOLERANCE + 1e-9 * fabs(energy_j);
}
