/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring itself: readings become points. A stretch between two close readings is cut at full
 * seconds and each piece added to its point: covered time, energy of the straight line under it,
 * and its ends as candidates for the least and the greatest power.
 */
#include "daemon/history_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

#define SECOND_NS  UINT64_C(1000000000)
#define COVER_UNIT 15259u /* 1 s / 65535 in ns, rounded */

int history_create(struct history **ret_history)
{
    struct history *history = mem_calloc(1, sizeof *history);
    if (!history) {
        return ZEUS_ENOMEM;
    }
    *ret_history = history;
    return 0;
}

void history_destroy(struct history *history)
{
    if (!history) {
        return;
    }
    for (size_t i = 0; i < history->count; i++) {
        free(history->series[i].points);
    }
    free(history->series);
    free(history);
}

int history_add_series(struct history *history, const struct history_info *info)
{
    int r = mem_grow(&history->series, &history->capacity, history->count + 1,
                     sizeof *history->series, HISTORY_SERIES_MAX);
    if (r < 0) {
        return r;
    }
    history->series[history->count] = (struct history_series){.info = *info};
    return (int)history->count++;
}

/* The point of a second, emptied when it held another one. Only forward: see history_add. */
static struct history_point *point_at(struct history_series *series, uint64_t second)
{
    struct history_point *point = &series->points[second % HISTORY_POINTS];
    if (!point->has || point->second != second) {
        *point = (struct history_point){.second = (uint32_t)second};
    }
    return point;
}

static void widen(struct history_point *point, double power_w)
{
    float w = (float)power_w;
    int has_power = point->has & HISTORY_HAS_POWER;
    point->min_w = has_power ? MIN_OF(point->min_w, w) : w;
    point->max_w = has_power ? MAX_OF(point->max_w, w) : w;
    point->has |= HISTORY_HAS_POWER;
}

/* A stretch inside one second. The mean is kept over what is covered. */
static void cover(struct history_point *point, uint64_t length_ns, double from_w, double to_w)
{
    double before = history_covered_s(point);
    double length_s = (double)length_ns * 1e-9;
    double sum_j = before * (double)point->mean_w + (from_w + to_w) / 2 * length_s;
    widen(point, from_w);
    widen(point, to_w);
    point->covered = (uint16_t)MIN_OF(point->covered + (length_ns + COVER_UNIT / 2) / COVER_UNIT,
                                      (uint64_t)UINT16_MAX);
    point->mean_w = (float)(sum_j / (before + length_s));
}

static void add_stretch(struct history_series *series, uint64_t to_ns, double to_w)
{
    uint64_t from_ns = series->last_ns;
    double from_w = series->last_w;
    double slope = (to_w - from_w) / (double)(to_ns - from_ns);
    for (uint64_t at_ns = from_ns; at_ns < to_ns;) {
        uint64_t second = at_ns / SECOND_NS;
        uint64_t end_ns = MIN_OF((second + 1) * SECOND_NS, to_ns);
        cover(point_at(series, second), end_ns - at_ns, from_w + slope * (double)(at_ns - from_ns),
              from_w + slope * (double)(end_ns - from_ns));
        at_ns = end_ns;
    }
}

/* A reading with nothing close before it: the point knows a value, and that it covers no time. */
static void add_lone(struct history_series *series, uint64_t time_ns, double power_w)
{
    struct history_point *point = point_at(series, time_ns / SECOND_NS);
    if (!point->covered) {
        point->mean_w = (float)power_w;
    }
    widen(point, power_w);
}

static void add_power(struct history_series *series, uint64_t time_ns, double power_w)
{
    int is_close = series->has_last && time_ns - series->last_ns <= HISTORY_GAP_NS;
    if (is_close && time_ns > series->last_ns) {
        add_stretch(series, time_ns, power_w);
    }
    if (!is_close || !(point_at(series, time_ns / SECOND_NS)->has & HISTORY_HAS_POWER)) {
        add_lone(series, time_ns, power_w);
    }
    series->has_last = 1;
    series->last_ns = time_ns;
    series->last_w = power_w;
}

int history_add(struct history *history, uint32_t number, const struct history_reading *reading)
{
    if (number >= history->count) {
        return ZEUS_EINVAL;
    }
    struct history_series *series = &history->series[number];
    if (reading->time_ns < series->newest_ns || !reading->has) {
        return 0;
    }
    if (!series->points) {
        series->points = mem_calloc(HISTORY_POINTS, sizeof *series->points);
        if (!series->points) {
            return ZEUS_ENOMEM;
        }
    }
    series->newest_ns = reading->time_ns;
    if (reading->has & HISTORY_HAS_POWER) {
        add_power(series, reading->time_ns, (double)reading->power_uw * 1e-6);
    }
    struct history_point *point = point_at(series, reading->time_ns / SECOND_NS);
    if (reading->has & HISTORY_HAS_ENERGY) {
        point->energy_uj = reading->energy_uj;
        point->has |= HISTORY_HAS_ENERGY;
    }
    if (reading->has & HISTORY_HAS_TEMPERATURE) {
        point->temperature_c = (int16_t)MAX_OF(MIN_OF(reading->temperature_c, 1000), -300);
        point->has |= HISTORY_HAS_TEMPERATURE;
    }
    return 0;
}

void history_set_in_total(struct history *history, uint32_t series, int is_in_total)
{
    if (series < history->count) {
        history->series[series].info.is_in_total = (uint32_t)is_in_total;
    }
}

void history_set_today(struct history *history, uint32_t number, const struct energy_today *today,
                       uint64_t until_ms)
{
    if (number < history->count) {
        struct history_series *series = &history->series[number];
        series->has_today = today != NULL;
        series->today = today ? *today : (struct energy_today){0};
        series->today_until_ms = until_ms;
    }
}

size_t history_bytes(const struct history *history)
{
    size_t bytes = sizeof *history + history->capacity * sizeof *history->series;
    for (size_t i = 0; i < history->count; i++) {
        bytes += history->series[i].points ? HISTORY_POINTS * sizeof(struct history_point) : 0;
    }
    return bytes;
}

double history_covered_s(const struct history_point *point)
{
    return (double)point->covered / 65535.0;
}
