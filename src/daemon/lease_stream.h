/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams that hold leases (GET /lease/hold): the lease lives while one is open, and each is told
 * what happens to it.
 */
#ifndef ZEUS_DAEMON_LEASE_STREAM_H
#define ZEUS_DAEMON_LEASE_STREAM_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "daemon/lease.h"
#include "httpd/httpd.h"

struct daemon;
struct lease_streams;

int lease_streams_create(struct daemon *daemon, struct lease_streams **ret, zeus_error *err)
    ZEUS_CHECK;
/* After httpd_stop: no stream is left. Takes NULL. */
void lease_streams_destroy(struct lease_streams *streams);

/* In a handler: opens or renews the lease and makes the reply its stream. Returns the handler's
 * value, or a negative code of lease_open with words and nothing replied. */
int lease_streams_hold(struct lease_streams *streams, struct httpd_req *req,
                       struct httpd_reply *reply, const struct lease_request *request,
                       zeus_error *err) ZEUS_CHECK;

/* Passes the table's events on to whom they concern. Main thread. */
void lease_streams_tell(struct lease_streams *streams);

#endif /* ZEUS_DAEMON_LEASE_STREAM_H */
