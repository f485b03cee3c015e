/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML's scalars. The text is known to be UTF-8 without control characters other than tab, newline
 * and the carriage return in front of a newline, so strings need no further checks on content.
 */
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "base/parse.h"
#include "codec/toml_private.h"
#include "codec/utf8.h"

#define NUMBER_MAX 128

/* How a string is written: one quote or three, escapes or none. */
struct quoting {
    char quote;
    int is_long;
    int has_escapes;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int is_quote_run(const struct toml_cursor *c, size_t at, char quote)
{
    return at + 3 <= c->len && c->text[at] == quote && c->text[at + 1] == quote &&
           c->text[at + 2] == quote;
}

/* Where the content that starts at the cursor ends: at the closing quote or quotes. */
static int find_end(struct toml_cursor *c, const struct quoting *q, size_t *ret_end)
{
    for (size_t i = c->pos; i < c->len; i++) {
        char ch = c->text[i];
        if (ch == '\n' && !q->is_long) {
            break;
        }
        if (ch == '\\' && q->has_escapes) {
            i++;
        } else if (ch == q->quote && (!q->is_long || is_quote_run(c, i, ch))) {
            *ret_end = i;
            /* Up to two quotes may stand before the closing three. */
            while (q->is_long && is_quote_run(c, *ret_end + 1, ch) && *ret_end < i + 2) {
                ++*ret_end;
            }
            return 0;
        }
    }
    return toml_refuse(c, "the string that starts here has no end");
}

static int read_code_point(struct toml_cursor *c, size_t digits, char *out, size_t *used)
{
    uint32_t value = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(toml_peek(c, i));
        if (digit < 0) {
            return toml_refuse(c, "a \\%c escape needs %zu hexadecimal digits",
                               digits == 4 ? 'u' : 'U', digits);
        }
        value = value << 4 | (uint32_t)digit;
    }
    if (value == 0) {
        return toml_refuse(c, "U+0000 is not taken in a string");
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return toml_refuse(c, "U+%04lX is no character", (unsigned long)value);
    }
    c->pos += digits;
    *used += utf8_encode(out + *used, value);
    return 0;
}

/* A backslash at the end of a line: it, the line's end and the white space after it vanish. */
static int skip_folded(struct toml_cursor *c)
{
    while (toml_peek(c, 0) == ' ' || toml_peek(c, 0) == '\t' || toml_peek(c, 0) == '\r') {
        c->pos++;
    }
    if (toml_peek(c, 0) != '\n') {
        return toml_refuse(c, "a backslash before a space is no escape");
    }
    for (char ch = '\n'; ch && strchr(" \t\r\n", ch); ch = toml_peek(c, 0)) {
        c->line += ch == '\n';
        c->pos++;
    }
    return 0;
}

/* Cursor behind the backslash. */
static int read_escape(struct toml_cursor *c, int is_long, char *out, size_t *used)
{
    static const char letters[] = "btnfr\"\\";
    static const char meanings[] = "\b\t\n\f\r\"\\";
    char ch = toml_peek(c, 0);
    const char *found = ch ? strchr(letters, ch) : NULL;
    if (found) {
        out[(*used)++] = meanings[found - letters];
        c->pos++;
        return 0;
    }
    if (ch == 'u' || ch == 'U') {
        c->pos++;
        return read_code_point(c, ch == 'u' ? 4 : 8, out, used);
    }
    if (is_long && ch && strchr(" \t\r\n", ch)) {
        return skip_folded(c);
    }
    char word[16];
    return toml_refuse(c, "a backslash before %s is no escape", toml_found(c, word));
}

static int decode_content(struct toml_cursor *c, const struct quoting *q, size_t end, char *out)
{
    size_t used = 0;
    while (c->pos < end) {
        char ch = c->text[c->pos++];
        if (ch == '\\' && q->has_escapes) {
            int r = read_escape(c, q->is_long, out, &used);
            if (r < 0) {
                return r;
            }
        } else if (ch != '\r') {
            c->line += ch == '\n';
            out[used++] = ch;
        }
    }
    out[used] = '\0';
    return 0;
}

int toml_read_string(struct toml_cursor *c, int may_span, const char **ret)
{
    struct quoting q = {.quote = toml_peek(c, 0)};
    q.has_escapes = q.quote == '"';
    q.is_long = is_quote_run(c, c->pos, q.quote);
    if (q.is_long && !may_span) {
        return toml_refuse(c, "a key cannot be a multi-line string");
    }
    size_t quotes = q.is_long ? 3 : 1;
    c->pos += quotes;
    size_t end = 0;
    int r = find_end(c, &q, &end);
    if (r < 0) {
        return r;
    }
    if (q.is_long && toml_peek(c, 0) == '\r') {
        c->pos++;
    }
    if (q.is_long && toml_peek(c, 0) == '\n') {
        c->pos++;
        c->line++;
    }
    /* Decoding never grows: the longest character of an escape takes 4 bytes of its 10. */
    char *out = arena_alloc(&c->doc->arena, end - c->pos + 1, 1);
    if (!out) {
        return toml_no_memory(c);
    }
    r = decode_content(c, &q, end, out);
    if (r < 0) {
        return r;
    }
    c->pos += quotes;
    *ret = out;
    return 0;
}

