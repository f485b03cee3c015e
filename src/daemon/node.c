/* SPDX-License-Identifier: Apache-2.0
 *
 * Discovery into slots, and finding again what was lost. An inventory lives until the node closes:
 * a vendor's library gives no promise about handles from before another start of it, so a device
 * that came back is served by the inventory that found it.
 */
#include "daemon/node.h"

#include <stdlib.h>
#include <string.h>

#include <zeus/session.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

static int open_inventory(uint32_t families, struct inventory **ret, zeus_error *err)
{
    struct inventory *inventory = mem_calloc(1, sizeof(*inventory));
    if (!inventory) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct inventory_options options = {.families = families, .is_unmasked = 1};
    int r = inventory_open(inventory, &options, err);
    if (r < 0) {
        inventory_close(inventory);
        free(inventory);
        return r;
    }
    *ret = inventory;
    return 0;
}

static void free_inventory(struct inventory *inventory)
{
    inventory_close(inventory);
    free(inventory);
}

/* CPU packages and platforms that are powercap zones; a GPU is a GPU. 0: none of the daemon's. */
static uint32_t slot_kind(const struct device *device)
{
    if (device->info.kind == ZEUS_KIND_GPU) {
        return ZEUS_KIND_GPU;
    }
    int is_rapl = strcmp(device->info.backend, "rapl") == 0;
    return is_rapl && device->info.physical_index >= 0 ? ZEUS_KIND_CPU : 0;
}

static void slot_init(struct slot *slot, struct node *node, struct device *device, uint32_t id)
{
    uint32_t hz =
        device->info.kind == ZEUS_KIND_GPU ? node->options.gpu_poll_hz : node->options.cpu_poll_hz;
    uint32_t queue_max = node->options.queue_max ? node->options.queue_max : SLOT_QUEUE_MAX;
    *slot = (struct slot){.node = node,
                          .kind = slot_kind(device),
                          .id = id,
                          .first_info = device->info,
                          .device = device,
                          .reads.max = queue_max,
                          .writes.max = queue_max,
                          .period_ns = UINT64_C(1000000000) / MAX_OF(hz, 1u)};
    mutex_init(&slot->lock);
    ZEUS_ASSERT(pthread_cond_init(&slot->released, NULL) == 0);
    ZEUS_ASSERT(pthread_rwlock_init(&slot->device_lock, NULL) == 0);
}

static size_t count_kind(const struct device_list *list, uint32_t kind)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        count += slot_kind(list->items[i]) == kind;
    }
    return count;
}

static int by_id(const void *a, const void *b)
{
    const struct device *const *left = a;
    const struct device *const *right = b;
    return ((*left)->info.physical_index > (*right)->info.physical_index) -
           ((*left)->info.physical_index < (*right)->info.physical_index);
}

/* The slots of one kind: GPUs numbered as found, CPUs by their zone. */
static int adopt(struct node *node, const struct device_list *list, uint32_t kind,
                 struct slot **ret_slots, size_t *ret_count)
{
    size_t count = count_kind(list, kind);
    size_t room = kind == ZEUS_KIND_GPU ? node->gpu_capacity : count;
    struct device **devices = mem_calloc(count ? count : 1, sizeof(*devices));
    struct slot *slots = mem_calloc(room ? room : 1, sizeof(*slots));
    if (!devices || !slots) {
        free(devices);
        free(slots);
        return ZEUS_ENOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (slot_kind(list->items[i]) == kind) {
            devices[n++] = list->items[i];
        }
    }
    if (kind == ZEUS_KIND_CPU) {
        qsort(devices, n, sizeof(struct device *), by_id);
    }
    for (size_t i = 0; i < n; i++) {
        slot_init(&slots[i], node, devices[i],
                  kind == ZEUS_KIND_CPU ? (uint32_t)devices[i]->info.physical_index : (uint32_t)i);
        slots[i].number = (uint32_t)i;
        slots[i].position = (uint32_t)(kind == ZEUS_KIND_GPU ? i : node_gpu_count(node) + i);
    }
    free(devices);
    *ret_slots = slots;
    *ret_count = n;
    return 0;
}

