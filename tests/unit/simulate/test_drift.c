/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices of drifting data: days against a calendar walked day by day, slices by lines and by days,
 * and what is refused.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "simulate/drift.h"

static void days(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned wrong = 0;
    int64_t want = -719162; /* 0001-01-01 */
    for (int year = 1; year <= 2401; year++) {
        const int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            const int last = lengths[month - 1] + (month == 2 && is_leap);
            for (int day = 1; day <= last; day++, want++) {
                char text[32];
                int64_t got = 0;
                (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT", year, month, day);
                wrong += drift_day(text, 11, &got) != 0 || got != want;
            }
        }
    }
    assert_int_equal(wrong, 0);
    int64_t day = 0;
    assert_int_equal(drift_day("1970-01-01", 10, &day), 0);
    assert_int_equal(day, 0);
    static const char *const bad[] = {"2009-02-29", "2009-13-01", "2009-00-01", "2009-01-00",
                                      "0000-01-01", "2009/01/01", "2009-1-01x", "20x9-01-01"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(drift_day(bad[i], 10, &day), ZEUS_EPARSE);
    }
    assert_int_equal(drift_day("2009-01-0", 9, &day), ZEUS_EPARSE);
}

static void slices_by_lines(void **state)
{
    (void)state;
    static const char text[] = "a\nbb\r\n\n\r\nc\nd\ne";
    struct drift_lines lines;
    assert_int_equal(drift_lines_find(text, sizeof(text) - 1, &lines), 0);
    assert_int_equal(lines.count, 5);
    size_t len = 0;
    assert_memory_equal(drift_line(text, sizeof(text) - 1, &lines, 1, &len), "bb", 2);
    assert_int_equal(len, 2);
    static const struct {
        uint64_t window;
        uint64_t stride;
        size_t count;
    } rows[] = {{2, 1, 4}, {2, 2, 2}, {5, 1, 1}, {6, 1, 0}, {1, 1000000000, 1}, {5, 5, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct drift_plan plan = {.window = rows[i].window, .stride = rows[i].stride};
        size_t *first = NULL;
        size_t count = 99;
        assert_int_equal(
            drift_plan_slices(text, sizeof(text) - 1, &lines, &plan, &first, &count, NULL), 0);
        assert_int_equal(count, rows[i].count);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(first[k], k * rows[i].stride);
        }
        free(first);
    }
    drift_lines_finish(&lines);
}

static int plan_days(const char *text, uint64_t window, uint64_t stride, const char *first_day,
                     size_t first[8], zeus_error *err)
{
    struct drift_lines lines;
    assert_int_equal(drift_lines_find(text, strlen(text), &lines), 0);
    const struct drift_plan plan = {window, stride, "date", first_day};
    size_t *found = NULL;
    size_t count = 0;
    const int code = drift_plan_slices(text, strlen(text), &lines, &plan, &found, &count, err);
    drift_lines_finish(&lines);
    if (code < 0) {
        return code;
    }
    assert_true(count <= 8);
    if (count > 0) {
        memcpy(first, found, count * sizeof(*first));
    }
    free(found);
    return (int)count;
}

static void slices_by_days(void **state)
{
    (void)state;
    static const char text[] = "{\"x\":[1,{}],\"date\":\"2009-04-30 23:00\"}\n" /* 0 */
                               "{\"date\":\"2009-05-01\"}\n"
                               "{\"date\":\"2009-05-01\"}\n"
                               "{\"date\":\"2009-05-02\"}\n" /* 3 */
                               "{\"date\":\"2009-05-05\"}\n" /* 4 */
                               "{\"date\":\"2009-05-06\"}\n";
    size_t first[8];
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(plan_days(text, 2, 1, NULL, first, &err), 4);
    assert_int_equal(first[1], 1);
    assert_int_equal(first[2], 3);
    assert_int_equal(first[3], 4);
    assert_int_equal(plan_days(text, 2, 1, "2009-05-01", first, &err), 3);
    assert_int_equal(first[0], 1);
    assert_int_equal(plan_days(text, 1, 3, "2009-05-01", first, &err), 2);
    assert_int_equal(first[1], 4); /* due on the 4th, begun on the next day with lines */
    assert_int_equal(plan_days(text, 7, 1, NULL, first, &err), 0);
}

static void refusals(void **state)
{
    (void)state;
    size_t first[8];
    zeus_error err = ZEUS_ERROR_INIT;
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"{\"date\":\"2009-05-01\"}\n{\"day\":\"2009-05-01\"}", "line 2: no member \"date\""},
        {"{\"date\":20090501}", "line 1"},
        {"{\"date\":\"2009-05-02\"}\n{\"date\":\"2009-05-01\"}", "line 2: its date is before"},
        {"not json", "line 1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(plan_days(rows[i].text, 1, 1, NULL, first, &err), ZEUS_EPARSE);
        assert_non_null(strstr(err.message, rows[i].words));
    }
    assert_int_equal(plan_days("{}", 1, 1, "May", first, &err), ZEUS_EINVAL);
    assert_int_equal(plan_days("{}", 0, 1, NULL, first, &err), ZEUS_EINVAL);
    assert_int_equal(plan_days("{}", 1, 0, NULL, first, &err), ZEUS_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days),
        cmocka_unit_test(slices_by_lines),
        cmocka_unit_test(slices_by_days),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
