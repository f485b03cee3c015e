/* SPDX-License-Identifier: Apache-2.0
 *
 * Streaming JSON writer. Strings are escaped per RFC 8259; bytes that are not UTF-8 become U+FFFD,
 * so that a device name with a stray byte cannot make a document unreadable.
 */
#include "codec/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zeus/error.h>

#include "base/fmt.h"
#include "codec/utf8.h"

void json_writer_init(struct json_writer *w, struct strbuf *out, int indent)
{
    *w = (struct json_writer){.out = out, .indent = indent};
}

static void new_line(struct json_writer *w, int depth)
{
    if (w->indent == 0) {
        return;
    }
    strbuf_addc(w->out, '\n');
    for (int i = 0; i < depth * w->indent; i++) {
        strbuf_addc(w->out, ' ');
    }
}

/* Whatever has to stand before a value or key at the current place. */
static void before_item(struct json_writer *w, int is_key)
{
    int in_object = w->depth > 0 && w->is_object[w->depth - 1];
    if (w->has_key) {
        w->has_key = 0;
        w->failed |= is_key;
        return;
    }
    w->failed |= in_object && !is_key;
    if (w->depth == 0) {
        return;
    }
    if (w->counts[w->depth - 1]) {
        strbuf_addc(w->out, ',');
    }
    w->counts[w->depth - 1] = 1;
    new_line(w, w->depth);
}

static void begin(struct json_writer *w, char bracket, int is_object)
{
    before_item(w, 0);
    strbuf_addc(w->out, bracket);
    if (w->depth == JSON_WRITER_DEPTH) {
        w->failed = 1;
        return;
    }
    w->counts[w->depth] = 0;
    w->is_object[w->depth] = (unsigned char)is_object;
    w->depth++;
}

static void end(struct json_writer *w, char bracket, int is_object)
{
    if (w->depth == 0 || w->is_object[w->depth - 1] != is_object || w->has_key) {
        w->failed = 1;
        return;
    }
    w->depth--;
    if (w->counts[w->depth]) {
        new_line(w, w->depth);
    }
    strbuf_addc(w->out, bracket);
}

void json_begin_object(struct json_writer *w)
{
    begin(w, '{', 1);
}

void json_end_object(struct json_writer *w)
{
    end(w, '}', 1);
}

void json_begin_array(struct json_writer *w)
{
    begin(w, '[', 0);
}

void json_end_array(struct json_writer *w)
{
    end(w, ']', 0);
}

static void put_escaped(struct strbuf *out, unsigned char c)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof(short_forms); i += 2) {
        if ((unsigned char)short_forms[i] == c) {
            strbuf_addc(out, '\\');
            strbuf_addc(out, short_forms[i + 1]);
            return;
        }
    }
    strbuf_addf(out, "\\u%04x", c);
}

static void put_string(struct strbuf *out, const char *text, size_t len)
{
    strbuf_addc(out, '"');
    size_t i = 0;
    while (i < len) {
        size_t run = i;
        while (run < len && (unsigned char)text[run] >= 0x20 && (unsigned char)text[run] < 0x7F &&
               text[run] != '"' && text[run] != '\\') {
            run++;
        }
        strbuf_add(out, text + i, run - i);
        i = run;
        if (i == len) {
            break;
        }
        size_t n = utf8_sequence_length(text + i, len - i);
        if (n == 0) {
            strbuf_adds(out, "\xEF\xBF\xBD");
            i++;
        } else if (n == 1) {
            put_escaped(out, (unsigned char)text[i++]);
        } else {
            strbuf_add(out, text + i, n);
            i += n;
        }
    }
    strbuf_addc(out, '"');
}

void json_key(struct json_writer *w, const char *key)
{
    if (w->depth == 0 || !w->is_object[w->depth - 1]) {
        w->failed = 1;
    }
    before_item(w, 1);
    put_string(w->out, key, strlen(key));
    strbuf_adds(w->out, w->indent ? ": " : ":");
    w->has_key = 1;
}

void json_string_n(struct json_writer *w, const char *text, size_t len)
{
    before_item(w, 0);
    put_string(w->out, text, len);
}

void json_string(struct json_writer *w, const char *text)
{
    json_string_n(w, text, strlen(text));
}

void json_u64(struct json_writer *w, uint64_t value)
{
    before_item(w, 0);
    strbuf_addf(w->out, "%llu", (unsigned long long)value);
}

void json_i64(struct json_writer *w, int64_t value)
{
    before_item(w, 0);
    strbuf_addf(w->out, "%lld", (long long)value);
}

void json_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_null(w);
        return;
    }
    char text[FMT_DOUBLE_SIZE];
    size_t n = fmt_double(text, value);
    before_item(w, 0);
    strbuf_add(w->out, text, n);
}

void json_fixed(struct json_writer *w, double value, int decimals)
{
    if (!isfinite(value)) {
        json_null(w);
        return;
    }
    char text[FMT_DOUBLE_SIZE];
    size_t n = fmt_fixed(text, value, decimals);
    before_item(w, 0);
    strbuf_add(w->out, text, n);
}

void json_bool(struct json_writer *w, int value)
{
    before_item(w, 0);
    strbuf_adds(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    before_item(w, 0);
    strbuf_adds(w->out, "null");
}

void json_raw(struct json_writer *w, const char *text)
{
    before_item(w, 0);
    strbuf_adds(w->out, text);
}

void json_key_string(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_string(w, text);
}

void json_key_u64(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_u64(w, value);
}

void json_key_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_i64(w, value);
}

void json_key_double(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_double(w, value);
}

void json_key_bool(struct json_writer *w, const char *key, int value)
{
    json_key(w, key);
    json_bool(w, value);
}

void json_key_null(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_null(w);
}

int json_writer_finish(struct json_writer *w)
{
    if (w->failed || w->depth != 0 || w->has_key) {
        return ZEUS_ESTATE;
    }
    return strbuf_status(w->out);
}
