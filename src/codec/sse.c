/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-sent events (WHATWG HTML, "Server-sent events"): lines are collected until their end,
 * fields are kept until the blank line that dispatches them. A field without data dispatches
 * nothing, as the standard has it.
 */
#include "codec/sse.h"

#include <string.h>

#include <zeus/error.h>

#include "base/parse.h"

#define RETRY_DIGITS_MAX 9 /* eleven days in milliseconds: nobody means more */

void sse_parser_init(struct sse_parser *p, size_t max)
{
    *p = (struct sse_parser){.retry_ms = -1};
    strbuf_init(&p->line, max);
    strbuf_init(&p->data, max);
}

void sse_parser_done(struct sse_parser *p)
{
    strbuf_done(&p->line);
    strbuf_done(&p->data);
}

void sse_parser_restart(struct sse_parser *p)
{
    strbuf_clear(&p->line);
    strbuf_clear(&p->data);
    p->event[0] = '\0';
    p->has_data = 0;
    p->after_cr = 0;
    p->is_begun = 0;
}

static void keep(char *slot, size_t max, const char *value, size_t len)
{
    if (len > max || memchr(value, '\0', len)) {
        return;
    }
    memcpy(slot, value, len);
    slot[len] = '\0';
}

static void keep_retry(struct sse_parser *p, const char *value, size_t len)
{
    uint64_t ms = 0;
    if (len > 0 && len <= RETRY_DIGITS_MAX && strspn(value, "0123456789") >= len &&
        parse_u64(value, len, &ms) == 0) {
        p->retry_ms = (int64_t)ms;
    }
}

static int is_field(const char *name, size_t len, const char *want)
{
    return strlen(want) == len && memcmp(name, want, len) == 0;
}

static void take_field(struct sse_parser *p, const char *name, size_t name_len, const char *value,
                       size_t len)
{
    if (is_field(name, name_len, "data")) {
        if (p->has_data) {
            strbuf_addc(&p->data, '\n');
        }
        strbuf_add(&p->data, value, len);
        p->has_data = 1;
    } else if (is_field(name, name_len, "id")) {
        keep(p->id, SSE_ID_MAX, value, len);
    } else if (is_field(name, name_len, "event")) {
        keep(p->event, SSE_NAME_MAX, value, len);
    } else if (is_field(name, name_len, "retry")) {
        keep_retry(p, value, len);
    }
}

static int dispatch(struct sse_parser *p, sse_on_event on_event, void *user)
{
    int r = strbuf_status(&p->data);
    if (r == 0 && p->has_data) {
        struct sse_event event = {.data = strbuf_text(&p->data),
                                  .data_len = p->data.len,
                                  .id = p->id,
                                  .event = p->event[0] ? p->event : "message",
                                  .retry_ms = p->retry_ms};
        r = on_event(user, &event);
    }
    strbuf_clear(&p->data);
    p->event[0] = '\0';
    p->has_data = 0;
    return r;
}

static int tell_comment(struct sse_parser *p, const char *text, sse_on_event on_event, void *user)
{
    struct sse_event event = {.id = p->id,
                              .event = "",
                              .retry_ms = p->retry_ms,
                              .comment = *text == ' ' ? text + 1 : text};
    return on_event(user, &event);
}

static int take_line(struct sse_parser *p, sse_on_event on_event, void *user)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    const char *line = strbuf_text(&p->line);
    size_t len = p->line.len;
    if (!p->is_begun && len >= 3 && memcmp(line, byte_order_mark, 3) == 0) {
        line += 3;
        len -= 3;
    }
    p->is_begun = 1;
    if (len == 0) {
        return dispatch(p, on_event, user);
    }
    if (line[0] == ':') {
        return tell_comment(p, line + 1, on_event, user);
    }
    const char *colon = memchr(line, ':', len);
    size_t name_len = colon ? (size_t)(colon - line) : len;
    size_t skip = colon ? 1u + (name_len + 1 < len && colon[1] == ' ') : 0;
    take_field(p, line, name_len, line + name_len + skip, len - name_len - skip);
    return strbuf_status(&p->data);
}

static size_t until_line_end(const char *data, size_t len)
{
    const char *lf = memchr(data, '\n', len);
    size_t to_lf = lf ? (size_t)(lf - data) : len;
    const char *cr = memchr(data, '\r', to_lf);
    return cr ? (size_t)(cr - data) : to_lf;
}

int sse_parser_feed(struct sse_parser *p, const char *data, size_t len, sse_on_event on_event,
                    void *user)
{
    while (len > 0) {
        if (p->after_cr && *data == '\n') {
            data++;
            len--;
        }
        p->after_cr = 0;
        size_t part = until_line_end(data, len);
        strbuf_add(&p->line, data, part);
        int r = strbuf_status(&p->line);
        if (r < 0) {
            return r;
        }
        if (part == len) {
            return 0;
        }
        p->after_cr = data[part] == '\r';
        data += part + 1;
        len -= part + 1;
        r = take_line(p, on_event, user);
        strbuf_clear(&p->line);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

void sse_write_event(struct strbuf *out, const char *id, const char *data, size_t len)
{
    if (id) {
        strbuf_addf(out, "id: %s\n", id);
    }
    for (;;) {
        const char *lf = memchr(data, '\n', len);
        size_t line = lf ? (size_t)(lf - data) : len;
        strbuf_adds(out, "data: ");
        strbuf_add(out, data, line);
        strbuf_addc(out, '\n');
        if (!lf) {
            break;
        }
        data += line + 1;
        len -= line + 1;
    }
    strbuf_addc(out, '\n');
}

void sse_write_comment(struct strbuf *out, const char *text)
{
    strbuf_addf(out, ": %s\n\n", text);
}

int sse_id_parse(const char *text, const char *boot_id, uint64_t *ret_number)
{
    const char *dash = strrchr(text, '-');
    if (!dash || dash == text || strlen(text) > SSE_ID_MAX) {
        return ZEUS_EPARSE;
    }
    uint64_t number = 0;
    size_t digits = strlen(dash + 1);
    if (digits == 0 || strspn(dash + 1, "0123456789") != digits ||
        parse_u64(dash + 1, digits, &number) < 0) {
        return ZEUS_EPARSE;
    }
    size_t boot_len = (size_t)(dash - text);
    if (strlen(boot_id) != boot_len || memcmp(text, boot_id, boot_len) != 0) {
        return ZEUS_ESTALE;
    }
    *ret_number = number;
    return 0;
}

uint64_t sse_comment_skipped(const char *comment)
{
    static const char plain[] = "skipped ";
    static const char more[] = "more than ";
    if (strncmp(comment, plain, sizeof(plain) - 1) != 0) {
        return 0;
    }
    comment += sizeof(plain) - 1;
    if (strncmp(comment, more, sizeof(more) - 1) == 0) {
        comment += sizeof(more) - 1;
    }
    uint64_t n = 0;
    return parse_u64(comment, strlen(comment), &n) == 0 ? n : 0;
}
