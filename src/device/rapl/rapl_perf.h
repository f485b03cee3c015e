/* SPDX-License-Identifier: Apache-2.0
 *
 * RAPL through perf_event: the kernel keeps 64-bit counts, so that nothing wraps. System-wide
 * events need perf_event_paranoid <= 0, CAP_PERFMON or root.
 */
#ifndef ZEUS_DEVICE_RAPL_RAPL_PERF_H
#define ZEUS_DEVICE_RAPL_RAPL_PERF_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "device/rapl/rapl_domains.h"
#include "device/rapl/rapl_hooks.h"

#define RAPL_PERF_EVENTS_MAX 8
#define RAPL_PERF_REMEDY \
    "sysctl kernel.perf_event_paranoid=0, or setcap cap_perfmon+ep on the program, or run zeusd"

/* One event of the "power" PMU. */
struct rapl_perf_event {
    char name[24]; /* "energy-pkg" */
    uint32_t domain_kind;
    uint64_t config;
    double joules_per_count;
};

/* The PMU. Zeroed when the kernel has none. */
struct rapl_perf_pmu {
    uint32_t type;
    size_t event_count;
    struct rapl_perf_event events[RAPL_PERF_EVENTS_MAX];
};

/* Reads /sys/bus/event_source/devices/power. NOTFOUND when there is no such PMU; events that are
 * malformed are left out. */
int rapl_perf_scan(int root_fd, struct rapl_perf_pmu *ret_pmu, zeus_error *err) ZEUS_CHECK;

/* Adds a spot for every event on every CPU of the PMU's cpumask. */
int rapl_perf_add_spots(int root_fd, const struct rapl_perf_pmu *pmu, struct rapl_layout *layout,
                        zeus_error *err) ZEUS_CHECK;

/* The event of a domain kind; NULL when the PMU has none. */
const struct rapl_perf_event *rapl_perf_find(const struct rapl_perf_pmu *pmu, uint32_t domain_kind);

/* An open event. fd -1: closed. */
struct rapl_perf_counter {
    int fd;
    double joules_per_count;
};

/* PERM carries RAPL_PERF_REMEDY's reason in `err`; other refusals by errno. */
int rapl_perf_open(const struct rapl_hooks *hooks, uint32_t type,
                   const struct rapl_perf_event *event, int cpu, struct rapl_perf_counter *ret,
                   zeus_error *err) ZEUS_CHECK;
void rapl_perf_close(struct rapl_perf_counter *counter);

int rapl_perf_read(const struct rapl_hooks *hooks, const struct rapl_perf_counter *counter,
                   uint64_t *ret_uj, zeus_error *err) ZEUS_CHECK;

/* Pure: count * joules_per_count in uJ, exact when the scale is a power of two (it is 2^-32). */
uint64_t rapl_perf_scale_uj(uint64_t count, double joules_per_count);

/* Pure: "event=0x02" -> 2. PARSE for other terms. */
int rapl_perf_parse_config(const char *text, size_t len, uint64_t *ret_config) ZEUS_CHECK;

#endif /* ZEUS_DEVICE_RAPL_RAPL_PERF_H */
