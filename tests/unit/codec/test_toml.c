/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/toml: what is taken, what is refused and in which words, values, order, limits.
 */
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/toml.h"

static int parse(const char *text, struct toml_document *doc, zeus_error *err)
{
    return toml_parse(text, strlen(text), "t.toml", doc, err);
}

static void accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "\n\n",
        "# only a comment",
        "a = 1",
        "a = 1\r\nb = 2\r\n",
        "a=1#c\n",
        "\ta\t=\t1\t\n",
        "1234 = 'x'\n-_- = 'y'\ntrue = false\n",
        "\"\" = 'empty key'\n",
        "'a b' = 1\n\"\\u00e9\" = 2\n",
        "a . b . 'c' = 1\na.b.d = 2\n",
        "3.14 = 'pi'\n",
        "[a]\n[a.b]\nx=1\n[c]\n",
        "[a.b.c]\nx=1\n[a]\ny=2\n",
        "[a.b.c]\n[a]\nb.x = 1\n",
        "[ a . 'b' ]\n",
        "[a]\nb.c = 1\nb.d = 2\n[a.b.e]\nx = 1\n",
        "[[a]]\n[[a]]\nx=1\n[a.b]\n[[a]]\n[a.b]\n",
        "[[a]]\n[[a.b]]\n[[a.b]]\n",
        "a = []\nb = [1,2,]\nc = [\n 1, # one\n\n 2 ,\n]\n",
        "a = [1, 'x', [2.5, true], {b = 1}]\n",
        "a = {}\nb = { c = 1, d.e = 2, d.f = 3 }\n",
        "a = {b = [\n1,\n2\n]}\n",
        "a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00E9\\U0001F600\"\n",
        "a = ''\nb = \"\"\nc = '\\'\n",
        "a = \"\"\"\"\"\"\nb = ''''''\n",
        "a = \"\"\"\"x\"\"\"\"\nb = '''''x'''''\n",
        "a = \"\"\"\none\\\n   \n  two \\\"\"\" x\"\"\"\n",
        "a = '''\nC:\\x \"\"\" ''\n'''\n",
        "a = +1\nb = -0\nc = 1_000\nd = 0xDEAD_beef\ne = 0o17\nf = 0b1_0\n",
        "a = 9223372036854775807\nb = -9223372036854775808\nc = 0x7fffffffffffffff\n",
        "a = 1.5\nb = -1e3\nc = 1_0.0_1E+0_1\nd = inf\ne = -inf\nf = +nan\ng = 1e06\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct toml_document doc;
        zeus_error err = ZEUS_ERROR_INIT;
        if (parse(texts[i], &doc, &err) != 0) {
            fail_msg("refused:\n%s\n%s", texts[i], err.message);
        }
        toml_done(&doc);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"a", "t.toml:1: expected '=', found the end of the file"},
        {"a =", "t.toml:1: expected a value, found the end of the file"},
        {"a = \n", "t.toml:1: expected a value, found the end of the line"},
        {"\n\na = 1 b = 2", "t.toml:3: expected the end of the line, found 'b'"},
        {"= 1", "t.toml:1: expected a key, found '='"},
        {"a. = 1", "expected a key, found '='"},
        {".a = 1", "expected a key, found '.'"},
        {"a = 1\na = 2", "t.toml:2: `a` is set twice"},
        {"a = 1\n'a' = 2", "t.toml:2: `a` is set twice"},
        {"\xC3\xA9 = 1", "expected a key, found '\xC3\xA9'"},
        {"a = \xFF", "t.toml:1: the file is not UTF-8 (byte 0xFF)"},
        {"\n# \x01", "t.toml:2: the control character 0x01"},
        {"a = 'x\x7F'", "the control character 0x7F"},
        {"a = 1\rb = 2", "the control character 0x0D"},
        {"\xEF\xBB\xBF"
         "a = 1",
         "expected a key"},
        {"a = \"x", "the string that starts here has no end"},
        {"a = \"x\ny\"", "t.toml:1: the string that starts here has no end"},
        {"a = 'x\\", "has no end"},
        {"a = \"\"\"x\"\"", "has no end"},
        {"a = '''\n\n", "t.toml:1: the string that starts here has no end"},
        {"a = \"\"\"x\"\"\"\"\"\"", "expected the end of the line"},
        {"a = \"\\x41\"", "a backslash before 'x' is no escape"},
        {"a = \"\\ \"", "a backslash before ' ' is no escape"},
        {"a = \"\"\"\nx \\ y\"\"\"", "t.toml:2: a backslash before a space is no escape"},
        {"a = \"\\u12\"", "needs 4 hexadecimal digits"},
        {"a = \"\\U0000004\"", "needs 8 hexadecimal digits"},
        {"a = \"\\uD800\"", "U+D800 is no character"},
        {"a = \"\\U00110000\"", "U+110000 is no character"},
        {"a = \"\\u0000\"", "U+0000 is not taken"},
        {"\"\"\"a\"\"\" = 1", "a key cannot be a multi-line string"},
        {"a = 01", "01 is no value"},
        {"a = 1__0", "1__0 is no value"},
        {"a = _1", "_1 is no value"},
        {"a = 1_", "1_ is no value"},
        {"a = +0x1", "+0x1 is no value"},
        {"a = 0X1", "0X1 is no value"},
        {"a = 0x", "0x is no value"},
        {"a = 0x1_", "0x1_ is no value"},
        {"a = 0o8", "0o8 is no value"},
        {"a = 0b2", "0b2 is no value"},
        {"a = 1.", "1. is no value"},
        {"a = .5", ".5 is no value"},
        {"a = 1.e5", "1.e5 is no value"},
        {"a = 1e", "1e is no value"},
        {"a = ++1", "++1 is no value"},
        {"a = Inf", "Inf is no value"},
        {"a = True", "True is no value (strings stand in quotes)"},
        {"a = hello", "hello is no value (strings stand in quotes)"},
        {"a = 9223372036854775808", "the number 9223372036854775808 is out of range"},
        {"a = -9223372036854775809", "is out of range"},
        {"a = 0x8000000000000000", "is out of range"},
        {"a = 1e999", "the number 1e999 is out of range"},
        {"a = 1979-05-27", "dates and times are not taken here"},
        {"a = 1979-05-27T07:32:00Z", "dates and times"},
        {"a = 07:32:00", "dates and times"},
        {"a = [1 2]", "expected ',' or ']', found '2'"},
        {"a = [,]", "expected a value, found ','"},
        {"a = [1,,2]", "expected a value, found ','"},
        {"a = [1\n\n", "t.toml:3: expected ',' or ']', found the end of the file"},
        {"a = {b = 1,}", "expected a key, found '}'"},
        {"a = {b = 1\n}", "expected ',' or '}', found the end of the line"},
        {"a = {b = 1, b = 2}", "`b` is set twice"},
        {"a = {b = {}, b.c = 1}", "`b` cannot be added to (line 1)"},
        {"a = {b = 1 c = 2}", "expected ',' or '}', found 'c'"},
        {"a = {}\na.b = 1", "t.toml:2: `a` cannot be added to (line 1)"},
        {"a = {}\n[a.b]", "t.toml:2: `a` holds a value already (line 1)"},
        {"a = 1\n[a]", "t.toml:2: `a` holds a value already (line 1)"},
        {"a = 1\na.b = 1", "`a` cannot be added to"},
        {"a = []\n[[a]]", "t.toml:2: `a` is no array of tables (line 1)"},
        {"a = [{}]\n[a.b]", "`a` holds a value already"},
        {"[a]\n[a]", "t.toml:2: the table `a` is there already (line 1)"},
        {"[a]\nb.c = 1\n[a.b]", "t.toml:3: the table `b` is there already"},
        {"[a.b]\nx = 1\n[a]\nb.y = 2", "t.toml:4: `b` cannot be added to"},
        {"[[a]]\n[a]", "t.toml:2: `a` is an array (line 1)"},
        {"[a]\n[[a]]", "t.toml:2: `a` is no array of tables (line 1)"},
        {"[[a.b]]\n[a]\nb.y = 2", "t.toml:3: `b` cannot be added to"},
        {"[a", "expected ']', found the end of the file"},
        {"[]", "expected a key, found ']'"},
        {"[a.]", "expected a key, found ']'"},
        {"[ [a]]", "expected a key, found '['"},
        {"[[a] ]", "expected ']]', found ']'"},
        {"[a] b = 1", "expected the end of the line, found 'b'"},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y = 1", "a key of more than 24 parts"},
        {"a = [[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]", "nested deeper than 24 levels"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct toml_document doc;
        zeus_error err = ZEUS_ERROR_INIT;
        int r = parse(cases[i].text, &doc, &err);
        if (r != ZEUS_EPARSE && r != ZEUS_ELIMIT) {
            fail_msg("%d for:\n%s", r, cases[i].text);
        }
        assert_int_equal(err.code, r);
        if (strncmp(err.message, "t.toml:", 7) != 0 || !strstr(err.message, cases[i].message)) {
            fail_msg("%s\ngave: %s\nnot:  %s", cases[i].text, err.message, cases[i].message);
        }
    }
}

