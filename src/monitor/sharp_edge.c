/* SPDX-License-Identifier: Apache-2.0
 *
 * See sharp_edge.h. Edges no further apart than a window share one reconstruction, so that what it
 * is unsure of cancels; others have one each, tied to the running integral, which is as good as any
 * over longer times.
 */
#include "monitor/sharp_edge.h"

#include <math.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/mem.h"
#include "monitor/sharpen.h"

/* Readings used on either side of the edges, in windows. */
#define REACH 8.0
/* What repeats every window cannot be seen at all, and what nearly does only over many windows:
 * such unrest is taken to be this share of the power and of what power was seen to stray, over so
 * much of a window at most; more where the record is short, by so many windows over its length. */
#define UNSEEN_POWER  0.15
#define UNSEEN_SPREAD 0.4
#define UNSEEN_MOST   0.125
#define UNSEEN_SHORT  1.5
/* Variance of the reconstruction over what even noise would make of it: power is not even noise. */
#define SHAPE 1.5

struct view {
    struct sharpen *sharpen;
    struct knot anchor; /* of the running integral */
    double offset_j;    /* from the reconstruction to energies since the source's start */
    uint64_t ring_at;
};

static double square(double x)
{
    return x * x;
}

static uint64_t window_ns(const struct estimator *est)
{
    return (uint64_t)(est->blur_s * 1e9);
}

/* Readings are rounded: to the least step they show. */
static double noise_w(const struct estimator *est, const struct sharpen *s)
{
    double least_w = INFINITY;
    for (uint32_t i = 1; i < s->count; i++) {
        double step_w = fabs(s->readings[i].w - s->readings[i - 1].w);
        least_w = step_w > 0 ? fmin(least_w, step_w) : least_w;
    }
    least_w = isinf(least_w) ? 0 : least_w;
    return sqrt(square(est->noise_w) + square(fmin(least_w, 2)) / 12);
}