static void say_findings(const struct node *node, const struct inventory *inventory)
{
    for (uint32_t i = 0; i < inventory->finding_count; i++) {
        const zeus_finding *f = &inventory->findings[i];
        log_write(node->log, f->devices > 0 ? ZEUS_LOG_INFO : ZEUS_LOG_DEBUG, "node",
                  "%s: %d devices (%s)", f->family_name, (int)f->devices, f->detail);
    }
}

static int wants_gpus(const struct node *node)
{
    return (node->options.families & (ZEUS_FAMILY_NVIDIA | ZEUS_FAMILY_AMD)) != 0;
}

static int place_all(struct node *node)
{
    node->by_position = mem_calloc(node_capacity(node) + 1, sizeof(struct slot *));
    if (!node->by_position) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < node_gpu_count(node); i++) {
        node->by_position[node->gpus[i].position] = &node->gpus[i];
    }
    for (size_t i = 0; i < node->cpu_count; i++) {
        node->by_position[node->cpus[i].position] = &node->cpus[i];
    }
    return 0;
}

static int adopt_all(struct node *node, const struct device_list *list)
{
    size_t count = 0;
    size_t found = count_kind(list, ZEUS_KIND_GPU);
    node->gpu_capacity = wants_gpus(node) ? MAX_OF(found, (size_t)NODE_GPUS_MAX) : 0;
    int r = adopt(node, list, ZEUS_KIND_GPU, &node->gpus, &count);
    flag_set(&node->gpu_total, count);
    r = r < 0 ? r : adopt(node, list, ZEUS_KIND_CPU, &node->cpus, &node->cpu_count);
    return r < 0 ? r : place_all(node);
}

int node_open(struct node *node, const struct node_options *options, zeus_error *err)
{
    *node = (struct node){.options = *options, .log = options->log};
    mutex_init(&node->recovery);
    if (options->families == 0) {
        return place_all(node);
    }
    struct inventory *inventory = NULL;
    int r = open_inventory(options->families, &inventory, err);
    if (r < 0) {
        return r;
    }
    node->inventories[node->inventory_count++] = inventory;
    say_findings(node, inventory);
    r = adopt_all(node, &inventory->devices);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

struct slot *node_slots(struct node *node, uint32_t kind, size_t *ret_count)
{
    *ret_count = kind == ZEUS_KIND_GPU ? node_gpu_count(node) : node->cpu_count;
    return kind == ZEUS_KIND_GPU ? node->gpus : node->cpus;
}

static int start_all(struct slot *slots, size_t count, zeus_error *err)
{
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++) {
        r = slot_start(&slots[i], err);
    }
    return r;
}

int node_start(struct node *node, struct hub *hub, zeus_error *err)
{
    node->hub = hub;
    int r = start_all(node->gpus, node_gpu_count(node), err);
    return r < 0 ? r : start_all(node->cpus, node->cpu_count, err);
}

static void each(struct node *node, void (*act)(struct slot *slot))
{
    for (size_t i = 0; i < node_gpu_count(node); i++) {
        act(&node->gpus[i]);
    }
    for (size_t i = 0; i < node->cpu_count; i++) {
        act(&node->cpus[i]);
    }
}

void node_stop(struct node *node)
{
    each(node, slot_stop);
}

static void slot_done(struct slot *slot)
{
    (void)pthread_cond_destroy(&slot->released); /* nobody waits any more */
    mutex_done(&slot->lock);
    (void)pthread_rwlock_destroy(&slot->device_lock); /* fails only when held */
}

void node_close(struct node *node)
{
    each(node, slot_done);
    free(node->gpus);
    free(node->cpus);
    free(node->by_position);
    for (size_t i = 0; i < node->inventory_count; i++) {
        free_inventory(node->inventories[i]);
    }
    mutex_done(&node->recovery);
}

