/* SPDX-License-Identifier: Apache-2.0
 *
 * A pull reader for JSON (RFC 8259, strict) that allocates nothing: tokens are views of the input.
 *
 *     struct json_reader r;
 *     json_reader_init(&r, text, len);
 *     for (int t = json_next(&r); t > 0; t = json_next(&r)) ...   0: end of document, < 0: error
 *
 * Exactly one value is accepted, with white space around it. Depth is capped. Strings are checked
 * (escapes, UTF-8, surrogate pairs) while they are scanned, so json_get_string cannot fail on
 * content, only on size. Numbers keep their text: integers are exact over 64 bits.
 */
#ifndef ZEUS_CODEC_JSON_READER_H
#define ZEUS_CODEC_JSON_READER_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

#define JSON_DEPTH_MAX 64

enum json_token {
    JSON_END = 0,
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY, /* the member's value follows */
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_reader {
    const char *text; /* borrowed for the reader's life */
    size_t len;
    size_t pos;
    int depth;
    unsigned char is_object[JSON_DEPTH_MAX];
    int expect;        /* what may come next; private */
    int token;         /* the last token */
    const char *start; /* its text: string content without quotes, number digits */
    size_t size;
    int has_escape;      /* string or key contains a backslash */
    const char *problem; /* words for the error, NULL while fine */
    int allow_special;   /* set after init: NaN, Infinity and -Infinity are numbers, as in Python */
};

void json_reader_init(struct json_reader *r, const char *text, size_t len);

/* The next token, JSON_END (0) at the end, or ZEUS_EPARSE / ZEUS_ELIMIT (depth). */
int json_next(struct json_reader *r) ZEUS_CHECK;

/* Fills `err` from a failed reader: "line 3, column 7: expected a colon". Returns the code. */
int json_reader_error(const struct json_reader *r, zeus_error *err);

/* True when the current string or key equals `text` once decoded. */
int json_is(const struct json_reader *r, const char *text);

/* Current string or key, decoded and NUL-terminated. Length, or ZEUS_ELIMIT when `size` is short,
 * ZEUS_EPARSE when the token is no string or holds U+0000 (which a C string cannot). */
int json_get_string(const struct json_reader *r, char *out, size_t size) ZEUS_CHECK;

/* Current number. ZEUS_EPARSE when the token is no number or (integers) has a fraction or exponent,
 * ZEUS_ERANGE when it does not fit. */
int json_get_double(const struct json_reader *r, double *ret_value) ZEUS_CHECK;
int json_get_u64(const struct json_reader *r, uint64_t *ret_value) ZEUS_CHECK;
int json_get_i64(const struct json_reader *r, int64_t *ret_value) ZEUS_CHECK;

/* Skips the value whose first token is the current one (or follows the current key). */
int json_skip(struct json_reader *r) ZEUS_CHECK;

#endif /* ZEUS_CODEC_JSON_READER_H */
