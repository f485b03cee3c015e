/* SPDX-License-Identifier: Apache-2.0
 *
 * Energy between two instants; see estimator.h. An edge is found by bisection, its neighbourhood is
 * copied out of the ring, and the energy at the edge follows from the stretch it falls into.
 */
#include "monitor/estimator.h"

#include <math.h>

#include <zeus/error.h>

#include "monitor/edge.h"
#include "monitor/sharp_edge.h"
#include "monitor/stretch.h"

/* What a long average may hide at an edge, as a share of power times window. */
#define BLUR_HIDDEN 0.05
/* Half spread of a step's smoothing error, as a share of step times window (see measurement.md). */
#define BLUR_SIGMA 0.0373

static double square(double x)
{
    return x * x;
}

/* Mean power of the knots around an instant, from a stretch there. */
static double power_at_w(const struct estimator *est, uint64_t t_ns, double fallback_w)
{
    struct edge_around a;
    int is_early = 0;
    if (edge_look_around(est, t_ns, &a, &is_early) < 0 || is_early || a.at + 1 >= a.count ||
        !edge_is_observed(&a, a.at)) {
        return fallback_w;
    }
    return edge_power_w(&a, a.at);
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

static int blurred_edge_at(const struct estimator *est, uint64_t t_ns, struct edge *ret_edge)
{
    struct edge_around a;
    int is_early = 0;
    int r = edge_look_around(est, t_ns, &a, &is_early);
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

static int edge_at(const struct estimator *est, uint64_t t_ns, struct edge *ret_edge)
{
    if (est->is_sharp && sharp_edge_at(est, t_ns, ret_edge) == 0) {
        return 0;
    }
    return blurred_edge_at(est, t_ns, ret_edge);
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

int estimate_between(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns,
                     struct estimate *ret_estimate)
{
    struct edge a;
    struct edge b;
    int r = est->is_sharp ? sharp_between(est, begin_ns, end_ns, ret_estimate) : ZEUS_ENOTSUP;
    if (r != ZEUS_ENOTSUP) {
        return r;
    }
    r = blurred_edge_at(est, begin_ns, &a);
    if (r == 0) {
        r = blurred_edge_at(est, end_ns, &b);
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
    struct pinned_edge pins[2];
    edge_pin(&a, &pins[0]);
    edge_pin(&b, &pins[1]);
    var_j2 += fmax(b.base_var_j2 - a.base_var_j2, 0) + knots_var_j2(&a, &b);
    var_j2 += edge_shift_var_j2(est, &pins[0], &pins[1]);
    edge_finish(est, begin_ns, end_ns, var_j2, (int64_t)(b.gap_ns - a.gap_ns), &e);
    if (end_ns > begin_ns && e.covered_s <= 0) {
        return ZEUS_EAGAIN;
    }
    *ret_estimate = e;
    return 0;
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
    edge_pin(&edge, ret_edge);
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
        edge_pin(&edge, ret_edge);
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
    var_j2 += edge_shift_var_j2(est, &a, &b);
    edge_finish(est, begin_ns, end_ns, var_j2, (int64_t)(b.gap_ns - a.gap_ns), &e);
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
