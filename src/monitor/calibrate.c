/* SPDX-License-Identifier: Apache-2.0
 *
 * The beat of a sensor: the longest period of which nearly all gaps between changes are whole
 * multiples, refined by a straight line through the times of change. A median of gaps would not do:
 * where a load is steady for some updates, no change is seen and the gaps are multiples.
 */
#include "monitor/calibrate.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "stats/quantile.h"

#define CANDIDATES    32 /* gaps tried, from the shortest on */
#define FRACTIONS     4u /* of each, in case no two updates in a row differed */
#define OFF_BEAT      0.12
#define ON_BEAT_LEAST 0.85
#define HALVES_LEAST  16.0 /* a shorter period is not resolved: any gap would fit it by chance */
#define BEATS_MOST    40.0 /* gaps longer than this say little of the period */
#define WIDE_BRACKET  4.0
#define FOLLOW        0.3 /* share of a deviation that the beat follows */
#define STRAYS_MOST   4u
#define LINE_LEAST    0.7
#define Z95           1.96

/* Times of change, relative to the first reading, those with a wide bracket left out. */
struct times {
    double *t_ns; /* owned */
    double *half_ns;
    double *beat; /* room for beat numbers */
    size_t count;
    double usual_half_ns;
};

static void times_done(struct times *times)
{
    free(times->t_ns);
}

static int gather(const struct calibrate_series *series, struct times *ret)
{
    size_t room = series->count + 1;
    double *block = mem_calloc(4 * room, sizeof *block);
    if (!block) {
        return ZEUS_ENOMEM;
    }
    *ret = (struct times){block, block + room, block + 2 * room, 0, 0};
    double *sorted = block + 3 * room;
    for (size_t i = 1; i < series->count; i++) {
        sorted[i - 1] = (double)(series->changes[i].hi_ns - series->changes[i].lo_ns) / 2;
    }
    size_t count = series->count ? series->count - 1 : 0;
    ret->usual_half_ns = count ? quantile_median(sorted, count) : 0;
    for (size_t i = 1; i < series->count; i++) {
        const struct calibrate_change *change = &series->changes[i];
        double half_ns = (double)(change->hi_ns - change->lo_ns) / 2;
        if (half_ns <= WIDE_BRACKET * ret->usual_half_ns + 1000) {
            ret->half_ns[ret->count] = half_ns;
            ret->t_ns[ret->count++] = (double)(change->lo_ns - series->changes[0].lo_ns) + half_ns;
        }
    }
    return 0;
}

/* Share of the gaps that are multiples of the period, up to so many; betters the period by them. */
static double keep_to(const struct times *times, double beats_most, double *period_ns)
{
    size_t good = 0;
    double gap_beats = 0;
    double beats2 = 0;
    for (size_t i = 1; i < times->count; i++) {
        double gap_ns = times->t_ns[i] - times->t_ns[i - 1];
        double k = round(gap_ns / *period_ns);
        double doubt_ns = times->half_ns[i] + times->half_ns[i - 1];
        if (k >= 1 && k <= beats_most &&
            fabs(gap_ns - k * *period_ns) <= OFF_BEAT * *period_ns + doubt_ns) {
            good++;
            gap_beats += gap_ns * k;
            beats2 += k * k;
        }
    }
    *period_ns = beats2 > 0 ? gap_beats / beats2 : *period_ns;
    return (double)good / (double)(times->count - 1);
}

/* The longest period that fits; 0 when none does. */
static double find_period_ns(const struct times *times, double *gaps_ns, double *ret_share)
{
    size_t count = times->count - 1;
    for (size_t i = 0; i < count; i++) {
        gaps_ns[i] = times->t_ns[i + 1] - times->t_ns[i];
    }
    quantile_sort(gaps_ns, count);
    double best_ns = 0;
    for (size_t c = 0; c < CANDIDATES; c++) {
        double gap_ns = quantile_sorted(gaps_ns, count, (double)c / CANDIDATES);
        for (uint32_t part = 1; part <= FRACTIONS; part++) {
            double period_ns = gap_ns / part;
            if (period_ns < HALVES_LEAST * times->usual_half_ns || period_ns <= best_ns) {
                continue;
            }
            /* Short gaps first: a period that is a little off miscounts the long ones. */
            (void)keep_to(times, 3, &period_ns);
            (void)keep_to(times, 12, &period_ns);
            double share = keep_to(times, BEATS_MOST, &period_ns);
            if (share >= ON_BEAT_LEAST && period_ns > best_ns * 1.02) {
                best_ns = period_ns;
                *ret_share = share;
            }
        }
    }
    return best_ns;
}

