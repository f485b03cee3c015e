/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator against itself: state text, determinism, bounds, uniformity, the half buffer.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/rng.h"
#include "codec/rng_text.h"

/* A known answer, so that the generator is checked where the reference files are absent too. */
static void known_answers(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 0);
    char text[RNG_TEXT_SIZE];
    const size_t len = rng_text_write(text, &rng);
    assert_int_equal(len, strlen(text));
    assert_string_equal(text, "{\"bit_generator\": \"PCG64\", \"state\": {\"state\": "
                              "35399562948360463058890781895381311971, \"inc\": "
                              "87136372517582989555478159403783844777}, \"has_uint32\": 0, "
                              "\"uinteger\": 0}");
    assert_true(rng_next64(&rng) == 11749869230777074271u);
    assert_true(rng_next64(&rng) == 4976686463289251617u);
    rng_seed(&rng, 1);
    assert_true(rng_standard_normal(&rng) == 0x1.61e0d28bbb3a1p-2);
}

static void known_permutation(void **state)
{
    (void)state;
    static const uint64_t want[10] = {5, 6, 0, 7, 3, 2, 4, 9, 1, 8};
    struct rng rng;
    rng_seed(&rng, 42);
    uint64_t order[10];
    rng_permutation(&rng, 10, order);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(order[i], want[i]);
    }
}

static void text_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rng rng;
        rng_seed(&rng, seed * 0x9e3779b97f4a7c15u);
        if (seed & 1) {
            (void)rng_next32(&rng);
        }
        char text[RNG_TEXT_SIZE];
        const size_t len = rng_text_write(text, &rng);
        struct rng again;
        assert_int_equal(rng_text_read(&again, text, len), 0);
        assert_memory_equal(&again, &rng, sizeof(rng));
    }
}

static void bad_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        {"", ZEUS_EPARSE},
        {"[]", ZEUS_EPARSE},
        {"{}", ZEUS_EPARSE},
        {"{\"bit_generator\":\"MT19937\"}", ZEUS_EPARSE},
        {"{\"bit_generator\":\"PCG64\",\"state\":{\"state\":1,\"inc\":2},\"has_uint32\":0,"
         "\"uinteger\":0}",
         ZEUS_EPARSE},
        {"{\"bit_generator\":\"PCG64\",\"state\":{\"state\":1,\"inc\":3},\"has_uint32\":2,"
         "\"uinteger\":0}",
         ZEUS_ERANGE},
        {"{\"bit_generator\":\"PCG64\",\"state\":{\"state\":1,\"inc\":3},\"has_uint32\":0,"
         "\"uinteger\":4294967296}",
         ZEUS_ERANGE},
        {"{\"bit_generator\":\"PCG64\",\"state\":{\"state\":-1,\"inc\":3},\"has_uint32\":0,"
         "\"uinteger\":0}",
         ZEUS_EPARSE},
        {"{\"bit_generator\":\"PCG64\",\"state\":{\"state\":"
         "340282366920938463463374607431768211456,"
         "\"inc\":3},\"has_uint32\":0,\"uinteger\":0}",
         ZEUS_ERANGE},
        {"{\"bit_generator\":\"PCG64\",\"state\":{\"state\":1,\"inc\":3},\"has_uint32\":0,"
         "\"uinteger\":0}x",
         ZEUS_EPARSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rng rng;
        rng_seed(&rng, 7);
        const struct rng before = rng;
        assert_int_equal(rng_text_read(&rng, rows[i].text, strlen(rows[i].text)), rows[i].code);
        assert_memory_equal(&rng, &before, sizeof(rng));
    }
}

static void half_words(void **state)
{
    (void)state;
    struct rng a;
    rng_seed(&a, 5);
    struct rng b = a;
    const uint64_t word = rng_next64(&a);
    const uint64_t next = rng_next64(&a);
    assert_true(rng_next32(&b) == (uint32_t)word);
    assert_true(rng_next64(&b) == next); /* 64-bit draws leave the half where it is */
    assert_true(rng_next32(&b) == (uint32_t)(word >> 32));
    assert_memory_equal(&a.state, &b.state, sizeof(a.state));
}

