/* SPDX-License-Identifier: Apache-2.0
 *
 * device/wrap against a model of the hardware: a register that counts energy quanta and loses its
 * high bits, and a kernel that multiplies by the unit. The model knows the true number of quanta
 * at all times and shares no arithmetic with the code under test.
 */
#include "test.h"

#include <stdio.h>

#include "base/macro.h"
#include "device/wrap.h"

#define CASES       250000 /* domain sets; each holds one to six domains: over 10^6 histories */
#define DOMAINS_MAX 6

static uint64_t random_bits = 88172645463325252u;

static uint64_t random_next(void)
{
    random_bits ^= random_bits << 13;
    random_bits ^= random_bits >> 7;
    random_bits ^= random_bits << 17;
    return random_bits;
}

/* Uniform enough in [low, high]. */
static uint64_t random_in(uint64_t low, uint64_t high)
{
    return low + random_next() % (high - low + 1);
}

/* One energy status register and what the kernel shows of it. */
struct model {
    uint64_t unit_nj;
    unsigned bits;
    uint64_t quanta; /* true count since the beginning of time */
    uint64_t start_quanta;
};

static uint64_t model_shown_uj(const struct model *m)
{
    uint64_t reg = m->quanta & ((UINT64_C(1) << m->bits) - 1);
    return reg * m->unit_nj / 1000;
}

static uint64_t model_spent_nj(const struct model *m)
{
    return (m->quanta - m->start_quanta) * m->unit_nj;
}

struct domain {
    struct model model;
    struct wrap_rule rule;
    struct wrap_state state;
    uint64_t first_total_uj;
    uint64_t power_w;
    uint64_t left_nj; /* energy not yet worth a quantum */
};

static void domain_start(struct domain *d)
{
    static const uint64_t units_nj[] = {61035, 15258, 15300, 30517, 976562, 122070};
    *d = (struct domain){
        .model = {.unit_nj = units_nj[random_next() % ARRAY_LEN(units_nj)], .bits = 32}};
    if (random_next() % 4 == 0) {
        d->model.unit_nj = random_in(1000, 2000000);
    }
    uint64_t max_power_uw = random_in(400, 4000) * 1000000;
    d->rule = wrap_rule_from_range(UINT32_MAX * d->model.unit_nj / 1000, max_power_uw);
    d->power_w = random_in(0, 400);
    d->model.quanta = random_next() >> 24;
    if (random_next() % 2 == 0) { /* start close below a wrap */
        d->model.quanta = (d->model.quanta | UINT32_MAX) - random_in(0, 2000);
    }
    d->model.start_quanta = d->model.quanta;
}

static void domain_run(struct domain *d, uint64_t interval_us)
{
    uint64_t nj = d->left_nj + d->power_w * interval_us * 1000; /* W * us = uJ */
    d->model.quanta += nj / d->model.unit_nj;
    d->left_nj = nj % d->model.unit_nj;
}

/* The unwrapped total never falls and is the true energy to the quantum. */
static void domain_check(struct domain *d, enum wrap_verdict verdict, uint64_t before_uj)
{
    if (verdict == WRAP_FIRST) {
        d->first_total_uj = d->state.total_uj;
        d->model.start_quanta = d->model.quanta;
        return;
    }
    assert_true(verdict == WRAP_FORWARD || verdict == WRAP_AROUND);
    assert_true(d->state.total_uj >= before_uj);
    uint64_t got_uj = d->state.total_uj - d->first_total_uj;
    uint64_t true_uj = model_spent_nj(&d->model) / 1000;
    uint64_t off_uj = got_uj > true_uj ? got_uj - true_uj : true_uj - got_uj;
    assert_true(off_uj <= 1); /* the kernel cuts to whole uJ; below every quantum */
}

/* A delay that a reader is allowed: long ones to just under the time of a whole range. */
static uint64_t random_delay_us(const struct domain *domains, size_t count)
{
    uint64_t longest_us = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        uint64_t limit_us = wrap_read_within_ns(&domains[i].rule) / 1000;
        longest_us = MIN_OF(longest_us, limit_us);
    }
    longest_us = longest_us > 2000 ? longest_us - 1000 : 1000;
    return random_next() % 2 ? random_in(0, MIN_OF(longest_us, 2000000)) : random_in(0, longest_us);
}

