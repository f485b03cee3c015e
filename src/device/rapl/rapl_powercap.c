/* SPDX-License-Identifier: Apache-2.0
 *
 * The powercap tree: /sys/class/powercap/intel-rapl/intel-rapl:Z[/intel-rapl:Z:S]/{name,energy_uj,
 * max_energy_range_uj}. Since the PLATYPUS advisory energy_uj is readable by root alone.
 */
#include "device/rapl/rapl_powercap.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zeus/device.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

#define ZONES_MAX 1024

/* Zones found in one directory, in number order. */
struct zone_list {
    struct rapl_zone_dir *dirs; /* owned */
    size_t count;
    size_t capacity;
};

static int compare_dirs(const void *left, const void *right)
{
    const struct rapl_zone_dir *a = left;
    const struct rapl_zone_dir *b = right;
    if (a->zone != b->zone) {
        return a->zone < b->zone ? -1 : 1;
    }
    return (a->sub > b->sub) - (a->sub < b->sub);
}

static int append_dir(struct zone_list *list, const struct rapl_zone_dir *dir)
{
    int r = mem_grow(&list->dirs, &list->capacity, list->count + 1, sizeof(*dir), ZONES_MAX);
    if (r == 0) {
        list->dirs[list->count++] = *dir;
    }
    return r;
}

/* Zones directly in a directory: `parent` NULL for top-level ones, else its sub-zones. */
static int list_zones(int root_fd, const char *path, const struct rapl_zone_dir *parent,
                      struct zone_list *list)
{
    int fd = fdio_open_dir(root_fd, path);
    if (fd < 0) {
        return fd;
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        fdio_closep(&fd);
        return ZEUS_ENOMEM;
    }
    int r = 0;
    for (const struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir)) {
        struct rapl_zone_dir zone;
        if (rapl_parse_zone_dir(entry->d_name, strlen(entry->d_name), &zone) < 0 || zone.is_mmio) {
            continue;
        }
        int is_wanted = parent ? zone.sub >= 0 && zone.zone == parent->zone : zone.sub < 0;
        r = is_wanted ? append_dir(list, &zone) : 0;
    }
    (void)closedir(dir);
    if (r == 0 && list->count > 1) {
        qsort(list->dirs, list->count, sizeof(*list->dirs), compare_dirs);
    }
    return r;
}

static void zone_path(const struct rapl_powercap_tree *tree, uint32_t zone, int32_t sub,
                      const char *file, char *out, size_t size)
{
    if (sub < 0) {
        (void)snprintf(out, size, "%s/intel-rapl:%" PRIu32 "%s", tree->path, zone, file);
    } else {
        (void)snprintf(out, size, "%s/intel-rapl:%" PRIu32 "/intel-rapl:%" PRIu32 ":%" PRId32 "%s",
                       tree->path, zone, zone, sub, file);
    }
}

void rapl_powercap_path(const struct rapl_powercap_tree *tree, const struct rapl_spot *spot,
                        const char *file, char *out, size_t size)
{
    char slashed[64];
    (void)snprintf(slashed, sizeof(slashed), "/%s", file);
    zone_path(tree, (uint32_t)spot->zone, spot->sub, slashed, out, size);
}

static int read_name(int root_fd, const struct rapl_powercap_tree *tree,
                     const struct rapl_zone_dir *dir, struct rapl_zone_name *ret_name)
{
    char path[160];
    char text[64];
    zone_path(tree, dir->zone, dir->sub, "/name", path, sizeof(path));
    int len = fdio_read_file(root_fd, path, text, sizeof(text));
    return len < 0 ? len : rapl_parse_zone_name(text, (size_t)len, ret_name);
}

/* What ends discovery instead of leaving one zone out. */
static int is_grave(int code)
{
    return code == ZEUS_ENOMEM || code == ZEUS_ELIMIT;
}

/* The zone and its sub-zones. A zone without a name that we know is left out, alone. */
static int add_zone(int root_fd, const struct rapl_powercap_tree *tree,
                    const struct rapl_zone_dir *dir, struct rapl_layout *layout)
{
    char path[160];
    struct zone_list subs = {0};
    struct rapl_zone_name name;
    struct rapl_zone_name sub_name;
    if (read_name(root_fd, tree, dir, &name) < 0) {
        return 0;
    }
    int r = rapl_layout_add_zone(layout, dir, NULL, &name);
    if (r <= 0) {
        return r; /* a duplicate's parts are duplicates too */
    }
    zone_path(tree, dir->zone, -1, "", path, sizeof(path));
    r = list_zones(root_fd, path, dir, &subs);
    r = is_grave(r) ? r : 0; /* a zone whose directory cannot be listed has no parts */
    for (size_t i = 0; i < subs.count && r >= 0; i++) {
        if (read_name(root_fd, tree, &subs.dirs[i], &sub_name) == 0) {
            r = rapl_layout_add_zone(layout, &subs.dirs[i], &name, &sub_name);
        }
    }
    free(subs.dirs);
    return r < 0 ? r : 0;
}

static int scan_tree(int root_fd, const struct rapl_powercap_tree *tree, struct rapl_layout *layout)
{
    struct zone_list zones = {0};
    int r = list_zones(root_fd, tree->path, NULL, &zones);
    for (size_t i = 0; i < zones.count && r >= 0; i++) {
        r = add_zone(root_fd, tree, &zones.dirs[i], layout);
    }
    free(zones.dirs);
    return r < 0 ? r : 0;
}

