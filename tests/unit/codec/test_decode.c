/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/json_decode: coercions, problems and their words, malformed bodies.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/json_decode.h"

struct record {
    int64_t count;
    double ratio;
    int flag;
    const char *name;
    struct json_ints sizes;
    double beta;
    int has_beta;
};

#define AT(member) offsetof(struct record, member)

static const struct json_field fields[] = {
    {"count", JSON_KIND_INT, JSON_REQUIRED | JSON_GT, AT(count), 0, 0, NULL, NULL},
    {"ratio", JSON_KIND_DOUBLE, JSON_GE, AT(ratio), 0, 0, NULL, NULL},
    {"flag", JSON_KIND_BOOL, 0, AT(flag), 0, 0, NULL, NULL},
    {"name", JSON_KIND_STRING, JSON_NULLABLE, AT(name), 0, 0, NULL, NULL},
    {"sizes", JSON_KIND_INTS, 0, AT(sizes), 0, 0, NULL, NULL},
    {"beta", JSON_KIND_DOUBLE, JSON_NULLABLE, AT(beta), AT(has_beta), 0, NULL, NULL},
};

struct decoded {
    struct record record;
    int status;
    unsigned problems;
    char text[512];
    struct arena arena;
};

static void decode(const char *body, size_t len, struct decoded *d)
{
    *d = (struct decoded){.record = {.ratio = 0.5}};
    struct json_problems p;
    arena_init(&d->arena, 1 << 20);
    json_problems_init(&p, &d->arena);
    d->status = json_decode_body(body, len, fields, ARRAY_LEN(fields), &d->record, &p);
    d->problems = p.count;
    const char *text = "";
    size_t text_len = 0;
    if (p.count) {
        assert_int_equal(json_problems_finish(&p, &text, &text_len), 0);
    }
    assert_true(text_len < sizeof(d->text));
    memcpy(d->text, text, text_len);
    json_problems_done(&p);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"7", 7},      {"7.9", 7},    {"\" 12 \"", 12}, {"\"1_000\"", 1000}, {"true", 1},
        {"1e3", 1000}, {"\"+5\"", 5}, {"\"007\"", 7},   {"2.0", 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[64];
        int n = snprintf(body, sizeof(body), "{\"count\":%s}", cases[i].text);
        struct decoded d;
        decode(body, (size_t)n, &d);
        assert_int_equal(d.problems, 0);
        assert_int_equal(d.record.count, cases[i].value);
        arena_done(&d.arena);
    }
}

static void doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1", 1.0},
        {"\".5\"", 0.5},
        {"\"5.\"", 5.0},
        {"\"1_0.5e1\"", 105.0},
        {"false", 0.0},
        {"\"inf\"", INFINITY},
        {"Infinity", INFINITY},
        {"1e999", INFINITY},
        {"\"Infinity\"", INFINITY},
        {"\"007.25\"", 7.25},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[64];
        int n = snprintf(body, sizeof(body), "{\"count\":1,\"ratio\":%s}", cases[i].text);
        struct decoded d;
        decode(body, (size_t)n, &d);
        assert_int_equal(d.problems, 0);
        assert_true(d.record.ratio == cases[i].value);
        arena_done(&d.arena);
    }
}

