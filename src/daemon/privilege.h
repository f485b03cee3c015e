/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon may do: probed on the devices at hand rather than asked of the user id, so that
 * a process with the right capabilities, or with command overrides, needs no root.
 */
#ifndef ZEUS_DAEMON_PRIVILEGE_H
#define ZEUS_DAEMON_PRIVILEGE_H

#include <zeus/error.h>

#include "base/attr.h"

struct daemon;

/* Group by group in the order given: gpu-control needs a GPU whose settings may be changed (or
 * command overrides), cpu-read a zone that may be read. Without devices nothing is needed.
 * ZEUS_EPERM says which group and what would help. */
int privilege_check(struct daemon *daemon, zeus_error *err) ZEUS_CHECK;

/* Before the first thread: gives up every capability that the enabled groups do not need, and
 * changes to the configured user. */
int privilege_drop(struct daemon *daemon, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_PRIVILEGE_H */
