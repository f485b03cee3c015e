/* SPDX-License-Identifier: Apache-2.0
 *
 * Graphs and costs: what is refused and in which words; order and longest paths.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "dag/cost.h"
#include "dag/graph.h"

static void check_refused(int32_t nodes, int32_t edges, const int32_t *from, const int32_t *to,
                          const char *words)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct dag_graph g;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(dag_graph_build(&g, nodes, edges, from, to, names, &err), ZEUS_EINVAL);
    if (!strstr(err.message, words)) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    }
}

static void test_refused(void **state)
{
    (void)state;
    check_refused(0, 0, NULL, NULL, "0 nodes");
    check_refused(2, 1, (int32_t[]){0}, (int32_t[]){2}, "2 nodes");
    check_refused(2, 1, (int32_t[]){-1}, (int32_t[]){1}, "from -1");
    check_refused(2, 1, (int32_t[]){1}, (int32_t[]){1}, "\"b\" to itself");
    check_refused(4, 4, (int32_t[]){0, 1, 2, 2}, (int32_t[]){1, 2, 1, 3}, "cycle");
    check_refused(3, 2, (int32_t[]){0, 1}, (int32_t[]){2, 2}, "\"a\" and \"b\" both have no pred");
    check_refused(3, 2, (int32_t[]){0, 0}, (int32_t[]){1, 2}, "\"b\" and \"c\" both have no succ");
    check_refused(2, 0, NULL, NULL, "both have no predecessor");
}

static void test_order(void **state)
{
    /* 0 -> 1 -> 3, 0 -> 2 -> 3, 0 -> 3, given out of order and one of them twice */
    const int32_t from[] = {2, 0, 1, 0, 0, 2};
    const int32_t to[] = {3, 2, 3, 3, 1, 3};
    const int32_t duration[] = {1, 5, 2, 4};
    int64_t early[4];
    int64_t late[4];
    struct dag_graph g;
    (void)state;
    assert_int_equal(dag_graph_build(&g, 4, 6, from, to, NULL, NULL), 0);
    assert_int_equal(g.edges, 5);
    assert_int_equal(g.source, 0);
    assert_int_equal(g.sink, 3);
    assert_int_equal(dag_earliest(&g, duration, early), 10);
    dag_latest(&g, duration, 10, late);
    assert_int_equal(early[2], 1);
    assert_int_equal(late[2], 4);
    assert_int_equal(late[1], early[1]);
    dag_graph_finish(&g);
}

static void test_costs(void **state)
{
    struct dag_cost c;
    zeus_error err = ZEUS_ERROR_INIT;
    (void)state;
    assert_int_equal(dag_cost_exponential(&c, (struct dag_exponential){-1, -1, 0}, 1, 2, 9, &err),
                     ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "not convex"));
    assert_int_equal(dag_cost_exponential(&c, (struct dag_exponential){1, NAN, 0}, 1, 2, 9, NULL),
                     ZEUS_EINVAL);
    assert_int_equal(dag_cost_exponential(&c, (struct dag_exponential){1, 1, 0}, 0, 800, 999, NULL),
                     ZEUS_ERANGE);
    assert_int_equal(dag_cost_exponential(&c, (struct dag_exponential){1, -1, 0}, 0, 9, 9, NULL),
                     ZEUS_ELIMIT);
    assert_int_equal(dag_cost_table(&c, 3, 3, (double[]){5, 4, 2}, NULL), ZEUS_EINVAL);
    assert_int_equal(dag_cost_table(&c, -1, 1, (double[]){5}, NULL), ZEUS_EINVAL);
    /* A cost that rises again is cut at its minimum. */
    assert_int_equal(dag_cost_table(&c, 3, 4, (double[]){5, 2, 1, 3}, NULL), 0);
    assert_int_equal(c.longest, 5);
    assert_true(dag_cost_at(&c, 99) == 1);
    dag_cost_finish(&c);
    /* The hull skips what lies above it. */
    assert_int_equal(
        dag_cost_hull(&c, 4, (int32_t[]){6, 2, 4, 4}, (double[]){0, 8, 7, 9}, 99, NULL), 0);
    assert_true(fabs(dag_cost_at(&c, 4) - 4) < 1e-12);
    dag_cost_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused), cmocka_unit_test(test_order),
                                       cmocka_unit_test(test_costs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
