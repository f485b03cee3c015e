/* SPDX-License-Identifier: Apache-2.0
 *
 * Augmenting paths between two search trees that persist (after Boykov and Kolmogorov, 2004), on
 * integer capacities and flat arrays. What a saturated arc cuts off a tree is moved as a whole: the
 * node nearest to the cut that can hang elsewhere becomes the root of the part, as in the network
 * simplex method. Nearly all parts find such a place within a few nodes, so the trees are hardly
 * ever dissolved and regrown.
 *
 * Invariants at the end of a run: every node of the source tree hangs on the source by residual
 * arcs towards it, every node of the sink tree reaches the sink so; no residual arc leaves the
 * source tree.
 */
#include "dag/maxflow.h"

#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"

#include <zeus/error.h>

/* Marks in maxflow_node.parent. */
#define PARENT_NONE   (-1)
#define PARENT_ROOT   (-2)
#define PARENT_ORPHAN (-3)

/* Beside MAXFLOW_SOURCE and MAXFLOW_SINK in maxflow_node.waiting. */
#define WAITING_BRIDGE 4

static int queue_init(struct maxflow_queue *q, int32_t nodes)
{
    *q = (struct maxflow_queue){.size = nodes + 1};
    q->items = mem_calloc((size_t)q->size, sizeof(*q->items));
    return q->items ? 0 : ZEUS_ENOMEM;
}

static inline void queue_push(struct maxflow_queue *q, int32_t v)
{
    q->items[q->tail] = v;
    q->tail = q->tail + 1 == q->size ? 0 : q->tail + 1;
}

static inline int queue_is_empty(const struct maxflow_queue *q)
{
    return q->head == q->tail;
}

static inline int32_t queue_pop(struct maxflow_queue *q)
{
    int32_t v = q->items[q->head];
    q->head = q->head + 1 == q->size ? 0 : q->head + 1;
    return v;
}

static int allocate(struct maxflow *mf, int32_t arcs)
{
    size_t nodes = (size_t)mf->nodes;
    mf->node = mem_calloc(nodes + 1, sizeof(*mf->node));
    mf->exit = mem_calloc((size_t)arcs * 2 + 1, sizeof(*mf->exit));
    mf->residual = mem_calloc((size_t)arcs * 2 + 1, sizeof(*mf->residual));
    mf->touched = mem_calloc(nodes + 1, sizeof(*mf->touched));
    mf->scratch = mem_calloc(nodes + 1, sizeof(*mf->scratch));
    int is_short = !mf->node || !mf->exit || !mf->residual || !mf->touched || !mf->scratch;
    if (is_short || queue_init(&mf->source_active, mf->nodes) < 0 ||
        queue_init(&mf->sink_active, mf->nodes) < 0 || queue_init(&mf->bridges, mf->nodes) < 0 ||
        queue_init(&mf->orphans, mf->nodes) < 0) {
        maxflow_finish(mf);
        return ZEUS_ENOMEM;
    }
    return 0;
}

int maxflow_init(struct maxflow *mf, int32_t nodes, int32_t arcs, const int32_t *tail,
                 const int32_t *head)
{
    *mf = (struct maxflow){.nodes = nodes};
    int r = allocate(mf, arcs);
    if (r < 0) {
        return r;
    }
    for (int32_t i = 0; i < arcs; i++) {
        mf->node[tail[i] + 1].first++;
        mf->node[head[i] + 1].first++;
    }
    for (int32_t v = 0; v < nodes; v++) {
        mf->node[v + 1].first += mf->node[v].first;
        mf->scratch[v] = mf->node[v].first;
    }
    for (int32_t i = 0; i < arcs; i++) {
        mf->exit[mf->scratch[tail[i]]++] = (struct maxflow_exit){2 * i, head[i]};
        mf->exit[mf->scratch[head[i]]++] = (struct maxflow_exit){2 * i + 1, tail[i]};
    }
    return 0;
}

