/* SPDX-License-Identifier: Apache-2.0
 *
 * Word to the service manager (sd_notify(3)): a datagram to the socket named by NOTIFY_SOCKET. All
 * of these answer 0 also when there is no manager to tell, and a negative code when there is one
 * that could not be reached or that does not read. Any thread; none waits for long.
 */
#ifndef ZEUS_DAEMON_SDNOTIFY_H
#define ZEUS_DAEMON_SDNOTIFY_H

#include <stdint.h>

#include "base/attr.h"

int sdnotify_ready(void) ZEUS_CHECK;
int sdnotify_reloading(void) ZEUS_CHECK; /* sdnotify_ready ends it */
int sdnotify_stopping(void) ZEUS_CHECK;
int sdnotify_watchdog(void) ZEUS_CHECK;

/* One line for `systemctl status`; line ends in it become spaces. */
int sdnotify_status(const char *text) ZEUS_CHECK;

/* How often the manager wants a sign of life at least (send it twice as often); 0: never. */
uint64_t sdnotify_watchdog_period_ns(void);

#endif /* ZEUS_DAEMON_SDNOTIFY_H */