static const char *string_of(const char *text)
{
    static char kept[128];
    struct toml_document doc;
    assert_int_equal(parse(text, &doc, NULL), 0);
    const struct toml_value *v = toml_find(&doc.root, "a");
    assert_non_null(v);
    assert_int_equal(v->kind, TOML_STRING);
    (void)snprintf(kept, sizeof(kept), "%s", v->as.string);
    toml_done(&doc);
    return kept;
}

static void strings(void **state)
{
    (void)state;
    assert_string_equal(string_of("a = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00E9\\U0001F600\""),
                        "\b\t\n\f\r\"\\\xC3\xA9\xF0\x9F\x98\x80");
    assert_string_equal(string_of("a = 'C:\\n \"x\"'"), "C:\\n \"x\"");
    assert_string_equal(string_of("a = \"\"\"\nx\r\ny\"\"\""), "x\ny");
    assert_string_equal(string_of("a = \"\"\"\n\nx\"\"\""), "\nx");
    assert_string_equal(string_of("a = \"\"\"\r\nx\"\"\""), "x");
    assert_string_equal(string_of("a = \"\"\"one \\\n\n \t two\"\"\""), "one two");
    assert_string_equal(string_of("a = \"\"\"one \\  \r\n  two\"\"\""), "one two");
    assert_string_equal(string_of("a = \"\"\"\"x\"\"\"\"\""), "\"x\"\"");
    assert_string_equal(string_of("a = '''''x''''"), "''x'");
    assert_string_equal(string_of("a = \"\"\"x\\\"\"\"\"\""), "x\"\"");
    assert_string_equal(string_of("a = ''''''"), "");
}

