/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded string builder. The maximum is set at init; passing it or running out of memory makes
 * the buffer *failed*: further appends do nothing and strbuf_finish says why. So a run of appends
 * needs one check at its end.
 */
#ifndef ZEUS_BASE_STRBUF_H
#define ZEUS_BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

struct strbuf {
    char *data; /* owned, always NUL-terminated once something was appended; may be NULL */
    size_t len;
    size_t capacity;
    size_t max; /* most bytes of text, NUL not counted */
    int failed; /* 0 or ZEUS_ENOMEM / ZEUS_ELIMIT */
};

void strbuf_init(struct strbuf *sb, size_t max);
void strbuf_done(struct strbuf *sb);

void strbuf_add(struct strbuf *sb, const char *data, size_t len);
void strbuf_adds(struct strbuf *sb, const char *text);
void strbuf_addc(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *format, ...) ZEUS_PRINTF(2, 3);
void strbuf_clear(struct strbuf *sb); /* empties, keeps the memory and forgets a failure */

/* The text so far, "" when empty. Borrowed until the next append. */
const char *strbuf_text(const struct strbuf *sb);

/* 0 or why the buffer failed. */
int strbuf_status(const struct strbuf *sb) ZEUS_CHECK;

/* Hands the text over (owned: free) and leaves the buffer empty; fails as strbuf_status. */
int strbuf_take(struct strbuf *sb, char **ret_text) ZEUS_CHECK;

#endif /* ZEUS_BASE_STRBUF_H */