static uint64_t distance_ns(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* Copies the readings around [begin, end] out of the ring; NOTSUP at a gap. */
static int gather(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns,
                  struct view *view)
{
    struct sharpen *s = view->sharpen;
    uint64_t half_ns = window_ns(est) / 2;
    double bins = ceil(est->blur_s * 1e9 / (double)MAX_OF(est->period_ns, 1));
    double most = (SHARPEN_READINGS / fmax(bins, 1) - 3) / 2;
    uint64_t reach_ns = (uint64_t)(fmin(REACH, most) * est->blur_s * 1e9);
    uint64_t from_ns = begin_ns - MIN_OF(reach_ns + half_ns, begin_ns);
    uint64_t at = 0;
    uint64_t end = 0;
    (void)edge_find_knot(est, from_ns, &at, &end);
    uint64_t oldest = at;
    s->count = 0;
    view->anchor.t_ns = 0;
    for (struct knot knot; at < end && s->count < SHARPEN_READINGS; at++) {
        if (!edge_read_knot(est, at, &knot) ||
            (at > oldest && knot.flags & (KNOT_GAP | KNOT_GUESS))) {
            return ZEUS_ENOTSUP;
        }
        if (knot.t_ns > end_ns + reach_ns + half_ns) {
            break;
        }
        s->readings[s->count++] = (struct sharpen_reading){
            .t_ns = knot.t_ns + half_ns, .half_s = knot.half_ns * 1e-9, .w = knot.reading_w};
        if (distance_ns(knot.t_ns, begin_ns) <= distance_ns(view->anchor.t_ns, begin_ns)) {
            view->anchor = knot;
            view->ring_at = at;
        }
    }
    return s->count > 0 ? 0 : ZEUS_ENOTSUP;
}

static int open_view(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns,
                     struct view *view)
{
    struct sharpen *s = view->sharpen;
    int r = gather(est, begin_ns, end_ns, view);
    if (r < 0) {
        return r;
    }
    s->window_s = est->blur_s;
    s->period_s = (double)est->period_ns * 1e-9;
    s->noise_w = noise_w(est, s);
    s->align_ns = begin_ns;
    if (sharpen_solve(s) < 0) {
        return ZEUS_ENOTSUP;
    }
    double weights[SHARPEN_POINTS] = {0};
    double place = sharpen_place(s, view->anchor.t_ns);
    sharpen_add_mean(s, place, 1, weights);
    view->offset_j = view->anchor.energy_j;
    for (uint32_t i = 0; i < s->points; i++) {
        view->offset_j -= weights[i] * s->energy_j[i];
    }
    return 0;
}

/* The points of the grid around t as knots. Returns whether t lies before all of them. */
static int look_around(const struct view *view, uint64_t t_ns, struct edge_around *a)
{
    const struct sharpen *s = view->sharpen;
    double place = sharpen_place(s, t_ns);
    double last = floor(sharpen_place(s, s->readings[s->count - 1].t_ns) + 0.5);
    double at = fmin(fmax(floor(place), 0), last);
    uint32_t from = (uint32_t)fmax(at - EDGE_AROUND, 0);
    uint32_t to = (uint32_t)fmin(at + EDGE_AROUND + 1, last);
    a->count = 0;
    a->at = (uint32_t)at - from;
    a->numbers = from;
    a->ring_at = view->ring_at;
    for (uint32_t i = from; i <= to; i++) {
        a->knots[a->count++] = (struct knot){
            .t_ns = s->start_ns + (uint64_t)llround(i * s->bin_s * 1e9),
            .flags = KNOT_POWER,
            .energy_j = s->energy_j[i] + view->offset_j,
            .var_j2 = view->anchor.var_j2,
            .gap_ns = view->anchor.gap_ns,
        };
    }
    return place < 0;
}

static void read_edge(const struct estimator *est, const struct view *view, uint64_t t_ns,
                      struct edge *ret_edge)
{
    struct edge_around a;
    struct estimator sharp = *est;
    sharp.now_w = (double)NAN; /* an average says little about now */
    sharp.blur_s = 0;
    sharp.period_ns = (uint64_t)(view->sharpen->bin_s * 1e9);
    int is_early = look_around(view, t_ns, &a);
    memset(ret_edge, 0, sizeof *ret_edge);
    ret_edge->knot = a.numbers + a.at;
    if (is_early || a.at + 1 >= a.count) {
        edge_outside(&sharp, &a, t_ns, is_early, ret_edge);
    } else {
        edge_inside(&sharp, &a, t_ns, ret_edge);
    }
}

static double unseen_j2(const struct estimator *est, const struct sharpen *s, double power_w,
                        double length_s)
{
    double windows = (double)s->points / s->per_window;
    double share_w2 = square(UNSEEN_POWER * power_w) + square(UNSEEN_SPREAD * s->spread_w);
    return share_w2 *
           square((1 + UNSEEN_SHORT / windows) * fmin(length_s, UNSEEN_MOST * est->blur_s));
}

/* Variance of the reconstruction at one edge against the running integral. */
static double lone_var_j2(const struct estimator *est, const struct view *view, uint64_t t_ns,
                          const struct edge *edge)
{
    const struct sharpen *s = view->sharpen;
    double weights[SHARPEN_POINTS] = {0};
    double ignored_j = 0;
    double var_j2 = 0;
    sharpen_add_at(s, sharpen_place(s, t_ns), 1, weights);
    sharpen_add_mean(s, sharpen_place(s, view->anchor.t_ns), -1, weights);
    sharpen_difference(s, weights, &ignored_j, &var_j2);
    double here_w = edge->slope_w[0] + edge->slope_w[1];
    return SHAPE * var_j2 + unseen_j2(est, s, here_w, est->blur_s);
}

static int lone_edge(const struct estimator *est, struct view *view, uint64_t t_ns,
                     struct edge *ret_edge)
{
    int r = open_view(est, t_ns, t_ns, view);
    if (r == 0) {
        read_edge(est, view, t_ns, ret_edge);
        ret_edge->var_j2 += lone_var_j2(est, view, t_ns, ret_edge);
    }
    return r;
}

/* Both edges in one reconstruction; var_j2 is that of their difference. */
static int close_edges(const struct estimator *est, struct view *view, const uint64_t edges_ns[2],
                       struct edge ret_edges[2], double *ret_var_j2)
{
    int r = open_view(est, edges_ns[0], edges_ns[1], view);
    if (r < 0) {
        return r;
    }
    const struct sharpen *s = view->sharpen;
    double weights[SHARPEN_POINTS] = {0};
    double ignored_j = 0;
    double var_j2 = 0;
    for (uint32_t i = 0; i < 2; i++) {
        read_edge(est, view, edges_ns[i], &ret_edges[i]);
        sharpen_add_at(s, sharpen_place(s, edges_ns[i]), i ? 1 : -1, weights);
    }
    sharpen_difference(s, weights, &ignored_j, &var_j2);
    double length_s = (double)(edges_ns[1] - edges_ns[0]) * 1e-9;
    double here_w = fmax(ret_edges[0].slope_w[0] + ret_edges[0].slope_w[1],
                         ret_edges[1].slope_w[0] + ret_edges[1].slope_w[1]);
    var_j2 = SHAPE * var_j2 + unseen_j2(est, s, here_w, length_s);
    if (ret_edges[0].is_inside && ret_edges[1].is_inside &&
        ret_edges[0].knot == ret_edges[1].knot) {
        double part_j = 0;
        double part_j2 = 0;
        stretch_part(&ret_edges[0].stretch, ret_edges[0].at_s, ret_edges[1].at_s, &part_j,
                     &part_j2);
        var_j2 += part_j2;
    } else {
        var_j2 += ret_edges[0].var_j2 + ret_edges[1].var_j2;
    }
    *ret_var_j2 = var_j2;
    return 0;
}

static int is_close(const struct estimator *est, const uint64_t edges_ns[2])
{
    return edges_ns[1] - edges_ns[0] <= window_ns(est);
}

int sharp_between(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns,
                  struct estimate *ret_estimate)
{
    struct sharpen *sharpen _free_ = mem_calloc(1, sizeof *sharpen);
    struct view view = {.sharpen = sharpen};
    const uint64_t edges_ns[2] = {begin_ns, end_ns};
    struct edge edges[2];
    double var_j2 = 0;
    int r = ZEUS_ENOTSUP;
    if (sharpen && is_close(est, edges_ns)) {
        r = close_edges(est, &view, edges_ns, edges, &var_j2);
    } else if (sharpen) {
        r = lone_edge(est, &view, begin_ns, &edges[0]);
        r = r < 0 ? r : lone_edge(est, &view, end_ns, &edges[1]);
        var_j2 = r < 0 ? 0 : edges[0].var_j2 + edges[1].var_j2;
    }
    if (r < 0) {
        return r;
    }
    struct estimate e = {.energy_j = edges[1].energy_j - edges[0].energy_j,
                         .flags = edges[0].flags | edges[1].flags};
    struct pinned_edge pins[2];
    edge_pin(&edges[0], &pins[0]);
    edge_pin(&edges[1], &pins[1]);
    var_j2 += fmax(edges[1].base_var_j2 - edges[0].base_var_j2, 0);
    var_j2 += edge_shift_var_j2(est, &pins[0], &pins[1]);
    edge_finish(est, begin_ns, end_ns, var_j2, (int64_t)(edges[1].gap_ns - edges[0].gap_ns), &e);
    if (end_ns > begin_ns && e.covered_s <= 0) {
        return ZEUS_EAGAIN;
    }
    *ret_estimate = e;
    return 0;
}

int sharp_edge_at(const struct estimator *est, uint64_t t_ns, struct edge *ret_edge)
{
    struct sharpen *sharpen _free_ = mem_calloc(1, sizeof *sharpen);
    struct view view = {.sharpen = sharpen};
    return sharpen ? lone_edge(est, &view, t_ns, ret_edge) : ZEUS_ENOTSUP;
}

int sharp_look_around(const struct estimator *est, const uint64_t edges_ns[2], uint32_t which,
                      struct edge_around *ret_around)
{
    struct sharpen *sharpen _free_ = mem_calloc(1, sizeof *sharpen);
    struct view view = {.sharpen = sharpen};
    uint64_t t_ns = edges_ns[which];
    int r = ZEUS_ENOTSUP;
    if (sharpen) {
        r = is_close(est, edges_ns) ? open_view(est, edges_ns[0], edges_ns[1], &view)
                                    : open_view(est, t_ns, t_ns, &view);
    }
    if (r == 0) {
        (void)look_around(&view, t_ns, ret_around);
    }
    return r;
}
