/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning problems as JSON: whatever is accepted can be solved (within limits), and every plan of
 * the frontier keeps its own length.
 */
#include <stdint.h>
#include <stdlib.h>

#include <zeus/dag.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int stop(void *context, int64_t reached, int64_t fastest)
{
    (void)reached;
    (void)fastest;
    return ++*(int *)context > 16; /* 4,000 points are enough */
}

static void check_plan(const zeus_dag_frontier *f, int64_t index)
{
    zeus_dag_plan *plan = NULL;
    zeus_dag_plan_info info;
    zeus_dag_plan_entry e;
    if (zeus_dag_frontier_plan(f, index, &plan, NULL) < 0) {
        return; /* out of memory */
    }
    if (zeus_dag_plan_get_info(plan, &info) < 0) {
        abort();
    }
    for (uint32_t v = 0; v < info.operations; v++) {
        if (zeus_dag_plan_get_entry(plan, v, &e) < 0 || e.duration_units < 0 || e.start_units < 0 ||
            e.start_units + e.duration_units > info.units) {
            abort();
        }
    }
    zeus_dag_plan_destroy(plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int calls = 0;
    zeus_dag *dag = NULL;
    zeus_dag_frontier *frontier = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_dag_info info;
    zeus_dag_solve_options options = {
        .size = sizeof(options), .max_bytes = 1u << 26, .progress = stop, .context = &calls};
    if (zeus_dag_read_json((const char *)data, size, &dag, &err) < 0) {
        if (err.message[0] == '\0') {
            abort(); /* every refusal has words */
        }
        return 0;
    }
    if (zeus_dag_check(dag, &info, &err) == 0 && info.slowest_units < 100000) {
        if (zeus_dag_solve(dag, &options, &frontier, &err) == 0) {
            int64_t last = (int64_t)zeus_dag_frontier_count(frontier) - 1;
            check_plan(frontier, 0);
            check_plan(frontier, last / 2);
            check_plan(frontier, last);
            zeus_dag_frontier_destroy(frontier);
        }
        zeus_dag_plan *plan = NULL;
        if (zeus_dag_solve_deadline(dag, (info.slowest_units + info.fastest_units) / 2, &options,
                                    &plan, &err) == 0) {
            zeus_dag_plan_destroy(plan);
        }
    }
    zeus_dag_destroy(dag);
    return 0;
}
