/* SPDX-License-Identifier: Apache-2.0
 *
 * From the measured times and energies of a pipeline's stages to its frontier of frequency plans,
 * kept for look-ups: what a scheduler decides with. Pure; the method is docs/planner.md.
 */
#ifndef ZEUS_POLICY_PIPELINE_H
#define ZEUS_POLICY_PIPELINE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "dag/schedule.h"

/* One measured way to do a forward or a backward of one stage. */
struct pipeline_row {
    int32_t stage;
    uint8_t kind; /* SCHEDULE_FORWARD or SCHEDULE_BACKWARD */
    int64_t frequency_mhz;
    double time_s;
    double energy_j; /* of all devices of the stage */
};

struct pipeline_shape {
    enum schedule_kind schedule; /* all but SCHEDULE_INTERLEAVED */
    int32_t stages;
    int32_t micro_batches;
    double unit_s;       /* what a time unit of the planner is */
    double idle_power_w; /* what all devices of one stage draw while they wait */
    double noise_factor; /* used where three or fewer options remain without */
};

struct pipeline_point {
    int32_t index; /* 0: the slowest plan */
    double time_s;
    double energy_j; /* of one iteration, waiting included, by the model */
    int is_met;      /* 0: no plan is that fast; the point is the fastest */
};

struct pipeline_limits {
    size_t max_bytes; /* of the frontier; 0: any */
    /* Asked every few hundred points; another value than 0 ends the solving. May be NULL. */
    int (*should_stop)(void *user);
    void *user;
};

struct pipeline;

/* Solves the whole frontier. ZEUS_EINVAL names the stage and what is wrong with its rows,
 * ZEUS_ELIMIT when it takes more than the limit's bytes, ZEUS_ECLOSED when it was stopped. Owned.
 */
int pipeline_create(const struct pipeline_shape *shape, const struct pipeline_row *rows,
                    size_t count, const struct pipeline_limits *limits, struct pipeline **ret,
                    zeus_error *err) ZEUS_CHECK;
void pipeline_destroy(struct pipeline *p);

/* What each stage does in which order; borrowed. */
const struct schedule *pipeline_schedule(const struct pipeline *p);

/* The cheapest plan that takes at most so long (INFINITY: the slowest of all; 0 or less: the
 * fastest). */
struct pipeline_point pipeline_find(const struct pipeline *p, double deadline_s);

/* Points on the frontier. */
int32_t pipeline_points(const struct pipeline *p);

/* The frequency of every step of the schedule in the plan of a point. ZEUS_ENOMEM. */
int pipeline_plan(const struct pipeline *p, int32_t point, int64_t *ret_mhz) ZEUS_CHECK;

#endif /* ZEUS_POLICY_PIPELINE_H */