void maxflow_finish(struct maxflow *mf)
{
    free(mf->node);
    free(mf->exit);
    free(mf->residual);
    free(mf->touched);
    free(mf->scratch);
    free(mf->source_active.items);
    free(mf->sink_active.items);
    free(mf->bridges.items);
    free(mf->orphans.items);
    *mf = (struct maxflow){0};
}

static void activate(struct maxflow *mf, int32_t v)
{
    struct maxflow_node *node = &mf->node[v];
    if (!(node->waiting & node->tree)) {
        node->waiting |= node->tree;
        queue_push(node->tree == MAXFLOW_SOURCE ? &mf->source_active : &mf->sink_active, v);
    }
}

static void add_bridge(struct maxflow *mf, int32_t v)
{
    if (!(mf->node[v].waiting & WAITING_BRIDGE)) {
        mf->node[v].waiting |= WAITING_BRIDGE;
        queue_push(&mf->bridges, v);
    }
}

static void touch(struct maxflow *mf, int32_t v)
{
    struct maxflow_node *node = &mf->node[v];
    if (!node->is_touched) {
        node->is_touched = 1;
        mf->touched[mf->touched_count++] = v;
    }
}

static void empty(struct maxflow_queue *q)
{
    q->head = q->tail = 0;
}

void maxflow_start(struct maxflow *mf, int32_t source, int32_t sink)
{
    for (int32_t v = 0; v < mf->nodes; v++) {
        mf->node[v] = (struct maxflow_node){.first = mf->node[v].first, .parent = PARENT_NONE};
    }
    mf->source = source;
    mf->sink = sink;
    mf->now = 0;
    mf->touched_count = 0;
    mf->value = 0;
    empty(&mf->source_active);
    empty(&mf->sink_active);
    empty(&mf->bridges);
    empty(&mf->orphans);
    mf->node[source].tree = MAXFLOW_SOURCE;
    mf->node[sink].tree = MAXFLOW_SINK;
    mf->node[source].parent = mf->node[sink].parent = PARENT_ROOT;
    touch(mf, source);
    activate(mf, source);
    activate(mf, sink);
}

void maxflow_open(struct maxflow *mf, int32_t tail, int32_t head)
{
    if (mf->node[head].tree == MAXFLOW_SINK) {
        add_bridge(mf, tail);
    } else {
        activate(mf, tail);
    }
}

/* The residual capacity that ties a child to its parent; `code` leads from the child. */
static inline int64_t tie(const struct maxflow *mf, int32_t code, uint8_t tree)
{
    return mf->residual[tree == MAXFLOW_SOURCE ? code ^ 1 : code];
}

/* The smallest residual between v and its root, at most `least`. */
static int64_t climb(const struct maxflow *mf, int32_t v, int64_t least)
{
    const int32_t flip = mf->node[v].tree == MAXFLOW_SOURCE;
    for (const struct maxflow_node *n = &mf->node[v]; n->parent >= 0; n = &mf->node[n->up]) {
        int64_t r = mf->residual[n->parent ^ flip];
        least = MIN_OF(least, r);
    }
    return least;
}

/* Takes `amount` from the ties between v and its root; the roots of what that cuts off become
 * orphans. */
static void push_up(struct maxflow *mf, int32_t v, int64_t amount)
{
    const int32_t flip = mf->node[v].tree == MAXFLOW_SOURCE;
    int32_t code;
    while ((code = mf->node[v].parent) >= 0) {
        int32_t up = mf->node[v].up;
        mf->residual[code ^ flip ^ 1] += amount;
        mf->residual[code ^ flip] -= amount;
        if (mf->residual[code ^ flip] == 0) {
            mf->node[v].parent = PARENT_ORPHAN;
            queue_push(&mf->orphans, v);
        }
        v = up;
    }
}

/* Turns the path from v to the root of its part around and hangs v on `up` by `code`. A tie that
 * has no residual the other way stays: what is above it remains a part of its own. */
