/* SPDX-License-Identifier: Apache-2.0
 *
 * A small share of the accuracy experiment with fixed seeds: enough to see the estimator break.
 * bench_accuracy runs the whole of it.
 */
#include <stdio.h>

#include "accuracy.h"
#include "test.h"

static void check(const char *sensor_class, uint32_t use_counter)
{
    uint32_t covered = 0;
    uint32_t windows = 0;
    for (int trace = 0; trace < ACCURACY_TRACES; trace++) {
        struct accuracy_plan plan = {.use_counter = use_counter,
                                     .trace = (enum accuracy_trace)trace,
                                     .windows = 150,
                                     .seed = 4242,
                                     .wait = 1,
                                     .rate_hz = 100};
        sensor_model_find(sensor_class, &plan.model);
        struct accuracy_result result;
        accuracy_run(&plan, &result);
        assert_int_equal(result.failed, 0);
        assert_true(result.median_short_j * 3 <= result.median_plain_j);
        covered += result.covered;
        windows += result.windows;
    }
    print_message("%s: %u of %u within the interval\n", sensor_class, covered, windows);
    assert_true(covered >= 0.93 * windows);
}

static void test_counters(void **state)
{
    (void)state;
    check("hopper/instant", 1);
    check("volta/instant", 1);
}

static void test_power(void **state)
{
    (void)state;
    check("ampere/instant", 0);
    check("pascal/instant", 0);
}

static void test_averages(void **state)
{
    (void)state;
    check("hopper/average", 0);
    check("rdna/average", 0);
}

/* An average over 2 % more or less than its class says. */
static void test_other_window(void **state)
{
    (void)state;
    static const double shares[] = {0.98, 1.02};
    static const char *const classes[] = {"hopper/average", "rdna/average"};
    for (int c = 0; c < 2; c++) {
        for (int s = 0; s < 2; s++) {
            uint32_t covered = 0;
            uint32_t windows = 0;
            for (int trace = 0; trace < ACCURACY_TRACES; trace++) {
                struct accuracy_plan plan = {.trace = (enum accuracy_trace)trace,
                                             .windows = 60,
                                             .seed = 77,
                                             .wait = 1,
                                             .rate_hz = 100,
                                             .window_share = shares[s]};
                struct accuracy_result result;
                sensor_model_find(classes[c], &plan.model);
                accuracy_run(&plan, &result);
                covered += result.covered;
                windows += result.windows;
                print_message("%s, window x %.2f, %s: %u of %u, %.2f J off, plain %.2f J\n",
                              classes[c], shares[s], accuracy_trace_names[trace], result.covered,
                              result.windows, result.median_short_j, result.median_plain_j);
            }
            assert_true(covered >= 0.93 * windows);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_power),
        cmocka_unit_test(test_averages),
        cmocka_unit_test(test_other_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
