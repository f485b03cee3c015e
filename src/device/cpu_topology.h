/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a CPU sits (package, die) and which CPU last ran a process, from procfs and sysfs below a
 * root directory; and which CPU device that is.
 */
#ifndef ZEUS_DEVICE_CPU_TOPOLOGY_H
#define ZEUS_DEVICE_CPU_TOPOLOGY_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct device;

struct cpu_location {
    uint32_t cpu;     /* logical CPU */
    uint32_t package; /* physical_package_id */
    int32_t die;      /* die_id, -1 where the kernel does not say */
};

/* The CPU that last ran the process, from the text of /proc/PID/stat: field 39, counted behind the
 * last ')' because the command name may hold anything. */
int cpu_topology_parse_stat(const char *text, size_t len, uint32_t *ret_cpu) ZEUS_CHECK;

/* Location of a logical CPU. NOTFOUND names the missing file. */
int cpu_topology_of_cpu(int root_fd, uint32_t cpu, struct cpu_location *ret_location,
                        zeus_error *err) ZEUS_CHECK;

/* Location of the CPU that last ran process `pid`; 0 is the calling process. */
int cpu_topology_of_pid(int root_fd, uint32_t pid, struct cpu_location *ret_location,
                        zeus_error *err) ZEUS_CHECK;

/* The device named "package-P-die-D" or, failing that, "package-P": its position in `devices`.
 * NOTFOUND names the package and what there is. Other kinds of device are passed over. */
int cpu_topology_find_device(struct device *const *devices, size_t count,
                             const struct cpu_location *location, uint32_t *ret_position,
                             zeus_error *err) ZEUS_CHECK;

/* A list of CPUs as in sysfs ("0,18" or "0-3,8"): fills at most `capacity`, sets the full count. */
int cpu_topology_parse_list(const char *text, size_t len, uint32_t *cpus, size_t capacity,
                            size_t *ret_count) ZEUS_CHECK;

#endif /* ZEUS_DEVICE_CPU_TOPOLOGY_H */
