/* SPDX-License-Identifier: Apache-2.0
 *
 * Life cycle of the server: defaults, listeners, start, drain, stop, counters.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "httpd/httpd_private.h"
#include "httpd/hub.h"

#define STOP_WAIT_S       5  /* how long a stop waits for replies on their way */
#define SPARE_CONNECTIONS 64 /* past the limit: accepted to be told so */
#define ADOPTED_MAX       (HTTPD_LISTENERS_MAX - 2)

static void fill_defaults(struct httpd_options *o)
{
    o->threads = o->threads ? o->threads : 1;
    o->connections_max = o->connections_max ? o->connections_max : 1024;
    o->in_flight_max = o->in_flight_max ? o->in_flight_max : 4096;
    o->target_max = o->target_max ? o->target_max : 4096;
    o->body_max = o->body_max ? o->body_max : 8u << 20;
    o->idle_timeout_s = o->idle_timeout_s ? o->idle_timeout_s : 60;
    o->connection_memory_bytes = o->connection_memory_bytes ? o->connection_memory_bytes : 32768;
    o->rate_burst = o->rate_burst ? o->rate_burst : 2 * o->rate_per_s;
}

/* The library shares its limit out among its threads, unevenly used; with a gate ours is the one
 * that counts, and the library's only has to be larger. */
static unsigned library_limit(const struct httpd_options *o)
{
    if (!o->gate) {
        return o->connections_max;
    }
    return (o->connections_max + SPARE_CONNECTIONS) * o->threads;
}

/* Starts the library on a listening descriptor, which it then owns. */
static int start_daemon(struct httpd *h, int fd, int is_unix, zeus_error *err)
{
    const struct httpd_options *o = &h->options;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem items[16] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)httpd_on_target, h},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)httpd_on_completed, h},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)httpd_on_link, h},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)library_limit(o), NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_timeout_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)o->connection_memory_bytes, NULL},
    };
    size_t n = 7;
    if (o->threads > 1) {
        items[n++] =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->threads, NULL};
    }
    size_t tls = is_unix ? 0 : httpd_tls_items(o, items + n);
    flags |= tls > 0 ? MHD_USE_TLS : 0;
    items[n + tls] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    struct MHD_Daemon *d = MHD_start_daemon(flags, 0, NULL, NULL, httpd_on_request, h,
                                            MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    if (!d) {
        (void)close(fd); /* nothing was written to it */
        return err_set(err, ZEUS_EIO, "cannot start the HTTP server%s",
                       tls > 0 ? ": certificate, key or authority not usable, or out of resources"
                               : "");
    }
    h->daemons[h->daemon_count++] = d;
    return 0;
}

static int adopt(struct httpd *h, int fd, zeus_error *err)
{
    int is_unix = 0;
    int r = httpd_listen_adopt(fd, &is_unix, err);
    if (r < 0) {
        return r;
    }
    if (!is_unix && h->port == 0) {
        h->port = httpd_listen_port(fd);
    }
    return start_daemon(h, fd, is_unix, err);
}

static int open_listeners(struct httpd *h, zeus_error *err)
{
    const struct httpd_options *o = &h->options;
    for (size_t i = 0; i < o->adopted_count; i++) {
        int r = adopt(h, o->adopted_fds[i], err);
        if (r < 0) {
            return r;
        }
    }
    if (o->host) {
        int fd = httpd_listen_tcp(o->host, o->port, &h->port, err);
        int r = fd < 0 ? fd : start_daemon(h, fd, 0, err);
        if (r < 0) {
            return r;
        }
    }
    if (o->unix_path) {
        h->unix_path = mem_strdup(o->unix_path);
        if (!h->unix_path) {
            return err_set(err, ZEUS_ENOMEM, "out of memory");
        }
        int fd = httpd_listen_unix(o, &h->unix_device, &h->unix_inode, err);
        return fd < 0 ? fd : start_daemon(h, fd, 1, err);
    }
    return 0;
}

