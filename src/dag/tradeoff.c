/* SPDX-License-Identifier: Apache-2.0
 *
 * The dual of the relaxed problem is a flow whose amount on an operation is its marginal cost. The
 * network keeps, for every arc, the difference of its end times ("gap") and the residuals that gap
 * allows; a step moves everything behind the minimum cut one unit earlier, which changes the gaps
 * of the crossing arcs only. So the state is the list of crossing arcs, kept up to date as nodes
 * change sides, and nothing else is looked at.
 */
#include "dag/tradeoff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "dag/crossing.h"
#include "dag/maxflow.h"
#include "dag/network.h"

struct tradeoff {
    struct network net;
    struct maxflow flow;
    int32_t *duration; /* owned; per node of the graph */
    struct crossing crossing;
    int32_t *changes; /* owned; per node of the graph at most one */
    int32_t change_count;
    int64_t time;
    int64_t last_value; /* scaled cost of the last step */
    double base_cost;   /* of the slowest plan */
    long double spent;  /* scaled cost of all steps: exact to 64 bits of mantissa */
    int is_exhausted;
};

void tradeoff_destroy(struct tradeoff *t)
{
    if (!t) {
        return;
    }
    network_finish(&t->net);
    maxflow_finish(&t->flow);
    free(t->duration);
    crossing_finish(&t->crossing);
    free(t->changes);
    free(t);
}

static void start_plan(struct tradeoff *t, const struct tradeoff_problem *p)
{
    long double cost = 0;
    for (int32_t v = 0; v < p->graph->nodes; v++) {
        if (p->spec_of[v] >= 0) {
            const struct dag_cost *c = &p->specs[p->spec_of[v]];
            t->duration[v] = c->longest;
            cost += c->value[c->longest - c->shortest];
        }
    }
    t->base_cost = (double)cost;
}

static int allocate(struct tradeoff *t, int32_t nodes)
{
    t->duration = mem_calloc((size_t)nodes, sizeof(*t->duration));
    t->changes = mem_calloc((size_t)nodes, sizeof(*t->changes));
    return t->duration && t->changes ? crossing_init(&t->crossing, t->net.arcs) : ZEUS_ENOMEM;
}

int tradeoff_create(const struct tradeoff_problem *problem, size_t max_bytes,
                    struct tradeoff **ret_solver, zeus_error *err)
{
    struct tradeoff *t = mem_calloc(1, sizeof(*t));
    if (!t) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = network_build(&t->net, problem, max_bytes, err);
    if (r == 0 && (allocate(t, problem->graph->nodes) < 0 || network_flow(&t->net, &t->flow) < 0)) {
        r = err_set(err, ZEUS_ENOMEM, "out of memory for %d arcs", (int)t->net.arcs);
    }
    if (r < 0) {
        tradeoff_destroy(t);
        return r;
    }
    t->time = t->net.length;
    start_plan(t, problem);
    *ret_solver = t;
    return 0;
}

/* Moves one crossing arc. On the cut its flow sits exactly on the bound that its new gap shares
 * with the old one, so the new residuals follow from the new gap alone. */
static void move_arc(struct tradeoff *t, int32_t a)
{
    struct network_arc *arc = &t->net.arc[a];
    int64_t *residual = &t->flow.residual[2 * a];
    const int is_forward = t->flow.node[arc->tail].was_source;
    arc->excess += is_forward ? -1 : 1;
    int64_t room = 0;
    if (arc->excess <= arc->range) {
        const int64_t *limit = &arc->limits[arc->excess];
        room = limit[0] - limit[1];
    }
    residual[0] = is_forward ? room : 0;
    residual[1] = is_forward ? 0 : room;
    if (room > 0) {
        maxflow_open(&t->flow, is_forward ? arc->tail : arc->head,
                     is_forward ? arc->head : arc->tail);
    }
    if (arc->operation >= 0 && arc->excess + is_forward <= arc->range) {
        t->duration[arc->operation] += is_forward ? -1 : 1;
        t->changes[t->change_count++] = is_forward ? arc->operation : ~arc->operation;
    }
}

int tradeoff_step(struct tradeoff *t)
{
    t->change_count = 0;
    if (t->is_exhausted || maxflow_run(&t->flow)) {
        t->is_exhausted = 1;
        return 0;
    }
    crossing_follow(&t->crossing, &t->flow);
    for (int32_t i = 0; i < t->crossing.count; i++) {
        move_arc(t, t->crossing.arc[i]);
    }
    t->last_value = t->flow.value;
    t->spent += (long double)t->flow.value;
    t->time--;
    return 1;
}

int64_t tradeoff_time(const struct tradeoff *t)
{
    return t->time;
}

double tradeoff_cost(const struct tradeoff *t)
{
    return (double)((long double)t->base_cost + t->spent * (long double)t->net.unit);
}

double tradeoff_change(const struct tradeoff *t)
{
    return (double)t->last_value * t->net.unit;
}

uint64_t tradeoff_augmentations(const struct tradeoff *t)
{
    return t->flow.augmentations;
}

const int32_t *tradeoff_changes(const struct tradeoff *t, int32_t *ret_count)
{
    *ret_count = t->change_count;
    return t->changes;
}

const int32_t *tradeoff_durations(const struct tradeoff *t)
{
    return t->duration;
}

int tradeoff_audit(const struct tradeoff *t, zeus_error *err)
{
    return network_audit(&t->net, &t->flow, err);
}
