/* SPDX-License-Identifier: Apache-2.0
 *
 * <zeus/timeline.h>: options checked, devices chosen, then the timeline module.
 */
#include <zeus/timeline.h>

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "core/session.h"
#include "monitor/power_monitor.h"

#define PERIOD_LEAST_NS UINT64_C(1000000)
#define SAMPLES_MOST    ((size_t)1 << 26)
#define WAIT_STEP_NS    UINT64_C(2000000)

const char *zeus_series_name(uint32_t quantity)
{
    return timeline_quantity_name(quantity);
}

int zeus_series_from_name(const char *name, uint32_t *ret_quantity)
{
    for (uint32_t q = 0; name && ret_quantity && q < ZEUS_SERIES_COUNT; q++) {
        if (strcmp(name, timeline_quantity_name(q)) == 0) {
            *ret_quantity = q;
            return 0;
        }
    }
    return ZEUS_EINVAL;
}

static int read_options(const zeus_timeline_options *given, zeus_timeline_options *ret_options,
                        zeus_error *err)
{
    zeus_timeline_options options = {.size = sizeof options};
    if (given) {
        if (given->size < offsetof(zeus_timeline_options, gpus) || given->size > sizeof options) {
            return err_set(err, ZEUS_EINVAL,
                           "zeus_timeline_options.size is %zu; set it to "
                           "sizeof(zeus_timeline_options)",
                           given->size);
        }
        memcpy(&options, given, given->size);
    }
    if (options.quantities >> ZEUS_SERIES_COUNT) {
        return err_set(err, ZEUS_EINVAL, "quantities names a series that does not exist");
    }
    if (options.flags & ~ZEUS_TIMELINE_NO_CALIBRATION) {
        return err_set(err, ZEUS_EINVAL, "flags has bits that mean nothing");
    }
    if (options.period_ns && options.period_ns < PERIOD_LEAST_NS) {
        return err_set(err, ZEUS_EINVAL, "a period of %" PRIu64 " ns is below 1 ms",
                       options.period_ns);
    }
    if (options.max_samples > SAMPLES_MOST) {
        return err_set(err, ZEUS_EINVAL, "max_samples is %zu; at most %zu", options.max_samples,
                       SAMPLES_MOST);
    }
    *ret_options = options;
    return 0;
}

static int is_listed(const uint32_t *indices, size_t count, int32_t index)
{
    for (size_t i = 0; indices && i < count; i++) {
        if (indices[i] == (uint32_t)index) {
            return 1;
        }
    }
    return indices == NULL;
}

static int check_indices(const zeus_session *session, uint32_t kind, const uint32_t *indices,
                         size_t count, const char *noun, zeus_error *err)
{
    uint32_t have = zeus_session_device_count(session, kind);
    for (size_t i = 0; indices && i < count; i++) {
        if (indices[i] >= have) {
            return err_set(err, ZEUS_EINVAL, "there is no %s %" PRIu32 " (%" PRIu32 " visible)",
                           noun, indices[i], have);
        }
    }
    return 0;
}

static int load_calibration(const zeus_session *session, const zeus_timeline_options *options,
                            struct zeus_calibration *set, zeus_error *err)
{
    if (options->flags & ZEUS_TIMELINE_NO_CALIBRATION) {
        return 0;
    }
    return options->calibration_path ? calibration_load(set, options->calibration_path, 0, err)
                                     : calibration_load_default(set, session->inventory.root,
                                                                &session->inventory.log, err);
}

int zeus_timeline_open(zeus_session *session, const zeus_timeline_options *options,
                       zeus_timeline **ret_timeline, zeus_error *err)
{
    if (!session || !ret_timeline) {
        return err_set(err, ZEUS_EINVAL, "session or ret_timeline is NULL");
    }
    zeus_timeline_options chosen = {0};
    int r = read_options(options, &chosen, err);
    r = r < 0 ? r
              : check_indices(session, ZEUS_KIND_GPU, chosen.gpus, chosen.gpu_count, "GPU", err);
    r = r < 0 ? r
              : check_indices(session, ZEUS_KIND_CPU, chosen.cpus, chosen.cpu_count, "CPU package",
                              err);
    if (r < 0) {
        return r;
    }
    if (session_check_process(session) < 0) {
        return err_set(err, ZEUS_ESTATE, "this session belongs to the parent process");
    }
    uint32_t all = zeus_session_all_count(session);
    struct device **devices _free_ = mem_calloc((size_t)all + 1, sizeof(struct device *));
    uint32_t *positions _free_ = mem_calloc((size_t)all + 1, sizeof *positions);
    if (!devices || !positions) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct timeline_config config = {.devices = devices,
                                     .positions = positions,
                                     .quantities = chosen.quantities,
                                     .period_ns = chosen.period_ns,
                                     .max_samples = chosen.max_samples,
                                     .io = &monitor_io_devices};
    for (uint32_t p = 0; p < all; p++) {
        struct device *dev = session_unwrap(zeus_session_all(session, p));
        int is_chosen = dev->info.kind != ZEUS_KIND_PLATFORM;
        if (dev->info.kind == ZEUS_KIND_GPU) {
            is_chosen = is_listed(chosen.gpus, chosen.gpu_count, dev->info.index);
        } else if (dev->info.kind == ZEUS_KIND_CPU) {
            is_chosen = is_listed(chosen.cpus, chosen.cpu_count, dev->info.index);
        }
        if (is_chosen) {
            devices[config.count] = dev;
            positions[config.count++] = p;
        }
    }
    struct zeus_calibration calibration = {0};
    config.calibration = &calibration;
    r = load_calibration(session, &chosen, &calibration, err);
    r = r < 0 ? r : timeline_create(&config, ret_timeline, err);
    calibration_done(&calibration);
    return r;
}

