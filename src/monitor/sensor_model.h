/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known about the sensors: one row per class. Pure tables and look-ups.
 *
 * A class says how the power field behaves (how often it changes, over how long it averages, how
 * late it is, whether it is a boxcar or an RC filter) and how often the energy counter ticks. The
 * numbers are docs/measurement.md's table; a calibration of the machine at hand replaces them
 * (calibration.h).
 */
#ifndef ZEUS_MONITOR_SENSOR_MODEL_H
#define ZEUS_MONITOR_SENSOR_MODEL_H

#include <stdint.h>

#include <zeus/device.h>

/* How a power field answers a step. */
enum sensor_response {
    SENSOR_BOXCAR = 0, /* mean over a window */
    SENSOR_RC = 1,     /* first-order lag */
};

struct sensor_model {
    char name[48];
    uint32_t response;         /* enum sensor_response */
    uint32_t is_calibrated;    /* measured on this device: the systematic part is its own */
    uint32_t is_own;           /* times were measured on this device (calibration.h) */
    uint32_t has_own_response; /* and so were window or time constant, and lag */
    uint64_t update_ns;        /* period of the power field; 0: no power field or continuous */
    uint64_t window_ns;        /* averaging window */
    uint64_t lag_ns;           /* from the end of the window to the update */
    uint64_t tau_ns;           /* of SENSOR_RC */
    uint64_t tick_ns;          /* period of the energy counter; 0: none known */
    uint64_t shift_error_ns; /* half width of the 95 % interval of what all times of the power field
                              * may be off by together; 0: not known */
    double noise_w;          /* standard deviation of one power reading */
    double gain_error;       /* bound of the relative systematic error, 0.05 = 5 % */
    double offset_error_w;   /* bound of the constant systematic error */
    double gain;             /* reading = gain * truth + offset_w, 1 and 0 unless calibrated */
    double offset_w;
};

/* The row of a class name; the generic row when it is unknown or empty. */
void sensor_model_find(const char *sensor_class, struct sensor_model *ret_model);

/* The row for a domain of a device: by the class its backend named, else by backend, architecture
 * and field. `field` is ZEUS_POWER_... */
void sensor_model_of(const zeus_device_info *device, const zeus_domain_info *domain, uint32_t field,
                     struct sensor_model *ret_model);

/* All rows, for documentation and tests; NULL past the end. */
const struct sensor_model *sensor_model_row(uint32_t row);

#endif /* ZEUS_MONITOR_SENSOR_MODEL_H */
