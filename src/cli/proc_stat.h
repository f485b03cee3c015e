/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel says about CPU time and parentage: the keys by which `zeus run` splits energy.
 */
#ifndef ZEUS_CLI_PROC_STAT_H
#define ZEUS_CLI_PROC_STAT_H

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

/* CPU time of the whole machine since boot, in seconds summed over all processors. */
struct proc_cpu_time {
    double busy_s;
    double idle_s;
};

/* From the text of /proc/stat; `ticks_per_s` as sysconf(_SC_CLK_TCK) says. ZEUS_EPARSE. */
int proc_stat_parse(const char *text, size_t len, long ticks_per_s, struct proc_cpu_time *ret_time)
    ZEUS_CHECK;

/* The same, reading the file. */
int proc_stat_read(struct proc_cpu_time *ret_time) ZEUS_CHECK;

/* Whether `pid` is `root` or one of its descendants, by /proc/PID/stat. 0 when it is gone. */
int proc_stat_is_descendant(pid_t pid, pid_t root);

#endif /* ZEUS_CLI_PROC_STAT_H */
