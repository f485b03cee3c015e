/* SPDX-License-Identifier: Apache-2.0
 *
 * The containment relation and the choice of its topmost readable elements. The relation is a
 * strict order: rank() falls from outer to inner across devices, and parents within one device form
 * a chain, so that the choice needs no more than "does anything readable contain it".
 */
#include "device/containment.h"

#include <string.h>

#include "base/macro.h"
#include "base/parse.h"

/* A decimal number at *pos; -1 when there is none. */
static int32_t take_index(const char *text, size_t *pos)
{
    size_t len = strspn(text + *pos, "0123456789");
    uint32_t value = 0;
    if (parse_u32(text + *pos, len, &value) < 0 || value > INT32_MAX) {
        return -1;
    }
    *pos += len;
    return (int32_t)value;
}

struct containment_site containment_site_of_name(const char *name)
{
    static const char *const prefixes[] = {"package-", "psys-", "module-"};
    static const char die_word[] = "-die-";
    const struct containment_site nowhere = {-1, -1};
    struct containment_site site = nowhere;
    size_t pos = 0;
    if (strcmp(name, "psys") == 0) {
        return (struct containment_site){0, -1};
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes) && pos == 0; i++) {
        size_t n = strlen(prefixes[i]);
        pos = strncmp(name, prefixes[i], n) == 0 ? n : 0;
    }
    if (pos == 0) {
        return nowhere;
    }
    site.package = take_index(name, &pos);
    if (site.package >= 0 && strncmp(name + pos, die_word, strlen(die_word)) == 0) {
        pos += strlen(die_word);
        site.die = take_index(name, &pos);
        site.package = site.die < 0 ? -1 : site.package;
    }
    return site.package >= 0 && name[pos] == '\0' ? site : nowhere;
}

/* GPUs that are part of a superchip module or of an SoC. */
static int is_chip_gpu(const zeus_device_info *info)
{
    static const char *const names[] = {"GH200",  "GB200", "GB300", "GB10", "Orin",
                                        "Xavier", "Thor",  "Tegra", "nvgpu"};
    if (info->kind != ZEUS_KIND_GPU) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strstr(info->name, names[i])) {
            return 1;
        }
    }
    return (info->flags & ZEUS_DEVICE_MODULE_SCOPE) != 0;
}

size_t containment_add_device(struct containment_place *places, size_t at, uint32_t device,
                              const zeus_device_info *info, const zeus_domain_info *domains,
                              uint32_t domain_count)
{
    struct containment_site site = containment_site_of_name(info->name);
    for (uint32_t i = 0; i < domain_count; i++) {
        int32_t parent = domains[i].parent;
        int has_parent = parent >= 0 && (uint32_t)parent < domain_count && (uint32_t)parent != i;
        places[at + i] = (struct containment_place){
            .device = device,
            .device_kind = info->kind,
            .device_flags = info->flags,
            .domain_kind = domains[i].kind,
            .domain_flags = domains[i].flags,
            .source = domains[i].source,
            .parent = has_parent ? (int32_t)(at + (uint32_t)parent) : -1,
            .package = site.package,
            .is_on_chip = is_chip_gpu(info),
            .identity = info->uuid,
        };
    }
    return at + domain_count;
}

/* The wider a place reaches over other devices, the higher; 0: over none. */
static int rank(const struct containment_place *place)
{
    int is_module_gpu = place->device_kind == ZEUS_KIND_GPU &&
                        (place->domain_kind == ZEUS_DOMAIN_MODULE ||
                         (place->domain_kind == ZEUS_DOMAIN_GPU &&
                          (place->device_flags & ZEUS_DEVICE_MODULE_SCOPE) != 0));
    if (place->domain_kind == ZEUS_DOMAIN_PSYS || place->domain_kind == ZEUS_DOMAIN_SOC_TOTAL) {
        return 3;
    }
    if (is_module_gpu) {
        return 1; /* below the module's own sensor, which repeats it */
    }
    return place->domain_kind == ZEUS_DOMAIN_MODULE ? 2 : 0;
}

static int is_cpu_side(const struct containment_place *place)
{
    switch (place->domain_kind) {
    case ZEUS_DOMAIN_PACKAGE:
    case ZEUS_DOMAIN_CORE:
    case ZEUS_DOMAIN_UNCORE:
    case ZEUS_DOMAIN_DRAM:
        return 1;
    default:
        return 0;
    }
}

static int may_share_package(const struct containment_place *a, const struct containment_place *b)
{
    return a->package < 0 || b->package < 0 || a->package == b->package;
}

static int reaches_over(const struct containment_place *outer,
                        const struct containment_place *inner)
{
    if (rank(outer) <= rank(inner)) {
        return 0;
    }
    int is_chip_gpu_place = inner->device_kind == ZEUS_KIND_GPU && inner->is_on_chip;
    switch (outer->domain_kind) {
    case ZEUS_DOMAIN_PSYS:
        return is_cpu_side(inner);
    case ZEUS_DOMAIN_SOC_TOTAL:
        return is_cpu_side(inner) || is_chip_gpu_place;
    default: /* a module, by its own sensor or by its GPU's */
        return (is_cpu_side(inner) || (is_chip_gpu_place && outer->device_kind != ZEUS_KIND_GPU)) &&
               may_share_package(outer, inner);
    }
}

static int is_ancestor(const struct containment_place *places, size_t outer, size_t inner)
{
    /* A chain longer than any device has domains is a loop made of bad data. */
    int32_t at = places[inner].parent;
    for (int steps = 0; at >= 0 && steps < 256; steps++) {
        if ((size_t)at == outer) {
            return 1;
        }
        at = places[at].parent;
    }
    return 0;
}

int containment_contains(const struct containment_place *places, size_t outer, size_t inner)
{
    if (outer == inner) {
        return 0;
    }
    if (places[outer].device == places[inner].device) {
        return is_ancestor(places, outer, inner);
    }
    return reaches_over(&places[outer], &places[inner]);
}

static int is_readable(const struct containment_place *place)
{
    return place->source != ZEUS_SOURCE_NONE && (place->domain_flags & ZEUS_DOMAIN_MIRROR) == 0 &&
           (place->device_flags & ZEUS_DEVICE_SILENT_DIE) == 0;
}

/* The same board reached twice, as two MIG slices of it are. */
static int is_repeat(const struct containment_place *earlier, const struct containment_place *later)
{
    return earlier->device != later->device && earlier->device_kind == later->device_kind &&
           earlier->domain_kind == later->domain_kind && earlier->identity && later->identity &&
           earlier->identity[0] != '\0' && strcmp(earlier->identity, later->identity) == 0;
}

static int is_topmost(const struct containment_place *places, size_t count, size_t i)
{
    for (size_t k = 0; k < count; k++) {
        if (!is_readable(&places[k])) {
            continue;
        }
        if (containment_contains(places, k, i) || (k < i && is_repeat(&places[k], &places[i]))) {
            return 0;
        }
    }
    return 1;
}

size_t containment_select(const struct containment_place *places, size_t count, uint8_t *is_chosen)
{
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        is_chosen[i] = is_readable(&places[i]) && is_topmost(places, count, i);
        chosen += is_chosen[i];
    }
    return chosen;
}
