/* SPDX-License-Identifier: Apache-2.0
 *
 * Sensor and counter models against what their parameters promise.
 */
#include "simtest.h"

#include <math.h>

#include "base/macro.h"

static const char node_text[] =
    "[node]\n"
    "name = t\n"
    "[gpu 0]\n"
    "kind = nvidia\n"
    "name = Test\n"
    "channel.gpu = square low=100 high=300 period=1s\n"
    "sensor.point = period=100ms phase=0s round=0\n"
    "sensor.box = period=100ms phase=30ms window=25ms round=0\n"
    "sensor.long = period=100ms phase=0s window=1s lag=50ms round=0\n"
    "sensor.rc = period=10ms phase=0s tau=200ms round=0\n"
    "sensor.wrong = period=100ms phase=0s gain=0.944 offset=-4W round=1W\n"
    "sensor.noisy = period=10ms phase=0s window=1s noise=5 round=0\n"
    "sensor.shaky = period=100ms phase=0s jitter=30ms\n"
    "counter.energy = period=20ms phase=0s quantum=1mJ start=5J\n"
    "counter.fast = period=20ms phase=0s quantum=1mJ rate=1.5\n"
    "counter.reset = period=20ms phase=0s quantum=1mJ start=70J reset_at=2s\n"
    "counter.back = period=20ms phase=0s quantum=1mJ start=70J step_at=2s step=-30J\n"
    "counter.wrap = period=1ms phase=0s quantum=61.03515625uJ wrap=262143328850uJ "
    "start=262143000000uJ\n"
    "counter.part = period=100ms phase=0s window=25ms quantum=1mJ\n";

static double read_w(struct simtest *t, const char *name, double t_s)
{
    struct sim_reading reading;
    uint64_t at_ns = t->t0_ns + (uint64_t)(t_s * 1e9 + 0.5);
    assert_int_equal(sim_sensor_read(t->sim, 0, name, at_ns, &reading), 0);
    assert_true(reading.update_ns <= at_ns);
    return reading.value_w;
}

static uint64_t read_uj(struct simtest *t, const char *name, double t_s)
{
    struct sim_count count;
    uint64_t at_ns = t->t0_ns + (uint64_t)(t_s * 1e9 + 0.5);
    assert_int_equal(sim_counter_read(t->sim, 0, name, at_ns, &count), 0);
    assert_true(count.tick_ns <= at_ns);
    return count.energy_uj;
}

static int near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance;
}

/* The trace is 300 W in the first half of each second. */
static void power_models(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    simtest_at(&t, 20);
    static const struct {
        const char *sensor;
        double t_s;
        double w;
    } rows[] = {
        {"point", 10.25, 300}, {"point", 10.49, 300}, {"point", 10.55, 100}, {"point", 10.59, 100},
        {"point", 11.05, 300}, {"box", 10.05, 300}, /* update at 10.03 covers 10.005 to 10.03 */
        {"box", 10.029, 100},                       /* still the update of 9.93 */
        {"box", 10.54, 100},                        /* update at 10.53 */
        {"long", 10.9, 200},                        /* a whole period, whatever the phase */
        {"wrong", 10.25, 279},                      /* 300 * 0.944 - 4 = 279.2 */
        {"wrong", 10.75, 90},                       /* 90.4 */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(near(read_w(&t, rows[i].sensor, rows[i].t_s), rows[i].w, 1e-6));
    }
    struct sim_reading reading;
    assert_int_equal(sim_sensor_read(t.sim, 0, "absent", t.t0_ns, &reading), ZEUS_ENOTSUP);
    assert_int_equal(sim_sensor_read(t.sim, 4, "point", t.t0_ns, &reading), ZEUS_ENOTSUP);
    simtest_close(&t);
}

