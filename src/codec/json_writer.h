/* SPDX-License-Identifier: Apache-2.0
 *
 * Streaming JSON writer over a strbuf: no tree is built. Commas, colons and indentation are the
 * writer's; nesting is the caller's to balance (checked: json_writer_finish). A NaN or infinite
 * number becomes null, since JSON has no word for it.
 */
#ifndef ZEUS_CODEC_JSON_WRITER_H
#define ZEUS_CODEC_JSON_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/strbuf.h"

#define JSON_WRITER_DEPTH 64

struct json_writer {
    struct strbuf *out; /* borrowed until finish */
    int indent;         /* spaces a level; 0: everything on one line */
    int depth;
    int failed;
    unsigned char counts[JSON_WRITER_DEPTH]; /* 0: nothing written yet at this depth */
    unsigned char is_object[JSON_WRITER_DEPTH];
    int has_key; /* a key was written and awaits its value */
};

void json_writer_init(struct json_writer *w, struct strbuf *out, int indent);

void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);

void json_string(struct json_writer *w, const char *text);
void json_string_n(struct json_writer *w, const char *text, size_t len);
void json_u64(struct json_writer *w, uint64_t value);
void json_i64(struct json_writer *w, int64_t value);
void json_double(struct json_writer *w, double value); /* shortest text that reads back the same */
void json_fixed(struct json_writer *w, double value, int decimals);
void json_bool(struct json_writer *w, int value);
void json_null(struct json_writer *w);
/* A complete JSON value that somebody else wrote; put in as it stands. */
void json_raw(struct json_writer *w, const char *text);

/* key + value in one line of code. */
void json_key_string(struct json_writer *w, const char *key, const char *text);
void json_key_u64(struct json_writer *w, const char *key, uint64_t value);
void json_key_i64(struct json_writer *w, const char *key, int64_t value);
void json_key_double(struct json_writer *w, const char *key, double value);
void json_key_bool(struct json_writer *w, const char *key, int value);
void json_key_null(struct json_writer *w, const char *key);

/* 0 when everything was balanced and the buffer took it all; ZEUS_ESTATE, or the strbuf's code. */
int json_writer_finish(struct json_writer *w) ZEUS_CHECK;

#endif /* ZEUS_CODEC_JSON_WRITER_H */
