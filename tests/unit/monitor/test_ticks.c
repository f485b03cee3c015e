/* SPDX-License-Identifier: Apache-2.0
 *
 * tick_tracker and fast_beat against made-up sensors with known ticks: brackets hold the tick, the
 * beat is found, kept and lost as it should be, and the reads stay few.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include "monitor/tick_tracker.h"

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* A sensor whose tick k comes at start + k * period + jitter(k) and shows value k * step. */
struct sensor {
    uint64_t period_ns;
    uint64_t jitter_ns;
    uint64_t start_ns;
    uint64_t step;
    uint64_t hold; /* the value changes at one tick in so many, irregularly; 0: at every one */
    uint64_t latency_ns;
};

struct outcome {
    uint32_t ticks;
    uint32_t held; /* brackets that hold the tick */
    uint32_t assumed;
    uint32_t reads;
    uint64_t half_sum_ns;
};

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static double unit(uint64_t key)
{
    return (double)(mix(key) >> 11) * 0x1p-53;
}

static uint64_t tick_ns(const struct sensor *s, uint64_t k)
{
    double jitter = (2 * unit(k * 77 + 5) - 1) * (double)s->jitter_ns;
    return s->start_ns + k * s->period_ns + (uint64_t)(int64_t)jitter;
}

static uint64_t tick_at(const struct sensor *s, uint64_t t_ns)
{
    uint64_t k = (t_ns - s->start_ns) / s->period_ns + 1;
    while (tick_ns(s, k) > t_ns) {
        k--;
    }
    return k;
}

static uint64_t value_at(const struct sensor *s, uint64_t t_ns)
{
    uint64_t k = tick_at(s, t_ns);
    while (s->hold && k > 0 && mix(k) % s->hold != 0) {
        k--;
    }
    return k * s->step;
}

/* Lets the tracker read at its own pace, timers 2 to 80 us late, from `from` to `to`. Ticks before
 * `judged_from` are not judged. */
static struct outcome run(struct tick_tracker *tracker, const struct sensor *s, uint64_t from_ns,
                          uint64_t to_ns, uint64_t judged_from_ns)
{
    struct outcome outcome = {0};
    uint64_t now_ns = tracker->next_ns > from_ns ? tracker->next_ns : from_ns;
    uint64_t key = from_ns;
    while (now_ns < to_ns) {
        now_ns += 2000 + (uint64_t)(unit(key++) * 78000);
        struct tick tick;
        int is_tick = tick_tracker_feed(tracker, now_ns, s->latency_ns, value_at(s, now_ns), &tick);
        outcome.reads++;
        if (is_tick && now_ns >= judged_from_ns) {
            uint64_t true_ns = tick_ns(s, tick_at(s, now_ns));
            uint64_t off_ns = true_ns > tick.t_ns ? true_ns - tick.t_ns : tick.t_ns - true_ns;
            outcome.ticks++;
            outcome.held += off_ns <= tick.half_ns + 1;
            outcome.assumed += tick.is_assumed;
            outcome.half_sum_ns += tick.half_ns;
        }
        uint64_t latest_ns = tracker->next_ns + tracker->slack_ns;
        now_ns = latest_ns > now_ns ? latest_ns : now_ns;
    }
    return outcome;
}

static double half_ms(const struct outcome *o)
{
    return o->ticks ? (double)o->half_sum_ns / o->ticks * 1e-6 : NAN;
}

static void test_slow_counter(void **state)
{
    (void)state;
    struct sensor s = {.period_ns = 100 * MS, .jitter_ns = MS, .start_ns = SECOND, .step = 1000};
    struct tick_tracker_config config = {.nominal_ns = 100 * MS, .base_ns = 10 * MS};
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    struct outcome o = run(&tracker, &s, 2 * SECOND, 62 * SECOND, 6 * SECOND);
    assert_true(tracker.is_locked);
    assert_true(o.ticks > 550 && o.ticks < 565);
    assert_true(o.held >= 0.97 * o.ticks);
    assert_true(half_ms(&o) < 2);
    assert_true(o.reads < 60 * 30);
}

