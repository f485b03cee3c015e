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
    if (!mf->node || !mf->half || !mf->touched || queue_init(&mf->source_active, mf->nodes) < 0 ||
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

/* The smallest residual on the path source -> ... -> bridge -> ... -> sink. */
static int64_t bottleneck(const struct maxflow *mf, int32_t bridge)
{
    const struct maxflow_half *half = mf->half;
    int64_t least = half[bridge].residual;
    int32_t p;
    for (int32_t v = half[half[bridge].sister].head; (p = mf->node[v].parent) >= 0;
         v = half[p].head) {
        least = MIN_OF(least, half[half[p].sister].residual);
    }
    for (int32_t v = half[bridge].head; (p = mf->node[v].parent) >= 0; v = half[p].head) {
        least = MIN_OF(least, half[p].residual);
    }
    return least;
}

static void make_orphan(struct maxflow *mf, int32_t v)
{
    mf->node[v].parent = PARENT_ORPHAN;
    queue_push(&mf->orphans, v);
}

/* Sends `amount` along the path through `bridge`; the roots of what it cuts off become orphans. */
static void push_flow(struct maxflow *mf, int32_t bridge, int64_t amount)
{
    struct maxflow_half *half = mf->half;
    int32_t p;
    half[bridge].residual -= amount;
    half[half[bridge].sister].residual += amount;
    for (int32_t v = half[half[bridge].sister].head; (p = mf->node[v].parent) >= 0;) {
        int32_t up = half[p].head;
        half[p].residual += amount;
        int64_t *left = &half[half[p].sister].residual;
        *left -= amount;
        if (*left == 0) {
            make_orphan(mf, v);
        }
        v = up;
    }
    for (int32_t v = half[bridge].head; (p = mf->node[v].parent) >= 0;) {
        int32_t up = half[p].head;
        half[half[p].sister].residual += amount;
        half[p].residual -= amount;
        if (half[p].residual == 0) {
            make_orphan(mf, v);
        }
        v = up;
    }
    mf->value += amount;
    mf->augmentations++;
}

/* The residual capacity that ties a child to its parent over the child's half-edge h. */
static int64_t tie(const struct maxflow *mf, int32_t h, uint8_t tree)
{
    return tree == MAXFLOW_SOURCE ? mf->half[mf->half[h].sister].residual : mf->half[h].residual;
}

/* A parent for orphan v with a smaller label: labels fall towards the root, so it cannot be one of
 * v's own descendants and no path has to be walked. */
static int32_t find_parent(const struct maxflow *mf, int32_t v, uint8_t tree)
{
    const struct maxflow_node *node = &mf->node[v];
    for (int32_t h = node->first; h < node[1].first; h++) {
        const struct maxflow_node *u = &mf->node[mf->half[h].head];
        if (u->tree == tree && u->label < node->label && u->parent != PARENT_ORPHAN &&
            tie(mf, h, tree) > 0) {
            return h;
        }
    }
    return PARENT_NONE;
}

/* Lets v go: its children become orphans, and its neighbours may take it later. */
static void set_free(struct maxflow *mf, int32_t v)
{
    struct maxflow_node *node = &mf->node[v];
    const uint8_t tree = node->tree;
    for (int32_t h = node->first; h < node[1].first; h++) {
        int32_t u = mf->half[h].head;
        struct maxflow_node *other = &mf->node[u];
        if (other->tree == MAXFLOW_FREE) {
            continue;
        }
        if (tie(mf, h, other->tree) > 0) {
            activate(mf, u);
        }
        if (other->parent == mf->half[h].sister) {
            make_orphan(mf, u);
        }
    }
    if (tree == MAXFLOW_SOURCE) {
        touch(mf, v);
    }
    node->tree = MAXFLOW_FREE;
    node->parent = PARENT_NONE;
}

static int augment(struct maxflow *mf, int32_t bridge)
{
    int64_t amount = bottleneck(mf, bridge);
    if (amount > MAXFLOW_INFINITE / 2) {
        return 1;
    }
    push_flow(mf, bridge, amount);
    while (!queue_is_empty(&mf->orphans)) {
        int32_t v = queue_pop(&mf->orphans);
        int32_t parent = find_parent(mf, v, mf->node[v].tree);
        if (parent >= 0) {
            mf->node[v].parent = parent;
        } else {
            set_free(mf, v);
        }
    }
    return 0;
}

static void take_child(struct maxflow *mf, int32_t v, int32_t h, uint8_t tree)
{
    int32_t u = mf->half[h].head;
    struct maxflow_node *child = &mf->node[u];
    child->tree = tree;
    child->parent = mf->half[h].sister;
    child->label = mf->node[v].label + 1;
    if (tree == MAXFLOW_SOURCE) {
        touch(mf, u);
    }
    activate(mf, u);
}

/* Augments over every half-edge from v (in the source tree) into the sink tree. */
static int cross_bridges(struct maxflow *mf, int32_t v)
{
    const int32_t end = mf->node[v + 1].first;
    for (int32_t h = mf->node[v].first; h < end; h++) {
        while (mf->half[h].residual > 0 && mf->node[mf->half[h].head].tree == MAXFLOW_SINK) {
            if (augment(mf, h)) {
                return 1;
            }
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
        if (mf->node[u].tree == MAXFLOW_SINK || mf->half[mf->half[h].sister].residual == 0) {
            continue;
        }
        if (mf->node[u].tree == MAXFLOW_FREE) {
            take_child(mf, v, h, MAXFLOW_SINK);
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
            take_child(mf, v, h, MAXFLOW_SOURCE);
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
