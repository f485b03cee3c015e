/* SPDX-License-Identifier: Apache-2.0
 *
 * The hub of event streams (server-sent events). Publishers give an event to a topic; every stream
 * that subscribes to the topic gets it. Events are immutable and shared: one copy however many
 * streams. A thread of the hub writes to the connections itself, so that a publish costs one
 * wake-up and one system call a stream; it sleeps for good while there is no stream.
 *
 * A reader that does not keep up delays nobody: it loses events, gets the newest of each topic when
 * it reads again, and is told how many it lost (": skipped N"). A silent stream gets ": keepalive".
 * A peer that goes away is noticed at once. A stream never ends cleanly: the connection is closed,
 * which makes clients wait before they come back.
 *
 * Order at the end: hub_close, httpd_stop, hub_destroy.
 */
#ifndef ZEUS_HTTPD_HUB_H
#define ZEUS_HTTPD_HUB_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "httpd/httpd.h"

#define HUB_TOPICS_MAX  4096
#define HUB_PRIVATE_MAX 64 /* events of a private stream that wait to be sent */
#define HUB_WHY_MAX     64

struct hub;
struct hub_stream;

struct hub_options {
    size_t topic_count;    /* 1 to HUB_TOPICS_MAX; topics are 0 to topic_count - 1 */
    size_t ring_events;    /* newest events kept for clients that resume; 0: 4096 */
    size_t event_max;      /* most bytes of an event's text; 0: 4096 */
    uint64_t heartbeat_ns; /* silence after which a comment is sent; 0: 15 s */
    size_t socket_bytes;   /* unsent bytes the system keeps for a stream; 0: 64 KiB */
    const char *boot_id;   /* part of event ids; copied */
    /* +1: a stream subscribed to the topic, -1: it left. Called without locks held, from HTTP
     * threads; must be prompt. Concurrent calls may come in any order: add the deltas up. */
    void (*watch)(void *user, size_t topic, int delta);
    void *user;
};

struct hub_owned_options {
    struct hub *hub;
    const uint32_t *topics;
    size_t count;
    void (*on_close)(void *user);
    void *user;
};

struct hub_stats {
    uint64_t streams;   /* open now, private ones too */
    uint64_t published; /* events of topics */
    uint64_t delivered; /* events written to streams */
    uint64_t skipped;   /* events that slow streams lost */
    uint64_t bytes;     /* written */
    uint64_t wakeups;   /* of the hub's thread */
};

int hub_create(const struct hub_options *options, struct hub **ret, zeus_error *err) ZEUS_CHECK;

/* Any thread. `json` is what follows "data: ", without line ends. Never waits for readers.
 * ZEUS_ELIMIT: longer than event_max. */
int hub_publish(struct hub *hub, size_t topic, const char *json, size_t len) ZEUS_CHECK;

/* The topic's source went to sleep: its latest event is no longer given to newcomers. Any thread.
 */
void hub_forget(struct hub *hub, size_t topic);

/* Streams that subscribe to the topic now. */
uint32_t hub_subscribers(struct hub *hub, size_t topic);

/* Ends all streams by closing their connections; new ones get 503. Returns at once. */
void hub_close(struct hub *hub);

/* After httpd_stop. Takes NULL. */
void hub_destroy(struct hub *hub);

void hub_stats(struct hub *hub, struct hub_stats *ret);

/* In a handler: makes the reply a stream over these topics (none: a silent stream) and returns
 * HTTPD_STREAM, which the handler returns; or a negative code with the reply set to 503 (limit of
 * streams, hub closed) or 429 (the peer's limit), which the handler returns as well. The newest
 * event of each topic comes at once unless forgotten. With a Last-Event-ID of this boot the stream
 * goes on after that event instead. Events carry ids when the request has Last-Event-ID or accepts
 * text/event-stream by name. A topic named twice counts once. */
int httpd_reply_stream(struct httpd_req *req, struct httpd_reply *reply, struct hub *hub,
                       const uint32_t *topics, size_t count) ZEUS_CHECK;

/* As above, a stream that only hub_stream_send feeds. The caller owns *ret_stream until it calls
 * hub_stream_end, which it must do exactly once, also after on_close and also when the handler does
 * not return HTTPD_STREAM after all. on_close comes once, from an HTTP thread, when the connection
 * is gone, whoever ended it. */
int httpd_reply_private_stream(struct httpd_req *req, struct httpd_reply *reply, struct hub *hub,
                               void (*on_close)(void *user), void *user,
                               struct hub_stream **ret_stream) ZEUS_CHECK;

/* As httpd_reply_stream, a stream over topics that can be ended from outside: *ret_stream and
 * on_close as with a private one. */
int httpd_reply_owned_stream(struct httpd_req *req, struct httpd_reply *reply,
                             const struct hub_owned_options *options,
                             struct hub_stream **ret_stream) ZEUS_CHECK;

/* One more owner, who must call hub_stream_end as well. */
void hub_stream_hold(struct hub_stream *stream);

/* Any thread. ZEUS_ECLOSED: the peer is gone; ZEUS_ELIMIT: it does not read, or the event is long.
 */
int hub_stream_send(struct hub_stream *stream, const char *json, size_t len) ZEUS_CHECK;

/* Closes the connection, after what was sent before when the peer reads; gives the caller's hold on
 * the stream up. */
void hub_stream_end(struct hub_stream *stream);

/* The same, and the last thing a reader gets that keeps up is the comment ": ended: WHY". `why` is
 * static and at most HUB_WHY_MAX long. */
void hub_stream_end_saying(struct hub_stream *stream, const char *why);

#endif /* ZEUS_HTTPD_HUB_H */