static void test_wrong_nominal(void **state)
{
    (void)state;
    /* The class says 100 ms, the sensor ticks every 70. */
    struct sensor s = {.period_ns = 70 * MS, .jitter_ns = MS / 2, .start_ns = SECOND, .step = 9};
    struct tick_tracker_config config = {.nominal_ns = 100 * MS, .base_ns = 10 * MS};
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    struct outcome o = run(&tracker, &s, 2 * SECOND, 22 * SECOND, 8 * SECOND);
    assert_true(tracker.is_locked && tracker.period_ns / MS == 69 + (tracker.period_ns >= 70 * MS));
    assert_true(o.held >= 0.95 * o.ticks && half_ms(&o) < 3);
}

static void test_period_changes(void **state)
{
    (void)state;
    struct sensor s = {.period_ns = 100 * MS, .jitter_ns = MS / 10, .start_ns = SECOND, .step = 5};
    struct tick_tracker_config config = {.nominal_ns = 100 * MS, .base_ns = 10 * MS};
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    (void)run(&tracker, &s, 2 * SECOND, 10 * SECOND, 0);
    struct sensor other = {.period_ns = 40 * MS, .start_ns = SECOND, .step = 5};
    (void)run(&tracker, &other, 10 * SECOND, 30 * SECOND, 0);
    assert_true(tracker.is_locked && tracker.period_ns < 41 * MS && tracker.period_ns > 39 * MS);
}

/* From one period to any other, faster or slower, of counters and of power. */
static void test_any_other_period(void **state)
{
    (void)state;
    static const uint64_t nominals_ns[] = {100 * MS, 20 * MS};
    for (uint32_t may_repeat = 0; may_repeat < 2; may_repeat++) {
        for (size_t n = 0; n < 2; n++) {
            for (double ratio = 0.5; ratio < 5; ratio *= 1.17) {
                uint64_t period_ns = nominals_ns[n];
                uint64_t other_ns = (uint64_t)((double)period_ns * ratio);
                struct sensor s = {.period_ns = period_ns,
                                   .jitter_ns = period_ns / 1000,
                                   .start_ns = SECOND,
                                   .step = 1000};
                struct tick_tracker_config config = {
                    .nominal_ns = period_ns, .base_ns = 10 * MS, .may_repeat = may_repeat};
                struct tick_tracker tracker;
                tick_tracker_init(&tracker, &config);
                (void)run(&tracker, &s, 2 * SECOND, 12 * SECOND, 0);
                s.period_ns = other_ns;
                s.start_ns += period_ns / 3;
                uint64_t learned_ns = 22 * SECOND + 100 * other_ns;
                (void)run(&tracker, &s, 12 * SECOND, learned_ns, 0);
                struct outcome o = run(&tracker, &s, learned_ns, learned_ns + 100 * other_ns, 0);
                double off = fabs((double)tracker.period_ns / (double)other_ns - 1);
                if (!tracker.is_locked || off > 0.01 || o.held < 0.97 * o.ticks || o.ticks < 97 ||
                    o.ticks > 103 || half_ms(&o) > 0.06 * (double)other_ns * 1e-6) {
                    fail_msg("%.0f to %.1f ms%s: period %.2f ms, %u of %u ticks held, +/- %.2f ms",
                             (double)period_ns * 1e-6, (double)other_ns * 1e-6,
                             may_repeat ? ", power" : "", (double)tracker.period_ns * 1e-6, o.held,
                             o.ticks, half_ms(&o));
                }
            }
        }
    }
}

