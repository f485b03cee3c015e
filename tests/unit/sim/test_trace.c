/* SPDX-License-Identifier: Apache-2.0
 *
 * Closed-form integrals of base traces against a midpoint sum over a formula written here.
 */
#include "test.h"

#include <math.h>

#include "base/macro.h"
#include "simcore/trace.h"

#define STEP_NS INT64_C(50000)

static double square_w(double t_s)
{
    return fmod(t_s, 0.4) < 0.1 ? 300 : 50;
}

static double saw_w(double t_s)
{
    double u = fmod(t_s, 0.5);
    return u < 0.3 ? 20 + 180 * u / 0.3 : 200;
}

static double held_w(double t_s)
{
    return t_s < 0.7 ? 10 + 90 * t_s / 0.7 : 100;
}

static struct sim_piece square[] = {{.t_ns = 0, .from_w = 300, .to_w = 300},
                                    {.t_ns = 100000000, .from_w = 50, .to_w = 50}};
static struct sim_piece saw[] = {{.t_ns = 0, .from_w = 20, .to_w = 200},
                                 {.t_ns = 300000000, .from_w = 200, .to_w = 200}};
static struct sim_piece held[] = {{.t_ns = 0, .from_w = 10, .to_w = 100},
                                  {.t_ns = 700000000, .from_w = 100, .to_w = 100}};

static const struct {
    struct sim_piece *pieces;
    int64_t period_ns;
    double (*power_w)(double);
} rows[] = {{square, 400000000, square_w}, {saw, 500000000, saw_w}, {held, 0, held_w}};

static struct trace prepare(size_t i)
{
    struct trace trace = {.pieces = rows[i].pieces, .count = 2, .period_ns = rows[i].period_ns};
    trace.period_j = trace_prepare(rows[i].pieces, 2, rows[i].period_ns, &trace.max_w);
    return trace;
}

static void against_quadrature(void **state)
{
    (void)state;
    static const double caps_w[] = {1e9, 300, 250, 120, 50, 35, 10};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace trace = prepare(i);
        for (size_t c = 0; c < ARRAY_LEN(caps_w); c++) {
            double sum_j = 0;
            for (int64_t n = 0; n < 44000; n++) { /* 2.2 s */
                double middle_s = ((double)n + 0.5) * (double)STEP_NS * 1e-9;
                sum_j += fmin(rows[i].power_w(middle_s), caps_w[c]) * (double)STEP_NS * 1e-9;
                if (n % 3701 == 0) {
                    double exact_j = trace_energy_j(&trace, (n + 1) * STEP_NS, caps_w[c]);
                    assert_true(fabs(exact_j - sum_j) < 1e-6 * (1 + sum_j));
                }
            }
        }
    }
}

static void powers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace trace = prepare(i);
        for (int n = 0; n < 3000; n++) {
            int64_t t_ns = n * INT64_C(777777) + 1;
            double expected_w = rows[i].power_w((double)t_ns * 1e-9);
            assert_true(fabs(trace_power_w(&trace, t_ns) - expected_w) < 1e-6);
        }
    }
}

static void before_the_origin(void **state)
{
    (void)state;
    struct trace trace = prepare(0);
    assert_true(fabs(trace_energy_j(&trace, -500000000, 1e9) + 150) < 1e-9);
    assert_true(fabs(trace_energy_j(&trace, -500000000, 100) + 50) < 1e-9);
    assert_true(trace_power_w(&trace, -5) == 300);
}

/* A year of a 1 ms square wave is still one subtraction, and exact to a microjoule in 10 GJ. */
static void long_times(void **state)
{
    (void)state;
    static struct sim_piece fast[] = {{.t_ns = 0, .from_w = 400, .to_w = 400},
                                      {.t_ns = 500000, .from_w = 100, .to_w = 100}};
    struct trace trace = {.pieces = fast, .count = 2, .period_ns = 1000000};
    trace.period_j = trace_prepare(fast, 2, trace.period_ns, &trace.max_w);
    int64_t year_ns = INT64_C(31536000) * 1000000000;
    double part_j =
        trace_energy_j(&trace, year_ns + 250000, 1e9) - trace_energy_j(&trace, year_ns, 1e9);
    assert_true(fabs(part_j - 0.1) < 4e-6);
    assert_true(fabs(trace_energy_j(&trace, year_ns, 1e9) - 250.0 * 31536000) < 1e-3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_quadrature),
        cmocka_unit_test(powers),
        cmocka_unit_test(before_the_origin),
        cmocka_unit_test(long_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
