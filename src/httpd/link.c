/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections as such: how many there are, how many of one address, how long one may stay silent
 * before its first request. The library's own limit would close a connection without a word; ours
 * lets it ask once, answers 429 or 503 and closes it.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "httpd/httpd_private.h"

struct httpd_link *httpd_link_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void set_timeout(struct MHD_Connection *connection, unsigned seconds)
{
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

static void add_head(struct httpd *h, struct httpd_link *link)
{
    link->has_head_limit = 1;
    link->older = h->newest_head;
    *(link->older ? &link->older->newer : &h->oldest_head) = link;
    h->newest_head = link;
}

static void remove_head(struct httpd *h, struct httpd_link *link)
{
    if (link->has_head_limit) {
        link->has_head_limit = 0;
        *(link->older ? &link->older->newer : &h->oldest_head) = link->newer;
        *(link->newer ? &link->newer->older : &h->newest_head) = link->older;
    }
}

/* Whoever takes longer for a head, a byte at a time, has to go when somebody else comes: silence is
 * the library's to notice, this is not, and a timer of ours would wake an idle server. Other
 * threads may have begun connections after `now_ns` was read. */
void httpd_link_end_slow(struct httpd *h, uint64_t now_ns)
{
    uint64_t limit_ns = h->options.head_timeout_s * UINT64_C(1000000000);
    for (struct httpd_link *link = h->oldest_head; link && now_ns > link->start_ns + limit_ns;
         link = h->oldest_head) {
        (void)shutdown(link->fd, SHUT_RDWR); /* gone already is as good */
        remove_head(h, link);
    }
}

/* Counts the connection, or decides that it is one too many. Caller holds the lock. */
static void admit(struct httpd *h, struct httpd_link *link, const struct httpd_peer *peer)
{
    const struct httpd_options *o = &h->options;
    if (o->gate && h->connections > o->connections_max) {
        link->refusal = 503;
    } else if (peer->address[0]) {
        link->key = httpd_peer_key(peer);
        link->is_counted =
            httpd_counts_add(&h->addresses, link->key, o->connections_per_address_max) == 0;
        link->refusal = link->is_counted ? 0 : 429;
    }
}

static void begin(struct httpd *h, struct MHD_Connection *connection, void **socket_context)
{
    const struct httpd_options *o = &h->options;
    struct httpd_link *link = mem_calloc(1, sizeof(*link));
    *socket_context = link;
    struct httpd_peer peer = {0};
    if (o->connections_per_address_max > 0) {
        httpd_address_of(connection, peer.address, sizeof(peer.address));
    }
    pthread_mutex_lock(&h->lock);
    uint64_t now_ns = clock_monotonic_ns(); /* under the lock: the list is in order of age */
    h->connections++;
    httpd_link_end_slow(h, now_ns);
    if (link) {
        link->fd = httpd_descriptor_of(connection);
        link->start_ns = now_ns;
        admit(h, link, &peer);
        if (o->head_timeout_s > 0) {
            add_head(h, link);
        }
    }
    pthread_mutex_unlock(&h->lock);
    if (link && o->head_timeout_s > 0) {
        set_timeout(connection, o->head_timeout_s);
    }
    httpd_tls_require(o, connection);
}

static void end(struct httpd *h, void **socket_context)
{
    struct httpd_link *link = *socket_context;
    pthread_mutex_lock(&h->lock);
    h->connections--;
    if (link) {
        remove_head(h, link);
    }
    if (link && link->is_counted) {
        httpd_counts_remove(&h->addresses, link->key);
    }
    pthread_mutex_unlock(&h->lock);
    free(link);
    *socket_context = NULL;
}

void httpd_on_link(void *user, struct MHD_Connection *connection, void **socket_context,
                   enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        begin(user, connection, socket_context);
    } else {
        end(user, socket_context);
    }
}

void httpd_link_used(struct httpd *h, struct MHD_Connection *connection)
{
    struct httpd_link *link = httpd_link_of(connection);
    if (!link || h->options.head_timeout_s == 0) {
        return;
    }
    pthread_mutex_lock(&h->lock);
    int is_first = link->has_head_limit;
    remove_head(h, link);
    pthread_mutex_unlock(&h->lock);
    if (is_first) {
        set_timeout(connection, h->options.idle_timeout_s);
    }
}
