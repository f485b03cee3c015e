/* SPDX-License-Identifier: Apache-2.0
 *
 * Toggling: an arc enters the list when one of its ends changes sides and leaves it when the other
 * follows, so no arc has to be looked at from both ends.
 */
#include "dag/crossing.h"

#include <stdlib.h>

#include "base/mem.h"

#include <zeus/error.h>

int crossing_init(struct crossing *c, int32_t arcs)
{
    *c = (struct crossing){.arcs = arcs};
    c->arc = mem_calloc((size_t)arcs + 1, sizeof(*c->arc));
    c->place = mem_calloc((size_t)arcs + 1, sizeof(*c->place));
    if (!c->arc || !c->place) {
        crossing_finish(c);
        return ZEUS_ENOMEM;
    }
    crossing_start(c);
    return 0;
}

void crossing_finish(struct crossing *c)
{
    free(c->arc);
    free(c->place);
    *c = (struct crossing){0};
}

void crossing_start(struct crossing *c)
{
    c->count = 0;
    for (int32_t a = 0; a < c->arcs; a++) {
        c->place[a] = -1;
    }
}

static void toggle(struct crossing *c, int32_t a)
{
    int32_t at = c->place[a];
    if (at < 0) {
        c->place[a] = c->count;
        c->arc[c->count++] = a;
        return;
    }
    int32_t last = c->arc[--c->count];
    c->arc[at] = last;
    c->place[last] = at;
    c->place[a] = -1;
}

void crossing_follow(struct crossing *c, struct maxflow *mf)
{
    for (int32_t i = 0; i < mf->touched_count; i++) {
        struct maxflow_node *node = &mf->node[mf->touched[i]];
        uint8_t is_source = node->tree == MAXFLOW_SOURCE;
        node->is_touched = 0;
        if (is_source == node->was_source) {
            continue;
        }
        node->was_source = is_source;
        for (int32_t e = node->first; e < node[1].first; e++) {
            toggle(c, mf->exit[e].code / 2);
        }
    }
    mf->touched_count = 0;
}