static void hang(struct maxflow *mf, int32_t v, int32_t code, int32_t up)
{
    const uint8_t tree = mf->node[v].tree;
    for (;;) {
        struct maxflow_node *node = &mf->node[v];
        int32_t old_code = node->parent;
        int32_t old_up = node->up;
        node->parent = code;
        node->up = up;
        if (old_code < 0 || tie(mf, old_code ^ 1, tree) == 0) {
            return;
        }
        code = old_code ^ 1;
        up = v;
        v = old_up;
    }
}

/* Lets the nodes of a part go; neighbours that could take one of them wake up. */
static void release(struct maxflow *mf, int32_t count)
{
    const int32_t *part = mf->scratch;
    for (int32_t i = 0; i < count; i++) {
        struct maxflow_node *node = &mf->node[part[i]];
        if (node->tree == MAXFLOW_SOURCE) {
            touch(mf, part[i]);
        }
        node->tree = MAXFLOW_FREE;
        node->parent = PARENT_NONE;
    }
    for (int32_t i = 0; i < count; i++) {
        const struct maxflow_node *node = &mf->node[part[i]];
        for (int32_t e = node->first; e < node[1].first; e++) {
            int32_t u = mf->exit[e].head;
            uint8_t tree = mf->node[u].tree;
            if (tree != MAXFLOW_FREE && tie(mf, mf->exit[e].code, tree) > 0) {
                activate(mf, u);
            }
        }
    }
}

/* Is u outside the part whose root carries the mark `inside`? What the climb passes is marked with
 * the answer, so that the climbs of one search together are no longer than the tree. */
static int is_outside(struct maxflow *mf, int32_t u, uint32_t inside)
{
    struct maxflow_node *top = &mf->node[u];
    while (top->mark < inside && top->parent >= 0) {
        top = &mf->node[top->up];
    }
    const uint32_t answer = top->mark == inside ? inside : inside + 1;
    for (struct maxflow_node *n = &mf->node[u]; n != top; n = &mf->node[n->up]) {
        n->mark = answer;
    }
    top->mark = answer;
    return answer != inside;
}

/* Looks for another place for the part below an orphan: the nearest of its nodes that can hang on
 * a node outside becomes its new root. A part that has none is let go. */
static void settle(struct maxflow *mf, int32_t orphan)
{
    const uint8_t tree = mf->node[orphan].tree;
    const uint32_t inside = mf->now += 2;
    int32_t *part = mf->scratch;
    int32_t count = 1;
    part[0] = orphan;
    mf->node[orphan].mark = inside;
    for (int32_t i = 0; i < count; i++) {
        const struct maxflow_node *node = &mf->node[part[i]];
        for (int32_t e = node->first; e < node[1].first; e++) {
            const struct maxflow_exit exit = mf->exit[e];
            struct maxflow_node *other = &mf->node[exit.head];
            if (other->tree != tree) {
                continue;
            }
            if (other->parent == (exit.code ^ 1)) {
                other->mark = inside;
                part[count++] = exit.head;
            } else if (tie(mf, exit.code, tree) > 0 && is_outside(mf, exit.head, inside)) {
                hang(mf, part[i], exit.code, exit.head);
                return;
            }
        }
    }
    release(mf, count);
}

static void settle_orphans(struct maxflow *mf)
{
    while (!queue_is_empty(&mf->orphans)) {
        int32_t v = mf->orphans.items[mf->orphans.head];
        if (mf->node[v].parent != PARENT_ORPHAN) {
            (void)queue_pop(&mf->orphans); /* settled, perhaps with another part */
        } else {
            settle(mf, v);
        }
    }
}

/* Augments over every residual arc from v (in the source tree) into the sink tree. 1 when a path is
 * infinite. */