/* The text with '_' taken out; each must stand between two digits. */
static int strip(const char *text, size_t len, int (*is_digit)(char), char *out, size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '_') {
            out[n++] = text[i];
        } else if (i == 0 || i + 1 == len || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
            return ZEUS_EPARSE;
        }
    }
    *ret_len = n;
    return 0;
}

static int is_decimal(char c)
{
    return c >= '0' && c <= '9';
}

static int is_hex(char c)
{
    return hex_digit(c) >= 0;
}

/* "0x", "0o" or "0b" behind us: bits a digit carries are 4, 3 or 1. */
static int read_based(const char *text, size_t len, unsigned bits, int64_t *ret)
{
    char digits[NUMBER_MAX];
    size_t n = 0;
    if (len == 0 || strip(text, len, is_hex, digits, &n) < 0) {
        return ZEUS_EPARSE;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = hex_digit(digits[i]);
        if (digit < 0 || digit >= 1 << bits) {
            return ZEUS_EPARSE;
        }
        if (value >> (63 - bits)) {
            return ZEUS_ERANGE;
        }
        value = value << bits | (uint64_t)digit;
    }
    *ret = (int64_t)value;
    return 0;
}

static int read_decimal(const char *text, size_t len, struct toml_value *ret)
{
    char digits[NUMBER_MAX];
    size_t n = 0;
    if (strip(text, len, is_decimal, digits, &n) < 0) {
        return ZEUS_EPARSE;
    }
    size_t sign = n > 0 && (digits[0] == '+' || digits[0] == '-');
    int is_negative = n > 0 && digits[0] == '-';
    const char *bare = digits + sign;
    size_t bare_len = n - sign;
    if (bare_len == 3 && (memcmp(bare, "inf", 3) == 0 || memcmp(bare, "nan", 3) == 0)) {
        ret->kind = TOML_FLOAT;
        ret->as.number = bare[0] == 'n' ? (double)NAN : (double)INFINITY;
        ret->as.number = is_negative ? -ret->as.number : ret->as.number;
        return 0;
    }
    if (bare_len == 0 || !is_decimal(bare[0])) {
        return ZEUS_EPARSE;
    }
    const char *start = is_negative ? digits : bare;
    size_t len_signed = bare_len + (size_t)is_negative;
    double number = 0;
    int r = parse_double(start, len_signed, 0, &number); /* its grammar is JSON's */
    if (r == ZEUS_EPARSE || (memchr(bare, '.', bare_len) || memchr(bare, 'e', bare_len) ||
                             memchr(bare, 'E', bare_len))) {
        ret->kind = TOML_FLOAT;
        ret->as.number = number;
        return r;
    }
    ret->kind = TOML_INTEGER;
    return parse_i64(start, len_signed, &ret->as.integer);
}

static int looks_like_time(const char *text, size_t len)
{
    return (len >= 5 && is_decimal(text[0]) && is_decimal(text[3]) && text[4] == '-') ||
           (len >= 3 && is_decimal(text[0]) && is_decimal(text[1]) && text[2] == ':');
}

static int is_plain(char c)
{
    return is_decimal(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' ||
           c == '-' || c == '_' || c == '.' || c == ':';
}

static int read_number(const char *text, size_t len, struct toml_value *ret)
{
    if (len > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'o' || text[1] == 'b')) {
        ret->kind = TOML_INTEGER;
        unsigned bits = text[1] == 'x' ? 4 : text[1] == 'o' ? 3 : 1;
        return read_based(text + 2, len - 2, bits, &ret->as.integer);
    }
    return read_decimal(text, len, ret);
}

static int is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

/* Why a word of more than any number's characters is refused. */
static int too_long(const char *text)
{
    text += *text == '+' || *text == '-';
    return *text >= '0' && *text <= '9' ? ZEUS_ERANGE : ZEUS_EPARSE;
}

int toml_read_plain(struct toml_cursor *c, struct toml_value *ret)
{
    const char *text = c->text + c->pos;
    size_t len = 0;
    while (is_plain(toml_peek(c, len))) {
        len++;
    }
    char word[16];
    if (len == 0) {
        return toml_refuse(c, "expected a value, found %s", toml_found(c, word));
    }
    if (is_word(text, len, "true") || is_word(text, len, "false")) {
        ret->kind = TOML_BOOLEAN;
        ret->as.boolean = text[0] == 't';
        c->pos += len;
        return 0;
    }
    if (looks_like_time(text, len)) {
        return toml_refuse(c, "dates and times are not taken here; write a string in quotes");
    }
    int r = len < NUMBER_MAX ? read_number(text, len, ret) : too_long(text);
    int shown = (int)MIN_OF(len, (size_t)40);
    if (r == ZEUS_ERANGE) {
        return toml_refuse(c, "the number %.*s is out of range", shown, text);
    }
    if (r < 0) {
        return toml_refuse(c, "%.*s is no value (strings stand in quotes)", shown, text);
    }
    c->pos += len;
    return 0;
}
