/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies: their parts, handing them to the library, and what handlers may ask about a request.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/json_writer.h"
#include "httpd/httpd_private.h"

static void begin_body(struct httpd_reply *reply, int status, const char *content_type)
{
    reply->status = status;
    reply->content_type = content_type;
    reply->static_data = NULL;
    reply->static_len = 0;
    strbuf_clear(&reply->body);
}

void httpd_reply_text(struct httpd_reply *reply, int status, const char *content_type,
                      const char *text)
{
    begin_body(reply, status, content_type);
    strbuf_adds(&reply->body, text);
}

void httpd_reply_json(struct httpd_reply *reply, int status, const char *json, size_t len)
{
    begin_body(reply, status, "application/json");
    strbuf_add(&reply->body, json, len);
}

static void reply_member(struct httpd_reply *reply, int status, const char *key, const char *text)
{
    begin_body(reply, status, "application/json");
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

void httpd_reply_error(struct httpd_reply *reply, int status, const char *error)
{
    reply_member(reply, status, "error", error);
}

void httpd_reply_empty(struct httpd_reply *reply, int status)
{
    begin_body(reply, status, NULL);
}

void httpd_reply_static(struct httpd_reply *reply, const void *data, size_t len)
{
    reply->static_data = data;
    reply->static_len = len;
}

void httpd_reply_header(struct httpd_reply *reply, const char *static_name, const char *value)
{
    char *copy = reply->header_count < HTTPD_HEADERS_MAX ? mem_strdup(value) : NULL;
    if (!copy) {
        reply->body.failed = ZEUS_ELIMIT; /* a reply without a header it must have is worse */
        return;
    }
    reply->headers[reply->header_count++] = (struct httpd_header){static_name, copy};
}

void httpd_reply_done(struct httpd_reply *reply)
{
    for (size_t i = 0; i < reply->header_count; i++) {
        free(reply->headers[i].value);
    }
    reply->header_count = 0;
    strbuf_done(&reply->body);
}

/* The body as the library takes it: borrowed, or handed over to be freed. */
static struct MHD_Response *make_response(struct httpd_reply *reply, int has_static)
{
    if (has_static) {
        return MHD_create_response_from_buffer(
            reply->static_len, (void *)(uintptr_t)reply->static_data, MHD_RESPMEM_PERSISTENT);
    }
    static char nothing[1];
    char *text = NULL;
    size_t len = reply->body.len;
    if (len == 0) {
        return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
    }
    if (strbuf_take(&reply->body, &text) < 0) {
        return NULL;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(text);
    }
    return response;
}

static enum MHD_Result add_headers(struct MHD_Response *response, const struct httpd_call *call,
                                   int has_body)
{
    const struct httpd_reply *reply = &call->reply;
    enum MHD_Result ok = MHD_YES;
    if (reply->content_type && has_body) {
        ok = MHD_add_response_header(response, "Content-Type", reply->content_type);
    }
    for (size_t i = 0; ok == MHD_YES && i < reply->header_count; i++) {
        ok = MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    }
    if (ok == MHD_YES && call->must_close) {
        ok = MHD_add_response_header(response, "Connection", "close");
    }
    return ok;
}

enum MHD_Result httpd_send(struct httpd_call *call)
{
    struct httpd_reply *reply = &call->reply;
    if (strbuf_status(&reply->body) < 0) {
        httpd_reply_internal(reply);
    }
    int has_static = reply->static_data != NULL;
    int has_body = has_static ? reply->static_len > 0 : reply->body.len > 0;
    struct MHD_Response *response = make_response(reply, has_static);
    if (!response) {
        return MHD_NO;
    }
    enum MHD_Result ok = add_headers(response, call, has_body);
    if (ok == MHD_YES) {
        ok = MHD_queue_response(call->connection, (unsigned)reply->status, response);
    }
    MHD_destroy_response(response);
    call->phase = HTTPD_PHASE_SENT;
    return ok;
}

void httpd_reply_internal(struct httpd_reply *reply)
{
    httpd_reply_text(reply, 500, "text/plain; charset=utf-8", "Internal Server Error");
}

const char *httpd_header(const struct httpd_req *req, const char *name)
{
    return MHD_lookup_connection_value(httpd_call_of(req)->connection, MHD_HEADER_KIND, name);
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
