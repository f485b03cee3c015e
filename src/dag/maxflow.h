/* SPDX-License-Identifier: Apache-2.0
 *
 * Maximum flow that survives changes of the network: two search trees, one grown from the source
 * and one from the sink, are kept between calls, so that a call costs what has changed and not what
 * there is. Capacities are 64-bit integers: "saturated" is exact. See docs/planner.md.
 *
 * The owner changes residual capacities between runs in one direction only: an arc from the source
 * tree to a node outside may open (maxflow_open), an arc into the source tree may close. That is
 * what a step of the time-cost tradeoff does, and it keeps both trees valid.
 */
#ifndef ZEUS_DAG_MAXFLOW_H
#define ZEUS_DAG_MAXFLOW_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* An infinite capacity. Flow values stay below MAXFLOW_INFINITE / 4 by the caller's scaling, so a
 * residual above MAXFLOW_INFINITE / 2 is infinite, whatever flow was taken from it. */
#define MAXFLOW_INFINITE ((int64_t)1 << 62)

enum maxflow_tree { MAXFLOW_FREE = 0, MAXFLOW_SOURCE = 1, MAXFLOW_SINK = 2 };

/* A residual arc is named by a code: 2 * i is arc i forward, 2 * i + 1 is arc i backward, so
 * code ^ 1 is the opposite direction. A node lists the codes that lead away from it. */
struct maxflow_exit {
    int32_t code;
    int32_t head;
};

struct maxflow_node {
    int32_t first;  /* its exits: first .. next node's first */
    int32_t parent; /* code that leads to the parent in its tree, negative: see maxflow.c */
    int32_t up;     /* the parent */
    uint32_t mark;  /* of the search that found it last */
    uint8_t tree;
    uint8_t waiting;    /* which queues it is in */
    uint8_t is_touched; /* listed in `touched` */
    uint8_t was_source; /* for the owner: its side at the last step */
};

struct maxflow_queue {
    int32_t *items; /* owned; ring of `nodes + 1` */
    int32_t head;
    int32_t tail;
    int32_t size;
};

struct maxflow {
    int32_t nodes;
    int32_t source;
    int32_t sink;
    struct maxflow_node *node; /* owned; nodes + 1, the last one closes the list of exits */
    struct maxflow_exit *exit; /* owned */
    int64_t *residual;         /* owned; by code */
    struct maxflow_queue source_active;
    struct maxflow_queue sink_active;
    struct maxflow_queue bridges; /* source-tree nodes beside the sink tree */
    struct maxflow_queue orphans; /* roots of parts that were cut off */
    int32_t *touched; /* owned; nodes that entered or left the source tree since it was emptied */
    int32_t touched_count;
    int32_t *scratch; /* owned; a list of nodes */
    uint32_t now;     /* the last mark given */
    int64_t value;    /* of the flow */
    uint64_t augmentations;
};

/* Arcs tail[i] -> head[i], i < arcs, all residuals 0. */
int maxflow_init(struct maxflow *mf, int32_t nodes, int32_t arcs, const int32_t *tail,
                 const int32_t *head) ZEUS_CHECK;
void maxflow_finish(struct maxflow *mf);

/* Starts from nothing: empty trees at source and sink. Residuals are the caller's. */
void maxflow_start(struct maxflow *mf, int32_t source, int32_t sink);

/* A residual arc from `tail` (in the source tree) to `head` (outside) has opened. */
void maxflow_open(struct maxflow *mf, int32_t tail, int32_t head);

/* Augments until no path is left: then the source tree is exactly what the source can reach, the
 * smallest source side of a minimum cut. 0, or 1 when a path of infinite capacity was found. */
int maxflow_run(struct maxflow *mf) ZEUS_CHECK;

#endif /* ZEUS_DAG_MAXFLOW_H */
