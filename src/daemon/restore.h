/* SPDX-License-Identifier: Apache-2.0
 *
 * Bringing leased settings back on their devices' writer threads: for a client that waits for it,
 * or in the background when time or death ended a lease.
 */
#ifndef ZEUS_DAEMON_RESTORE_H
#define ZEUS_DAEMON_RESTORE_H

#include <stddef.h>

#include "daemon/lease.h"
#include "httpd/httpd.h"

struct daemon;

#define RESTORE_BATCH_MAX 256

/* Posts the restores. With `req` the reply is deferred: empty 200 when all are back, else the
 * failures by GPU; returns HTTPD_PENDING, or ZEUS_ENOMEM. Without, returns 0: what cannot even be
 * posted is told to the table, which hands it out again. */
int restore_run(struct daemon *daemon, const struct lease_restore *restores, size_t count,
                struct httpd_req *req) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_RESTORE_H */