static int check_options(const struct httpd_options *o, zeus_error *err)
{
    if (!o->host && !o->unix_path && o->adopted_count == 0) {
        return err_set(err, ZEUS_EINVAL, "nothing to listen on: no address and no socket path");
    }
    if (o->adopted_count > ADOPTED_MAX) {
        return err_set(err, ZEUS_EINVAL, "%zu inherited sockets: at most %d", o->adopted_count,
                       ADOPTED_MAX);
    }
    if (!o->tls_cert_pem != !o->tls_key_pem || (o->tls_client_ca_pem && !o->tls_cert_pem)) {
        return err_set(err, ZEUS_EINVAL, "TLS needs a certificate and its key");
    }
    return 0;
}

static int make_counts(struct httpd *h)
{
    const struct httpd_options *o = &h->options;
    size_t keys = (size_t)library_limit(o) * (o->adopted_count + 2);
    h->stats = mem_calloc(o->route_count + 1, sizeof(*h->stats));
    if (!h->stats ||
        (o->connections_per_address_max > 0 && httpd_counts_init(&h->addresses, keys) < 0) ||
        (o->streams_per_peer_max > 0 && httpd_counts_init(&h->stream_peers, keys) < 0)) {
        return ZEUS_ENOMEM;
    }
    return 0;
}

int httpd_start(const struct httpd_options *options, struct httpd **ret, zeus_error *err)
{
    int r = check_options(options, err);
    if (r < 0) {
        return r;
    }
    struct httpd *h = mem_calloc(1, sizeof(*h));
    if (!h) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    h->options = *options;
    fill_defaults(&h->options);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&h->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    r = make_counts(h) == 0 ? open_listeners(h, err) : err_set(err, ZEUS_ENOMEM, "out of memory");
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

static void close_hubs(struct httpd *h)
{
    struct hub *hubs[HTTPD_HUBS_MAX];
    pthread_mutex_lock(&h->lock);
    memcpy(hubs, h->hubs, sizeof(hubs));
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < HTTPD_HUBS_MAX && hubs[i]; i++) {
        hub_close(hubs[i]);
    }
}

/* Deferred replies and streams are waited for as long as it takes (the library must not stop under
 * them), others for a short while. */
static void wait_idle(struct httpd *h)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += STOP_WAIT_S;
    pthread_mutex_lock(&h->lock);
    while (h->deferred > 0 || h->streams > 0) {
        pthread_cond_wait(&h->idle, &h->lock);
    }
    int status = 0;
    while (h->in_flight > 0 && status == 0) {
        status = pthread_cond_timedwait(&h->idle, &h->lock, &deadline);
    }
    pthread_mutex_unlock(&h->lock);
}

/* Unless somebody has put another file there. */
static void unlink_socket(const struct httpd *h)
{
    struct stat st;
    if (h->unix_path && lstat(h->unix_path, &st) == 0 && st.st_dev == h->unix_device &&
        st.st_ino == h->unix_inode) {
        (void)unlink(h->unix_path); /* gone since is as good */
    }
}

void httpd_stop(struct httpd *h)
{
    if (!h) {
        return;
    }
    httpd_drain(h);
    close_hubs(h);
    wait_idle(h);
    for (unsigned i = 0; i < h->daemon_count; i++) {
        MHD_stop_daemon(h->daemons[i]);
    }
    unlink_socket(h);
    free(h->unix_path);
    free(h->stats);
    httpd_counts_done(&h->addresses);
    httpd_counts_done(&h->stream_peers);
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
    *ret = (struct httpd_stats){.in_flight = h->in_flight,
                                .limited = h->limited,
                                .connections = h->connections,
                                .streams = h->streams};
    pthread_mutex_unlock(&h->lock);
}

void httpd_route_stats(struct httpd *h, size_t route, struct httpd_route_stats *ret)
{
    pthread_mutex_lock(&h->lock);
    *ret = h->stats[MIN_OF(route, h->options.route_count)];
    pthread_mutex_unlock(&h->lock);
}

uint64_t httpd_raise_fd_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return 0;
    }
    struct rlimit wanted = {limit.rlim_max, limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &wanted) == 0 ? wanted.rlim_cur : limit.rlim_cur;
}
