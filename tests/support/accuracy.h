/* SPDX-License-Identifier: Apache-2.0
 *
 * The accuracy experiment: random windows over a random trace, measured through a source on a
 * virtual clock, held against the exact integral and against what a plain tool would have said.
 * Shared by the CTest case (few windows, fixed seeds) and bench_accuracy (1,000 a class and trace).
 */
#ifndef ZEUS_TESTS_ACCURACY_H
#define ZEUS_TESTS_ACCURACY_H

#include <stdint.h>

#include "monitor/sensor_model.h"

enum accuracy_trace { ACCURACY_SQUARE, ACCURACY_RAMP, ACCURACY_NOISY, ACCURACY_TRACES };

extern const char *const accuracy_trace_names[ACCURACY_TRACES];

struct accuracy_plan {
    struct sensor_model model;
    uint32_t use_counter;
    enum accuracy_trace trace;
    uint32_t windows;
    uint64_t seed;
    uint32_t wait; /* 1: measure once the closing edge was seen; 0: at the end of the window */
    double rate_hz;
    double window_share; /* the sensor's true window over the model's; 0: as the model says */
};

struct accuracy_result {
    uint32_t windows;
    uint32_t covered;        /* truth within the 95 % interval, random part alone */
    uint32_t failed;         /* no energy at all */
    uint32_t short_windows;  /* below 500 ms */
    double median_short_j;   /* |error| of these, ours */
    double median_plain_j;   /* of these, the plain tool's */
    double median_width_j;   /* half width of our interval, windows below 500 ms */
    double median_width_pct; /* the same as a share of the energy */
    double median_long_pct;  /* |error| of windows of 2 s and more, per cent */
    double reads_per_s;
    double worst_z; /* largest |error| / half width */
};

void accuracy_run(const struct accuracy_plan *plan, struct accuracy_result *ret_result);

#endif /* ZEUS_TESTS_ACCURACY_H */
