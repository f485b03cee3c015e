/* SPDX-License-Identifier: Apache-2.0
 *
 * The ordered steps from settings to a serving daemon, and back.
 */
#ifndef ZEUS_DAEMON_STARTUP_H
#define ZEUS_DAEMON_STARTUP_H

#include "daemon/daemon.h"

/* Everything up to the open listeners. On failure everything is undone. `daemon` must not move. */
int startup(struct daemon *daemon, zeus_error *err) ZEUS_CHECK;

/* Reads all that a start would read (keys, policy, overrides, certificates) and serves nothing. */
int startup_check(struct daemon *daemon, zeus_error *err) ZEUS_CHECK;

/* Ends streams, finishes what is in the devices' queues, restores leased settings, closes. */
void shutdown_daemon(struct daemon *daemon);

/* SIGHUP: keys, policy and overrides anew. What cannot be read changes nothing. */
int reload_daemon(struct daemon *daemon, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_STARTUP_H */
