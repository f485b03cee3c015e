/* SPDX-License-Identifier: Apache-2.0
 *
 * The reconstruction behind a running average, by itself: what it recovers, how sure it says it is,
 * and what it refuses.
 */
#include "monitor/sharpen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "test.h"

#define EPOCH_NS UINT64_C(1000000000000)

/* Power of 300 or 100 W, switching with a period and a duty; its integral from 0. */
struct load {
    double period_s;
    double duty;
};

static double energy_j(const struct load *load, double t_s)
{
    double whole = floor(t_s / load->period_s);
    double rest_s = t_s - whole * load->period_s;
    double on_s = whole * load->duty * load->period_s + fmin(rest_s, load->duty * load->period_s);
    return 100 * t_s + 200 * on_s;
}

static struct sharpen *look_at(const struct load *load, double period_s, double from_s, double to_s)
{
    struct sharpen *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->window_s = 1;
    s->period_s = period_s;
    s->noise_w = 0.3;
    s->align_ns = EPOCH_NS + (uint64_t)((from_s + to_s) * 5e8);
    uint32_t seed = 5;
    for (double t_s = from_s; t_s < to_s && s->count < SHARPEN_READINGS; t_s += period_s) {
        seed = seed * 1664525u + 1013904223u;
        double noise_w = ((double)seed / UINT32_MAX - 0.5) * 1.04; /* 0.3 W */
        s->readings[s->count++] =
            (struct sharpen_reading){.t_ns = EPOCH_NS + (uint64_t)(t_s * 1e9),
                                     .half_s = 1e-5,
                                     .w = energy_j(load, t_s) - energy_j(load, t_s - 1) + noise_w};
    }
    return s;
}

static void difference(const struct sharpen *s, double begin_s, double end_s, double *ret_j,
                       double *ret_sigma_j)
{
    double weights[SHARPEN_POINTS] = {0};
    double var_j2 = 0;
    sharpen_add_at(s, sharpen_place(s, EPOCH_NS + (uint64_t)(end_s * 1e9)), 1, weights);
    sharpen_add_at(s, sharpen_place(s, EPOCH_NS + (uint64_t)(begin_s * 1e9)), -1, weights);
    sharpen_difference(s, weights, ret_j, &var_j2);
    *ret_sigma_j = sqrt(var_j2);
}

static void test_recovers_what_the_average_hides(void **state)
{
    (void)state;
    const struct load load = {0.37, 0.4};
    struct sharpen *s = look_at(&load, 0.02, 20, 31);
    assert_int_equal(sharpen_solve(s), 0);
    assert_int_equal(s->per_window, 50);
    double worst_j = 0;
    double worst_average_j = 0;
    double worst_z = 0;
    for (double t_s = 24.5; t_s < 26; t_s += 0.02) {
        double said_j = 0;
        double sigma_j = 0;
        double truth_j = energy_j(&load, t_s + 0.1) - energy_j(&load, t_s);
        difference(s, t_s, t_s + 0.1, &said_j, &sigma_j);
        worst_j = fmax(worst_j, fabs(said_j - truth_j));
        worst_average_j = fmax(worst_average_j, fabs(18 - truth_j));
        worst_z = fmax(worst_z, fabs(said_j - truth_j) / sigma_j);
    }
    print_message("0.1 s under a load switching every 0.37 s: %.2f J off at worst, %.2f J by the "
                  "average; %.1f standard deviations\n",
                  worst_j, worst_average_j, worst_z);
    assert_true(worst_j < worst_average_j / 4);
    assert_true(worst_z < 4);
    free(s);
}

static void test_flat_stays_flat(void **state)
{
    (void)state;
    const struct load load = {1, 1};
    static const double periods_s[] = {0.005, 0.02, 0.073, 0.1, 0.45};
    for (int i = 0; i < 5; i++) {
        struct sharpen *s = look_at(&load, periods_s[i], 20, 23.1);
        assert_int_equal(sharpen_solve(s), periods_s[i] > 0.3 ? ZEUS_EAGAIN : 0);
        if (periods_s[i] < 0.3) {
            double said_j = 0;
            double sigma_j = 0;
            difference(s, 21, 21.5, &said_j, &sigma_j);
            assert_true(fabs(said_j - 150) < 3 * sigma_j + 0.5);
            assert_true(sigma_j < 8);
        }
        free(s);
    }
}

static void test_what_repeats_is_not_known(void **state)
{
    (void)state;
    /* Switching exactly as often as the window is long: no reading shows it. */
    const struct load load = {0.25, 0.5};
    struct sharpen *s = look_at(&load, 0.02, 20, 30);
    assert_int_equal(sharpen_solve(s), 0);
    double said_j = 0;
    double sigma_j = 0;
    difference(s, 25, 25.125, &said_j, &sigma_j);
    assert_true(fabs(said_j - 25) < 1); /* the average: all that there is */
    free(s);
}

static void test_too_little(void **state)
{
    (void)state;
    const struct load load = {0.37, 0.4};
    struct sharpen *s = look_at(&load, 0.02, 20, 20.1);
    assert_int_equal(sharpen_solve(s), ZEUS_EAGAIN);
    s->count = 0;
    assert_int_equal(sharpen_solve(s), ZEUS_EAGAIN);
    free(s);
    /* Readings too far apart in time for the grid. */
    s = look_at(&load, 0.02, 20, 22);
    s->readings[s->count - 1].t_ns += UINT64_C(60000000000);
    assert_int_equal(sharpen_solve(s), ZEUS_ELIMIT);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovers_what_the_average_hides),
        cmocka_unit_test(test_flat_stays_flat),
        cmocka_unit_test(test_what_repeats_is_not_known),
        cmocka_unit_test(test_too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
