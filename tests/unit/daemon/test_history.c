/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/history: points from readings at any rate, gaps, the ring's end, steps and the answer.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zeus/device.h>

#include "base/macro.h"
#include "base/rng.h"
#include "codec/json_reader.h"
#include "daemon/history_private.h"

#define SECOND UINT64_C(1000000000)
#define NOW_MS UINT64_C(1767225600123)

static const struct history_info gpu0 = {.device_kind = ZEUS_KIND_GPU,
                                         .is_in_total = 1,
                                         .gain_error = 0.05,
                                         .offset_error_w = 1.5,
                                         .domain = "gpu",
                                         .sensor_class = "hopper/instant"};

static struct history *create(void)
{
    struct history *history = NULL;
    assert_int_equal(history_create(&history), 0);
    assert_int_equal(history_add_series(history, &gpu0), 0);
    return history;
}

static void put(struct history *history, double t_s, double power_w)
{
    struct history_reading reading = {.time_ns = (uint64_t)llround(t_s * 1e9),
                                      .has = HISTORY_HAS_POWER,
                                      .power_uw = (uint64_t)llround(power_w * 1e6)};
    assert_int_equal(history_add(history, 0, &reading), 0);
}

static const struct history_point *at(const struct history *history, uint64_t second)
{
    const struct history_point *point = &history->series[0].points[second % HISTORY_POINTS];
    return point->has && point->second == second ? point : NULL;
}

static struct history_point the(const struct history *history, uint64_t second)
{
    const struct history_point *point = at(history, second);
    if (!point) {
        fail_msg("no point at %u", (unsigned)second);
        return (struct history_point){0};
    }
    return *point;
}

static double covered_s(const struct history *history, uint64_t second)
{
    struct history_point point = the(history, second);
    return history_covered_s(&point);
}

static void near(double value, double expected)
{
    if (fabs(value - expected) > 0.002) {
        fail_msg("%f is not %f", value, expected);
    }
}

static void means_are_of_time(void **state)
{
    (void)state;
    struct history *history = create();
    put(history, 10.0, 100);
    put(history, 10.9, 100); /* long at 100 W ... */
    put(history, 10.95, 500);
    put(history, 11.0, 500); /* ... short at 500 W */
    struct history_point p = the(history, 10);
    near((double)p.mean_w, 0.9 * 100 + 0.05 * 300 + 0.05 * 500);
    near((double)p.min_w, 100);
    near((double)p.max_w, 500);
    near(covered_s(history, 10), 1);
    /* slower than once a second: the line between, and its ends in each second */
    put(history, 13.0, 100);
    near((double)the(history, 11).mean_w, 400);
    near((double)the(history, 12).mean_w, 200);
    near((double)the(history, 12).max_w, 300);
    near(covered_s(history, 12), 1);
    history_destroy(history);
}

static void gaps_stay(void **state)
{
    (void)state;
    struct history *history = create();
    put(history, 10.5, 100);
    near(covered_s(history, 10), 0); /* one reading knows a value, no stretch */
    near((double)the(history, 10).mean_w, 100);
    put(history, 13.5, 300); /* 3 s: nobody knows what was between */
    assert_null(at(history, 11));
    assert_null(at(history, 12));
    near(covered_s(history, 13), 0);
    put(history, 13.75, 300);
    near(covered_s(history, 13), 0.25);
    struct history_reading failed = {.time_ns = 14 * SECOND};
    assert_int_equal(history_add(history, 0, &failed), 0); /* knows nothing, says nothing */
    assert_null(at(history, 14));
    put(history, 12.0, 900); /* out of order: dropped */
    assert_null(at(history, 12));
    assert_int_equal(history_add(history, 1, &failed), ZEUS_EINVAL);
    history_destroy(history);
}

