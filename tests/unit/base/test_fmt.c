/* SPDX-License-Identifier: Apache-2.0
 *
 * base/fmt and base/parse against each other and against recorded texts.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include <zeus/error.h>

#include "base/fmt.h"
#include "base/macro.h"
#include "base/parse.h"

static void shortest_texts(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {1.5, "1.5"},
        {0.1, "0.1"},
        {1e-4, "0.0001"},
        {1e-5, "1e-05"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {123456.789, "123456.789"},
        {5e-324, "5e-324"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-2.5e-7, "-2.5e-07"},
        {3.170203685760498, "3.170203685760498"},
        {100, "100.0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[FMT_DOUBLE_SIZE];
        size_t n = fmt_double(out, rows[i].value);
        assert_string_equal(out, rows[i].text);
        assert_int_equal(n, strlen(rows[i].text));
    }
}

static void round_trip(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value)) {
            continue;
        }
        char out[FMT_DOUBLE_SIZE];
        size_t n = fmt_double(out, value);
        double again = 0;
        assert_int_equal(parse_double(out, n, 0, &again), 0);
        assert_memory_equal(&again, &value, sizeof(value));
    }
}

static void fixed_texts(void **state)
{
    (void)state;
    char out[FMT_DOUBLE_SIZE];
    fmt_fixed(out, 1234.5678, 2);
    assert_string_equal(out, "1234.57");
    fmt_fixed(out, -0.5, 0);
    assert_string_equal(out, "-0");
    fmt_fixed(out, 2400, 3);
    assert_string_equal(out, "2400.000");
}

static void bad_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = {"",    "-",   "+1",  "01",  "1.",   ".5",
                                        "1e",  "1e+", "0x1", "1 ",  " 1",   "1,5",
                                        "inf", "nan", "--1", "1..", "1e5.", "1_000"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        double value = 42;
        assert_int_equal(parse_double(texts[i], strlen(texts[i]), 0, &value), ZEUS_EPARSE);
        assert_true(value == 42);
    }
    double value = 0;
    assert_int_equal(parse_double("1e999", 5, 0, &value), ZEUS_ERANGE);
}

static void integers(void **state)
{
    (void)state;
    uint64_t u = 0;
    int64_t i = 0;
    assert_int_equal(parse_u64("18446744073709551615", 20, &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(parse_u64("18446744073709551616", 20, &u), ZEUS_ERANGE);
    assert_int_equal(parse_u64("-1", 2, &u), ZEUS_EPARSE);
    assert_int_equal(parse_i64("-9223372036854775808", 20, &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(parse_i64("9223372036854775808", 19, &i), ZEUS_ERANGE);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
        int code;
    } rows[] = {{"1", 1000000000u, 0},    {"250ms", 250000000u, 0}, {"1.5s", 1500000000u, 0},
                {"2m", 120000000000u, 0}, {"10us", 10000, 0},       {"1x", 0, ZEUS_EPARSE},
                {"", 0, ZEUS_EPARSE},     {"-1s", 0, ZEUS_ERANGE},  {"1e30h", 0, ZEUS_ERANGE}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t ns = 0;
        assert_int_equal(parse_duration_ns(rows[i].text, strlen(rows[i].text), &ns), rows[i].code);
        assert_true(ns == rows[i].ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortest_texts), cmocka_unit_test(round_trip),
        cmocka_unit_test(fixed_texts),    cmocka_unit_test(bad_numbers),
        cmocka_unit_test(integers),       cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