struct slot *node_find(struct node *node, uint32_t kind, uint64_t id)
{
    size_t count = 0;
    struct slot *slots = node_slots(node, kind, &count);
    for (size_t i = 0; i < count; i++) {
        if (slots[i].id == id) {
            return &slots[i];
        }
    }
    return NULL;
}

size_t node_topic_count(const struct node *node)
{
    return node_capacity(node) * QUANTITY_COUNT;
}

uint32_t node_topic(const struct slot *slot, enum quantity quantity)
{
    return (uint32_t)(slot->position * QUANTITY_COUNT + quantity);
}

void node_watch(void *user, size_t topic, int delta)
{
    struct node *node = user;
    struct slot *slot = node_at(node, topic / QUANTITY_COUNT);
    slot_subscribe(slot, (enum quantity)(topic % QUANTITY_COUNT), delta);
}

static uint32_t family_of(const struct slot *slot)
{
    static const struct {
        const char *backend;
        uint32_t family;
    } families[] = {
        {"nvml", ZEUS_FAMILY_NVIDIA}, {"amdsmi", ZEUS_FAMILY_AMD}, {"rapl", ZEUS_FAMILY_RAPL}};
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        if (strcmp(slot_info(slot)->backend, families[i].backend) == 0) {
            return families[i].family;
        }
    }
    return 0;
}

static int is_same(const zeus_device_info *a, const zeus_device_info *b)
{
    if (a->kind != b->kind || strcmp(a->backend, b->backend) != 0) {
        return 0;
    }
    if (a->pci[0] || b->pci[0]) {
        return strcmp(a->pci, b->pci) == 0 && strcmp(a->uuid, b->uuid) == 0;
    }
    return a->physical_index == b->physical_index;
}

static struct slot *slot_of(struct node *node, const struct device *device)
{
    for (size_t i = 0; i < node_gpu_count(node); i++) {
        if (is_same(slot_info(&node->gpus[i]), &device->info)) {
            return &node->gpus[i];
        }
    }
    return NULL;
}

static int is_identified(const struct device *device)
{
    return device->info.pci[0] || device->info.uuid[0];
}

/* A slot that nobody knew the device of takes the one that is where it was, if it is no other's. */
static int is_late(struct slot *slot, const struct device *device)
{
    const zeus_device_info *info = slot_info(slot);
    return slot_is_unidentified(slot) && is_identified(device) &&
           strcmp(info->backend, device->info.backend) == 0 &&
           info->physical_index == device->info.physical_index && !slot_of(slot->node, device);
}

static struct device *find_again(struct slot *slot, const struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->devices.count; i++) {
        struct device *device = inventory->devices.items[i];
        if ((!slot_is_unidentified(slot) && is_same(slot_info(slot), &device->info)) ||
            is_late(slot, device)) {
            return device;
        }
    }
    return NULL;
}

/* A listed device may still be lost: it must answer. */
static int answers(struct device *device)
{
    zeus_power_sample power;
    zeus_energy_sample energy;
    uint32_t domain = slot_main_domain(device);
    return device_read_power(device, domain, slot_power_field(device), &power, NULL) == 0 ||
           device_read_energy(device, domain, &energy, NULL) == 0;
}

static void arrive(struct slot *slot, struct device *device)
{
    const struct node_options *options = &slot->node->options;
    if (options->on_arrival) {
        options->on_arrival(options->user, slot, device);
    }
}

static void tell_change(const struct node *node)
{
    if (node->options.on_change) {
        node->options.on_change(node->options.user);
    }
}

/* Puts the device into the slot. A call in progress on the lost one may take long: then 0, and the
 * next search tries again. */
static int replace(struct slot *slot, struct device *found)
{
    if (pthread_rwlock_trywrlock(&slot->device_lock) != 0) {
        return 0;
    }
    int is_first_time = slot_is_unidentified(slot);
    if (is_first_time) {
        slot->late_info = found->info;
        slot->late_info.index = slot->first_info.index;
        flag_set(&slot->is_late, 1);
        arrive(slot, found);
    }
    slot->device = found;
    ZEUS_ASSERT(pthread_rwlock_unlock(&slot->device_lock) == 0);
    const zeus_device_info *info = slot_info(slot);
    log_write(slot->node->log, ZEUS_LOG_INFO, "node", "%s (%s) is %s", info->name,
              info->pci[0] ? info->pci : info->backend, is_first_time ? "there now" : "back");
    if (is_first_time) {
        tell_change(slot->node);
    }
    return 1;
}

