/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON bodies into structs by field tables, with the coercions and the words of the validation
 * library that existing clients of the optimizer servers were written against (pydantic 1):
 * numeric strings become numbers, floats are cut to integers, "yes" is true, null is refused unless
 * the field takes it, unknown members are ignored, the last of several equal members counts. Every
 * violation is collected, in field order, as the body of a 422 answer:
 * {"detail":[{"loc":[...],"msg":...,"type":...}, ...]}.
 */
#ifndef ZEUS_CODEC_JSON_DECODE_H
#define ZEUS_CODEC_JSON_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/strbuf.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

#define JSON_FIELDS_MAX   32
#define JSON_PROBLEMS_MAX 64 /* further ones are not listed */

/* A value inside the body, still as text. Borrowed from the body. */
struct json_view {
    const char *text;
    size_t len;
};

/* Where a value stands: a chain from the innermost step outwards. */
struct json_loc {
    const struct json_loc *up;
    const char *name; /* NULL: an index */
    size_t index;
};

/* The growing answer. */
struct json_problems {
    struct strbuf text; /* owned: json_problems_done */
    struct json_writer writer;
    unsigned count;
    int has_overflow;    /* an integer past 64 bits was met; its value is cut to the nearest */
    int out_of_memory;   /* the arena's limit was hit: the decoded record is not usable */
    struct arena *arena; /* borrowed: strings and lists live here */
};

enum json_kind {
    JSON_KIND_INT,     /* int64_t */
    JSON_KIND_DOUBLE,  /* double */
    JSON_KIND_BOOL,    /* int: 0 or 1 */
    JSON_KIND_STRING,  /* const char *, in the arena; NULL for null */
    JSON_KIND_INTS,    /* struct json_ints */
    JSON_KIND_DOUBLES, /* struct json_doubles */
    JSON_KIND_CUSTOM,  /* decode() */
};

struct json_ints {
    int64_t *items; /* arena */
    size_t count;
};

struct json_doubles {
    double *items; /* arena */
    size_t count;
};

#define JSON_REQUIRED 1u /* absence is a problem; otherwise the struct keeps what it held */
#define JSON_NULLABLE 2u /* null is taken: has = 0 (strings: NULL) */
#define JSON_GT       4u /* value > limit */
#define JSON_GE       8u /* value >= limit */

struct json_field {
    const char *name;
    enum json_kind kind;
    unsigned flags;
    size_t offset;     /* of the value in the record */
    size_t has_offset; /* nullable numbers: of an int that says whether there is a value */
    int64_t limit;     /* for JSON_GT and JSON_GE */
    /* Own rule, after a successful conversion; adds its problem itself. May be NULL. `failed` has a
     * bit per field (table order) that failed before this one. */
    void (*check)(void *record, const struct json_loc *loc, uint32_t failed,
                  struct json_problems *problems);
    /* JSON_KIND_CUSTOM */
    void (*decode)(struct json_view value, const struct json_loc *loc, void *out,
                   struct json_problems *problems);
};

void json_problems_init(struct json_problems *p, struct arena *arena);
void json_problems_done(struct json_problems *p);

/* Adds one problem; `limit` is written as ctx when not NULL. */
void json_problem_add(struct json_problems *p, const struct json_loc *loc, const char *msg,
                      const char *type, const int64_t *limit);

/* Ends the answer. 0 and the text (borrowed until done), or why it could not be built. */
int json_problems_finish(struct json_problems *p, const char **ret_text, size_t *ret_len)
    ZEUS_CHECK;

/* Decodes the members of `body` (a whole document). ZEUS_EPARSE when it is no JSON: the one problem
 * then says where, in the words of Python's decoder. 0 otherwise, with p->count problems. */
int json_decode_body(const char *body, size_t len, const struct json_field *fields, size_t count,
                     void *record, struct json_problems *p) ZEUS_CHECK;

/* Scalar conversions, also used for query parameters (a string view: quotes and all). Each adds a
 * problem and returns ZEUS_EPARSE when the value does not convert. */
int json_to_int(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                int64_t *ret_value) ZEUS_CHECK;
int json_to_double(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                   double *ret_value) ZEUS_CHECK;
int json_to_bool(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                 int *ret_value) ZEUS_CHECK;
int json_to_string(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                   const char **ret_value) ZEUS_CHECK;
int json_to_ints(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                 struct json_ints *ret) ZEUS_CHECK;
int json_to_doubles(struct json_view value, const struct json_loc *loc, struct json_problems *p,
                    struct json_doubles *ret) ZEUS_CHECK;

/* An integer given as plain text (a query parameter). */
int json_text_to_int(const char *text, const struct json_loc *loc, struct json_problems *p,
                     int64_t *ret_value) ZEUS_CHECK;

/* A reader over a view, special numbers allowed; nothing read yet. */
void json_view_open(struct json_view value, struct json_reader *r);

/* Reads one whole value and yields its text and its first token; 0 at the end of the array, object
 * or document, negative on malformed text. */
int json_view_next(struct json_reader *r, struct json_view *ret) ZEUS_CHECK;

#endif /* ZEUS_CODEC_JSON_DECODE_H */