static void problems(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *text;
    } cases[] = {
        {"{}", "{\"detail\":[{\"loc\":[\"body\",\"count\"],\"msg\":\"field required\","
               "\"type\":\"value_error.missing\"}]}"},
        {"", "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\","
             "\"type\":\"value_error.missing\"}]}"},
        {"null", "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\","
                 "\"type\":\"value_error.missing\"}]}"},
        {"[1]", "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"value is not a valid dict\","
                "\"type\":\"type_error.dict\"}]}"},
        {"{\"count\":0}",
         "{\"detail\":[{\"loc\":[\"body\",\"count\"],\"msg\":\"ensure this value is greater than "
         "0\",\"type\":\"value_error.number.not_gt\",\"ctx\":{\"limit_value\":0}}]}"},
        {"{\"flag\":\"maybe\",\"count\":null}",
         "{\"detail\":[{\"loc\":[\"body\",\"count\"],\"msg\":\"none is not an allowed value\","
         "\"type\":\"type_error.none.not_allowed\"},{\"loc\":[\"body\",\"flag\"],\"msg\":\"value "
         "could not be parsed to a boolean\",\"type\":\"type_error.bool\"}]}"},
        {"{\"count\":1,\"sizes\":[1,\"x\",[]]}",
         "{\"detail\":[{\"loc\":[\"body\",\"sizes\",1],\"msg\":\"value is not a valid integer\","
         "\"type\":\"type_error.integer\"},{\"loc\":[\"body\",\"sizes\",2],\"msg\":\"value is not "
         "a valid integer\",\"type\":\"type_error.integer\"}]}"},
        {"{\"count\":1,\"name\":[]}",
         "{\"detail\":[{\"loc\":[\"body\",\"name\"],\"msg\":\"str type expected\",\"type\":"
         "\"type_error.str\"}]}"},
        {"{\"count\":1,\"ratio\":\"1..5\"}",
         "{\"detail\":[{\"loc\":[\"body\",\"ratio\"],\"msg\":\"value is not a valid float\","
         "\"type\":\"type_error.float\"}]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d;
        decode(cases[i].body, strlen(cases[i].body), &d);
        assert_int_equal(d.status, 0);
        assert_string_equal(d.text, cases[i].text);
        arena_done(&d.arena);
    }
}

static void malformed(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *msg;
    } cases[] = {
        {"{bad", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
        {"[1,]", "Expecting value: line 1 column 4 (char 3)"},
        {"{\"a\":1,}",
         "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)"},
        {"{\"a\" 1}", "Expecting ':' delimiter: line 1 column 6 (char 5)"},
        {"{\"a\":1 \"b\"", "Expecting ',' delimiter: line 1 column 8 (char 7)"},
        {"{}\n x", "Extra data: line 2 column 2 (char 4)"},
        {"[\"\xC3\xA9\", nul]", "Expecting value: line 1 column 7 (char 6)"},
        {"[\"abc", "Unterminated string starting at: line 1 column 2 (char 1)"},
        {"[\"a\\q\"]", "Invalid \\\\escape: line 1 column 4 (char 3)"},
        {"[\"a\nb\"]", "Invalid control character at: line 1 column 4 (char 3)"},
        {"-", "Expecting value: line 1 column 1 (char 0)"},
        {"{\"a\":01}", "Expecting ',' delimiter: line 1 column 7 (char 6)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct decoded d;
        decode(cases[i].body, strlen(cases[i].body), &d);
        assert_int_equal(d.status, ZEUS_EPARSE);
        if (!strstr(d.text, cases[i].msg)) {
            print_error("%s: %s\n", cases[i].body, d.text);
        }
        assert_non_null(strstr(d.text, cases[i].msg));
        arena_done(&d.arena);
    }
    struct decoded d;
    decode("\xff{}", 3, &d);
    assert_int_equal(d.status, ZEUS_EPARSE);
    assert_int_equal(d.problems, 0);
    arena_done(&d.arena);
}

static void nulls_strings_and_repeats(void **state)
{
    (void)state;
    static const char body[] = "{\"name\":\"x\",\"count\":\"x\",\"other\":{\"count\":[3]},"
                               "\"name\":12.50,\"count\":4,\"beta\":null,\"sizes\":[]}";
    struct decoded d;
    decode(body, sizeof(body) - 1, &d);
    assert_int_equal(d.problems, 0);
    assert_int_equal(d.record.count, 4);
    assert_string_equal(d.record.name, "12.5");
    assert_int_equal(d.record.has_beta, 0);
    assert_int_equal(d.record.sizes.count, 0);
    assert_true(d.record.ratio == 0.5);
    arena_done(&d.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(problems),
        cmocka_unit_test(malformed),
        cmocka_unit_test(nulls_strings_and_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
