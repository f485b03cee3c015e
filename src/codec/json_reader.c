/* SPDX-License-Identifier: Apache-2.0
 *
 * The pull reader: one state (`expect`) and a bit of stack per level.
 */
#include "codec/json_reader.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/parse.h"
#include "codec/utf8.h"

enum {
    EXPECT_VALUE,        /* a value: document start, after a colon */
    EXPECT_VALUE_OR_END, /* after '[' */
    EXPECT_KEY_OR_END,   /* after '{' */
    EXPECT_COMMA_OR_END, /* after a member or element */
    EXPECT_NOTHING,      /* after the document's value */
};

void json_reader_init(struct json_reader *r, const char *text, size_t len)
{
    *r = (struct json_reader){.text = text, .len = len, .expect = EXPECT_VALUE};
}

static int fail(struct json_reader *r, const char *problem)
{
    r->problem = problem;
    r->token = ZEUS_EPARSE;
    return ZEUS_EPARSE;
}

static void skip_space(struct json_reader *r)
{
    while (r->pos < r->len) {
        char c = r->text[r->pos];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
            return;
        }
        r->pos++;
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Four hex digits at `p`, or -1. */
static int32_t hex4(const char *p, size_t len)
{
    if (len < 4) {
        return -1;
    }
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Decodes the escape that starts at the backslash p[0]. Returns the input length used, 0 if bad. */
static size_t decode_escape(const char *p, size_t len, uint32_t *ret_code_point)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (len < 2) {
        return 0;
    }
    const char *found = p[1] ? strchr(names, p[1]) : NULL;
    if (found) {
        *ret_code_point = (unsigned char)values[found - names];
        return 2;
    }
    int32_t unit = p[1] == 'u' ? hex4(p + 2, len - 2) : -1;
    if (unit < 0) {
        return 0;
    }
    if (unit < 0xD800 || unit > 0xDFFF) {
        *ret_code_point = (uint32_t)unit;
        return 6;
    }
    if (unit > 0xDBFF || len < 12 || p[6] != '\\' || p[7] != 'u') {
        return 0;
    }
    int32_t low = hex4(p + 8, len - 8);
    if (low < 0xDC00 || low > 0xDFFF) {
        return 0;
    }
    *ret_code_point = 0x10000u + (((uint32_t)unit - 0xD800u) << 10) + ((uint32_t)low - 0xDC00u);
    return 12;
}

static int scan_string(struct json_reader *r)
{
    r->pos++;
    r->start = r->text + r->pos;
    r->has_escape = 0;
    while (r->pos < r->len) {
        unsigned char c = (unsigned char)r->text[r->pos];
        if (c == '"') {
            r->size = (size_t)(r->text + r->pos - r->start);
            r->pos++;
            return 0;
        }
        if (c < 0x20) {
            return fail(r, "control character in a string");
        }
        size_t used;
        if (c == '\\') {
            uint32_t code_point;
            used = decode_escape(r->text + r->pos, r->len - r->pos, &code_point);
            r->has_escape = 1;
        } else {
            used = c < 0x80 ? 1 : utf8_sequence_length(r->text + r->pos, r->len - r->pos);
        }
        if (used == 0) {
            return fail(r, c == '\\' ? "bad escape in a string" : "string is not UTF-8");
        }
        r->pos += used;
    }
    return fail(r, "string without its closing quote");
}

static const struct {
    const char *word;
    double value;
} special_numbers[] = {
    {"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", (double)-INFINITY}};

/* JSON_NUMBER when one of the special words stands here, else 0. */
static int scan_special(struct json_reader *r)
{
    for (size_t i = 0; r->allow_special && i < ARRAY_LEN(special_numbers); i++) {
        size_t n = strlen(special_numbers[i].word);
        if (r->len - r->pos >= n && memcmp(r->text + r->pos, special_numbers[i].word, n) == 0) {
            r->start = r->text + r->pos;
            r->size = n;
            r->pos += n;
            return JSON_NUMBER;
        }
    }
    return 0;
}

static int scan_number(struct json_reader *r)
{
    size_t start = r->pos;
    while (r->pos < r->len && strchr("+-.0123456789eE", r->text[r->pos]) && r->text[r->pos]) {
        r->pos++;
    }
    r->start = r->text + start;
    r->size = r->pos - start;
    double value;
    int status = parse_double(r->start, r->size, 0, &value);
    if (status == ZEUS_EPARSE) {
        r->pos = start;
        return fail(r, "malformed number");
    }
    return JSON_NUMBER;
}

static int scan_word(struct json_reader *r)
{
    static const struct {
        const char *word;
        int token;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i].word);
        if (r->len - r->pos >= n && memcmp(r->text + r->pos, words[i].word, n) == 0) {
            r->pos += n;
            return words[i].token;
        }
    }
    return fail(r, "expected a value");
}

