/* SPDX-License-Identifier: Apache-2.0
 *
 * Ticks, escaping, numbers, and that every chart survives empty, constant and unknown values.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "plot/axis.h"
#include "plot/chart.h"
#include "plot/svg.h"

static void check_axis(double low, double high, int ticks, const char *first, const char *last)
{
    struct axis a;
    char text[AXIS_LABEL_SIZE];
    axis_init(&a, low, high, 6, 1);
    assert_int_equal(a.ticks, ticks);
    assert_string_equal(axis_label(&a, a.tick[0], text), first);
    assert_string_equal(axis_label(&a, a.tick[a.ticks - 1], text), last);
    assert_true(a.low <= low && a.high >= high);
}

static void test_ticks(void **state)
{
    (void)state;
    check_axis(0, 1, 6, "0", "1.0");
    check_axis(0, 60, 7, "0", "60");
    check_axis(-0.3, 0.3, 7, "-0.3", "0.3");
    check_axis(1000, 2500, 4, "1000", "2500");
    check_axis(0, 52000, 7, "0", "60k");
    check_axis(0.00012, 0.00018, 7, "0.00012", "0.00018");
}

static void test_odd_ends(void **state)
{
    static const double ends[][2] = {{NAN, 1}, {1, NAN},      {5, 5},          {0, 0},
                                     {3, 2},   {0, INFINITY}, {-1e308, 1e308}, {1e-310, 2e-310}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct axis a;
        axis_init(&a, ends[i][0], ends[i][1], 6, 1);
        assert_true(a.ticks > 0 && a.ticks <= AXIS_TICKS_MAX);
        assert_true(isfinite(a.low) && isfinite(a.high) && a.high > a.low);
        axis_init_log(&a, ends[i][0], ends[i][1]);
        assert_true(a.ticks > 0 && a.ticks <= AXIS_TICKS_MAX);
    }
}

static void check_escaped(const char *text, const char *expected)
{
    struct strbuf out;
    strbuf_init(&out, 1000);
    svg_escape(&out, text);
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_done(&out);
}

static void test_escape(void **state)
{
    (void)state;
    check_escaped("<a b=\"c\"> & 'd'", "&lt;a b=&quot;c&quot;&gt; &amp; &#39;d&#39;");
    check_escaped("\x01x\x7f", "\xef\xbf\xbdx\xef\xbf\xbd");
    check_escaped("\xc3\xa9\xff", "\xc3\xa9\xef\xbf\xbd");
    check_escaped(NULL, "");
}

static void check_number(double value, const char *expected)
{
    struct strbuf out;
    strbuf_init(&out, 1000);
    svg_number(&out, value);
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_done(&out);
}

static void test_numbers(void **state)
{
    (void)state;
    check_number(1.5, "1.5");
    check_number(100, "100");
    check_number(-0.001, "0");
    check_number(2.005, "2");
    check_number(NAN, "0");
    check_number(1e300, "0");
}

/* The picture is closed, and no value that is not a number got into it. */
static void check_picture(int r, struct strbuf *out)
{
    assert_int_equal(r, 0);
    assert_non_null(strstr(strbuf_text(out), "</svg>"));
    assert_null(strstr(strbuf_text(out), "nan"));
    assert_null(strstr(strbuf_text(out), "inf"));
    strbuf_clear(out);
}

static void test_charts(void **state)
{
    static const double x[] = {0, 1, 2, 3, 4};
    static const double y[] = {1, NAN, 3, INFINITY, 2};
    static const double flat[] = {7, 7, 7, 7, 7};
    static const char *const groups[] = {"a", "b<>"};
    static const char *const bar_names[] = {"left", "right"};
    static const double bars[] = {1, NAN, -2, 4};
    static const double errors[] = {0.5, 1, NAN, 1};
    const struct chart chart = {.title = "t & u", .x_label = "x", .y_label = "y"};
    const struct chart_series series[] = {{"one", x, y, 5, CHART_LINE},
                                          {"two", x, flat, 5, CHART_STEP},
                                          {NULL, x, y, 5, CHART_POINTS},
                                          {"none", NULL, NULL, 0, CHART_LINE_POINTS}};
    const struct chart_mark marks[] = {{2, 1, "here"}, {NAN, 0, "nowhere"}};
    const struct chart_pick picks[] = {{3, 2, "p"}, {NAN, 1, "q"}};
    const struct chart_bars b = {groups, 2, bar_names, 2, bars, errors};
    const struct chart_task tasks[] = {{0, 0, 1, 5, "690", "tip", 1},
                                       {1, 1, 3, NAN, NULL, NULL, 1},
                                       {9, 1, 3, 2, NULL, NULL, 0},
                                       {0, 2, NAN, 2, NULL, NULL, 0}};
    const struct chart_gantt gantt = {groups, 2, tasks, 4, 0, 10, "W", 0};
    const struct chart_gantt empty = {NULL, 0, NULL, 0, 0, 0, NULL, 0};
    struct strbuf out;
    (void)state;
    strbuf_init(&out, 1u << 20);
    check_picture(chart_lines(&out, &chart, series, 4, marks, 2), &out);
    check_picture(chart_lines(&out, &chart, NULL, 0, NULL, 0), &out);
    check_picture(chart_frontier(&out, &chart, series, 2, picks, 2), &out);
    check_picture(chart_bars(&out, &chart, &b), &out);
    check_picture(chart_gantt(&out, &chart, &gantt), &out);
    check_picture(chart_gantt(&out, &chart, &empty), &out);
    strbuf_done(&out);
}

/* A million points make a small picture, and a single spike among them stays. */
static void test_thinning(void **state)
{
    enum { COUNT = 200000 };
    static double x[COUNT];
    static double y[COUNT];
    struct strbuf out;
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        x[i] = i;
        y[i] = i == 77777 ? 100 : i % 2;
    }
    const struct chart chart = {.title = "spike"};
    const struct chart_series series = {NULL, x, y, COUNT, CHART_LINE};
    strbuf_init(&out, 1u << 20);
    assert_int_equal(chart_lines(&out, &chart, &series, 1, NULL, 0), 0);
    assert_true(out.len < 100000);
    struct axis a;
    axis_init(&a, 0, 100, 6, 1);
    assert_non_null(strstr(strbuf_text(&out), " 42L")); /* the top of the picture is reached */
    strbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks),  cmocka_unit_test(test_odd_ends),
        cmocka_unit_test(test_escape), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_charts), cmocka_unit_test(test_thinning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
