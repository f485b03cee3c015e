/* SPDX-License-Identifier: Apache-2.0
 *
 * What a monitor watches: every domain of its devices, asked once for what it can tell, and which
 * of them may be added up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "device/containment.h"
#include "device/device.h"
#include "monitor/energy_window.h"

/* More than this is no reading. */
#define POWER_SANE_UW UINT64_C(20000000000)
#define LIMIT_MARGIN  1.5

struct flag_pair {
    uint32_t from;
    uint32_t to;
};

static const struct flag_pair device_flags[] = {
    {ZEUS_DEVICE_SHARED_BOARD, ZEUS_ENERGY_SHARED_BOARD},
    {ZEUS_DEVICE_MODULE_SCOPE, ZEUS_ENERGY_MODULE_SCOPE},
    {ZEUS_DEVICE_PAIRED_DIE, ZEUS_ENERGY_PAIRED_DIE},
    {ZEUS_DEVICE_SIMULATED, ZEUS_ENERGY_SIMULATED},
};

static uint32_t flags_of(const struct device *dev, const zeus_domain_info *domain)
{
    uint32_t flags = domain->flags & ZEUS_DOMAIN_MODELLED ? ZEUS_ENERGY_MODELLED : 0;
    for (size_t i = 0; i < ARRAY_LEN(device_flags); i++) {
        flags |= dev->info.flags & device_flags[i].from ? device_flags[i].to : 0;
    }
    if (domain->kind == ZEUS_DOMAIN_MODULE) {
        flags |= ZEUS_ENERGY_MODULE_SCOPE;
    }
    return flags;
}

/* The power field that answers; the shortest window first. */
static int find_power(const struct zeus_monitor *monitor, struct device *dev, uint32_t domain,
                      uint32_t *ret_field)
{
    static const uint32_t fields[] = {ZEUS_POWER_INSTANT, ZEUS_POWER_AVERAGE};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        zeus_power_sample sample = {0};
        if (monitor->io.read_power(monitor->io.user, dev, domain, fields[i], &sample) == 0 &&
            sample.power_uw < POWER_SANE_UW) {
            *ret_field = fields[i];
            return 1;
        }
    }
    return 0;
}

/* Most power that is believed of a board: its highest limit and some. */
static double most_w(struct device *dev, const zeus_domain_info *domain)
{
    zeus_power_limits limits;
    if (domain->kind != ZEUS_DOMAIN_GPU || device_read_power_limits(dev, &limits, NULL) < 0 ||
        limits.max_uw == 0 || (dev->info.flags & ZEUS_DEVICE_MODULE_SCOPE)) {
        return 0;
    }
    return LIMIT_MARGIN * (double)limits.max_uw * 1e-6;
}

/* The class's model, with what is known of this very device put in. */
static void find_model(struct zeus_monitor *monitor, const struct zeus_calibration *calibration,
                       uint32_t power_field, struct monitor_place *place)
{
    const struct device *dev = place->dev;
    sensor_model_of(&dev->info, &place->info, power_field, &place->model);
    if (calibration_apply(calibration, &dev->info, &place->info, power_field, &place->model,
                          place->note)) {
        place->flags |= ZEUS_ENERGY_OWN_MODEL;
    }
    if (place->note[0]) {
        log_write(monitor->log, ZEUS_LOG_WARNING, "calibration", "%s %s: %s", dev->info.uuid,
                  place->info.name, place->note);
    }
}

static int add_source(struct zeus_monitor *monitor, const struct zeus_calibration *calibration,
                      struct device *dev, uint32_t position, uint32_t domain)
{
    struct monitor_place *place = &monitor->places[monitor->count];
    struct source *source = &monitor->sources[monitor->count];
    *place = (struct monitor_place){
        .dev = dev,
        .position = position,
        .domain = domain,
        .info = dev->domains[domain],
    };
    place->flags = flags_of(dev, &place->info);
    struct source_config config = {.dev = dev,
                                   .domain = domain,
                                   .base_ns = monitor->base_ns,
                                   .history_ns = monitor->history_ns,
                                   .quantum_uj = place->info.quantum_uj};
    if (place->info.source != ZEUS_SOURCE_NONE) {
        config.has_counter = place->info.source == ZEUS_SOURCE_COUNTER;
        uint32_t field = ZEUS_POWER_INSTANT;
        config.has_power = (uint32_t)find_power(monitor, dev, domain, &field);
        config.power_field = field;
        config.max_w = most_w(dev, &place->info);
    }
    find_model(monitor, calibration, config.power_field, place);
    config.model = place->model;
    if (!config.has_counter && !config.has_power) {
        place->code = ZEUS_ENOTSUP;
    }
    monitor->count++;
    return source_init(source, &config);
}

/* Marks what may be added up; `kind` 0 is everything. */
static int select_sum(struct zeus_monitor *monitor, const struct monitor_config *config,
                      uint32_t kind)
{
    struct containment_place *all _free_ = mem_calloc(monitor->count + 1, sizeof *all);
    size_t *numbers _free_ = mem_calloc(monitor->count + 1, sizeof *numbers);
    uint8_t *is_chosen _free_ = mem_calloc(monitor->count + 1, 1);
    if (!all || !numbers || !is_chosen) {
        return ZEUS_ENOMEM;
    }
    size_t count = 0;
    size_t place = 0;
    for (size_t d = 0; d < config->count; d++) {
        const struct device *dev = config->devices[d];
        for (uint32_t i = 0; i < dev->domain_count; i++) {
            numbers[count + i] = place + i;
        }
        place += dev->domain_count;
        if (kind == 0 || dev->info.kind == kind) {
            count = containment_add_device(all, count, (uint32_t)d, &dev->info, dev->domains,
                                           dev->domain_count);
        }
    }
    (void)containment_select(all, count, is_chosen);
    for (size_t i = 0; i < count; i++) {
        struct monitor_place *to = &monitor->places[numbers[i]];
        if (kind == ZEUS_KIND_GPU) {
            to->is_in_gpu_total = is_chosen[i];
        } else {
            to->is_in_total = is_chosen[i];
            to->flags |= is_chosen[i] ? 0 : ZEUS_ENERGY_CONTAINED;
        }
    }
    return 0;
}

int monitor_find_places(struct zeus_monitor *monitor, const struct monitor_config *config,
                        zeus_error *err)
{
    size_t count = 0;
    for (size_t d = 0; d < config->count; d++) {
        count += config->devices[d]->domain_count;
    }
    monitor->places = mem_calloc(count + 1, sizeof *monitor->places);
    monitor->sources = mem_calloc(count + 1, sizeof *monitor->sources);
    if (!monitor->places || !monitor->sources) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t d = 0; d < config->count; d++) {
        struct device *dev = config->devices[d];
        for (uint32_t i = 0; i < dev->domain_count; i++) {
            int r = add_source(monitor, config->calibration, dev, config->positions[d], i);
            if (r < 0) {
                return err_set(err, r, "%s: %s", dev->info.name, zeus_strerror(r));
            }
        }
    }
    int r = select_sum(monitor, config, 0);
    r = r < 0 ? r : select_sum(monitor, config, ZEUS_KIND_GPU);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}
