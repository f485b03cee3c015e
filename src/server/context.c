/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared handlers and the answers to malformed input.
 */
#include "server/context.h"

#include <string.h>

#include <zeus/version.h>

#include "base/clock.h"
#include "base/fmt.h"
#include "codec/json_writer.h"

static const struct json_loc body_loc = {NULL, "body", 0};
static const struct json_loc query_loc = {NULL, "query", 0};

int server_health_reply(struct server_context *ctx, struct httpd_reply *reply)
{
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key_string(&w, "status", "ok");
    json_key_string(&w, "server", ctx->name);
    json_key_string(&w, "version", ZEUS_VERSION_STRING);
    json_key_u64(&w, "uptime_s", (clock_monotonic_ns() - ctx->start_ns) / 1000000000u);
    json_end_object(&w);
    return json_writer_finish(&w);
}

int server_health(struct httpd_req *req, struct httpd_reply *reply)
{
    return server_health_reply(req->user, reply);
}

void server_metric(struct strbuf *out, const char *name, const char *type, const char *help,
                   double value)
{
    char text[FMT_DOUBLE_SIZE];
    fmt_double(text, value);
    strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, help, name, type, name, text);
}

static void route_metrics(struct server_context *ctx, struct httpd *http, struct strbuf *out)
{
    static const char head[] =
        "# HELP zeus_serve_requests_total Requests answered, by route and class of status.\n"
        "# TYPE zeus_serve_requests_total counter\n";
    strbuf_adds(out, head);
    for (size_t i = 0; i <= ctx->route_count; i++) {
        struct httpd_route_stats stats;
        httpd_route_stats(http, i, &stats);
        for (int class = 2; class < 6; class ++) {
            if (stats.replies[class] == 0) {
                continue;
            }
            strbuf_addf(out,
                        "zeus_serve_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} "
                        "%llu\n",
                        i < ctx->route_count ? ctx->routes[i].method : "",
                        i < ctx->route_count ? ctx->routes[i].path : "(none)", class,
                        (unsigned long long)stats.replies[class]);
        }
    }
    strbuf_adds(out, "# HELP zeus_serve_request_seconds_total Time between request and reply.\n"
                     "# TYPE zeus_serve_request_seconds_total counter\n");
    for (size_t i = 0; i < ctx->route_count; i++) {
        struct httpd_route_stats stats;
        httpd_route_stats(http, i, &stats);
        char text[FMT_DOUBLE_SIZE];
        fmt_double(text, (double)stats.duration_ns / 1e9);
        strbuf_addf(out, "zeus_serve_request_seconds_total{method=\"%s\",route=\"%s\"} %s\n",
                    ctx->routes[i].method, ctx->routes[i].path, text);
    }
}

int server_metrics(struct httpd_req *req, struct httpd_reply *reply)
{
    struct server_context *ctx = req->user;
    struct httpd_stats stats;
    httpd_stats(req->httpd, &stats);
    httpd_reply_text(reply, 200, "text/plain; version=0.0.4; charset=utf-8", "");
    server_metric(&reply->body, "zeus_serve_uptime_seconds", "gauge", "Time since the start.",
                  (double)(clock_monotonic_ns() - ctx->start_ns) / 1e9);
    server_metric(&reply->body, "zeus_serve_in_flight", "gauge", "Requests being worked on.",
                  (double)stats.in_flight);
    server_metric(&reply->body, "zeus_serve_limited_total", "counter",
                  "Requests refused by a limit.", (double)stats.limited);
    route_metrics(ctx, req->httpd, &reply->body);
    if (ctx->metrics) {
        ctx->metrics(ctx, &reply->body);
    }
    return 0;
}

static void reply_problems(struct httpd_reply *reply, struct json_problems *p)
{
    const char *text;
    size_t len;
    if (json_problems_finish(p, &text, &len) < 0) {
        httpd_reply_internal(reply);
        return;
    }
    httpd_reply_json(reply, 422, text, len);
}

int server_decode_body(struct httpd_req *req, struct httpd_reply *reply, server_decode decode,
                       void *record, int *ret_overflow)
{
    struct json_problems p;
    json_problems_init(&p, &req->arena);
    int r = 0;
    if (req->body_len > 0 && !httpd_body_is_json(req)) {
        json_problem_add(&p, &body_loc, "value is not a valid dict", "type_error.dict", NULL);
    } else {
        r = decode(req->body, req->body_len, record, &p);
    }
    int is_refused = r < 0 || p.count > 0;
    if (p.out_of_memory) {
        httpd_reply_detail(reply, 413, "Request body is too large");
    } else if (p.count > 0) {
        reply_problems(reply, &p);
    } else if (r < 0) {
        httpd_reply_detail(reply, 400, "There was an error parsing the body");
    }
    *ret_overflow = p.has_overflow;
    json_problems_done(&p);
    return is_refused;
}

void server_reply_missing_query(struct httpd_req *req, struct httpd_reply *reply, const char *name)
{
    struct json_problems p;
    struct json_loc loc = {&query_loc, name, 0};
    json_problems_init(&p, &req->arena);
    json_problem_add(&p, &loc, "field required", "value_error.missing", NULL);
    reply_problems(reply, &p);
    json_problems_done(&p);
}

int server_query_int(struct httpd_req *req, struct httpd_reply *reply, const char *name,
                     int64_t *ret_value)
{
    const char *text = httpd_query(req, name);
    if (!text) {
        server_reply_missing_query(req, reply, name);
        return 1;
    }
    struct json_problems p;
    struct json_loc loc = {&query_loc, name, 0};
    json_problems_init(&p, &req->arena);
    int r = json_text_to_int(text, &loc, &p, ret_value);
    if (r < 0) {
        reply_problems(reply, &p);
    }
    json_problems_done(&p);
    return r < 0;
}
