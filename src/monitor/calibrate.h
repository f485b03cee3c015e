/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sensor is like, from readings taken while a known load switched on and off: update period,
 * counter tick, averaging window or time constant, lag. Pure: samples in, a model out. Flat power
 * shows nothing of this and is refused rather than guessed at.
 */
#ifndef ZEUS_MONITOR_CALIBRATE_H
#define ZEUS_MONITOR_CALIBRATE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "monitor/sensor_model.h"

struct calibrate_sample {
    uint64_t time_ns;
    double value; /* watts, or joules of a counter */
};

/* When the load was on: [on, off) in rising order. */
struct calibrate_load {
    uint64_t on_ns;
    uint64_t off_ns;
};

/* Period of a field or counter: median of the times between changes, and their spread (half of the
 * middle 80 %). RANGE when fewer than 8 changes were seen: power was flat or reads too rare. */
int calibrate_period(const struct calibrate_sample *samples, size_t count, uint64_t *ret_period_ns,
                     uint64_t *ret_spread_ns, zeus_error *err) ZEUS_CHECK;

/* Response, window or time constant, and lag of a power field whose period is known, by the least
 * squares over a grid of boxcars and of RC filters applied to the load. RANGE when the readings do
 * not follow the load (less than half of their variance explained). Sets response, update_ns,
 * window_ns, tau_ns, lag_ns of *ret_model and *ret_explained (share of variance). */
int calibrate_response(const struct calibrate_sample *samples, size_t count,
                       const struct calibrate_load *loads, size_t load_count, uint64_t period_ns,
                       struct sensor_model *ret_model, double *ret_explained, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_MONITOR_CALIBRATE_H */
