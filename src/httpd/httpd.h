/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server frame shared by the daemon and the optimizer servers: listeners (TCP, TLS, Unix
 * sockets, sockets of the service manager), a table of routes, admission, replies now or later, and
 * event streams (httpd/hub.h). This folder is the only one that knows libmicrohttpd.
 *
 * Admission, in this order and tested in this order: size of the target and of the declared body
 * (414, 413), decoding of the target (400), route (404, 405), client's rate (429), requests in
 * flight (503), authorisation (401, 403), size of the body as it arrives (413), the handler.
 *
 * With a gate (zeusd): size (414, 413), decoding (400), limits of connections, rate and requests
 * (429, 503), the gate, route (404), authorisation, body, handler. Gate and routing then look at
 * the same decoded path, what matches no route (HEAD and a wrong method too) is an empty 404, and
 * refusals speak {"error":"..."}.
 *
 * Thread rule: handlers run on the server's polling threads and must not block for long; what may
 * block defers its reply (httpd_defer) and finishes it from any thread. What is short as a rule may
 * be left to the polling thread itself (httpd_run_here).
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

#define HTTPD_PARAMS_MAX  4
#define HTTPD_PENDING     1 /* a handler's return value: the reply comes later */
#define HTTPD_STREAM      2 /* a handler's return value: the reply is an event stream (hub.h) */
#define HTTPD_HEADERS_MAX 8
#define HTTPD_GROUPS_MAX  64

struct httpd;
struct httpd_req;

struct httpd_header {
    const char *name; /* static */
    char *value;      /* owned by the reply */
};

struct httpd_reply {
    int status;               /* 200 until set */
    const char *content_type; /* static; "application/json" until set; NULL: none is sent */
    struct strbuf body;
    const void *static_data; /* sent instead of `body` when set (httpd_reply_static) */
    size_t static_len;
    size_t header_count;
    struct httpd_header headers[HTTPD_HEADERS_MAX]; /* httpd_reply_header */
};

/* Fills the reply and returns 0, HTTPD_PENDING after httpd_defer, HTTPD_STREAM, or a negative
 * ZEUS_E code, which answers 500 (or as httpd_reply_stream set the reply, when that is what
 * refused). */
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
    int is_local; /* a Unix socket */
    uint32_t uid; /* of the peer's process, Unix sockets only; else UINT32_MAX, */
    uint32_t gid; /* UINT32_MAX, */
    int32_t pid;  /* and 0 */
    uint32_t groups[HTTPD_GROUPS_MAX]; /* supplementary groups of that process */
    unsigned group_count;
    char address[48];      /* "127.0.0.1", "::1", "unix" */
    char certificate[128]; /* common name of the verified client certificate; "": none */
};

struct httpd_req {
    struct httpd *httpd; /* the server: its counters may be asked from a handler */
    const struct httpd_route *route;
    struct url_target target;
    const char *path;      /* decoded; the same that routing saw. NULL without a gate */
    const char *query_raw; /* between '?' and '#', as sent; "" when empty */
    const char *params[HTTPD_PARAMS_MAX]; /* in the order of the route's path */
    const char *body;                     /* NUL-terminated; "" when empty */
    size_t body_len;
    struct arena arena;  /* lives as long as the request */
    void *gate_data;     /* the gate's own, for handlers; usually of the arena */
    const char *subject; /* set by authorisation; NULL: anonymous */
    struct httpd_peer peer;
    void *user; /* of the options */
};

/* Authorisation hook: 0 to go on, ZEUS_EAUTH (401) or ZEUS_EPERM (403). `credentials` is the
 * Authorization header or NULL. May set req->subject to memory of req->arena. */
typedef int (*httpd_authorize)(struct httpd_req *req, const char *credentials, uint32_t scope,
                               void *user);

/* Looks at a request before routing: 0 to go on, 1 when the reply was set and is to be sent. */
typedef int (*httpd_gate)(struct httpd_req *req, const char *method, struct httpd_reply *reply,
                          void *user);

/* Zero means the default, but for unix_uid and unix_gid. */
struct httpd_options {
    const struct httpd_route *routes; /* borrowed for the server's life */
    size_t route_count;
    void *user;                /* handed to handlers */
    httpd_authorize authorize; /* NULL: everything is allowed */
    void *authorize_user;
    httpd_gate gate; /* NULL: none, and the frame behaves as the optimizer servers want it */
    void *gate_user;
    const struct log_sink *log;

    const char *host;       /* NULL: no TCP listener */
    uint16_t port;          /* 0: the system chooses; see httpd_port */
    const char *unix_path;  /* NULL: no Unix listener; a stale socket is replaced */
    unsigned unix_mode;     /* permissions of the socket, e.g. 0660 */
    uint32_t unix_uid;      /* owner of the socket file; UINT32_MAX: leave */
    uint32_t unix_gid;      /* UINT32_MAX: leave */
    const int *adopted_fds; /* listening sockets made by others; closed, never unlinked, at stop */
    size_t adopted_count;

    const char *tls_cert_pem; /* texts, not paths; set: the TCP listeners speak TLS 1.2 or newer */
    const char *tls_key_pem;
    const char *tls_client_ca_pem; /* set: a client certificate of this authority is required */

