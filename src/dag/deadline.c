/* SPDX-License-Identifier: Apache-2.0
 *
 * One deadline. With the length fixed, source and sink are one node and the optimum is a
 * circulation: event times and flows such that each flow lies within the bounds of its arc. Times
 * are first moved in steps of a large power of two, then of half of it, down to one; each phase
 * starts from the times and flows of the one before, clips the flows into their new bounds and
 * routes what that leaves over, moving all that is reachable from the surplus when it gets stuck.
 * The coarse phases only serve to come close: the last one decides, exactly.
 */
#include "dag/deadline.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "dag/crossing.h"
#include "dag/network.h"

struct deadline {
    struct network net;
    int64_t *on_arc;  /* owned; flow per arc */
    int64_t *balance; /* owned; per node: what comes in and does not leave */
    int32_t *ends;    /* owned; tails, then heads, of the arcs and one more a node */
    struct maxflow flow;
    struct crossing crossing;
    int32_t unit; /* of the present phase */
};

static void finish(struct deadline *d)
{
    network_finish(&d->net);
    maxflow_finish(&d->flow);
    crossing_finish(&d->crossing);
    free(d->on_arc);
    free(d->balance);
    free(d->ends);
}

/* The marginal that stands for the step from excess x to x + unit: the one in its middle. */
static int64_t window(const struct network_arc *arc, int32_t x, int32_t unit)
{
    int64_t at = (int64_t)x + unit / 2 + 1;
    return at <= arc->range ? arc->limits[at] : 0;
}

static int64_t lower(const struct network_arc *arc, int32_t unit)
{
    return window(arc, arc->excess, unit);
}

static int64_t upper(const struct network_arc *arc, int32_t unit)
{
    return arc->excess < unit ? MAXFLOW_INFINITE : window(arc, arc->excess - unit, unit);
}

/* Clips every flow into its bounds and notes what that leaves over. Returns the surplus. */
static int64_t clip(struct deadline *d)
{
    int64_t surplus = 0;
    for (int32_t v = 0; v < d->net.nodes; v++) {
        d->balance[v] = 0;
    }
    for (int32_t i = 0; i < d->net.arcs; i++) {
        const struct network_arc *arc = &d->net.arc[i];
        int64_t x = MAX_OF(d->on_arc[i], lower(arc, d->unit));
        d->on_arc[i] = x = MIN_OF(x, upper(arc, d->unit));
        d->balance[arc->tail] -= x;
        d->balance[arc->head] += x;
    }
    for (int32_t v = 0; v < d->net.nodes; v++) {
        surplus += MAX_OF(d->balance[v], 0);
    }
    return surplus;
}

/* The flow network of this phase: the arcs, and one arc to or from outside a node out of balance.
 */
static int start_phase(struct deadline *d)
{
    const int32_t from = d->net.nodes;
    const int32_t into = d->net.nodes + 1;
    int32_t arcs = d->net.arcs;
    int32_t *tail = d->ends;
    int32_t *head = d->ends + d->net.arcs + d->net.nodes;
    for (int32_t v = 0; v < d->net.nodes; v++) {
        if (d->balance[v] != 0) {
            tail[arcs] = d->balance[v] > 0 ? from : v;
            head[arcs++] = d->balance[v] > 0 ? v : into;
        }
    }
    maxflow_finish(&d->flow);
    crossing_finish(&d->crossing);
    if (maxflow_init(&d->flow, d->net.nodes + 2, arcs, tail, head) < 0 ||
        crossing_init(&d->crossing, arcs) < 0) {
        return ZEUS_ENOMEM;
    }
    for (int32_t i = 0; i < d->net.arcs; i++) {
        const struct network_arc *arc = &d->net.arc[i];
        d->flow.residual[2 * i] = upper(arc, d->unit) - d->on_arc[i];
        d->flow.residual[2 * i + 1] = d->on_arc[i] - lower(arc, d->unit);
    }
    for (int32_t i = d->net.arcs; i < arcs; i++) {
        int64_t amount = d->balance[tail[i] == from ? head[i] : tail[i]];
        d->flow.residual[2 * i] = amount > 0 ? amount : -amount;
    }
    maxflow_start(&d->flow, from, into);
    return 0;
}

static void move_arc(struct deadline *d, int32_t a)
{
    struct network_arc *arc = &d->net.arc[a];
    int64_t *residual = &d->flow.residual[2 * a];
    const int is_forward = d->flow.node[arc->tail].was_source;
    arc->excess += is_forward ? -d->unit : d->unit;
    const int64_t room = upper(arc, d->unit) - lower(arc, d->unit);
    residual[0] = is_forward ? room : 0;
    residual[1] = is_forward ? 0 : room;
    if (room > 0) {
        maxflow_open(&d->flow, is_forward ? arc->tail : arc->head,
                     is_forward ? arc->head : arc->tail);
    }
}