/* A long-running square through an RC: P + (start - P) * exp(-t / tau), periodic. */
static void rc_response(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    simtest_at(&t, 60);
    double decay = exp(-0.5 / 0.2);
    double top_w = 300 - 200 * decay / (1 + decay); /* at the end of the high half, settled */
    for (int i = 0; i < 50; i++) {
        double since_s = i * 0.01;
        double expected_w = 100 + (top_w - 100) * exp(-since_s / 0.2);
        double got_w = read_w(&t, "rc", 50.5 + since_s);
        assert_true(near(got_w, expected_w, 0.6)); /* 240 steps over 12 time constants */
    }
    simtest_close(&t);
}

static void noise_and_jitter(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    simtest_at(&t, 200);
    double sum = 0;
    double squares = 0;
    const int count = 10000;
    for (int i = 0; i < count; i++) {
        double x = read_w(&t, "noisy", 10 + i * 0.01 + 0.001) - 200;
        assert_true(x == read_w(&t, "noisy", 10 + i * 0.01 + 0.009) - 200); /* the same update */
        sum += x;
        squares += x * x;
    }
    assert_true(near(sum / count, 0, 0.25));
    assert_true(near(sqrt(squares / count), 5, 0.2));
    int64_t least_ns = INT64_MAX;
    int64_t most_ns = INT64_MIN;
    for (int i = 100; i < 1100; i++) {
        struct sim_reading reading;
        uint64_t at_ns = t.t0_ns + (uint64_t)i * 100000000 + 49000000;
        assert_int_equal(sim_sensor_read(t.sim, 0, "shaky", at_ns, &reading), 0);
        int64_t off_ns = (int64_t)(reading.update_ns - t.t0_ns) - reading.update * 100000000;
        least_ns = MIN_OF(least_ns, off_ns);
        most_ns = MAX_OF(most_ns, off_ns);
        assert_int_equal(reading.update, i);
    }
    assert_true(least_ns >= -30000000 && least_ns < -28000000);
    assert_true(most_ns <= 30000000 && most_ns > 28000000);
    simtest_close(&t);
}

static void counters(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    simtest_at(&t, 20);
    static const struct {
        const char *counter;
        double t_s;
        double uj;
    } rows[] = {
        {"energy", 0, 5e6},       {"energy", 0.0199, 5e6}, /* no tick yet */
        {"energy", 0.0201, 11e6}, {"energy", 0.5, 155e6},  {"energy", 1, 205e6},
        {"fast", 1, 300e6},       {"reset", 1.99, 468e6}, /* tick at 1.98: 70 + 200 + 150 + 0.48 *
                                                             100 */
        {"reset", 2, 0},          {"reset", 3, 200e6},     {"back", 1.98, 468e6},
        {"back", 2.0, 440e6},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t got_uj = read_uj(&t, rows[i].counter, rows[i].t_s);
        assert_true(near((double)got_uj, rows[i].uj, 1000));
    }
    simtest_close(&t);
}

static void counter_wraps(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    simtest_at(&t, 20);
    const double range_uj = floor(262143328850.0 / 61.03515625) * 61.03515625;
    uint64_t before_uj = read_uj(&t, "wrap", 0.001);
    uint64_t after_uj = read_uj(&t, "wrap", 0.01);
    assert_true(after_uj < before_uj);
    double spent_uj = (double)after_uj + range_uj - (double)before_uj;
    assert_true(near(spent_uj, 0.009 * 300e6, 130)); /* two quanta */
    simtest_close(&t);
}

/* Covering 25 ms of every 100: the edges of the square fall on updates, so each update sees one
 * level, and 5 of 10 are high. Asked backwards in time it gives the same. */
static void partial_coverage(void **state)
{
    (void)state;
    struct simtest t;
    simtest_open(&t, node_text, SIM_VIRTUAL);
    simtest_at(&t, 20);
    uint64_t at_10_uj = read_uj(&t, "part", 10);
    uint64_t at_5_uj = read_uj(&t, "part", 5);
    assert_true(near((double)(at_10_uj - at_5_uj), 1000e6, 1000));
    assert_int_equal(read_uj(&t, "part", 10), at_10_uj);
    simtest_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_models),     cmocka_unit_test(rc_response),
        cmocka_unit_test(noise_and_jitter), cmocka_unit_test(counters),
        cmocka_unit_test(counter_wraps),    cmocka_unit_test(partial_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