static void test_power_that_repeats(void **state)
{
    (void)state;
    /* The value changes at one update in three: the others are assumed at their time. */
    struct sensor s = {.period_ns = 100 * MS, .jitter_ns = MS / 10, .start_ns = SECOND, .step = 7};
    struct tick_tracker_config config = {
        .nominal_ns = 100 * MS, .base_ns = 10 * MS, .may_repeat = 1};
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    (void)run(&tracker, &s, 2 * SECOND, 6 * SECOND, 0);
    s.hold = 3;
    struct outcome o = run(&tracker, &s, 6 * SECOND, 26 * SECOND, 7 * SECOND);
    assert_true(o.ticks > 180 && o.ticks < 195);
    assert_true(o.assumed > o.ticks / 2 && o.assumed < o.ticks * 3 / 4);
}

static void test_nothing_changes(void **state)
{
    (void)state;
    struct sensor s = {.period_ns = 100 * MS, .start_ns = SECOND, .step = 0};
    struct tick_tracker_config config = {.nominal_ns = 100 * MS, .base_ns = 10 * MS};
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    struct outcome o = run(&tracker, &s, 2 * SECOND, 32 * SECOND, 3 * SECOND);
    assert_int_equal(o.ticks, 0);
    assert_true(o.reads < 30 * 25); /* looked at less often */
}

static void test_skip(void **state)
{
    (void)state;
    struct sensor s = {.period_ns = 100 * MS, .jitter_ns = MS, .start_ns = SECOND, .step = 1000};
    struct tick_tracker_config config = {.nominal_ns = 100 * MS, .base_ns = 10 * MS};
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    (void)run(&tracker, &s, 2 * SECOND, 10 * SECOND, 0);
    tick_tracker_skip(&tracker, 11 * SECOND); /* reads failed for a second */
    assert_true(tracker.next_ns > 11 * SECOND && tracker.next_ns <= 11 * SECOND + 10 * MS);
    assert_true(tracker.expected_ns > 11 * SECOND);
    struct outcome o = run(&tracker, &s, 11 * SECOND, 21 * SECOND, 12 * SECOND);
    assert_true(tracker.is_locked && o.ticks > 85 && o.held >= 0.95 * o.ticks);
}

static void test_coarse(void **state)
{
    (void)state;
    struct sensor s = {.period_ns = 100 * MS, .start_ns = SECOND, .step = 1000};
    struct tick_tracker_config config = {
        .nominal_ns = 100 * MS, .base_ns = 100 * MS, .is_coarse = 1, .may_repeat = 1};
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    struct outcome o = run(&tracker, &s, 2 * SECOND, 12 * SECOND, 3 * SECOND);
    assert_true(o.reads <= 101 && o.held >= 0.95 * o.ticks);
}

/* --- counters that tick every millisecond ----------------------------------------------------- */

static struct tick_tracker_config fast_config(uint64_t base_ns)
{
    return (struct tick_tracker_config){.nominal_ns = MS, .base_ns = base_ns, .quantum = 61};
}

static void test_fast_beat(void **state)
{
    (void)state;
    static const uint64_t periods_ns[] = {MS, 976563, 1003000, 1020000};
    static const uint64_t bases_ns[] = {10 * MS, 100 * MS, MS};
    for (size_t p = 0; p < 4; p++) {
        for (size_t b = 0; b < 3; b++) {
            struct sensor s = {.period_ns = periods_ns[p],
                               .jitter_ns = 40000,
                               .start_ns = SECOND,
                               .step = 300000,
                               .latency_ns = 4000};
            struct tick_tracker_config config = fast_config(bases_ns[b]);
            struct tick_tracker tracker;
            tick_tracker_init(&tracker, &config);
            assert_true(tracker.is_fast);
            struct outcome o = run(&tracker, &s, 2 * SECOND, 32 * SECOND, 5 * SECOND);
            assert_int_equal(tracker.fast.state, FAST_BEAT_LOCKED);
            assert_true(fabs(tracker.fast.period - (double)s.period_ns) < 3000);
            if (o.held < 0.9 * o.ticks) {
                fail_msg("period %lu, base %lu: %u of %u", (unsigned long)periods_ns[p],
                         (unsigned long)bases_ns[b], o.held, o.ticks);
            }
            assert_true(half_ms(&o) < (b == 1 ? 0.25 : 0.12));
            assert_true(o.reads < 1.25 * (30.0 * SECOND / (double)bases_ns[b]) + 2000);
        }
    }
}

