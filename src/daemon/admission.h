/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may go on to routing, decided on the decoded path that routing will see: a browser's foreign
 * page (403), a group that is off (404), authentication (401), the token's scopes (403), the site's
 * policy (403), in this order.
 */
#ifndef ZEUS_DAEMON_ADMISSION_H
#define ZEUS_DAEMON_ADMISSION_H

#include "httpd/httpd.h"

/* An httpd_options.gate hook; `user` is the daemon. Sets req->gate_data to a struct caller. */
int admission_gate(struct httpd_req *req, const char *method, struct httpd_reply *reply,
                   void *user);

#endif /* ZEUS_DAEMON_ADMISSION_H */
