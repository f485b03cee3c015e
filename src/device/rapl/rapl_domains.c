/* SPDX-License-Identifier: Apache-2.0
 *
 * Zone names to domains and devices. The names are those of the kernel's intel_rapl_common driver,
 * which serves Intel and AMD alike: "package-N" or, with several dies, "package-N-die-D"; "core",
 * "uncore", "dram" below it; "psys" beside it ("psys-N" on further packages).
 */
#include "device/rapl/rapl_domains.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/device.h>
#include <zeus/error.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"

#define SPOTS_MAX 4096

/* A number that ends at the text's end or at `stop`; moves *pos past it (not past the stop). */
static int take_number(const char *text, size_t len, size_t *pos, char stop, uint32_t *ret_value)
{
    size_t start = *pos;
    size_t end = start;
    while (end < len && text[end] != stop) {
        end++;
    }
    uint32_t value = 0;
    if (parse_u32(text + start, end - start, &value) < 0 || value > INT32_MAX) {
        return ZEUS_EPARSE;
    }
    *pos = end;
    *ret_value = value;
    return 0;
}

/* Moves *pos past `word` when the text goes on with it. */
static int take_word(const char *text, size_t len, size_t *pos, const char *word)
{
    size_t n = strlen(word);
    if (len - *pos < n || memcmp(text + *pos, word, n) != 0) {
        return 0;
    }
    *pos += n;
    return 1;
}

int rapl_parse_zone_dir(const char *text, size_t len, struct rapl_zone_dir *ret_dir)
{
    struct rapl_zone_dir dir = {.sub = -1};
    size_t pos = 0;
    if (take_word(text, len, &pos, "intel-rapl-mmio:")) {
        dir.is_mmio = 1;
    } else if (!take_word(text, len, &pos, "intel-rapl:")) {
        return ZEUS_EPARSE;
    }
    if (take_number(text, len, &pos, ':', &dir.zone) < 0) {
        return ZEUS_EPARSE;
    }
    if (pos < len) {
        uint32_t sub = 0;
        pos++;
        if (take_number(text, len, &pos, ':', &sub) < 0 || pos < len) {
            return ZEUS_EPARSE;
        }
        dir.sub = (int32_t)sub;
    }
    *ret_dir = dir;
    return 0;
}

static int parse_package(const char *text, size_t len, size_t pos, struct rapl_zone_name *ret_name)
{
    uint32_t package = 0;
    uint32_t die = 0;
    int has_die = 0;
    if (take_number(text, len, &pos, '-', &package) < 0) {
        return ZEUS_EPARSE;
    }
    if (pos < len) {
        has_die = take_word(text, len, &pos, "-die-");
        if (!has_die || take_number(text, len, &pos, '-', &die) < 0 || pos < len) {
            return ZEUS_EPARSE;
        }
    }
    *ret_name = (struct rapl_zone_name){.domain_kind = ZEUS_DOMAIN_PACKAGE,
                                        .package = (int32_t)package,
                                        .die = has_die ? (int32_t)die : -1};
    return 0;
}

