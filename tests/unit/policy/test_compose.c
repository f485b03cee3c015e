/* SPDX-License-Identifier: Apache-2.0
 *
 * Composition against trying every combination, on small random parts with few different numbers,
 * so that ties are frequent; limits and refusals.
 */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/compose.h"

#define PARTS  3
#define POINTS 6
#define TERMS  3
#define CASES  400

static uint64_t state = 5;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

struct instance {
    struct compose_point point[PARTS][POINTS];
    struct compose_part part[PARTS];
    struct compose_term term[TERMS];
    size_t terms;
    struct compose_rule rule;
};

/* Quarters and halves: doubles hold all sums exactly. */
static void make(struct instance *in)
{
    for (size_t p = 0; p < PARTS; p++) {
        size_t count = 2 + draw(POINTS - 1);
        for (size_t i = 0; i < count; i++) {
            in->point[p][i] = (struct compose_point){.mhz = 1000 + 100 * (int64_t)(i % 2),
                                                     .time_s = (1 + draw(8)) * 0.25,
                                                     .energy_j = (1 + draw(16)) * 0.5};
        }
        in->part[p] = (struct compose_part){"part", in->point[p], count};
    }
    in->terms = 1 + draw(TERMS);
    for (size_t t = 0; t < in->terms; t++) {
        in->term[t] = (struct compose_term){(int32_t)draw(PARTS), 1 + draw(3)};
    }
    in->rule = (struct compose_rule){.idle_power_w = draw(4), .points_max = 1000};
}

/* Sums up one choice of a point for each term; 0 when the frequencies differ. */
static int add_up(const struct instance *in, const int32_t *point, struct compose_choice *ret)
{
    *ret = (struct compose_choice){0};
    for (size_t t = 0; t < in->terms; t++) {
        const struct compose_point *p = &in->part[in->term[t].part].points[point[t]];
        if (t > 0 && p->mhz != ret->mhz) {
            return 0;
        }
        ret->mhz = p->mhz;
        ret->time_s += in->term[t].factor * p->time_s;
        ret->energy_j += in->term[t].factor * p->energy_j;
    }
    return 1;
}

static double effective(const struct instance *in, const struct compose_choice *c)
{
    return c->energy_j - in->rule.idle_power_w * c->time_s;
}

/* 1 when some combination is no worse than `c` in both and better in one. */
static int is_beaten(const struct instance *in, const struct compose_choice *c)
{
    int32_t point[TERMS] = {0};
    struct compose_choice other;
    for (;;) {
        if (add_up(in, point, &other) && other.time_s <= c->time_s &&
            effective(in, &other) <= effective(in, c) &&
            (other.time_s < c->time_s || effective(in, &other) < effective(in, c))) {
            return 1;
        }
        size_t t = 0;
        while (t < in->terms && (size_t)++point[t] == in->part[in->term[t].part].count) {
            point[t++] = 0;
        }
        if (t == in->terms) {
            return 0;
        }
    }
}

static int has(const struct instance *in, const struct compose_result *r,
               const struct compose_choice *c)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->choice[i].time_s == c->time_s && effective(in, &r->choice[i]) == effective(in, c)) {
            return 1;
        }
    }
    return 0;
}

static void check(const struct instance *in, const struct compose_result *r)
{
    int32_t point[TERMS] = {0};
    struct compose_choice c;
    assert_int_equal(r->terms, in->terms);
    for (size_t i = 0; i < r->count; i++) { /* what is there adds up and is not beaten */
        assert_true(add_up(in, r->point + i * in->terms, &c));
        assert_true(c.mhz == r->choice[i].mhz && c.time_s == r->choice[i].time_s &&
                    c.energy_j == r->choice[i].energy_j);
        assert_false(is_beaten(in, &c));
    }
    for (size_t t = 0; t < in->terms;) { /* what is not beaten is there */
        if (add_up(in, point, &c) && !is_beaten(in, &c)) {
            assert_true(has(in, r, &c));
        }
        for (t = 0; t < in->terms && (size_t)++point[t] == in->part[in->term[t].part].count; t++) {
            point[t] = 0;
        }
    }
}

static void test_against_every_combination(void **unused)
{
    (void)unused;
    size_t choices = 0;
    for (int i = 0; i < CASES; i++) {
        struct instance in;
        struct compose_result r = {0};
        zeus_error err = ZEUS_ERROR_INIT;
        make(&in);
        assert_int_equal(compose_run(&in.rule, in.part, in.term, in.terms, &r, &err), 0);
        check(&in, &r);
        choices += r.count;
        compose_finish(&r);
    }
    assert_true(choices > CASES);
}

static void test_fewer_on_request(void **unused)
{
    (void)unused;
    const struct compose_point points[] = {
        {100, 1.0, 9}, {100, 1.1, 8}, {100, 1.2, 7}, {100, 2.0, 6.9}, {50, 3.0, 1}};
    const struct compose_part part = {"p", points, ARRAY_LEN(points)};
    const struct compose_term term = {0, 1};
    struct compose_rule rule = {.points_max = 10};
    struct compose_result r = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(compose_run(&rule, &part, &term, 1, &r, &err), 0);
    assert_int_equal(r.count, 5);
    compose_finish(&r);
    rule.resolution_s = 1; /* 1.0 to 1.2 are one second's */
    assert_int_equal(compose_run(&rule, &part, &term, 1, &r, &err), 0);
    assert_int_equal(r.count, 3);
    assert_true(r.choice[0].time_s == 1.2 && r.choice[0].energy_j == 7);
    compose_finish(&r);
    rule.resolution_s = 0;
    rule.tolerance_j = 0.5; /* 6.9 saves too little over 7 */
    assert_int_equal(compose_run(&rule, &part, &term, 1, &r, &err), 0);
    assert_int_equal(r.count, 4);
    compose_finish(&r);
}

static void test_refusals(void **unused)
{
    (void)unused;
    const struct compose_point points[] = {{100, 1, 1}, {100, 2, 0.5}, {50, 1, 1}};
    const struct compose_part parts[] = {{"a", points, 2}, {"b", points + 2, 1}, {"c", points, 0}};
    const struct compose_term both[] = {{0, 1}, {1, 1}};
    const struct compose_term twice[] = {{0, 1}, {0, 1}};
    const struct compose_term none = {2, 1};
    const struct compose_rule rule = {.points_max = 3};
    struct compose_result r = {0};
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(compose_run(&rule, parts, both, 0, &r, &err), ZEUS_EINVAL);
    assert_int_equal(compose_run(&rule, parts, both, 2, &r, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "no frequency in common"));
    assert_int_equal(compose_run(&rule, parts, &none, 1, &r, &err), ZEUS_EINVAL);
    assert_int_equal(compose_run(&rule, parts, twice, 2, &r, &err), ZEUS_ELIMIT);
    assert_non_null(strstr(err.message, "with a at 100 MHz there are more than 3 sums"));
    assert_null(r.choice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_every_combination),
        cmocka_unit_test(test_fewer_on_request),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
