/* SPDX-License-Identifier: Apache-2.0
 *
 * See run_samples.h.
 */
#include "cli/run_samples.h"

#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"

#define SMALLEST 1e6 /* values are kept to a millionth of their unit */

static double rounded(double value)
{
    return round(value * SMALLEST) / SMALLEST;
}

/* A stretch being filled; sum is value times nanoseconds. */
struct bucket {
    uint64_t number;
    uint64_t from_ns;
    uint64_t covered_ns;
    double sum;
    double low;
    double high;
};

static void flush(struct run_series *series, struct bucket *bucket)
{
    if (bucket->covered_ns > 0) {
        series->samples[series->count++] = (struct run_sample){
            .from_ns = bucket->from_ns,
            .length_ns = bucket->covered_ns,
            .mean = rounded(bucket->sum / (double)bucket->covered_ns),
            .low = rounded(bucket->low),
            .high = rounded(bucket->high),
        };
    }
    bucket->covered_ns = 0;
}

/* A value that held from from_ns until until_ns, into the stretches it touches. */
static void spread(struct run_series *series, struct bucket *bucket, uint64_t from_ns,
                   uint64_t until_ns, double value)
{
    while (from_ns < until_ns) {
        uint64_t number = from_ns / series->bucket_ns;
        uint64_t part_ns = MIN_OF(until_ns, (number + 1) * series->bucket_ns) - from_ns;
        if (number != bucket->number) {
            flush(series, bucket);
        }
        if (bucket->covered_ns == 0) {
            *bucket =
                (struct bucket){.number = number, .from_ns = from_ns, .low = value, .high = value};
        }
        bucket->covered_ns += part_ns;
        bucket->sum += value * (double)part_ns;
        bucket->low = MIN_OF(bucket->low, value);
        bucket->high = MAX_OF(bucket->high, value);
        from_ns += part_ns;
    }
}

/* The part of a point that lies within the run, since its begin; 0 when none does. */
static int clip(const zeus_point *point, uint64_t begin_ns, uint64_t end_ns, uint64_t *ret_from_ns,
                uint64_t *ret_until_ns)
{
    uint64_t from_ns = MAX_OF(point->time_ns, begin_ns);
    uint64_t until_ns = MIN_OF(point->until_ns, end_ns);
    if (from_ns >= until_ns) {
        return 0;
    }
    *ret_from_ns = from_ns - begin_ns;
    *ret_until_ns = until_ns - begin_ns;
    return 1;
}

static void store(struct run_series *series, const zeus_point *points, size_t count,
                  const struct run_samples *samples)
{
    struct bucket bucket = {.covered_ns = 0};
    uint64_t from_ns = 0;
    uint64_t until_ns = 0;
    for (size_t i = 0; i < count; i++) {
        if (!clip(&points[i], samples->begin_ns, samples->end_ns, &from_ns, &until_ns)) {
            continue;
        }
        if (series->bucket_ns) {
            spread(series, &bucket, from_ns, until_ns, points[i].value);
            continue;
        }
        double value = rounded(points[i].value);
        series->samples[series->count++] =
            (struct run_sample){from_ns, until_ns - from_ns, value, value, value};
    }
    flush(series, &bucket);
}

static uint64_t count_held(const zeus_point *points, size_t count,
                           const struct run_samples *samples)
{
    uint64_t held = 0;
    uint64_t ignored_ns = 0;
    for (size_t i = 0; i < count; i++) {
        held += clip(&points[i], samples->begin_ns, samples->end_ns, &ignored_ns, &ignored_ns) != 0;
    }
    return held;
}

/* 0, also where there is nothing to keep. */
static int load_series(zeus_timeline *timeline, size_t number, size_t most,
                       const struct run_samples *samples, struct run_series *series)
{
    size_t count = 0;
    zeus_point none;
    /* From the very beginning: what held at begin_ns may have begun to hold long before. */
    int r = zeus_timeline_between(timeline, number, 0, samples->end_ns, &none, 0, &count);
    if ((r < 0 && r != ZEUS_ETOOSMALL) || count == 0) {
        return 0;
    }
    zeus_point *points _free_ = mem_calloc(count, sizeof(*points));
    if (!points) {
        return ZEUS_ENOMEM;
    }
    size_t got = 0;
    r = zeus_timeline_between(timeline, number, 0, samples->end_ns, points, count, &got);
    got = MIN_OF(got, count);
    series->held = count_held(points, got, samples);
    if ((r < 0 && r != ZEUS_ETOOSMALL) || series->held == 0) {
        return 0;
    }
    if (series->held > most) {
        series->bucket_ns = (samples->end_ns - samples->begin_ns) / most + 1;
    }
    series->samples = mem_calloc(MIN_OF(series->held, most) + 1, sizeof(*series->samples));
    if (!series->samples) {
        return ZEUS_ENOMEM;
    }
    store(series, points, got, samples);
    return 0;
}

int run_samples_load(zeus_timeline *timeline, uint64_t begin_ns, uint64_t end_ns,
                     struct run_samples *ret_samples)
{
    struct run_samples samples = {.begin_ns = begin_ns, .end_ns = end_ns};
    size_t all = timeline ? zeus_timeline_series_count(timeline) : 0;
    size_t count = MIN_OF(all, RUN_SERIES_MAX);
    samples.left_out = all - count;
    samples.series = mem_calloc(count + 1, sizeof(*samples.series));
    if (!samples.series) {
        return ZEUS_ENOMEM;
    }
    size_t most = count ? MIN_OF(RUN_SAMPLES_MAX / count, RUN_SAMPLES_EACH) : 0;
    for (size_t i = 0; i < count; i++) {
        struct run_series *series = &samples.series[samples.count];
        int r = zeus_timeline_get_series(timeline, i, &series->info);
        r = r < 0 ? r : load_series(timeline, i, most, &samples, series);
        samples.count++;
        if (r < 0) {
            run_samples_done(&samples);
            return r;
        }
    }
    *ret_samples = samples;
    return 0;
}

void run_samples_done(struct run_samples *samples)
{
    for (size_t i = 0; i < samples->count; i++) {
        free(samples->series[i].samples);
    }
    free(samples->series);
    *samples = (struct run_samples){.begin_ns = 0};
}
