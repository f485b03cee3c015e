/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server frame shared by the daemon and the optimizer servers: listeners (TCP and Unix
 * sockets), a table of routes, admission, replies now or later. This folder is the only one that
 * knows libmicrohttpd.
 *
 * Admission, in this order and tested in this order: size of the target and of the declared body
 * (414, 413), decoding of the target (400), route (404, 405), client's rate (429), requests in
 * flight (503), authorisation (401, 403), size of the body as it arrives (413), the handler.
 *
 * Thread rule: handlers run on the server's polling threads and must not block for long; what may
 * block defers its reply (httpd_defer) and finishes it from any thread.
 */
#ifndef ZEUS_HTTPD_HTTPD_H
#define ZEUS_HTTPD_HTTPD_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "codec/url.h"

#define HTTPD_PARAMS_MAX 4
#define HTTPD_PENDING    1 /* a handler's return value: the reply comes later */

struct httpd;
struct httpd_req;

struct httpd_reply {
    int status;               /* 200 until set */
    const char *content_type; /* static; "application/json" until set; NULL: no body */
    struct strbuf body;
    const char *extra_name; /* one more header, static name; NULL: none */
    char extra_value[128];
};

/* Fills the reply and returns 0, HTTPD_PENDING after httpd_defer, or a negative ZEUS_E code, which
 * answers 500. */
typedef int (*httpd_handler)(struct httpd_req *req, struct httpd_reply *reply);

struct httpd_route {
    const char *method;
    const char *path; /* "/schedule/{job_id}"; a parameter takes one whole segment */
    httpd_handler handle;
    size_t body_max; /* bytes; 0: no body is read */
    uint32_t scope;  /* what authorisation must grant; 0: none needed */
};

/* Who asks. */
struct httpd_peer {
    int is_local;     /* a Unix socket */
    uint32_t uid;     /* of the peer's process, Unix sockets only */
    char address[48]; /* "127.0.0.1", "::1", "unix" */
};

struct httpd_req {
    struct httpd *httpd; /* the server: its counters may be asked from a handler */
    const struct httpd_route *route;
    struct url_target target;
    const char *params[HTTPD_PARAMS_MAX]; /* in the order of the route's path */
    const char *body;                     /* NUL-terminated; "" when empty */
    size_t body_len;
    struct arena arena;  /* lives as long as the request */
    const char *subject; /* set by authorisation; NULL: anonymous */
    struct httpd_peer peer;
    void *user; /* of the options */
};

/* Authorisation hook: 0 to go on, ZEUS_EAUTH (401) or ZEUS_EPERM (403). `credentials` is the
 * Authorization header or NULL. May set req->subject to memory of req->arena. */
typedef int (*httpd_authorize)(struct httpd_req *req, const char *credentials, uint32_t scope,
                               void *user);

struct httpd_options {
    const struct httpd_route *routes; /* borrowed for the server's life */
    size_t route_count;
    void *user;                /* handed to handlers */
    httpd_authorize authorize; /* NULL: everything is allowed */
    void *authorize_user;
    const struct log_sink *log;

    const char *host;      /* NULL: no TCP listener */
    uint16_t port;         /* 0: the system chooses; see httpd_port */
    const char *unix_path; /* NULL: no Unix listener; a stale socket is replaced */
    unsigned unix_mode;    /* permissions of the socket, e.g. 0660 */

    unsigned threads;         /* polling threads a listener; 0: 1 */
    unsigned connections_max; /* a listener; 0: 1024 */
    unsigned in_flight_max;   /* requests between admission and reply; 0: 4096 */
    size_t target_max;        /* bytes of the request target; 0: 4096 */
    size_t body_max;          /* most any route may take; 0: 8 MiB */
    unsigned idle_timeout_s;  /* 0: 60 */
    unsigned rate_per_s;      /* requests a second one TCP address may send; 0: no limit */
    unsigned rate_burst;      /* 0: twice the rate */
};

/* Opens the listeners and starts serving. ZEUS_EINVAL, ZEUS_EIO (address in use, no permission). */
int httpd_start(const struct httpd_options *options, struct httpd **ret, zeus_error *err)
    ZEUS_CHECK;

/* Stops accepting and waits until no deferred reply is outstanding (whoever owns them must finish
 * them; see httpd_drain), then frees everything. Takes NULL. */
void httpd_stop(struct httpd *h);

/* Stops accepting connections; running ones go on. */
void httpd_drain(struct httpd *h);

/* The TCP port in use, 0 without a TCP listener. */
uint16_t httpd_port(const struct httpd *h);

/* Counters since the start; per route in table order, then one line for unmatched requests. */
struct httpd_route_stats {
    uint64_t replies[6]; /* [2]: 2xx ... [5]: 5xx; others unused */
    uint64_t duration_ns;
};

struct httpd_stats {
    uint64_t in_flight;
    uint64_t limited; /* answered 413, 414, 429 or 503 by admission */
};

void httpd_stats(struct httpd *h, struct httpd_stats *ret);
void httpd_route_stats(struct httpd *h, size_t route, struct httpd_route_stats *ret);

/* ---- within a handler ---- */

/* A header's value or NULL; borrowed until the reply. */
const char *httpd_header(const struct httpd_req *req, const char *name);

/* Last value of a query parameter or NULL. */
const char *httpd_query(const struct httpd_req *req, const char *name);

/* 1 when the body is to be read as JSON: no Content-Type, application/json or application/...+json.
 * The published clients send none. */
int httpd_body_is_json(const struct httpd_req *req);

/* A reply that comes later. The request and the reply stay valid until httpd_finish. */
struct httpd_ticket {
    struct httpd_req *req;
    struct httpd_reply *reply;
};

struct httpd_ticket httpd_defer(struct httpd_req *req);

/* Sends a deferred reply. Any thread; exactly once a ticket. */
void httpd_finish(struct httpd_ticket ticket);

/* 1 when the client of a deferred reply has gone (a finished reply then goes nowhere). */
int httpd_peer_gone(struct httpd_ticket ticket);

/* ---- building replies ---- */

void httpd_reply_text(struct httpd_reply *reply, int status, const char *content_type,
                      const char *text);

/* A body that is JSON already. */
void httpd_reply_json(struct httpd_reply *reply, int status, const char *json, size_t len);

/* {"detail":"..."} and {"message":"..."}. */
void httpd_reply_detail(struct httpd_reply *reply, int status, const char *detail);
void httpd_reply_message(struct httpd_reply *reply, int status, const char *message);

/* 500, text/plain, "Internal Server Error". */
void httpd_reply_internal(struct httpd_reply *reply);

#endif /* ZEUS_HTTPD_HTTPD_H */
