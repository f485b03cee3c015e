/* SPDX-License-Identifier: Apache-2.0
 *
 * stats/compare and stats/student: quantiles against published tables; false positives over many
 * null experiments; no bias under drift where A-then-B has one.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "stats/compare.h"
#include "stats/student.h"

static uint64_t state64 = 88172645463325252u;

static double uniform(void)
{
    state64 ^= state64 << 13;
    state64 ^= state64 >> 7;
    state64 ^= state64 << 17;
    return (double)(state64 >> 11) / 9007199254740992.0;
}

static double normal(void)
{
    double u = uniform();
    double v = uniform();
    return sqrt(-2 * log(u > 0 ? u : 1e-300)) * cos(6.283185307179586 * v);
}

static void quantiles_of_published_tables(void **state)
{
    (void)state;
    static const struct {
        double p, dof, t;
    } rows[] = {{0.975, 1, 12.706204736}, {0.975, 2, 4.302652730},
                {0.975, 5, 2.570581836},  {0.975, 10, 2.228138852},
                {0.975, 30, 2.042272456}, {0.995, 4, 4.604094871},
                {0.95, 100, 1.660234326}, {0.5, 7, 0},
                {0.025, 10, -2.228138852}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(fabs(student_quantile(rows[i].p, rows[i].dof) - rows[i].t) < 1e-8);
        assert_true(fabs(student_cdf(rows[i].t, rows[i].dof) - rows[i].p) < 1e-9);
    }
    assert_true(fabs(student_quantile(0.975, 1e9) - 1.959963985) < 1e-6);
    assert_true(isnan(student_quantile(0, 5)) && isnan(student_quantile(0.5, 0)));
}

/* Runs one comparison of two arms whose true ratio is `ratio`; cost drifts by `drift` over it. */
static struct compare_result run(size_t blocks, double ratio, double sd, double drift,
                                 uint64_t seed)
{
    struct compare c;
    assert_int_equal(compare_init(&c, 2, blocks, seed), 0);
    double runs = (double)(blocks * 4);
    double now = 0;
    for (int arm = compare_next(&c); arm >= 0; arm = compare_next(&c)) {
        double cost = 100 * (arm ? ratio : 1) * exp(sd * normal()) * (1 + drift * now / runs);
        assert_int_equal(compare_add(&c, cost), 0);
        now++;
    }
    struct compare_result result;
    compare_get(&c, 1, &result);
    return result;
}

static double false_positive_rate(size_t blocks, double drift, int experiments)
{
    int positives = 0;
    for (int i = 0; i < experiments; i++) {
        positives += run(blocks, 1, 0.02, drift, (uint64_t)i).differs;
    }
    return (double)positives / experiments;
}

static void null_experiments_rarely_differ(void **state)
{
    (void)state;
    static const size_t blocks[] = {10, 15, 30, 100};
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        double rate = false_positive_rate(blocks[i], 0, 2500);
        print_message("false positives, %zu blocks: %.2f %%\n", blocks[i], rate * 100);
        assert_true(rate > 0.035 && rate < 0.065);
    }
    double rate = false_positive_rate(20, 0.05, 2500);
    print_message("false positives under 5 %% drift: %.2f %%\n", rate * 100);
    assert_true(rate > 0.035 && rate < 0.065);
}

static void drift_does_not_bias(void **state)
{
    (void)state;
    double sum = 0;
    double plain = 0;
    for (int i = 0; i < 1000; i++) {
        sum += log(run(20, 1, 0.01, 0.05, (uint64_t)i).ratio);
        /* A-then-B: 40 runs of each, the same drift */
        double a = 0;
        double b = 0;
        for (int k = 0; k < 80; k++) {
            double *arm = k < 40 ? &a : &b;
            *arm += 0.01 * normal() + log(1 + 0.05 * k / 80);
        }
        plain += (b - a) / 40;
    }
    print_message("bias under 5 %% drift: interleaved %.4f %%, A-then-B %.4f %%\n",
                  sum / 1000 * 100, plain / 1000 * 100);
    assert_true(fabs(sum / 1000) < 0.0005);
    assert_true(plain / 1000 > 0.02);
}

static void a_real_difference_is_found_early(void **state)
{
    (void)state;
    struct compare_result result = run(50, 1.1, 0.01, 0, 1);
    assert_true(result.differs && result.blocks == 10);
    assert_true(result.low < 1.1 && result.high > 1.1);
}

static void bad_input(void **state)
{
    (void)state;
    struct compare c;
    assert_int_equal(compare_init(&c, 1, 20, 0), ZEUS_EINVAL);
    assert_int_equal(compare_init(&c, 9, 20, 0), ZEUS_EINVAL);
    assert_int_equal(compare_init(&c, 2, 9, 0), ZEUS_EINVAL);
    assert_int_equal(compare_init(&c, 2, 10, 0), 0);
    int arm = compare_next(&c);
    assert_int_equal(compare_add(&c, 0), ZEUS_ERANGE);
    assert_int_equal(compare_add(&c, (double)NAN), ZEUS_ERANGE);
    assert_int_equal(compare_add(&c, (double)INFINITY), ZEUS_ERANGE);
    assert_int_equal(compare_next(&c), arm);
    struct compare_result result;
    compare_get(&c, 1, &result);
    assert_true(isnan(result.ratio) && !result.differs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_of_published_tables),
        cmocka_unit_test(null_experiments_rarely_differ),
        cmocka_unit_test(drift_does_not_bias),
        cmocka_unit_test(a_real_difference_is_found_early),
        cmocka_unit_test(bad_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
