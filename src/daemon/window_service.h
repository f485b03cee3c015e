/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows over the wire on the daemon's devices: the thread that opens monitors, waits for closing
 * ticks and forgets what is too old, and the deferred replies that go with it. It sleeps without a
 * timeout while no window is open.
 */
#ifndef ZEUS_DAEMON_WINDOW_SERVICE_H
#define ZEUS_DAEMON_WINDOW_SERVICE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct daemon;
struct httpd_reply;
struct httpd_req;
struct window_service;

/* On an open node. NOMEM, OS. */
int window_service_create(struct daemon *daemon, struct window_service **ret_service,
                          zeus_error *err) ZEUS_CHECK;
/* Answers what waits and takes no more. */
void window_service_stop(struct window_service *service);
/* Forgets all windows. After httpd_stop, before the node closes. Takes NULL. */
void window_service_destroy(struct window_service *service);

size_t window_service_count(struct window_service *service);

/* Devices in the order of is_chosen below: GPUs first, then CPUs. */
size_t window_service_devices(const struct window_service *service);

/* Handlers' bodies: each returns what the handler returns. `is_chosen` is copied. */
int window_service_begin(struct window_service *service, struct httpd_req *req,
                         struct httpd_reply *reply, const char *name, const uint8_t *is_chosen);
int window_service_end(struct window_service *service, struct httpd_req *req,
                       struct httpd_reply *reply, const char *name);
int window_service_cancel(struct window_service *service, struct httpd_req *req,
                          struct httpd_reply *reply, const char *name);
int window_service_read(struct window_service *service, struct httpd_req *req,
                        struct httpd_reply *reply, const char *name);

#endif /* ZEUS_DAEMON_WINDOW_SERVICE_H */
