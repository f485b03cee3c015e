/* SPDX-License-Identifier: Apache-2.0
 *
 * Augmenting paths with two persistent search trees (the scheme of Boykov and Kolmogorov, 2004,
 * with the reuse of trees after capacity changes of Kohli and Torr, 2005), on integer capacities
 * and flat arrays. Invariants between calls: every node of the source tree hangs on the source by
 * half-edges with residual capacity towards it, every node of the sink tree reaches the sink so;
 * a source-tree node that is not active has no residual half-edge out of its tree.
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

/* Beside MAXFLOW_SOURCE and MAXFLOW_SINK in maxflow_node.active: waits in `bridges`. */
#define ACTIVE_BRIDGE 4

static int queue_init(struct maxflow_queue *q, int32_t nodes)
{
    *q = (struct maxflow_queue){.size = nodes + 1};
    q->items = mem_calloc((size_t)q->size, sizeof(*q->items));
    return q->items ? 0 : ZEUS_ENOMEM;
}

static void queue_push(struct maxflow_queue *q, int32_t v)
{
    q->items[q->tail] = v;
    q->tail = q->tail + 1 == q->size ? 0 : q->tail + 1;
}

static int queue_is_empty(const struct maxflow_queue *q)
{
    return q->head == q->tail;
}

static int32_t queue_pop(struct maxflow_queue *q)
{
    int32_t v = q->items[q->head];
    q->head = q->head + 1 == q->size ? 0 : q->head + 1;
    return v;
}

static int allocate(struct maxflow *mf, int32_t arcs)
{
    size_t nodes = (size_t)mf->nodes;
    mf->node = mem_calloc(nodes + 1, sizeof(*mf->node));
    mf->half = mem_calloc((size_t)arcs * 2 + 1, sizeof(*mf->half));
    mf->touched = mem_calloc(nodes + 1, sizeof(*mf->touched));
    mf->scratch = mem_calloc(nodes + 1, sizeof(*mf->scratch));
    if (!mf->node || !mf->half || !mf->touched || !mf->scratch || queue_init(&mf->source_active, mf->nodes) < 0 ||
        queue_init(&mf->sink_active, mf->nodes) < 0 || queue_init(&mf->orphans, mf->nodes) < 0 ||
        queue_init(&mf->bridges, mf->nodes) < 0) {
        maxflow_finish(mf);
        return ZEUS_ENOMEM;
    }
    return 0;
}

int maxflow_init(struct maxflow *mf, int32_t nodes, int32_t arcs, const int32_t *tail,
                 const int32_t *head, int32_t *half_of_arc)
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
    }
    int32_t *next = mf->touched; /* borrowed as a scratch array: empty again afterwards */
    for (int32_t v = 0; v < nodes; v++) {
        next[v] = mf->node[v].first;
    }
    for (int32_t i = 0; i < arcs; i++) {
        int32_t f = next[tail[i]]++;
        int32_t b = next[head[i]]++;
        mf->half[f] = (struct maxflow_half){.head = head[i], .sister = b};
        mf->half[b] = (struct maxflow_half){.head = tail[i], .sister = f};
        half_of_arc[i] = f;
    }
    return 0;
}

void maxflow_finish(struct maxflow *mf)
{
    free(mf->node);
    free(mf->half);
    free(mf->touched);
    free(mf->scratch);
    free(mf->source_active.items);
    free(mf->sink_active.items);
    free(mf->orphans.items);
    free(mf->bridges.items);
    *mf = (struct maxflow){0};
}

static void activate(struct maxflow *mf, int32_t v)
{
    struct maxflow_node *node = &mf->node[v];
    if (!(node->active & node->tree)) {
        node->active |= node->tree;
        queue_push(node->tree == MAXFLOW_SOURCE ? &mf->source_active : &mf->sink_active, v);
    }
}

