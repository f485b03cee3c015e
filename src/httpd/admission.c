/* SPDX-License-Identifier: Apache-2.0
 *
 * Admission of one request, in the order httpd.h promises, and the limits it enforces. Rates are
 * token buckets in a fixed table indexed by a hash of the address: two addresses that collide share
 * a bucket, so an attacker cannot make the table grow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/parse.h"
#include "httpd/httpd_private.h"

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return hash;
}

/* Takes a token of the client's bucket. Caller holds the lock. */
static int take_token(struct httpd *h, const char *address, uint64_t now_ns)
{
    double rate = h->options.rate_per_s;
    double burst = h->options.rate_burst;
    uint64_t key = hash_text(address);
    struct httpd_bucket *b = &h->buckets[key % HTTPD_RATE_SLOTS];
    if (b->last_ns == 0) {
        *b = (struct httpd_bucket){key, now_ns, burst};
    }
    b->tokens = MIN_OF(burst, b->tokens + rate * (double)(now_ns - b->last_ns) / 1e9);
    b->last_ns = now_ns;
    if (b->tokens < 1.0) {
        return 0;
    }
    b->tokens -= 1.0;
    return 1;
}

static int refuse(struct httpd_call *call, int status, const char *detail)
{
    httpd_reply_detail(&call->reply, status, detail);
    if (status == 413 || status == 414 || status == 429 || status == 503) {
        pthread_mutex_lock(&call->server->lock);
        call->server->limited++;
        pthread_mutex_unlock(&call->server->lock);
    }
    return 1;
}

static void set_header(struct httpd_reply *reply, const char *name, const char *value)
{
    reply->extra_name = name;
    size_t n = MIN_OF(strlen(value), sizeof(reply->extra_value) - 1);
    memcpy(reply->extra_value, value, n);
    reply->extra_value[n] = '\0';
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
        return refuse(call, call->target_code,
                      call->target_code == 414 ? "URI Too Long" : "Bad Request");
    }
    if (length != UINT64_MAX && length > call->server->options.body_max) {
        return refuse(call, 413, "Request body is too large");
    }
    return 0;
}

static int check_route(struct httpd_call *call, const char *method)
{
    char allow[sizeof(call->reply.extra_value)];
    int found = httpd_match(&call->server->options, method, &call->req, allow, sizeof(allow));
    if (found == -405) {
        set_header(&call->reply, "Allow", allow);
        return refuse(call, 405, "Method Not Allowed");
    }
    if (found < 0) {
        return refuse(call, 404, "Not Found");
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
                   take_token(h, call->req.peer.address, call->start_ns);
    int has_room = h->in_flight < h->options.in_flight_max && !h->is_draining;
    if (has_rate && has_room) {
        h->in_flight++;
        call->is_counted = 1;
    }
    pthread_mutex_unlock(&h->lock);
    if (!has_rate) {
        set_header(&call->reply, "Retry-After", "1");
        return refuse(call, 429, "Too Many Requests");
    }
    if (!has_room) {
        set_header(&call->reply, "Retry-After", "1");
        return refuse(call, 503, "Server is at its limit of requests");
    }
    return 0;
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
        set_header(&call->reply, "WWW-Authenticate", "Bearer");
        return refuse(call, 401, "Not authenticated");
    }
    return refuse(call, 403, "Not allowed");
}

int httpd_admit(struct httpd_call *call, const char *method)
{
    uint64_t length;
    if (declared_length(call, &length) < 0) {
        return refuse(call, 400, "Bad Request");
    }
    if (check_sizes(call, length) || check_route(call, method) || check_load(call) ||
        check_rights(call)) {
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
