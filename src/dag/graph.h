/* SPDX-License-Identifier: Apache-2.0
 *
 * A directed acyclic graph of operations in compact form: successors and predecessors as
 * contiguous lists, and one topological order. Duplicate edges are kept once.
 */
#ifndef ZEUS_DAG_GRAPH_H
#define ZEUS_DAG_GRAPH_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct dag_graph {
    int32_t nodes;
    int32_t edges;
    int32_t source;     /* the one node without predecessors */
    int32_t sink;       /* the one node without successors */
    int32_t *out_first; /* owned; nodes + 1 */
    int32_t *out_to;    /* owned; edges, ascending within a node */
    int32_t *in_first;
    int32_t *in_from;
    int32_t *topo; /* owned; the nodes, predecessors first */
};

/* `from[i]` comes before `to[i]`. `names` (may be NULL) are for error messages. ZEUS_EINVAL with
 * words for: no node, an edge to nowhere, a loop, a cycle (named), several sources or sinks. */
int dag_graph_build(struct dag_graph *g, int32_t nodes, int32_t edges, const int32_t *from,
                    const int32_t *to, const char *const *names, zeus_error *err) ZEUS_CHECK;
void dag_graph_finish(struct dag_graph *g);

/* Earliest start of every node and, returned, the length of the longest path, when node v takes
 * duration[v]. Sums are the caller's to keep within 64 bits. */
int64_t dag_earliest(const struct dag_graph *g, const int32_t *duration, int64_t *ret_start);

/* Latest start of every node when all must end by `end`. */
void dag_latest(const struct dag_graph *g, const int32_t *duration, int64_t end,
                int64_t *ret_start);

#endif /* ZEUS_DAG_GRAPH_H */
