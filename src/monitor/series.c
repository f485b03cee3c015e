/* SPDX-License-Identifier: Apache-2.0
 *
 * Sampling and answering of one series; see series.h. A stored point is (time, value, integral and
 * covered time up to there); a point whose value is NaN begins a gap.
 */
#include "monitor/series.h"

#include <math.h>
#include <string.h>

#include "base/macro.h"

#define MS              UINT64_C(1000000)
#define SECOND          UINT64_C(1000000000)
#define PERIOD_LEAST_NS MS
#define PERIOD_MOST_NS  (100 * MS)
#define INFER_MOST_NS   (3 * SECOND) /* after that the sensor class has the word */
#define POINT_WORDS     4
#define LATENCY_SHARE   20 /* of the time between two readings of a counter */
#define STATUS_WORDS    (sizeof(struct series_status) / sizeof(uint64_t))

struct point {
    uint64_t t_ns;
    double value;
    double integral;
    uint64_t covered_ns;
};

static void push_point(struct series *series, uint64_t t_ns, double value)
{
    if (!isnan(series->value) && t_ns > series->value_ns) {
        series->integral += series->value * (double)(t_ns - series->value_ns) * 1e-9;
        series->covered_ns += t_ns - series->value_ns;
    }
    series->value = value;
    series->value_ns = t_ns;
    uint64_t words[POINT_WORDS] = {t_ns, 0, 0, series->covered_ns};
    memcpy(&words[1], &value, sizeof value);
    memcpy(&words[2], &series->integral, sizeof(double));
    ring_push(&series->points, words);
}

static int read_point(const struct series *series, uint64_t number, struct point *ret_point)
{
    uint64_t words[POINT_WORDS];
    if (!ring_read(&series->points, number, words)) {
        return 0;
    }
    ret_point->t_ns = words[0];
    memcpy(&ret_point->value, &words[1], sizeof(double));
    memcpy(&ret_point->integral, &words[2], sizeof(double));
    ret_point->covered_ns = words[3];
    return 1;
}

static void publish(struct series *series)
{
    uint64_t words[STATUS_WORDS];
    memcpy(words, &series->status, sizeof words);
    ring_push(&series->status_ring, words);
}

void series_read_status(const struct series *series, struct series_status *ret_status)
{
    uint64_t words[STATUS_WORDS];
    if (ring_read_newest(&series->status_ring, words)) {
        memcpy(ret_status, words, sizeof words);
    }
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : (value > high ? high : value);
}

static void set_period(struct series *series, uint64_t period_ns)
{
    series->status.period_ns = period_ns;
    series->status.hold_ns = 3 * MAX_OF(period_ns, series->status.update_ns);
}

int series_init(struct series *series, size_t max_samples, uint64_t now_ns)
{
    series->value = (double)NAN;
    series->opened_ns = series->next_ns = now_ns;
    if (series->fixed_period_ns) {
        set_period(series, series->fixed_period_ns);
    } else if (series->quantity == ZEUS_SERIES_TEMPERATURE) {
        set_period(series, SECOND);
    } else if (series->is_counter) {
        uint64_t tick_ns = series->model.tick_ns ? series->model.tick_ns : MS;
        set_period(series, clamp(2 * tick_ns, PERIOD_MOST_NS, SECOND));
    } else if (series->model.has_own_response) {
        series->status.update_ns = series->model.update_ns;
        set_period(series, clamp(series->model.update_ns / 2, PERIOD_LEAST_NS, PERIOD_MOST_NS));
    } else {
        uint64_t update_ns = series->model.update_ns ? series->model.update_ns : PERIOD_MOST_NS;
        set_period(series, clamp(update_ns / 8, PERIOD_LEAST_NS, PERIOD_MOST_NS));
    }
    int r = ring_init(&series->points, max_samples, POINT_WORDS);
    r = r < 0 ? r : ring_init(&series->status_ring, 4, STATUS_WORDS);
    if (r == 0) {
        publish(series);
    }
    return r;
}

void series_done(struct series *series)
{
    ring_done(&series->points);
    ring_done(&series->status_ring);
}