static void ring_forgets_the_hour_before(void **state)
{
    (void)state;
    struct history *history = create();
    size_t empty = history_bytes(history);
    for (uint64_t s = 100; s < 100 + 2 * HISTORY_POINTS; s++) {
        put(history, (double)s, (double)s);
    }
    assert_int_equal(history_bytes(history) - empty, 115200);
    assert_int_equal(sizeof(struct history_point), 32);
    assert_null(at(history, 100 + HISTORY_POINTS - 1));
    near((double)the(history, 100 + HISTORY_POINTS).min_w, 100 + HISTORY_POINTS);
    /* silence: old points in the ring are not the present */
    put(history, 100000.5, 7);
    struct strbuf out;
    strbuf_init(&out, 1u << 20);
    struct history_query query = {.now_ns = 100001 * SECOND, .now_ms = NOW_MS};
    assert_int_equal(history_json(history, &query, &out, NULL), 0);
    assert_non_null(
        strstr(strbuf_text(&out), "\"points\":[[1767225599123,7000,7000,7000,null,null,0]]"));
    strbuf_done(&out);
    history_destroy(history);
}

/* Any rate, any gaps: coverage times mean is the area under the lines, and min <= mean <= max. */
static void random_rates(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct rng rng;
        rng_seed(&rng, seed);
        struct history *history = create();
        double t_s = 5;
        double last_w = 0;
        double area_j = 0;
        double true_s = 0;
        for (int i = 0; i < 300; i++) {
            double step_s = rng_double(&rng) < 0.05 ? 2.6 + 5 * rng_double(&rng)
                                                    : 0.001 + 0.8 * rng_double(&rng);
            double power_w = 700 * rng_double(&rng);
            t_s = round((t_s + step_s) * 1e6) / 1e6;
            put(history, t_s, power_w);
            if (i > 0 && step_s < 2.5) {
                area_j += step_s * (last_w + power_w) / 2;
                true_s += step_s;
            }
            last_w = power_w;
        }
        double sum_j = 0;
        double sum_s = 0;
        for (uint64_t s = 0; s < 3000; s++) {
            const struct history_point *p = at(history, s);
            if (p) {
                assert_true(p->min_w <= p->mean_w + 1e-3f && p->mean_w <= p->max_w + 1e-3f);
                sum_j += history_covered_s(p) * (double)p->mean_w;
                sum_s += history_covered_s(p);
            }
        }
        assert_true(fabs(sum_s - true_s) < 0.01);
        assert_true(fabs(sum_j - area_j) < 0.0005 * area_j);
        history_destroy(history);
    }
}

static int only_gpu_1(void *user, uint32_t kind, uint32_t index)
{
    (void)user;
    return kind == ZEUS_KIND_GPU && index == 1;
}

