/* SPDX-License-Identifier: Apache-2.0
 *
 * Life cycle of the server: defaults, listeners, start, drain, stop, counters.
 */
#include <errno.h>
#include <fcntl.h>
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
#include "httpd/poller.h"

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

/* Of one poller. With a gate our own limit is the one that counts, and the library's only has to be
 * larger; without, the threads share the limit. */
static unsigned library_limit(const struct httpd_options *o)
{
    if (!o->gate) {
        return (o->connections_max + o->threads - 1) / o->threads;
    }
    return o->connections_max + SPARE_CONNECTIONS;
}

/* Each pair of threads has a library of its own on a descriptor of the same socket. */
static int start_pollers(struct httpd *h, int fd, int is_unix, zeus_error *err)
{
    unsigned limit = library_limit(&h->options);
    for (unsigned i = 1; i < h->options.threads; i++) {
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        int r = copy < 0 ? err_set_os(err, ZEUS_EOS, errno, "descriptors of the HTTP server")
                         : poller_start(h, copy, is_unix, limit, &h->pollers[h->poller_count], err);
        if (r < 0) {
            (void)close(fd); /* nothing was written to it */
            return r;
        }
        h->poller_count++;
    }
    int r = poller_start(h, fd, is_unix, limit, &h->pollers[h->poller_count], err);
    h->poller_count += r == 0;
    return r;
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
    return start_pollers(h, fd, is_unix, err);
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
        int r = fd < 0 ? fd : start_pollers(h, fd, 0, err);
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
        return fd < 0 ? fd : start_pollers(h, fd, 1, err);
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

static int make_tables(struct httpd *h)
{
    const struct httpd_options *o = &h->options;
    size_t pollers = (size_t)o->threads * (o->adopted_count + 2);
    size_t keys = library_limit(o) * pollers;
    h->pollers = mem_calloc(pollers, sizeof(*h->pollers));
    h->stats = mem_calloc(o->route_count + 1, sizeof(*h->stats));
    if (!h->stats || !h->pollers ||
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
    r = make_tables(h) == 0 ? open_listeners(h, err) : err_set(err, ZEUS_ENOMEM, "out of memory");
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
    for (unsigned i = 0; i < h->poller_count; i++) {
        poller_stop(h->pollers[i]);
    }
    unlink_socket(h);
    free(h->unix_path);
    free(h->pollers);
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