/* The median of change-to-change times is the update period; reads follow at half of it. */
static void infer(struct series *series, uint64_t t_ns, int is_change)
{
    if (series->fixed_period_ns || series->status.update_ns || series->is_counter ||
        series->quantity == ZEUS_SERIES_TEMPERATURE) {
        return;
    }
    if (is_change) {
        if (series->changed_ns) {
            uint64_t gap_ns = t_ns - series->changed_ns;
            uint32_t at = series->gap_count++;
            for (; at > 0 && series->gaps_ns[at - 1] > gap_ns; at--) {
                series->gaps_ns[at] = series->gaps_ns[at - 1];
            }
            series->gaps_ns[at] = gap_ns;
        }
        series->changed_ns = t_ns;
    }
    int is_late = t_ns - series->opened_ns > INFER_MOST_NS;
    if (series->gap_count == SERIES_GAPS) {
        series->status.update_ns = series->gaps_ns[SERIES_GAPS / 2];
    } else if (is_late) {
        series->status.update_ns =
            series->model.update_ns ? series->model.update_ns : 2 * PERIOD_MOST_NS;
    } else {
        return;
    }
    set_period(series, clamp(series->status.update_ns / 2, PERIOD_LEAST_NS, PERIOD_MOST_NS));
}

static void take_value(struct series *series, uint64_t t_ns, double value)
{
    int is_pause = series->status.seen_ns && t_ns - series->status.seen_ns > series->status.hold_ns;
    if (is_pause && !isnan(series->value)) {
        push_point(series, series->status.seen_ns + 1, (double)NAN);
    }
    /* Equality of readings, not closeness: a repeated reading is the same bits. */
    int is_change = isnan(series->value) || memcmp(&value, &series->value, sizeof value) != 0;
    if (is_change) {
        push_point(series, MAX_OF(t_ns, series->value_ns + 1), value);
    }
    series->status.seen_ns = t_ns;
    series->status.code = 0;
    infer(series, t_ns, is_change);
}

static int read_counter(struct series *series, const struct monitor_io *io)
{
    zeus_energy_sample sample = {0};
    int r = io->read_energy(io->user, series->dev, series->domain, &sample);
    if (r < 0) {
        series->has_energy = 0;
        return r;
    }
    const zeus_energy_sample *last = &series->last_energy;
    if (series->has_energy &&
        sample.latency_ns > (sample.time_ns - last->time_ns) / LATENCY_SHARE) {
        return 0; /* taken any time within: a spike that never was. The next stands for both */
    }
    if (series->has_energy && sample.energy_uj > last->energy_uj &&
        sample.time_ns > last->time_ns) {
        /* The mean since the last reading stands for that stretch. */
        double power_w = (double)(sample.energy_uj - last->energy_uj) * 1e3 /
                         (double)(sample.time_ns - last->time_ns);
        push_point(series, MAX_OF(last->time_ns, series->value_ns + 1), power_w);
        series->status.seen_ns = sample.time_ns;
        series->status.code = 0;
    }
    if (!series->has_energy || sample.energy_uj != last->energy_uj) {
        series->last_energy = sample; /* a counter that stands still is waited for */
        series->has_energy = 1;
    }
    return 0;
}

static int read_direct(struct series *series, const struct monitor_io *io, uint64_t now_ns)
{
    if (series->quantity == ZEUS_SERIES_TEMPERATURE) {
        int32_t value_c = 0;
        int r = io->read_temperature(io->user, series->dev, &value_c);
        if (r == 0) {
            take_value(series, now_ns, value_c);
        }
        return r;
    }
    zeus_power_sample sample = {0};
    int r = io->read_power(io->user, series->dev, series->domain, series->field, &sample);
    if (r == 0) {
        take_value(series, sample.time_ns, (double)sample.power_uw * 1e-6);
    }
    return r;
}

void series_step(struct series *series, const struct monitor_io *io, uint64_t now_ns)
{
    if (now_ns < series->next_ns) {
        return;
    }
    int r = series->is_counter ? read_counter(series, io) : read_direct(series, io, now_ns);
    if (r < 0) {
        series->status.failures++;
        series->status.code = r;
        if (!isnan(series->value) && now_ns - series->status.seen_ns > series->status.hold_ns) {
            push_point(series, series->status.seen_ns + 1, (double)NAN);
        }
    }
    /* On the grid of the period; rounds that were missed are skipped. */
    uint64_t period_ns = series->status.period_ns;
    series->next_ns += period_ns;
    if (series->next_ns <= now_ns) {
        series->next_ns = now_ns + period_ns - (now_ns - series->opened_ns) % period_ns;
    }
    publish(series);
}