static void random_histories(void **state)
{
    (void)state;
    uint64_t wraps = 0;
    uint64_t histories = 0;
    uint64_t readings = 0;
    for (int k = 0; k < CASES; k++) {
        struct domain domains[DOMAINS_MAX];
        size_t count = (size_t)random_in(3, DOMAINS_MAX);
        for (size_t i = 0; i < count; i++) {
            domain_start(&domains[i]);
        }
        uint64_t time_us = random_in(1, 1000000000);
        size_t reads = (size_t)random_in(2, 8);
        for (size_t r = 0; r < reads; r++) {
            for (size_t i = 0; i < count; i++) {
                uint64_t before_uj = domains[i].state.total_uj;
                enum wrap_verdict verdict =
                    wrap_update(&domains[i].state, &domains[i].rule,
                                model_shown_uj(&domains[i].model), time_us * 1000);
                domain_check(&domains[i], verdict, before_uj);
                readings++;
            }
            uint64_t delay_us = random_delay_us(domains, count);
            time_us += delay_us;
            for (size_t i = 0; i < count; i++) {
                domain_run(&domains[i], delay_us);
            }
        }
        for (size_t i = 0; i < count; i++) {
            wraps += domains[i].state.wraps;
            assert_int_equal(domains[i].state.drops, 0);
        }
        histories += count;
    }
    (void)printf("wrap: %llu histories, %llu readings, %llu wraps, error 0 beyond the quantum\n",
                 (unsigned long long)histories, (unsigned long long)readings,
                 (unsigned long long)wraps);
    assert_true(histories >= 1000000);
    assert_true(wraps > 100000);
}

/* Readings too far apart, resets and garbage: whatever comes, the total never falls, and what is
 * accepted never exceeds what the power bound allows. */
static void hostile_readings(void **state)
{
    (void)state;
    for (int k = 0; k < 100000; k++) {
        struct wrap_rule rule = {.modulus_uj = random_next() >> random_in(0, 63),
                                 .modulus_frac_nj = (uint32_t)random_in(0, 999),
                                 .max_power_uw = random_next() >> random_in(0, 63)};
        rule.modulus_uj = random_next() % 3 ? rule.modulus_uj : 0;
        struct wrap_state s = {0};
        uint64_t time_ns = random_next() >> 20;
        for (int i = 0; i < 8; i++) {
            uint64_t before_uj = s.total_uj;
            uint32_t drops = s.drops;
            uint32_t was_started = s.is_started;
            enum wrap_verdict v =
                wrap_update(&s, &rule, random_next() >> random_in(0, 63), time_ns);
            assert_true(!was_started || s.total_uj >= before_uj);
            assert_int_equal(s.drops - drops, wrap_is_dropped(v));
            if (wrap_is_dropped(v) || v == WRAP_OUTSIDE) {
                assert_true(s.total_uj == before_uj);
            }
            time_ns += random_next() >> random_in(20, 63);
        }
    }
}

struct step {
    uint64_t raw_uj;
    uint64_t time_ms;
    enum wrap_verdict verdict;
    uint64_t total_uj;
};

static void check_steps(const struct wrap_rule *rule, const struct step *steps, size_t count)
{
    struct wrap_state s = {0};
    for (size_t i = 0; i < count; i++) {
        enum wrap_verdict v =
            wrap_update(&s, rule, steps[i].raw_uj, steps[i].time_ms * UINT64_C(1000000));
        assert_int_equal(v, steps[i].verdict);
        assert_true(s.total_uj == steps[i].total_uj);
    }
}

