/* SPDX-License-Identifier: Apache-2.0
 *
 * The frontier of a small pipeline: ends, look-ups, plans that keep their time, wrong rows.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "policy/pipeline.h"

#define STAGES 3
#define CLOCKS 4
#define ROWS   (STAGES * 2 * CLOCKS)

static const int64_t clocks_mhz[CLOCKS] = {1410, 1260, 1110, 960};

static const struct pipeline_shape shape = {.schedule = SCHEDULE_1F1B,
                                            .stages = STAGES,
                                            .micro_batches = 5,
                                            .unit_s = 0.001,
                                            .idle_power_w = 70,
                                            .noise_factor = 0.95};

static const struct pipeline_limits no_limits = {.max_bytes = 0};

static void fill(struct pipeline_row rows[ROWS])
{
    for (int i = 0; i < ROWS; i++) {
        struct pipeline_row *row = &rows[i];
        row->stage = i / (2 * CLOCKS);
        row->kind = (uint8_t)(i / CLOCKS % 2);
        row->frequency_mhz = clocks_mhz[i % CLOCKS];
        double share = (double)row->frequency_mhz / 1410;
        row->time_s = (row->kind ? 0.0435 : 0.0205) * (1 + 0.2 * row->stage) * (0.3 + 0.7 / share);
        row->energy_j = row->time_s * (70 + 300 * share * share * share);
    }
}

static double time_of(const struct pipeline_row *rows, const struct schedule_step *step,
                      int64_t mhz)
{
    for (int i = 0; i < ROWS; i++) {
        if (rows[i].stage == step->stage && rows[i].kind == step->kind &&
            rows[i].frequency_mhz == mhz) {
            return rows[i].time_s;
        }
    }
    fail_msg("no row at %lld MHz", (long long)mhz);
    return 0;
}

/* Length of a plan by relaxing all dependencies until nothing moves: no topological order used. */
static double simulate(const struct schedule *s, const struct pipeline_row *rows,
                       const int64_t *mhz)
{
    double start[256] = {0};
    double end = 0;
    for (int moved = 1; moved;) {
        moved = 0;
        for (int32_t e = 0; e < s->edges; e++) {
            int32_t u = s->from[e];
            double ready = start[u] + time_of(rows, &s->step[u], mhz[u]);
            if (ready > start[s->to[e]]) {
                start[s->to[e]] = ready;
                moved = 1;
            }
        }
    }
    for (int32_t v = 0; v < s->steps; v++) {
        end = fmax(end, start[v] + time_of(rows, &s->step[v], mhz[v]));
    }
    return end;
}

static void test_frontier(void **state)
{
    (void)state;
    struct pipeline_row rows[ROWS];
    struct pipeline *p = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int64_t mhz[256];
    fill(rows);
    assert_int_equal(pipeline_create(&shape, rows, ROWS, &no_limits, &p, &err), 0);
    const struct schedule *s = pipeline_schedule(p);
    assert_int_equal(s->steps, 2 * STAGES * shape.micro_batches);
    struct pipeline_point fastest = pipeline_find(p, 0);
    struct pipeline_point slowest = pipeline_find(p, INFINITY);
    assert_int_equal(slowest.index, 0);
    assert_true(fastest.time_s < slowest.time_s && fastest.energy_j > slowest.energy_j);
    for (double t = fastest.time_s; t <= slowest.time_s; t += 0.0137) {
        struct pipeline_point point = pipeline_find(p, t);
        assert_true(point.is_met && point.time_s <= t + 1e-9 && point.time_s > t - 0.00101);
        assert_int_equal(pipeline_plan(p, point.index, mhz), 0);
        /* Times are rounded down by less than a unit for each step on the longest path. */
        assert_true(simulate(s, rows, mhz) < point.time_s + 0.001 * s->steps);
    }
    struct pipeline_point none = pipeline_find(p, fastest.time_s - 0.01);
    assert_false(none.is_met);
    assert_int_equal(none.index, fastest.index);
    pipeline_destroy(p);
}

static int stop_at_once(void *user)
{
    (*(int *)user)++;
    return 1;
}

static void test_it_can_be_stopped(void **state)
{
    (void)state;
    struct pipeline_row rows[ROWS];
    struct pipeline *p = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int asked = 0;
    const struct pipeline_limits limits = {.should_stop = stop_at_once, .user = &asked};
    struct pipeline_shape fine = shape;
    fine.unit_s = 0.0001; /* more than a few hundred points */
    fill(rows);
    assert_int_equal(pipeline_create(&fine, rows, ROWS, &limits, &p, &err), ZEUS_ECLOSED);
    assert_int_equal(asked, 1);
    assert_null(p);
    assert_non_null(strstr(err.message, "stopped"));
}

static void test_wrong_rows(void **state)
{
    (void)state;
    struct pipeline_row rows[ROWS];
    struct pipeline *p = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    fill(rows);
    assert_int_equal(pipeline_create(&shape, rows, 0, &no_limits, &p, &err), ZEUS_EINVAL);
    assert_int_equal(pipeline_create(&shape, rows, ROWS - CLOCKS, &no_limits, &p, &err),
                     ZEUS_EINVAL);
    const double wrong[] = {0, -1, NAN, INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        fill(rows);
        rows[5].time_s = wrong[i];
        assert_int_equal(pipeline_create(&shape, rows, ROWS, &no_limits, &p, &err), ZEUS_EINVAL);
        fill(rows);
        rows[5].energy_j = wrong[i];
        assert_int_equal(pipeline_create(&shape, rows, ROWS, &no_limits, &p, &err), ZEUS_EINVAL);
    }
    fill(rows);
    rows[0].stage = STAGES;
    assert_int_equal(pipeline_create(&shape, rows, ROWS, &no_limits, &p, &err), ZEUS_EINVAL);
    fill(rows);
    assert_int_equal(
        pipeline_create(&shape, rows, ROWS, &(struct pipeline_limits){.max_bytes = 4096}, &p, &err),
        ZEUS_ELIMIT);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frontier),
        cmocka_unit_test(test_it_can_be_stopped),
        cmocka_unit_test(test_wrong_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