static void numbers(void **state)
{
    (void)state;
    struct toml_document doc;
    assert_int_equal(parse("a = [1_000, -7, 0xff, 0o17, 0b101, +0]\n"
                           "b = [1.5, -2e3, 6.626e-34, inf, -inf, nan]\n",
                           &doc, NULL),
                     0);
    static const int64_t integers[] = {1000, -7, 255, 15, 5, 0};
    size_t i = 0;
    for (const struct toml_item *it = toml_find(&doc.root, "a")->as.array.first; it;
         it = it->next) {
        assert_int_equal(it->value.kind, TOML_INTEGER);
        assert_int_equal(it->value.as.integer, integers[i++]);
    }
    static const double floats[] = {1.5, -2e3, 6.626e-34, (double)INFINITY, (double)-INFINITY};
    i = 0;
    for (const struct toml_item *it = toml_find(&doc.root, "b")->as.array.first; it;
         it = it->next) {
        assert_int_equal(it->value.kind, TOML_FLOAT);
        assert_true(i == 5 ? isnan(it->value.as.number) : it->value.as.number == floats[i]);
        i++;
    }
    toml_done(&doc);
}

static void order_and_lines(void **state)
{
    (void)state;
    struct toml_document doc;
    assert_int_equal(parse("z = 1\n\n[b]\nx = '''\n\n'''\ny = 2\n[[a]]\n[[a]]\n", &doc, NULL), 0);
    const struct toml_entry *e = doc.root.first;
    assert_string_equal(e->key, "z");
    assert_int_equal(e->value.line, 1);
    e = e->next;
    assert_string_equal(e->key, "b");
    assert_int_equal(e->value.line, 3);
    assert_int_equal(toml_find(e->value.as.table, "x")->line, 4);
    assert_int_equal(toml_find(e->value.as.table, "y")->line, 7);
    e = e->next;
    assert_string_equal(e->key, "a");
    assert_int_equal(e->value.as.array.count, 2);
    assert_int_equal(e->value.as.array.last->value.line, 9);
    assert_null(e->next);
    assert_null(toml_find(&doc.root, "none"));
    toml_done(&doc);
}

