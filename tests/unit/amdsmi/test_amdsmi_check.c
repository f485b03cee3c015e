/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict on an energy counter.
 */
#include "test.h"

#include <string.h>

#include "base/macro.h"
#include "device/amdsmi/amdsmi_check.h"

#define MS 1000000u
#define W  1000000u

static void verdicts(void **state)
{
    (void)state;
    static const struct {
        struct amdsmi_evidence evidence;
        uint32_t verdict;
    } rows[] = {
        /* time, low, high, measured, moves */
        {{500 * MS, 70e6, 70e6, 70e6, 1}, AMDSMI_CHECK_GOOD},
        {{500 * MS, 70e6, 70e6, 7.1e6, 1}, AMDSMI_CHECK_GOOD},
        {{500 * MS, 70e6, 70e6, 7e6, 1}, AMDSMI_CHECK_TOO_LOW}, /* strict */
        {{500 * MS, 70e6, 70e6, 0, 0}, AMDSMI_CHECK_TOO_LOW},
        {{500 * MS, 70e6, 70e6, 699e6, 1}, AMDSMI_CHECK_GOOD},
        {{500 * MS, 70e6, 70e6, 700e6, 1}, AMDSMI_CHECK_TOO_HIGH},
        {{499 * MS, 70e6, 70e6, 0, 0}, AMDSMI_CHECK_PENDING},
        {{250 * MS, 30e6, 30e6, 0, 0}, AMDSMI_CHECK_PENDING}, /* may wait for its tick */
        {{200 * MS, 30e6, 30e6, 300e6, 1}, AMDSMI_CHECK_TOO_HIGH},
        {{199 * MS, 30e6, 30e6, 300e6, 1}, AMDSMI_CHECK_PENDING},
        {{100 * MS, 14e6, 14e6, 14e6, 5}, AMDSMI_CHECK_GOOD}, /* ticks fast enough */
        {{100 * MS, 14e6, 14e6, 0.14e6, 5}, AMDSMI_CHECK_TOO_LOW},
        {{100 * MS, 14e6, 14e6, 700e6, 5}, AMDSMI_CHECK_TOO_HIGH},
        {{100 * MS, 14e6, 14e6, 14e6, 4}, AMDSMI_CHECK_PENDING},
        {{99 * MS, 14e6, 14e6, 14e6, 9}, AMDSMI_CHECK_PENDING},
        {{500 * MS, 0.5, 0.5, 70e6, 9}, AMDSMI_CHECK_PENDING}, /* nothing expected */
        {{3600000ull * MS, 0, 0, 0, 0}, AMDSMI_CHECK_PENDING},
        {{1000 * MS, 20e6, 750e6, 100e6, 1}, AMDSMI_CHECK_GOOD},
        {{1000 * MS, 20e6, 750e6, 1e6, 1}, AMDSMI_CHECK_TOO_LOW},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(amdsmi_check_judge(&rows[i].evidence), rows[i].verdict);
    }
}

/* Reads every 100 ms at 140 W; the counter runs at `rate`. */
static struct amdsmi_check observe(double rate, int steps)
{
    struct amdsmi_check check = {0};
    for (int i = 0; i <= steps; i++) {
        double t_s = 0.1 * i;
        amdsmi_check_feed(&check, (uint64_t)(1e9 + t_s * 1e9), (uint64_t)(5e6 + 140e6 * t_s * rate),
                          140 * (uint64_t)W);
    }
    return check;
}

static void dense_readings(void **state)
{
    (void)state;
    assert_int_equal(observe(1, 3).verdict, AMDSMI_CHECK_PENDING);
    assert_int_equal(observe(1, 6).verdict, AMDSMI_CHECK_GOOD);
    assert_int_equal(observe(0, 4).verdict, AMDSMI_CHECK_PENDING);
    assert_int_equal(observe(0, 6).verdict, AMDSMI_CHECK_TOO_LOW);
    assert_int_equal(observe(0.05, 6).verdict, AMDSMI_CHECK_TOO_LOW);
    assert_int_equal(observe(20, 6).verdict, AMDSMI_CHECK_TOO_HIGH);
    assert_int_equal(observe(1000, 2).verdict, AMDSMI_CHECK_TOO_HIGH);
    struct amdsmi_check stuck = observe(0, 6);
    char text[160];
    amdsmi_check_describe(&stuck, text, sizeof(text));
    assert_string_equal(text, "it moved 0.000 J in 0.500 s where 70.000 J to 70.000 J were "
                              "expected from the power");
}

/* Two readings ten seconds apart, idle at both ends, full load between: nothing wrong. */
static void long_gap_with_hidden_load(void **state)
{
    (void)state;
    struct amdsmi_check check = {.ceiling_uw = 750 * (uint64_t)W};
    amdsmi_check_feed(&check, 1000 * MS, 0, 140 * (uint64_t)W);
    amdsmi_check_feed(&check, 11000ull * MS, 7400000000u, 140 * (uint64_t)W);
    assert_int_equal(check.verdict, AMDSMI_CHECK_GOOD);
}

/* Load at both ends, idle between. */
static void long_gap_with_hidden_idle(void **state)
{
    (void)state;
    struct amdsmi_check check = {.ceiling_uw = 750 * (uint64_t)W};
    amdsmi_check_feed(&check, 1000 * MS, 0, 740 * (uint64_t)W);
    amdsmi_check_feed(&check, 11000ull * MS, 400000000u, 740 * (uint64_t)W);
    assert_int_equal(check.verdict, AMDSMI_CHECK_GOOD);
}

