/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/csv: reading by the letter, errors by line, and that what is written reads back.
 */
#include "test.h"

#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/rng.h"
#include "codec/csv.h"

#define FIELDS 8

static void rows_and_fields(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf"
                               "a,b,\"c, \"\"d\"\"\"\r\n\n1,,\n\"two\nlines\",-3.5,nan";
    struct csv_reader r;
    csv_reader_init(&r, text, sizeof(text) - 1);
    struct csv_field f[FIELDS];
    size_t count = 0;
    char out[32];

    assert_int_equal(csv_next(&r, f, FIELDS, &count), 1);
    assert_int_equal(count, 3);
    assert_int_equal(csv_find(f, count, "b"), 1);
    assert_int_equal(csv_find(f, count, "c, \"d\""), 2);
    assert_int_equal(csv_find(f, count, "c, \"d"), -1);
    assert_int_equal(csv_find(f, count, "c, \"d\"e"), -1);
    assert_int_equal(csv_get_string(&f[2], out, sizeof(out)), 6);
    assert_string_equal(out, "c, \"d\"");
    assert_int_equal(csv_get_string(&f[2], out, 6), ZEUS_ELIMIT);

    assert_int_equal(csv_next(&r, f, FIELDS, &count), 1);
    assert_int_equal(r.line, 3);
    assert_int_equal(count, 3);
    int64_t integer = 0;
    assert_int_equal(csv_get_i64(&f[0], &integer), 0);
    assert_int_equal(integer, 1);
    assert_int_equal(csv_get_i64(&f[1], &integer), ZEUS_EPARSE);
    assert_int_equal(f[2].len, 0);

    assert_int_equal(csv_next(&r, f, FIELDS, &count), 1);
    assert_int_equal(r.line, 4);
    double value = 0;
    assert_int_equal(csv_get_double(&f[1], &value), 0);
    assert_true(value == -3.5);
    assert_int_equal(csv_get_double(&f[2], &value), 0);
    assert_true(value != value);
    assert_int_equal(csv_next(&r, f, FIELDS, &count), 0);
}

static void malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *message;
    } rows[] = {
        {"a\n\"b", ZEUS_EPARSE, "line 2: a quote is not closed"},
        {"\"a\"b", ZEUS_EPARSE, "line 1: text after a closing quote"},
        {"a,b\"", ZEUS_EPARSE, "line 1: a quote inside an unquoted field"},
        {"1,2,3,4,5,6,7,8,9", ZEUS_ELIMIT, "line 1: too many fields"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct csv_reader r;
        struct csv_field f[FIELDS];
        size_t count = 0;
        csv_reader_init(&r, rows[i].text, strlen(rows[i].text));
        int code;
        while ((code = csv_next(&r, f, FIELDS, &count)) > 0) {
        }
        assert_int_equal(code, rows[i].code);
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(csv_reader_error(&r, code, &err), code);
        assert_string_equal(err.message, rows[i].message);
    }
}

/* Random fields of awkward characters, written and read back. */
static void round_trip(void **state)
{
    (void)state;
    static const char alphabet[] = "ab,\"\n\r ;'";
    struct rng rng;
    rng_seed(&rng, 6);
    for (int round = 0; round < 500; round++) {
        char texts[FIELDS][12];
        struct strbuf out;
        struct csv_writer w;
        strbuf_init(&out, 4096);
        csv_writer_init(&w, &out);
        const size_t columns = 1 + (size_t)rng_bounded(&rng, FIELDS - 1);
        for (size_t i = 0; i < columns; i++) {
            const size_t len = (size_t)rng_bounded(&rng, 11);
            for (size_t k = 0; k < len; k++) {
                texts[i][k] = alphabet[rng_bounded(&rng, sizeof(alphabet) - 2)];
            }
            texts[i][len] = '\0';
            csv_put_string(&w, texts[i]);
        }
        csv_end_row(&w);
        struct csv_reader r;
        struct csv_field f[FIELDS];
        size_t count = 0;
        csv_reader_init(&r, strbuf_text(&out), out.len);
        assert_int_equal(csv_next(&r, f, FIELDS, &count), 1);
        assert_int_equal(count, columns);
        for (size_t i = 0; i < columns; i++) {
            char back[16];
            assert_true(csv_get_string(&f[i], back, sizeof(back)) >= 0);
            assert_string_equal(back, texts[i]);
            assert_true(csv_is(&f[i], texts[i]));
        }
        assert_int_equal(csv_next(&r, f, FIELDS, &count), 0);
        strbuf_done(&out);
    }
}

static void writer_numbers(void **state)
{
    (void)state;
    struct strbuf out;
    struct csv_writer w;
    strbuf_init(&out, 256);
    csv_writer_init(&w, &out);
    csv_put_i64(&w, -7);
    csv_put_double(&w, 0.1);
    csv_put_string(&w, "");
    csv_end_row(&w);
    assert_string_equal(strbuf_text(&out), "-7,0.1,\"\"\n");
    strbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_and_fields),
        cmocka_unit_test(malformed),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(writer_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
