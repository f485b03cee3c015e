/* SPDX-License-Identifier: Apache-2.0
 *
 * Building the network. Each operation is an arc from its start to its end event; a precedence u
 * before v joins the end of u with the start of v. Where u has no other successor, or v no other
 * predecessor, the two events can be one: the slack that lay between them moves into an operation,
 * which costs nothing. What is left are "stars" around one event, so no union-find is needed.
 *
 * Marginal costs become integers in units of a power of two small enough that the sum over all
 * operations stays below 2^60: comparisons are exact, and rounding is below 2^-50 of the cost for
 * a thousand operations.
 */
#include "dag/network.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "dag/tradeoff.h"

void network_finish(struct network *net)
{
    free(net->arc);
    free(net->limits);
    *net = (struct network){0};
}

/* Sum over operations of the greatest marginal cost: no finite cut is worth more. */
static double greatest_cut(const struct tradeoff_problem *p)
{
    double sum = 0;
    for (int32_t v = 0; v < p->graph->nodes; v++) {
        if (p->spec_of[v] < 0) {
            continue;
        }
        const struct dag_cost *c = &p->specs[p->spec_of[v]];
        if (c->longest > c->shortest) {
            sum += c->value[0] - c->value[1];
        }
    }
    return sum;
}

static size_t table_entries(const struct tradeoff_problem *p)
{
    size_t entries = 2; /* the table of precedences */
    for (int32_t s = 0; s < p->spec_count; s++) {
        entries += (size_t)(p->specs[s].longest - p->specs[s].shortest) + 2;
    }
    return entries;
}

static void fill_table(const struct dag_cost *c, double per_unit, int64_t *limits)
{
    const double most = ldexp(1.0, NETWORK_FLOW_BITS);
    int32_t range = c->longest - c->shortest;
    limits[0] = MAXFLOW_INFINITE;
    limits[range + 1] = 0;
    for (int32_t x = range; x >= 1; x--) {
        double marginal = (c->value[x - 1] - c->value[x]) * per_unit;
        /* A spec that no operation has was not counted when the unit was chosen. */
        marginal = MIN_OF(MAX_OF(marginal, 0), most);
        int64_t rounded = (int64_t)(marginal + 0.5);
        limits[x] = MAX_OF(rounded, limits[x + 1]); /* rounding must not cost the convexity */
    }
}

/* first_of[s]: where the table of spec s begins; the table of precedences begins at 0. */
static int build_tables(struct network *net, const struct tradeoff_problem *p, int flow_bits,
                        size_t *first_of)
{
    net->limits = mem_calloc(table_entries(p), sizeof(*net->limits));
    if (!net->limits) {
        return ZEUS_ENOMEM;
    }
    int exponent = 0;
    double most = greatest_cut(p);
    if (most > 0) {
        (void)frexp(most, &exponent);
    }
    net->unit = ldexp(1.0, exponent - flow_bits);
    net->limits[0] = MAXFLOW_INFINITE;
    size_t at = 2;
    for (int32_t s = 0; s < p->spec_count; s++) {
        first_of[s] = at;
        fill_table(&p->specs[s], ldexp(1.0, flow_bits - exponent), &net->limits[at]);
        at += (size_t)(p->specs[s].longest - p->specs[s].shortest) + 2;
    }
    return 0;
}

static int is_single(const int32_t *first, int32_t v)
{
    return first[v + 1] - first[v] == 1;
}

/* Numbers the events: start[v] and end[v] per node. Events that can be one get one number. */
static void number_events(struct network *net, const struct dag_graph *g, int32_t *start,
                          int32_t *end)
{
    for (int32_t v = 0; v < g->nodes; v++) {
        start[v] = end[v] = -1;
    }
    for (int32_t i = 0; i < g->nodes; i++) {
        int32_t v = g->topo[i];
        for (int32_t e = g->in_first[v]; start[v] < 0 && e < g->in_first[v + 1]; e++) {
            int32_t u = g->in_from[e];
            if (is_single(g->in_first, v) || is_single(g->out_first, u)) {
                start[v] = end[u]; /* negative while u joins another start event below */
            }
        }
        start[v] = start[v] >= 0 ? start[v] : net->nodes++;
        for (int32_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
            int32_t u = g->in_from[e];
            if (is_single(g->out_first, u)) {
                end[u] = start[v];
            }
        }
        /* An end with one successor waits for it: that successor numbers it (above). */
        if (!is_single(g->out_first, v)) {
            end[v] = net->nodes++;
        }
    }
    net->source = start[g->source];
    net->sink = end[g->sink];
}

static int32_t count_arcs(const struct dag_graph *g, const int32_t *start, const int32_t *end)
{
    int32_t arcs = g->nodes;
    for (int32_t u = 0; u < g->nodes; u++) {
        for (int32_t e = g->out_first[u]; e < g->out_first[u + 1]; e++) {
            arcs += end[u] != start[g->out_to[e]];
        }
    }
    return arcs;
}

static void add_arcs(struct network *net, const struct tradeoff_problem *p, const size_t *first_of,
                     const int32_t *start, const int32_t *end)
{
    const struct dag_graph *g = p->graph;
    for (int32_t i = 0; i < g->nodes; i++) {
        int32_t v = g->topo[i];
        struct network_arc *arc = &net->arc[net->arcs++];
        *arc = (struct network_arc){
            .limits = net->limits, .tail = start[v], .head = end[v], .operation = -1};
        if (p->spec_of[v] >= 0) {
            const struct dag_cost *c = &p->specs[p->spec_of[v]];
            arc->limits = net->limits + first_of[p->spec_of[v]];
            arc->range = c->longest - c->shortest;
            arc->shortest = c->shortest;
            arc->operation = v;
        }
        for (int32_t e = g->out_first[v]; e < g->out_first[v + 1]; e++) {
            int32_t w = g->out_to[e];
            if (end[v] != start[w]) {
                net->arc[net->arcs++] = (struct network_arc){
                    .limits = net->limits, .tail = end[v], .head = start[w], .operation = -1};
            }
        }
    }
}

