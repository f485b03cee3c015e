/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV (RFC 4180): a pull reader that allocates nothing, fields being views of the input, and a
 * writer over a strbuf. Accepts LF and CRLF, a final line without newline, and a UTF-8 byte order
 * mark; empty lines are skipped. A quote inside an unquoted field is an error, as is text after a
 * closing quote.
 */
#ifndef ZEUS_CODEC_CSV_H
#define ZEUS_CODEC_CSV_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/strbuf.h"

struct csv_field {
    const char *text; /* without the outer quotes; borrowed from the input */
    size_t len;
    int has_quotes; /* doubled quotes inside: compare and copy through the functions below */
};

struct csv_reader {
    const char *text;
    size_t len;
    size_t pos;
    size_t line;         /* of the row last read, from 1 */
    size_t next_line;    /* private */
    const char *problem; /* words for the error, NULL while fine */
};

void csv_reader_init(struct csv_reader *r, const char *text, size_t len);

/* The next row: 1 and *ret_count fields, 0 at the end, ZEUS_EPARSE, or ZEUS_ELIMIT when the row has
 * more than `capacity` fields. */
int csv_next(struct csv_reader *r, struct csv_field *fields, size_t capacity, size_t *ret_count)
    ZEUS_CHECK;

/* Fills `err` from a failed reader: "line 3: ...". Returns `code`. */
int csv_reader_error(const struct csv_reader *r, int code, zeus_error *err);

int csv_is(const struct csv_field *field, const char *text);

/* Index of the field that equals `name` (columns of a header row), -1 when there is none. */
int csv_find(const struct csv_field *fields, size_t count, const char *name);

/* Decoded and NUL-terminated. Length, ZEUS_ELIMIT when it does not fit, ZEUS_EPARSE for a NUL. */
int csv_get_string(const struct csv_field *field, char *out, size_t size) ZEUS_CHECK;
int csv_get_double(const struct csv_field *field, double *ret_value) ZEUS_CHECK;
int csv_get_i64(const struct csv_field *field, int64_t *ret_value) ZEUS_CHECK;

struct csv_writer {
    struct strbuf *out; /* borrowed; its status tells of failure */
    int is_started;     /* the row has a field already */
};

void csv_writer_init(struct csv_writer *w, struct strbuf *out);
void csv_put_string(struct csv_writer *w, const char *text); /* quoted where needed */
void csv_put_double(struct csv_writer *w, double value);     /* shortest that reads back the same */
void csv_put_i64(struct csv_writer *w, int64_t value);
void csv_end_row(struct csv_writer *w);

#endif /* ZEUS_CODEC_CSV_H */
