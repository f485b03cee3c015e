/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline behind <zeus/timeline.h>: series and the thread that samples them.
 */
#ifndef ZEUS_MONITOR_POWER_MONITOR_H
#define ZEUS_MONITOR_POWER_MONITOR_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/timeline.h>

#include "base/forkmark.h"
#include "base/thread.h"
#include "monitor/calibration.h"
#include "monitor/series.h"

struct zeus_timeline {
    struct forkmark mark;
    struct monitor_io io;
    struct series *series; /* owned */
    size_t count;
    struct thread thread;
};

struct timeline_config {
    struct device *const *devices; /* borrowed for the timeline's life */
    const uint32_t *positions;
    size_t count;
    uint32_t quantities;
    uint64_t period_ns;
    size_t max_samples;
    const struct monitor_io *io;
    const struct zeus_calibration *calibration; /* NULL: none; used by the call alone */
    int is_manual;                              /* stepped by the caller */
};

int timeline_create(const struct timeline_config *config, struct zeus_timeline **ret_timeline,
                    zeus_error *err) ZEUS_CHECK;
void timeline_stop(struct zeus_timeline *timeline);
void timeline_destroy(struct zeus_timeline *timeline);

/* Everything due; returns when to be called again. */
uint64_t timeline_step(struct zeus_timeline *timeline, uint64_t now_ns);

/* Energy of a power series with provenance and uncertainty. */
int timeline_energy(const struct zeus_timeline *timeline, size_t series, uint64_t begin_ns,
                    uint64_t end_ns, zeus_energy *ret_energy) ZEUS_CHECK;

const char *timeline_quantity_name(uint32_t quantity);

#endif /* ZEUS_MONITOR_POWER_MONITOR_H */