static int cross_bridges(struct maxflow *mf, int32_t v)
{
    const int32_t end = mf->node[v + 1].first;
    for (int32_t e = mf->node[v].first; e < end; e++) {
        const struct maxflow_exit exit = mf->exit[e];
        while (mf->residual[exit.code] > 0 && mf->node[exit.head].tree == MAXFLOW_SINK) {
            int64_t amount = climb(mf, v, mf->residual[exit.code]);
            amount = climb(mf, exit.head, amount);
            if (amount > MAXFLOW_INFINITE / 2) {
                return 1;
            }
            mf->residual[exit.code] -= amount;
            mf->residual[exit.code ^ 1] += amount;
            mf->value += amount;
            mf->augmentations++;
            push_up(mf, v, amount);
            push_up(mf, exit.head, amount);
            settle_orphans(mf);
            if (mf->node[v].tree != MAXFLOW_SOURCE) {
                return 0;
            }
        }
    }
    return 0;
}

static void take_child(struct maxflow *mf, int32_t v, struct maxflow_exit exit, uint8_t tree)
{
    struct maxflow_node *child = &mf->node[exit.head];
    child->tree = tree;
    child->parent = exit.code ^ 1;
    child->up = v;
    if (tree == MAXFLOW_SOURCE) {
        touch(mf, exit.head);
    }
    activate(mf, exit.head);
}

static void grow_sink(struct maxflow *mf, int32_t v)
{
    const int32_t end = mf->node[v + 1].first;
    for (int32_t e = mf->node[v].first; e < end; e++) {
        const struct maxflow_exit exit = mf->exit[e];
        uint8_t tree = mf->node[exit.head].tree;
        if (tree == MAXFLOW_SINK || mf->residual[exit.code ^ 1] == 0) {
            continue;
        }
        if (tree == MAXFLOW_FREE) {
            take_child(mf, v, exit, MAXFLOW_SINK);
        } else {
            add_bridge(mf, exit.head);
        }
    }
}

static void grow_source(struct maxflow *mf, int32_t v)
{
    const int32_t end = mf->node[v + 1].first;
    for (int32_t e = mf->node[v].first; e < end; e++) {
        const struct maxflow_exit exit = mf->exit[e];
        if (mf->residual[exit.code] > 0 && mf->node[exit.head].tree == MAXFLOW_FREE) {
            take_child(mf, v, exit, MAXFLOW_SOURCE);
        }
    }
}

/* Marks are handed out two a search: before they could run over, all nodes forget theirs. */
static void renew_marks(struct maxflow *mf)
{
    if (mf->now > UINT32_MAX / 2) {
        for (int32_t v = 0; v < mf->nodes; v++) {
            mf->node[v].mark = 0;
        }
        mf->now = 0;
    }
}

int maxflow_run(struct maxflow *mf)
{
    renew_marks(mf);
    while (!queue_is_empty(&mf->bridges) || !queue_is_empty(&mf->sink_active)) {
        while (!queue_is_empty(&mf->bridges)) {
            int32_t v = queue_pop(&mf->bridges);
            mf->node[v].waiting &= (uint8_t)~WAITING_BRIDGE;
            if (mf->node[v].tree == MAXFLOW_SOURCE && cross_bridges(mf, v)) {
                return 1;
            }
        }
        while (!queue_is_empty(&mf->sink_active)) {
            int32_t v = queue_pop(&mf->sink_active);
            mf->node[v].waiting &= (uint8_t)~MAXFLOW_SINK;
            if (mf->node[v].tree == MAXFLOW_SINK) {
                grow_sink(mf, v);
            }
        }
    }
    /* The sink tree is complete: nothing free can reach the sink, so the source tree takes what it
     * can without meeting it. */
    while (!queue_is_empty(&mf->source_active)) {
        int32_t v = queue_pop(&mf->source_active);
        mf->node[v].waiting &= (uint8_t)~MAXFLOW_SOURCE;
        if (mf->node[v].tree == MAXFLOW_SOURCE) {
            grow_source(mf, v);
        }
    }
    return 0;
}
