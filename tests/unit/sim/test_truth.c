/* SPDX-License-Identifier: Apache-2.0
 *
 * The oracle itself: true energy under changing load, limits and clocks against quadrature of power
 * computed here from the documented formula, and work against the documented speed.
 */
#include "simtest.h"

#include <math.h>

#include "base/macro.h"

static const char node_text[] = "[node]\n"
                                "name = t\n"
                                "privileged = yes\n"
                                "[gpu 0]\n"
                                "kind = nvidia\n"
                                "name = Test\n"
                                "limit = min=100 max=500\n"
                                "clocks.core = max=2000 min=200 step=20\n"
                                "clocks.memory = 2000, 1000\n"
                                "work = units_per_s=100 compute=0.6\n"
                                "channel.gpu = load idle=80 dynamic=400 memory=0.25\n"
                                "channel.other = square low=10 high=30 period=200ms dynamic=50\n"
                                "channel.sum = sum 1.5*gpu + other + 7\n";

struct step {
    double t_s;
    double load;
    double limit_w;
    uint32_t core_mhz;
    uint32_t memory_mhz;
};

static const struct step script[] = {
    {0.0, 0.0, 500, 2000, 2000}, {0.5, 1.0, 500, 2000, 2000}, {0.9, 1.0, 300, 2000, 2000},
    {1.3, 0.5, 300, 2000, 2000}, {1.6, 0.5, 300, 1000, 2000}, {2.0, 1.0, 300, 1000, 1000},
    {2.4, 1.0, 120, 1000, 1000}, {2.7, 0.0, 120, 1000, 1000}, {3.0, 0.0, 500, 2000, 2000},
};

static double gpu_w(const struct step *s)
{
    double x = s->core_mhz / 2000.0;
    double m = s->memory_mhz / 2000.0;
    double power_w = 80 + s->load * 400 * (0.75 * (0.3 * x + 0.7 * x * x * x) + 0.25 * m);
    return fmin(power_w, s->limit_w); /* throttling meets the limit wherever the clock can fall */
}

/* The share of the clock that the limit allows, by scanning. */
static double scan(const struct step *s)
{
    double m = s->memory_mhz / 2000.0;
    double x = s->core_mhz / 2000.0;
    for (; x > 0.1; x -= 1e-5) {
        double core = 0.3 * x + 0.7 * x * x * x;
        if (80 + s->load * 400 * (0.75 * core + 0.25 * m) <= s->limit_w) {
            break;
        }
    }
    return x;
}

static double throttled(const struct step *s)
{
    static double known[ARRAY_LEN(script)];
    double *x = &known[s - script];
    if (*x <= 0) {
        *x = scan(s);
    }
    return *x;
}

static double other_w(const struct step *s, double t_s)
{
    double x = throttled(s);
    double base_w = fmod(t_s, 0.2) < 0.1 ? 30 : 10;
    return base_w + s->load * 50 * (0.3 * x + 0.7 * x * x * x);
}

static const struct step *step_at(double t_s)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(script) && script[i + 1].t_s <= t_s) {
        i++;
    }
    return &script[i];
}

static void play(struct simtest *t)
{
    uint32_t id = 0;
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        const struct step *s = &script[i];
        simtest_at(t, s->t_s);
        assert_int_equal(sim_set_limit_w(t->sim, 0, s->limit_w), 0);
        assert_int_equal(
            sim_set_core_clocks(t->sim, 0, 200, s->core_mhz == 2000 ? 2000 : s->core_mhz), 0);
        assert_int_equal(sim_set_memory_clocks(t->sim, 0, 0, s->memory_mhz), 0);
        if (id == 0) {
            assert_int_equal(sim_load_begin(t->sim, 0, s->load, 0, 0, &id), 0);
        } else {
            assert_int_equal(sim_load_change(t->sim, 0, id, s->load), 0);
        }
    }
    simtest_at(t, 4.0);
}

