/* SPDX-License-Identifier: Apache-2.0
 *
 * RAPL through powercap files, where perf_event is not to be had. Files stay open and are re-read
 * with pread; wraps are undone in the reader itself, so there is no helper process or thread.
 *
 * For whoever samples: each counter must be read often enough to see every wrap, at least once in
 * wrap_uj / (largest plausible power): 262 s for a package of 262 kJ, 65 s for 65.5 kJ ranges. A
 * reading that comes later is refused with ZEUS_ESTALE, because energy may be missing in it.
 */
#ifndef ZEUS_DEVICE_RAPL_RAPL_POWERCAP_H
#define ZEUS_DEVICE_RAPL_RAPL_POWERCAP_H

#include <pthread.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "device/rapl/rapl_domains.h"
#include "device/rapl/rapl_hooks.h"
#include "device/wrap.h"

#define RAPL_POWERCAP_REMEDY                                                                    \
    "run zeusd, or setcap cap_perfmon+ep on the program for perf_event, or chmod o+r the file " \
    "(any user could then observe power)"

/* The directory that holds the zones; `path` is relative to the root. */
struct rapl_powercap_tree {
    char path[64];
    int is_container; /* the /zeus_sys alternative */
};

/* /sys/class/powercap/intel-rapl, else the same below /zeus_sys, with at least one zone: adds its
 * zones. NOTFOUND when neither has any; zones that cannot be read are left out. */
int rapl_powercap_scan(int root_fd, struct rapl_powercap_tree *ret_tree, struct rapl_layout *layout,
                       zeus_error *err) ZEUS_CHECK;

/* "sys/class/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:1/FILE" of a spot, relative to root. */
void rapl_powercap_path(const struct rapl_powercap_tree *tree, const struct rapl_spot *spot,
                        const char *file, char *out, size_t size);

/* Range, quantum and power bound of a spot's counter; without range when it cannot be read. */
struct wrap_rule rapl_powercap_rule(int root_fd, const struct rapl_powercap_tree *tree,
                                    const struct rapl_spot *spot);

/* An open counter. fd -1: closed. The lock orders raw readings, as unwrapping needs. */
struct rapl_powercap_counter {
    int fd;
    struct wrap_rule rule;
    struct wrap_state state;
    pthread_mutex_t lock;
    char path[160];
};

/* Opens and takes the baseline. `counter` must not move afterwards. PERM where the file is root's;
 * IO, PARSE for what is wrong with it. */
int rapl_powercap_open(const struct rapl_hooks *hooks, int root_fd,
                       const struct rapl_powercap_tree *tree, const struct rapl_spot *spot,
                       struct rapl_powercap_counter *counter, zeus_error *err) ZEUS_CHECK;
void rapl_powercap_close(struct rapl_powercap_counter *counter);

/* Total without wraps. STALE when the interval since the last reading had to be dropped (the next
 * reading works again), RANGE for a value outside the counter's range. Any thread. */
int rapl_powercap_read(const struct rapl_hooks *hooks, struct rapl_powercap_counter *counter,
                       uint64_t *ret_uj, zeus_error *err) ZEUS_CHECK;

/* Intervals dropped so far. Any thread. */
uint32_t rapl_powercap_holes(struct rapl_powercap_counter *counter);

#endif /* ZEUS_DEVICE_RAPL_RAPL_POWERCAP_H */
