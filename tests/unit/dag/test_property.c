/* SPDX-License-Identifier: Apache-2.0
 *
 * Random small graphs against an oracle that tries every combination of integer durations. (The
 * constraint matrix is totally unimodular, so the optimum over whole durations is the optimum of
 * the linear program.) At each step: cost, duration bounds, length, conservation of flow, marginal
 * cost that never falls, the same plan from the stored frontier, the same cost from the solver for
 * one deadline, and the same run twice.
 *
 *     test_dag_property [GRAPHS [SEED]]      300 by default; the full run is 10000
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "dag/deadline.h"
#include "dag/frontier.h"
#include "dag/tradeoff.h"

#define NODES_MAX 9
#define EDGES_MAX 64
#define SPECS_MAX 4
#define RANGE_MAX 4
#define TIME_MAX  128

static long graphs = 300;
static uint64_t state = 20251121;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

struct instance {
    struct dag_graph graph;
    struct dag_cost cost[SPECS_MAX];
    int32_t spec_of[NODES_MAX];
    int32_t specs;
    struct tradeoff_problem problem;
};

/* Convex falling values; some with equal slopes, some flat, so that ties are common. */
static void make_cost(struct dag_cost *cost)
{
    double value[RANGE_MAX + 1];
    int32_t count = 1 + (int32_t)draw(RANGE_MAX + 1);
    double slope = draw(3) == 0 ? 0 : (double)draw(8) / 4;
    double level = (double)draw(100) / 8 - 4;
    for (int32_t i = count - 1; i >= 0; i--) {
        value[i] = level;
        level += slope;
        slope += draw(2) ? (double)draw(8) / 4 : draw(3) ? 0 : (double)draw(1000) / 777;
    }
    assert_int_equal(dag_cost_table(cost, (int32_t)draw(4), count, value, NULL), 0);
}

static void make_instance(struct instance *in)
{
    int32_t from[EDGES_MAX];
    int32_t to[EDGES_MAX];
    int32_t edges = 0;
    int32_t inner = 1 + (int32_t)draw(NODES_MAX - 3);
    int has_in[NODES_MAX] = {0};
    int has_out[NODES_MAX] = {0};
    uint32_t density = 1 + draw(4);
    for (int32_t u = 1; u <= inner; u++) {
        for (int32_t v = u + 1; v <= inner; v++) {
            if (draw(density + 1) == 0) {
                from[edges] = u;
                to[edges++] = v;
                has_out[u] = has_in[v] = 1;
            }
        }
    }
    for (int32_t v = 1; v <= inner; v++) {
        if (!has_in[v]) {
            from[edges] = 0;
            to[edges++] = v;
        }
        if (!has_out[v]) {
            from[edges] = v;
            to[edges++] = inner + 1;
        }
    }
    *in = (struct instance){.specs = 1 + (int32_t)draw(SPECS_MAX)};
    assert_int_equal(dag_graph_build(&in->graph, inner + 2, edges, from, to, NULL, NULL), 0);
    for (int32_t s = 0; s < in->specs; s++) {
        make_cost(&in->cost[s]);
    }
    for (int32_t v = 0; v <= inner + 1; v++) {
        int is_end = v == 0 || v == inner + 1;
        in->spec_of[v] = is_end && draw(4) ? -1 : (int32_t)draw((uint32_t)in->specs);
        in->spec_of[v] = draw(12) ? in->spec_of[v] : -1;
    }
    in->problem = (struct tradeoff_problem){&in->graph, in->spec_of, in->cost, in->specs};
}

static void free_instance(struct instance *in)
{
    dag_graph_finish(&in->graph);
    for (int32_t s = 0; s < in->specs; s++) {
        dag_cost_finish(&in->cost[s]);
    }
}

static double cost_of(const struct instance *in, const int32_t *duration)
{
    double cost = 0;
    for (int32_t v = 0; v < in->graph.nodes; v++) {
        cost += in->spec_of[v] >= 0 ? dag_cost_at(&in->cost[in->spec_of[v]], duration[v]) : 0;
    }
    return cost;
}

