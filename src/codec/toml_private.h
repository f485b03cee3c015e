/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the TOML reader share: the cursor and the scalars.
 */
#ifndef ZEUS_CODEC_TOML_PRIVATE_H
#define ZEUS_CODEC_TOML_PRIVATE_H

#include "codec/toml.h"

struct toml_cursor {
    const char *text; /* UTF-8 without control characters but tab and newline: checked before */
    size_t len;
    size_t pos;
    unsigned line;
    unsigned depth;
    unsigned section; /* counts headers, from 1 */
    size_t nodes;
    struct toml_document *doc;
    zeus_error *err;
};

/* The byte `ahead` of the cursor, 0 past the end (the text holds no NUL). */
char toml_peek(const struct toml_cursor *c, size_t ahead);

/* ZEUS_EPARSE at the cursor's line. */
int toml_refuse(struct toml_cursor *c, const char *format, ...) ZEUS_PRINTF(2, 3);

int toml_no_memory(struct toml_cursor *c);

/* "'x'", "end of line" or "end of file": what stands at the cursor, for messages. */
const char *toml_found(const struct toml_cursor *c, char out[16]);

/* A string, cursor at its first quote. `may_span` takes the triple-quoted forms too. */
int toml_read_string(struct toml_cursor *c, int may_span, const char **ret) ZEUS_CHECK;

/* A number or boolean, cursor at its first character. */
int toml_read_plain(struct toml_cursor *c, struct toml_value *ret) ZEUS_CHECK;

/* Any value, white space before it skipped by the caller. */
int toml_read_value(struct toml_cursor *c, struct toml_value *ret) ZEUS_CHECK;

/* The table's new entry; "duplicate key" and limits are refused. */
int toml_insert(struct toml_cursor *c, struct toml_table *table, const char *key,
                struct toml_entry **ret) ZEUS_CHECK;

#endif /* ZEUS_CODEC_TOML_PRIVATE_H */
