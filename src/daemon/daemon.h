/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything the running daemon holds, handed to every route.
 *
 * Keys, policy and overrides are replaced as a whole on SIGHUP. What they replace is kept until the
 * daemon ends, since requests and queued commands may still hold parts of it: a reload costs a few
 * kilobytes, and only an administrator can ask for one.
 */
#ifndef ZEUS_DAEMON_DAEMON_H
#define ZEUS_DAEMON_DAEMON_H

#include <pthread.h>
#include <stdint.h>

#include "base/log.h"
#include "daemon/daemon_config.h"
#include "daemon/node.h"
#include "httpd/httpd.h"

struct arrival;
struct audit;
struct auth_keyring;
struct guard;
struct hub;
struct lease_journal;
struct lease_streams;
struct lease_table;
struct override_set;
struct permits;
struct site_meter;
struct site_policy;
struct window_service;

/* What SIGHUP reads anew. */
struct trust {
    struct auth_keyring *keys;      /* NULL: authentication is off */
    struct site_policy *policy;     /* NULL: everything is allowed */
    struct override_set *overrides; /* NULL: none */
    struct trust *older;            /* what this one replaced */
};

struct daemon {
    struct daemon_config config;
    struct log_sink log;
    char boot_id[33];
    struct node node;
    struct hub *hub;
    struct httpd *httpd;
    pthread_rwlock_t trust_lock; /* held for a moment: guards what is replaced while we serve */
    struct trust *trust;         /* the valid one */
    struct lease_table *leases;
    struct lease_journal *journal;
    struct lease_streams *lease_streams;
    struct guard *guard;
    int stop_fd; /* readable once the daemon stops: ends commands that still run */
    struct permits *permits;
    struct site_meter *meter;
    struct audit *audit;
    struct window_service *windows;
    struct arrival *arrival;
    char *discover; /* owned: the document; under trust_lock, written anew when a GPU comes */
    char hostname[256];
    uint64_t start_ns;
};

/* The trust that is valid now; borrowed until the daemon ends. */
const struct trust *daemon_trust(struct daemon *daemon);

/* routes.c: the table of routes. */
const struct httpd_route *daemon_routes(size_t *ret_count);

/* discover.c: the document (owned: free). */
int discover_write(struct daemon *daemon, char **ret_text) ZEUS_CHECK;

/* discover.c: answers with the document as it is now. */
void daemon_discover(struct daemon *daemon, struct httpd_reply *reply);

/* The caller of an admitted request. */
static inline const struct caller *daemon_caller(const struct httpd_req *req)
{
    return req->gate_data;
}

static inline struct daemon *daemon_of(const struct httpd_req *req)
{
    return req->user;
}

#endif /* ZEUS_DAEMON_DAEMON_H */
