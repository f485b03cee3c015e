/* SPDX-License-Identifier: Apache-2.0
 *
 * A reader of TOML 1.0 for configuration files, and schema tables that decode a document into
 * structs. Every refusal reads "FILE:LINE: what".
 *
 * Not taken, each with its own words: dates and times (write a string), U+0000 in strings, integers
 * past 64 bits, floats past the range of double. Bounds: TOML_SIZE_MAX bytes of text,
 * TOML_DEPTH_MAX levels of tables, arrays and dots, TOML_NODES_MAX keys and array items,
 * TOML_KEYS_MAX keys a table.
 *
 *     struct toml_document doc;
 *     int r = toml_parse(text, len, path, &doc, err);
 *     ... toml_find(&doc.root, "limits"), or toml_decode(&doc, &doc.root, &schema, &record, err)
 *     toml_done(&doc);
 */
#ifndef ZEUS_CODEC_TOML_H
#define ZEUS_CODEC_TOML_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/arena.h"
#include "base/attr.h"

#define TOML_SIZE_MAX  (1u << 20)
#define TOML_DEPTH_MAX 24
#define TOML_NODES_MAX 65536
#define TOML_KEYS_MAX  1024

enum toml_kind {
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOLEAN,
    TOML_ARRAY,
    TOML_TABLE,
};

struct toml_item;
struct toml_entry;

/* In the order of the file: for (e = t->first; e; e = e->next). */
struct toml_table {
    struct toml_entry *first;
    struct toml_entry *last;
    size_t count;
    unsigned line;    /* where it was opened; 0: the root */
    unsigned section; /* private: the section whose dotted keys made it, 0: none */
    int is_explicit;  /* private: a [header] opened it */
    int is_closed;    /* private: an inline table, complete as it stands */
};

struct toml_array {
    struct toml_item *first;
    struct toml_item *last;
    size_t count;
    int is_of_tables; /* private: made by [[headers]] */
};

struct toml_value {
    enum toml_kind kind;
    unsigned line; /* of its first character, 1 is the first line */
    union {
        const char *string; /* UTF-8, NUL-terminated, holds no other NUL */
        int64_t integer;
        double number;
        int boolean;
        struct toml_array array;
        struct toml_table *table;
    } as;
};

struct toml_item {
    struct toml_value value;
    struct toml_item *next;
};

struct toml_entry {
    const char *key;
    struct toml_value value;
    struct toml_entry *next;
};

struct toml_document {
    char name[80];   /* for messages; a long path keeps its end */
    const char *key; /* the field being decoded, NULL: none; toml_error puts it in front */
    struct arena arena;
    struct toml_table root;
};

/* ZEUS_EPARSE or ZEUS_ELIMIT; nothing is left to free then. `text` is not needed afterwards. */
int toml_parse(const char *text, size_t len, const char *name, struct toml_document *ret,
               zeus_error *err) ZEUS_CHECK;
void toml_done(struct toml_document *doc);

/* The value of `key` or NULL. Borrowed until toml_done. */
const struct toml_value *toml_find(const struct toml_table *table, const char *key);

/* "a string", "an integer", ... */
const char *toml_kind_text(enum toml_kind kind);

/* Fills `err` with "FILE:LINE: ..." ("FILE:LINE: KEY: ..." while a field is decoded) and returns
 * `code`. */
int toml_error(const struct toml_document *doc, unsigned line, int code, zeus_error *err,
               const char *format, ...) ZEUS_PRINTF(5, 6);

/* "FILE:LINE: unknown field `KEY`", with the nearest of `known` (ended by NULL) when one is near.
 */
int toml_unknown(const struct toml_document *doc, const struct toml_entry *entry,
                 const char *const *known, zeus_error *err);

/* ---- schemas ---- */

enum toml_field_kind {
    TOML_FIELD_STRING,  /* const char * */
    TOML_FIELD_WORD,    /* int: the index in `words` */
    TOML_FIELD_BOOLEAN, /* int: 0 or 1 */
    TOML_FIELD_INTEGER, /* int64_t */
    TOML_FIELD_U32,     /* uint32_t */
    TOML_FIELD_DOUBLE,  /* double; an integer is taken too, inf and nan are not */
    TOML_FIELD_STRINGS, /* struct toml_strings */
    TOML_FIELD_TABLE,   /* a record of `schema`, in place */
    TOML_FIELD_TABLES,  /* struct toml_records of `schema` */
    TOML_FIELD_CUSTOM,  /* decode() */
};

#define TOML_REQUIRED 1u /* absence is an error; otherwise the record keeps what it held */
#define TOML_NONEMPTY 2u /* of strings and lists */

struct toml_strings {
    const char **items; /* in the document's arena */
    size_t count;
};

struct toml_records {
    void *items; /* in the document's arena, zeroed before `defaults`, then decoded in order */
    size_t count;
};

struct toml_schema;

struct toml_field {
    const char *key;
    enum toml_field_kind kind;
    unsigned flags;
    size_t offset;      /* of the value in the record */
    size_t line_offset; /* of an unsigned that gets the line when the key is there; 0: none */
    int64_t min;        /* numbers: bounds, unless both are 0 */
    int64_t max;
    const char *const *words; /* TOML_FIELD_WORD; ended by NULL */
    const struct toml_schema *schema;
    /* TOML_FIELD_CUSTOM. `doc` is for toml_error and its arena. */
    int (*decode)(struct toml_document *doc, const struct toml_value *value, void *at,
                  zeus_error *err);
};

struct toml_schema {
    const struct toml_field *fields;
    size_t count;
    size_t size;                    /* of the record */
    void (*defaults)(void *record); /* may be NULL; used for sub-tables and records of lists */
};

/* Decodes `table`. An unknown key is ZEUS_EINVAL ("unknown field"), so is a missing one; a value of
 * another type or outside its bounds is ZEUS_EINVAL or ZEUS_ERANGE. The first problem of the file's
 * order is reported. Strings and lists are borrowed until toml_done. */
int toml_decode(struct toml_document *doc, const struct toml_table *table,
                const struct toml_schema *schema, void *record, zeus_error *err) ZEUS_CHECK;

/* Of an array of strings, for decoders of their own. */
int toml_get_strings(struct toml_document *doc, const struct toml_value *value,
                     struct toml_strings *ret, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_CODEC_TOML_H */
