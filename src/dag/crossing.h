/* SPDX-License-Identifier: Apache-2.0
 *
 * The arcs with one end in the source tree and one outside, kept up to date from the nodes that a
 * run of the maximum flow touched: a step looks at these arcs and at nothing else.
 */
#ifndef ZEUS_DAG_CROSSING_H
#define ZEUS_DAG_CROSSING_H

#include <stdint.h>

#include "base/attr.h"
#include "dag/maxflow.h"

struct crossing {
    int32_t *arc; /* owned; the arcs, in no order */
    int32_t count;
    int32_t *place; /* owned; index in `arc`, -1 when an arc does not cross */
    int32_t arcs;
};

int crossing_init(struct crossing *c, int32_t arcs) ZEUS_CHECK;
void crossing_finish(struct crossing *c);

/* Nothing crosses: to go with maxflow_start. */
void crossing_start(struct crossing *c);

/* Takes over what changed sides; maxflow_node.was_source is then the present side. */
void crossing_follow(struct crossing *c, struct maxflow *mf);

#endif /* ZEUS_DAG_CROSSING_H */
