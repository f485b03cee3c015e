/* SPDX-License-Identifier: Apache-2.0
 *
 * A second, tiny scanner with one purpose: the message and the character position that CPython's
 * json decoder reports for a malformed text. The order of its checks follows the decoder's
 * observable behaviour (CPython 3.11), which is not ours: it names a missing delimiter at the next
 * non-blank character, an unterminated string at its opening quote.
 */
#include "codec/json_python.h"

#include <string.h>

#define DEPTH_MAX 512

struct scan {
    const char *text;
    size_t len;
    size_t at; /* bytes */
    const char *msg;
    size_t wrong_at; /* bytes */
};

static int refuse(struct scan *s, const char *msg, size_t at)
{
    s->msg = msg;
    s->wrong_at = at;
    return -1;
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->len && s->text[s->at] && strchr(" \t\n\r", s->text[s->at])) {
        s->at++;
    }
}

static int at_char(const struct scan *s, char c)
{
    return s->at < s->len && s->text[s->at] == c;
}

static int is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* After the backslash. */
static int scan_escape(struct scan *s)
{
    char c = s->text[s->at];
    if (c != 'u') {
        if (!c || !strchr("\"\\/bfnrt", c)) {
            return refuse(s, "Invalid \\escape", s->at - 1);
        }
        s->at++;
        return 0;
    }
    for (size_t i = 1; i <= 4; i++) {
        if (s->at + 5 >= s->len || !is_hex(s->text[s->at + i])) {
            return refuse(s, "Invalid \\uXXXX escape", s->at);
        }
    }
    s->at += 5;
    return 0;
}

static int scan_string(struct scan *s)
{
    size_t start = s->at++;
    while (s->at < s->len) {
        unsigned char c = (unsigned char)s->text[s->at];
        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c < 0x20) {
            return refuse(s, "Invalid control character at", s->at);
        }
        s->at++;
        if (c != '\\') {
            continue;
        }
        if (s->at == s->len) {
            break;
        }
        if (scan_escape(s) < 0) {
            return -1;
        }
    }
    return refuse(s, "Unterminated string starting at", start);
}

static size_t digits(const struct scan *s, size_t at)
{
    size_t n = 0;
    while (at + n < s->len && s->text[at + n] >= '0' && s->text[at + n] <= '9') {
        n++;
    }
    return n;
}

static int scan_number(struct scan *s)
{
    size_t start = s->at;
    size_t at = start + (s->text[start] == '-');
    size_t n = digits(s, at);
    if (n == 0) {
        return refuse(s, "Expecting value", start);
    }
    at += s->text[at] == '0' ? 1 : n;
    if (at < s->len && s->text[at] == '.' && digits(s, at + 1) > 0) {
        at += 1 + digits(s, at + 1);
    }
    if (at < s->len && (s->text[at] == 'e' || s->text[at] == 'E')) {
        size_t sign = at + 1 < s->len && (s->text[at + 1] == '-' || s->text[at + 1] == '+');
        size_t exponent = digits(s, at + 1 + sign);
        at += exponent ? 1 + sign + exponent : 0;
    }
    s->at = at;
    return 0;
}

static int scan_scalar(struct scan *s)
{
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};
    if (at_char(s, '"')) {
        return scan_string(s);
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t n = strlen(words[i]);
        if (s->len - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
            s->at += n;
            return 0;
        }
    }
    if (s->at == s->len) {
        return refuse(s, "Expecting value", s->at);
    }
    return scan_number(s);
}

/* A member's name and colon, then blanks. */
static int scan_name(struct scan *s)
{
    if (!at_char(s, '"')) {
        return refuse(s, "Expecting property name enclosed in double quotes", s->at);
    }
    if (scan_string(s) < 0) {
        return -1;
    }
    skip_blanks(s);
    if (!at_char(s, ':')) {
        return refuse(s, "Expecting ':' delimiter", s->at);
    }
    s->at++;
    skip_blanks(s);
    return 0;
}

struct levels {
    size_t depth;
    char close[DEPTH_MAX]; /* the bracket that ends each open level */
};

/* A value starts here. 1: a non-empty level was opened and a value is due; 0: a value ended. */
static int begin_value(struct scan *s, struct levels *l)
{
    int is_object = at_char(s, '{');
    if (!is_object && !at_char(s, '[')) {
        return scan_scalar(s);
    }
    if (l->depth == DEPTH_MAX) {
        return refuse(s, NULL, s->at);
    }
    s->at++;
    skip_blanks(s);
    if (at_char(s, is_object ? '}' : ']')) {
        s->at++;
        return 0;
    }
    l->close[l->depth++] = is_object ? '}' : ']';
    if (is_object && scan_name(s) < 0) {
        return -1;
    }
    return 1;
}

/* A value ended inside a level. 1: another value is due; 0: the outermost value ended. */
static int after_value(struct scan *s, struct levels *l)
{
    while (l->depth > 0) {
        char close = l->close[l->depth - 1];
        skip_blanks(s);
        if (at_char(s, close)) {
            s->at++;
            l->depth--;
            continue;
        }
        if (!at_char(s, ',')) {
            return refuse(s, "Expecting ',' delimiter", s->at);
        }
        s->at++;
        skip_blanks(s);
        if (close == '}' && scan_name(s) < 0) {
            return -1;
        }
        return 1;
    }
    return 0;
}

static int scan_document(struct scan *s)
{
    struct levels levels = {0};
    skip_blanks(s);
    int due = 1;
    while (due > 0) {
        due = begin_value(s, &levels);
        if (due == 0) {
            due = after_value(s, &levels);
        }
    }
    if (due < 0) {
        return due;
    }
    skip_blanks(s);
    return s->at < s->len ? refuse(s, "Extra data", s->at) : 0;
}

int json_python_explain(const char *text, size_t len, struct json_python_error *ret)
{
    struct scan s = {.text = text, .len = len};
    if (scan_document(&s) == 0 || !s.msg) {
        return 0;
    }
    struct json_python_error found = {.msg = s.msg, .line = 1, .column = 1};
    for (size_t i = 0; i < s.wrong_at; i++) {
        if (((unsigned char)text[i] & 0xC0) == 0x80) {
            continue; /* inside a character */
        }
        found.pos++;
        found.column = text[i] == '\n' ? 1 : found.column + 1;
        found.line += text[i] == '\n';
    }
    *ret = found;
    return 1;
}
