/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sensor is like, from readings taken while a known load switched on and off: its beat
 * (update period or counter tick), then its response (averaging window or time constant, lag).
 * Pure: changes of a reading in, numbers with their uncertainty out. Flat power shows nothing of
 * this and is refused rather than guessed at. docs/calibration.md has the method.
 */
#ifndef ZEUS_MONITOR_CALIBRATE_H
#define ZEUS_MONITOR_CALIBRATE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

#define CALIBRATE_CHANGES_LEAST 8u

/* A reading was another one by hi than it was at lo. The first of a series is its first reading:
 * lo == hi, and no change. Value: watts, or joules of a counter. */
struct calibrate_change {
    uint64_t lo_ns;
    uint64_t hi_ns;
    double value;
};

struct calibrate_series {
    const struct calibrate_change *changes; /* borrowed */
    size_t count;
    uint64_t end_ns; /* the last reading, still of the last value */
};

/* Updates come at phase + k * period. */
struct calibrate_beat {
    double period_ns;
    double period_error_ns; /* half width of the 95 % interval */
    double phase_ns;        /* after the series' first reading */
    double spread_ns;       /* 95 % of the updates are this near to the beat */
    double on_beat;         /* share of the changes that keep to it */
};

/* When the load was on: [on, off) in rising order, each edge known to -/+ edge_half_ns. */
struct calibrate_load {
    uint64_t on_ns;
    uint64_t off_ns;
};

struct calibrate_loads {
    const struct calibrate_load *loads; /* borrowed */
    size_t count;
    double edge_half_ns; /* mean */
};

struct calibrate_response {
    uint32_t is_rc;
    double length_ns; /* window of a boxcar, time constant of an RC response */
    double length_error_ns;
    double lag_ns;
    double lag_error_ns;
    double explained; /* share of the readings' variance */
    double off_w;     /* reading with the load off and on, by the fit */
    double on_w;
};

/* RANGE when fewer than 8 changes were seen (power is flat, or reads are too rare) or they keep to
 * no beat. A value that stays as it was over an update is no harm. */
int calibrate_beat(const struct calibrate_series *series, struct calibrate_beat *ret_beat,
                   zeus_error *err) ZEUS_CHECK;

/* The boxcar or RC filter of the load that explains the readings best, by least squares over every
 * update (calibrate_beat tells when they were). RANGE when less than half of their variance is
 * explained: the load makes no difference to this sensor. */
int calibrate_response(const struct calibrate_series *series, const struct calibrate_beat *beat,
                       const struct calibrate_loads *loads, struct calibrate_response *ret_response,
                       zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_CALIBRATE_H */