void node_recover(struct node *node, struct slot *slot)
{
    mutex_lock(&node->recovery);
    struct inventory *inventory = NULL;
    if (node->inventory_count < NODE_INVENTORIES_MAX &&
        open_inventory(family_of(slot), &inventory, NULL) == 0) {
        struct device *found = find_again(slot, inventory);
        if (found && answers(found) && replace(slot, found)) {
            node->inventories[node->inventory_count++] = inventory;
            inventory = NULL;
        }
    }
    if (inventory) {
        free_inventory(inventory);
    }
    mutex_unlock(&node->recovery);
}

/* A slot for a GPU that came later: at the end, so that no other one's number changes. */
static int add_late(struct node *node, struct device *device)
{
    size_t number = node_gpu_count(node);
    struct slot *slot = &node->gpus[number];
    zeus_error err = {0};
    if (number >= node->gpu_capacity) {
        return 0;
    }
    slot_init(slot, node, device, (uint32_t)number);
    slot->number = (uint32_t)number;
    slot->position = (uint32_t)node_count(node);
    if (slot_start(slot, &err) < 0) {
        slot_stop(slot);
        slot_done(slot);
        log_write(node->log, ZEUS_LOG_WARNING, "node", "%s is there, but: %s", device->info.name,
                  err.message);
        return 0;
    }
    arrive(slot, device);
    node->by_position[slot->position] = slot;
    flag_set(&node->gpu_total, number + 1);
    log_write(node->log, ZEUS_LOG_INFO, "node", "%s (%s) is there now: GPU %u", device->info.name,
              device->info.pci, slot->id);
    return 1;
}

static int place_late(struct node *node, struct device *device)
{
    if (slot_kind(device) != ZEUS_KIND_GPU || !is_identified(device) || slot_of(node, device) ||
        !answers(device)) {
        return 0;
    }
    for (size_t i = 0; i < node_gpu_count(node); i++) {
        if (is_late(&node->gpus[i], device)) {
            return replace(&node->gpus[i], device);
        }
    }
    return add_late(node, device);
}

/* AMD's library takes long to look and makes no promise about being started again under devices
 * that it serves: it is asked while nothing of it is served, or something is lacking. */
static uint32_t families_to_probe(const struct node *node)
{
    uint32_t families = node->options.families & (ZEUS_FAMILY_NVIDIA | ZEUS_FAMILY_AMD);
    int has_amd = 0;
    for (size_t i = 0; i < node_gpu_count(node); i++) {
        has_amd |= family_of(&node->gpus[i]) == ZEUS_FAMILY_AMD;
    }
    return has_amd && !node_lacks_gpus(node) ? families & ~ZEUS_FAMILY_AMD : families;
}

size_t node_probe(struct node *node)
{
    size_t came = 0;
    struct inventory *inventory = NULL;
    uint32_t families = families_to_probe(node);
    mutex_lock(&node->recovery);
    if (families && node->inventory_count < NODE_INVENTORIES_MAX &&
        open_inventory(families, &inventory, NULL) == 0) {
        for (size_t i = 0; i < inventory->devices.count; i++) {
            came += (size_t)place_late(node, inventory->devices.items[i]);
        }
    }
    if (came > 0) {
        node->inventories[node->inventory_count++] = inventory;
        tell_change(node);
    } else if (inventory) {
        free_inventory(inventory);
    }
    mutex_unlock(&node->recovery);
    return came;
}

int node_lacks_gpus(const struct node *node)
{
    int is_lacking = wants_gpus(node) && node_gpu_count(node) == 0;
    for (size_t i = 0; i < node_gpu_count(node); i++) {
        is_lacking |= slot_is_unidentified(&node->gpus[i]);
    }
    return is_lacking;
}
