/* SPDX-License-Identifier: Apache-2.0
 *
 * The page and its files, open to everybody who may connect: they hold no reading.
 */
#include "daemon/error_reply.h"
#include "daemon/routes.h"
#include "daemon/web_assets.h"

int route_page(struct httpd_req *req, struct httpd_reply *reply)
{
    struct web_answer answer = web_asset_answer(req->path, httpd_header(req, "Accept-Encoding"),
                                                httpd_header(req, "If-None-Match"));
    if (!answer.asset) {
        error_reply_json(reply, answer.status,
                         answer.status == 406
                             ? "this file is sent gzipped only: say Accept-Encoding: gzip"
                             : "no such file");
        return 0;
    }
    for (const struct web_header *h = web_asset_headers; h->name; h++) {
        httpd_reply_header(reply, h->name, h->value);
    }
    httpd_reply_header(reply, "ETag", answer.asset->etag);
    if (answer.status == 304) {
        httpd_reply_empty(reply, 304);
        return 0;
    }
    httpd_reply_header(reply, "Content-Encoding", "gzip");
    reply->content_type = answer.asset->content_type;
    httpd_reply_static(reply, answer.asset->gzip, answer.asset->gzip_len);
    return 0;
}
