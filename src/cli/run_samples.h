/* SPDX-License-Identifier: Apache-2.0
 *
 * What a timeline saw during a run, bounded: the samples that a report stores and its charts draw.
 *
 * All values that fit are kept as they were. Of a series with more, equal stretches of time are
 * kept, each with its mean over the time that data cover (so that no joule is lost) and its lowest
 * and highest value (so that no spike is).
 */
#ifndef ZEUS_CLI_RUN_SAMPLES_H
#define ZEUS_CLI_RUN_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/timeline.h>

#include "base/attr.h"

/* Bounds: 65,536 samples in all, shared alike; at most 4,000 of a series, and 256 series. */
#define RUN_SAMPLES_MAX  65536u
#define RUN_SAMPLES_EACH 4000u
#define RUN_SERIES_MAX   256u

/* Times are nanoseconds since the begin of the run. */
struct run_sample {
    uint64_t from_ns;
    uint64_t length_ns;
    double mean;
    double low;
    double high;
};

struct run_series {
    zeus_series_info info;
    uint64_t bucket_ns;         /* length of the stretches; 0: values as they were */
    uint64_t held;              /* values there were */
    struct run_sample *samples; /* owned */
    size_t count;
};

struct run_samples {
    uint64_t begin_ns; /* monotonic */
    uint64_t end_ns;
    struct run_series *series; /* owned */
    size_t count;
    size_t left_out; /* series beyond the bound */
};

/* From a timeline (NULL gives none) between two instants; *ret_samples is owned (done). NOMEM. */
int run_samples_load(zeus_timeline *timeline, uint64_t begin_ns, uint64_t end_ns,
                     struct run_samples *ret_samples) ZEUS_CHECK;
void run_samples_done(struct run_samples *samples);

#endif /* ZEUS_CLI_RUN_SAMPLES_H */
