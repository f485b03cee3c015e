/* SPDX-License-Identifier: Apache-2.0
 *
 * Options: which are kept, which knob a duration gets (the values of the reference's own tests),
 * and slack that rounding leaves.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "dag/assign.h"
#include "dag/schedule.h"

enum { ONE = 1, TWO, THREE, FOUR };

static void test_kept(void **state)
{
    struct assign_option o[] = {
        {123, 3, 123, ONE}, {789, 1, 789, THREE}, {456, 2, 456, TWO}, {234, 3.1, 234, FOUR}};
    static const struct {
        int32_t duration;
        int32_t id;
    } cases[] = {{20, ONE},  {122, ONE},   {123, ONE},   {124, ONE},   {234, ONE},
                 {455, ONE}, {456, TWO},   {457, TWO},   {458, TWO},   {654, TWO},
                 {788, TWO}, {789, THREE}, {790, THREE}, {1234, THREE}};
    (void)state;
    assert_int_equal(assign_filter(o, 4, 1.0), 3);
    assert_int_equal(o[0].id, THREE);
    assert_int_equal(o[1].id, TWO);
    assert_int_equal(o[2].id, ONE);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(o[assign_lookup(o, 3, cases[i].duration)].id, cases[i].id);
    }
}

static void test_quantum_ties(void **state)
{
    /* Of one quant the costliest stays. */
    struct assign_option o[] = {{10.2, 5, 10, 0}, {10.8, 4, 10, 1}, {9.1, 6, 9, 2}};
    (void)state;
    assert_int_equal(assign_filter(o, 3, 1.0), 2);
    assert_int_equal(o[0].id, 0);
    assert_int_equal(o[1].id, 2);
}

static void test_noise(void **state)
{
    /* The second is beaten, but by less than a tenth: it stays where noise is allowed for. */
    struct assign_option a[] = {{10, 10, 10, 0}, {9.5, 9.5, 9, 1}};
    struct assign_option b[] = {{10, 10, 10, 0}, {9.5, 9.5, 9, 1}};
    (void)state;
    assert_int_equal(assign_filter(a, 2, 1.0), 1);
    assert_int_equal(assign_filter(b, 2, 0.9), 2);
}

static void test_quantize(void **state)
{
    (void)state;
    assert_int_equal(assign_quantize(0.3, 0.1), 2);       /* as Python: 0.3 // 0.1 == 2.0 */
    assert_int_equal(assign_quantize(0.108, 0.001), 107); /* Python says the same */
    assert_int_equal(assign_quantize(0.0, 0.001), 0);
    assert_int_equal(assign_quantize(-1.0, 0.001), -1);
    assert_int_equal(assign_quantize(1e30, 0.001), -1);
}

static void test_slack(void **state)
{
    /* Two operations in a row, planned 5 + 5 in 10; options 3, 4, 6 units: 4 + 4 leaves 2. */
    struct assign_option o[] = {{6, 1, 6, 0}, {4, 2, 4, 1}, {3, 3, 3, 2}};
    const int32_t first[] = {0, 3};
    const int32_t spec_of[] = {0, 0};
    const int32_t duration[] = {5, 5};
    struct assign_table table = {o, first, spec_of};
    struct dag_graph g;
    int32_t choice[2];
    (void)state;
    assert_int_equal(dag_graph_build(&g, 2, 1, (int32_t[]){0}, (int32_t[]){1}, NULL, NULL), 0);
    int32_t slowest[2];
    assign_first(&table, 2, duration, slowest);
    assert_int_equal(assign_plan(&g, &table, slowest, 10, choice), 10);
    assert_int_equal(choice[0], 0);
    assert_int_equal(choice[1], 1);
    dag_graph_finish(&g);
}

static int count_kind(const struct schedule *s, uint8_t kind)
{
    int count = 0;
    for (int32_t i = 0; i < s->steps; i++) {
        count += s->step[i].kind == kind;
    }
    return count;
}

static void check_schedule(enum schedule_kind kind, int32_t stages, int32_t micro_batches,
                           int32_t chunks)
{
    struct schedule s;
    struct dag_graph g;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(schedule_build(&s, kind, stages, micro_batches, chunks, NULL), 0);
    assert_int_equal(count_kind(&s, SCHEDULE_FORWARD), stages * micro_batches * chunks);
    assert_int_equal(count_kind(&s, SCHEDULE_BACKWARD) + count_kind(&s, SCHEDULE_FORWARD_BACKWARD),
                     stages * micro_batches * chunks);
    /* Acyclic: at most the ends may be several. */
    int r = dag_graph_build(&g, s.steps, s.edges, s.from, s.to, NULL, &err);
    assert_true(r == 0 || strstr(err.message, "both have no"));
    if (r == 0) {
        dag_graph_finish(&g);
    }
    schedule_finish(&s);
}

static void test_schedules(void **state)
{
    (void)state;
    for (int32_t stages = 1; stages <= 6; stages++) {
        for (int32_t m = 1; m <= 9; m++) {
            check_schedule(SCHEDULE_1F1B, stages, m, 1);
            check_schedule(SCHEDULE_GPIPE, stages, m, 1);
            check_schedule(SCHEDULE_EARLY_RECOMPUTE, stages, m, 1);
            for (int32_t chunks = 1; chunks <= 3; chunks++) {
                check_schedule(SCHEDULE_INTERLEAVED, stages, m * stages, chunks);
            }
        }
    }
    struct schedule s;
    assert_int_equal(schedule_build(&s, SCHEDULE_INTERLEAVED, 4, 6, 2, NULL), ZEUS_EINVAL);
    assert_int_equal(schedule_build(&s, SCHEDULE_1F1B, 4, 8, 2, NULL), ZEUS_EINVAL);
    assert_int_equal(schedule_build(&s, SCHEDULE_1F1B, 0, 8, 1, NULL), ZEUS_EINVAL);
    assert_int_equal(schedule_build(&s, (enum schedule_kind)9, 1, 1, 1, NULL), ZEUS_EINVAL);
}

/* The order of stage 1 of 3 with 4 micro-batches, by the formula of the original. */
static void test_1f1b_order(void **state)
{
    static const char order[] = "FFBFBFBB";
    static const int32_t micro_batch[] = {0, 1, 0, 2, 1, 3, 2, 3};
    struct schedule s;
    (void)state;
    assert_int_equal(schedule_build(&s, SCHEDULE_1F1B, 3, 4, 1, NULL), 0);
    for (int32_t i = 0; i < 8; i++) {
        const struct schedule_step *step = &s.step[s.stage_first[1] + i];
        assert_int_equal(step->kind, order[i] == 'F' ? SCHEDULE_FORWARD : SCHEDULE_BACKWARD);
        assert_int_equal(step->micro_batch, micro_batch[i]);
    }
    schedule_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),      cmocka_unit_test(test_quantum_ties),
        cmocka_unit_test(test_noise),     cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_slack),     cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_1f1b_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