static void add_bridge(struct maxflow *mf, int32_t v)
{
    if (!(mf->node[v].active & ACTIVE_BRIDGE)) {
        mf->node[v].active |= ACTIVE_BRIDGE;
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

void maxflow_start(struct maxflow *mf, int32_t source, int32_t sink)
{
    for (int32_t v = 0; v < mf->nodes; v++) {
        mf->node[v] = (struct maxflow_node){.first = mf->node[v].first, .parent = PARENT_NONE};
    }
    mf->source = source;
    mf->sink = sink;
    mf->touched_count = 0;
    mf->value = 0;
    mf->source_active.head = mf->source_active.tail = 0;
    mf->sink_active.head = mf->sink_active.tail = 0;
    mf->bridges.head = mf->bridges.tail = 0;
    mf->orphans.head = mf->orphans.tail = 0;
    mf->node[source].tree = MAXFLOW_SOURCE;
    mf->node[sink].tree = MAXFLOW_SINK;
    mf->node[source].parent = mf->node[sink].parent = PARENT_ROOT;
    touch(mf, source);
    activate(mf, source);
    activate(mf, sink);
}

void maxflow_open(struct maxflow *mf, int32_t half)
{
    int32_t v = mf->half[mf->half[half].sister].head;
    if (mf->node[mf->half[half].head].tree == MAXFLOW_SINK) {
        add_bridge(mf, v);
    } else {
        activate(mf, v);
    }
}

static void make_orphan(struct maxflow *mf, int32_t v)
{
    mf->node[v].parent = PARENT_ORPHAN;
    queue_push(&mf->orphans, v);
}

/* The residual capacity that ties a child to its parent over the child's half-edge h. */
static int64_t tie(const struct maxflow *mf, int32_t h, uint8_t tree)
{
    return tree == MAXFLOW_SOURCE ? mf->half[h].reverse : mf->half[h].residual;
}

/* The smallest residual between v and its root, at most `least`. */
static int64_t climb(const struct maxflow *mf, int32_t v, int64_t least)
{
    const uint8_t tree = mf->node[v].tree;
    for (int32_t p; (p = mf->node[v].parent) >= 0; v = mf->half[p].head) {
        least = MIN_OF(least, tie(mf, p, tree));
    }
    return least;
}

static void move_flow(struct maxflow *mf, int32_t h, int64_t amount)
{
    struct maxflow_half *half = &mf->half[h];
    struct maxflow_half *back = &mf->half[half->sister];
    half->residual -= amount;
    half->reverse += amount;
    back->residual += amount;
    back->reverse -= amount;
}

/* Sends `amount` along the path through `bridge`; the roots of what it cuts off become orphans. */
static void push_flow(struct maxflow *mf, int32_t bridge, int64_t amount)
{
    int32_t p;
    move_flow(mf, bridge, amount);
    for (int32_t v = mf->half[mf->half[bridge].sister].head; (p = mf->node[v].parent) >= 0;) {
        int32_t up = mf->half[p].head;
        move_flow(mf, p, -amount);
        if (mf->half[p].reverse == 0) {
            make_orphan(mf, v);
        }
        v = up;
    }
    for (int32_t v = mf->half[bridge].head; (p = mf->node[v].parent) >= 0;) {
        int32_t up = mf->half[p].head;
        move_flow(mf, p, amount);
        if (mf->half[p].residual == 0) {
            make_orphan(mf, v);
        }
        v = up;
    }
    mf->value += amount;
    mf->augmentations++;
}

/* Turns the path from v to the root of its part around and hangs v on the half-edge `to`. A link
 * that has no residual the other way stays: what is above it remains a part of its own. */
static void hang(struct maxflow *mf, int32_t v, int32_t to)
{
    const uint8_t tree = mf->node[v].tree;
    for (;;) {
        int32_t old = mf->node[v].parent;
        mf->node[v].parent = to;
        if (old < 0) {
            return;
        }
        to = mf->half[old].sister;
        if (tie(mf, to, tree) == 0) {
            return;
        }
        v = mf->half[old].head;
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
        for (int32_t h = node->first; h < node[1].first; h++) {
            int32_t u = mf->half[h].head;
            uint8_t tree = mf->node[u].tree;
            if (tree != MAXFLOW_FREE && tie(mf, h, tree) > 0) {
                activate(mf, u);
            }
        }
    }
}

/* Is u outside the part whose root carries the mark `inside`? What the climb passes is marked with
 * the answer, so that the climbs of one search together are no longer than the tree. */
static int is_outside(struct maxflow *mf, int32_t u, uint32_t inside)
{
    const uint32_t outside = inside + 1;
    int32_t top = u;
    while (mf->node[top].mark < inside && mf->node[top].parent >= 0) {
        top = mf->half[mf->node[top].parent].head;
    }
    const uint32_t answer = mf->node[top].mark == inside ? inside : outside;
    for (; mf->node[u].mark < inside; u = mf->half[mf->node[u].parent].head) {
        mf->node[u].mark = answer;
        if (mf->node[u].parent < 0) {
            break;
        }
    }
    return answer == outside;
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
        for (int32_t h = node->first; h < node[1].first; h++) {
            int32_t u = mf->half[h].head;
            struct maxflow_node *other = &mf->node[u];
            if (other->tree != tree) {
                continue;
            }
            if (other->parent == mf->half[h].sister) {
                other->mark = inside;
                part[count++] = u;
            } else if (tie(mf, h, tree) > 0 && is_outside(mf, u, inside)) {
                hang(mf, part[i], h);
                return;
            }
        }
    }
    release(mf, count);
}

static void take_child(struct maxflow *mf, int32_t h, uint8_t tree)
{
    int32_t u = mf->half[h].head;
    struct maxflow_node *child = &mf->node[u];
    child->tree = tree;
    child->parent = mf->half[h].sister;
    if (tree == MAXFLOW_SOURCE) {
        touch(mf, u);
    }
    activate(mf, u);
}

static void settle_orphans(struct maxflow *mf)
{
    while (!queue_is_empty(&mf->orphans)) {
        int32_t v = mf->orphans.items[mf->orphans.head];
        if (mf->node[v].parent != PARENT_ORPHAN) {
            (void)queue_pop(&mf->orphans);
        } else {
            settle(mf, v);
        }
    }
}

/* Augments over every half-edge from v (in the source tree) into the sink tree. 1 when a path is
 * infinite. */
static int cross_bridges(struct maxflow *mf, int32_t v)
{
    const int32_t end = mf->node[v + 1].first;
    for (int32_t h = mf->node[v].first; h < end; h++) {
        while (mf->half[h].residual > 0 && mf->node[mf->half[h].head].tree == MAXFLOW_SINK) {
            int64_t amount = climb(mf, v, mf->half[h].residual);
            amount = climb(mf, mf->half[h].head, amount);
            if (amount > MAXFLOW_INFINITE / 2) {
                return 1;
            }
            push_flow(mf, h, amount);
            settle_orphans(mf);
            if (mf->node[v].tree != MAXFLOW_SOURCE) {
                return 0;
            }
        }
    }
    return 0;
}

static void grow_sink(struct maxflow *mf, int32_t v)
{
    const int32_t end = mf->node[v + 1].first;
    for (int32_t h = mf->node[v].first; h < end; h++) {
        int32_t u = mf->half[h].head;
        if (mf->node[u].tree == MAXFLOW_SINK || mf->half[h].reverse == 0) {
            continue;
        }
        if (mf->node[u].tree == MAXFLOW_FREE) {
            take_child(mf, h, MAXFLOW_SINK);
        } else {
            add_bridge(mf, u);
        }
    }
}

static void grow_source(struct maxflow *mf, int32_t v)
{
    const int32_t end = mf->node[v + 1].first;
    for (int32_t h = mf->node[v].first; h < end; h++) {
        if (mf->half[h].residual > 0 && mf->node[mf->half[h].head].tree == MAXFLOW_FREE) {
            take_child(mf, h, MAXFLOW_SOURCE);
        }
    }
}

int maxflow_run(struct maxflow *mf)
{
    while (!queue_is_empty(&mf->bridges) || !queue_is_empty(&mf->sink_active)) {
        while (!queue_is_empty(&mf->bridges)) {
            int32_t v = queue_pop(&mf->bridges);
            mf->node[v].active &= (uint8_t)~ACTIVE_BRIDGE;
            if (mf->node[v].tree == MAXFLOW_SOURCE && cross_bridges(mf, v)) {
                return 1;
            }
        }
        while (!queue_is_empty(&mf->sink_active)) {
            int32_t v = queue_pop(&mf->sink_active);
            mf->node[v].active &= (uint8_t)~MAXFLOW_SINK;
            if (mf->node[v].tree == MAXFLOW_SINK) {
                grow_sink(mf, v);
            }
        }
    }
    /* The sink tree is complete: nothing free can reach the sink, so the source tree takes what it
     * can without meeting it. */
    while (!queue_is_empty(&mf->source_active)) {
        int32_t v = queue_pop(&mf->source_active);
        mf->node[v].active &= (uint8_t)~MAXFLOW_SOURCE;
        if (mf->node[v].tree == MAXFLOW_SOURCE) {
            grow_source(mf, v);
        }
    }
    return 0;
}