static int open_level(struct json_reader *r, int is_object)
{
    if (r->depth == JSON_DEPTH_MAX) {
        r->problem = "nested too deeply";
        r->token = ZEUS_ELIMIT;
        return ZEUS_ELIMIT;
    }
    r->is_object[r->depth++] = (unsigned char)is_object;
    r->pos++;
    r->expect = is_object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    return is_object ? JSON_OBJECT_BEGIN : JSON_ARRAY_BEGIN;
}

static int close_level(struct json_reader *r)
{
    int was_object = r->is_object[--r->depth];
    r->pos++;
    r->expect = r->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
    return was_object ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static int read_value(struct json_reader *r)
{
    char c = r->text[r->pos];
    if (c == '{' || c == '[') {
        return open_level(r, c == '{');
    }
    int token = scan_special(r);
    if (token == 0 && c == '"') {
        int status = scan_string(r);
        token = status < 0 ? status : JSON_STRING;
    } else if (token == 0 && (c == '-' || (c >= '0' && c <= '9'))) {
        token = scan_number(r);
    } else if (token == 0) {
        token = scan_word(r);
    }
    if (token > 0) {
        r->expect = r->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
    }
    return token;
}

static int read_key(struct json_reader *r)
{
    if (r->text[r->pos] != '"') {
        return fail(r, "expected a member name in quotes");
    }
    int status = scan_string(r);
    if (status < 0) {
        return status;
    }
    skip_space(r);
    if (r->pos == r->len || r->text[r->pos] != ':') {
        return fail(r, "expected a colon");
    }
    r->pos++;
    r->expect = EXPECT_VALUE;
    return JSON_KEY;
}

/* After a member or element: a closing bracket, or a comma and what must follow it. */
static int read_after_item(struct json_reader *r)
{
    int in_object = r->is_object[r->depth - 1];
    char c = r->text[r->pos];
    if (c == (in_object ? '}' : ']')) {
        return close_level(r);
    }
    if (c != ',') {
        return fail(r, in_object ? "expected a comma or }" : "expected a comma or ]");
    }
    r->pos++;
    skip_space(r);
    if (r->pos == r->len) {
        return fail(r, "text ends too early");
    }
    return in_object ? read_key(r) : read_value(r);
}

static int next_token(struct json_reader *r)
{
    skip_space(r);
    if (r->pos == r->len) {
        return r->expect == EXPECT_NOTHING ? JSON_END : fail(r, "text ends too early");
    }
    char c = r->text[r->pos];
    switch (r->expect) {
    case EXPECT_NOTHING:
        return fail(r, "text after the end of the document");
    case EXPECT_KEY_OR_END:
        return c == '}' ? close_level(r) : read_key(r);
    case EXPECT_VALUE_OR_END:
        return c == ']' ? close_level(r) : read_value(r);
    case EXPECT_COMMA_OR_END:
        return read_after_item(r);
    default:
        return read_value(r);
    }
}

int json_next(struct json_reader *r)
{
    if (r->problem) {
        return r->token;
    }
    int token = next_token(r);
    r->token = token;
    return token;
}

int json_reader_error(const struct json_reader *r, zeus_error *err)
{
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < r->pos && i < r->len; i++) {
        column = r->text[i] == '\n' ? 1 : column + 1;
        line += r->text[i] == '\n';
    }
    return err_set(err, r->token < 0 ? r->token : ZEUS_EPARSE, "line %zu, column %zu: %s", line,
                   column, r->problem ? r->problem : "unexpected value");
}