static void bounds(void **state)
{
    (void)state;
    static const uint64_t maxima[] = {
        1,         2, 6, 255, 0x80000000, 0xfffffffe, 0xffffffffu, 0x100000000u, UINT64_MAX / 3,
        UINT64_MAX};
    struct rng rng;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
        for (int k = 0; k < 2000; k++) {
            assert_true(rng_bounded(&rng, maxima[i]) <= maxima[i]);
        }
    }
    const struct rng before = rng;
    assert_true(rng_bounded(&rng, 0) == 0);
    assert_memory_equal(&rng, &before, sizeof(rng));
}

static void uniform_bounded(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    unsigned counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        counts[rng_bounded(&rng, 6)]++;
    }
    double chi2 = 0;
    for (size_t i = 0; i < 7; i++) {
        const double d = (double)counts[i] - 10000.0;
        chi2 += d * d / 10000.0;
    }
    assert_true(chi2 < 22.5); /* 0.999 quantile of 6 degrees of freedom */
}

/* Every method of choice gives distinct indices below n, whatever the sizes. */
static void choices_are_distinct(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        size_t k;
    } rows[] = {{1, 1},         {1, 0},       {7, 7},
                {40, 33},       {1000, 1000}, {20000, 10},
                {20000, 20000}, {20000, 500}, {(uint64_t)1 << 40, 300}};
    struct rng rng;
    rng_seed(&rng, 17);
    static uint64_t indices[20000];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(rng_choice(&rng, rows[i].n, rows[i].k, indices), 0);
        for (size_t a = 0; a < rows[i].k; a++) {
            assert_true(indices[a] < rows[i].n);
            for (size_t b = 0; b < a && rows[i].k <= 1000; b++) {
                assert_true(indices[a] != indices[b]);
            }
        }
    }
    assert_int_equal(rng_choice(&rng, 3, 4, indices), ZEUS_EINVAL);
}

static void shuffles_permute(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 41);
    struct rng twin = rng;
    uint64_t order[100];
    rng_permutation(&rng, ARRAY_LEN(order), order);
    uint16_t items[100];
    for (uint16_t i = 0; i < ARRAY_LEN(items); i++) {
        items[i] = i;
    }
    rng_shuffle(&twin, items, ARRAY_LEN(items), sizeof(items[0]));
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        assert_true(items[i] == order[i]);
        sum += order[i];
    }
    assert_true(sum == 4950);
    assert_memory_equal(&rng, &twin, sizeof(rng));
}

static void normal_moments(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 9);
    double sum = 0, sum2 = 0, sum4 = 0;
    unsigned tail = 0;
    const int n = 400000;
    for (int i = 0; i < n; i++) {
        const double x = rng_standard_normal(&rng);
        sum += x;
        sum2 += x * x;
        sum4 += x * x * x * x;
        tail += fabs(x) > 3.6541528853610088;
    }
    assert_true(fabs(sum / n) < 5 / sqrt(n));
    assert_true(fabs(sum2 / n - 1) < 5 * sqrt(2.0 / n));
    assert_true(fabs(sum4 / n - 3) < 5 * sqrt(96.0 / n));
    assert_in_range(tail, 60, 150); /* expected 103: the tail is reached */
    assert_true(rng_normal(&rng, 4, 0) == 4);
}

static void decimal_seeds(void **state)
{
    (void)state;
    struct rng a, b;
    rng_seed(&a, 1099511627781u);
    assert_int_equal(rng_seed_decimal(&b, "01099511627781", 14), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(rng_seed_decimal(&b, "", 0), ZEUS_EPARSE);
    assert_int_equal(rng_seed_decimal(&b, "-1", 2), ZEUS_EPARSE);
    assert_int_equal(rng_seed_decimal(&b, "1x", 2), ZEUS_EPARSE);
    static char nines[700];
    memset(nines, '9', sizeof(nines));
    assert_int_equal(rng_seed_decimal(&b, nines, sizeof(nines)), ZEUS_ERANGE);
    assert_int_equal(rng_seed_decimal(&b, nines, 600), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),    cmocka_unit_test(known_permutation),
        cmocka_unit_test(text_round_trip),  cmocka_unit_test(bad_texts),
        cmocka_unit_test(half_words),       cmocka_unit_test(bounds),
        cmocka_unit_test(uniform_bounded),  cmocka_unit_test(choices_are_distinct),
        cmocka_unit_test(shuffles_permute), cmocka_unit_test(normal_moments),
        cmocka_unit_test(decimal_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
