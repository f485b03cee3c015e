/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/rfc3339: known times, every day against timegm's rule, refusals.
 */
#include "test.h"

#include <stdio.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/rfc3339.h"

static void known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t time_s;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01Z", 1},
        {"2000-02-29T23:59:59Z", 951868799},
        {"2026-01-01T00:00:00Z", 1767225600},
        {"2026-01-01T00:00:00+00:00", 1767225600},
        {"2026-01-01T01:30:00+01:30", 1767225600},
        {"2025-12-31T19:00:00-05:00", 1767225600},
        {"9999-12-31T23:59:59Z", UINT64_C(253402300799)},
        {"1970-01-01T00:00:00+10:00", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t time_s = 77;
        assert_int_equal(rfc3339_parse(cases[i].text, &time_s), 0);
        assert_true(time_s == cases[i].time_s);
    }
}

/* Day after day from 1970 to 2400: each is 86,400 s after the one before. */
static void every_day(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t expected = 0;
    for (int year = 1970; year <= 2400; year++) {
        int is_leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        for (int month = 1; month <= 12; month++) {
            int days = lengths[month - 1] + (month == 2 && is_leap);
            for (int day = 1; day <= days + 1; day++) {
                char text[32];
                uint64_t time_s = 0;
                (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00Z", year, month, day);
                int r = rfc3339_parse(text, &time_s);
                assert_int_equal(r, day <= days ? 0 : ZEUS_EPARSE);
                assert_true(r < 0 || time_s == expected);
                expected += r == 0 ? 86400 : 0;
            }
        }
    }
}

static void refusals(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00z",
        "2026-01-01T00:00:00.5Z",
        "2026-01-01T00:00:00ZZ",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+01:00x",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00-01:60",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "1969-12-31T23:59:59Z",
        "+026-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t time_s = 77;
        assert_int_equal(rfc3339_parse(cases[i], &time_s), ZEUS_EPARSE);
        assert_int_equal(time_s, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known), cmocka_unit_test(every_day),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
