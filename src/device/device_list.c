/* SPDX-License-Identifier: Apache-2.0
 *
 * The base of a device, lists of devices, findings: what every backend builds its devices with.
 */
#include "device/backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

#define DEVICES_MAX 4096
#define DOMAINS_MAX 256

void device_base_init(struct device *dev, const struct device_ops *ops, uint32_t kind)
{
    dev->ops = ops;
    dev->info.kind = kind;
    dev->info.index = -1;
    dev->info.physical_index = -1;
    (void)snprintf(dev->info.backend, sizeof(dev->info.backend), "%s", ops->name);
    for (uint32_t i = 0; i < ZEUS_FEATURE_COUNT; i++) {
        device_set_feature(dev, i, ZEUS_ENOTSUP, "not supported by this kind of device", NULL);
    }
}

void device_base_done(struct device *dev)
{
    free(dev->domains);
    dev->domains = NULL;
    dev->domain_count = 0;
}

int device_add_domain(struct device *dev, const zeus_domain_info *domain)
{
    size_t capacity = dev->domain_count; /* devices have a handful of domains: grow one by one */
    if (dev->domain_count >= DOMAINS_MAX) {
        return ZEUS_ELIMIT;
    }
    zeus_domain_info *moved = realloc(dev->domains, (capacity + 1) * sizeof(*moved));
    if (!moved) {
        return ZEUS_ENOMEM;
    }
    dev->domains = moved;
    dev->domains[dev->domain_count] = *domain;
    return (int)dev->domain_count++;
}

void device_set_feature(struct device *dev, uint32_t feature, int code, const char *reason,
                        const char *remedy)
{
    ZEUS_ASSERT(feature < ZEUS_FEATURE_COUNT);
    zeus_feature_state *state = &dev->features[feature];
    state->code = code;
    (void)snprintf(state->reason, sizeof(state->reason), "%s", reason ? reason : "");
    (void)snprintf(state->remedy, sizeof(state->remedy), "%s", remedy ? remedy : "");
}

int device_list_add(struct device_list *list, struct device *dev)
{
    int r = mem_grow(&list->items, &list->capacity, list->count + 1, sizeof(struct device *),
                     DEVICES_MAX);
    if (r < 0) {
        dev->ops->destroy(dev);
        return r;
    }
    list->items[list->count++] = dev;
    return 0;
}

void device_list_done(struct device_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        list->items[i]->ops->destroy(list->items[i]);
    }
    free(list->items);
    *list = (struct device_list){0};
}

void finding_set(zeus_finding *finding, int code, int devices, const char *remedy,
                 const char *format, ...)
{
    finding->code = code;
    finding->devices = devices;
    (void)snprintf(finding->remedy, sizeof(finding->remedy), "%s", remedy ? remedy : "");
    va_list args;
    va_start(args, format);
    (void)vsnprintf(finding->detail, sizeof(finding->detail), format, args);
    va_end(args);
}
