/* SPDX-License-Identifier: Apache-2.0
 *
 * <zeus/monitor.h>: options checked, devices chosen, then the monitor module.
 */
#include <zeus/monitor.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "core/session.h"
#include "monitor/energy_window.h"
#include "monitor/gpu_sync.h"

#define RATE_MOST_HZ   1000u
#define HISTORY_MOST_S 3600u
#define OPTIONS_MOST   4096u

static int read_options(const zeus_monitor_options *given, zeus_monitor_options *ret_options,
                        zeus_error *err)
{
    zeus_monitor_options options = {.size = sizeof options};
    if (given) {
        if (given->size < offsetof(zeus_monitor_options, gpus) || given->size > OPTIONS_MOST) {
            return err_set(err, ZEUS_EINVAL,
                           "zeus_monitor_options.size is %zu; set it to "
                           "sizeof(zeus_monitor_options)",
                           given->size);
        }
        const unsigned char *bytes = (const unsigned char *)given;
        for (size_t i = sizeof options; i < given->size; i++) {
            if (bytes[i]) {
                return err_set(err, ZEUS_EVERSION,
                               "zeus_monitor_options holds an option that this version does not "
                               "know");
            }
        }
        memcpy(&options, given, MIN_OF(given->size, sizeof options));
    }
    if (options.rate_hz > RATE_MOST_HZ) {
        return err_set(err, ZEUS_EINVAL, "rate_hz is %" PRIu32 "; it is 1 to %u", options.rate_hz,
                       RATE_MOST_HZ);
    }
    if (options.history_s > HISTORY_MOST_S) {
        return err_set(err, ZEUS_EINVAL, "history_s is %" PRIu32 "; it is at most %u",
                       options.history_s, HISTORY_MOST_S);
    }
    *ret_options = options;
    return 0;
}

/* Which devices of a kind are wanted. */
struct choice {
    uint32_t kind;
    uint32_t off_flag;
    const uint32_t *indices; /* NULL: all */
    size_t count;
    const char *noun;
};

static int choose(zeus_session *session, const struct choice *choice, uint32_t flags,
                  struct device **devices, uint32_t *positions, size_t *count, zeus_error *err)
{
    uint32_t have = zeus_session_device_count(session, choice->kind);
    size_t wanted = choice->indices ? choice->count : have;
    if (flags & choice->off_flag) {
        return 0;
    }
    for (size_t i = 0; i < wanted; i++) {
        uint32_t index = choice->indices ? choice->indices[i] : (uint32_t)i;
        zeus_device *dev = zeus_session_device(session, choice->kind, index);
        if (!dev) {
            return err_set(err, ZEUS_EINVAL, "there is no %s %" PRIu32 " (%" PRIu32 " visible)",
                           choice->noun, index, have);
        }
        for (uint32_t p = 0; p < zeus_session_all_count(session); p++) {
            if (zeus_session_all(session, p) == dev) {
                positions[*count] = p;
            }
        }
        for (size_t k = 0; k < *count; k++) {
            if (positions[k] == positions[*count]) {
                return err_set(err, ZEUS_EINVAL, "%s %" PRIu32 " is listed twice", choice->noun,
                               index);
            }
        }
        devices[(*count)++] = session_unwrap(dev);
    }
    return 0;
}

