/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/json_reader: whatever is accepted can be decoded, skipped and written back as JSON that is
 * accepted again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void copy_token(struct json_writer *w, struct json_reader *r, int token)
{
    char text[256];
    double number = 0;
    switch (token) {
    case JSON_OBJECT_BEGIN:
        json_begin_object(w);
        break;
    case JSON_OBJECT_END:
        json_end_object(w);
        break;
    case JSON_ARRAY_BEGIN:
        json_begin_array(w);
        break;
    case JSON_ARRAY_END:
        json_end_array(w);
        break;
    case JSON_KEY:
        json_key(w, json_get_string(r, text, sizeof(text)) >= 0 ? text : "?");
        break;
    case JSON_STRING:
        json_string(w, json_get_string(r, text, sizeof(text)) >= 0 ? text : "?");
        break;
    case JSON_NUMBER:
        json_double(w, json_get_double(r, &number) == 0 ? number : 0);
        break;
    default:
        json_null(w);
    }
}

static int is_accepted(const char *text, size_t len)
{
    struct json_reader r;
    json_reader_init(&r, text, len);
    int token = json_next(&r);
    while (token > 0) {
        token = json_next(&r);
    }
    return token == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_reader r;
    struct json_writer w;
    struct strbuf out;
    strbuf_init(&out, 1u << 20);
    json_writer_init(&w, &out, 0);
    json_reader_init(&r, (const char *)data, size);
    int token = json_next(&r);
    while (token > 0) {
        copy_token(&w, &r, token);
        token = json_next(&r);
    }
    if (token == 0) {
        if (json_writer_finish(&w) == 0 && !is_accepted(strbuf_text(&out), out.len)) {
            abort();
        }
    } else {
        zeus_error err = ZEUS_ERROR_INIT;
        (void)json_reader_error(&r, &err);
    }
    strbuf_done(&out);

    json_reader_init(&r, (const char *)data, size);
    if (json_next(&r) > 0) {
        (void)!json_skip(&r);
    }
    return 0;
}
