/* SPDX-License-Identifier: Apache-2.0
 *
 * Every recorded problem: the cost at each length is no worse than recorded and equals the LP
 * optimum where one was computed; the ends agree; a sample of plans is checked by simulation; one
 * deadline gives the same cost as the frontier.
 */
#include "test.h"

#include <math.h>

#include "base/macro.h"
#include "dag_reference.h"

/* The two large ones take seconds: the full comparison is in bench_planner and docs/planner.md. */
static const char *const names[] = {"tiny_chain3", "tiny_par2x2", "par4x3",           "rand20_0",
                                    "rand20_1",    "rand20_2",    "rand60_0",         "rand60_1",
                                    "pipe_2x4",    "pipe_4x8",    "pipe_4x8_unit5ms", "pipe_8x16",
                                    "rand500"};

static int has_data(void)
{
    zeus_dag *dag = reference_problem(names[0]);
    zeus_dag_destroy(dag);
    return dag != NULL;
}

static void check_plan(const zeus_dag_frontier *f, int64_t index)
{
    zeus_dag_plan *plan = NULL;
    zeus_dag_plan_info info;
    double model_j = 0;
    int64_t end = 0;
    assert_int_equal(zeus_dag_frontier_plan(f, index, &plan, NULL), 0);
    assert_int_equal(zeus_dag_plan_get_info(plan, &info), 0);
    for (uint32_t v = 0; v < info.operations; v++) {
        zeus_dag_plan_entry e;
        assert_int_equal(zeus_dag_plan_get_entry(plan, v, &e), 0);
        model_j += e.model_cost_j;
        end = MAX_OF(end, e.start_units + e.duration_units);
        assert_true(e.start_units >= 0);
    }
    assert_int_equal(end, info.units);
    assert_true(fabs(model_j - info.cost_j) < 1e-6);
    zeus_dag_plan_destroy(plan);
}

static void check_deadline(zeus_dag *dag, int64_t units, double cost)
{
    zeus_dag_plan *plan = NULL;
    zeus_dag_plan_info info;
    assert_int_equal(zeus_dag_solve_deadline(dag, units, NULL, &plan, NULL), 0);
    assert_int_equal(zeus_dag_plan_get_info(plan, &info), 0);
    assert_true(fabs(info.cost_j - cost) < 1e-6);
    zeus_dag_plan_destroy(plan);
}

static void check_problem(const char *name)
{
    struct reference ref;
    zeus_dag *dag = reference_problem(name);
    zeus_dag_frontier *f = NULL;
    zeus_dag_point point;
    assert_non_null(dag);
    assert_int_equal(reference_load(name, &ref), 0);
    assert_int_equal(zeus_dag_solve(dag, NULL, &f, NULL), 0);
    uint32_t count = zeus_dag_frontier_count(f);
    assert_int_equal(zeus_dag_frontier_point(f, 0, &point), 0);
    assert_true(fabs(point.cost_j - ref.initial_cost) < 1e-6);
    for (size_t i = 0; i < ref.rows; i++) {
        int64_t at = zeus_dag_frontier_find(f, (int64_t)ref.row[i][3]);
        assert_int_equal(at, (int64_t)ref.row[i][0]);
        assert_int_equal(zeus_dag_frontier_point(f, (uint32_t)at, &point), 0);
        assert_true(point.cost_j <= ref.row[i][2] + 1e-8);
        if (i % (ref.rows / 8 + 1) == 0) {
            check_plan(f, at);
            check_deadline(dag, point.units, point.cost_j);
        }
    }
    for (size_t i = 0; i < ref.lps; i++) {
        int64_t at = zeus_dag_frontier_find(f, (int64_t)ref.lp[i][0]);
        assert_int_equal(zeus_dag_frontier_point(f, (uint32_t)at, &point), 0);
        assert_true(fabs(point.cost_j - ref.lp[i][1]) < 1e-8);
    }
    if (ref.is_complete) {
        assert_int_equal(count - 1, ref.rows); /* the fastest is the same: less is refused alike */
    }
    assert_int_equal(zeus_dag_frontier_point(f, count - 1, &point), 0);
    assert_int_equal(zeus_dag_frontier_find(f, point.units - 1), -1);
    zeus_dag_plan *none = NULL;
    assert_int_equal(zeus_dag_solve_deadline(dag, point.units - 1, NULL, &none, NULL), ZEUS_ERANGE);
    reference_done(&ref);
    zeus_dag_frontier_destroy(f);
    zeus_dag_destroy(dag);
}

static void test_all(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        check_problem(names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    if (!has_data()) {
        (void)printf("skipped: no reference data (ZEUS_SHARED)\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
