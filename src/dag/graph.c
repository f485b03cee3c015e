/* SPDX-License-Identifier: Apache-2.0
 *
 * Building and checking the graph: counting sorts for the two adjacency lists, Kahn's order, and
 * words for what is wrong with the input.
 */
#include "dag/graph.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define LABEL_SIZE 64

static const char *label(char out[LABEL_SIZE], const char *const *names, int32_t v)
{
    if (names && names[v]) {
        (void)snprintf(out, LABEL_SIZE, "\"%.48s\"", names[v]); /* cut: a label is a hint */
    } else {
        (void)snprintf(out, LABEL_SIZE, "%d", (int)v); /* always fits */
    }
    return out;
}

static int allocate(struct dag_graph *g)
{
    size_t nodes = (size_t)g->nodes;
    size_t edges = (size_t)g->edges;
    g->out_first = mem_calloc(nodes + 1, sizeof(*g->out_first));
    g->in_first = mem_calloc(nodes + 1, sizeof(*g->in_first));
    g->out_to = mem_calloc(edges + 1, sizeof(*g->out_to));
    g->in_from = mem_calloc(edges + 1, sizeof(*g->in_from));
    g->topo = mem_calloc(nodes, sizeof(*g->topo));
    return g->out_first && g->in_first && g->out_to && g->in_from && g->topo ? 0 : ZEUS_ENOMEM;
}

void dag_graph_finish(struct dag_graph *g)
{
    free(g->out_first);
    free(g->out_to);
    free(g->in_first);
    free(g->in_from);
    free(g->topo);
    *g = (struct dag_graph){0};
}

static int check_edges(const struct dag_graph *g, const int32_t *from, const int32_t *to,
                       const char *const *names, zeus_error *err)
{
    char name[LABEL_SIZE];
    for (int32_t i = 0; i < g->edges; i++) {
        if (from[i] < 0 || from[i] >= g->nodes || to[i] < 0 || to[i] >= g->nodes) {
            return err_set(err, ZEUS_EINVAL, "edge %d leads from %d to %d, but there are %d nodes",
                           (int)i, (int)from[i], (int)to[i], (int)g->nodes);
        }
        if (from[i] == to[i]) {
            return err_set(err, ZEUS_EINVAL, "edge %d leads from operation %s to itself", (int)i,
                           label(name, names, from[i]));
        }
    }
    return 0;
}

/* Lists `value[i]` under `key[i]`, in the order of i. */
static void bucket(int32_t nodes, int32_t edges, const int32_t *key, const int32_t *value,
                   int32_t *first, int32_t *list)
{
    for (int32_t i = 0; i < edges; i++) {
        first[key[i] + 1]++;
    }
    for (int32_t v = 0; v < nodes; v++) {
        first[v + 1] += first[v];
    }
    for (int32_t i = edges - 1; i >= 0; i--) {
        list[--first[key[i] + 1]] = value[i]; /* first[k + 1] counts down to the start of k ... */
    }
    for (int32_t v = 0; v < nodes; v++) {
        first[v] = first[v + 1]; /* ... and is moved to its place here */
    }
    first[nodes] = edges;
}

/* Both lists, successors ascending: a two-pass radix sort (by head, then by tail). */
static int build_lists(struct dag_graph *g, const int32_t *from, const int32_t *to)
{
    size_t edges = (size_t)g->edges + 1;
    int32_t *sorted_from _free_ = mem_calloc(edges, sizeof(int32_t));
    int32_t *sorted_to _free_ = mem_calloc(edges, sizeof(int32_t));
    if (!sorted_from || !sorted_to) {
        return ZEUS_ENOMEM;
    }
    bucket(g->nodes, g->edges, to, from, g->in_first, sorted_from);
    for (int32_t v = 0; v < g->nodes; v++) {
        for (int32_t e = g->in_first[v]; e < g->in_first[v + 1]; e++) {
            sorted_to[e] = v;
        }
    }
    bucket(g->nodes, g->edges, sorted_from, sorted_to, g->out_first, g->out_to);
    int32_t kept = 0;
    for (int32_t v = 0; v < g->nodes; v++) {
        int32_t begin = g->out_first[v];
        g->out_first[v] = kept;
        for (int32_t e = begin; e < g->out_first[v + 1]; e++) {
            if (kept == g->out_first[v] || g->out_to[kept - 1] != g->out_to[e]) {
                sorted_from[kept] = v;
                g->out_to[kept++] = g->out_to[e];
            }
        }
    }
    g->out_first[g->nodes] = g->edges = kept;
    for (int32_t v = 0; v <= g->nodes; v++) {
        g->in_first[v] = 0;
    }
    bucket(g->nodes, kept, g->out_to, sorted_from, g->in_first, g->in_from);
    return 0;
}

