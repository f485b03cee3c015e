/* SPDX-License-Identifier: Apache-2.0
 *
 * The flow network of a planning problem: activity on arc, with the arcs that can never matter
 * contracted, and the cost tables turned into integer marginals. Shared by the frontier walk and
 * the solver for one deadline.
 */
#ifndef ZEUS_DAG_NETWORK_H
#define ZEUS_DAG_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "dag/maxflow.h"

struct tradeoff_problem;

/* Flow values stay below 2 to this power. */
#define NETWORK_FLOW_BITS 60

/* An operation or a precedence. With excess x = end time - start time - shortest duration:
 *   limits[0] infinite, limits[x] the marginal cost of being x rather than x - 1 units above the
 *   shortest, limits[range + 1] = 0, and 0 for every greater x. The flow of an arc with excess x
 *   lies in [limits[x + 1], limits[x]]. A precedence has range 0. */
struct network_arc {
    const int64_t *limits; /* borrowed from network.limits */
    int32_t excess;
    int32_t range;
    int32_t tail;
    int32_t head;
    int32_t operation; /* node of the graph, negative for precedences and dummies */
    int32_t shortest;
};

struct network {
    int32_t nodes;
    int32_t arcs;
    int32_t source;
    int32_t sink;
    struct network_arc *arc; /* owned; arc i is arc i of the flow */
    int64_t *limits;         /* owned; tables of all specs */
    int64_t length;          /* of the slowest plan */
    double unit;             /* cost of one unit of flow: a power of two */
};

/* Ready at the slowest plan with earliest times. */
int network_build(struct network *net, const struct tradeoff_problem *problem, size_t max_bytes,
                  zeus_error *err) ZEUS_CHECK;
void network_finish(struct network *net);

/* The matching flow structure, started with flow zero. */
int network_flow(const struct network *net, struct maxflow *ret_flow) ZEUS_CHECK;

int network_audit(const struct network *net, const struct maxflow *mf, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAG_NETWORK_H */