/* A straight line through (beat number, time) of the changes marked with a beat >= 0. */
static void draw_line(const struct times *times, struct calibrate_beat *beat)
{
    double n = 0;
    double sb = 0;
    double st = 0;
    double sbb = 0;
    double sbt = 0;
    for (size_t i = 0; i < times->count; i++) {
        double b = times->beat[i];
        if (b >= 0) {
            n++;
            sb += b;
            st += times->t_ns[i];
            sbb += b * b;
            sbt += b * times->t_ns[i];
        }
    }
    double vbb = sbb - sb * sb / n;
    beat->period_ns = (sbt - sb * st / n) / vbb;
    beat->phase_ns = (st - beat->period_ns * sb) / n;
    double ss = 0;
    for (size_t i = 0; i < times->count; i++) {
        double off_ns = times->t_ns[i] - beat->phase_ns - times->beat[i] * beat->period_ns;
        ss += times->beat[i] >= 0 ? off_ns * off_ns : 0;
    }
    double sigma_ns = sqrt(ss / fmax(n - 2, 1));
    beat->spread_ns = Z95 * sigma_ns;
    beat->period_error_ns = Z95 * sigma_ns / sqrt(vbb);
}

/* Numbers the changes by a beat that follows those that keep to it; the others get none. */
static void number_beats(struct times *times, double period_ns)
{
    double phase_ns = times->t_ns[0];
    double number = 0;
    double first = -1;
    uint32_t strays = 0;
    for (size_t i = 0; i < times->count; i++) {
        double k = round((times->t_ns[i] - phase_ns) / period_ns);
        double off_ns = times->t_ns[i] - phase_ns - k * period_ns;
        int is_on = fabs(off_ns) <= 2 * OFF_BEAT * period_ns + times->half_ns[i];
        strays = is_on ? 0 : strays + 1;
        times->beat[i] = is_on ? number + k : -1;
        if (is_on) {
            first = first < 0 ? number + k : first;
            number += k;
            phase_ns += k * period_ns + FOLLOW * off_ns;
        } else if (strays >= STRAYS_MOST) { /* the beat itself has moved */
            phase_ns = times->t_ns[i];
            number += fmax(k, 1);
            strays = 0;
        }
    }
    for (size_t i = 0; i < times->count; i++) {
        times->beat[i] -= times->beat[i] >= 0 ? fmax(first, 0) : 0;
    }
}

/* Share of the changes that are near the line. */
static double line_share(const struct times *times, const struct calibrate_beat *beat)
{
    size_t good = 0;
    for (size_t i = 0; i < times->count; i++) {
        double off_ns = times->t_ns[i] - beat->phase_ns - times->beat[i] * beat->period_ns;
        good += times->beat[i] >= 0 &&
                fabs(off_ns) <= 2 * OFF_BEAT * beat->period_ns + times->half_ns[i];
    }
    return (double)good / (double)times->count;
}

/* Sensors whose next update counts from the last one drift away from a line: their gaps tell. */
static double gap_error_ns(const struct times *times, double period_ns)
{
    double ss = 0;
    double n = 0;
    for (size_t i = 1; i < times->count; i++) {
        double gap_ns = times->t_ns[i] - times->t_ns[i - 1];
        double k = round(gap_ns / period_ns);
        if (k >= 1 && k <= BEATS_MOST) {
            double off_ns = (gap_ns - k * period_ns) / k;
            ss += off_ns * off_ns;
            n++;
        }
    }
    return n > 1 ? Z95 * sqrt(ss / (n - 1)) / n : 0;
}

static int fit_beat(struct times *times, struct calibrate_beat *ret_beat, zeus_error *err)
{
    double *gaps_ns _free_ = mem_calloc(times->count + 1, sizeof *gaps_ns);
    if (!gaps_ns) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct calibrate_beat beat = {0};
    double period_ns = find_period_ns(times, gaps_ns, &beat.on_beat);
    if (period_ns <= 0) {
        return err_set(err, ZEUS_ERANGE,
                       "its %zu changes keep to no beat (reads every %.2f ms at best)",
                       times->count, times->usual_half_ns * 2e-6);
    }
    number_beats(times, period_ns);
    draw_line(times, &beat);
    if (!(fabs(beat.period_ns / period_ns - 1) < 0.02) || line_share(times, &beat) < LINE_LEAST) {
        return err_set(err, ZEUS_ERANGE, "its %zu changes beat every %.2f ms or so, but not evenly",
                       times->count, period_ns * 1e-6);
    }
    beat.period_error_ns = fmax(beat.period_error_ns, gap_error_ns(times, beat.period_ns));
    beat.period_error_ns += 1e-5 * beat.period_ns;
    *ret_beat = beat;
    return 0;
}

int calibrate_beat(const struct calibrate_series *series, struct calibrate_beat *ret_beat,
                   zeus_error *err)
{
    struct times times CLEANUP(times_done) = {0};
    if (gather(series, &times) < 0) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (times.count < CALIBRATE_CHANGES_LEAST) {
        return err_set(err, ZEUS_ERANGE,
                       "it changed %zu times only: flat, or read too seldom to calibrate by",
                       series->count ? series->count - 1 : 0);
    }
    return fit_beat(&times, ret_beat, err);
}
