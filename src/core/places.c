/* SPDX-License-Identifier: Apache-2.0
 *
 * Which domains of a session may be summed, and which package a process runs on. Both are the pure
 * functions of device/containment and device/cpu_topology over the session's visible devices.
 */
#include "core/session.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "device/containment.h"
#include "device/cpu_topology.h"

static int is_asked_for(const struct device *dev, int gpus_only)
{
    return !gpus_only || dev->info.kind == ZEUS_KIND_GPU;
}

static size_t count_domains(const struct device_list *list, int gpus_only)
{
    size_t count = 0;
    for (size_t d = 0; d < list->count; d++) {
        count += is_asked_for(list->items[d], gpus_only) ? list->items[d]->domain_count : 0;
    }
    return count;
}

static size_t fill_places(const struct device_list *list, int gpus_only,
                          struct containment_place *places)
{
    size_t count = 0;
    for (size_t d = 0; d < list->count; d++) {
        const struct device *dev = list->items[d];
        if (is_asked_for(dev, gpus_only)) {
            count = containment_add_device(places, count, (uint32_t)d, &dev->info, dev->domains,
                                           dev->domain_count);
        }
    }
    return count;
}

/* Copies the chosen places; a device's domains lie side by side, so that the number of a domain is
 * its distance from the device's first. */
static size_t copy_chosen(const struct containment_place *from, size_t count,
                          const uint8_t *is_chosen, zeus_place *places, size_t capacity)
{
    size_t chosen = 0;
    size_t first = 0;
    for (size_t i = 0; i < count; i++) {
        first = from[i].device == from[first].device ? first : i;
        if (!is_chosen[i]) {
            continue;
        }
        if (chosen < capacity) {
            places[chosen] = (zeus_place){from[i].device, (uint32_t)(i - first)};
        }
        chosen++;
    }
    return chosen;
}

int zeus_session_sum_places(const zeus_session *session, int gpus_only, zeus_place *places,
                            size_t capacity, size_t *ret_count)
{
    if (!session || !ret_count || (capacity > 0 && !places)) {
        return ZEUS_EINVAL;
    }
    size_t count = count_domains(&session->inventory.devices, gpus_only);
    if (count == 0) {
        *ret_count = 0;
        return 0;
    }
    struct containment_place *all _free_ = mem_calloc(count, sizeof(*all));
    uint8_t *is_chosen _free_ = mem_calloc(count, 1);
    if (!all || !is_chosen) {
        return ZEUS_ENOMEM;
    }
    count = fill_places(&session->inventory.devices, gpus_only, all);
    (void)containment_select(all, count, is_chosen);
    size_t chosen = copy_chosen(all, count, is_chosen, places, capacity);
    *ret_count = chosen;
    return chosen <= capacity ? 0 : ZEUS_ETOOSMALL;
}

int zeus_cpu_of_pid(const zeus_session *session, uint32_t pid, uint32_t *ret_cpu, zeus_error *err)
{
    if (!session || !ret_cpu) {
        return err_set(err, ZEUS_EINVAL, "session or ret_cpu is NULL");
    }
    struct cpu_location location = {0};
    int r = cpu_topology_of_pid(session->inventory.env.root_fd, pid, &location, err);
    if (r < 0) {
        return r;
    }
    uint32_t position = 0;
    r = cpu_topology_find_device(session->inventory.devices.items, session->inventory.devices.count,
                                 &location, &position, err);
    if (r == 0) {
        *ret_cpu = (uint32_t)session->inventory.devices.items[position]->info.index;
    }
    return r;
}