static void limits(void **state)
{
    (void)state;
    struct toml_document doc;
    zeus_error err = ZEUS_ERROR_INIT;
    size_t size = TOML_SIZE_MAX + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '\n', size);
    assert_int_equal(toml_parse(text, size, "t.toml", &doc, &err), ZEUS_ELIMIT);
    assert_int_equal(toml_parse(text, size - 1, "t.toml", &doc, &err), 0);
    toml_done(&doc);

    size_t used = 0;
    for (int i = 0; i <= TOML_KEYS_MAX; i++) {
        used += (size_t)snprintf(text + used, size - used, "k%d = 0\n", i);
    }
    assert_int_equal(toml_parse(text, used, "t.toml", &doc, &err), ZEUS_ELIMIT);
    assert_string_equal(err.message, "t.toml:1025: too many keys");

    memcpy(text, "a=[", 3);
    for (size_t i = 3; i + 1 < size; i += 2) {
        memcpy(text + i, "0,", 2);
    }
    assert_int_equal(toml_parse(text, size - 1, "t.toml", &doc, &err), ZEUS_ELIMIT);
    assert_string_equal(err.message, "t.toml:1: too many values");
    free(text);
}

static void long_name(void **state)
{
    (void)state;
    char name[200];
    memset(name, 'd', sizeof(name));
    (void)snprintf(name + 150, sizeof(name) - 150, "/end.toml");
    struct toml_document doc;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(toml_parse("x", 1, name, &doc, &err), ZEUS_EPARSE);
    assert_non_null(strstr(err.message, "ddd/end.toml:1: expected '='"));
    assert_int_equal(strncmp(err.message, "...d", 4), 0);
}

/* ---- schemas ---- */

struct part {
    uint32_t count;
    double ratio;
    unsigned ratio_line;
};

struct record {
    const char *name;
    int mode;
    int flag;
    int64_t big;
    uint32_t small;
    double ratio;
    struct toml_strings list;
    struct part part;
    struct toml_records parts;
    int custom;
};

static void part_defaults(void *record)
{
    ((struct part *)record)->ratio = 0.5;
}

static const struct toml_field part_fields[] = {
    {.key = "count",
     .kind = TOML_FIELD_U32,
     .flags = TOML_REQUIRED,
     .offset = offsetof(struct part, count)},
    {.key = "ratio",
     .kind = TOML_FIELD_DOUBLE,
     .offset = offsetof(struct part, ratio),
     .max = 1,
     .line_offset = offsetof(struct part, ratio_line)},
};
static const struct toml_schema part_schema = {part_fields, ARRAY_LEN(part_fields),
                                               sizeof(struct part), part_defaults};

static int decode_custom(struct toml_document *doc, const struct toml_value *value, void *at,
                         zeus_error *err)
{
    if (value->kind != TOML_INTEGER || value->as.integer != 42) {
        return toml_error(doc, value->line, ZEUS_EINVAL, err, "must be 42");
    }
    *(int *)at = 42;
    return 0;
}

static const char *const modes[] = {"allow", "deny", NULL};
#define AT(member) offsetof(struct record, member)
static const struct toml_field fields[] = {
    {.key = "name", .kind = TOML_FIELD_STRING, .flags = TOML_NONEMPTY, .offset = AT(name)},
    {.key = "mode", .kind = TOML_FIELD_WORD, .offset = AT(mode), .words = modes},
    {.key = "flag", .kind = TOML_FIELD_BOOLEAN, .offset = AT(flag)},
    {.key = "big", .kind = TOML_FIELD_INTEGER, .offset = AT(big), .min = -5, .max = 5},
    {.key = "small", .kind = TOML_FIELD_U32, .offset = AT(small)},
    {.key = "ratio", .kind = TOML_FIELD_DOUBLE, .offset = AT(ratio)},
    {.key = "list", .kind = TOML_FIELD_STRINGS, .flags = TOML_NONEMPTY, .offset = AT(list)},
    {.key = "part", .kind = TOML_FIELD_TABLE, .offset = AT(part), .schema = &part_schema},
    {.key = "parts", .kind = TOML_FIELD_TABLES, .offset = AT(parts), .schema = &part_schema},
    {.key = "custom", .kind = TOML_FIELD_CUSTOM, .offset = AT(custom), .decode = decode_custom},
};
static const struct toml_schema schema = {fields, ARRAY_LEN(fields), sizeof(struct record), NULL};