/* Earliest times of the events at the longest durations give the arcs' excess. The arcs lie in
 * topological order of their operations. */
static int set_times(struct network *net, zeus_error *err)
{
    int64_t *at _free_ = mem_calloc((size_t)net->nodes, sizeof(*at));
    if (!at) {
        return err_set(err, ZEUS_ENOMEM, "out of memory for %d events", (int)net->nodes);
    }
    for (int32_t i = 0; i < net->arcs; i++) {
        const struct network_arc *arc = &net->arc[i];
        at[arc->head] = MAX_OF(at[arc->head], at[arc->tail] + arc->shortest + arc->range);
    }
    net->length = at[net->sink];
    if (net->length > INT32_MAX / 2) {
        return err_set(err, ZEUS_ERANGE,
                       "the longest path takes %lld time units, more than 2^30: use a coarser unit",
                       (long long)net->length);
    }
    for (int32_t i = 0; i < net->arcs; i++) {
        struct network_arc *arc = &net->arc[i];
        arc->excess = (int32_t)(at[arc->head] - at[arc->tail]) - arc->shortest;
    }
    return 0;
}

static int check_size(const struct tradeoff_problem *p, size_t max_bytes, zeus_error *err)
{
    size_t nodes = (size_t)p->graph->nodes;
    size_t arcs = nodes + (size_t)p->graph->edges;
    size_t bytes = table_entries(p) * sizeof(int64_t);
    bytes += arcs * (sizeof(struct network_arc) + 2 * sizeof(struct maxflow_exit) + 32);
    bytes += 2 * nodes * (sizeof(struct maxflow_node) + 16) + nodes * 16;
    if (max_bytes > 0 && bytes > max_bytes) {
        return err_set(err, ZEUS_ELIMIT, "the problem needs %zu bytes, %zu are allowed", bytes,
                       max_bytes);
    }
    return 0;
}

int network_build(struct network *net, const struct tradeoff_problem *p, size_t max_bytes,
                  zeus_error *err)
{
    *net = (struct network){0};
    size_t nodes = (size_t)p->graph->nodes;
    int r = check_size(p, max_bytes, err);
    if (r < 0) {
        return r;
    }
    int32_t *start _free_ = mem_calloc(nodes, sizeof(*start));
    int32_t *end _free_ = mem_calloc(nodes, sizeof(*end));
    size_t *first_of _free_ = mem_calloc((size_t)p->spec_count + 1, sizeof(*first_of));
    if (!start || !end || !first_of || build_tables(net, p, NETWORK_FLOW_BITS, first_of) < 0) {
        network_finish(net);
        return err_set(err, ZEUS_ENOMEM, "out of memory for %zu operations", nodes);
    }
    number_events(net, p->graph, start, end);
    net->arc = mem_calloc((size_t)count_arcs(p->graph, start, end), sizeof(*net->arc));
    if (!net->arc) {
        network_finish(net);
        return err_set(err, ZEUS_ENOMEM, "out of memory for %zu operations", nodes);
    }
    add_arcs(net, p, first_of, start, end);
    r = set_times(net, err);
    if (r < 0) {
        network_finish(net);
    }
    return r;
}

int network_flow(const struct network *net, struct maxflow *ret_flow)
{
    size_t arcs = (size_t)net->arcs;
    int32_t *ends _free_ = mem_calloc(arcs, 2 * sizeof(*ends));
    if (!ends) {
        return ZEUS_ENOMEM;
    }
    for (int32_t i = 0; i < net->arcs; i++) {
        ends[i] = net->arc[i].tail;
        ends[net->arcs + i] = net->arc[i].head;
    }
    int r = maxflow_init(ret_flow, net->nodes, net->arcs, ends, ends + arcs);
    if (r < 0) {
        return r;
    }
    for (int32_t i = 0; i < net->arcs; i++) {
        const struct network_arc *arc = &net->arc[i];
        if (arc->excess <= arc->range) { /* flow zero is allowed: nothing is below its longest */
            ret_flow->residual[2 * i] = arc->limits[arc->excess];
        }
    }
    maxflow_start(ret_flow, net->source, net->sink);
    return 0;
}

int network_audit(const struct network *net, const struct maxflow *mf, zeus_error *err)
{
    int64_t *balance _free_ = mem_calloc((size_t)net->nodes, sizeof(*balance));
    if (!balance) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (int32_t i = 0; i < net->arcs; i++) {
        const struct network_arc *arc = &net->arc[i];
        const int64_t forward = mf->residual[2 * i];
        const int64_t back = mf->residual[2 * i + 1];
        int64_t low = arc->excess + 1 <= arc->range ? arc->limits[arc->excess + 1] : 0;
        int64_t high = arc->excess <= arc->range ? arc->limits[arc->excess] : 0;
        if (arc->excess < 0 || forward < 0 || back < 0 || forward + back != high - low) {
            return err_set(err, ZEUS_EINTERNAL, "arc %d at excess %d has residuals out of bounds",
                           (int)i, (int)arc->excess);
        }
        balance[arc->tail] -= low + back;
        balance[arc->head] += low + back;
    }
    for (int32_t v = 0; v < net->nodes; v++) {
        int64_t expected = v == net->source ? -mf->value : v == net->sink ? mf->value : 0;
        if (balance[v] != expected) {
            return err_set(err, ZEUS_EINTERNAL, "event %d does not conserve flow", (int)v);
        }
    }
    return 0;
}
