/* SPDX-License-Identifier: Apache-2.0
 *
 * The mapped state file and its lock; internal to simcore.
 */
#ifndef ZEUS_SIM_STATE_H
#define ZEUS_SIM_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "simcore/layout.h"
#include "simcore/sim.h"

#define SIM_FAULTS_MAX 64

/* Head of the file; the tables follow at the offsets given. */
struct sim_file {
    char magic[8];
    uint32_t version; /* changes with layout.h */
    uint32_t head_size;
    uint64_t file_size;
    uint64_t devices_at;
    uint64_t channels_at;
    uint64_t pieces_at;
    uint64_t attrs_at;
    uint64_t events_at;
    uint32_t device_count;
    uint32_t channel_count;
    uint32_t piece_count;
    uint32_t attr_count;
    uint32_t node_attr_count;
    uint32_t log_capacity;
    uint32_t flags;
    _Atomic uint32_t fault_count;
    uint64_t seed;
    uint64_t origin_ns;
    _Atomic uint64_t virtual_ns;
    char name[SIM_NAME_SIZE];
    char description[SIM_TEXT_SIZE];
    struct sim_fault faults[SIM_FAULTS_MAX];
    pthread_mutex_t mutex;
    /* Sums of counters that cover only part of the time: [device][counter]. Under the mutex. */
};

/* Running sum of a counter with a window: energy of ticks 1..tick. */
struct sim_partial {
    int64_t tick;
    double sum_j;
};

struct sim {
    struct sim_file *file;
    size_t size;
    struct sim_device *devices; /* these five point into the mapping */
    struct sim_channel *channels;
    struct sim_piece *pieces;
    struct sim_attr_text *attrs;
    struct sim_event *events;
    struct sim_partial *partials;
    int is_privileged; /* asked for by this process's environment */
    char *dir;         /* owned */
};

void sim_state_lock(struct sim *sim);
void sim_state_unlock(struct sim *sim);

/* Time relative to the origin. */
int64_t sim_state_relative_ns(const struct sim *sim, uint64_t t_ns);
int64_t sim_state_now_ns(const struct sim *sim);

/* Value of an environment variable, NULL in a process with raised rights. */
const char *sim_state_getenv(const char *name);

/* The log of a device. */
struct sim_event *sim_state_events(const struct sim *sim, uint32_t device);

/* Last event at or before t (relative); the first one for earlier times. Under the lock. */
const struct sim_event *sim_state_event_at(const struct sim *sim, uint32_t device, int64_t t_ns);

/* Truth with relative times; under the lock. Energy counts from the origin. */
double sim_truth_power_w(const struct sim *sim, uint32_t channel, int64_t t_ns);
double sim_truth_energy_j(const struct sim *sim, uint32_t channel, int64_t t_ns);

/* Ends loads that are over at `now_ns`; to be called under the lock before anything is read. */
void sim_settings_advance(struct sim *sim, uint32_t device, int64_t now_ns);
void sim_settings_advance_all(struct sim *sim, int64_t now_ns);

/* Writes the first event of each device; at creation. */
void sim_settings_start(struct sim *sim);

/* Deterministic 64-bit hash of a few numbers: phases, jitter, noise. */
uint64_t sim_hash(uint64_t a, uint64_t b, uint64_t c);
double sim_hash_unit(uint64_t a, uint64_t b, uint64_t c);   /* [0, 1) */
double sim_hash_normal(uint64_t a, uint64_t b, uint64_t c); /* mean 0, deviation 1 */

#endif /* ZEUS_SIM_STATE_H */
