/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may go on to routing, decided on the decoded path that routing will see: a browser's foreign
 * page (403), a group that is off (404), authentication (401), the token's scopes (403), the site's
 * policy (403), in this order.
 */
#ifndef ZEUS_DAEMON_ADMISSION_H
#define ZEUS_DAEMON_ADMISSION_H

#include "httpd/httpd.h"

#define ADMISSION_GROUPS_MAX (HTTPD_GROUPS_MAX + 1)

/* An httpd_options.gate hook; `user` is the daemon. Sets req->gate_data to a struct caller. */
int admission_gate(struct httpd_req *req, const char *method, struct httpd_reply *reply,
                   void *user);

/* The primary group of the calling process and the supplementary ones; how many. */
size_t admission_groups(const struct httpd_peer *peer, uint32_t out[ADMISSION_GROUPS_MAX]);

#endif /* ZEUS_DAEMON_ADMISSION_H */