void zeus_timeline_stop(zeus_timeline *timeline)
{
    if (timeline) {
        timeline_stop(timeline);
    }
}

void zeus_timeline_close(zeus_timeline *timeline)
{
    timeline_destroy(timeline);
}

size_t zeus_timeline_series_count(const zeus_timeline *timeline)
{
    return timeline ? timeline->count : 0;
}

static const struct series *series_of(const zeus_timeline *timeline, size_t series)
{
    if (!timeline || series >= timeline->count || forkmark_is_child(&timeline->mark)) {
        return NULL;
    }
    return &timeline->series[series];
}

int zeus_timeline_get_series(zeus_timeline *timeline, size_t series, zeus_series_info *ret_info)
{
    const struct series *s = series_of(timeline, series);
    if (!s || !ret_info) {
        return ZEUS_EINVAL;
    }
    struct series_status status = {0};
    series_read_status(s, &status);
    zeus_series_info info = {.quantity = s->quantity,
                             .device = s->position,
                             .domain = s->domain,
                             .device_kind = s->dev->info.kind,
                             .device_index = s->dev->info.index,
                             .code = (int32_t)status.code,
                             .period_ns = status.period_ns,
                             .update_ns = status.update_ns,
                             .failures = status.failures};
    info.samples = series_stored(s, &info.dropped);
    if (s->quantity != ZEUS_SERIES_TEMPERATURE) {
        memcpy(info.name, s->dev->domains[s->domain].name, sizeof info.name);
    }
    *ret_info = info;
    return 0;
}

int zeus_timeline_find(zeus_timeline *timeline, uint32_t quantity, uint32_t device_index,
                       size_t *ret_series)
{
    if (!timeline || !ret_series) {
        return ZEUS_EINVAL;
    }
    for (size_t i = 0; i < timeline->count; i++) {
        const struct series *s = &timeline->series[i];
        if (s->quantity == quantity && s->dev->info.index == (int32_t)device_index) {
            *ret_series = i;
            return 0;
        }
    }
    return ZEUS_ENOTFOUND;
}

static int has_all(const zeus_timeline *timeline)
{
    for (size_t i = 0; i < timeline->count; i++) {
        struct series_status status = {0};
        uint64_t dropped = 0;
        series_read_status(&timeline->series[i], &status);
        if (status.code == 0 && series_stored(&timeline->series[i], &dropped) == 0) {
            return 0;
        }
    }
    return 1;
}

int zeus_timeline_wait_first(zeus_timeline *timeline, uint64_t timeout_ns)
{
    if (!timeline) {
        return ZEUS_EINVAL;
    }
    uint64_t start_ns = clock_monotonic_ns();
    while (!has_all(timeline)) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns - start_ns >= timeout_ns) {
            return ZEUS_ETIMEOUT;
        }
        clock_sleep_until_ns(now_ns + MIN_OF(WAIT_STEP_NS, timeout_ns - (now_ns - start_ns)));
    }
    return 0;
}

int zeus_timeline_value_at(zeus_timeline *timeline, size_t series, uint64_t time_ns,
                           zeus_point *ret_point)
{
    const struct series *s = series_of(timeline, series);
    return s && ret_point ? series_value_at(s, time_ns, ret_point) : ZEUS_EINVAL;
}

int zeus_timeline_between(zeus_timeline *timeline, size_t series, uint64_t begin_ns,
                          uint64_t end_ns, zeus_point *points, size_t capacity, size_t *ret_count)
{
    const struct series *s = series_of(timeline, series);
    if (!s || !ret_count || (capacity > 0 && !points) || end_ns < begin_ns) {
        return ZEUS_EINVAL;
    }
    return series_between(s, begin_ns, end_ns, points, capacity, ret_count);
}

int zeus_timeline_energy(zeus_timeline *timeline, size_t series, uint64_t begin_ns, uint64_t end_ns,
                         zeus_energy *ret_energy)
{
    if (!series_of(timeline, series) || !ret_energy || end_ns < begin_ns) {
        return ZEUS_EINVAL;
    }
    return timeline_energy(timeline, series, begin_ns, end_ns, ret_energy);
}
