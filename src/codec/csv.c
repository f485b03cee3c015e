/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV reader and writer. The reader only ever moves forward over the text it was given.
 */
#include "codec/csv.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/parse.h"

void csv_reader_init(struct csv_reader *r, const char *text, size_t len)
{
    const int has_mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    *r = (struct csv_reader){
        .text = text,
        .len = len,
        .pos = has_mark ? 3 : 0,
        .next_line = 1,
    };
}

static int fail(struct csv_reader *r, const char *problem)
{
    r->problem = problem;
    return ZEUS_EPARSE;
}

/* At the end of a line: its terminator's length; 0 elsewhere. */
static size_t line_end(const struct csv_reader *r)
{
    if (r->pos < r->len && r->text[r->pos] == '\n') {
        return 1;
    }
    if (r->pos + 1 < r->len && r->text[r->pos] == '\r' && r->text[r->pos + 1] == '\n') {
        return 2;
    }
    return 0;
}

/* A quoted field, at its opening quote. */
static int read_quoted(struct csv_reader *r, struct csv_field *field)
{
    const size_t start = ++r->pos;
    int has_quotes = 0;
    for (; r->pos < r->len; r->pos++) {
        if (r->text[r->pos] == '\n') {
            r->next_line++;
        }
        if (r->text[r->pos] != '"') {
            continue;
        }
        if (r->pos + 1 < r->len && r->text[r->pos + 1] == '"') {
            has_quotes = 1;
            r->pos++;
            continue;
        }
        *field = (struct csv_field){r->text + start, r->pos - start, has_quotes};
        r->pos++;
        if (r->pos < r->len && r->text[r->pos] != ',' && line_end(r) == 0) {
            return fail(r, "text after a closing quote");
        }
        return 0;
    }
    return fail(r, "a quote is not closed");
}

static int read_field(struct csv_reader *r, struct csv_field *field)
{
    if (r->pos < r->len && r->text[r->pos] == '"') {
        return read_quoted(r, field);
    }
    const size_t start = r->pos;
    for (; r->pos < r->len && r->text[r->pos] != ',' && line_end(r) == 0; r->pos++) {
        if (r->text[r->pos] == '"') {
            return fail(r, "a quote inside an unquoted field");
        }
    }
    *field = (struct csv_field){r->text + start, r->pos - start, 0};
    return 0;
}

int csv_next(struct csv_reader *r, struct csv_field *fields, size_t capacity, size_t *ret_count)
{
    for (size_t skip = line_end(r); skip > 0; skip = line_end(r)) {
        r->pos += skip;
        r->next_line++;
    }
    r->line = r->next_line;
    if (r->pos >= r->len) {
        return 0;
    }
    for (size_t count = 0; count < capacity; count++) {
        const int code = read_field(r, &fields[count]);
        if (code < 0) {
            return code;
        }
        if (r->pos < r->len && r->text[r->pos] == ',') {
            r->pos++;
            continue;
        }
        const size_t end = line_end(r);
        r->pos += end;
        r->next_line += end > 0;
        *ret_count = count + 1;
        return 1;
    }
    r->problem = "too many fields";
    return ZEUS_ELIMIT;
}

int csv_reader_error(const struct csv_reader *r, int code, zeus_error *err)
{
    return err_set(err, code, "line %zu: %s", r->line, r->problem ? r->problem : "malformed");
}

/* Decodes one character at *at and moves past it; -1 at the end. */
static int next_char(const struct csv_field *field, size_t *at)
{
    if (*at >= field->len) {
        return -1;
    }
    const unsigned char c = (unsigned char)field->text[*at];
    *at += field->has_quotes && c == '"' ? 2 : 1;
    return c;
}

int csv_is(const struct csv_field *field, const char *text)
{
    if (!field->has_quotes) {
        return strlen(text) == field->len && memcmp(text, field->text, field->len) == 0;
    }
    size_t at = 0;
    int c;
    while ((c = next_char(field, &at)) >= 0) {
        if ((unsigned char)*text != c || c == 0) {
            return 0;
        }
        text++;
    }
    return *text == '\0';
}

int csv_find(const struct csv_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (csv_is(&fields[i], name)) {
            return (int)i;
        }
    }
    return -1;
}

int csv_get_string(const struct csv_field *field, char *out, size_t size)
{
    size_t len = 0;
    size_t at = 0;
    int c;
    while ((c = next_char(field, &at)) >= 0) {
        if (c == 0) {
            return ZEUS_EPARSE;
        }
        if (len + 1 >= size) {
            return ZEUS_ELIMIT;
        }
        out[len++] = (char)c;
    }
    if (size == 0) {
        return ZEUS_ELIMIT;
    }
    out[len] = '\0';
    return (int)len;
}

int csv_get_double(const struct csv_field *field, double *ret_value)
{
    return parse_double(field->text, field->len, 1, ret_value);
}

int csv_get_i64(const struct csv_field *field, int64_t *ret_value)
{
    return parse_i64(field->text, field->len, ret_value);
}

void csv_writer_init(struct csv_writer *w, struct strbuf *out)
{
    *w = (struct csv_writer){.out = out};
}

static void begin_field(struct csv_writer *w)
{
    if (w->is_started) {
        strbuf_addc(w->out, ',');
    }
    w->is_started = 1;
}

void csv_put_string(struct csv_writer *w, const char *text)
{
    begin_field(w);
    /* An empty field alone on its line would read as an empty line. */
    if (text[0] != '\0' && strcspn(text, ",\"\r\n") == strlen(text)) {
        strbuf_adds(w->out, text);
        return;
    }
    strbuf_addc(w->out, '"');
    for (; *text; text++) {
        if (*text == '"') {
            strbuf_addc(w->out, '"');
        }
        strbuf_addc(w->out, *text);
    }
    strbuf_addc(w->out, '"');
}

void csv_put_double(struct csv_writer *w, double value)
{
    char text[FMT_DOUBLE_SIZE];
    begin_field(w);
    strbuf_add(w->out, text, fmt_double(text, value));
}

void csv_put_i64(struct csv_writer *w, int64_t value)
{
    begin_field(w);
    strbuf_addf(w->out, "%lld", (long long)value);
}

void csv_end_row(struct csv_writer *w)
{
    strbuf_addc(w->out, '\n');
    w->is_started = 0;
}
