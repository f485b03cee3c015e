/* SPDX-License-Identifier: Apache-2.0
 *
 * The accuracy experiment on the simulated node: random windows over random power, measured by the
 * monitor through the real backends, held against the simulation's exact integral and against what
 * a plain tool would have said from the same device.
 *
 * Three devices of one class stand beside each other, one under each kind of power, and the same
 * windows are taken of all three. One call a process (simrig.h).
 */
#ifndef ZEUS_TESTS_SIMACCURACY_H
#define ZEUS_TESTS_SIMACCURACY_H

#include <stdint.h>

#define SIMACCURACY_TRACES 3 /* square, ramp, noisy */

extern const char *const simaccuracy_trace_names[SIMACCURACY_TRACES];

/* A sensor class as the simulation shows it. */
struct simaccuracy_class {
    const char *sensor_class; /* the row of the sensor table that the monitor must find */
    const char *kind;         /* of the node file */
    const char *name;         /* of each device; NULL: any */
    const char *identity;     /* more lines of each device; newlines between */
    const char *sensor;       /* "instant", "average", "current" or NULL */
    const char *sensor_args;
    const char *counter_args; /* NULL: no counter; "energy" or "package" by kind */
    double scale;             /* of the power: 1 is 50 to 650 W */
    double poll_s;            /* the plain tool's distance of power samples */
    const char *note;
};

/* All of them; NULL past the end. */
const struct simaccuracy_class *simaccuracy_class_at(uint32_t row);

struct simaccuracy_plan {
    const struct simaccuracy_class *row;
    uint32_t windows;
    uint32_t rate_hz;
    uint64_t seed;
    int is_first; /* each window begins at once after a monitor was opened */
};

struct simaccuracy_result {
    uint32_t windows;
    uint32_t failed;       /* no energy at all, though the window was long enough to have one */
    uint32_t covered;      /* truth within the 95 % interval once the closing edge was seen */
    uint32_t covered_open; /* the same when asked at the end of the window */
    uint32_t shorts;       /* below 500 ms, and so are the next five */
    double error_j;        /* median |error| */
    double plain_j;        /* of the plain tool */
    double half_j;         /* median half width of the interval */
    double half_pct;       /* the same as a share of the energy */
    double bias_j;         /* mean error of the shorts */
    double bias_se_j;      /* its standard error */
    double long_pct;       /* median |error| of windows of 2 s and more, per cent */
    double reads_per_s;    /* a device */
    double worst_z;
};

void simaccuracy_run(const struct simaccuracy_plan *plan,
                     struct simaccuracy_result ret_results[SIMACCURACY_TRACES]);

#endif /* ZEUS_TESTS_SIMACCURACY_H */