static void schema_values(void **state)
{
    (void)state;
    struct toml_document doc;
    struct record record = {.big = 3};
    assert_int_equal(
        parse("name = 'n'\nmode = 'deny'\nflag = true\nbig = -4\nsmall = 4294967295\nratio = 2\n"
              "list = ['a', 'b']\ncustom = 42\n[part]\ncount = 1\n"
              "[[parts]]\ncount = 2\nratio = 0.25\n[[parts]]\ncount = 3\n",
              &doc, NULL),
        0);
    assert_int_equal(toml_decode(&doc, &doc.root, &schema, &record, NULL), 0);
    assert_string_equal(record.name, "n");
    assert_int_equal(record.mode, 1);
    assert_int_equal(record.flag, 1);
    assert_int_equal(record.big, -4);
    assert_int_equal(record.small, UINT32_MAX);
    assert_true(record.ratio == 2.0);
    assert_int_equal(record.list.count, 2);
    assert_string_equal(record.list.items[1], "b");
    assert_int_equal(record.part.count, 1);
    assert_true(record.part.ratio == 0.5);
    assert_int_equal(record.part.ratio_line, 0);
    const struct part *parts = record.parts.items;
    assert_int_equal(record.parts.count, 2);
    assert_true(parts[0].ratio == 0.25);
    assert_int_equal(parts[0].ratio_line, 13);
    assert_int_equal(parts[1].count, 3);
    assert_int_equal(record.custom, 42);
    toml_done(&doc);
}

static void schema_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *message;
    } cases[] = {
        {"nmae = 1", ZEUS_EINVAL, "t.toml:1: unknown field `nmae` (did you mean `name`?)"},
        {"\nzzz = 1", ZEUS_EINVAL, "t.toml:2: unknown field `zzz`"},
        {"name = 1", ZEUS_EINVAL, "t.toml:1: name: expected a string, found an integer"},
        {"name = ''", ZEUS_EINVAL, "t.toml:1: name: must not be empty"},
        {"mode = 'x'", ZEUS_EINVAL, "t.toml:1: mode: \"x\" is none of \"allow\", \"deny\""},
        {"mode = true", ZEUS_EINVAL, "t.toml:1: mode: expected a string, found true or false"},
        {"flag = 1", ZEUS_EINVAL, "t.toml:1: flag: expected true or false, found an integer"},
        {"big = 6", ZEUS_ERANGE, "t.toml:1: big: 6 is not in -5 to 5"},
        {"big = 1.0", ZEUS_EINVAL, "t.toml:1: big: expected an integer, found a float"},
        {"small = -1", ZEUS_ERANGE, "t.toml:1: small: -1 is not in 0 to 4294967295"},
        {"ratio = 'x'", ZEUS_EINVAL, "t.toml:1: ratio: expected a number, found a string"},
        {"ratio = nan", ZEUS_ERANGE, "t.toml:1: ratio: expected a finite number"},
        {"list = []", ZEUS_EINVAL, "t.toml:1: list: must not be empty"},
        {"list = [\n1]", ZEUS_EINVAL, "t.toml:2: list: expected a string, found an integer"},
        {"list = {}", ZEUS_EINVAL, "t.toml:1: list: expected an array of strings, found a table"},
        {"part = 1", ZEUS_EINVAL, "t.toml:1: part: expected a table, found an integer"},
        {"\n[part]\n", ZEUS_EINVAL, "t.toml:2: `count` is missing"},
        {"[part]\ncount = 1\nratio = 1.5", ZEUS_ERANGE, "t.toml:3: ratio: 1.5 is not in 0 to 1"},
        {"[part]\ncuont = 1", ZEUS_EINVAL,
         "t.toml:2: unknown field `cuont` (did you mean `count`?)"},
        {"parts = {}", ZEUS_EINVAL, "t.toml:1: parts: expected an array of tables, found a table"},
        {"parts = [1]", ZEUS_EINVAL, "t.toml:1: parts: expected a table, found an integer"},
        {"[[parts]]\ncount = 1\n[[parts]]\ncount = ''", ZEUS_EINVAL,
         "t.toml:4: count: expected an integer, found a string"},
        {"custom = 41", ZEUS_EINVAL, "t.toml:1: custom: must be 42"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct toml_document doc;
        struct record record = {.big = 0};
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(parse(cases[i].text, &doc, &err), 0);
        assert_int_equal(toml_decode(&doc, &doc.root, &schema, &record, &err), cases[i].code);
        assert_string_equal(err.message, cases[i].message);
        toml_done(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),        cmocka_unit_test(refused),
        cmocka_unit_test(strings),         cmocka_unit_test(numbers),
        cmocka_unit_test(order_and_lines), cmocka_unit_test(limits),
        cmocka_unit_test(long_name),       cmocka_unit_test(schema_values),
        cmocka_unit_test(schema_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
