/* SPDX-License-Identifier: Apache-2.0
 *
 * Error bodies.
 */
#include "daemon/error_reply.h"

#include "codec/json_writer.h"

void error_reply_json(struct httpd_reply *reply, int status, const char *text)
{
    struct json_writer w;
    strbuf_clear(&reply->body);
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key_string(&w, "error", text);
    json_end_object(&w);
    reply->status = status;
    reply->content_type = "application/json";
    if (json_writer_finish(&w) < 0) {
        httpd_reply_internal(reply);
    }
}

void error_reply_text(struct httpd_reply *reply, int status, const char *text)
{
    httpd_reply_text(reply, status, "text/plain; charset=utf-8", text);
}

void error_reply_empty(struct httpd_reply *reply, int status)
{
    strbuf_clear(&reply->body);
    reply->status = status;
    reply->content_type = NULL;
}
