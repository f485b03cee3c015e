/* SPDX-License-Identifier: Apache-2.0
 *
 * Which RAPL domains a machine has and which device each belongs to: names in, layout out. Pure.
 *
 * powercap names its zones twice: the directory ("intel-rapl:1:0": zone 1, sub-zone 0) and the
 * content of `name` ("package-0", "dram", "psys"). Zone numbers have gaps and are not package
 * numbers, so that only the names decide. "intel-rapl-mmio" shows the package counter once more
 * through another register and is left out.
 */
#ifndef ZEUS_DEVICE_RAPL_DOMAINS_H
#define ZEUS_DEVICE_RAPL_DOMAINS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* A zone's directory name, taken apart. */
struct rapl_zone_dir {
    uint32_t zone;
    int32_t sub; /* -1 for a top-level zone */
    int is_mmio;
};

/* PARSE for anything that is not a zone ("intel-rapl", "power", "dtpm"). */
int rapl_parse_zone_dir(const char *text, size_t len, struct rapl_zone_dir *ret_dir) ZEUS_CHECK;

/* A zone's `name`, taken apart. */
struct rapl_zone_name {
    uint32_t domain_kind; /* ZEUS_DOMAIN_... */
    int32_t package;      /* -1 where the name does not say (core, uncore, dram) */
    int32_t die;          /* -1 where the package has one */
};

/* PARSE for names we do not know: such zones are left alone. */
int rapl_parse_zone_name(const char *text, size_t len, struct rapl_zone_name *ret_name) ZEUS_CHECK;

/* One physical domain and where it can be read. */
struct rapl_spot {
    uint32_t domain_kind;
    int32_t package;
    int32_t die;
    int32_t zone;     /* powercap: top-level zone, -1 when powercap does not show it */
    int32_t sub;      /* powercap: sub-zone, -1 for the zone itself */
    int32_t perf_cpu; /* perf_event: the CPU that reads it, -1 when perf does not offer it */
};

/* All domains of the machine. Zero it to begin; rapl_layout_done frees. */
struct rapl_layout {
    struct rapl_spot *spots; /* owned */
    size_t count;
    size_t capacity;
};

void rapl_layout_done(struct rapl_layout *layout);

/* Adds a powercap zone. `parent` is the name of the top-level zone around a sub-zone, else NULL.
 * 1 when it was added, 0 when it is a duplicate or belongs nowhere; NOMEM, LIMIT. */
int rapl_layout_add_zone(struct rapl_layout *layout, const struct rapl_zone_dir *dir,
                         const struct rapl_zone_name *parent, const struct rapl_zone_name *name)
    ZEUS_CHECK;

/* Adds a perf event on `cpu` of (package, die): to the spot that powercap already has, else as a
 * new one. `die` counts only where powercap names dies or `has_dies` says so. Same results. */
int rapl_layout_add_perf(struct rapl_layout *layout, const struct rapl_zone_name *name, int32_t cpu,
                         int has_dies) ZEUS_CHECK;

/* CPUs in package order, dies in order, each package, core, uncore, dram; platforms last. */
void rapl_layout_sort(struct rapl_layout *layout);

/* One past the last spot of the device that begins at `start`, in a sorted layout. */
size_t rapl_layout_device_end(const struct rapl_layout *layout, size_t start);

/* The domain (counted from `start`) that contains spot `i` of the device at `start`, else -1. */
int32_t rapl_layout_parent(const struct rapl_layout *layout, size_t start, size_t i);

/* "package-0", "package-0-die-1", "psys", "psys-1". */
void rapl_device_name(const struct rapl_spot *spot, char *out, size_t size);
/* The same for package and psys, "core", "uncore", "dram" for the rest. */
void rapl_domain_name(const struct rapl_spot *spot, char *out, size_t size);

/* Power in uW above which a reading of this kind of domain is not believed. */
uint64_t rapl_max_power_uw(uint32_t domain_kind);

/* Do two counters show one register? Fed with readings of the first, the second and the first
 * again, some rounds in a row; feed tells whether a round agreed. Independent counters count from
 * boot and do not meet by chance. */
struct rapl_mirror {
    uint32_t rounds;
    uint32_t hits;
};
#define RAPL_MIRROR_ROUNDS 5
int rapl_mirror_feed(struct rapl_mirror *mirror, uint64_t first_uj, uint64_t second_uj,
                     uint64_t first_again_uj);
int rapl_mirror_is_certain(const struct rapl_mirror *mirror);

#endif /* ZEUS_DEVICE_RAPL_DOMAINS_H */
