/* SPDX-License-Identifier: Apache-2.0
 *
 * Reply bodies, and what handlers may ask about a request.
 */
#include <ctype.h>
#include <string.h>

#include "codec/json_writer.h"
#include "httpd/httpd_private.h"

void httpd_reply_text(struct httpd_reply *reply, int status, const char *content_type,
                      const char *text)
{
    reply->status = status;
    reply->content_type = content_type;
    strbuf_clear(&reply->body);
    strbuf_adds(&reply->body, text);
}

void httpd_reply_json(struct httpd_reply *reply, int status, const char *json, size_t len)
{
    reply->status = status;
    reply->content_type = "application/json";
    strbuf_clear(&reply->body);
    strbuf_add(&reply->body, json, len);
}

static void reply_member(struct httpd_reply *reply, int status, const char *key, const char *text)
{
    reply->status = status;
    reply->content_type = "application/json";
    strbuf_clear(&reply->body);
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key_string(&w, key, text);
    json_end_object(&w);
    if (json_writer_finish(&w) < 0) {
        httpd_reply_internal(reply);
    }
}

void httpd_reply_detail(struct httpd_reply *reply, int status, const char *detail)
{
    reply_member(reply, status, "detail", detail);
}

void httpd_reply_message(struct httpd_reply *reply, int status, const char *message)
{
    reply_member(reply, status, "message", message);
}

void httpd_reply_internal(struct httpd_reply *reply)
{
    httpd_reply_text(reply, 500, "text/plain; charset=utf-8", "Internal Server Error");
}

const char *httpd_header(const struct httpd_req *req, const char *name)
{
    const struct httpd_call *call = (const struct httpd_call *)(const void *)req;
    return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

const char *httpd_query(const struct httpd_req *req, const char *name)
{
    return url_query(&req->target, name);
}

/* Case-insensitive comparison of `len` bytes with a lower-case word of that length. */
static int equals_word(const char *text, size_t len, const char *word)
{
    if (strlen(word) != len) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        if (tolower((unsigned char)text[i]) != word[i]) {
            return 0;
        }
    }
    return 1;
}

int httpd_body_is_json(const struct httpd_req *req)
{
    const char *type = httpd_header(req, "Content-Type");
    if (!type || !*type) {
        return 1;
    }
    type += strspn(type, " \t");
    size_t len = strcspn(type, "; \t");
    const char *slash = memchr(type, '/', len);
    if (!slash || !equals_word(type, (size_t)(slash - type), "application")) {
        return 0;
    }
    const char *sub = slash + 1;
    size_t sub_len = len - (size_t)(sub - type);
    return equals_word(sub, sub_len, "json") ||
           (sub_len > 5 && equals_word(sub + sub_len - 5, 5, "+json"));
}
