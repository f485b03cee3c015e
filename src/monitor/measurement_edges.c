/* SPDX-License-Identifier: Apache-2.0
 *
 * The raw edges of a measurement: the knots around both, copied out of the rings together with the
 * energy that was computed from them. A knot that arrives in between makes us start over, so that
 * numbers and knots are of one moment.
 */
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "base/mutex.h"
#include "monitor/energy_window.h"
#include "monitor/sharp_edge.h"

#define TRIES 50u
#define SIDE  SOURCE_EDGE_KNOTS

_Static_assert(ZEUS_EDGE_KNOTS_MAX == 2 * SOURCE_EDGE_KNOTS, "an edge and what it follows from");

/* Number of the last knot at or before t, or of the oldest. */
static uint64_t knot_before(const struct estimator *est, uint64_t t_ns, uint64_t end)
{
    uint64_t oldest = ring_oldest(est->knots, end);
    uint64_t low = oldest;
    uint64_t high = end;
    struct knot knot;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (!edge_read_knot(est, middle, &knot) || knot.t_ns <= t_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > oldest ? low - 1 : oldest;
}

static void copy_knots(const struct estimator *est, uint64_t t_ns, zeus_edge *edge)
{
    uint64_t end = ring_end(est->knots);
    uint64_t oldest = ring_oldest(est->knots, end);
    uint64_t at = knot_before(est, t_ns, end);
    uint64_t from = at > oldest + SIDE - 1 ? at - (SIDE - 1) : oldest;
    for (uint64_t i = from; i < MIN_OF(at + SIDE + 1, end); i++) {
        struct knot knot;
        if (edge_read_knot(est, i, &knot)) {
            edge->knots[edge->knot_count++] = (zeus_knot){
                .time_ns = knot.t_ns,
                .half_ns = knot.half_ns,
                .flags = knot.flags,
                .energy_j = knot.energy_j,
            };
        }
    }
}

static void take_edge(const struct source *source, const struct source_pin *pin, uint64_t t_ns,
                      const struct source_status *status, uint32_t kind, zeus_edge *edge)
{
    struct estimator est = source_reader(source, kind, status);
    *edge = (zeus_edge){
        .time_ns = t_ns,
        .period_ns = est.period_ns,
        .now_ns = est.now_ns,
        .now_w = est.now_w,
        .blur_s = est.blur_s,
        .settled_j = pin->is_set && pin->source == kind ? pin->edge.energy_j : (double)NAN,
        .source = kind,
    };
    copy_knots(&est, t_ns, edge);
}

/* Where the averaging of the field was undone, the knots are those of the reconstruction, which
 * edges that lie close share. Returns whether there is one for edge `which` of both. */
static int sharpen_edge(const struct source *source, const struct source_status *status,
                        const uint64_t times_ns[2], uint32_t which, zeus_edge *edge)
{
    struct estimator est = source_reader(source, edge->source, status);
    struct edge_around around;
    if (!est.is_sharp || sharp_look_around(&est, times_ns, which, &around) < 0) {
        return 0;
    }
    edge->blur_s = 0;
    edge->now_w = (double)NAN;
    edge->knot_count = 0;
    for (uint32_t k = 0; k < MIN_OF(around.count, ZEUS_EDGE_KNOTS_MAX); k++) {
        const struct knot *knot = &around.knots[k];
        edge->knots[edge->knot_count++] =
            (zeus_knot){.time_ns = knot->t_ns, .flags = knot->flags, .energy_j = knot->energy_j};
    }
    return 1;
}

/* As the estimate was made: both edges or none, but each by itself beside one that is settled. */
static void sharpen_edges(const struct source *source, const struct source_pin pins[2],
                          const struct source_status *status, zeus_edge edges[2])
{
    int is_lone = 0;
    for (uint32_t i = 0; i < 2; i++) {
        is_lone |= pins[i].is_set && pins[i].source == edges[i].source;
    }
    if (is_lone) {
        for (uint32_t i = 0; i < 2; i++) {
            const uint64_t times_ns[2] = {edges[i].time_ns, edges[i].time_ns};
            int is_settled = pins[i].is_set && pins[i].source == edges[i].source;
            (void)(is_settled || sharpen_edge(source, status, times_ns, i, &edges[i]));
        }
        return;
    }
    const uint64_t times_ns[2] = {edges[0].time_ns, edges[1].time_ns};
    zeus_edge sharp[2] = {edges[0], edges[1]};
    if (sharpen_edge(source, status, times_ns, 0, &sharp[0]) &&
        sharpen_edge(source, status, times_ns, 1, &sharp[1])) {
        memcpy(edges, sharp, sizeof sharp);
    }
}

void measurement_keep_edge(const struct source *source, const struct source_pin *pin, uint64_t t_ns,
                           zeus_edge *ret_edge)
{
    struct source_status status;
    const uint64_t times_ns[2] = {t_ns, t_ns};
    memset(&status, 0, sizeof status);
    source_read_status(source, &status);
    take_edge(source, pin, t_ns, &status, pin->source, ret_edge);
    (void)sharpen_edge(source, &status, times_ns, 0, ret_edge);
}

static int is_same(const struct source_status *a, const struct source_status *b)
{
    return a->reads == b->reads && a->power_t_ns == b->power_t_ns && a->is_suspect == b->is_suspect;
}

int measurement_edges(struct zeus_measurement *m, size_t position, zeus_edge ret_edges[2])
{
    const struct zeus_monitor *monitor = m->monitor;
    if (!monitor || !monitor->has_sampler) {
        return ZEUS_ESTATE;
    }
    const struct source *source = &monitor->sources[position];
    for (uint32_t i = 0; i < TRIES; i++) {
        struct source_status before;
        struct source_status after;
        struct source_pin pins[2];
        zeus_edge kept[2];
        memset(&before, 0, sizeof before);
        memset(&after, 0, sizeof after);
        source_read_status(source, &before);
        struct stripe *stripe = window_stripe(m->monitor, m->hash);
        mutex_lock(&stripe->lock);
        memcpy(pins, &m->pins[2 * position], sizeof pins);
        if (m->kept) {
            memcpy(kept, &m->kept[2 * position], sizeof kept);
        }
        mutex_unlock(&stripe->lock);
        int r = measurement_compute_place(m, position);
        if (r < 0) {
            return r;
        }
        uint32_t kind = m->energies[position].source;
        if (kind == ZEUS_SOURCE_NONE || (m->energies[position].flags & ZEUS_ENERGY_APPROXIMATED)) {
            return ZEUS_ENOTSUP;
        }
        for (uint32_t edge = 0; edge < 2; edge++) {
            int is_kept = m->kept && pins[edge].is_set && pins[edge].source == kind;
            if (is_kept) {
                ret_edges[edge] = kept[edge];
            } else {
                take_edge(source, &pins[edge], edge ? m->end_ns : m->begin_ns, &before, kind,
                          &ret_edges[edge]);
            }
        }
        sharpen_edges(source, pins, &before, ret_edges);
        source_read_status(source, &after);
        if (is_same(&before, &after)) {
            return 0;
        }
    }
    return ZEUS_EAGAIN;
}
