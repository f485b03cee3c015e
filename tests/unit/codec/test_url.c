/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/url: targets split and decoded, refusals, encoding.
 */
#include "test.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/url.h"

static void targets(void **state)
{
    (void)state;
    char buffer[128];
    struct url_target t;
    assert_int_equal(url_parse("/a%20b/+c?x=1&y=a+b%26&&z&x=2", buffer, sizeof(buffer), &t), 0);
    assert_int_equal(t.segment_count, 2);
    assert_string_equal(t.segments[0], "a b");
    assert_string_equal(t.segments[1], "+c");
    assert_int_equal(t.query_count, 4);
    assert_string_equal(url_query(&t, "x"), "2");
    assert_string_equal(url_query(&t, "y"), "a b&");
    assert_string_equal(url_query(&t, "z"), "");
    assert_null(url_query(&t, "w"));
    assert_int_equal(url_parse("/", buffer, sizeof(buffer), &t), 0);
    assert_int_equal(t.segment_count, 1);
    assert_string_equal(t.segments[0], "");
    assert_int_equal(url_parse("/a?", buffer, sizeof(buffer), &t), 0);
    assert_int_equal(t.query_count, 0);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        int code;
    } cases[] = {
        {"", ZEUS_EPARSE},         {"a", ZEUS_EPARSE},
        {"*", ZEUS_EPARSE},        {"/%", ZEUS_EPARSE},
        {"/%2", ZEUS_EPARSE},      {"/%2g", ZEUS_EPARSE},
        {"/a%2Fb", ZEUS_EPARSE},   {"/%00", ZEUS_EPARSE},
        {"/a?x=%00", ZEUS_EPARSE}, {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", ZEUS_ELIMIT},
    };
    char buffer[128];
    struct url_target t;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(url_parse(cases[i].target, buffer, sizeof(buffer), &t), cases[i].code);
    }
    assert_int_equal(url_parse("/abc", buffer, 5, &t), ZEUS_ELIMIT);
    assert_int_equal(url_parse("/abc", buffer, 6, &t), 0);
}

static void encoding(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(url_encode("a/+ \xC3", out, sizeof(out)), 13);
    assert_string_equal(out, "a%2F%2B%20%C3");
    assert_int_equal(url_encode("abc", out, 3), ZEUS_ELIMIT);
    assert_int_equal(url_encode("", out, 0), ZEUS_ELIMIT);
}

static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *path;
        size_t segments;
        const char *value; /* of "v", the last */
    } cases[] = {
        {"/", "/", 1, NULL},
        {"/a%2Fb/c?v=%2B+x", "/a/b/c", 3, "+ x"},
        {"/a%252Fb", "/a%2Fb", 1, NULL},
        {"/a+b?v=1&v=2", "/a+b", 1, "2"},
        {"/a?v=%", "/a", 1, "%"},
        {"/a?v=%4", "/a", 1, "%4"},
        {"/a?v=%zz%41", "/a", 1, "%zzA"},
        {"/a?v=a=b", "/a", 1, "a=b"},
        {"/a?v#&v=2", "/a", 1, ""},
        {"/a#?v=1", "/a", 1, NULL},
        {"HTTP://h:1/a?v=1", "/a", 1, "1"},
        {"/a?v=%ff", "/a", 1, "\xEF\xBF\xBD"},
        {"/a?v=%C3%A9", "/a", 1, "\xC3\xA9"},
        {"/a?v=%E2%82", "/a", 1, "\xEF\xBF\xBD"},
        {"/a?v=%E2%28", "/a", 1, "\xEF\xBF\xBD("},
        {"/a?v=%F0%9F%98x", "/a", 1, "\xEF\xBF\xBDx"},
        {"/a?v=%F0%9F", "/a", 1, "\xEF\xBF\xBD"},
        {"/a?v=%ED%A0%80", "/a", 1, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    char buffer[256];
    struct url_target t;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(url_parse_form(cases[i].target, buffer, sizeof(buffer), &t), 0);
        assert_string_equal(t.path, cases[i].path);
        assert_int_equal(t.segment_count, cases[i].segments);
        const char *value = url_query(&t, "v");
        assert_true(!value == !cases[i].value);
        assert_true(!value || strcmp(value, cases[i].value) == 0);
    }
    assert_int_equal(url_parse_form("/a?x=1&y=2&x=3", buffer, sizeof(buffer), &t), 0);
    assert_int_equal(t.query_count, 3);
    assert_string_equal(t.query[0].value, "1");
    assert_string_equal(t.query[2].value, "3");
    static const char *const bad[] = {"",        "*",       "a",        "?x=1",
                                      "/%",      "/%4",     "/%g0",     "/%00",
                                      "/?v=%00", "http:/a", "http://h", "ftp://h/a"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(url_parse_form(bad[i], buffer, sizeof(buffer), &t), ZEUS_EPARSE);
    }
    assert_int_equal(
        url_parse_form("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h", buffer, sizeof(buffer), &t),
        ZEUS_ELIMIT);
    assert_int_equal(url_parse_form("/abc", buffer, URL_FORM_BUFFER(4) - 1, &t), ZEUS_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(targets), cmocka_unit_test(refusals),
                                       cmocka_unit_test(forms), cmocka_unit_test(encoding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
