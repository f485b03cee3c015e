/* SPDX-License-Identifier: Apache-2.0
 *
 * What both optimizer servers share around their own routes: the HTTP server they run on, answers
 * to bodies that do not decode, health and metrics. `struct server_context` is the first member of
 * each service, so that the shared handlers work on either.
 */
#ifndef ZEUS_SERVER_CONTEXT_H
#define ZEUS_SERVER_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "codec/json_decode.h"
#include "httpd/httpd.h"

struct server_context {
    struct httpd *http; /* for the thread that runs the server; handlers have req->httpd */
    const char *name;   /* "pfo", "bso" */
    const struct httpd_route *routes;
    size_t route_count;
    struct log_sink log;
    int is_compat;
    uint64_t start_ns;
    /* The service's own lines of /metrics. May be NULL. */
    void (*metrics)(struct server_context *ctx, struct strbuf *out);
};

/* Scopes of the routes' table. */
#define SERVER_SCOPE_USE 1u

/* The body of a healthy answer, for services whose check takes a while. */
int server_health_reply(struct server_context *ctx, struct httpd_reply *reply);

/* GET /health and GET /metrics. */
int server_health(struct httpd_req *req, struct httpd_reply *reply);
int server_metrics(struct httpd_req *req, struct httpd_reply *reply);

/* One line of Prometheus text with its HELP and TYPE. */
void server_metric(struct strbuf *out, const char *name, const char *type, const char *help,
                   double value);

/* Decodes a body by `decode` (a bound json_decode_body). 0: the record is good; 1: the reply has
 * been set to a 422, 400 or 413. */
typedef int (*server_decode)(const char *body, size_t len, void *record, struct json_problems *p);
int server_decode_body(struct httpd_req *req, struct httpd_reply *reply, server_decode decode,
                       void *record, int *ret_overflow);

/* Answers 422 with one problem about a query parameter that is absent. */
void server_reply_missing_query(struct httpd_req *req, struct httpd_reply *reply, const char *name);

/* An integer query parameter; 1 when a 422 has been set. */
int server_query_int(struct httpd_req *req, struct httpd_reply *reply, const char *name,
                     int64_t *ret_value);

#endif /* ZEUS_SERVER_CONTEXT_H */
