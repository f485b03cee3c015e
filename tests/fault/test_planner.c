/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation of the planner, of the composition and of the profile reader fails once, one
 * after the other: the call says so with words, or does without it, and leaves nothing behind (run
 * under AddressSanitizer to see leaks).
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include <zeus/compose.h>
#include <zeus/dag.h>

#include "base/macro.h"
#include "codec/stage_profile.h"
#include "fault_alloc.h"
#include "policy/pipeline.h"

static const char profile[] = "stage,instruction,frequency,config,time,energy,rank\n"
                              "0,forward,1410,a,0.010,4,0\n"
                              "0,forward,1200,a,0.012,3,0\n"
                              "0,forward,1000,b,0.015,2.5,0\n"
                              "0,forward,900,b,0.017,2.3,0\n"
                              "0,backward,1410,a,0.020,8,0\n"
                              "0,backward,1200,a,0.024,6,0\n"
                              "0,backward,1000,b,0.030,5,0\n"
                              "0,backward,900,b,0.034,4.7,0\n";

static const char recipe[] =
    "{\"parts\": {\"a\": [{\"freq\": 1410, \"time_s\": 0.01, \"energy_j\": 4, \"config\": \"x\"},"
    "{\"freq\": 1410, \"time_s\": 0.02, \"energy_j\": 3, \"config\": \"y\"}],"
    "\"b\": [{\"freq\": 1410, \"time_s\": 0.01, \"energy_j\": 4}]},"
    "\"stages\": [{\"forward\": {\"layer\": [\"a\", \"b\"]}, \"backward\": {\"once\": [\"a\"]}}]}";

static int plan_a_profile(zeus_error *err)
{
    const zeus_dag_profile options = {.size = sizeof(options), .micro_batches = 3};
    zeus_dag *dag = NULL;
    zeus_dag_frontier *frontier = NULL;
    zeus_dag_plan *plan = NULL;
    zeus_dag_plan *one = NULL;
    zeus_dag_baseline baseline;
    int r = zeus_dag_read_profile(profile, strlen(profile), &options, &dag, err);
    r = r < 0 ? r : zeus_dag_get_baseline(dag, &baseline, err);
    r = r < 0 ? r : zeus_dag_solve(dag, NULL, &frontier, err);
    r = r < 0 ? r : zeus_dag_frontier_plan(frontier, 3, &plan, err);
    r = r < 0 ? r : zeus_dag_solve_deadline(dag, 120, NULL, &one, err);
    zeus_dag_plan_destroy(one);
    zeus_dag_plan_destroy(plan);
    zeus_dag_frontier_destroy(frontier);
    zeus_dag_destroy(dag);
    return r;
}

static int compose_a_recipe(zeus_error *err)
{
    char *csv = NULL;
    int r = zeus_compose_profile(recipe, strlen(recipe), NULL, &csv, err);
    free(csv);
    return r;
}

static int read_a_profile(zeus_error *err)
{
    struct stage_profile p = {0};
    int64_t ranks = 0;
    int r = stage_profile_read(&p, profile, strlen(profile), &ranks, err);
    stage_profile_done(&p);
    return r;
}

static int solve_a_pipeline(zeus_error *err)
{
    const struct pipeline_row rows[] = {
        {0, SCHEDULE_FORWARD, 1410, 0.010, 4},  {0, SCHEDULE_FORWARD, 1000, 0.015, 2.5},
        {0, SCHEDULE_BACKWARD, 1410, 0.020, 8}, {0, SCHEDULE_BACKWARD, 1000, 0.030, 5},
        {1, SCHEDULE_FORWARD, 1410, 0.010, 4},  {1, SCHEDULE_FORWARD, 1000, 0.015, 2.5},
        {1, SCHEDULE_BACKWARD, 1410, 0.020, 8}, {1, SCHEDULE_BACKWARD, 1000, 0.030, 5},
    };
    const struct pipeline_shape shape = {
        .stages = 2, .micro_batches = 2, .unit_s = 0.001, .noise_factor = 0.95};
    const struct pipeline_limits limits = {.max_bytes = 0};
    struct pipeline *p = NULL;
    int64_t mhz[8];
    int r = pipeline_create(&shape, rows, ARRAY_LEN(rows), &limits, &p, err);
    if (r == 0 && pipeline_plan(p, 0, mhz) < 0) {
        r = ZEUS_ENOMEM;
        (void)strcpy(err->message, "no memory");
    }
    pipeline_destroy(p);
    return r;
}

/* Until a run needs no more allocations than were let through. */
static void fail_each(int (*run)(zeus_error *err))
{
    unsigned failures = 0;
    for (unsigned n = 1;; n++) {
        zeus_error err = ZEUS_ERROR_INIT;
        fault_alloc_arm(n);
        int r = run(&err);
        if (!fault_alloc_disarm()) {
            assert_int_equal(r, 0);
            break;
        }
        if (r < 0 && r != ZEUS_ENOMEM) {
            fail_msg("allocation %u: %d: %s", n, r, err.message);
        }
        assert_true(r == 0 || err.message[0] != '\0');
        failures += r < 0;
        assert_true(n < 100000);
    }
    assert_true(failures > 3);
}

static void test_each_allocation(void **state)
{
    (void)state;
    fail_each(plan_a_profile);
    fail_each(compose_a_recipe);
    fail_each(read_a_profile);
    fail_each(solve_a_pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
