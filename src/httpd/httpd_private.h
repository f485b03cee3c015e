/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of httpd/.
 */
#ifndef ZEUS_HTTPD_PRIVATE_H
#define ZEUS_HTTPD_PRIVATE_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include <microhttpd.h>

#include "httpd/httpd.h"

#define HTTPD_LISTENERS_MAX 10
#define HTTPD_HUBS_MAX      4
#define HTTPD_RATE_SLOTS    1024

struct httpd_poller;
struct hub;
struct hub_stream;

enum httpd_phase {
    HTTPD_PHASE_NEW,    /* the target is known, headers are not admitted yet */
    HTTPD_PHASE_BODY,   /* admitted; the body arrives */
    HTTPD_PHASE_REFUSE, /* the reply is set; a short body is read and thrown away */
    HTTPD_PHASE_WAIT,   /* deferred */
    HTTPD_PHASE_STREAM, /* the hub writes to the connection; back from there it is to be closed */
    HTTPD_PHASE_SENT,
};

/* One request: what handlers see, and what the frame keeps about it. */
struct httpd_call {
    struct httpd_req req; /* first member */
    struct httpd_reply reply;
    struct httpd *server;
    struct httpd_poller *poller;
    struct httpd_call *next_resumed; /* the poller's */
    struct MHD_Connection *connection;
    enum httpd_phase phase;
    size_t route_index; /* route_count: unmatched */
    uint64_t start_ns;
    int is_counted;  /* among the requests in flight */
    int has_target;  /* the target was decoded */
    int target_code; /* why not: an HTTP status */
    int is_http10;   /* no chunks in the reply */
    int is_refused;  /* the handler's negative code comes with a reply that is set */
    int must_close;  /* no further request on this connection */
    struct strbuf body;
    size_t body_max;
    int is_finished;           /* deferred and answered; guarded by server->lock */
    struct hub_stream *stream; /* of httpd_reply_stream; one hold on it is ours */
    uint64_t stream_key;       /* of the peer, in server->stream_peers */
};

/* What is kept about a connection from its first byte. */
struct httpd_link {
    uint64_t key;       /* of the address, in server->addresses */
    int is_counted;     /* in server->addresses */
    int refusal;        /* 429 or 503 for every request of this connection; 0: none */
    int has_head_limit; /* the time limit of the first head is still in force */
    int fd;
    uint64_t start_ns;
    struct httpd_link *older; /* in server->oldest_head while has_head_limit */
    struct httpd_link *newer;
};

struct httpd_bucket {
    uint64_t key;
    uint64_t last_ns;
    double tokens;
};

/* How many of something each key has: open addressing, as many keys as were asked for. */
struct httpd_counts {
    struct httpd_count {
        uint64_t key;
        uint32_t count; /* 0: a free slot */
    } * slots;
    size_t mask;
};

struct httpd {
    struct httpd_options options;  /* defaults filled in */
    struct httpd_poller **pollers; /* as many as listeners times threads */
    unsigned poller_count;
    char *unix_path; /* owned: unlinked at stop when it is still our socket */
    dev_t unix_device;
    ino_t unix_inode;
    uint16_t port;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t idle;
    unsigned in_flight;
    unsigned deferred; /* replies to come, and connections about to be woken */
    unsigned streams;
    unsigned connections;
    uint64_t limited;
    int is_draining;
    struct httpd_route_stats *stats; /* route_count + 1 */
    struct hub *hubs[HTTPD_HUBS_MAX];
    struct httpd_link *oldest_head; /* connections that have not asked yet, by age */
    struct httpd_link *newest_head;
    struct httpd_counts addresses;
    struct httpd_counts stream_peers;
    struct httpd_bucket buckets[HTTPD_RATE_SLOTS];
};

static inline struct httpd_call *httpd_call_of(const struct httpd_req *req)
{
    return (struct httpd_call *)(uintptr_t)req; /* its first member */
}

/* router.c: index of the route, or -404 / -405 with the allowed methods in `allow`. Fills params.
 */
int httpd_match(const struct httpd_options *options, const char *method, struct httpd_req *req,
                char *allow, size_t allow_size);

/* admission.c: 0 to go on, 1 when the reply has been set. */
int httpd_admit(struct httpd_call *call, const char *method);
void httpd_release(struct httpd_call *call);
void httpd_refuse(struct httpd_call *call, int status, const char *why);

/* limits.c. The caller holds the lock. `add` answers 0, or 1 at the limit (0: no limit). */
int httpd_rate_take(struct httpd *h, const char *address, uint64_t now_ns);
int httpd_counts_init(struct httpd_counts *c, size_t keys) ZEUS_CHECK;
void httpd_counts_done(struct httpd_counts *c);
int httpd_counts_add(struct httpd_counts *c, uint64_t key, unsigned limit);
void httpd_counts_remove(struct httpd_counts *c, uint64_t key);
uint64_t httpd_peer_key(const struct httpd_peer *peer);

/* limits.c: takes a place for a stream. 0, or the status that refuses it. */
int httpd_stream_reserve(struct httpd_call *call, struct hub *hub);

/* request.c: the hub is through with a stream's connection, which is closed. Any thread. */
void httpd_stream_over(struct httpd_call *call);

/* request.c: the library's callbacks; `user` of the first is the poller. */
void *httpd_on_target(void *user, const char *target, struct MHD_Connection *connection);
enum MHD_Result httpd_on_request(void *user, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *size, void **context);
void httpd_on_completed(void *user, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode why);

/* link.c: the library's callback, and the link of a connection (NULL when memory was short). */
void httpd_on_link(void *user, struct MHD_Connection *connection, void **socket_context,
                   enum MHD_ConnectionNotificationCode what);
struct httpd_link *httpd_link_of(struct MHD_Connection *connection);
void httpd_link_used(struct httpd *h, struct MHD_Connection *connection);
/* Shuts connections down whose first head is late. The caller holds the lock. */
void httpd_link_end_slow(struct httpd *h, uint64_t now_ns);

/* reply.c */
enum MHD_Result httpd_send(struct httpd_call *call);
void httpd_reply_done(struct httpd_reply *reply);

/* peer.c */
int httpd_descriptor_of(struct MHD_Connection *connection);
void httpd_peer_of(struct MHD_Connection *connection, struct httpd_peer *ret);
void httpd_address_of(struct MHD_Connection *connection, char *ret, size_t size);

/* tls.c: options for the library (as many as HTTPD_TLS_ITEMS), rules for a new connection, the
 * verified peer's common name, the session or NULL. */
#define HTTPD_TLS_ITEMS 4
size_t httpd_tls_items(const struct httpd_options *o, struct MHD_OptionItem *items);
void httpd_tls_require(const struct httpd_options *o, struct MHD_Connection *connection);
void httpd_tls_name(struct MHD_Connection *connection, char *ret, size_t size);
void *httpd_tls_session(struct MHD_Connection *connection);

/* listen.c: a listening descriptor or a negative code. */
int httpd_listen_tcp(const char *host, uint16_t port, uint16_t *ret_port, zeus_error *err);
uint16_t httpd_listen_port(int fd);
int httpd_listen_adopt(int fd, int *ret_is_unix, zeus_error *err);

/* listen_unix.c: also tells which file it made. */
int httpd_listen_unix(const struct httpd_options *o, dev_t *ret_device, ino_t *ret_inode,
                      zeus_error *err);

#endif /* ZEUS_HTTPD_PRIVATE_H */