static int run_phase(struct deadline *d, int (*is_cancelled)(void *), void *context,
                     zeus_error *err)
{
    const int64_t surplus = clip(d);
    if (start_phase(d) < 0) {
        return err_set(err, ZEUS_ENOMEM, "out of memory for %d arcs", (int)d->net.arcs);
    }
    while (!maxflow_run(&d->flow) && d->flow.value < surplus) {
        if (is_cancelled && is_cancelled(context)) {
            return err_set(err, ZEUS_ECLOSED, "cancelled");
        }
        crossing_follow(&d->crossing, &d->flow);
        for (int32_t i = 0; i < d->crossing.count; i++) {
            if (d->crossing.arc[i] < d->net.arcs) {
                move_arc(d, d->crossing.arc[i]);
            }
        }
    }
    for (int32_t i = 0; i < d->net.arcs; i++) {
        d->on_arc[i] = lower(&d->net.arc[i], d->unit) + d->flow.residual[2 * i + 1];
    }
    return d->flow.value == surplus ? 0 : err_set(err, ZEUS_EINTERNAL, "the flow got stuck");
}

/* Longest path when every operation takes the share `part` / `whole` of its range. */
static int64_t path_at_share(const struct network *net, int64_t part, int64_t whole, int64_t *at)
{
    for (int32_t v = 0; v < net->nodes; v++) {
        at[v] = 0;
    }
    for (int32_t i = 0; i < net->arcs; i++) {
        const struct network_arc *arc = &net->arc[i];
        int64_t end = at[arc->tail] + arc->shortest + arc->range * part / whole;
        at[arc->head] = MAX_OF(at[arc->head], end);
    }
    return at[net->sink];
}

/* Event times of a plan that keeps the deadline, and the two ends joined. */
static int start_times(struct deadline *d, int64_t deadline, zeus_error *err)
{
    enum { WHOLE = 1 << 16 };
    struct network *net = &d->net;
    int64_t *at = d->balance; /* borrowed as scratch */
    int64_t fastest = path_at_share(net, 0, WHOLE, at);
    if (fastest > deadline) {
        return err_set(err, ZEUS_ERANGE,
                       "no plan takes %lld time units: the fastest takes %lld, the slowest %lld",
                       (long long)deadline, (long long)fastest, (long long)net->length);
    }
    int64_t low = 0;
    int64_t high = WHOLE;
    while (high - low > 1) {
        int64_t middle = (low + high) / 2;
        *(path_at_share(net, middle, WHOLE, at) <= deadline ? &low : &high) = middle;
    }
    (void)path_at_share(net, low, WHOLE, at);
    at[net->sink] = deadline;
    for (int32_t i = 0; i < net->arcs; i++) {
        struct network_arc *arc = &net->arc[i];
        arc->excess = (int32_t)(at[arc->head] - at[arc->tail]) - arc->shortest;
        arc->head = arc->head == net->sink ? net->source : arc->head;
        d->ends[i] = arc->tail;
        d->ends[net->arcs + net->nodes + i] = arc->head;
    }
    return 0;
}

static int32_t first_unit(const struct network *net)
{
    int32_t widest = 0;
    int32_t unit = 1;
    for (int32_t i = 0; i < net->arcs; i++) {
        widest = MAX_OF(widest, net->arc[i].range);
    }
    while (unit < widest / 4) {
        unit *= 2;
    }
    return unit;
}

static int solve(struct deadline *d, int64_t deadline, int (*is_cancelled)(void *), void *context,
                 zeus_error *err)
{
    size_t arcs = (size_t)d->net.arcs;
    size_t nodes = (size_t)d->net.nodes;
    d->on_arc = mem_calloc(arcs, sizeof(*d->on_arc));
    d->balance = mem_calloc(nodes, sizeof(*d->balance));
    d->ends = mem_calloc(arcs + nodes, 2 * sizeof(*d->ends));
    if (!d->on_arc || !d->balance || !d->ends) {
        return err_set(err, ZEUS_ENOMEM, "out of memory for %zu arcs", arcs);
    }
    int r = start_times(d, deadline, err);
    for (d->unit = first_unit(&d->net); r == 0 && d->unit > 0; d->unit /= 2) {
        r = run_phase(d, is_cancelled, context, err);
    }
    return r;
}

int deadline_solve(const struct tradeoff_problem *problem, int64_t deadline, size_t max_bytes,
                   int (*is_cancelled)(void *), void *context, int32_t *ret_duration,
                   zeus_error *err)
{
    struct deadline d = {.unit = 1};
    int r = network_build(&d.net, problem, max_bytes, err);
    if (r < 0) {
        return r;
    }
    memset(ret_duration, 0, (size_t)problem->graph->nodes * sizeof(*ret_duration));
    const int is_slowest = deadline >= d.net.length;
    r = is_slowest ? 0 : solve(&d, deadline, is_cancelled, context, err);
    for (int32_t i = 0; r == 0 && i < d.net.arcs; i++) {
        const struct network_arc *arc = &d.net.arc[i];
        if (arc->operation >= 0) {
            int32_t above = is_slowest ? arc->range : MIN_OF(arc->range, arc->excess);
            ret_duration[arc->operation] = arc->shortest + above;
        }
    }
    finish(&d);
    return r;
}
