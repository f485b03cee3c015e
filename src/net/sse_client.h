/* SPDX-License-Identifier: Apache-2.0
 *
 * Many streams of server-sent events on one thread. Each connects, is parsed as it comes, and is
 * connected again when it ends: after a wait with jitter that doubles while nothing comes, never at
 * once. A token that is refused (401, 403) ends a stream for good, with the server's words. The id
 * of the last event goes back to the server as Last-Event-ID.
 *
 * Thread rule: add, read_status, stop and destroy by any one thread at a time; callbacks come from
 * the client's own thread, without a lock held, and must not call add, stop or destroy.
 */
#ifndef ZEUS_NET_SSE_CLIENT_H
#define ZEUS_NET_SSE_CLIENT_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "codec/sse.h"
#include "net/http_client.h"

struct sse_client;

enum sse_state {
    SSE_WAITING = 0, /* for its next attempt */
    SSE_CONNECTING,
    SSE_OPEN,    /* the server accepted; events may come */
    SSE_STOPPED, /* for good: see code and reason */
};

/* What became of a stream so far. */
struct sse_status {
    enum sse_state state;
    int code;              /* of the last end: 0 while none */
    int http_status;       /* of the last answer, 0 before one */
    uint32_t connects;     /* connections that the server accepted */
    uint64_t events;       /* events received */
    uint64_t skipped;      /* events that the server says it left out (": skipped N") */
    uint64_t opened_ns;    /* monotonic: when this connection was accepted */
    uint64_t last_byte_ns; /* monotonic: when anything came last, comments included */
    char reason[200];      /* words for code */
};

struct sse_callbacks {
    /* An event; comments are not passed on. */
    void (*on_event)(void *user, uint32_t stream, const struct sse_event *event);
    /* The stream was opened, ended or stopped. May be NULL. */
    void (*on_state)(void *user, uint32_t stream, const struct sse_status *status);
    void *user;
};

struct sse_stream_options {
    struct http_client_options http; /* timeout_ns and reply_max are not used */
    const char *path;                /* with its query, encoded; copied */
    uint64_t retry_min_ns;           /* 0: 1 s */
    uint64_t retry_max_ns;           /* 0: 30 s */
    uint64_t silence_ns; /* connect again when nothing at all came for so long; 0: never, because a
                          * daemon without heartbeats is silent while nothing changes */
};

int sse_client_create(const struct sse_callbacks *callbacks, struct sse_client **ret,
                      zeus_error *err) ZEUS_CHECK;
/* Ends every stream and the thread. */
void sse_client_destroy(struct sse_client *c);

/* Adds a stream, before or after the start; its number. INVAL, NOMEM, LIMIT. */
int sse_client_add(struct sse_client *c, const struct sse_stream_options *options,
                   uint32_t *ret_stream, zeus_error *err) ZEUS_CHECK;

/* Starts the thread. */
int sse_client_start(struct sse_client *c, zeus_error *err) ZEUS_CHECK;
/* Stops it: no callback comes any more when this returns. */
void sse_client_stop(struct sse_client *c);

int sse_client_read_status(struct sse_client *c, uint32_t stream, struct sse_status *ret_status)
    ZEUS_CHECK;

#endif /* ZEUS_NET_SSE_CLIENT_H */
