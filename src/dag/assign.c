/* SPDX-License-Identifier: Apache-2.0
 *
 * Options and frequencies. The planner works on a continuous model, hardware has steps: an
 * operation gets the slowest step that is not slower than planned, so an executed plan is never
 * late; the slack that this leaves is used again in a second pass.
 */
#include "dag/assign.h"

#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"

#include <zeus/error.h>

int32_t assign_quantize(double time_s, double unit_s)
{
    if (!isfinite(time_s) || !isfinite(unit_s) || time_s < 0 || unit_s <= 0) {
        return -1;
    }
    double units = (time_s - fmod(time_s, unit_s)) / unit_s;
    double whole = floor(units);
    whole += units - whole > 0.5 ? 1 : 0;
    return whole <= 1 << 30 ? (int32_t)whole : -1;
}

static int sign(double x)
{
    return (x > 0) - (x < 0);
}

/* Slowest first; equals stay in the caller's order because ids ascend with it. */
static int by_time(const void *left, const void *right)
{
    const struct assign_option *a = left;
    const struct assign_option *b = right;
    int order = sign(b->time_s - a->time_s);
    return order ? order : (a->id > b->id) - (a->id < b->id);
}

/* Slowest quant first, then the costliest, then the slower. */
static int by_quant(const void *left, const void *right)
{
    const struct assign_option *a = left;
    const struct assign_option *b = right;
    int order = (a->quant < b->quant) - (a->quant > b->quant);
    order = order ? order : sign(b->cost - a->cost);
    return order ? order : by_time(left, right);
}

/* Marks the beaten with a negative quant. From the fastest on: `least` is the cheapest of all that
 * take less than noise times as long as the one looked at. */
static void mark_beaten(struct assign_option *options, int32_t count, double noise)
{
    double least = INFINITY;
    int32_t next = count - 1;
    for (int32_t i = count - 1; i >= 0; i--) {
        while (next >= 0 && options[next].time_s < noise * options[i].time_s) {
            least = MIN_OF(least, options[next].cost);
            next--;
        }
        if (least < noise * options[i].cost) {
            options[i].quant = -1;
        }
    }
}

int32_t assign_filter(struct assign_option *options, int32_t count, double noise)
{
    int32_t kept = 0;
    qsort(options, (size_t)count, sizeof(*options), by_time);
    mark_beaten(options, count, noise);
    qsort(options, (size_t)count, sizeof(*options), by_quant);
    for (int32_t i = 0; i < count && options[i].quant >= 0; i++) {
        if (kept == 0 || options[kept - 1].quant != options[i].quant) {
            options[kept++] = options[i];
        }
    }
    return kept;
}

int32_t assign_lookup(const struct assign_option *options, int32_t count, int32_t duration)
{
    /* The answer lies in the `left` options from `low` on. No branch depends on what is found:
     * which way it goes is as good as random, and a plan does this for every operation. */
    int32_t low = 0;
    for (int32_t left = count; left > 1;) {
        int32_t half = left / 2;
        low += options[low + half - 1].quant > duration ? half : 0;
        left -= half;
    }
    return low;
}

/* The cheapest option that takes at most `room` units, among those from `slowest` on. */
static int32_t cheapest_within(const struct assign_option *options, int32_t begin, int32_t now,
                               int64_t room)
{
    int32_t best = now;
    for (int32_t i = now - 1; i >= begin && options[i].quant <= room; i--) {
        if (options[i].cost < options[best].cost) {
            best = i;
        }
    }
    return best;
}

void assign_first(const struct assign_table *table, int32_t nodes, const int32_t *duration,
                  int32_t *ret_choice)
{
    for (int32_t v = 0; v < nodes; v++) {
        int32_t spec = table->spec_of[v];
        ret_choice[v] = -1;
        if (spec >= 0) {
            int32_t begin = table->first[spec];
            ret_choice[v] = begin + assign_lookup(table->options + begin,
                                                  table->first[spec + 1] - begin, duration[v]);
        }
    }
}

int64_t assign_plan(const struct dag_graph *g, const struct assign_table *table,
                    const int32_t *first, int64_t deadline, int32_t *ret_choice)
{
    size_t nodes = (size_t)g->nodes;
    int32_t *taken _free_ = mem_calloc(nodes, sizeof(*taken));
    int64_t *latest _free_ = mem_calloc(nodes, sizeof(*latest));
    int64_t *start _free_ = mem_calloc(nodes, sizeof(*start));
    if (!taken || !latest || !start) {
        return ZEUS_ENOMEM;
    }
    for (int32_t v = 0; v < g->nodes; v++) {
        ret_choice[v] = first[v];
        taken[v] = first[v] >= 0 ? table->options[first[v]].quant : 0;
    }
    dag_latest(g, taken, deadline, latest);
    for (int32_t i = 0; i < g->nodes; i++) {
        int32_t v = g->topo[i];
        for (int32_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
            int32_t u = g->in_from[e];
            start[v] = MAX_OF(start[v], start[u] + taken[u]);
        }
        if (ret_choice[v] >= 0) {
            int64_t room = latest[v] + taken[v] - start[v];
            ret_choice[v] = cheapest_within(table->options, table->first[table->spec_of[v]],
                                            ret_choice[v], room);
            taken[v] = table->options[ret_choice[v]].quant;
        }
    }
    return dag_earliest(g, taken, start);
}
