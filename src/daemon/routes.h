/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's handlers, and what several of them need.
 */
#ifndef ZEUS_DAEMON_ROUTES_H
#define ZEUS_DAEMON_ROUTES_H

#include <stdint.h>

#include "daemon/query.h"
#include "daemon/slot.h"
#include "httpd/httpd.h"

struct daemon;

int route_discover(struct httpd_req *req, struct httpd_reply *reply);
int route_time(struct httpd_req *req, struct httpd_reply *reply);
int route_health(struct httpd_req *req, struct httpd_reply *reply);
int route_whoami(struct httpd_req *req, struct httpd_reply *reply);
int route_gpu_read(struct httpd_req *req, struct httpd_reply *reply);
int route_gpu_write(struct httpd_req *req, struct httpd_reply *reply);
int route_cpu_energy(struct httpd_req *req, struct httpd_reply *reply);
int route_cpu_power(struct httpd_req *req, struct httpd_reply *reply);
int route_lease_renew(struct httpd_req *req, struct httpd_reply *reply);
int route_lease_release(struct httpd_req *req, struct httpd_reply *reply);
int route_lease_hold(struct httpd_req *req, struct httpd_reply *reply);
int route_lease_list(struct httpd_req *req, struct httpd_reply *reply);
int route_stream(struct httpd_req *req, struct httpd_reply *reply);
int route_metrics(struct httpd_req *req, struct httpd_reply *reply);
int route_history(struct httpd_req *req, struct httpd_reply *reply);
int route_window_begin(struct httpd_req *req, struct httpd_reply *reply);
int route_window_end(struct httpd_req *req, struct httpd_reply *reply);
int route_window_cancel(struct httpd_req *req, struct httpd_reply *reply);
int route_window_read(struct httpd_req *req, struct httpd_reply *reply);
int route_page(struct httpd_req *req, struct httpd_reply *reply);

/* The slots a request asks for. */
struct selection {
    struct slot *slots[QUERY_IDS_MAX];
    size_t count;
};

/* `ids` NULL: all that the caller may see. ZEUS_EINVAL: malformed list; ZEUS_ENOTFOUND: no such
 * device; ZEUS_EPERM: the site's policy; all with words. */
int select_slots(struct httpd_req *req, uint32_t kind, const char *ids, struct selection *ret,
                 zeus_error *err) ZEUS_CHECK;

/* Answers a failed query_read. Returns 0, a handler's value. */
int refuse_query(struct httpd_reply *reply, const zeus_error *err);
/* Answers a failed select_slots of a read or stream. */
int refuse_selection(struct httpd_reply *reply, int code, const zeus_error *err);

#endif /* ZEUS_DAEMON_ROUTES_H */
