/* SPDX-License-Identifier: Apache-2.0
 *
 * A made-up device on a virtual clock: true power as straight pieces with an exact integral, an
 * energy counter and a power field that look at it as real sensors do. For unit tests and accuracy
 * benchmarks; the simulated node under sim/ is the product's own and independent of this.
 */
#ifndef ZEUS_TESTS_TRACE_WORLD_H
#define ZEUS_TESTS_TRACE_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/monitor_io.h"
#include "monitor/source.h"

struct world_piece {
    double t_s;
    double from_w;
    double to_w;
    double prefix_j;
};

struct world_sensor {
    double period_s;
    double phase_s;
    double jitter_s; /* largest deviation either way */
    double window_s; /* power: boxcar; 0: the value there */
    double lag_s;
    double tau_s; /* power: RC instead of a boxcar */
    double noise_w;
    double gain;
    double round; /* quantum: watts of a power field, microjoules of a counter */
};

struct world {
    struct world_piece *pieces; /* owned */
    size_t count;
    size_t capacity;
    uint64_t rng;
    uint64_t now_ns;
    double read_s; /* how long a read takes */
    struct world_sensor counter;
    struct world_sensor power;
    /* RC state is a function of the past: kept at the last update asked for */
    double rc_w;
    double rc_t_s;
    uint64_t fail_from_ns; /* reads fail in [from, to) */
    uint64_t fail_to_ns;
    uint32_t power_field;   /* the one there is, ZEUS_POWER_... */
    double counter_gain;    /* 1: the counter tells the truth */
    uint64_t stuck_from_ns; /* the counter does not move from here on, 0: never */
    uint64_t reset_at_ns;   /* the counter starts at zero again, 0: never */
};

#define WORLD_EPOCH_NS UINT64_C(1000000000000) /* time 0 of the trace */

void world_init(struct world *world, uint64_t seed);
void world_done(struct world *world);

double world_uniform(struct world *world, double low, double high);
double world_normal(struct world *world);

/* Traces of a given length, replacing what was there. */
void world_flat(struct world *world, double length_s, double power_w);
void world_square(struct world *world, double length_s); /* random levels, periods, duties */
void world_ramp(struct world *world, double length_s);   /* random slopes */
void world_noisy(struct world *world, double length_s);  /* levels with white and slow noise */

/* Appends to a flat trace: this power from t on. Times rise. */
void world_step(struct world *world, uint64_t t_ns, double power_w);

/* True energy between two clock times. */
double world_energy_j(const struct world *world, uint64_t from_ns, uint64_t to_ns);

/* What the sensors show at a clock time. */
uint64_t world_counter_uj(struct world *world, uint64_t t_ns);
double world_power_w(struct world *world, uint64_t t_ns);

/* Sensors of a class, counter with or without. */
void world_use_model(struct world *world, const struct sensor_model *model);

/* monitor_io whose `user` is the world; reads take the world's time. */
struct monitor_io world_io(struct world *world);

#endif /* ZEUS_TESTS_TRACE_WORLD_H */