/* First number whose time is past t; `end` when none. */
static uint64_t first_after(const struct series *series, uint64_t t_ns, uint64_t end)
{
    uint64_t low = ring_oldest(&series->points, end);
    uint64_t high = end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct point point;
        if (!read_point(series, middle, &point) || point.t_ns <= t_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* How long point `number` held. */
static uint64_t until_of(const struct series *series, uint64_t number, uint64_t end)
{
    struct point next;
    if (number + 1 < end && read_point(series, number + 1, &next)) {
        return next.t_ns;
    }
    struct series_status status = {0};
    series_read_status(series, &status);
    return status.seen_ns + (series->is_counter ? 0 : status.hold_ns);
}

static void fill(const struct series *series, uint64_t number, uint64_t end,
                 const struct point *point, zeus_point *ret_point)
{
    uint64_t until_ns = MAX_OF(until_of(series, number, end), point->t_ns);
    *ret_point = (zeus_point){.time_ns = point->t_ns - series->shift_ns,
                              .until_ns = until_ns - series->shift_ns,
                              .value = point->value};
}

int series_value_at(const struct series *series, uint64_t time_ns, zeus_point *ret_point)
{
    uint64_t end = ring_end(&series->points);
    time_ns += time_ns ? series->shift_ns : 0;
    uint64_t after = time_ns ? first_after(series, time_ns, end) : end;
    struct point before = {0};
    struct point next = {0};
    int has_before = 0;
    uint64_t at = after;
    while (at > ring_oldest(&series->points, end) && !has_before) {
        at--;
        has_before = read_point(series, at, &before) && !isnan(before.value);
    }
    int has_next = after < end && read_point(series, after, &next) && !isnan(next.value);
    if (!has_before && !has_next) {
        return ZEUS_EAGAIN;
    }
    if (!has_before || (has_next && next.t_ns - time_ns < time_ns - before.t_ns)) {
        fill(series, after, end, &next, ret_point);
    } else {
        fill(series, at, end, &before, ret_point);
    }
    return 0;
}

int series_between(const struct series *series, uint64_t begin_ns, uint64_t end_ns,
                   zeus_point *points, size_t capacity, size_t *ret_count)
{
    uint64_t end = ring_end(&series->points);
    begin_ns += begin_ns ? series->shift_ns : 0;
    end_ns += MIN_OF(series->shift_ns, UINT64_MAX - end_ns);
    uint64_t from =
        begin_ns ? first_after(series, begin_ns - 1, end) : ring_oldest(&series->points, end);
    size_t count = 0;
    struct point point;
    for (uint64_t i = from; i < end && read_point(series, i, &point) && point.t_ns <= end_ns; i++) {
        if (isnan(point.value)) {
            continue;
        }
        if (count < capacity) {
            fill(series, i, end, &point, &points[count]);
        }
        count++;
    }
    *ret_count = count;
    return count <= capacity ? 0 : ZEUS_ETOOSMALL;
}

/* Integral and covered time from the series' start to t. */
static void sum_to(const struct series *series, uint64_t t_ns, uint64_t end, double *ret_sum,
                   double *ret_covered_s)
{
    uint64_t after = first_after(series, t_ns, end);
    struct point point;
    if (after == ring_oldest(&series->points, end)) {
        /* Before all that is stored: the sums of the oldest point. */
        int known = after < end && read_point(series, after, &point);
        *ret_sum = known ? point.integral : 0;
        *ret_covered_s = known ? (double)point.covered_ns * 1e-9 : 0;
        return;
    }
    if (!read_point(series, after - 1, &point)) {
        *ret_sum = *ret_covered_s = 0;
        return;
    }
    double held_s = 0;
    if (!isnan(point.value)) {
        uint64_t until_ns = MIN_OF(t_ns, until_of(series, after - 1, end));
        held_s = until_ns > point.t_ns ? (double)(until_ns - point.t_ns) * 1e-9 : 0;
    }
    *ret_sum = point.integral + (held_s > 0 ? point.value * held_s : 0);
    *ret_covered_s = (double)point.covered_ns * 1e-9 + held_s;
}

int series_integral(const struct series *series, uint64_t begin_ns, uint64_t end_ns,
                    double *ret_sum, double *ret_covered_s)
{
    uint64_t end = ring_end(&series->points);
    double from = 0;
    double from_s = 0;
    double to = 0;
    double to_s = 0;
    sum_to(series, begin_ns + series->shift_ns, end, &from, &from_s);
    sum_to(series, end_ns + series->shift_ns, end, &to, &to_s);
    if (to_s <= from_s) {
        return ZEUS_EAGAIN;
    }
    *ret_sum = to - from;
    *ret_covered_s = to_s - from_s;
    return 0;
}

uint64_t series_stored(const struct series *series, uint64_t *ret_dropped)
{
    uint64_t end = ring_end(&series->points);
    *ret_dropped = ring_oldest(&series->points, end);
    return end - *ret_dropped;
}
