/* SPDX-License-Identifier: Apache-2.0
 *
 * The tie between a session's devices and the daemon that the environment names. Devices are
 * wrapped: their own readings stay, settings and unreadable counters go to the daemon.
 * Thread rule: attach by one thread before the devices are used; wrapped devices as backend.h says.
 */
#ifndef ZEUS_REMOTE_LINK_H
#define ZEUS_REMOTE_LINK_H

#include <zeus/daemon.h>

#include "base/attr.h"
#include "device/inventory.h"
#include "remote/match.h"

struct remote_link;

/* From the environment of `inventory`: NOTFOUND when no daemon is named, NOMEM. Asks the daemon
 * what it has (a second at most when nobody answers), wraps what it can do something for, adds CPU
 * devices that only it can read (if RAPL is among `families`; 0: all), and writes a finding. What
 * is wrong with the daemon is in the finding and in the state. */
int remote_link_open(struct inventory *inventory, uint32_t families, struct remote_link **ret_link)
    ZEUS_CHECK;

/* After the devices are gone. */
void remote_link_close(struct remote_link *link);

const zeus_daemon_link *remote_link_state(const struct remote_link *link);

/* For wrapped devices. */

zeus_daemon *remote_link_daemon(struct remote_link *link);

/* The id of a GPU at the daemon as it runs now: asked for again each time, because a daemon that
 * was restarted may number otherwise. Fails in words when it is not there, not allowed, or unsure.
 */
int remote_link_gpu(struct remote_link *link, const zeus_device_info *ours, uint32_t *ret_id,
                    zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_REMOTE_LINK_H */
