/* SPDX-License-Identifier: Apache-2.0
 *
 * Life cycle of the server and of one request over libmicrohttpd. The request object is made when
 * the library has read the request line (its URI callback), lives through headers, body and reply,
 * and is freed in the completion callback. A deferred request's connection is suspended; finishing
 * resumes it, and the library then calls back so that the reply can be queued.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "httpd/httpd_private.h"

#define ARENA_MAX      (64u << 20)
#define REPLY_BODY_MAX (64u << 20)
#define STOP_WAIT_S    5            /* how long a stop waits for replies on their way */
#define DISCARD_MAX    (256u << 10) /* a refused request's body is read up to here, then cut off */

static void *on_target(void *user, const char *target, struct MHD_Connection *connection)
{
    struct httpd *h = user;
    struct httpd_call *call = calloc(1, sizeof(*call));
    if (!call) {
        return NULL; /* the handler callback answers by closing */
    }
    call->server = h;
    call->connection = connection;
    call->start_ns = clock_monotonic_ns();
    call->route_index = h->options.route_count;
    call->req.httpd = h;
    call->req.user = h->options.user;
    call->req.body = "";
    arena_init(&call->req.arena, ARENA_MAX);
    strbuf_init(&call->reply.body, REPLY_BODY_MAX);
    call->reply.status = 200;
    call->reply.content_type = "application/json";
    size_t len = strlen(target);
    if (len > h->options.target_max) {
        call->target_code = 414;
        return call;
    }
    char *decoded = arena_alloc(&call->req.arena, len + 2, 1);
    int r = decoded ? url_parse(target, decoded, len + 2, &call->req.target) : ZEUS_ENOMEM;
    call->has_target = r == 0;
    call->target_code = 400;
    return call;
}

static enum MHD_Result send_reply(struct httpd_call *call)
{
    struct httpd_reply *reply = &call->reply;
    char *text = NULL;
    size_t len = reply->body.len;
    if (strbuf_status(&reply->body) < 0) {
        httpd_reply_internal(reply);
        len = reply->body.len;
    }
    if (len > 0 && strbuf_take(&reply->body, &text) < 0) {
        return MHD_NO;
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        len, text, text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!response) {
        free(text);
        return MHD_NO;
    }
    enum MHD_Result ok = MHD_YES;
    if (reply->content_type) {
        ok = MHD_add_response_header(response, "Content-Type", reply->content_type);
    }
    if (ok == MHD_YES && reply->extra_name) {
        ok = MHD_add_response_header(response, reply->extra_name, reply->extra_value);
    }
    if (ok == MHD_YES) {
        ok = MHD_queue_response(call->connection, (unsigned)reply->status, response);
    }
    MHD_destroy_response(response);
    call->phase = HTTPD_PHASE_SENT;
    return ok;
}

static void act(struct httpd_call *call)
{
    call->req.body = strbuf_text(&call->body);
    call->req.body_len = call->body.len;
    int r = call->req.route->handle(&call->req, &call->reply);
    if (r < 0) {
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
    return is_short ? MHD_YES : send_reply(call);
}

static enum MHD_Result take_body(struct httpd_call *call, const char *data, size_t len)
{
    if (call->phase == HTTPD_PHASE_REFUSE || call->phase == HTTPD_PHASE_SENT ||
        call->body_max == 0) {
        return MHD_YES; /* thrown away */
    }
    strbuf_add(&call->body, data, len);
    if (strbuf_status(&call->body) == 0) {
        return MHD_YES;
    }
    httpd_reply_detail(&call->reply, 413, "Request body is too large");
    pthread_mutex_lock(&call->server->lock);
    call->server->limited++;
    pthread_mutex_unlock(&call->server->lock);
    call->phase = HTTPD_PHASE_REFUSE;
    return MHD_YES;
}

static int is_deferred(struct httpd_call *call)
{
    pthread_mutex_lock(&call->server->lock);
    int waits = call->phase == HTTPD_PHASE_WAIT && !call->is_finished;
    pthread_mutex_unlock(&call->server->lock);
    return waits;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **context)
{
    (void)user;
    (void)url; /* decoded by the library; ours is req.target */
    (void)version;
    struct httpd_call *call = *context;
    if (!call) {
        return MHD_NO;
    }
    if (call->phase == HTTPD_PHASE_NEW) {
        httpd_peer_of(connection, &call->req.peer);
        if (httpd_admit(call, method)) {
            return refuse(call);
        }
        strbuf_init(&call->body, call->body_max);
        call->phase = HTTPD_PHASE_BODY;
        return MHD_YES;
    }
    if (*size > 0) {
        enum MHD_Result ok = take_body(call, data, *size);
        *size = 0;
        return ok;
    }
    if (call->phase == HTTPD_PHASE_BODY) {
        act(call);
        return call->phase == HTTPD_PHASE_WAIT ? MHD_YES : send_reply(call);
    }
    if (is_deferred(call)) {
        return MHD_YES;
    }
    return call->phase == HTTPD_PHASE_SENT ? MHD_YES : send_reply(call);
}

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why)
{
    (void)user;
    (void)connection;
    (void)why;
    struct httpd_call *call = *context;
    if (!call) {
        return;
    }
    httpd_release(call);
    strbuf_done(&call->body);
    strbuf_done(&call->reply.body);
    arena_done(&call->req.arena);
    free(call);
    *context = NULL;
}

