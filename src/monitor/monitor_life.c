/* SPDX-License-Identifier: Apache-2.0
 *
 * Creating and destroying a monitor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "monitor/energy_window.h"

#define RATE_DEFAULT_HZ   100u
#define HISTORY_DEFAULT_S 60u
#define SECOND            UINT64_C(1000000000)

static int is_csv_column(const struct zeus_monitor *monitor, size_t i)
{
    const struct monitor_place *place = &monitor->places[i];
    uint32_t kind = place->dev->info.kind;
    if (kind == ZEUS_KIND_GPU) {
        return place->info.kind == ZEUS_DOMAIN_GPU ||
               (place->info.kind == ZEUS_DOMAIN_MODULE && place->dev->domain_count == 1);
    }
    if (!(monitor->options.flags & ZEUS_MONITOR_CSV_ALL)) {
        return 0;
    }
    return kind == ZEUS_KIND_SOC || place->info.kind == ZEUS_DOMAIN_PACKAGE ||
           place->info.kind == ZEUS_DOMAIN_DRAM;
}

static void name_column(const struct monitor_place *place, char *out, size_t size)
{
    int index = place->dev->info.index;
    if (place->dev->info.kind == ZEUS_KIND_GPU) {
        (void)snprintf(out, size, "gpu%d_energy", index);
    } else if (place->dev->info.kind == ZEUS_KIND_SOC) {
        (void)snprintf(out, size, "soc%d_%s_energy", index, place->info.name);
    } else {
        (void)snprintf(out, size, "%s%d_energy",
                       place->info.kind == ZEUS_DOMAIN_DRAM ? "dram" : "cpu", index);
    }
}

static int open_csv(struct zeus_monitor *monitor, zeus_error *err)
{
    const char *path = monitor->options.csv_path;
    if (!path) {
        return 0;
    }
    char(*names)[96] _free_ = mem_calloc(monitor->count + 1, sizeof *names);
    const char **columns _free_ = mem_calloc(monitor->count + 1, sizeof(char *));
    monitor->csv_places = mem_calloc(monitor->count + 1, sizeof *monitor->csv_places);
    if (!names || !columns || !monitor->csv_places) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < monitor->count; i++) {
        if (is_csv_column(monitor, i)) {
            size_t at = monitor->csv_count++;
            monitor->csv_places[at] = i;
            name_column(&monitor->places[i], names[at], sizeof names[at]);
            columns[at] = names[at];
        }
    }
    return csv_log_open(&monitor->csv, path, columns, monitor->csv_count, err);
}

static void prepare(struct zeus_monitor *monitor, const struct monitor_config *config)
{
    const zeus_monitor_options *options = config->options;
    uint32_t rate_hz = options->rate_hz ? options->rate_hz : RATE_DEFAULT_HZ;
    uint32_t history_s = options->history_s ? options->history_s : HISTORY_DEFAULT_S;
    monitor->options = *options;
    monitor->io = *config->io;
    monitor->log = config->log;
    monitor->base_ns = SECOND / rate_hz;
    monitor->history_ns = history_s * SECOND;
    monitor->csv.fd = -1;
    uint64_t now_ns = monitor->io.now_ns(monitor->io.user);
    monitor->wall_offset_ns = monitor->io.wall_ns(monitor->io.user) - now_ns;
    monitor->has_sampler = !(options->flags & ZEUS_MONITOR_NO_SAMPLER);
    forkmark_init(&monitor->mark);
    for (size_t s = 0; s < MONITOR_STRIPES; s++) {
        mutex_init(&monitor->stripes[s].lock);
    }
}

static int start(struct zeus_monitor *monitor, const struct monitor_config *config, zeus_error *err)
{
    monitor->sampler.sources = monitor->sources;
    monitor->sampler.count = monitor->count;
    monitor->sampler.io = &monitor->io;
    monitor->sampler.base_ns = monitor->base_ns;
    monitor->sampler.chores = monitor_chores;
    monitor->sampler.chores_user = monitor;
    if (!monitor->has_sampler) {
        return 0;
    }
    /* The first round here, so that a window begun at once has a reading before it. */
    (void)sampler_step(&monitor->sampler, monitor->io.now_ns(monitor->io.user));
    return config->is_manual ? 0 : sampler_start(&monitor->sampler, err);
}

int monitor_create(const struct monitor_config *config, struct zeus_monitor **ret_monitor,
                   zeus_error *err)
{
    struct zeus_monitor *monitor = mem_calloc(1, sizeof *monitor);
    if (!monitor) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    prepare(monitor, config);
    int r = monitor_find_places(monitor, config, err);
    r = r < 0 ? r : open_csv(monitor, err);
    r = r < 0 ? r : start(monitor, config, err);
    /* Borrowed for the call only. */
    monitor->options.csv_path = monitor->options.calibration_path = NULL;
    monitor->options.gpus = monitor->options.cpus = NULL;
    if (r < 0) {
        monitor_destroy(monitor);
        return r;
    }
    *ret_monitor = monitor;
    return 0;
}

/* Open windows are forgotten; measurements in the caller's hands are computed and let go. */
static void close_stripe(struct stripe *stripe)
{
    struct zeus_measurement *window = stripe->first;
    while (window) {
        struct zeus_measurement *next = window->list_next;
        window->list_next = window->list_prev = NULL;
        if (window->state == WINDOW_ENDED) {
            (void)!measurement_compute(window); /* out of memory leaves it without energies */
            window->monitor = NULL;
        } else {
            window_destroy(window);
        }
        window = next;
    }
    while (stripe->pool) {
        struct zeus_measurement *pooled = stripe->pool;
        stripe->pool = pooled->list_next;
        window_destroy(pooled);
    }
    free((void *)stripe->table);
    mutex_done(&stripe->lock);
}

void monitor_destroy(struct zeus_monitor *monitor)
{
    if (!monitor || forkmark_is_child(&monitor->mark)) {
        return; /* in a child nothing here is ours */
    }
    sampler_stop(&monitor->sampler);
    for (size_t s = 0; s < MONITOR_STRIPES; s++) {
        close_stripe(&monitor->stripes[s]);
    }
    for (size_t i = 0; i < monitor->count; i++) {
        source_done(&monitor->sources[i]);
    }
    csv_log_close(&monitor->csv);
    free(monitor->csv_places);
    free(monitor->places);
    free(monitor->sources);
    forkmark_done(&monitor->mark);
    free(monitor);
}