static void the_answer(void **state)
{
    (void)state;
    struct history *history = create();
    struct history_info second = gpu0;
    second.index = 1;
    assert_int_equal(history_add_series(history, &second), 1);
    for (int i = 0; i <= 8; i++) {
        struct history_reading reading = {
            .time_ns = (uint64_t)(20 * SECOND + (uint64_t)i * SECOND / 2),
            .has = HISTORY_HAS_POWER | HISTORY_HAS_ENERGY | HISTORY_HAS_TEMPERATURE,
            .power_uw = 100000000u + 1000000u * (unsigned)i,
            .energy_uj = 5000u * (unsigned)i,
            .temperature_c = 40 + i};
        assert_int_equal(history_add(history, 0, &reading), 0);
    }
    const struct energy_today today = {.energy_uj = 123456, .since_ms = NOW_MS - 5000, .holes = 2};
    history_set_today(history, 0, &today, NOW_MS + 1000);
    struct history_query query = {.now_ns = 24 * SECOND, .now_ms = NOW_MS, .step_ms = 1001};
    struct strbuf out;
    strbuf_init(&out, 1u << 16);
    assert_int_equal(history_json(history, &query, &out, NULL), 0);
    assert_string_equal(
        strbuf_text(&out),
        "{\"now_ms\":1767225600123,\"from_ms\":1767222000123,\"to_ms\":1767225600123,"
        "\"step_ms\":2000,\"kept_s\":3600,\"columns\":[\"time_ms\",\"min_mw\",\"mean_mw\","
        "\"max_mw\",\"energy_uj\",\"temperature_c\",\"covered_ms\"],\"series\":["
        "{\"device\":\"gpu\",\"id\":0,\"domain\":\"gpu\",\"sensor_class\":\"hopper/instant\","
        "\"in_node_total\":true,\"error\":{\"gain\":0.05,\"offset_mw\":1500.0},"
        "\"today\":{\"energy_uj\":123456,\"since_ms\":1767225595123,"
        "\"until_ms\":1767225601123,\"holes\":2},\"points\":["
        "[1767225596123,100000,102000,104000,15000,43,2000],"
        "[1767225598123,104000,106000,108000,35000,47,2000],"
        "[1767225600123,108000,108000,108000,40000,48,0]]},"
        "{\"device\":\"gpu\",\"id\":1,\"domain\":\"gpu\",\"sensor_class\":\"hopper/instant\","
        "\"in_node_total\":true,\"error\":{\"gain\":0.05,\"offset_mw\":1500.0},"
        "\"today\":null,\"points\":[]}]}");
    strbuf_clear(&out);
    query = (struct history_query){.now_ns = 24 * SECOND,
                                   .now_ms = NOW_MS,
                                   .from_ms = NOW_MS - 3000,
                                   .to_ms = NOW_MS - 2001,
                                   .may_see = only_gpu_1};
    assert_int_equal(history_json(history, &query, &out, NULL), 0);
    assert_null(strstr(strbuf_text(&out), "\"id\":0"));
    query.may_see = NULL;
    strbuf_clear(&out);
    assert_int_equal(history_json(history, &query, &out, NULL), 0);
    assert_non_null(strstr(strbuf_text(&out),
                           "\"points\":[[1767225597123,102000,103000,104000,15000,43,1000]]"));
    strbuf_done(&out);
    history_destroy(history);
}

static void bad_questions(void **state)
{
    (void)state;
    struct history *history = create();
    for (int s = 0; s < 500; s++) {
        put(history, 10 + s, 100);
    }
    static const struct {
        struct history_query query;
        int code;
    } cases[] = {
        {{.now_ns = 510 * SECOND, .now_ms = NOW_MS, .from_ms = 2, .to_ms = 1}, ZEUS_EINVAL},
        {{.now_ns = 510 * SECOND, .now_ms = NOW_MS, .step_ms = 3600001}, ZEUS_EINVAL},
        {{.now_ns = 510 * SECOND, .now_ms = NOW_MS, .step_ms = UINT64_MAX}, ZEUS_EINVAL},
        {{.now_ns = 510 * SECOND, .now_ms = NOW_MS}, ZEUS_ELIMIT},
        {{.now_ns = 510 * SECOND, .now_ms = NOW_MS, .from_ms = UINT64_MAX}, 0},
        {{.now_ns = 510 * SECOND, .now_ms = NOW_MS, .from_ms = 1, .to_ms = 2}, 0},
        {{.now_ns = 510 * SECOND, .now_ms = NOW_MS, .step_ms = 3600000}, 0},
        {{.now_ns = 510 * SECOND, .now_ms = 5}, 0}, /* a clock that was never set */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct strbuf out;
        zeus_error err = ZEUS_ERROR_INIT;
        strbuf_init(&out, 1000);
        assert_int_equal(history_json(history, &cases[i].query, &out, &err), cases[i].code);
        assert_int_equal(err.message[0] != '\0', cases[i].code < 0);
        strbuf_done(&out);
    }
    for (uint32_t i = 1; i < HISTORY_SERIES_MAX; i++) {
        assert_int_equal(history_add_series(history, &gpu0), (int)i);
    }
    assert_int_equal(history_add_series(history, &gpu0), ZEUS_ELIMIT);
    history_destroy(history);
    history_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_are_of_time),
        cmocka_unit_test(gaps_stay),
        cmocka_unit_test(ring_forgets_the_hour_before),
        cmocka_unit_test(random_rates),
        cmocka_unit_test(the_answer),
        cmocka_unit_test(bad_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
