/* SPDX-License-Identifier: Apache-2.0
 *
 * A CPU package (or psys) whose unreadable counters are read through the daemon.
 */
#ifndef ZEUS_REMOTE_REMOTE_CPU_H
#define ZEUS_REMOTE_REMOTE_CPU_H

#include "device/backend.h"
#include "remote/discovery.h"

struct remote_link;

/* 1 when the device is one of RAPL and has counters that we may not read but the daemon counts. */
int remote_cpu_needs(const struct device *local);

/* Wraps `local` (taken over on success): its package, psys and DRAM domains that cannot be read
 * here. NOMEM. */
int remote_cpu_wrap(struct device *local, struct remote_link *link, const zeus_daemon_cpu *cpu,
                    struct device **ret) ZEUS_CHECK;

/* A device that only the daemon knows; `name` is "package-0" or "psys". NOMEM. */
int remote_cpu_make(struct remote_link *link, const zeus_daemon_cpu *cpu, const char *name,
                    struct device **ret) ZEUS_CHECK;

#endif /* ZEUS_REMOTE_REMOTE_CPU_H */