static void test_fast_beat_moves(void **state)
{
    (void)state;
    /* The phase leaps by half a period, as after a sleep of the package: found again. */
    struct sensor s = {.period_ns = MS, .jitter_ns = 40000, .start_ns = SECOND, .step = 300000};
    struct tick_tracker_config config = fast_config(10 * MS);
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    (void)run(&tracker, &s, 2 * SECOND, 12 * SECOND, 0);
    s.start_ns += MS / 2;
    (void)run(&tracker, &s, 12 * SECOND, 18 * SECOND, 0);
    struct outcome o = run(&tracker, &s, 18 * SECOND, 28 * SECOND, 18 * SECOND);
    assert_int_equal(tracker.fast.state, FAST_BEAT_LOCKED);
    assert_true(o.held >= 0.9 * o.ticks);
}

static void test_slower_than_its_class(void **state)
{
    (void)state;
    struct sensor s = {
        .period_ns = 10 * MS, .jitter_ns = 50000, .start_ns = SECOND, .step = 300000};
    struct tick_tracker_config config = fast_config(10 * MS);
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    struct outcome o = run(&tracker, &s, 2 * SECOND, 22 * SECOND, 3 * SECOND);
    assert_false(tracker.is_fast);
    assert_true(tracker.is_locked && tracker.period_ns / MS == 9 + (tracker.period_ns >= 10 * MS));
    assert_true(o.held >= 0.95 * o.ticks && half_ms(&o) < 1.5);
}

static void test_no_beat(void **state)
{
    (void)state;
    /* So little power that the quantum makes the steps; or reads that take too long. */
    struct sensor idle = {
        .period_ns = MS, .jitter_ns = 40000, .start_ns = SECOND, .step = 20, .hold = 3};
    struct sensor slow = {.period_ns = MS,
                          .jitter_ns = 40000,
                          .start_ns = SECOND,
                          .step = 300000,
                          .latency_ns = 400000};
    const struct sensor *const sensors[] = {&idle, &slow};
    for (size_t i = 0; i < 2; i++) {
        struct tick_tracker_config config = fast_config(10 * MS);
        struct tick_tracker tracker;
        tick_tracker_init(&tracker, &config);
        struct outcome o = run(&tracker, sensors[i], 2 * SECOND, 62 * SECOND, 4 * SECOND);
        assert_true(tracker.is_fast && tracker.fast.state != FAST_BEAT_LOCKED);
        assert_true(o.reads < 60 * 100 + 6 * 400); /* a burst now and then, ever less often */
    }
}

static void test_still_counter(void **state)
{
    (void)state;
    struct sensor s = {.period_ns = MS, .start_ns = SECOND, .step = 0};
    struct tick_tracker_config config = fast_config(10 * MS);
    struct tick_tracker tracker;
    tick_tracker_init(&tracker, &config);
    struct outcome o = run(&tracker, &s, 2 * SECOND, 32 * SECOND, 3 * SECOND);
    assert_int_equal(o.ticks, 0);
    assert_int_equal(tracker.fast.state, FAST_BEAT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_counter),
        cmocka_unit_test(test_wrong_nominal),
        cmocka_unit_test(test_period_changes),
        cmocka_unit_test(test_any_other_period),
        cmocka_unit_test(test_power_that_repeats),
        cmocka_unit_test(test_nothing_changes),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_coarse),
        cmocka_unit_test(test_fast_beat),
        cmocka_unit_test(test_fast_beat_moves),
        cmocka_unit_test(test_slower_than_its_class),
        cmocka_unit_test(test_no_beat),
        cmocka_unit_test(test_still_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