static void long_gap_with_dead_counter(void **state)
{
    (void)state;
    struct amdsmi_check check = {.ceiling_uw = 750 * (uint64_t)W};
    amdsmi_check_feed(&check, 1000 * MS, 77, 140 * (uint64_t)W);
    amdsmi_check_feed(&check, 11000ull * MS, 77, 140 * (uint64_t)W);
    assert_int_equal(check.verdict, AMDSMI_CHECK_TOO_LOW);
}

/* More than twice the cap is impossible, whatever happened between the readings. */
static void long_gap_beyond_the_cap(void **state)
{
    (void)state;
    struct amdsmi_check check = {.ceiling_uw = 750 * (uint64_t)W};
    amdsmi_check_feed(&check, 1000 * MS, 0, 140 * (uint64_t)W);
    amdsmi_check_feed(&check, 2000ull * MS, 1501000000u, 140 * (uint64_t)W);
    assert_int_equal(check.verdict, AMDSMI_CHECK_TOO_HIGH);
    check = (struct amdsmi_check){.ceiling_uw = 0}; /* cap unknown: ten times what is shown */
    amdsmi_check_feed(&check, 1000 * MS, 0, 140 * (uint64_t)W);
    amdsmi_check_feed(&check, 2000ull * MS, 1300000000u, 140 * (uint64_t)W);
    assert_int_equal(check.verdict, AMDSMI_CHECK_GOOD);
}

/* A GPU that shows 0 W at first is judged later, not condemned. */
static void no_power_at_first(void **state)
{
    (void)state;
    struct amdsmi_check check = {0};
    for (int i = 0; i < 20; i++) {
        uint64_t power_uw = i < 10 ? 0 : 100 * (uint64_t)W;
        amdsmi_check_feed(&check, 1000 * MS + (uint64_t)i * 100 * MS, (uint64_t)i * 10000000,
                          power_uw);
        assert_int_equal(check.verdict, i < 15 ? AMDSMI_CHECK_PENDING : AMDSMI_CHECK_GOOD);
    }
}

static void step_back_starts_anew(void **state)
{
    (void)state;
    struct amdsmi_check check = observe(1, 3);
    amdsmi_check_feed(&check, 1450 * MS, 0, 140 * (uint64_t)W);
    assert_int_equal(check.verdict, AMDSMI_CHECK_PENDING);
    assert_true(check.now.observed_ns == 0);
    amdsmi_check_feed(&check, 1650 * MS, 28000000, 140 * (uint64_t)W);
    assert_true(check.now.observed_ns == 200 * MS);
}

/* Load ended just before the session; the power reading lags by a second and accuses the counter,
 * which is acquitted by what follows. */
static void lagging_power(void **state)
{
    (void)state;
    struct amdsmi_check check = {.ceiling_uw = 300 * (uint64_t)W};
    uint32_t seen[4] = {0};
    for (int i = 0; i < 60; i++) {
        uint64_t power_uw = (i < 10 ? 300 : 10) * (uint64_t)W;
        amdsmi_check_feed(&check, 1000 * MS + (uint64_t)i * 100 * MS, (uint64_t)i * 1000000,
                          power_uw);
        seen[check.verdict]++;
    }
    assert_true(seen[AMDSMI_CHECK_TOO_LOW] > 20);
    assert_int_equal(check.verdict, AMDSMI_CHECK_GOOD);
}

static void guilty_again(void **state)
{
    (void)state;
    struct amdsmi_check check = observe(0, 100);
    assert_int_equal(check.verdict, AMDSMI_CHECK_TOO_LOW);
    assert_true(check.convicted.observed_ns == 3000 * (uint64_t)MS);
}

static void final_and_ordered(void **state)
{
    (void)state;
    struct amdsmi_check check = observe(1, 3);
    struct amdsmi_check before = check;
    amdsmi_check_feed(&check, before.last_ns, 99, 1);
    amdsmi_check_feed(&check, before.last_ns - 1, 99, 1);
    assert_memory_equal(&check, &before, sizeof(check));
    check = observe(1, 6);
    before = check;
    amdsmi_check_feed(&check, 100000ull * MS, 99000000, 140 * (uint64_t)W);
    assert_memory_equal(&check, &before, sizeof(check));
    assert_false(amdsmi_check_wants(&check, 200000ull * MS));
    check = observe(0, 6);
    assert_true(amdsmi_check_wants(&check, 200000ull * MS));
    struct amdsmi_check fresh = {0};
    assert_true(amdsmi_check_wants(&fresh, 0));
    amdsmi_check_feed(&fresh, 1000 * MS, 0, 1);
    assert_false(amdsmi_check_wants(&fresh, 1009 * MS));
    assert_true(amdsmi_check_wants(&fresh, 1010 * MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(dense_readings),
        cmocka_unit_test(long_gap_with_hidden_load),
        cmocka_unit_test(long_gap_with_hidden_idle),
        cmocka_unit_test(long_gap_with_dead_counter),
        cmocka_unit_test(long_gap_beyond_the_cap),
        cmocka_unit_test(no_power_at_first),
        cmocka_unit_test(step_back_starts_anew),
        cmocka_unit_test(lagging_power),
        cmocka_unit_test(guilty_again),
        cmocka_unit_test(final_and_ordered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