static int sort_topologically(struct dag_graph *g, const char *const *names, zeus_error *err)
{
    int32_t *waiting _free_ = mem_calloc((size_t)g->nodes, sizeof(*waiting));
    if (!waiting) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int32_t done = 0;
    for (int32_t v = 0; v < g->nodes; v++) {
        waiting[v] = g->in_first[v + 1] - g->in_first[v];
        if (waiting[v] == 0) {
            g->topo[done++] = v;
        }
    }
    for (int32_t i = 0; i < done; i++) {
        int32_t u = g->topo[i];
        for (int32_t e = g->out_first[u]; e < g->out_first[u + 1]; e++) {
            if (--waiting[g->out_to[e]] == 0) {
                g->topo[done++] = g->out_to[e];
            }
        }
    }
    if (done == g->nodes) {
        return 0;
    }
    /* Whoever still waits has a waiting predecessor: walking back must meet a cycle. */
    int32_t v = 0;
    while (waiting[v] == 0) {
        v++;
    }
    for (int32_t steps = 0; steps < g->nodes; steps++) {
        int32_t e = g->in_first[v];
        while (waiting[g->in_from[e]] == 0) {
            e++;
        }
        v = g->in_from[e];
    }
    char name[LABEL_SIZE];
    return err_set(err, ZEUS_EINVAL, "the graph has a cycle through operation %s",
                   label(name, names, v));
}

static int find_end(const struct dag_graph *g, const int32_t *first, const char *what,
                    const char *const *names, int32_t *ret_node, zeus_error *err)
{
    char one[LABEL_SIZE];
    char two[LABEL_SIZE];
    int32_t found = -1;
    for (int32_t v = 0; v < g->nodes; v++) {
        if (first[v + 1] > first[v]) {
            continue;
        }
        if (found >= 0) {
            return err_set(err, ZEUS_EINVAL, "operations %s and %s both have no %s",
                           label(one, names, found), label(two, names, v), what);
        }
        found = v;
    }
    *ret_node = found; /* an acyclic graph has at least one */
    return 0;
}

int dag_graph_build(struct dag_graph *g, int32_t nodes, int32_t edges, const int32_t *from,
                    const int32_t *to, const char *const *names, zeus_error *err)
{
    *g = (struct dag_graph){.nodes = nodes, .edges = edges};
    if (nodes < 1 || edges < 0 || nodes > INT32_MAX / 4 || edges > INT32_MAX / 4) {
        return err_set(err, ZEUS_EINVAL, "a graph of %d nodes and %d edges", (int)nodes,
                       (int)edges);
    }
    int r = check_edges(g, from, to, names, err);
    if (r < 0) {
        return r;
    }
    if (allocate(g) < 0 || build_lists(g, from, to) < 0) {
        dag_graph_finish(g);
        return err_set(err, ZEUS_ENOMEM, "out of memory for a graph of %d nodes", (int)nodes);
    }
    r = sort_topologically(g, names, err);
    r = r < 0 ? r : find_end(g, g->in_first, "predecessor", names, &g->source, err);
    r = r < 0 ? r : find_end(g, g->out_first, "successor", names, &g->sink, err);
    if (r < 0) {
        dag_graph_finish(g);
    }
    return r;
}
