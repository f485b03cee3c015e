/* SPDX-License-Identifier: Apache-2.0
 *
 * One SoC device with a domain for each energy field. Each read takes a sample, adds the energy
 * since the last one to the totals under a lock, and answers the total: the counters behind it may
 * wrap as they like. Fields found at the start stay; a source that suddenly has others is an error.
 */
#include "device/apple/apple_device.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "device/apple/apple_channels.h"

/* Which value a domain shows. */
struct slot {
    enum apple_field field;
    uint32_t position;
};

struct apple {
    struct device base;
    struct apple_source source;
    pthread_mutex_t lock;
    struct apple_energy total; /* under the lock */
    struct slot *slots;        /* owned, one a domain */
    size_t capacity;
};

static void destroy(struct device *dev);
static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err);

static const struct device_ops apple_ops = {
    .name = "apple",
    .destroy = destroy,
    .read_energy = read_energy,
};

static struct apple *downcast(struct device *dev)
{
    ZEUS_ASSERT(dev->ops == &apple_ops);
    return CONTAINER_OF(dev, struct apple, base);
}

static void destroy(struct device *dev)
{
    struct apple *apple = downcast(dev);
    apple->source.close(apple->source.state);
    (void)pthread_mutex_destroy(&apple->lock);
    free(apple->slots);
    device_base_done(dev);
    free(apple);
}

static int take_channel(const char *name, const char *unit, int64_t value, void *user)
{
    return apple_energy_add(user, name, unit, value);
}

/* One sample into *ret_delta. */
static int read_delta(const struct apple_source *source, struct apple_energy *ret_delta,
                      zeus_error *err)
{
    int r = source->next(source->state, take_channel, ret_delta, err);
    if (r < 0 && err && err->code != r) {
        return err_set(err, r, "an energy channel of IOReport: %s", zeus_strerror(r));
    }
    return r;
}

static int read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    struct apple *apple = downcast(dev);
    const struct slot *slot = &apple->slots[domain];
    struct apple_energy delta = {0};
    (void)pthread_mutex_lock(&apple->lock);
    int r = read_delta(&apple->source, &delta, err);
    if (r == 0) {
        r = apple_energy_accumulate(&apple->total, &delta);
    }
    uint64_t nj = apple->total.fields[slot->field].nj[slot->position];
    (void)pthread_mutex_unlock(&apple->lock);
    if (r == ZEUS_ESTATE) {
        return err_set(err, r, "IOReport shows other energy channels than at the start");
    }
    if (r == 0) {
        *ret_uj = nj / 1000;
    }
    return r;
}

static const struct {
    const char *name;
    uint32_t kind;
    int is_cpu_part;
} field_rows[APPLE_FIELD_COUNT] = {
    [APPLE_CPU_TOTAL] = {"cpu", ZEUS_DOMAIN_SOC_CPU, 0},
    [APPLE_EFFICIENCY_CORE] = {"efficiency-core", ZEUS_DOMAIN_SOC_CPU, 1},
    [APPLE_PERFORMANCE_CORE] = {"performance-core", ZEUS_DOMAIN_SOC_CPU, 1},
    [APPLE_EFFICIENCY_CLUSTER] = {"efficiency-cluster", ZEUS_DOMAIN_SOC_CPU, 1},
    [APPLE_PERFORMANCE_CLUSTER] = {"performance-cluster", ZEUS_DOMAIN_SOC_CPU, 1},
    [APPLE_EFFICIENCY_MANAGER] = {"efficiency-manager", ZEUS_DOMAIN_SOC_CPU, 1},
    [APPLE_PERFORMANCE_MANAGER] = {"performance-manager", ZEUS_DOMAIN_SOC_CPU, 1},
    [APPLE_DRAM] = {"dram", ZEUS_DOMAIN_DRAM, 0},
    [APPLE_GPU] = {"gpu", ZEUS_DOMAIN_SOC_GPU, 0},
    [APPLE_GPU_SRAM] = {"gpu-sram", ZEUS_DOMAIN_SOC_GPU, 0},
    [APPLE_ANE] = {"ane", ZEUS_DOMAIN_SOC_OTHER, 0},
};

/* Clusters come before cores, so that a core can name its parent. */
static const enum apple_field field_order[] = {
    APPLE_CPU_TOTAL,
    APPLE_EFFICIENCY_CLUSTER,
    APPLE_PERFORMANCE_CLUSTER,
    APPLE_EFFICIENCY_MANAGER,
    APPLE_PERFORMANCE_MANAGER,
    APPLE_EFFICIENCY_CORE,
    APPLE_PERFORMANCE_CORE,
    APPLE_DRAM,
    APPLE_GPU,
    APPLE_GPU_SRAM,
    APPLE_ANE,
};

