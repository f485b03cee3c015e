/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns ticks into knots: counter ticks directly, power updates by integration under the rules of
 * their sensor class. Pure; one maker a source and kind.
 *
 * Power: an update at u says what the mean was over [u - lag - window, u - lag]. Where the window
 * is as long as the period, updates tile the time and the integral is as good as a counter. Where
 * it is shorter, the time between is filled from both sides and marked as a guess with its
 * variance. Where it is longer, the reading stands for the middle of its window and edges are
 * blurred (knot_maker_blur_s). An RC response is undone: P = R + tau dR/dt. Nothing is added up
 * across a pause of several periods: that is a gap.
 */
#ifndef ZEUS_MONITOR_KNOT_MAKER_H
#define ZEUS_MONITOR_KNOT_MAKER_H

#include "monitor/knot.h"
#include "monitor/sensor_model.h"
#include "monitor/tick_tracker.h"

#define KNOT_MAKER_STEPS 32
#define KNOT_MAKER_MOST  2 /* knots from one tick */

struct knot_maker {
    struct sensor_model model;
    double max_w; /* anything above is not believed; 0: no bound */
    struct knot last;
    struct tick last_tick;
    double last_w;
    double steps_w[KNOT_MAKER_STEPS]; /* latest |differences| of readings */
    uint32_t step_count;
    uint32_t step_next;
    uint32_t has_tick;
    uint64_t backward; /* counter: times it went back */
    uint64_t jumps;    /* times a value was not credible */
};

void knot_maker_init(struct knot_maker *maker, const struct sensor_model *model, double max_w);

/* A tick of an energy counter, value in microjoules. Returns the number of knots made (1). */
int knot_maker_counter(struct knot_maker *maker, const struct tick *tick, struct knot *ret_knots);

/* An update of a power field, value in microwatts. Returns the number of knots made, at most
 * KNOT_MAKER_MOST. */
int knot_maker_power(struct knot_maker *maker, const struct tick *tick, struct knot *ret_knots);

/* Robust spread of one reading about its neighbours, from the median of differences. */
double knot_maker_spread_w(const struct knot_maker *maker);

/* Length over which a long averaging window blurs edges; 0 for the others. */
double knot_maker_blur_s(const struct sensor_model *model);

#endif /* ZEUS_MONITOR_KNOT_MAKER_H */
