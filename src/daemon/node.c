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
                          .info = device->info,
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
    struct device **devices = mem_calloc(count ? count : 1, sizeof(*devices));
    struct slot *slots = mem_calloc(count ? count : 1, sizeof(*slots));
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

int node_open(struct node *node, const struct node_options *options, zeus_error *err)
{
    *node = (struct node){.options = *options, .log = options->log};
    mutex_init(&node->recovery);
    if (options->families == 0) {
        return 0;
    }
    struct inventory *inventory = NULL;
    int r = open_inventory(options->families, &inventory, err);
    if (r < 0) {
        return r;
    }
    node->inventories[node->inventory_count++] = inventory;
    say_findings(node, inventory);
    r = adopt(node, &inventory->devices, ZEUS_KIND_GPU, &node->gpus, &node->gpu_count);
    if (r == 0) {
        r = adopt(node, &inventory->devices, ZEUS_KIND_CPU, &node->cpus, &node->cpu_count);
    }
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

struct slot *node_slots(struct node *node, uint32_t kind, size_t *ret_count)
{
    *ret_count = kind == ZEUS_KIND_GPU ? node->gpu_count : node->cpu_count;
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
    int r = start_all(node->gpus, node->gpu_count, err);
    return r < 0 ? r : start_all(node->cpus, node->cpu_count, err);
}

static void each(struct node *node, void (*act)(struct slot *slot))
{
    for (size_t i = 0; i < node->gpu_count; i++) {
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
    return (node->gpu_count + node->cpu_count) * QUANTITY_COUNT;
}

uint32_t node_topic(const struct slot *slot, enum quantity quantity)
{
    size_t position = slot->number + (slot->kind == ZEUS_KIND_GPU ? 0 : slot->node->gpu_count);
    return (uint32_t)(position * QUANTITY_COUNT + quantity);
}

void node_watch(void *user, size_t topic, int delta)
{
    struct node *node = user;
    size_t position = topic / QUANTITY_COUNT;
    struct slot *slot = position < node->gpu_count ? &node->gpus[position]
                                                   : &node->cpus[position - node->gpu_count];
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
        if (strcmp(slot->info.backend, families[i].backend) == 0) {
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

static struct device *find_again(const struct slot *slot, const struct inventory *inventory)
{
    for (size_t i = 0; i < inventory->devices.count; i++) {
        if (is_same(&slot->info, &inventory->devices.items[i]->info)) {
            return inventory->devices.items[i];
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

void node_recover(struct node *node, struct slot *slot)
{
    mutex_lock(&node->recovery);
    struct inventory *inventory = NULL;
    if (node->inventory_count < NODE_INVENTORIES_MAX &&
        open_inventory(family_of(slot), &inventory, NULL) == 0) {
        struct device *found = find_again(slot, inventory);
        /* A call in progress on the lost device may take long: then the next search tries again. */
        if (found && answers(found) && pthread_rwlock_trywrlock(&slot->device_lock) == 0) {
            node->inventories[node->inventory_count++] = inventory;
            inventory = NULL;
            slot->device = found;
            ZEUS_ASSERT(pthread_rwlock_unlock(&slot->device_lock) == 0);
            log_write(node->log, ZEUS_LOG_INFO, "node", "%s (%s) is back", slot->info.name,
                      slot->info.pci[0] ? slot->info.pci : slot->info.backend);
        }
    }
    if (inventory) {
        free_inventory(inventory);
    }
    mutex_unlock(&node->recovery);
}
