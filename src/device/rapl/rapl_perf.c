/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's "power" PMU (arch/x86/events/rapl.c): one event a domain, counted on one CPU of each
 * package (or die) that `cpumask` lists. Counts are in units of 2^-32 J whatever the hardware's
 * own unit is.
 */
#include "device/rapl/rapl_perf.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zeus/device.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/parse.h"
#include "device/cpu_topology.h"

#define PMU_DIR      "sys/bus/event_source/devices/power"
#define CPUMASK_MAX  1024
#define CPUMASK_TEXT 8192

int rapl_perf_parse_config(const char *text, size_t len, uint64_t *ret_config)
{
    static const char prefix[] = "event=0x";
    size_t at = sizeof(prefix) - 1;
    uint64_t value = 0;
    if (len <= at || len > at + 16 || memcmp(text, prefix, at) != 0) {
        return ZEUS_EPARSE;
    }
    for (; at < len; at++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = text[at] != '\0' ? strchr(digits, text[at] | 0x20) : NULL;
        if (!digit || text[at] < '0') {
            return ZEUS_EPARSE;
        }
        value = value << 4 | (uint64_t)(digit - digits);
    }
    *ret_config = value;
    return 0;
}

uint64_t rapl_perf_scale_uj(uint64_t count, double joules_per_count)
{
    int exponent = 0;
    double fraction = frexp(joules_per_count, &exponent);
    int shift = 1 - exponent; /* the scale is 2^-shift when the fraction is a half */
    if (fraction == 0.5 && shift >= 0 && shift <= 43) {
        uint64_t whole = count >> shift;
        uint64_t rest = count & ((UINT64_C(1) << shift) - 1);
        if (whole >= UINT64_MAX / 1000000) {
            return UINT64_MAX;
        }
        return whole * 1000000 + (rest * 1000000 >> shift);
    }
    double uj = (double)count * joules_per_count * 1e6;
    return uj < 1.8e19 ? (uint64_t)uj : UINT64_MAX;
}

static int read_event_file(int pmu_fd, const char *event, const char *suffix, char *out,
                           size_t size)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "events/%s%s", event, suffix);
    return fdio_read_file(pmu_fd, path, out, size);
}

/* One event; PARSE or NOTFOUND when a part of it is malformed or missing. */
static int read_event(int pmu_fd, const char *name, uint32_t domain_kind,
                      struct rapl_perf_event *ret_event)
{
    char text[64];
    struct rapl_perf_event event = {.domain_kind = domain_kind};
    int len = read_event_file(pmu_fd, name, "", text, sizeof(text));
    int r = len < 0 ? len : rapl_perf_parse_config(text, (size_t)len, &event.config);
    if (r < 0) {
        return r;
    }
    len = read_event_file(pmu_fd, name, ".scale", text, sizeof(text));
    r = len < 0 ? len : parse_double(text, (size_t)len, 0, &event.joules_per_count);
    if (r < 0) {
        return r;
    }
    len = read_event_file(pmu_fd, name, ".unit", text, sizeof(text));
    if (len < 0 || strcmp(text, "Joules") != 0 || !(event.joules_per_count > 0)) {
        return len < 0 ? len : ZEUS_EPARSE;
    }
    (void)snprintf(event.name, sizeof(event.name), "%s", name);
    *ret_event = event;
    return 0;
}

int rapl_perf_scan(int root_fd, struct rapl_perf_pmu *ret_pmu, zeus_error *err)
{
    static const struct {
        const char *name;
        uint32_t domain_kind;
    } known[] = {
        {"energy-pkg", ZEUS_DOMAIN_PACKAGE}, {"energy-cores", ZEUS_DOMAIN_CORE},
        {"energy-gpu", ZEUS_DOMAIN_UNCORE},  {"energy-ram", ZEUS_DOMAIN_DRAM},
        {"energy-psys", ZEUS_DOMAIN_PSYS},
    };
    int pmu_fd _close_ = fdio_open_dir(root_fd, PMU_DIR);
    if (pmu_fd < 0) {
        return err_set(err, pmu_fd, "/%s: %s", PMU_DIR, zeus_strerror(pmu_fd));
    }
    uint64_t type = 0;
    int r = fdio_read_file_u64(pmu_fd, "type", &type);
    if (r < 0 || type > UINT32_MAX) {
        return err_set(err, r < 0 ? r : ZEUS_ERANGE, "/%s/type is unreadable", PMU_DIR);
    }
    struct rapl_perf_pmu pmu = {.type = (uint32_t)type};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (read_event(pmu_fd, known[i].name, known[i].domain_kind, &pmu.events[pmu.event_count]) ==
            0) {
            pmu.event_count++;
        }
    }
    if (pmu.event_count == 0) {
        return err_set(err, ZEUS_ENOTFOUND, "/%s/events has no energy event", PMU_DIR);
    }
    *ret_pmu = pmu;
    return 0;
}

