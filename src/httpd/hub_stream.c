/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams as handlers and the frame see them: made in a handler, attached to the hub once the
 * connection is suspended, disposed of when it is gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/macro.h"
#include "base/mem.h"
#include "codec/sse.h"
#include "httpd/hub_private.h"

#define HEAD_MAX 8192

static int compare_topics(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int copy_topics(struct hub_stream *s, const uint32_t *topics, size_t count)
{
    if (count == 0) {
        return 0;
    }
    s->topics = mem_calloc(count, sizeof(*s->topics));
    if (!s->topics) {
        return ZEUS_ENOMEM;
    }
    memcpy(s->topics, topics, count * sizeof(*topics));
    qsort(s->topics, count, sizeof(*s->topics), compare_topics);
    for (size_t i = 0; i < count; i++) {
        if (s->topics[i] >= s->hub->topic_count) {
            return ZEUS_EINVAL;
        }
        if (i == 0 || s->topics[i] != s->topics[i - 1]) {
            s->topics[s->topic_count++] = s->topics[i];
        }
    }
    return 0;
}

/* Head of the reply, as the first thing to be written. */
static int put_head(struct hub_stream *s, const struct httpd_reply *reply)
{
    struct strbuf head;
    strbuf_init(&head, HEAD_MAX);
    time_t now = time(NULL);
    struct tm utc;
    char date[64] = "";
    if (gmtime_r(&now, &utc)) {
        /* The C locale's names: servers do not call setlocale. */
        (void)strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    }
    strbuf_addf(&head, "HTTP/1.%d 200 OK\r\n%s", s->is_chunked, date);
    strbuf_adds(&head, "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n");
    strbuf_adds(&head, s->is_chunked ? "Transfer-Encoding: chunked\r\n" : "Connection: close\r\n");
    for (size_t i = 0; i < reply->header_count; i++) {
        strbuf_addf(&head, "%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
    }
    strbuf_adds(&head, "\r\n");
    s->carry_len = head.len;
    int r = strbuf_take(&head, &s->carry);
    strbuf_done(&head);
    return r;
}

/* What the request's headers ask for. */
static void read_request(struct hub_stream *s, const struct httpd_req *req)
{
    static const char type[] = "text/event-stream";
    const char *last = httpd_header(req, "Last-Event-ID");
    const char *accept = httpd_header(req, "Accept");
    s->resume_after = UINT64_MAX;
    s->has_ids = last != NULL;
    for (const char *at = accept; at && *at && !s->has_ids; at++) {
        s->has_ids = strncasecmp(at, type, sizeof(type) - 1) == 0;
    }
    uint64_t number;
    if (last && sse_id_parse(last, s->hub->boot_id, &number) == 0) {
        s->resume_after = number;
    }
}

void hub_stream_release(struct hub_stream *s)
{
    struct hub *hub = s->hub;
    mutex_lock(&hub->lock);
    int is_last = --s->holds == 0;
    while (is_last && s->queue) {
        struct hub_event *event = s->queue;
        s->queue = event->next;
        hub_event_release_locked(event);
    }
    mutex_unlock(&hub->lock);
    if (is_last) {
        free(s->topics);
        free(s->carry);
        free(s);
    }
}

static int refuse(struct httpd_call *call, int status, const char *why)
{
    httpd_refuse(call, status, why);
    httpd_reply_header(&call->reply, "Retry-After", "1");
    call->is_refused = 1;
    return ZEUS_ELIMIT;
}

/* A place for the stream among those that may be open. */
static int reserve(struct httpd_call *call, struct hub *hub)
{
    mutex_lock(&hub->lock);
    int is_closing = hub->is_closing;
    mutex_unlock(&hub->lock);
    int status = is_closing ? 503 : httpd_stream_reserve(call, hub);
    if (status == 429) {
        return refuse(call, 429, "Too many streams of this client");
    }
    return status ? refuse(call, 503, "Server takes no more streams") : 0;
}

static int make(struct httpd_req *req, struct hub *hub, const uint32_t *topics, size_t count,
                struct hub_stream **ret)
{
    struct httpd_call *call = httpd_call_of(req);
    struct hub_stream *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return ZEUS_ENOMEM;
    }
    s->hub = hub;
    s->call = call;
    s->holds = 1;
    s->queue_end = &s->queue;
    s->is_chunked = !call->is_http10;
    read_request(s, req);
    int r = copy_topics(s, topics, count);
    if (r == 0) {
        r = put_head(s, &call->reply);
    }
    if (r == 0) {
        r = call->stream ? ZEUS_ESTATE : reserve(call, hub);
    }
    if (r < 0) {
        hub_stream_release(s);
        return r;
    }
    *ret = s;
    return 0;
}

static void tell_watch(struct hub_stream *s, int delta)
{
    for (size_t i = 0; i < s->topic_count; i++) {
        struct hub_topic *topic = &s->hub->topics[s->topics[i]];
        (void)flag_add(&topic->subscribers, (uint64_t)(int64_t)delta);
        if (s->hub->watch) {
            s->hub->watch(s->hub->user, s->topics[i], delta);
        }
    }
    (void)flag_add(&s->hub->stream_total, (uint64_t)(int64_t)delta);
}

int httpd_reply_stream(struct httpd_req *req, struct httpd_reply *reply, struct hub *hub,
                       const uint32_t *topics, size_t count)
{
    struct hub_stream *s = NULL;
    int r = make(req, hub, topics, count, &s);
    if (r < 0) {
        return r;
    }
    reply->status = 200;
    httpd_call_of(req)->stream = s;
    tell_watch(s, 1);
    return HTTPD_STREAM;
}

static int own(struct httpd_req *req, struct httpd_reply *reply, struct hub_stream *s,
               const struct hub_owned_options *options, struct hub_stream **ret_stream)
{
    reply->status = 200;
    s->on_close = options->on_close;
    s->user = options->user;
    s->holds = 2;
    httpd_call_of(req)->stream = s;
    tell_watch(s, 1);
    *ret_stream = s;
    return HTTPD_STREAM;
}

int httpd_reply_private_stream(struct httpd_req *req, struct httpd_reply *reply, struct hub *hub,
                               void (*on_close)(void *user), void *user,
                               struct hub_stream **ret_stream)
{
    struct hub_stream *s = NULL;
    int r = make(req, hub, NULL, 0, &s);
    if (r < 0) {
        return r;
    }
    s->has_ids = 0;
    return own(req, reply, s, &(struct hub_owned_options){.on_close = on_close, .user = user},
               ret_stream);
}

int httpd_reply_owned_stream(struct httpd_req *req, struct httpd_reply *reply,
                             const struct hub_owned_options *options,
                             struct hub_stream **ret_stream)
{
    struct hub_stream *s = NULL;
    int r = make(req, options->hub, options->topics, options->count, &s);
    return r < 0 ? r : own(req, reply, s, options, ret_stream);
}

void hub_stream_hold(struct hub_stream *s)
{
    mutex_lock(&s->hub->lock);
    s->holds++;
    mutex_unlock(&s->hub->lock);
}

void hub_stream_attach(struct hub_stream *s)
{
    struct hub *hub = s->hub;
    s->fd = httpd_descriptor_of(s->call->connection);
    s->tls = httpd_tls_session(s->call->connection);
    mutex_lock(&hub->lock);
    *hub->arrivals_end = s;
    hub->arrivals_end = &s->next_new;
    int must_signal = hub_signal_locked(hub);
    mutex_unlock(&hub->lock);
    hub_wake(hub, must_signal);
}

void hub_stream_dispose(struct hub_stream *s)
{
    mutex_lock(&s->hub->lock);
    s->stage = HUB_STAGE_OVER;
    mutex_unlock(&s->hub->lock);
    tell_watch(s, -1);
    if (s->on_close) {
        s->on_close(s->user);
    }
    hub_stream_release(s);
}

/* Has the hub's thread look at a private stream. Caller holds the lock. */
static int queue_locked(struct hub_stream *s)
{
    if (!s->is_queued) {
        s->is_queued = 1;
        s->holds++;
        s->next_woken = s->hub->woken;
        s->hub->woken = s;
    }
    return hub_signal_locked(s->hub);
}

int hub_stream_send(struct hub_stream *s, const char *json, size_t len)
{
    struct hub *hub = s->hub;
    if (len > hub->event_max) {
        return ZEUS_ELIMIT;
    }
    struct hub_event *event = hub_event_create(len);
    if (!event) {
        return ZEUS_ENOMEM;
    }
    hub_event_fill(event, hub, 0, json, len);
    int must_signal = 0;
    mutex_lock(&hub->lock);
    int r = s->stage == HUB_STAGE_OVER || s->is_ending ? ZEUS_ECLOSED
            : s->queue_len == HUB_PRIVATE_MAX          ? ZEUS_ELIMIT
                                                       : 0;
    if (r == 0) {
        *s->queue_end = event;
        s->queue_end = &event->next;
        s->queue_len++;
        must_signal = queue_locked(s);
    } else {
        hub_event_release_locked(event);
    }
    mutex_unlock(&hub->lock);
    hub_wake(hub, must_signal);
    return r;
}

void hub_stream_end(struct hub_stream *s)
{
    hub_stream_end_saying(s, NULL);
}

void hub_stream_end_saying(struct hub_stream *s, const char *why)
{
    struct hub *hub = s->hub;
    mutex_lock(&hub->lock);
    s->why = s->why ? s->why : why;
    s->is_ending = 1;
    int must_signal = s->stage == HUB_STAGE_OVER ? 0 : queue_locked(s);
    mutex_unlock(&hub->lock);
    hub_wake(hub, must_signal);
    hub_stream_release(s);
}
