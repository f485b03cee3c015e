/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded string builder.
 */
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/mem.h"

void strbuf_init(struct strbuf *sb, size_t max)
{
    *sb = (struct strbuf){.max = max};
}

void strbuf_done(struct strbuf *sb)
{
    free(sb->data);
    *sb = (struct strbuf){.max = sb->max};
}

static int reserve(struct strbuf *sb, size_t more)
{
    if (sb->failed) {
        return sb->failed;
    }
    if (more > sb->max - sb->len) {
        sb->failed = ZEUS_ELIMIT;
        return sb->failed;
    }
    int r = mem_grow(&sb->data, &sb->capacity, sb->len + more + 1, 1, sb->max + 1);
    if (r < 0) {
        sb->failed = r;
    }
    return r;
}

void strbuf_add(struct strbuf *sb, const char *data, size_t len)
{
    if (reserve(sb, len) < 0) {
        return;
    }
    memcpy(sb->data + sb->len, data, len);
    sb->len += len;
    sb->data[sb->len] = '\0';
}

void strbuf_adds(struct strbuf *sb, const char *text)
{
    strbuf_add(sb, text, strlen(text));
}

void strbuf_addc(struct strbuf *sb, char c)
{
    strbuf_add(sb, &c, 1);
}

void strbuf_addf(struct strbuf *sb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n >= 0 && reserve(sb, (size_t)n) == 0) {
        (void)vsnprintf(sb->data + sb->len, (size_t)n + 1, format, again);
        sb->len += (size_t)n;
    }
    va_end(again);
}

void strbuf_clear(struct strbuf *sb)
{
    sb->len = 0;
    sb->failed = 0;
    if (sb->data) {
        sb->data[0] = '\0';
    }
}

const char *strbuf_text(const struct strbuf *sb)
{
    return sb->data ? sb->data : "";
}

int strbuf_status(const struct strbuf *sb)
{
    return sb->failed;
}

int strbuf_take(struct strbuf *sb, char **ret_text)
{
    strbuf_add(sb, "", 0); /* an empty buffer still yields an owned "" */
    if (sb->failed) {
        return sb->failed;
    }
    *ret_text = sb->data;
    *sb = (struct strbuf){.max = sb->max};
    return 0;
}
