/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/sse: any bytes as a stream, cut where its first byte says; what is heard must not depend on
 * the cuts. The same bytes are tried as a Last-Event-ID.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "codec/sse.h"

#define STREAM_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int add(void *user, const struct sse_event *event)
{
    struct strbuf *heard = user;
    if (event->comment) {
        strbuf_addf(heard, "#%s\n", event->comment);
        (void)sse_comment_skipped(event->comment);
        return 0;
    }
    strbuf_addf(heard, "%s|%s|%d|", event->event, event->id, (int)event->retry_ms);
    strbuf_add(heard, event->data, event->data_len);
    strbuf_addc(heard, '\n');
    return 0;
}

static int hear(const char *text, size_t len, size_t step, struct strbuf *heard)
{
    struct sse_parser p;
    sse_parser_init(&p, STREAM_MAX);
    strbuf_init(heard, 64u << 20);
    int r = 0;
    for (size_t at = 0; at < len && r == 0; at += step) {
        r = sse_parser_feed(&p, text + at, MIN_OF(step, len - at), add, heard);
    }
    sse_parser_done(&p);
    return r;
}

static void try_id(const char *text, size_t len)
{
    char id[2 * SSE_ID_MAX];
    size_t n = MIN_OF(len, sizeof(id) - 1);
    memcpy(id, text, n);
    id[n] = '\0';
    uint64_t number = 0;
    if (sse_id_parse(id, "0123", &number) == 0 && strncmp(id, "0123-", 5) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    struct strbuf whole;
    struct strbuf cut;
    int r_whole = hear(text, size - 1, size, &whole);
    int r_cut = hear(text, size - 1, 1u + data[0] % 16, &cut);
    if (r_whole != r_cut || whole.len != cut.len ||
        memcmp(strbuf_text(&whole), strbuf_text(&cut), whole.len) != 0) {
        abort();
    }
    strbuf_done(&whole);
    strbuf_done(&cut);
    try_id(text, size - 1);
    return 0;
}
