/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles as CSV: whatever is accepted can be planned, and the plan's text can be made.
 */
#include <stdint.h>
#include <stdlib.h>

#include <zeus/dag.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zeus_dag *dag = NULL;
    zeus_dag_info info;
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_dag_profile options = {.size = sizeof(options),
                                .micro_batches = 1 + (uint32_t)(size % 5),
                                .model = size % 3 == 0   ? ZEUS_DAG_MODEL_FIT
                                         : size % 3 == 1 ? ZEUS_DAG_MODEL_HULL
                                                         : ZEUS_DAG_MODEL_LINE,
                                .schedule = (uint32_t)(size % 4),
                                .p2p_power_w = (double)(size % 2) * 70};
    if (options.schedule == ZEUS_DAG_SCHEDULE_INTERLEAVED) {
        options.micro_batches = 4;
    }
    if (zeus_dag_read_profile((const char *)data, size, &options, &dag, &err) < 0) {
        if (err.message[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (zeus_dag_check(dag, &info, &err) == 0 && info.slowest_units < 100000 &&
        info.operations < 2000) {
        zeus_dag_plan *plan = NULL;
        char *text = NULL;
        if (zeus_dag_solve_deadline(dag, (info.slowest_units + info.fastest_units) / 2, NULL, &plan,
                                    &err) < 0) {
            abort(); /* the length lies between the extremes: there is a plan */
        }
        if (zeus_dag_plan_write_text(plan, &text, &err) == 0) {
            free(text);
        }
        zeus_dag_plan_destroy(plan);
    }
    zeus_dag_destroy(dag);
    return 0;
}