struct httpd_ticket httpd_defer(struct httpd_req *req)
{
    struct httpd_call *call = (struct httpd_call *)(void *)req;
    pthread_mutex_lock(&call->server->lock);
    call->server->deferred++;
    call->phase = HTTPD_PHASE_WAIT;
    pthread_mutex_unlock(&call->server->lock);
    MHD_suspend_connection(call->connection);
    return (struct httpd_ticket){req, &call->reply};
}

void httpd_finish(struct httpd_ticket ticket)
{
    struct httpd_call *call = (struct httpd_call *)(void *)ticket.req;
    struct httpd *h = call->server;
    /* The connection may complete, and the call be freed, as soon as it is resumed; `deferred`
     * keeps the server itself alive until this function is through. */
    pthread_mutex_lock(&h->lock);
    call->is_finished = 1;
    struct MHD_Connection *connection = call->connection;
    pthread_mutex_unlock(&h->lock);
    MHD_resume_connection(connection);
    pthread_mutex_lock(&h->lock);
    h->deferred--;
    pthread_cond_broadcast(&h->idle);
    pthread_mutex_unlock(&h->lock);
}

static void fill_defaults(struct httpd_options *o)
{
    o->threads = o->threads ? o->threads : 1;
    o->connections_max = o->connections_max ? o->connections_max : 1024;
    o->in_flight_max = o->in_flight_max ? o->in_flight_max : 4096;
    o->target_max = o->target_max ? o->target_max : 4096;
    o->body_max = o->body_max ? o->body_max : 8u << 20;
    o->idle_timeout_s = o->idle_timeout_s ? o->idle_timeout_s : 60;
    o->rate_burst = o->rate_burst ? o->rate_burst : 2 * o->rate_per_s;
}

/* Starts the library on a listening descriptor, which it then owns. */
static int start_daemon(struct httpd *h, int fd, zeus_error *err)
{
    const struct httpd_options *o = &h->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, h},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, h},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)o->connections_max, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_timeout_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, 32 * 1024, NULL},
        {o->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)o->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_Daemon *d = MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_ARRAY,
                                            items, MHD_OPTION_END);
    if (!d) {
        (void)close(fd); /* nothing was written to it */
        return err_set(err, ZEUS_EIO, "cannot start the HTTP server");
    }
    h->daemons[h->daemon_count++] = d;
    return 0;
}

static int open_listeners(struct httpd *h, zeus_error *err)
{
    const struct httpd_options *o = &h->options;
    if (o->host) {
        int fd = httpd_listen_tcp(o->host, o->port, &h->port, err);
        if (fd < 0) {
            return fd;
        }
        int r = start_daemon(h, fd, err);
        if (r < 0) {
            return r;
        }
    }
    if (o->unix_path) {
        int fd = httpd_listen_unix(o->unix_path, o->unix_mode, err);
        if (fd < 0) {
            return fd;
        }
        h->unix_path = mem_strdup(o->unix_path);
        return start_daemon(h, fd, err);
    }
    return 0;
}

int httpd_start(const struct httpd_options *options, struct httpd **ret, zeus_error *err)
{
    if (!options->host && !options->unix_path) {
        return err_set(err, ZEUS_EINVAL, "nothing to listen on: no address and no socket path");
    }
    struct httpd *h = mem_calloc(1, sizeof(*h));
    if (!h) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    h->options = *options;
    fill_defaults(&h->options);
    h->stats = mem_calloc(options->route_count + 1, sizeof(*h->stats));
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&h->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    int r = h->stats ? open_listeners(h, err) : err_set(err, ZEUS_ENOMEM, "out of memory");
    if (r < 0) {
        httpd_stop(h);
        return r;
    }
    *ret = h;
    return 0;
}

void httpd_drain(struct httpd *h)
{
    pthread_mutex_lock(&h->lock);
    h->is_draining = 1;
    pthread_mutex_unlock(&h->lock);
}

/* Deferred replies are waited for as long as it takes (the library must not stop under them),
 * others for a short while. */
static void wait_idle(struct httpd *h)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += STOP_WAIT_S;
    pthread_mutex_lock(&h->lock);
    while (h->deferred > 0) {
        pthread_cond_wait(&h->idle, &h->lock);
    }
    int status = 0;
    while (h->in_flight > 0 && status == 0) {
        status = pthread_cond_timedwait(&h->idle, &h->lock, &deadline);
    }
    pthread_mutex_unlock(&h->lock);
}

void httpd_stop(struct httpd *h)
{
    if (!h) {
        return;
    }
    httpd_drain(h);
    wait_idle(h);
    for (unsigned i = 0; i < h->daemon_count; i++) {
        MHD_stop_daemon(h->daemons[i]);
    }
    if (h->unix_path) {
        (void)unlink(h->unix_path); /* already gone is as good */
    }
    free(h->unix_path);
    free(h->stats);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->idle);
    free(h);
}

uint16_t httpd_port(const struct httpd *h)
{
    return h->port;
}

void httpd_stats(struct httpd *h, struct httpd_stats *ret)
{
    pthread_mutex_lock(&h->lock);
    *ret = (struct httpd_stats){.in_flight = h->in_flight, .limited = h->limited};
    pthread_mutex_unlock(&h->lock);
}

void httpd_route_stats(struct httpd *h, size_t route, struct httpd_route_stats *ret)
{
    pthread_mutex_lock(&h->lock);
    *ret = h->stats[MIN_OF(route, h->options.route_count)];
    pthread_mutex_unlock(&h->lock);
}