const struct rapl_perf_event *rapl_perf_find(const struct rapl_perf_pmu *pmu, uint32_t domain_kind)
{
    for (size_t i = 0; i < pmu->event_count; i++) {
        if (pmu->events[i].domain_kind == domain_kind) {
            return &pmu->events[i];
        }
    }
    return NULL;
}

static int read_cpumask(int root_fd, uint32_t *cpus, size_t *ret_count, zeus_error *err)
{
    char text[CPUMASK_TEXT];
    int len = fdio_read_file(root_fd, PMU_DIR "/cpumask", text, sizeof(text));
    if (len < 0) {
        return err_set(err, len, "/%s/cpumask: %s", PMU_DIR, zeus_strerror(len));
    }
    int r = cpu_topology_parse_list(text, (size_t)len, cpus, CPUMASK_MAX, ret_count);
    if (r < 0 || *ret_count > CPUMASK_MAX) {
        return err_set(err, r < 0 ? r : ZEUS_ELIMIT, "/%s/cpumask is malformed: %.60s", PMU_DIR,
                       text);
    }
    return 0;
}

/* The machine's psys event is the same on every package unless powercap names one per package. */
static int is_extra_psys(const struct rapl_layout *layout, uint32_t package, uint32_t lowest)
{
    for (size_t i = 0; i < layout->count; i++) {
        if (layout->spots[i].domain_kind == ZEUS_DOMAIN_PSYS &&
            layout->spots[i].package == (int32_t)package) {
            return 0;
        }
    }
    return package != lowest;
}

struct mask {
    size_t count;
    uint32_t lowest_package;
    int has_dies; /* some package has two CPUs in the mask: one a die */
    uint32_t cpus[CPUMASK_MAX];
    struct cpu_location places[CPUMASK_MAX];
};

static int read_mask(int root_fd, struct mask *mask, zeus_error *err)
{
    int r = read_cpumask(root_fd, mask->cpus, &mask->count, err);
    mask->lowest_package = UINT32_MAX;
    for (size_t i = 0; i < mask->count && r == 0; i++) {
        r = cpu_topology_of_cpu(root_fd, mask->cpus[i], &mask->places[i], err);
        if (r < 0) {
            break;
        }
        mask->lowest_package = MIN_OF(mask->lowest_package, mask->places[i].package);
        for (size_t k = 0; k < i; k++) {
            mask->has_dies |= mask->places[k].package == mask->places[i].package &&
                              mask->places[k].die != mask->places[i].die;
        }
    }
    return r;
}

/* One event on one CPU of the mask. */
static int add_spot(struct rapl_layout *layout, const struct mask *mask, size_t i,
                    uint32_t domain_kind)
{
    const struct cpu_location *at = &mask->places[i];
    const struct rapl_zone_name name = {domain_kind, (int32_t)at->package,
                                        mask->has_dies ? at->die : -1};
    if (domain_kind == ZEUS_DOMAIN_PSYS &&
        is_extra_psys(layout, at->package, mask->lowest_package)) {
        return 0;
    }
    return rapl_layout_add_perf(layout, &name, (int32_t)at->cpu, mask->has_dies);
}

int rapl_perf_add_spots(int root_fd, const struct rapl_perf_pmu *pmu, struct rapl_layout *layout,
                        zeus_error *err)
{
    struct mask mask = {0};
    int r = read_mask(root_fd, &mask, err);
    for (size_t i = 0; i < mask.count && r >= 0; i++) {
        for (size_t e = 0; e < pmu->event_count && r >= 0; e++) {
            r = add_spot(layout, &mask, i, pmu->events[e].domain_kind);
        }
    }
    return r < 0 ? r : 0;
}

int rapl_perf_open(const struct rapl_hooks *hooks, uint32_t type,
                   const struct rapl_perf_event *event, int cpu, struct rapl_perf_counter *ret,
                   zeus_error *err)
{
    if (!hooks->open_event) {
        return err_set(err, ZEUS_ENOTSUP, "perf_event is not used below another root");
    }
    int fd = hooks->open_event(hooks->user, type, event->config, cpu);
    if (fd < 0) {
        return err_set_os(err, err_from_errno(-fd), -fd, "perf_event power/%s/ on CPU %d",
                          event->name, cpu);
    }
    *ret = (struct rapl_perf_counter){.fd = fd, .joules_per_count = event->joules_per_count};
    return 0;
}

void rapl_perf_close(struct rapl_perf_counter *counter)
{
    fdio_closep(&counter->fd);
}

int rapl_perf_read(const struct rapl_hooks *hooks, const struct rapl_perf_counter *counter,
                   uint64_t *ret_uj, zeus_error *err)
{
    uint64_t count = 0;
    int r = hooks->read_event(hooks->user, counter->fd, &count);
    if (r < 0) {
        return err_set_os(err, err_from_errno(-r), -r, "reading a perf_event counter");
    }
    *ret_uj = rapl_perf_scale_uj(count, counter->joules_per_count);
    return 0;
}