static void against_quadrature(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    play(&t);
    double sums_j[3] = {0};
    const double h_s = 1e-4;
    for (int n = 0; n < 35000; n++) {
        double t_s = (n + 0.5) * h_s;
        const struct step *s = step_at(t_s);
        double gpu = gpu_w(s);
        double other = other_w(s, t_s);
        sums_j[0] += gpu * h_s;
        sums_j[1] += other * h_s;
        sums_j[2] += (1.5 * gpu + other + 7) * h_s;
        if (n % 997 == 0) {
            uint64_t to_ns = t.t0_ns + (uint64_t)((n + 1) * 100000.0 + 0.5);
            for (uint32_t c = 0; c < 3; c++) {
                double exact_j = sim_truth_j(t.sim, c, t.t0_ns, to_ns);
                assert_true(fabs(exact_j - sums_j[c]) < 2e-4 * (1 + sums_j[c]));
            }
            uint64_t at_ns = t.t0_ns + (uint64_t)(t_s * 1e9);
            assert_true(fabs(sim_truth_w(t.sim, 0, at_ns) - gpu) < 0.02);
        }
    }
    simtest_close(&t);
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

/* Random scripts on a square trace: power is constant between edges and events, so the exact energy
 * is the sum of power at each stretch's middle times its length. */
static void random_scripts(void **state)
{
    (void)state;
    uint64_t random = 12345;
    for (int round = 0; round < 40; round++) {
        struct simtest t;
        uint64_t cuts[128];
        size_t count = 0;
        uint32_t id = 0;
        uint64_t at_ns = 0;
        simtest_open(&t, node_text, SIM_VIRTUAL);
        assert_int_equal(sim_load_begin(t.sim, 0, 0, 0, 0, &id), 0);
        cuts[count++] = 0;
        for (int i = 0; i < 60; i++) {
            at_ns += draw(&random, 90000000);
            assert_int_equal(sim_clock_set_ns(t.sim, t.t0_ns + at_ns), 0);
            uint32_t what = draw(&random, 3);
            uint32_t value = draw(&random, 400);
            int r = what == 0   ? sim_set_limit_w(t.sim, 0, 100 + value)
                    : what == 1 ? sim_load_change(t.sim, 0, id, value / 400.0)
                                : sim_set_core_clocks(t.sim, 0, 200, 200 + value * 4);
            assert_int_equal(r, 0);
            cuts[count++] = at_ns;
        }
        for (uint64_t edge_ns = 0; edge_ns < at_ns; edge_ns += 100000000) {
            cuts[count++] = edge_ns;
        }
        qsort(cuts, count, sizeof(cuts[0]), by_time);
        double sum_j = 0;
        for (size_t i = 1; i < count; i++) {
            uint64_t middle_ns = cuts[i - 1] + (cuts[i] - cuts[i - 1]) / 2;
            sum_j +=
                sim_truth_w(t.sim, 2, t.t0_ns + middle_ns) * (double)(cuts[i] - cuts[i - 1]) * 1e-9;
        }
        double exact_j = sim_truth_j(t.sim, 2, t.t0_ns, t.t0_ns + at_ns);
        assert_true(fabs(exact_j - sum_j) < 1e-9 * sum_j);
        simtest_close(&t);
    }
}

/* Energy is additive over any cut, to rounding. */
static void additive(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    play(&t);
    uint64_t end_ns = t.t0_ns + 4000000000u;
    double whole_j = sim_truth_j(t.sim, 2, t.t0_ns, end_ns);
    double parts_j = 0;
    for (uint64_t at_ns = t.t0_ns; at_ns < end_ns; at_ns += 7777777) {
        uint64_t next_ns = MIN_OF(at_ns + 7777777, end_ns);
        parts_j += sim_truth_j(t.sim, 2, at_ns, next_ns);
    }
    assert_true(fabs(whole_j - parts_j) < 1e-8);
    simtest_close(&t);
}

static void loads_add_and_expire(void **state)
{
    (void)state;
    struct simtest t;
    uint32_t a = 0;
    uint32_t b = 0;
    struct sim_event event;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    assert_int_equal(sim_load_begin(t.sim, 0, 0.75, 1000000000, 0, &a), 0);
    assert_int_equal(sim_load_begin(t.sim, 0, 0.5, 500000000, 0, &b), 0);
    simtest_at(&t, 2);
    static const struct {
        double t_s;
        double load;
    } rows[] = {{0.1, 1}, {0.49, 1}, {0.51, 0.75}, {0.99, 0.75}, {1.01, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sim_read_event(t.sim, 0, t.t0_ns + (uint64_t)(rows[i].t_s * 1e9), &event);
        assert_true(event.load == rows[i].load);
    }
    assert_int_equal(sim_load_end(t.sim, 0, a), ZEUS_ENOTFOUND); /* it ended by itself */
    assert_int_equal(sim_load_begin(t.sim, 0, 1.5, 0, 0, &a), ZEUS_EINVAL);
    assert_int_equal(sim_load_begin(t.sim, 9, 1, 0, 0, &a), ZEUS_ENOTFOUND);
    simtest_close(&t);
}

static void work_follows_clocks(void **state)
{
    (void)state;
    struct simtest t;
    uint64_t full_ns = 0;
    uint64_t half_ns = 0;
    double full_j = 0;
    double half_j = 0;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    assert_int_equal(sim_work(t.sim, 0, 200, &full_ns, &full_j), 0);
    assert_int_equal(sim_set_core_clocks(t.sim, 0, 200, 1000), 0);
    assert_int_equal(sim_work(t.sim, 0, 200, &half_ns, &half_j), 0);
    assert_true(fabs((double)full_ns * 1e-9 - 2.0) < 1e-6);
    assert_true(fabs((double)half_ns * 1e-9 - 2.0 * (0.6 / 0.5 + 0.4)) < 1e-6);
    assert_true(fabs(full_j - 2.0 * 480) < 1e-3);
    double half_w = 80 + 400 * (0.75 * (0.15 + 0.0875) + 0.25);
    assert_true(fabs(half_j - 3.2 * half_w) < 1e-3);
    assert_true(half_j < full_j); /* something to optimise */
    assert_int_equal(sim_work(t.sim, 0, 0, &full_ns, &full_j), ZEUS_EINVAL);
    simtest_close(&t);
}

static void setters_check(void **state)
{
    (void)state;
    struct simtest t;
    char text[sizeof(node_text)];
    memcpy(text, node_text, sizeof(text));
    simtest_open(&t, text, SIM_VIRTUAL);
    assert_int_equal(sim_set_limit_w(t.sim, 0, 99), ZEUS_EINVAL);
    assert_int_equal(sim_set_limit_w(t.sim, 0, 501), ZEUS_EINVAL);
    assert_int_equal(sim_set_limit_w(t.sim, 0, (double)NAN), ZEUS_EINVAL);
    assert_int_equal(sim_set_core_clocks(t.sim, 0, 500, 400), ZEUS_EINVAL);
    assert_int_equal(sim_set_core_clocks(t.sim, 0, 0, 100), ZEUS_EINVAL);
    assert_int_equal(sim_set_persistence(t.sim, 0, 2), ZEUS_EINVAL);
    assert_int_equal(sim_set_persistence(t.sim, 7, 1), ZEUS_ENOTSUP);
    simtest_close(&t);
    memcpy(strstr(text, "privileged = yes"), "privileged = no ", 16);
    simtest_open(&t, text, SIM_VIRTUAL);
    assert_int_equal(sim_set_limit_w(t.sim, 0, 200), ZEUS_EPERM);
    assert_int_equal(sim_set_core_clocks(t.sim, 0, 400, 500), ZEUS_EPERM);
    assert_int_equal(sim_set_memory_clocks(t.sim, 0, 1000, 1000), ZEUS_EPERM);
    assert_int_equal(sim_set_persistence(t.sim, 0, 1), ZEUS_EPERM);
    assert_int_equal(sim_set_perf_level(t.sim, 0, 0), ZEUS_EPERM);
    simtest_close(&t);
}

static void log_is_bounded(void **state)
{
    (void)state;
    struct simtest t;
    char text[sizeof(node_text) + 32];
    (void)snprintf(text, sizeof(text), "[node]\nlog_capacity = 1024\n%s", node_text + 7);
    simtest_open(&t, text, SIM_VIRTUAL);
    int r = 0;
    int n = 0;
    for (; n < 5000 && r == 0; n++) {
        r = sim_set_limit_w(t.sim, 0, n % 2 ? 300 : 400);
        assert_int_equal(sim_clock_advance_ns(t.sim, 1000), 0);
    }
    assert_int_equal(r, ZEUS_ELIMIT);
    assert_true(n > 900);
    struct sim_settings settings;
    sim_read_settings(t.sim, 0, &settings);
    assert_true(settings.limit_w == 300 || settings.limit_w == 400);
    simtest_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_scripts),
        cmocka_unit_test(against_quadrature),
        cmocka_unit_test(additive),
        cmocka_unit_test(loads_add_and_expire),
        cmocka_unit_test(work_follows_clocks),
        cmocka_unit_test(setters_check),
        cmocka_unit_test(log_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
