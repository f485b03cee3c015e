/* SPDX-License-Identifier: Apache-2.0
 *
 * One series of a timeline: values over time in a ring, equal ones stored once, with a running
 * integral so that energy between two instants costs two bisections. One writer, any readers. The
 * ring has the times at which values were seen; questions and answers are shifted by `shift_ns`.
 */
#ifndef ZEUS_MONITOR_SERIES_H
#define ZEUS_MONITOR_SERIES_H

#include <stdint.h>

#include <zeus/timeline.h>

#include "base/ring.h"
#include "monitor/monitor_io.h"
#include "monitor/sensor_model.h"

#define SERIES_GAPS 16

/* What the writer publishes beside the ring. */
struct series_status {
    uint64_t seen_ns;   /* latest successful read */
    uint64_t hold_ns;   /* how long a value may be taken to hold after it */
    uint64_t period_ns; /* between reads */
    uint64_t update_ns; /* of the sensor, 0 until known */
    uint64_t failures;
    int64_t code; /* of the last read */
};

struct series {
    /* constant */
    uint32_t quantity;
    uint32_t position;
    uint32_t domain;
    uint32_t field;
    uint32_t is_counter;      /* power follows from an energy counter */
    uint64_t fixed_period_ns; /* asked for by the caller, 0: infer */
    uint64_t shift_ns;        /* how much earlier than it was seen a value began to hold */
    struct device *dev;
    struct sensor_model model;
    /* the writer's */
    struct ring points;
    struct ring status_ring;
    struct series_status status;
    uint64_t next_ns;
    uint64_t opened_ns;
    double value; /* latest stored, NaN in a gap or before the first */
    double integral;
    uint64_t covered_ns;
    uint64_t value_ns;             /* when the latest stored value began */
    uint64_t gaps_ns[SERIES_GAPS]; /* between changes, to infer the update period */
    uint32_t gap_count;
    uint64_t changed_ns;
    zeus_energy_sample last_energy;
    uint32_t has_energy;
};

int series_init(struct series *series, size_t max_samples, uint64_t now_ns) ZEUS_CHECK;
void series_done(struct series *series);

/* Reads when due. */
void series_step(struct series *series, const struct monitor_io *io, uint64_t now_ns);

/* Queries, from any thread; codes as in <zeus/timeline.h>. */
void series_read_status(const struct series *series, struct series_status *ret_status);
int series_value_at(const struct series *series, uint64_t time_ns, zeus_point *ret_point)
    ZEUS_CHECK;
int series_between(const struct series *series, uint64_t begin_ns, uint64_t end_ns,
                   zeus_point *points, size_t capacity, size_t *ret_count) ZEUS_CHECK;
int series_integral(const struct series *series, uint64_t begin_ns, uint64_t end_ns,
                    double *ret_sum, double *ret_covered_s) ZEUS_CHECK;
uint64_t series_stored(const struct series *series, uint64_t *ret_dropped);

#endif /* ZEUS_MONITOR_SERIES_H */
