/* SPDX-License-Identifier: Apache-2.0
 *
 * GPUs that come after the start: a driver that is loaded late, a GPU that did not answer, one that
 * was plugged in. They are looked for when somebody asks for devices, never by a clock of our own:
 * a daemon that nobody talks to stays asleep. A search has a thread of its own, since drivers may
 * take long over it.
 */
#ifndef ZEUS_DAEMON_ARRIVAL_H
#define ZEUS_DAEMON_ARRIVAL_H

#include <zeus/error.h>

#include "base/attr.h"
#include "httpd/httpd.h"

struct arrival;
struct daemon;
struct device;
struct slot;

/* On a node that runs. */
int arrival_create(struct daemon *daemon, struct arrival **ret, zeus_error *err) ZEUS_CHECK;
/* Ends a search that runs and takes no more. Before the node stops. Takes NULL. */
void arrival_stop(struct arrival *arrival);
void arrival_destroy(struct arrival *arrival);

/* Somebody asks for devices: starts a search if one is due (every 5 s while GPUs are lacking, else
 * every minute) and returns at once. Any thread. */
void arrival_look(struct arrival *arrival);

/* As above for somebody who wants to know what there is: 1 when the reply was deferred, to be
 * finished with the devices of a search that is due; 0 when it may be given now. */
int arrival_defer_discover(struct arrival *arrival, struct httpd_req *req);

/* node_options.on_arrival and on_change; `user` is the daemon. */
void arrival_on_arrival(void *user, struct slot *slot, struct device *device);
void arrival_on_change(void *user);

#endif /* ZEUS_DAEMON_ARRIVAL_H */
