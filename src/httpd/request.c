/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of one request over libmicrohttpd. The request object is made when the library has read
 * the request line (its URI callback), lives through headers, body and reply, and is freed in the
 * completion callback. A deferred request's connection is suspended; finishing resumes it, and the
 * library then calls back so that the reply can be queued. A stream's connection is suspended for
 * good: the hub writes to it, and hands it back to be closed.
 */
#include <stdlib.h>
#include <string.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/macro.h"
#include "httpd/hub_private.h"
#include "httpd/poller.h"

#define ARENA_MAX      (64u << 20)
#define REPLY_BODY_MAX (64u << 20)
#define DISCARD_MAX    (256u << 10) /* a refused request's body is read up to here, then cut off */

static int keep_query(struct httpd_call *call, const char *target)
{
    const char *query = target + strcspn(target, "?#");
    query += *query == '?';
    call->req.query_raw = arena_strndup(&call->req.arena, query, strcspn(query, "#"));
    return call->req.query_raw ? 0 : ZEUS_ENOMEM;
}

static int decode_target(struct httpd_call *call, const char *target, size_t len)
{
    int has_gate = call->server->options.gate != NULL;
    size_t size = has_gate ? URL_FORM_BUFFER(len) : len + 2;
    char *decoded = arena_alloc(&call->req.arena, size, 1);
    if (!decoded || keep_query(call, target) < 0) {
        return ZEUS_ENOMEM;
    }
    int r = has_gate ? url_parse_form(target, decoded, size, &call->req.target)
                     : url_parse(target, decoded, size, &call->req.target);
    call->req.path = call->req.target.path;
    return r;
}

/* The library would keep every parameter of the query in the little memory that a connection has,
 * and has no answer when that runs out. Nobody asks it for them; the text is its own buffer, which
 * it reads once more after this. */
static void hide_query(const char *target)
{
    char *query = strchr((char *)(uintptr_t)target, '?');
    if (query) {
        query[1] = '\0';
    }
}

void *httpd_on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    struct httpd_poller *poller = user;
    struct httpd *h = poller_server(poller);
    struct httpd_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL; /* the handler callback answers by closing */
    }
    call->server = h;
    call->poller = poller;
    call->connection = connection;
    call->start_ns = clock_monotonic_ns();
    call->route_index = h->options.route_count;
    call->req.httpd = h;
    call->req.user = h->options.user;
    call->req.body = "";
    call->req.query_raw = "";
    arena_init(&call->req.arena, ARENA_MAX);
    strbuf_init(&call->reply.body, REPLY_BODY_MAX);
    call->reply.status = 200;
    call->reply.content_type = "application/json";
    size_t len = strlen(target);
    if (len > h->options.target_max) {
        hide_query(target);
        call->target_code = 414;
        return call;
    }
    call->has_target = decode_target(call, target, len) == 0;
    call->target_code = 400;
    hide_query(target);
    return call;
}

/* The hub has the connection from here on, perhaps only until the next line. */
static void start_stream(struct httpd_call *call)
{
    struct hub_stream *stream = call->stream;
    call->phase = HTTPD_PHASE_STREAM;
    httpd_release(call);
    MHD_suspend_connection(call->connection);
    hub_stream_attach(stream);
}

static void act(struct httpd_call *call)
{
    call->req.body = strbuf_text(&call->body);
    call->req.body_len = call->body.len;
    int r = call->req.route->handle(&call->req, &call->reply);
    if (r == HTTPD_STREAM && call->stream) {
        start_stream(call);
        return;
    }
    if (r < 0 && !call->is_refused) {
        log_write(call->server->options.log, ZEUS_LOG_ERROR, "httpd", "%s %s: %s",
                  call->req.route->method, call->req.route->path, zeus_strerror(r));
        httpd_reply_internal(&call->reply);
    }
}

/* A refusal is sent at once when the body is long, else after the body: closing a connection with
 * unread input would reset it and could lose the reply. */
static enum MHD_Result refuse(struct httpd_call *call)
{
    const char *length = httpd_header(&call->req, "Content-Length");
    int is_short = length ? strtoull(length, NULL, 10) <= DISCARD_MAX
                          : !httpd_header(&call->req, "Transfer-Encoding");
    call->phase = HTTPD_PHASE_REFUSE;
    return is_short ? MHD_YES : httpd_send(call);
}

