/* SPDX-License-Identifier: Apache-2.0
 *
 * A monitor on a simulated node in virtual time: the real session and backends over the simulated
 * vendor libraries and files, the sampler stepped by hand, truth from the simulation's own oracle.
 *
 * The program is linked with --wrap=clock_monotonic_ns,--wrap=clock_sleep_until_ns: every look at
 * the clock takes a few virtual microseconds, so reads have a latency; a sleep moves the clock. One
 * rig a process at a time, and one node a process: vendor libraries keep what they found.
 */
#ifndef ZEUS_TESTS_SIMRIG_H
#define ZEUS_TESTS_SIMRIG_H

#include <stdint.h>

#include <zeus/monitor.h>
#include <zeus/session.h>

#include <zeus_sim.h>

#include "testdir.h"

struct device;

#define SIMRIG_PLACES 64

/* Where the truth of a place of the monitor is. */
struct simrig_truth {
    const char *device;
    const char *channel; /* NULL: the device's first */
};

struct simrig {
    struct testdir dir;
    zeus_sim *sim;
    zeus_session *session;
    zeus_monitor *monitor;
    struct device *devices[SIMRIG_PLACES]; /* borrowed from the session */
    uint32_t positions[SIMRIG_PLACES];
    uint32_t device_count;
    uint64_t next_ns; /* when the sampler is due */
    uint64_t rng;
};

/* Makes the directory; traces go there before simrig_start. */
void simrig_init(struct simrig *rig, uint64_t seed);

/* The node from its text, the session over it. Prints the reason and aborts on failure. */
void simrig_start(struct simrig *rig, const char *node_text);

/* Opens the monitor, its sampler in the caller's hands, and closes it; may be repeated. */
void simrig_open(struct simrig *rig, uint32_t rate_hz, uint32_t flags);
void simrig_close(struct simrig *rig);

void simrig_done(struct simrig *rig);

uint64_t simrig_now_ns(const struct simrig *rig);

/* Lets virtual time pass, the sampler with it; timers wake it 2 to 80 us late. */
void simrig_run_until(struct simrig *rig, uint64_t t_ns);

double simrig_uniform(struct simrig *rig, double low, double high);

/* True energy; aborts for an unknown device. */
double simrig_truth_j(struct simrig *rig, const struct simrig_truth *truth, uint64_t from_ns,
                      uint64_t to_ns);

#endif /* ZEUS_TESTS_SIMRIG_H */
