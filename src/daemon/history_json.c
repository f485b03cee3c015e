/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer of GET /history: points of a stretch of time, several seconds drawn together where a
 * longer step is asked for. A step without a point is left out, so a gap is seen as one.
 */
#include <math.h>

#include <zeus/device.h>

#include "base/err.h"
#include "base/macro.h"
#include "codec/json_writer.h"
#include "daemon/history_private.h"

#define SECOND_NS UINT64_C(1000000000)

/* A query on the ring's own clock. */
struct span {
    uint64_t first; /* seconds, both in */
    uint64_t last;
    uint64_t step;
    uint64_t now_second;
    int64_t wall_ms; /* wall clock at second 0 */
    uint64_t from_ms;
    uint64_t to_ms;
};

/* Points drawn together. */
struct sum {
    uint64_t second; /* of the first */
    double covered_s;
    double sum_j;
    double lone_w;
    struct history_point all;
};

static int span_of(const struct history_query *query, struct span *ret_span, zeus_error *err)
{
    uint64_t kept_ms = HISTORY_POINTS * UINT64_C(1000);
    uint64_t to_ms = query->to_ms ? MIN_OF(query->to_ms, query->now_ms) : query->now_ms;
    uint64_t oldest_ms = query->now_ms > kept_ms ? query->now_ms - kept_ms : 0;
    if (query->to_ms && query->from_ms > query->to_ms) {
        return err_set(err, ZEUS_EINVAL, "from_ms is after to_ms");
    }
    uint64_t step = query->step_ms ? (query->step_ms - 1) / 1000 + 1 : 1;
    if (step > HISTORY_POINTS) {
        return err_set(err, ZEUS_EINVAL, "step_ms is longer than the %u s that are kept",
                       HISTORY_POINTS);
    }
    struct span span = {.step = step,
                        .now_second = query->now_ns / SECOND_NS,
                        .wall_ms = (int64_t)query->now_ms - (int64_t)(query->now_ns / 1000000),
                        .from_ms = MIN_OF(MAX_OF(query->from_ms, oldest_ms), query->now_ms),
                        .to_ms = to_ms};
    int64_t first = ((int64_t)span.from_ms - span.wall_ms) / 1000;
    int64_t last = ((int64_t)span.to_ms - span.wall_ms) / 1000;
    int64_t oldest = (int64_t)span.now_second - (int64_t)HISTORY_POINTS + 1;
    span.first = (uint64_t)MAX_OF(MAX_OF(first, oldest), 0);
    span.last = (uint64_t)MAX_OF(last, 0);
    *ret_span = span;
    return 0;
}

static void draw(struct sum *sum, const struct history_point *point)
{
    struct history_point *all = &sum->all;
    if (!all->has) {
        sum->second = point->second;
    }
    if (point->has & HISTORY_HAS_POWER) {
        double covered_s = history_covered_s(point);
        int is_first = !(all->has & HISTORY_HAS_POWER);
        all->min_w = is_first ? point->min_w : MIN_OF(all->min_w, point->min_w);
        all->max_w = is_first ? point->max_w : MAX_OF(all->max_w, point->max_w);
        sum->sum_j += covered_s * (double)point->mean_w;
        sum->covered_s += covered_s;
        sum->lone_w = (double)point->mean_w;
    }
    if (point->has & HISTORY_HAS_ENERGY) {
        all->energy_uj = point->energy_uj;
    }
    if (point->has & HISTORY_HAS_TEMPERATURE) {
        all->temperature_c = point->temperature_c;
    }
    all->has |= point->has;
}

static void add_mw(struct json_writer *w, const struct sum *sum, double power_w)
{
    if (sum->all.has & HISTORY_HAS_POWER) {
        json_u64(w, (uint64_t)llround(fmax(power_w, 0) * 1000));
    } else {
        json_null(w);
    }
}

