/* SPDX-License-Identifier: Apache-2.0
 *
 * The conversions of json_decode.h, one JSON value at a time: what pydantic 1 turns into an
 * integer, a float, a boolean, a string or a list of them, and what it says otherwise.
 */
#include "codec/json_decode.h"

#include <math.h>
#include <string.h>

#include <zeus/error.h>

#include "base/fmt.h"
#include "base/macro.h"
#include "base/parse.h"

#define NUMBER_TEXT_MAX 512 /* longest numeric string looked at */

static int wrong(struct json_problems *p, const struct json_loc *loc, const char *msg,
                 const char *type)
{
    json_problem_add(p, loc, msg, type, NULL);
    return ZEUS_EPARSE;
}

static int wrong_int(struct json_problems *p, const struct json_loc *loc)
{
    return wrong(p, loc, "value is not a valid integer", "type_error.integer");
}

static int wrong_double(struct json_problems *p, const struct json_loc *loc)
{
    return wrong(p, loc, "value is not a valid float", "type_error.float");
}

static int wrong_null(struct json_problems *p, const struct json_loc *loc)
{
    return wrong(p, loc, "none is not an allowed value", "type_error.none.not_allowed");
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Python's numeric text as ours: blanks around it cut, '_' between digits removed, lower case, a
 * plus sign dropped. Returns the length, or ZEUS_EPARSE. */
static int plain_number(const char *text, size_t len, char out[NUMBER_TEXT_MAX])
{
    static const char blanks[] = " \t\n\r\f\v";
    while (len > 0 && memchr(blanks, text[0], sizeof(blanks) - 1)) {
        text++;
        len--;
    }
    while (len > 0 && memchr(blanks, text[len - 1], sizeof(blanks) - 1)) {
        len--;
    }
    if (len > 0 && text[0] == '+') {
        text++;
        len--;
        if (len > 0 && text[0] == '-') {
            return ZEUS_EPARSE;
        }
    }
    if (len == 0 || len >= NUMBER_TEXT_MAX) {
        return ZEUS_EPARSE;
    }
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '_' && i > 0 && i + 1 < len && is_digit(text[i - 1]) && is_digit(text[i + 1])) {
            continue;
        }
        out[n++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    out[n] = '\0';
    return (int)n;
}

/* Decimal digits with an optional minus; leading zeros allowed. Saturates. */
static int digits_to_int(const char *text, size_t len, int64_t *ret, int *ret_overflow)
{
    int is_negative = len > 0 && text[0] == '-';
    size_t i = (size_t)is_negative;
    if (i == len) {
        return ZEUS_EPARSE;
    }
    uint64_t magnitude = 0;
    uint64_t most = (uint64_t)INT64_MAX + (uint64_t)is_negative;
    int has_overflow = 0;
    for (; i < len; i++) {
        if (!is_digit(text[i])) {
            return ZEUS_EPARSE;
        }
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (magnitude > (most - digit) / 10) {
            has_overflow = 1;
            magnitude = most;
            continue;
        }
        magnitude = has_overflow ? most : magnitude * 10 + digit;
    }
    *ret = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    *ret_overflow |= has_overflow;
    return 0;
}

static int double_to_int(double value, int64_t *ret, int *ret_overflow)
{
    if (!isfinite(value)) {
        return ZEUS_EPARSE;
    }
    double whole = trunc(value);
    if (whole >= 9223372036854775808.0 || whole < -9223372036854775808.0) {
        *ret = whole > 0 ? INT64_MAX : INT64_MIN;
        *ret_overflow = 1;
        return 0;
    }
    *ret = (int64_t)whole;
    return 0;
}

/* A JSON number; past the range of a double it is infinite, as Python reads it. */
static int number_to_double(const struct json_reader *r, double *ret)
{
    int status = json_get_double(r, ret);
    if (status == ZEUS_ERANGE) {
        *ret = r->start[0] == '-' ? (double)-INFINITY : (double)INFINITY;
        return 0;
    }
    return status;
}

int json_text_to_int(const char *text, const struct json_loc *loc, struct json_problems *p,
                     int64_t *ret_value)
{
    char plain[NUMBER_TEXT_MAX];
    int n = plain_number(text, strlen(text), plain);
    if (n < 0 || digits_to_int(plain, (size_t)n, ret_value, &p->has_overflow) < 0) {
        return wrong_int(p, loc);
    }
    return 0;
}

static int number_to_int(const struct json_reader *r, struct json_problems *p, int64_t *ret)
{
    if (digits_to_int(r->start, r->size, ret, &p->has_overflow) == 0) {
        return 0;
    }
    double value;
    int status = number_to_double(r, &value);
    return status < 0 ? status : double_to_int(value, ret, &p->has_overflow);
}

int json_to_int(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                int64_t *ret_value)
{
    struct json_reader r;
    json_view_open(value, &r);
    char text[NUMBER_TEXT_MAX];
    int token = json_next(&r);
    switch (token) {
    case JSON_NUMBER:
        return number_to_int(&r, p, ret_value) < 0 ? wrong_int(p, loc) : 0;
    case JSON_TRUE:
    case JSON_FALSE:
        *ret_value = token == JSON_TRUE;
        return 0;
    case JSON_STRING:
        if (json_get_string(&r, text, sizeof(text)) < 0) {
            return wrong_int(p, loc);
        }
        return json_text_to_int(text, loc, p, ret_value);
    case JSON_NULL:
        return wrong_null(p, loc);
    default:
        return wrong_int(p, loc);
    }
}

/* Python writes ".5", "5." and "007" too; JSON's grammar, which parse_double wants, does not. */
static int canonical_decimal(const char *text, char out[NUMBER_TEXT_MAX + 2])
{
    size_t n = 0;
    if (*text == '-') {
        out[n++] = *text++;
    }
    size_t int_len = strspn(text, "0123456789");
    const char *fraction = text + int_len + (text[int_len] == '.');
    size_t fraction_len = text[int_len] == '.' ? strspn(fraction, "0123456789") : 0;
    const char *rest = fraction + fraction_len;
    if (int_len + fraction_len == 0 || (*rest && *rest != 'e')) {
        return ZEUS_EPARSE;
    }
    while (int_len > 0 && *text == '0') {
        text++;
        int_len--;
    }
    if (int_len == 0) {
        out[n++] = '0';
    }
    memcpy(out + n, text, int_len);
    n += int_len;
    if (fraction_len > 0) {
        out[n++] = '.';
        memcpy(out + n, fraction, fraction_len);
        n += fraction_len;
    }
    strcpy(out + n, rest);
    return (int)(n + strlen(rest));
}

/* Python's float() of a text. */
static int text_to_double(const char *text, double *ret)
{
    char plain[NUMBER_TEXT_MAX];
    int n = plain_number(text, strlen(text), plain);
    if (n < 0) {
        return n;
    }
    int is_negative = plain[0] == '-';
    const char *word = plain + is_negative;
    double infinite = is_negative ? (double)-INFINITY : (double)INFINITY;
    if (strcmp(word, "infinity") == 0 || strcmp(word, "inf") == 0) {
        *ret = infinite;
        return 0;
    }
    if (strcmp(word, "nan") == 0) {
        *ret = (double)NAN;
        return 0;
    }
    char decimal[NUMBER_TEXT_MAX + 2];
    n = canonical_decimal(plain, decimal);
    if (n < 0) {
        return n;
    }
    int status = parse_double(decimal, (size_t)n, 0, ret);
    if (status == ZEUS_ERANGE) {
        *ret = infinite;
        return 0;
    }
    return status;
}

int json_to_double(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                   double *ret_value)
{
    struct json_reader r;
    json_view_open(value, &r);
    char text[NUMBER_TEXT_MAX];
    int token = json_next(&r);
    switch (token) {
    case JSON_NUMBER:
        return number_to_double(&r, ret_value) < 0 ? wrong_double(p, loc) : 0;
    case JSON_TRUE:
    case JSON_FALSE:
        *ret_value = token == JSON_TRUE ? 1.0 : 0.0;
        return 0;
    case JSON_STRING:
        if (json_get_string(&r, text, sizeof(text)) < 0 || text_to_double(text, ret_value) < 0) {
            return wrong_double(p, loc);
        }
        return 0;
    case JSON_NULL:
        return wrong_null(p, loc);
    default:
        return wrong_double(p, loc);
    }
}

static int text_to_bool(const char *text, int *ret)
{
    static const char *const words[2][6] = {{"0", "off", "f", "false", "n", "no"},
                                            {"1", "on", "t", "true", "y", "yes"}};
    char lower[8] = "";
    for (size_t i = 0; text[i]; i++) {
        if (i + 1 >= sizeof(lower)) {
            return ZEUS_EPARSE;
        }
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
        lower[i + 1] = '\0';
    }
    for (int value = 0; value < 2; value++) {
        for (size_t i = 0; i < 6; i++) {
            if (strcmp(lower, words[value][i]) == 0) {
                *ret = value;
                return 0;
            }
        }
    }
    return ZEUS_EPARSE;
}

int json_to_bool(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                 int *ret_value)
{
    struct json_reader r;
    json_view_open(value, &r);
    int token = json_next(&r);
    double number;
    char text[8];
    if (token == JSON_TRUE || token == JSON_FALSE) {
        *ret_value = token == JSON_TRUE;
        return 0;
    }
    if (token == JSON_NULL) {
        return wrong_null(p, loc);
    }
    if (token == JSON_NUMBER && number_to_double(&r, &number) == 0 &&
        (number == 0.0 || number == 1.0)) {
        *ret_value = number == 1.0;
        return 0;
    }
    if (token == JSON_STRING && json_get_string(&r, text, sizeof(text)) >= 0 &&
        text_to_bool(text, ret_value) == 0) {
        return 0;
    }
    return wrong(p, loc, "value could not be parsed to a boolean", "type_error.bool");
}

/* Python's str() of a number: integers as written, floats as repr() gives them. */
static char *number_text(const struct json_reader *r, struct arena *arena)
{
    if (!memchr(r->start, '.', r->size) && !memchr(r->start, 'e', r->size) &&
        !memchr(r->start, 'E', r->size) && !memchr(r->start, 'N', r->size) &&
        !memchr(r->start, 'I', r->size)) {
        int is_minus_zero = r->size == 2 && r->start[0] == '-' && r->start[1] == '0';
        return arena_strndup(arena, is_minus_zero ? "0" : r->start, is_minus_zero ? 1 : r->size);
    }
    double value = 0;
    (void)number_to_double(r, &value); /* the reader checked the number's form */
    char text[FMT_DOUBLE_SIZE];
    size_t n = fmt_double(text, value);
    return arena_strndup(arena, text, n);
}

static int string_value(const struct json_reader *r, struct arena *arena, char **ret)
{
    char *text = arena_alloc(arena, r->size + 1, 1);
    if (!text) {
        return ZEUS_ELIMIT;
    }
    int n = json_get_string(r, text, r->size + 1);
    *ret = text;
    return n < 0 ? n : 0;
}

int json_to_string(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                   const char **ret_value)
{
    struct json_reader r;
    json_view_open(value, &r);
    char *text = NULL;
    int token = json_next(&r);
    if (token == JSON_STRING) {
        if (string_value(&r, p->arena, &text) == ZEUS_EPARSE) {
            return wrong(p, loc, "string contains U+0000", "value_error");
        }
    } else if (token == JSON_NUMBER) {
        text = number_text(&r, p->arena);
    } else if (token == JSON_TRUE || token == JSON_FALSE) {
        text = arena_strndup(p->arena, token == JSON_TRUE ? "True" : "False",
                             token == JSON_TRUE ? 4 : 5);
    } else if (token == JSON_NULL) {
        return wrong_null(p, loc);
    } else {
        return wrong(p, loc, "str type expected", "type_error.str");
    }
    if (!text) {
        p->out_of_memory = 1;
        return ZEUS_ELIMIT;
    }
    *ret_value = text;
    return 0;
}

/* Opens a list and counts its elements; ZEUS_EPARSE (and a problem) when the value is none. */
static int open_list(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                     struct json_reader *ret_reader, size_t *ret_count)
{
    struct json_reader r;
    json_view_open(value, &r);
    int token = json_next(&r);
    if (token == JSON_NULL) {
        return wrong_null(p, loc);
    }
    if (token != JSON_ARRAY_BEGIN) {
        return wrong(p, loc, "value is not a valid list", "type_error.list");
    }
    *ret_reader = r;
    size_t count = 0;
    struct json_view item;
    while (json_view_next(&r, &item) > 0) {
        count++;
    }
    *ret_count = count;
    return 0;
}

int json_to_ints(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                 struct json_ints *ret)
{
    struct json_reader r;
    size_t count = 0;
    int status = open_list(value, loc, p, &r, &count);
    if (status < 0) {
        return status;
    }
    int64_t *items = arena_alloc(p->arena, MAX_OF(count, (size_t)1), sizeof(*items));
    if (!items) {
        p->out_of_memory = 1;
        return ZEUS_ELIMIT;
    }
    struct json_view item;
    for (size_t i = 0; i < count && json_view_next(&r, &item) > 0; i++) {
        struct json_loc at = {loc, NULL, i};
        int r_item = json_to_int(item, &at, p, &items[i]);
        status = r_item < 0 ? r_item : status;
    }
    *ret = (struct json_ints){items, count};
    return status;
}

int json_to_doubles(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                    struct json_doubles *ret)
{
    struct json_reader r;
    size_t count = 0;
    int status = open_list(value, loc, p, &r, &count);
    if (status < 0) {
        return status;
    }
    double *items = arena_alloc(p->arena, MAX_OF(count, (size_t)1), sizeof(*items));
    if (!items) {
        p->out_of_memory = 1;
        return ZEUS_ELIMIT;
    }
    struct json_view item;
    for (size_t i = 0; i < count && json_view_next(&r, &item) > 0; i++) {
        struct json_loc at = {loc, NULL, i};
        int r_item = json_to_double(item, &at, p, &items[i]);
        status = r_item < 0 ? r_item : status;
    }
    *ret = (struct json_doubles){items, count};
    return status;
}
