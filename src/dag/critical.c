/* SPDX-License-Identifier: Apache-2.0
 *
 * Longest paths: earliest and latest times of a graph for given durations. A node is critical when
 * both agree. Linear time, no memory of its own.
 */
#include "dag/graph.h"

#include "base/macro.h"

int64_t dag_earliest(const struct dag_graph *g, const int32_t *duration, int64_t *ret_start)
{
    int64_t end = 0;
    for (int32_t i = 0; i < g->nodes; i++) {
        int32_t v = g->topo[i];
        int64_t start = 0;
        for (int32_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
            int32_t u = g->in_from[e];
            start = MAX_OF(start, ret_start[u] + duration[u]);
        }
        ret_start[v] = start;
        end = MAX_OF(end, start + duration[v]);
    }
    return end;
}

void dag_latest(const struct dag_graph *g, const int32_t *duration, int64_t end, int64_t *ret_start)
{
    for (int32_t i = g->nodes - 1; i >= 0; i--) {
        int32_t v = g->topo[i];
        int64_t finish = end;
        for (int32_t e = g->out_first[v]; e < g->out_first[v + 1]; e++) {
            finish = MIN_OF(finish, ret_start[g->out_to[e]]);
        }
        ret_start[v] = finish - duration[v];
    }
}
