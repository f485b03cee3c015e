/* SPDX-License-Identifier: Apache-2.0
 *
 * See fake_devices.h.
 */
#include "fake_devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void destroy(struct device *dev)
{
    (void)dev;
}

static const struct device_ops ops = {.name = "fake", .destroy = destroy};

static struct device *make(uint32_t kind, int index)
{
    struct device *dev = calloc(1, sizeof *dev);
    if (!dev) {
        abort();
    }
    device_base_init(dev, &ops, kind);
    dev->info.index = dev->info.physical_index = index;
    (void)snprintf(dev->info.backend, sizeof dev->info.backend, "fake");
    (void)snprintf(dev->info.name, sizeof dev->info.name, "%s %d",
                   kind == ZEUS_KIND_GPU ? "gpu" : "package", index);
    (void)snprintf(dev->info.uuid, sizeof dev->info.uuid, "FAKE-%u-%d", kind, index);
    return dev;
}

static void add(struct device *dev, const char *name, uint32_t kind, uint32_t source,
                const char *sensor_class)
{
    zeus_domain_info domain = {.kind = kind, .source = source, .parent = -1, .quantum_uj = 1000};
    (void)snprintf(domain.name, sizeof domain.name, "%s", name);
    (void)snprintf(domain.sensor_class, sizeof domain.sensor_class, "%s", sensor_class);
    if (device_add_domain(dev, &domain) < 0) {
        abort();
    }
}

struct device *fake_gpu(int index, uint32_t source, const char *sensor_class)
{
    struct device *dev = make(ZEUS_KIND_GPU, index);
    add(dev, "gpu", ZEUS_DOMAIN_GPU, source, sensor_class);
    return dev;
}

struct device *fake_cpu(int index)
{
    struct device *dev = make(ZEUS_KIND_CPU, index);
    char name[48];
    (void)snprintf(name, sizeof name, "package-%d", index);
    (void)snprintf(dev->info.name, sizeof dev->info.name, "%s", name);
    add(dev, name, ZEUS_DOMAIN_PACKAGE, ZEUS_SOURCE_COUNTER, "rapl");
    add(dev, "dram", ZEUS_DOMAIN_DRAM, ZEUS_SOURCE_COUNTER, "rapl");
    return dev;
}

void fake_device_free(struct device *dev)
{
    if (dev) {
        device_base_done(dev);
        free(dev);
    }
}
