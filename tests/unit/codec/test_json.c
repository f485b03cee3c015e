/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/json_reader and codec/json_writer: accepted and refused texts, tokens, escapes, limits.
 */
#include "test.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

static int read_all(const char *text)
{
    struct json_reader r;
    json_reader_init(&r, text, strlen(text));
    int token = json_next(&r);
    while (token > 0) {
        token = json_next(&r);
    }
    return token;
}

static void accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "null",         " [] ", "{}",  "[1,2.5,-3e2]", "{\"a\":[{}]}", "\"\\u00e9\\ud83d\\ude00\"",
        "[true,false]", "0",    "\"\""};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(read_all(texts[i]), 0);
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "nul",  "[1,]", "{\"a\"}",    "{\"a\":}",     "{,}",
        "[1 2]", "01",   "1 1",  "\"\\x\"",    "\"\\ud800\"",  "\"\xff\"",
        "\"a",   "[",    "}",    "{\"a\":1,}", "\"\\udc00\"",  "\"a\nb\"",
        "{1:2}", "[1]]", "+1",   ".5",         "\"\xc0\xaf\"", "\"\\u12\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(read_all(texts[i]), ZEUS_EPARSE);
    }
}

static void depth_is_capped(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH_MAX + 8];
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    text[2 * JSON_DEPTH_MAX] = '\0';
    assert_int_equal(read_all(text), 0);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    assert_int_equal(read_all(text), ZEUS_ELIMIT);
}

static void values(void **state)
{
    (void)state;
    const char *text =
        "{\"k\\u0031\":18446744073709551615,\"s\":\"a\\n\\u20ac\",\"skip\":[1,{\"x\":[]}],"
        "\"d\":-1.5e3}";
    struct json_reader r;
    json_reader_init(&r, text, strlen(text));
    assert_int_equal(json_next(&r), JSON_OBJECT_BEGIN);
    assert_int_equal(json_next(&r), JSON_KEY);
    assert_true(json_is(&r, "k1"));
    assert_false(json_is(&r, "k"));
    assert_false(json_is(&r, "k12"));
    assert_int_equal(json_next(&r), JSON_NUMBER);
    uint64_t u = 0;
    assert_int_equal(json_get_u64(&r, &u), 0);
    assert_true(u == UINT64_MAX);
    int64_t i = 0;
    assert_int_equal(json_get_i64(&r, &i), ZEUS_ERANGE);
    assert_int_equal(json_next(&r), JSON_KEY);
    assert_int_equal(json_next(&r), JSON_STRING);
    char out[8];
    assert_int_equal(json_get_string(&r, out, sizeof(out)), 5);
    assert_string_equal(out, "a\n\xe2\x82\xac");
    assert_int_equal(json_get_string(&r, out, 5), ZEUS_ELIMIT);
    assert_int_equal(json_next(&r), JSON_KEY);
    assert_int_equal(json_skip(&r), 0);
    assert_int_equal(json_next(&r), JSON_KEY);
    assert_true(json_is(&r, "d"));
    assert_int_equal(json_next(&r), JSON_NUMBER);
    double d = 0;
    assert_int_equal(json_get_double(&r, &d), 0);
    assert_true(d == -1500);
    assert_int_equal(json_next(&r), JSON_OBJECT_END);
    assert_int_equal(json_next(&r), JSON_END);
}

static void error_names_the_place(void **state)
{
    (void)state;
    const char *text = "{\n  \"a\" 1}";
    struct json_reader r;
    json_reader_init(&r, text, strlen(text));
    while (json_next(&r) > 0) {
        continue;
    }
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(json_reader_error(&r, &err), ZEUS_EPARSE);
    assert_string_equal(err.message, "line 2, column 7: expected a colon");
}

static void writer_output(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 4096);
    struct json_writer w;
    json_writer_init(&w, &sb, 0);
    json_begin_object(&w);
    json_key_string(&w, "s", "q\"\\\n\x01\xff\xc3\xa9");
    json_key_double(&w, "nan", 0.0 / 0.0);
    json_key(&w, "a");
    json_begin_array(&w);
    json_u64(&w, 1);
    json_bool(&w, 1);
    json_fixed(&w, 2.345, 2);
    json_begin_object(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    assert_int_equal(json_writer_finish(&w), 0);
    assert_string_equal(strbuf_text(&sb), "{\"s\":\"q\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\","
                                          "\"nan\":null,\"a\":[1,true,2.35,{}]}");
    assert_int_equal(read_all(strbuf_text(&sb)), 0);
    strbuf_done(&sb);
}

static void writer_checks_nesting(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 4096);
    struct json_writer w;
    json_writer_init(&w, &sb, 2);
    json_begin_object(&w);
    json_u64(&w, 1); /* no key */
    json_end_object(&w);
    assert_int_equal(json_writer_finish(&w), ZEUS_ESTATE);
    strbuf_clear(&sb);
    json_writer_init(&w, &sb, 2);
    json_begin_array(&w);
    json_end_object(&w);
    assert_int_equal(json_writer_finish(&w), ZEUS_ESTATE);
    strbuf_done(&sb);
}

static void buffer_limit(void **state)
{
    (void)state;
    struct strbuf sb;
    strbuf_init(&sb, 8);
    struct json_writer w;
    json_writer_init(&w, &sb, 0);
    json_string(&w, "longer than eight");
    assert_int_equal(json_writer_finish(&w), ZEUS_ELIMIT);
    strbuf_done(&sb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(depth_is_capped),
        cmocka_unit_test(values),
        cmocka_unit_test(error_names_the_place),
        cmocka_unit_test(writer_output),
        cmocka_unit_test(writer_checks_nesting),
        cmocka_unit_test(buffer_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