static int32_t first_slot(const struct apple *apple, enum apple_field field)
{
    for (uint32_t i = 0; i < apple->base.domain_count; i++) {
        if (apple->slots[i].field == field) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* The CPU total contains all its parts; without it, a cluster contains the cores of its kind. */
static int32_t parent_of(const struct apple *apple, enum apple_field field)
{
    if (!field_rows[field].is_cpu_part) {
        return -1;
    }
    int32_t total = first_slot(apple, APPLE_CPU_TOTAL);
    if (total >= 0) {
        return total;
    }
    if (field == APPLE_EFFICIENCY_CORE) {
        return first_slot(apple, APPLE_EFFICIENCY_CLUSTER);
    }
    return field == APPLE_PERFORMANCE_CORE ? first_slot(apple, APPLE_PERFORMANCE_CLUSTER) : -1;
}

static int add_domain(struct apple *apple, enum apple_field field, uint32_t position)
{
    zeus_domain_info info = {.kind = field_rows[field].kind,
                             .source = ZEUS_SOURCE_COUNTER,
                             .flags = ZEUS_DOMAIN_MODELLED,
                             .parent = parent_of(apple, field),
                             .origin = "IOReport, group Energy Model",
                             .sensor_class = "apple/ioreport"};
    if (apple_field_is_list(field)) {
        (void)snprintf(info.name, sizeof(info.name), "%s-%" PRIu32, field_rows[field].name,
                       position);
    } else {
        (void)snprintf(info.name, sizeof(info.name), "%s", field_rows[field].name);
    }
    int r = mem_grow(&apple->slots, &apple->capacity, apple->base.domain_count + 1,
                     sizeof(*apple->slots), 1024);
    if (r < 0) {
        return r;
    }
    apple->slots[apple->base.domain_count] = (struct slot){field, position};
    r = device_add_domain(&apple->base, &info);
    return r < 0 ? r : 0;
}

static int add_domains(struct apple *apple)
{
    int r = 0;
    for (size_t f = 0; f < ARRAY_LEN(field_order) && r == 0; f++) {
        enum apple_field field = field_order[f];
        for (uint32_t i = 0; i < apple->total.fields[field].count && r == 0; i++) {
            r = add_domain(apple, field, i);
        }
    }
    return r;
}

static struct apple *create(const struct device_env *env, const struct apple_source *source)
{
    struct apple *apple = mem_calloc(1, sizeof(*apple));
    if (!apple) {
        source->close(source->state);
        return NULL;
    }
    if (pthread_mutex_init(&apple->lock, NULL) != 0) {
        source->close(source->state);
        free(apple);
        return NULL;
    }
    device_base_init(&apple->base, &apple_ops, ZEUS_KIND_SOC);
    apple->source = *source;
    zeus_device_info *info = &apple->base.info;
    (void)snprintf(info->name, sizeof(info->name), "Apple Silicon");
    (void)snprintf(info->uuid, sizeof(info->uuid), "synthetic-apple-0");
    info->physical_index = 0;
    info->flags = env->is_simulated ? ZEUS_DEVICE_SIMULATED : 0;
    return apple;
}

int apple_device_add(const struct device_env *env, const struct apple_source *source,
                     struct device_list *list, zeus_error *err)
{
    struct apple *apple = create(env, source);
    if (!apple) {
        return err_set(err, ZEUS_ENOMEM, "apple: %s", zeus_strerror(ZEUS_ENOMEM));
    }
    int r = read_delta(&apple->source, &apple->total, err);
    r = r < 0 ? r : add_domains(apple);
    if (r == 0 && apple->base.domain_count == 0) {
        r = err_set(err, ZEUS_ENOTFOUND, "IOReport's Energy Model has no channel that we know");
    }
    if (r < 0) {
        destroy(&apple->base);
        return r;
    }
    int has_dram = first_slot(apple, APPLE_DRAM) >= 0;
    device_set_feature(&apple->base, ZEUS_FEATURE_ENERGY_COUNTER, 0, NULL, NULL);
    device_set_feature(&apple->base, ZEUS_FEATURE_DRAM_ENERGY, has_dram ? 0 : ZEUS_ENOTSUP,
                       has_dram ? NULL : "no DRAM channel", NULL);
    return device_list_add(list, &apple->base);
}