/* Least cost of any plan that takes at most t, for every t. */
static void try_all(const struct instance *in, double best[TIME_MAX])
{
    int32_t duration[NODES_MAX] = {0};
    int64_t start[NODES_MAX];
    for (int t = 0; t < TIME_MAX; t++) {
        best[t] = INFINITY;
    }
    for (int32_t v = 0; v < in->graph.nodes; v++) {
        duration[v] = in->spec_of[v] >= 0 ? in->cost[in->spec_of[v]].shortest : 0;
    }
    for (;;) {
        int64_t t = dag_earliest(&in->graph, duration, start);
        assert_true(t < TIME_MAX);
        best[t] = MIN_OF(best[t], cost_of(in, duration));
        int32_t v = 0;
        while (v < in->graph.nodes) {
            const struct dag_cost *c = in->spec_of[v] >= 0 ? &in->cost[in->spec_of[v]] : NULL;
            if (c && duration[v] < c->longest) {
                duration[v]++;
                break;
            }
            duration[v++] = c ? c->shortest : 0;
        }
        if (v == in->graph.nodes) {
            break;
        }
    }
    for (int t = 1; t < TIME_MAX; t++) {
        best[t] = MIN_OF(best[t], best[t - 1]);
    }
}

static void check_durations(const struct instance *in, const int32_t *duration, int64_t time,
                            double cost)
{
    int64_t start[NODES_MAX];
    for (int32_t v = 0; v < in->graph.nodes; v++) {
        const struct dag_cost *c = in->spec_of[v] >= 0 ? &in->cost[in->spec_of[v]] : NULL;
        assert_true(duration[v] >= (c ? c->shortest : 0));
        assert_true(duration[v] <= (c ? c->longest : 0));
    }
    assert_true(dag_earliest(&in->graph, duration, start) <= time);
    assert_true(fabs(cost_of(in, duration) - cost) < 1e-9);
}

static void check_step(const struct instance *in, const struct tradeoff *t, const double *best)
{
    int32_t duration[NODES_MAX];
    int64_t time = tradeoff_time(t);
    double cost = tradeoff_cost(t);
    assert_true(fabs(cost - best[time]) < 1e-9);
    assert_int_equal(tradeoff_audit(t, NULL), 0);
    check_durations(in, tradeoff_durations(t), time, cost);
    assert_int_equal(deadline_solve(&in->problem, time, 0, NULL, NULL, duration, NULL), 0);
    check_durations(in, duration, time, cost);
}

static void check_instance(const struct instance *in)
{
    double best[TIME_MAX];
    double last_change = 0;
    struct tradeoff *t = NULL;
    struct tradeoff *again = NULL;
    struct frontier stored;
    int32_t duration[NODES_MAX];
    size_t bytes = sizeof(duration[0]) * (size_t)in->graph.nodes;
    try_all(in, best);
    frontier_init(&stored, 0);
    assert_int_equal(tradeoff_create(&in->problem, 0, &t, NULL), 0);
    assert_int_equal(tradeoff_create(&in->problem, 0, &again, NULL), 0);
    for (int more = 1; more; more = tradeoff_step(t)) {
        check_step(in, t, best);
        assert_int_equal(frontier_add(&stored, t, in->graph.nodes), 0);
        frontier_durations(&stored, stored.points - 1, duration);
        assert_memory_equal(duration, tradeoff_durations(t), bytes);
        assert_true(stored.points == 1 || tradeoff_change(t) >= last_change);
        last_change = stored.points == 1 ? 0 : tradeoff_change(t);
    }
    int64_t fastest = tradeoff_time(t);
    assert_true(fastest == 0 || isinf(best[fastest - 1])); /* nothing is faster */
    assert_int_equal(tradeoff_step(t), 0);
    assert_int_equal(frontier_find(&stored, fastest - 1), -1);
    assert_int_equal(frontier_find(&stored, fastest), stored.points - 1);
    assert_int_equal(deadline_solve(&in->problem, fastest - 1, 0, NULL, NULL, duration, NULL),
                     ZEUS_ERANGE);
    while (tradeoff_step(again)) {
    }
    assert_memory_equal(tradeoff_durations(t), tradeoff_durations(again), bytes);
    tradeoff_destroy(t);
    tradeoff_destroy(again);
    frontier_finish(&stored);
}

static void test_random_graphs(void **unused)
{
    (void)unused;
    for (long i = 0; i < graphs; i++) {
        struct instance in;
        make_instance(&in);
        check_instance(&in);
        free_instance(&in);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_graphs)};
    graphs = argc > 1 ? strtol(argv[1], NULL, 10) : graphs;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : state;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