static int choose_all(zeus_session *session, const zeus_monitor_options *options,
                      struct device **devices, uint32_t *positions, size_t *count, zeus_error *err)
{
    const struct choice choices[] = {
        {ZEUS_KIND_GPU, ZEUS_MONITOR_NO_GPUS, options->gpus, options->gpu_count, "GPU"},
        {ZEUS_KIND_CPU, ZEUS_MONITOR_NO_CPUS, options->cpus, options->cpu_count, "CPU package"},
        {ZEUS_KIND_SOC, ZEUS_MONITOR_NO_SOCS, NULL, 0, "SoC"},
        {ZEUS_KIND_PLATFORM, ZEUS_MONITOR_NO_PLATFORMS, NULL, 0, "platform"},
    };
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        int r = choose(session, &choices[i], options->flags, devices, positions, count, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int load_calibration(const zeus_session *session, const zeus_monitor_options *options,
                            struct zeus_calibration *set, zeus_error *err)
{
    if (options->flags & ZEUS_MONITOR_NO_CALIBRATION) {
        return 0;
    }
    return options->calibration_path ? calibration_load(set, options->calibration_path, 0, err)
                                     : calibration_load_default(set, session->inventory.root,
                                                                &session->inventory.log, err);
}

int zeus_monitor_open(zeus_session *session, const zeus_monitor_options *options,
                      zeus_monitor **ret_monitor, zeus_error *err)
{
    if (!session || !ret_monitor) {
        return err_set(err, ZEUS_EINVAL, "session or ret_monitor is NULL");
    }
    zeus_monitor_options chosen;
    int r = read_options(options, &chosen, err);
    r = r < 0 ? r : session_check_process(session);
    if (r < 0) {
        return r == ZEUS_ESTATE ? err_set(err, r, "this session belongs to the parent process") : r;
    }
    /* A list may name a device twice at worst (an error below), so this is room enough. */
    size_t room = zeus_session_all_count(session) + chosen.gpu_count + chosen.cpu_count + 1;
    struct device **devices _free_ = mem_calloc(room, sizeof(struct device *));
    uint32_t *positions _free_ = mem_calloc(room, sizeof *positions);
    if (!devices || !positions) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct monitor_config config = {.devices = devices,
                                    .positions = positions,
                                    .options = &chosen,
                                    .io = &monitor_io_devices,
                                    .log = &session->inventory.log};
    struct zeus_calibration calibration = {0};
    config.calibration = &calibration;
    r = choose_all(session, &chosen, devices, positions, &config.count, err);
    r = r < 0 ? r : load_calibration(session, &chosen, &calibration, err);
    r = r < 0 ? r : monitor_create(&config, ret_monitor, err);
    calibration_done(&calibration);
    return r;
}

int zeus_sync_gpu(void *user, zeus_error *err)
{
    (void)user;
    return gpu_sync(err);
}

void zeus_monitor_close(zeus_monitor *monitor)
{
    monitor_destroy(monitor);
}

void zeus_monitor_closep(zeus_monitor **monitor)
{
    if (monitor) {
        zeus_monitor_close(*monitor);
        *monitor = NULL;
    }
}

uint64_t zeus_monitor_now_ns(const zeus_monitor *monitor)
{
    return monitor ? monitor->io.now_ns(monitor->io.user) : clock_monotonic_ns();
}

uint64_t zeus_monitor_wall_ns(const zeus_monitor *monitor, uint64_t time_ns)
{
    return monitor ? time_ns + monitor->wall_offset_ns : 0;
}

int zeus_monitor_begin_window(zeus_monitor *monitor, const char *name, uint32_t flags,
                              zeus_error *err)
{
    if (!monitor || !name) {
        return err_set(err, ZEUS_EINVAL, "monitor or name is NULL");
    }
    return monitor_begin(monitor, name, flags, err);
}

int zeus_monitor_end_window(zeus_monitor *monitor, const char *name, uint32_t flags,
                            zeus_measurement **ret_measurement, zeus_error *err)
{
    if (!monitor || !name) {
        return err_set(err, ZEUS_EINVAL, "monitor or name is NULL");
    }
    return monitor_end(monitor, name, flags, ret_measurement, err);
}

int zeus_monitor_cancel_window(zeus_monitor *monitor, const char *name, zeus_error *err)
{
    if (!monitor || !name) {
        return err_set(err, ZEUS_EINVAL, "monitor or name is NULL");
    }
    return monitor_cancel(monitor, name, err);
}

int zeus_monitor_estimate_window(zeus_monitor *monitor, const char *name,
                                 zeus_measurement **ret_measurement, zeus_error *err)
{
    if (!monitor || !name || !ret_measurement) {
        return err_set(err, ZEUS_EINVAL, "monitor, name or ret_measurement is NULL");
    }
    return monitor_estimate(monitor, name, ret_measurement, err);
}

void zeus_monitor_reset_windows(zeus_monitor *monitor)
{
    if (monitor && monitor_check_process(monitor, NULL) == 0) {
        monitor_reset(monitor);
    }
}

size_t zeus_monitor_window_count(const zeus_monitor *monitor)
{
    if (!monitor || monitor_check_process(monitor, NULL) < 0) {
        return 0;
    }
    return monitor_window_count((struct zeus_monitor *)(uintptr_t)monitor); /* locks, else const */
}

int zeus_monitor_measure_between(zeus_monitor *monitor, uint64_t begin_ns, uint64_t end_ns,
                                 zeus_measurement **ret_measurement, zeus_error *err)
{
    if (!monitor || !ret_measurement) {
        return err_set(err, ZEUS_EINVAL, "monitor or ret_measurement is NULL");
    }
    return monitor_between(monitor, begin_ns, end_ns, ret_measurement, err);
}

size_t zeus_monitor_source_count(const zeus_monitor *monitor)
{
    return monitor ? monitor->count : 0;
}

int zeus_monitor_get_source(zeus_monitor *monitor, size_t position, zeus_monitor_source *ret_source)
{
    if (!monitor || !ret_source || position >= monitor->count) {
        return ZEUS_EINVAL;
    }
    const struct monitor_place *place = &monitor->places[position];
    const struct source *source = &monitor->sources[position];
    struct source_status status = {0};
    source_read_status(source, &status);
    zeus_monitor_source out = {
        .device = place->position,
        .domain = place->domain,
        .device_kind = place->dev->info.kind,
        .device_index = place->dev->info.index,
        .domain_kind = place->info.kind,
        .flags = place->flags,
        .code = place->code < 0 ? place->code : (int32_t)status.code,
        .tick_ns = status.tick_ns,
        .update_ns = status.update_ns,
        .window_ns = source->config.has_power ? place->model.window_ns : 0,
        .reads = status.reads,
        .failures = status.failures,
        .health_ratio = status.health_ratio,
    };
    out.source = source->config.has_counter ? ZEUS_SOURCE_COUNTER : ZEUS_SOURCE_INTEGRATED;
    if (place->code < 0) {
        out.source = ZEUS_SOURCE_NONE;
    } else if (status.is_suspect) {
        out.source = source->config.has_power ? ZEUS_SOURCE_INTEGRATED : ZEUS_SOURCE_COUNTER;
        out.flags |= source->config.has_power ? ZEUS_ENERGY_REPLACED : ZEUS_ENERGY_SUSPECT;
        (void)strncpy(out.reason, source_suspect_text(status.suspect_kind), sizeof out.reason - 1);
    }
    if (!out.reason[0]) {
        memcpy(out.reason, place->note, sizeof out.reason);
    }
    memcpy(out.name, place->info.name, sizeof out.name);
    memcpy(out.sensor_class, place->model.name, sizeof out.sensor_class);
    *ret_source = out;
    return 0;
}

int zeus_monitor_get_stats(zeus_monitor *monitor, zeus_monitor_stats *ret_stats)
{
    if (!monitor || !ret_stats) {
        return ZEUS_EINVAL;
    }
    zeus_monitor_stats stats = {.wakeups = flag_get(&monitor->sampler.wakeups),
                                .missed = flag_get(&monitor->sampler.missed),
                                .cpu_ns = flag_get(&monitor->sampler.cpu_ns)};
    for (size_t i = 0; i < monitor->count; i++) {
        const struct source *source = &monitor->sources[i];
        struct source_status status = {0};
        source_read_status(source, &status);
        stats.reads += status.reads;
        stats.vendor_ns += status.vendor_ns;
        stats.ring_bytes += ring_bytes(&source->status_ring);
        stats.ring_bytes += source->config.has_counter ? ring_bytes(&source->counter.knots) : 0;
        stats.ring_bytes += source->config.has_power ? ring_bytes(&source->power.knots) : 0;
    }
    *ret_stats = stats;
    return 0;
}

zeus_window_scope zeus_window_scope_begin(zeus_monitor *monitor, const char *name)
{
    zeus_window_scope scope = {monitor, name, 0};
    scope.code = zeus_monitor_begin_window(monitor, name, 0, NULL);
    if (scope.code < 0) {
        scope.monitor = NULL;
    }
    return scope;
}

void zeus_window_scope_end(zeus_window_scope *scope)
{
    if (scope && scope->monitor) {
        /* NOTFOUND is fine: it was ended by name before. */
        (void)!zeus_monitor_end_window(scope->monitor, scope->name, 0, NULL, NULL);
        scope->monitor = NULL;
    }
}
