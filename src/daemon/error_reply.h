/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of the daemon's error bodies that are not a fanout's.
 */
#ifndef ZEUS_DAEMON_ERROR_REPLY_H
#define ZEUS_DAEMON_ERROR_REPLY_H

#include "base/attr.h"
#include "httpd/httpd.h"

/* {"error":"..."} */
void error_reply_json(struct httpd_reply *reply, int status, const char *text);
/* text/plain; charset=utf-8 */
void error_reply_text(struct httpd_reply *reply, int status, const char *text);
/* No body, no content type. */
void error_reply_empty(struct httpd_reply *reply, int status);

#endif /* ZEUS_DAEMON_ERROR_REPLY_H */
