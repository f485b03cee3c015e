/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking the readings a calibration is made from, behind zeus_calibrate_measure. Clock, readings,
 * sleep and load come through tables, so that tests run it on a virtual clock.
 */
#ifndef ZEUS_MONITOR_CALIBRATE_RUN_H
#define ZEUS_MONITOR_CALIBRATE_RUN_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/calibrate.h>

#include "monitor/monitor_io.h"
#include "monitor/sensor_model.h"

struct calibrate_io {
    const struct monitor_io *io;
    void (*sleep_until_ns)(uint64_t deadline_ns, void *user);
    void *sleep_user;
};

/* One field, and what the table of classes says of it. */
struct calibrate_job {
    struct device *dev;
    uint32_t domain;
    uint32_t field; /* ZEUS_CALIBRATE_... */
    struct sensor_model model;
};

/* `options` complete: no zero stands for a default. Results as in <zeus/calibrate.h>, without the
 * words of the entry. CLOSED when progress asked to stop, the load's own code when it failed. */
int calibrate_run(const struct calibrate_io *io, const struct calibrate_job *jobs, size_t count,
                  const zeus_calibrate_options *options, zeus_calibrate_result *results,
                  zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_CALIBRATE_RUN_H */
