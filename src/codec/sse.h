/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-sent events: the text a server writes and the incremental parser a client feeds with
 * whatever the network gave it. Line ends may be LF, CR or CRLF, cut at any byte; memory is bounded
 * by the maximum given at init. Comments are told too, because ours mean something: a sign of life
 * and the number of events a slow reader lost.
 */
#ifndef ZEUS_CODEC_SSE_H
#define ZEUS_CODEC_SSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/strbuf.h"

#define SSE_ID_MAX   127 /* bytes; a longer id or event name is ignored */
#define SSE_NAME_MAX 63

/* One event, or one comment (then `data` is NULL). Borrowed until the callback returns. */
struct sse_event {
    const char *data; /* NUL-terminated, lines joined by '\n' */
    size_t data_len;
    const char *id;    /* last id seen on the stream; "" when none */
    const char *event; /* "message" unless named */
    int64_t retry_ms;  /* last reconnection time asked for; -1: none */
    const char *comment;
};

/* Non-zero stops the parsing and is what sse_parser_feed returns. */
typedef int (*sse_on_event)(void *user, const struct sse_event *event);

struct sse_parser {
    struct strbuf line;
    struct strbuf data;
    char id[SSE_ID_MAX + 1];
    char event[SSE_NAME_MAX + 1];
    int64_t retry_ms;
    int has_data; /* a data line came since the last event */
    int after_cr; /* an LF that comes next belongs to the CR before it */
    int is_begun; /* the first line is through: no more byte order mark */
};

/* `max`: most bytes of a line and of an event's data. */
void sse_parser_init(struct sse_parser *p, size_t max);
void sse_parser_done(struct sse_parser *p);

/* Forgets a half-received event (a new connection); keeps id and retry. */
void sse_parser_restart(struct sse_parser *p);

/* 0; ZEUS_ELIMIT past the maximum and ZEUS_ENOMEM (the stream is to be given up); or the callback's
 * answer. */
int sse_parser_feed(struct sse_parser *p, const char *data, size_t len, sse_on_event on_event,
                    void *user) ZEUS_CHECK;

/* Appends one event: "id: ...\n" when `id` is not NULL, a data line a line of `data`, a blank line.
 */
void sse_write_event(struct strbuf *out, const char *id, const char *data, size_t len);

/* Appends ": text\n\n". */
void sse_write_comment(struct strbuf *out, const char *text);

/* Our ids are "<boot id>-<number>". ZEUS_EPARSE for anything else, ZEUS_ESTALE for another boot's.
 */
int sse_id_parse(const char *text, const char *boot_id, uint64_t *ret_number) ZEUS_CHECK;

/* The number in our comment "skipped N" (or "skipped more than N"); 0 for any other comment. */
uint64_t sse_comment_skipped(const char *comment);

#endif /* ZEUS_CODEC_SSE_H */