int rapl_powercap_scan(int root_fd, struct rapl_powercap_tree *ret_tree, struct rapl_layout *layout,
                       zeus_error *err)
{
    static const struct rapl_powercap_tree trees[] = {
        {"sys/class/powercap/intel-rapl", 0},
        {"zeus_sys/class/powercap/intel-rapl", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        int r = scan_tree(root_fd, &trees[i], layout);
        if (is_grave(r)) {
            return err_set(err, r, "/%s: %s", trees[i].path, zeus_strerror(r));
        }
        if (layout->count > 0) {
            *ret_tree = trees[i];
            return 0;
        }
    }
    return err_set(err, ZEUS_ENOTFOUND, "no zone in /%s", trees[0].path);
}

static uint64_t largest_uw(int root_fd, const struct rapl_powercap_tree *tree,
                           const struct rapl_spot *spot, const char *const *files, size_t count)
{
    uint64_t found_uw = 0;
    for (size_t i = 0; i < count; i++) {
        char path[192];
        uint64_t value_uw = 0;
        rapl_powercap_path(tree, spot, files[i], path, sizeof(path));
        if (fdio_read_file_u64(root_fd, path, &value_uw) == 0) {
            found_uw = MAX_OF(found_uw, value_uw);
        }
    }
    return found_uw;
}

/* Four times the largest limit the firmware knows for the zone, or what is plausible for its kind:
 * whichever is lower. A tight bound lets wraps be told apart over longer intervals. The limits set
 * now count only beside the firmware's own, because somebody may raise them later. */
static uint64_t power_bound_uw(int root_fd, const struct rapl_powercap_tree *tree,
                               const struct rapl_spot *spot)
{
    static const char *const rated[] = {"constraint_0_max_power_uw", "constraint_1_max_power_uw",
                                        "constraint_2_max_power_uw"};
    static const char *const set[] = {"constraint_0_power_limit_uw", "constraint_1_power_limit_uw",
                                      "constraint_2_power_limit_uw"};
    uint64_t bound_uw = rapl_max_power_uw(spot->domain_kind);
    uint64_t rated_uw = largest_uw(root_fd, tree, spot, rated, ARRAY_LEN(rated));
    uint64_t set_uw = largest_uw(root_fd, tree, spot, set, ARRAY_LEN(set));
    uint64_t most_uw = MAX_OF(rated_uw, set_uw);
    return rated_uw > 0 && most_uw < bound_uw / 4 ? most_uw * 4 : bound_uw;
}

struct wrap_rule rapl_powercap_rule(int root_fd, const struct rapl_powercap_tree *tree,
                                    const struct rapl_spot *spot)
{
    char path[160];
    uint64_t range_uj = 0;
    rapl_powercap_path(tree, spot, "max_energy_range_uj", path, sizeof(path));
    if (fdio_read_file_u64(root_fd, path, &range_uj) < 0) {
        range_uj = 0;
    }
    return wrap_rule_from_range(range_uj, power_bound_uw(root_fd, tree, spot));
}

int rapl_powercap_open(const struct rapl_hooks *hooks, int root_fd,
                       const struct rapl_powercap_tree *tree, const struct rapl_spot *spot,
                       struct rapl_powercap_counter *counter, zeus_error *err)
{
    *counter = (struct rapl_powercap_counter){.fd = -1};
    rapl_powercap_path(tree, spot, "energy_uj", counter->path, sizeof(counter->path));
    int fd = hooks->open_file(hooks->user, root_fd, counter->path);
    if (fd < 0) {
        return err_set(err, fd, "/%s: %s", counter->path, zeus_strerror(fd));
    }
    if (pthread_mutex_init(&counter->lock, NULL) != 0) {
        fdio_closep(&fd);
        return err_set(err, ZEUS_ENOMEM, "no lock for /%s", counter->path);
    }
    counter->fd = fd;
    counter->rule = rapl_powercap_rule(root_fd, tree, spot);
    uint64_t baseline_uj = 0;
    int r = rapl_powercap_read(hooks, counter, &baseline_uj, err);
    if (r < 0) {
        rapl_powercap_close(counter);
    }
    return r;
}

void rapl_powercap_close(struct rapl_powercap_counter *counter)
{
    if (counter->fd >= 0) {
        (void)pthread_mutex_destroy(&counter->lock);
        fdio_closep(&counter->fd);
    }
}

int rapl_powercap_read(const struct rapl_hooks *hooks, struct rapl_powercap_counter *counter,
                       uint64_t *ret_uj, zeus_error *err)
{
    uint64_t raw_uj = 0;
    uint64_t total_uj = 0;
    enum wrap_verdict verdict = WRAP_FIRST;
    (void)pthread_mutex_lock(&counter->lock);
    int r = fdio_read_u64(counter->fd, &raw_uj);
    if (r == 0) {
        uint64_t now_ns = hooks->now_ns(hooks->user);
        verdict = wrap_update(&counter->state, &counter->rule, raw_uj, now_ns);
        total_uj = counter->state.total_uj;
    }
    (void)pthread_mutex_unlock(&counter->lock);
    if (r < 0) {
        return err_set(err, r, "/%s: %s", counter->path, zeus_strerror(r));
    }
    if (wrap_is_dropped(verdict)) {
        return err_set(err, ZEUS_ESTALE, "/%s: %s; the interval was dropped", counter->path,
                       wrap_text(verdict));
    }
    if (verdict == WRAP_OUTSIDE) {
        return err_set(err, ZEUS_ERANGE, "/%s: %" PRIu64 ": %s", counter->path, raw_uj,
                       wrap_text(verdict));
    }
    *ret_uj = total_uj;
    return 0;
}

uint32_t rapl_powercap_holes(struct rapl_powercap_counter *counter)
{
    (void)pthread_mutex_lock(&counter->lock);
    uint32_t drops = counter->state.drops;
    (void)pthread_mutex_unlock(&counter->lock);
    return drops;
}