    unsigned threads;         /* pairs of polling threads a listener; 0: 1 */
    unsigned connections_max; /* without a gate of each listener, with one of all; 0: 1024 */
    unsigned connections_per_address_max; /* from one TCP address; 0: no limit */
    unsigned streams_max;                 /* open event streams; 0: no limit of their own */
    unsigned streams_per_peer_max;        /* of one uid (Unix) or address (TCP); 0: no limit */
    unsigned connection_memory_bytes;     /* for head and reply of one connection; 0: 32 KiB */
    unsigned in_flight_max;               /* requests between admission and reply; 0: 4096 */
    size_t target_max;                    /* bytes of the request target; 0: 4096 */
    size_t body_max;                      /* most any route may take; 0: 8 MiB */
    unsigned idle_timeout_s;              /* 0: 60 */
    unsigned head_timeout_s;              /* time for a connection's first head; 0: as idle */
    unsigned rate_per_s; /* requests a second one TCP address may send; 0: no limit */
    unsigned rate_burst; /* 0: twice the rate */
};

/* Opens the listeners and starts serving. ZEUS_EINVAL, ZEUS_EIO (address in use, no permission),
 * ZEUS_EBUSY (another server answers on the Unix socket). */
int httpd_start(const struct httpd_options *options, struct httpd **ret, zeus_error *err)
    ZEUS_CHECK;

/* Stops accepting, ends event streams (hub_close), and waits until no deferred reply is outstanding
 * (whoever owns them must finish them; see httpd_drain), then frees everything. Takes NULL. */
void httpd_stop(struct httpd *h);

/* Stops accepting connections; running ones go on. */
void httpd_drain(struct httpd *h);

/* What is given for TLS: texts in PEM form, the second and third names for the words. */
struct httpd_tls_texts {
    const char *cert;
    const char *key;
    const char *client_ca; /* NULL: none */
    const char *cert_name;
    const char *key_name;
    const char *client_ca_name;
};

/* Whether they are of use and belong together; ZEUS_EINVAL with words that name which is not.
 * *ret_expires: when the certificate ends, Unix time. */
int httpd_tls_check(const struct httpd_tls_texts *texts, int64_t *ret_expires, zeus_error *err)
    ZEUS_CHECK;

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
    uint64_t connections;
    uint64_t streams;
};

void httpd_stats(struct httpd *h, struct httpd_stats *ret);
void httpd_route_stats(struct httpd *h, size_t route, struct httpd_route_stats *ret);

/* Raises the limit of open descriptors to what the system allows; returns the limit now in force.
 */
uint64_t httpd_raise_fd_limit(void);

/* ---- within a handler or gate ---- */

/* A header's value or NULL; borrowed until the reply. */
const char *httpd_header(const struct httpd_req *req, const char *name);

/* Last value of a query parameter or NULL. */
const char *httpd_query(const struct httpd_req *req, const char *name);

/* Guard against web pages that reach for this server through a browser: 1 when the request may be
 * served. Its Host must be one of `hosts` (any port), localhost, 127.0.0.1 or [::1], or the address
 * it arrived at; a present Origin must name the same host and port; Sec-Fetch-Site must not be
 * cross-site. Requests of Unix sockets may have any Host. */
int httpd_origin_allows(const struct httpd_req *req, const char *const *hosts, size_t count);

/* The same on values; a header that is absent is NULL. `local_address`: where the request arrived.
 */
struct httpd_origin {
    const char *host;
    const char *origin;
    const char *fetch_site;
    const char *local_address; /* "192.0.2.1", "2001:db8::1" */
    int is_local;
};

int httpd_origin_check(const struct httpd_origin *o, const char *const *hosts, size_t count);

/* 1 when the body is to be read as JSON: no Content-Type, application/json or application/...+json.
 * The published clients send none. */
int httpd_body_is_json(const struct httpd_req *req);

/* A reply that comes later. The request and the reply stay valid until httpd_finish. */
struct httpd_ticket {
    struct httpd_req *req;
    struct httpd_reply *reply;
};

struct httpd_ticket httpd_defer(struct httpd_req *req);

/* Within a handler, of a request that was deferred: `run` is called on this polling thread as soon
 * as it has let go of its connections. For work of microseconds that may once in a while take long,
 * and then keeps nobody else waiting. ZEUS_EBUSY: the thread has such work already. */
int httpd_run_here(struct httpd_req *req, void (*run)(void *user), void *user) ZEUS_CHECK;

/* Sends a deferred reply. Any thread; exactly once a ticket. */
void httpd_finish(struct httpd_ticket ticket);

/* 1 when the client of a deferred reply has gone (a finished reply then goes nowhere). */
int httpd_peer_gone(struct httpd_ticket ticket);

/* ---- building replies ---- */

void httpd_reply_text(struct httpd_reply *reply, int status, const char *content_type,
                      const char *text);

/* A body that is JSON already. */
void httpd_reply_json(struct httpd_reply *reply, int status, const char *json, size_t len);

/* {"detail":"..."}, {"message":"..."} and {"error":"..."}. */
void httpd_reply_detail(struct httpd_reply *reply, int status, const char *detail);
void httpd_reply_message(struct httpd_reply *reply, int status, const char *message);
void httpd_reply_error(struct httpd_reply *reply, int status, const char *error);

/* No body and no Content-Type: Content-Length: 0. */
void httpd_reply_empty(struct httpd_reply *reply, int status);

/* A body that is not copied and outlives the server: an embedded file. */
void httpd_reply_static(struct httpd_reply *reply, const void *data, size_t len);

/* One more header; the value is copied. More than HTTPD_HEADERS_MAX make the reply a 500. */
void httpd_reply_header(struct httpd_reply *reply, const char *static_name, const char *value);

/* 500, text/plain, "Internal Server Error". */
void httpd_reply_internal(struct httpd_reply *reply);

#endif /* ZEUS_HTTPD_HTTPD_H */
