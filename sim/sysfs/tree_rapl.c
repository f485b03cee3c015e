/* SPDX-License-Identifier: Apache-2.0
 *
 * RAPL as the powercap class shows it, and the processors' topology. Zones live under
 * /sys/devices/virtual/powercap and are linked from /sys/class/powercap, as in the kernel.
 */
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "sysfs/tree.h"

#define ZONES "sys/devices/virtual/powercap/intel-rapl"
#define CLASS "sys/class/powercap"

struct zone {
    char name[40]; /* "intel-rapl:0:1" */
    char dir[160];
    char label[32];
    uint32_t device;
    const struct sim_counter *counter;
};

static int add_zone(struct tree *tree, const struct zone *zone)
{
    char path[256];
    char target[256];
    (void)snprintf(path, sizeof(path), "%s/name", zone->dir);
    int r = tree_add_text(tree, path, "%s\n", zone->label);
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/max_energy_range_uj", zone->dir);
        r = tree_add_text(tree, path, "%.0f\n", zone->counter->wrap_uj);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/enabled", zone->dir);
        r = tree_add_text(tree, path, "1\n");
    }
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%s/energy_uj", zone->dir);
        r = tree_add_value(tree, path, zone->device, TREE_COUNTER_UJ, zone->counter->name, 1);
    }
    if (r == 0) {
        (void)snprintf(path, sizeof(path), CLASS "/%s", zone->name);
        (void)snprintf(target, sizeof(target), "../../../%s", zone->dir);
        r = tree_add_link(tree, path, target);
    }
    return r;
}

static int add_sub_zones(struct tree *tree, uint32_t device, const struct zone *top)
{
    const struct sim_device *dev = sim_device(tree_sim(tree), device);
    uint32_t number = 0;
    for (uint32_t i = 0; i < dev->counter_count; i++) {
        if (&dev->counters[i] == top->counter) {
            continue;
        }
        struct zone zone = {.device = device, .counter = &dev->counters[i]};
        (void)snprintf(zone.name, sizeof(zone.name), "intel-rapl:%u:%u", dev->zone, number++);
        (void)snprintf(zone.dir, sizeof(zone.dir), "%.100s/%s", top->dir, zone.name);
        (void)snprintf(zone.label, sizeof(zone.label), "%s", dev->counters[i].name);
        int r = add_zone(tree, &zone);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int add_package(struct tree *tree, uint32_t device)
{
    const struct sim_device *dev = sim_device(tree_sim(tree), device);
    const char *main_name = dev->kind == SIM_PSYS ? "psys" : "package";
    struct zone zone = {.device = device, .counter = sim_counter_find(dev, main_name)};
    if (!zone.counter) {
        return 0; /* the node gives this processor no energy counter */
    }
    (void)snprintf(zone.name, sizeof(zone.name), "intel-rapl:%u", dev->zone);
    (void)snprintf(zone.dir, sizeof(zone.dir), ZONES "/%s", zone.name);
    if (dev->kind == SIM_PSYS) {
        (void)snprintf(zone.label, sizeof(zone.label), "psys");
    } else if (dev->die == SIM_NONE) {
        (void)snprintf(zone.label, sizeof(zone.label), "package-%u", dev->package);
    } else {
        (void)snprintf(zone.label, sizeof(zone.label), "package-%u-die-%u", dev->package, dev->die);
    }
    int r = add_zone(tree, &zone);
    return r < 0 ? r : add_sub_zones(tree, device, &zone);
}

int tree_add_rapl(struct tree *tree)
{
    struct sim *sim = tree_sim(tree);
    if (sim_kind_count(sim, SIM_CPU) + sim_kind_count(sim, SIM_PSYS) == 0) {
        return 0;
    }
    int r = tree_add_text(tree, ZONES "/enabled", "1\n");
    if (r == 0) {
        r = tree_add_link(tree, CLASS "/intel-rapl", "../../../" ZONES);
    }
    for (uint32_t i = 0; i < sim_device_count(sim) && r == 0; i++) {
        uint32_t kind = sim_device(sim, i)->kind;
        if (kind == SIM_CPU || kind == SIM_PSYS) {
            r = add_package(tree, i);
        }
    }
    return r;
}

static int add_processor(struct tree *tree, const struct sim_device *dev, uint32_t cpu)
{
    const struct {
        const char *name;
        uint32_t value;
    } rows[] = {{"physical_package_id", dev->package},
                {"die_id", dev->die == SIM_NONE ? 0 : dev->die},
                {"core_id", cpu - dev->cpu_first}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/topology/%s", cpu,
                       rows[i].name);
        int r = tree_add_text(tree, path, "%u\n", rows[i].value);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int tree_add_cpus(struct tree *tree)
{
    struct sim *sim = tree_sim(tree);
    uint32_t last = 0;
    int has_any = 0;
    for (uint32_t i = 0; i < sim_device_count(sim); i++) {
        const struct sim_device *dev = sim_device(sim, i);
        for (uint32_t n = 0; n < dev->cpu_count; n++) {
            int r = add_processor(tree, dev, dev->cpu_first + n);
            if (r < 0) {
                return r;
            }
            last = MAX_OF(last, dev->cpu_first + n);
            has_any = 1;
        }
    }
    static const char *const lists[] = {"online", "possible", "present"};
    for (size_t i = 0; i < ARRAY_LEN(lists) && has_any; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "sys/devices/system/cpu/%s", lists[i]);
        int r = tree_add_text(tree, path, last ? "0-%u\n" : "%u\n", last);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}
