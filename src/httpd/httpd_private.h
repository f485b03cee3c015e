/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of httpd/.
 */
#ifndef ZEUS_HTTPD_PRIVATE_H
#define ZEUS_HTTPD_PRIVATE_H

#include <pthread.h>
#include <stdint.h>

#include <microhttpd.h>

#include "httpd/httpd.h"

#define HTTPD_LISTENERS_MAX 2
#define HTTPD_RATE_SLOTS    1024

enum httpd_phase {
    HTTPD_PHASE_NEW,    /* the target is known, headers are not admitted yet */
    HTTPD_PHASE_BODY,   /* admitted; the body arrives */
    HTTPD_PHASE_REFUSE, /* the reply is set; a short body is read and thrown away */
    HTTPD_PHASE_WAIT,   /* deferred */
    HTTPD_PHASE_SENT,
};

/* One request: what handlers see, and what the frame keeps about it. */
struct httpd_call {
    struct httpd_req req; /* first member */
    struct httpd_reply reply;
    struct httpd *server;
    struct MHD_Connection *connection;
    enum httpd_phase phase;
    size_t route_index; /* route_count: unmatched */
    uint64_t start_ns;
    int is_counted;  /* among the requests in flight */
    int has_target;  /* url_parse succeeded */
    int target_code; /* why not: an HTTP status */
    struct strbuf body;
    size_t body_max;
    int is_finished; /* deferred and answered; guarded by server->lock */
};

struct httpd_bucket {
    uint64_t key;
    uint64_t last_ns;
    double tokens;
};

struct httpd {
    struct httpd_options options; /* defaults filled in */
    struct MHD_Daemon *daemons[HTTPD_LISTENERS_MAX];
    unsigned daemon_count;
    char *unix_path; /* owned: unlinked at stop */
    uint16_t port;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t idle;
    unsigned in_flight;
    unsigned deferred;
    uint64_t limited;
    int is_draining;
    struct httpd_route_stats *stats; /* route_count + 1 */
    struct httpd_bucket buckets[HTTPD_RATE_SLOTS];
};

/* router.c: index of the route, or -404 / -405 with the allowed methods in `allow`. Fills params.
 */
int httpd_match(const struct httpd_options *options, const char *method, struct httpd_req *req,
                char *allow, size_t allow_size);

/* admission.c: 0 to go on, 1 when the reply has been set. */
int httpd_admit(struct httpd_call *call, const char *method);
void httpd_release(struct httpd_call *call);

/* peer.c */
void httpd_peer_of(struct MHD_Connection *connection, struct httpd_peer *ret);

/* listen.c: a listening descriptor or a negative code. */
int httpd_listen_tcp(const char *host, uint16_t port, uint16_t *ret_port, zeus_error *err);
int httpd_listen_unix(const char *path, unsigned mode, zeus_error *err);

#endif /* ZEUS_HTTPD_PRIVATE_H */