int rapl_parse_zone_name(const char *text, size_t len, struct rapl_zone_name *ret_name)
{
    static const struct {
        const char *name;
        uint32_t domain_kind;
        int32_t package;
    } plain[] = {
        {"core", ZEUS_DOMAIN_CORE, -1},
        {"uncore", ZEUS_DOMAIN_UNCORE, -1},
        {"dram", ZEUS_DOMAIN_DRAM, -1},
        {"psys", ZEUS_DOMAIN_PSYS, 0},
    };
    size_t pos = 0;
    if (take_word(text, len, &pos, "package-")) {
        return parse_package(text, len, pos, ret_name);
    }
    if (take_word(text, len, &pos, "psys-")) {
        uint32_t package = 0;
        if (take_number(text, len, &pos, '-', &package) < 0 || pos < len) {
            return ZEUS_EPARSE;
        }
        *ret_name = (struct rapl_zone_name){ZEUS_DOMAIN_PSYS, (int32_t)package, -1};
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        if (len == strlen(plain[i].name) && memcmp(text, plain[i].name, len) == 0) {
            *ret_name = (struct rapl_zone_name){plain[i].domain_kind, plain[i].package, -1};
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

void rapl_layout_done(struct rapl_layout *layout)
{
    free(layout->spots);
    *layout = (struct rapl_layout){0};
}

static struct rapl_spot *find_spot(const struct rapl_layout *layout, uint32_t domain_kind,
                                   int32_t package, int32_t die)
{
    for (size_t i = 0; i < layout->count; i++) {
        struct rapl_spot *spot = &layout->spots[i];
        if (spot->domain_kind == domain_kind && spot->package == package && spot->die == die) {
            return spot;
        }
    }
    return NULL;
}

static int append_spot(struct rapl_layout *layout, const struct rapl_spot *spot)
{
    int r =
        mem_grow(&layout->spots, &layout->capacity, layout->count + 1, sizeof(*spot), SPOTS_MAX);
    if (r < 0) {
        return r;
    }
    layout->spots[layout->count++] = *spot;
    return 1;
}

int rapl_layout_add_zone(struct rapl_layout *layout, const struct rapl_zone_dir *dir,
                         const struct rapl_zone_name *parent, const struct rapl_zone_name *name)
{
    struct rapl_spot spot = {.domain_kind = name->domain_kind,
                             .package = name->package,
                             .die = name->die,
                             .zone = (int32_t)dir->zone,
                             .sub = dir->sub,
                             .perf_cpu = -1};
    if (dir->is_mmio) {
        return 0;
    }
    if (spot.package < 0) {
        if (!parent || parent->domain_kind != ZEUS_DOMAIN_PACKAGE) {
            return 0;
        }
        spot.package = parent->package;
        spot.die = parent->die;
    }
    if (find_spot(layout, spot.domain_kind, spot.package, spot.die)) {
        return 0;
    }
    return append_spot(layout, &spot);
}

int rapl_layout_add_perf(struct rapl_layout *layout, const struct rapl_zone_name *name, int32_t cpu,
                         int has_dies)
{
    int32_t die = name->domain_kind == ZEUS_DOMAIN_PSYS ? -1 : name->die;
    struct rapl_spot *spot = find_spot(layout, name->domain_kind, name->package, die);
    if (!spot && !has_dies) {
        die = -1;
        spot = find_spot(layout, name->domain_kind, name->package, die);
    }
    if (spot) {
        int is_taken = spot->perf_cpu >= 0;
        spot->perf_cpu = is_taken ? spot->perf_cpu : cpu;
        return !is_taken;
    }
    const struct rapl_spot added = {.domain_kind = name->domain_kind,
                                    .package = name->package,
                                    .die = die,
                                    .zone = -1,
                                    .sub = -1,
                                    .perf_cpu = cpu};
    return append_spot(layout, &added);
}

static int is_platform(const struct rapl_spot *spot)
{
    return spot->domain_kind == ZEUS_DOMAIN_PSYS;
}

static int compare_spots(const void *left, const void *right)
{
    const struct rapl_spot *a = left;
    const struct rapl_spot *b = right;
    const int64_t keys[][2] = {
        {is_platform(a), is_platform(b)},
        {a->package, b->package},
        {a->die, b->die},
        {a->domain_kind, b->domain_kind}, /* package, core, uncore, dram ascend */
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i][0] != keys[i][1]) {
            return keys[i][0] < keys[i][1] ? -1 : 1;
        }
    }
    return 0;
}

void rapl_layout_sort(struct rapl_layout *layout)
{
    if (layout->count > 1) {
        qsort(layout->spots, layout->count, sizeof(*layout->spots), compare_spots);
    }
}

size_t rapl_layout_device_end(const struct rapl_layout *layout, size_t start)
{
    const struct rapl_spot *first = &layout->spots[start];
    size_t end = start + 1;
    while (end < layout->count && !is_platform(first) && !is_platform(&layout->spots[end]) &&
           layout->spots[end].package == first->package && layout->spots[end].die == first->die) {
        end++;
    }
    return end;
}

int32_t rapl_layout_parent(const struct rapl_layout *layout, size_t start, size_t i)
{
    uint32_t kind = layout->spots[i].domain_kind;
    int is_inside = kind == ZEUS_DOMAIN_CORE || kind == ZEUS_DOMAIN_UNCORE;
    /* The package sorts first when there is one. DRAM lies beside it. */
    return is_inside && layout->spots[start].domain_kind == ZEUS_DOMAIN_PACKAGE ? 0 : -1;
}

void rapl_device_name(const struct rapl_spot *spot, char *out, size_t size)
{
    if (is_platform(spot)) {
        if (spot->package == 0) {
            (void)snprintf(out, size, "psys");
        } else {
            (void)snprintf(out, size, "psys-%" PRId32, spot->package);
        }
    } else if (spot->die < 0) {
        (void)snprintf(out, size, "package-%" PRId32, spot->package);
    } else {
        (void)snprintf(out, size, "package-%" PRId32 "-die-%" PRId32, spot->package, spot->die);
    }
}

void rapl_domain_name(const struct rapl_spot *spot, char *out, size_t size)
{
    if (spot->domain_kind == ZEUS_DOMAIN_PACKAGE || is_platform(spot)) {
        rapl_device_name(spot, out, size);
        return;
    }
    (void)snprintf(out, size, "%s", zeus_domain_kind_name(spot->domain_kind));
}

uint64_t rapl_max_power_uw(uint32_t domain_kind)
{
    /* Twice what the largest parts of 2025 are rated for; a node's psys feeds several of them. */
    switch (domain_kind) {
    case ZEUS_DOMAIN_PSYS:
        return UINT64_C(12000000000);
    case ZEUS_DOMAIN_DRAM:
        return UINT64_C(500000000);
    default:
        return UINT64_C(1000000000);
    }
}

int rapl_mirror_feed(struct rapl_mirror *mirror, uint64_t first_uj, uint64_t second_uj,
                     uint64_t first_again_uj)
{
    int is_hit = second_uj != 0 && first_uj <= second_uj && second_uj <= first_again_uj;
    mirror->rounds++;
    mirror->hits += (uint32_t)is_hit;
    return is_hit;
}

int rapl_mirror_is_certain(const struct rapl_mirror *mirror)
{
    /* A wrap or a tick between the reads spoils a round, so that not all must agree. */
    return mirror->rounds >= RAPL_MIRROR_ROUNDS && mirror->hits * 2 > mirror->rounds;
}