static void take_body(struct httpd_call *call, const char *data, size_t len)
{
    if (call->phase != HTTPD_PHASE_BODY || call->body_max == 0) {
        return; /* thrown away */
    }
    strbuf_add(&call->body, data, len);
    if (strbuf_status(&call->body) < 0) {
        httpd_refuse(call, 413, "Request body is too large");
        call->phase = HTTPD_PHASE_REFUSE;
    }
}

static int is_deferred(struct httpd_call *call)
{
    pthread_mutex_lock(&call->server->lock);
    int waits = call->phase == HTTPD_PHASE_WAIT && !call->is_finished;
    pthread_mutex_unlock(&call->server->lock);
    return waits;
}

static enum MHD_Result begin(struct httpd_call *call, const char *method, const char *version)
{
    call->is_http10 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
    httpd_link_used(call->server, call->connection);
    httpd_peer_of(call->connection, &call->req.peer);
    if (httpd_admit(call, method)) {
        return refuse(call);
    }
    strbuf_init(&call->body, call->body_max);
    call->phase = HTTPD_PHASE_BODY;
    return MHD_YES;
}

enum MHD_Result httpd_on_request(void *user, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **context)
{
    (void)user;
    (void)connection;
    (void)url; /* decoded by the library; ours is req.target */
    struct httpd_call *call = *context;
    if (!call) {
        return MHD_NO;
    }
    if (call->phase == HTTPD_PHASE_NEW) {
        return begin(call, method, version);
    }
    if (*size > 0) {
        take_body(call, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (call->phase == HTTPD_PHASE_BODY) {
        act(call);
        int is_later = call->phase == HTTPD_PHASE_WAIT || call->phase == HTTPD_PHASE_STREAM;
        return is_later ? MHD_YES : httpd_send(call);
    }
    if (call->phase == HTTPD_PHASE_STREAM) {
        return MHD_NO; /* closes, and that is how a stream ends */
    }
    if (is_deferred(call)) {
        return MHD_YES;
    }
    return call->phase == HTTPD_PHASE_SENT ? MHD_YES : httpd_send(call);
}

void httpd_on_completed(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode why)
{
    (void)user;
    (void)connection;
    (void)why;
    struct httpd_call *call = *context;
    if (!call) {
        return;
    }
    *context = NULL;
    struct httpd *h = call->server;
    int is_stream = call->stream != NULL;
    if (is_stream) {
        hub_stream_dispose(call->stream);
    }
    if (call->phase != HTTPD_PHASE_STREAM) {
        httpd_release(call);
    }
    if (is_stream) {
        pthread_mutex_lock(&h->lock);
        h->streams--;
        if (h->options.streams_per_peer_max > 0) {
            httpd_counts_remove(&h->stream_peers, call->stream_key);
        }
        pthread_cond_broadcast(&h->idle);
        pthread_mutex_unlock(&h->lock);
    }
    strbuf_done(&call->body);
    httpd_reply_done(&call->reply);
    arena_done(&call->req.arena);
    free(call);
}

struct httpd_ticket httpd_defer(struct httpd_req *req)
{
    struct httpd_call *call = httpd_call_of(req);
    pthread_mutex_lock(&call->server->lock);
    call->server->deferred++;
    call->phase = HTTPD_PHASE_WAIT;
    pthread_mutex_unlock(&call->server->lock);
    MHD_suspend_connection(call->connection);
    return (struct httpd_ticket){req, &call->reply};
}

int httpd_run_here(struct httpd_req *req, void (*run)(void *user), void *user)
{
    return poller_work(httpd_call_of(req)->poller, run, user);
}

void httpd_finish(struct httpd_ticket ticket)
{
    struct httpd_call *call = httpd_call_of(ticket.req);
    struct httpd *h = call->server;
    pthread_mutex_lock(&h->lock);
    call->is_finished = 1;
    pthread_mutex_unlock(&h->lock);
    poller_resume(call->poller, call);
}

void httpd_stream_over(struct httpd_call *call)
{
    struct httpd *h = call->server;
    pthread_mutex_lock(&h->lock);
    h->deferred++;
    pthread_mutex_unlock(&h->lock);
    poller_resume(call->poller, call);
}