static void named_cases(void **state)
{
    (void)state;
    /* 1 kJ range, 100 W bound: 10 s (less the grace) between readings. */
    const struct wrap_rule small = {.modulus_uj = 1000000000, .max_power_uw = 100000000};
    static const struct step one_wrap[] = {
        {999000000, 0, WRAP_FIRST, 999000000},
        {0, 1000, WRAP_AROUND, 1000000000}, /* to exactly 0 */
        {0, 2000, WRAP_FORWARD, 1000000000},
        {50000000, 3000, WRAP_FORWARD, 1050000000},
        {1000000001, 3100, WRAP_OUTSIDE, 1050000000}, /* ignored: the next one is whole */
        {60000000, 3200, WRAP_FORWARD, 1060000000},
    };
    check_steps(&small, one_wrap, ARRAY_LEN(one_wrap));
    static const struct step too_seldom[] = {
        {100, 0, WRAP_FIRST, 100},
        {200, 60000, WRAP_AMBIGUOUS, 100},
        {300, 61000, WRAP_FORWARD, 200},
    };
    check_steps(&small, too_seldom, ARRAY_LEN(too_seldom));
    static const struct step reset[] = {
        {500000000, 0, WRAP_FIRST, 500000000},
        {0, 1000, WRAP_IMPLAUSIBLE, 500000000}, /* 500 J in 1 s at 100 W: no wrap, a reset */
        {7, 2000, WRAP_FORWARD, 500000007},
        {900000000, 2001, WRAP_IMPLAUSIBLE, 500000007},
    };
    check_steps(&small, reset, ARRAY_LEN(reset));
    const struct wrap_rule no_range = {.max_power_uw = 100000000};
    static const struct step unknown_range[] = {
        {500, 0, WRAP_FIRST, 500},
        {400, 10, WRAP_BACKWARDS, 500},
        {450, 20, WRAP_FORWARD, 550},
        {451, 86400000, WRAP_FORWARD, 551},
    };
    check_steps(&no_range, unknown_range, ARRAY_LEN(unknown_range));
    const struct wrap_rule no_bound = {.modulus_uj = 1000};
    static const struct step no_power[] = {
        {900, 0, WRAP_FIRST, 900},
        {100, 0, WRAP_AROUND, 1100},
        {50, 99999999, WRAP_AROUND, 2050},
    };
    check_steps(&no_bound, no_power, ARRAY_LEN(no_power));
}

/* Time that stands still or steps back counts as no time: only the grace is granted. */
static void time_backwards(void **state)
{
    (void)state;
    const struct wrap_rule rule = {.modulus_uj = 1000000000, .max_power_uw = 100000000};
    struct wrap_state s = {0};
    assert_int_equal(wrap_update(&s, &rule, 0, 5000000000u), WRAP_FIRST);
    assert_int_equal(wrap_update(&s, &rule, 10000000, 1000000000u), WRAP_FORWARD);
    assert_int_equal(wrap_update(&s, &rule, 20000001, 1000000000u), WRAP_IMPLAUSIBLE);
}

static void rules_from_ranges(void **state)
{
    (void)state;
    static const struct {
        uint64_t range_uj;
        uint64_t modulus_uj;
        uint32_t frac_nj;
        uint64_t quantum_uj;
    } rows[] = {
        {262143328850, 262143328911, 360, 62}, /* client and server packages, 61.035 uJ */
        {65712999613, 65712999628, 800, 16},   /* server DRAM, 15.3 uJ */
        {65532610987, 65532611002, 368, 16},   /* AMD Zen, 15.258 uJ */
        {1000000, 1000000, 0, 0},              /* no 32-bit register makes this */
        {1, 1, 0, 0},
        {0, 0, 0, 0},
        {UINT64_MAX, UINT64_MAX, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wrap_rule rule = wrap_rule_from_range(rows[i].range_uj, 5);
        assert_true(rule.modulus_uj == rows[i].modulus_uj);
        assert_int_equal(rule.modulus_frac_nj, rows[i].frac_nj);
        assert_true(rule.quantum_uj == rows[i].quantum_uj);
        assert_true(rule.max_power_uw == 5);
    }
}

static void read_intervals(void **state)
{
    (void)state;
    struct wrap_rule rule = {.modulus_uj = 262143000000, .max_power_uw = 1000000000};
    uint64_t limit_ns = wrap_read_within_ns(&rule);
    assert_in_range(limit_ns / 1000000, 262042, 262043);
    rule.max_power_uw = 0;
    assert_true(wrap_read_within_ns(&rule) == UINT64_MAX);
    rule = (struct wrap_rule){.modulus_uj = 10, .max_power_uw = 1000000000};
    assert_true(wrap_read_within_ns(&rule) == 0);
    for (int v = WRAP_FIRST; v <= WRAP_OUTSIDE; v++) {
        assert_string_not_equal(wrap_text((enum wrap_verdict)v), "unknown");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories),  cmocka_unit_test(hostile_readings),
        cmocka_unit_test(named_cases),       cmocka_unit_test(time_backwards),
        cmocka_unit_test(rules_from_ranges), cmocka_unit_test(read_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