static void add_point(struct json_writer *w, const struct span *span, const struct sum *sum)
{
    double mean_w = sum->covered_s > 0 ? sum->sum_j / sum->covered_s : sum->lone_w;
    json_begin_array(w);
    json_i64(w, span->wall_ms + (int64_t)sum->second * 1000);
    add_mw(w, sum, (double)sum->all.min_w);
    add_mw(w, sum, mean_w);
    add_mw(w, sum, (double)sum->all.max_w);
    if (sum->all.has & HISTORY_HAS_ENERGY) {
        json_u64(w, sum->all.energy_uj);
    } else {
        json_null(w);
    }
    if (sum->all.has & HISTORY_HAS_TEMPERATURE) {
        json_i64(w, sum->all.temperature_c);
    } else {
        json_null(w);
    }
    json_u64(w, (uint64_t)llround(sum->covered_s * 1000));
    json_end_array(w);
}

static void add_points(struct json_writer *w, const struct history_series *series,
                       const struct span *span)
{
    json_key(w, "points");
    json_begin_array(w);
    for (uint64_t at = span->first; series->points && at <= span->last;) {
        uint64_t end = MIN_OF(at - at % span->step + span->step, span->last + 1);
        struct sum sum = {0};
        for (; at < end; at++) {
            const struct history_point *point = &series->points[at % HISTORY_POINTS];
            if (point->has && point->second == (uint32_t)at) {
                draw(&sum, point);
            }
        }
        if (sum.all.has) {
            add_point(w, span, &sum);
        }
    }
    json_end_array(w);
}

static void add_error(struct json_writer *w, const struct history_info *info)
{
    json_key(w, "error");
    json_begin_object(w);
    json_key_double(w, "gain", info->gain_error);
    json_key_double(w, "offset_mw", info->offset_error_w * 1000);
    json_end_object(w);
}

static void add_today(struct json_writer *w, const struct history_series *series)
{
    json_key(w, "today");
    if (!series->has_today) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key_u64(w, "energy_uj", series->today.energy_uj);
    json_key_u64(w, "since_ms", series->today.since_ms);
    json_key_u64(w, "until_ms", series->today_until_ms);
    json_key_u64(w, "holes", series->today.holes);
    json_end_object(w);
}

static void add_series(struct json_writer *w, const struct history_series *series,
                       const struct span *span)
{
    json_begin_object(w);
    json_key_string(w, "device", zeus_kind_name(series->info.device_kind));
    json_key_u64(w, "id", series->info.index);
    json_key_string(w, "domain", series->info.domain);
    json_key_string(w, "sensor_class", series->info.sensor_class);
    json_key_bool(w, "in_node_total", series->info.is_in_total != 0);
    add_error(w, &series->info);
    add_today(w, series);
    add_points(w, series, span);
    json_end_object(w);
}

static void add_head(struct json_writer *w, const struct history_query *query,
                     const struct span *span)
{
    static const char *const columns[] = {"time_ms",   "min_mw",        "mean_mw",   "max_mw",
                                          "energy_uj", "temperature_c", "covered_ms"};
    json_key_u64(w, "now_ms", query->now_ms);
    json_key_u64(w, "from_ms", span->from_ms);
    json_key_u64(w, "to_ms", span->to_ms);
    json_key_u64(w, "step_ms", span->step * 1000);
    json_key_u64(w, "kept_s", HISTORY_POINTS);
    json_key(w, "columns");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        json_string(w, columns[i]);
    }
    json_end_array(w);
}

int history_json(const struct history *history, const struct history_query *query,
                 struct strbuf *out, zeus_error *err)
{
    struct span span = {0};
    int r = span_of(query, &span, err);
    if (r < 0) {
        return r;
    }
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    add_head(&w, query, &span);
    json_key(&w, "series");
    json_begin_array(&w);
    for (size_t i = 0; i < history->count; i++) {
        const struct history_info *info = &history->series[i].info;
        if (!query->may_see || query->may_see(query->user, info->device_kind, info->index)) {
            add_series(&w, &history->series[i], &span);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
    r = json_writer_finish(&w);
    return r == ZEUS_ELIMIT ? err_set(err, r,
                                      "too many points: ask for a longer step_ms, a shorter "
                                      "time or fewer devices")
           : r < 0          ? err_set(err, r, "%s", zeus_strerror(r))
                            : 0;
}