static int is_text(const struct json_reader *r)
{
    return r->token == JSON_STRING || r->token == JSON_KEY;
}

/* Yields the decoded string piece by piece; returns the input used. */
static size_t decode_piece(const char *p, size_t len, char out[4], size_t *ret_len)
{
    if (p[0] != '\\') {
        out[0] = p[0];
        *ret_len = 1;
        return 1;
    }
    uint32_t code_point = 0;
    size_t used = decode_escape(p, len, &code_point);
    *ret_len = utf8_encode(out, code_point);
    return used;
}

int json_is(const struct json_reader *r, const char *text)
{
    size_t want = strlen(text);
    if (!is_text(r)) {
        return 0;
    }
    if (!r->has_escape) {
        return r->size == want && memcmp(r->start, text, want) == 0;
    }
    size_t at = 0;
    for (size_t i = 0; i < r->size;) {
        char piece[4];
        size_t n;
        i += decode_piece(r->start + i, r->size - i, piece, &n);
        if (n > want - at || memcmp(text + at, piece, n) != 0) {
            return 0;
        }
        at += n;
    }
    return at == want;
}

int json_get_string(const struct json_reader *r, char *out, size_t size)
{
    if (!is_text(r)) {
        return ZEUS_EPARSE;
    }
    size_t at = 0;
    for (size_t i = 0; i < r->size;) {
        char piece[4];
        size_t n;
        i += decode_piece(r->start + i, r->size - i, piece, &n);
        if (n == 1 && piece[0] == '\0') {
            return ZEUS_EPARSE;
        }
        if (size == 0 || n > size - 1 - at) {
            return ZEUS_ELIMIT;
        }
        memcpy(out + at, piece, n);
        at += n;
    }
    if (size == 0) {
        return ZEUS_ELIMIT;
    }
    out[at] = '\0';
    return (int)at;
}

int json_get_double(const struct json_reader *r, double *ret_value)
{
    if (r->token != JSON_NUMBER) {
        return ZEUS_EPARSE;
    }
    for (size_t i = 0; r->allow_special && i < ARRAY_LEN(special_numbers); i++) {
        if (r->size == strlen(special_numbers[i].word) &&
            memcmp(r->start, special_numbers[i].word, r->size) == 0) {
            *ret_value = special_numbers[i].value;
            return 0;
        }
    }
    return parse_double(r->start, r->size, 0, ret_value);
}

int json_get_u64(const struct json_reader *r, uint64_t *ret_value)
{
    return r->token == JSON_NUMBER ? parse_u64(r->start, r->size, ret_value) : ZEUS_EPARSE;
}

int json_get_i64(const struct json_reader *r, int64_t *ret_value)
{
    return r->token == JSON_NUMBER ? parse_i64(r->start, r->size, ret_value) : ZEUS_EPARSE;
}

int json_skip(struct json_reader *r)
{
    int token = r->token;
    if (token == JSON_KEY) {
        token = json_next(r);
        if (token < 0) {
            return token;
        }
    }
    if (token != JSON_OBJECT_BEGIN && token != JSON_ARRAY_BEGIN) {
        return 0;
    }
    int target = r->depth - 1;
    while (r->depth > target) {
        token = json_next(r);
        if (token < 0) {
            return token;
        }
    }
    return 0;
}
