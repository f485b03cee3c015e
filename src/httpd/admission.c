/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission of one request, in the order httpd.h promises.
 */
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/parse.h"
#include "httpd/httpd_private.h"

void httpd_refuse(struct httpd_call *call, int status, const char *why)
{
    if (call->server->options.gate) {
        httpd_reply_error(&call->reply, status, why);
    } else {
        httpd_reply_detail(&call->reply, status, why);
    }
    if (status == 413 || status == 414 || status == 429 || status == 503) {
        pthread_mutex_lock(&call->server->lock);
        call->server->limited++;
        pthread_mutex_unlock(&call->server->lock);
    }
}

static int refuse(struct httpd_call *call, int status, const char *why)
{
    httpd_refuse(call, status, why);
    return 1;
}

/* With a gate, what is no route and no readable request gets a status and nothing else. */
static int refuse_bare(struct httpd_call *call, int status, const char *why)
{
    if (!call->server->options.gate) {
        return refuse(call, status, why);
    }
    httpd_reply_empty(&call->reply, status);
    return 1;
}

/* The declared length of the body; UINT64_MAX when it is chunked. */
static int declared_length(const struct httpd_call *call, uint64_t *ret)
{
    *ret = 0;
    if (httpd_header(&call->req, "Transfer-Encoding")) {
        *ret = UINT64_MAX;
        return 0;
    }
    const char *text = httpd_header(&call->req, "Content-Length");
    return text ? parse_u64(text, strlen(text), ret) : 0;
}

static int check_sizes(struct httpd_call *call, uint64_t length)
{
    if (!call->has_target) {
        return call->target_code == 414 ? refuse(call, 414, "URI Too Long")
                                        : refuse_bare(call, 400, "Bad Request");
    }
    if (length != UINT64_MAX && length > call->server->options.body_max) {
        return refuse(call, 413, "Request body is too large");
    }
    return 0;
}

static int check_route(struct httpd_call *call, const char *method)
{
    char allow[128];
    int found = httpd_match(&call->server->options, method, &call->req, allow, sizeof(allow));
    if (found == -405 && !call->server->options.gate) {
        httpd_reply_header(&call->reply, "Allow", allow);
        return refuse(call, 405, "Method Not Allowed");
    }
    if (found < 0) {
        return refuse_bare(call, 404, "Not Found");
    }
    call->route_index = (size_t)found;
    call->body_max = MIN_OF(call->req.route->body_max, call->server->options.body_max);
    return 0;
}

static int check_load(struct httpd_call *call)
{
    struct httpd *h = call->server;
    pthread_mutex_lock(&h->lock);
    int has_rate = h->options.rate_per_s == 0 || call->req.peer.is_local ||
                   httpd_rate_take(h, call->req.peer.address, call->start_ns);
    int has_room = h->in_flight < h->options.in_flight_max && !h->is_draining;
    if (has_rate && has_room) {
        h->in_flight++;
        call->is_counted = 1;
    }
    pthread_mutex_unlock(&h->lock);
    if (!has_rate) {
        httpd_reply_header(&call->reply, "Retry-After", "1");
        return refuse(call, 429, "Too Many Requests");
    }
    if (!has_room) {
        httpd_reply_header(&call->reply, "Retry-After", "1");
        return refuse(call, 503, "Server is at its limit of requests");
    }
    return 0;
}

/* A connection past the limit asks once, is told why, and is closed. */
static int check_link(struct httpd_call *call)
{
    const struct httpd_link *link = httpd_link_of(call->connection);
    if (!link || link->refusal == 0) {
        return 0;
    }
    call->must_close = 1;
    httpd_reply_header(&call->reply, "Retry-After", "1");
    return refuse(call, link->refusal,
                  link->refusal == 429 ? "Too many connections from this address"
                                       : "Server is at its limit of connections");
}

static int check_gate(struct httpd_call *call, const char *method)
{
    const struct httpd_options *o = &call->server->options;
    return o->gate && o->gate(&call->req, method, &call->reply, o->gate_user);
}

static int check_rights(struct httpd_call *call)
{
    const struct httpd_options *o = &call->server->options;
    uint32_t scope = call->req.route->scope;
    if (!o->authorize || scope == 0) {
        return 0;
    }
    int r = o->authorize(&call->req, httpd_header(&call->req, "Authorization"), scope,
                         o->authorize_user);
    if (r == 0) {
        return 0;
    }
    if (r == ZEUS_EAUTH) {
        httpd_reply_header(&call->reply, "WWW-Authenticate", "Bearer");
        return refuse(call, 401, "Not authenticated");
    }
    return refuse(call, 403, "Not allowed");
}

/* The two orders of httpd.h. */
static int check_all(struct httpd_call *call, const char *method, uint64_t length)
{
    if (check_sizes(call, length) || check_link(call)) {
        return 1;
    }
    if (call->server->options.gate) {
        return check_load(call) || check_gate(call, method) || check_route(call, method) ||
               check_rights(call);
    }
    return check_route(call, method) || check_load(call) || check_rights(call);
}

int httpd_admit(struct httpd_call *call, const char *method)
{
    uint64_t length;
    if (declared_length(call, &length) < 0) {
        return refuse_bare(call, 400, "Bad Request");
    }
    if (check_all(call, method, length)) {
        return 1;
    }
    if (length != UINT64_MAX && length > call->body_max && call->body_max > 0) {
        return refuse(call, 413, "Request body is too large");
    }
    return 0;
}

void httpd_release(struct httpd_call *call)
{
    struct httpd *h = call->server;
    uint64_t spent_ns = clock_monotonic_ns() - call->start_ns;
    int class = call->reply.status / 100;
    pthread_mutex_lock(&h->lock);
    struct httpd_route_stats *stats = &h->stats[call->route_index];
    if (class >= 0 && class < 6) {
        stats->replies[class]++;
    }
    stats->duration_ns += spent_ns;
    if (call->is_counted) {
        call->is_counted = 0;
        h->in_flight--;
        pthread_cond_broadcast(&h->idle);
    }
    pthread_mutex_unlock(&h->lock);
}
