/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated node: truth, and sensors that look at it.
 *
 * A simulation is a directory ($ZEUS_SIM_DIR) with a shared state file that every process of the
 * simulation maps. A fake vendor library is a thin skin: it opens the simulation from the
 * environment, asks the gate whether a fault is due, and turns descriptions and readings into its
 * vendor's structs. True power P(t) is a function of the trace in the node file and of logged
 * events (load, limit, clocks), so its integral is exact and is the oracle of accuracy tests.
 *
 * Times are CLOCK_MONOTONIC nanoseconds, or the virtual clock's when the simulation was created
 * with SIM_VIRTUAL: then time stands still until sim_clock_set_ns() moves it.
 *
 * Threads and processes: every function may be called from any thread of any process of the
 * simulation; what changes is behind one robust process-shared mutex. A dead process leaves no lock
 * and no load behind.
 *
 * Sensor names (sim_sensor_*):
 *   NVIDIA  "instant" (field 186, GPU scope), "average" (field 185, GPU scope), "memory" (185,
 *           memory scope), "module_instant", "module_average" (module scope), "usage"
 *           (nvmlDeviceGetPowerUsage). A sensor that the node file does not give is not supported.
 *   AMD     "current" (current_socket_power), "average" (average_socket_power)
 *   Jetson, hwmon: one sensor a rail or channel, named as its label
 * Counter names (sim_counter_*): "energy" for GPUs; "package", "core", "uncore", "dram", "psys".
 */
#ifndef ZEUS_SIM_SIM_H
#define ZEUS_SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

#include "simcore/layout.h"

struct sim;
struct sim_node; /* simcore/node.h */

#define SIM_VIRTUAL    (1u << 0) /* the clock is set, not read */
#define SIM_PRIVILEGED (1u << 1) /* setters are permitted to everybody */

struct sim_options {
    uint32_t flags;
    uint64_t seed;      /* added to the node's own */
    uint64_t origin_ns; /* 0: now; virtual: 0 means 1000 s */
};

/* --- life ------------------------------------------------------------------------------------ */

/* Writes the state file of a new simulation into the existing directory. */
int sim_create(const char *dir, const struct sim_node *node, const struct sim_options *options,
               struct sim **ret_sim, zeus_error *err) ZEUS_CHECK;

/* Maps an existing one. VERSION when another build wrote it. */
int sim_open(const char *dir, struct sim **ret_sim, zeus_error *err) ZEUS_CHECK;

/* The one that $ZEUS_SIM_DIR names. NOTFOUND when there is none or when the process runs set-uid or
 * with raised capabilities (secure_getenv): a simulation is never picked up by accident. */
int sim_open_env(struct sim **ret_sim, zeus_error *err) ZEUS_CHECK;

void sim_close(struct sim *sim);

const char *sim_dir(const struct sim *sim);
const char *sim_node_name(const struct sim *sim);
const char *sim_node_text(const struct sim *sim, const char *key); /* [node] attributes or NULL:
                                                                    * "driver", "cuda", "nvml"... */
uint64_t sim_seed(const struct sim *sim);

/* Whether setters are permitted: the simulation was made so, or $ZEUS_SIM_PRIVILEGED=1 is in this
 * process's environment. */
int sim_is_privileged(const struct sim *sim);

/* --- time ------------------------------------------------------------------------------------ */

uint64_t sim_now_ns(const struct sim *sim);
uint64_t sim_origin_ns(const struct sim *sim);
int sim_is_virtual(const struct sim *sim);

/* Virtual clock only (else STATE); it never goes back (INVAL). */
int sim_clock_set_ns(struct sim *sim, uint64_t now_ns) ZEUS_CHECK;
int sim_clock_advance_ns(struct sim *sim, uint64_t by_ns) ZEUS_CHECK;

/* Makes now the origin of a simulation with real time in which nothing has happened yet. */
void sim_clock_start(struct sim *sim);

/* Waits on the simulation's clock: sleeps, or moves the virtual clock. */
void sim_sleep_ns(struct sim *sim, uint64_t by_ns);

/* --- description ----------------------------------------------------------------------------- */

uint32_t sim_device_count(const struct sim *sim);
const struct sim_device *sim_device(const struct sim *sim, uint32_t index); /* NULL past the end */
uint32_t sim_kind_count(const struct sim *sim, uint32_t kind);
/* Position among all devices of the n-th device of a kind; SIM_NONE past the end. */
uint32_t sim_kind_device(const struct sim *sim, uint32_t kind, uint32_t nth);
uint32_t sim_device_find(const struct sim *sim, const char *id); /* "gpu3"; SIM_NONE */
/* Text attribute of the node file ("amd.hip_id"), NULL when not given. Borrowed until close. */
const char *sim_attr(const struct sim *sim, uint32_t device, const char *key);
uint64_t sim_attr_u64(const struct sim *sim, uint32_t device, const char *key, uint64_t fallback);

/* Supported core clocks, descending, into `mhz` (may be NULL); returns how many there are. */
size_t sim_core_clocks(const struct sim_device *device, uint32_t *mhz, size_t capacity);

uint32_t sim_channel_count(const struct sim *sim);
const struct sim_channel *sim_channel(const struct sim *sim, uint32_t channel);
/* Channel of a device by name; NULL or "" is its first. SIM_NONE when there is none. */
uint32_t sim_channel_find(const struct sim *sim, uint32_t device, const char *name);
const struct sim_sensor *sim_sensor_find(const struct sim_device *device, const char *name);
const struct sim_counter *sim_counter_find(const struct sim_device *device, const char *name);

/* --- truth ----------------------------------------------------------------------------------- */

/* True power at a time, true energy between two times. Times before the origin see the power of the
 * origin. A time in the future assumes that nothing more is announced. */
double sim_truth_w(struct sim *sim, uint32_t channel, uint64_t t_ns);
double sim_truth_j(struct sim *sim, uint32_t channel, uint64_t from_ns, uint64_t to_ns);

/* --- sensors --------------------------------------------------------------------------------- */

struct sim_reading {
    double value_w;
    uint64_t update_ns; /* when the sensor took it */
    int64_t update;     /* its number */
};

struct sim_count {
    uint64_t quanta;    /* raw, wrapped */
    uint64_t energy_uj; /* quanta * quantum, rounded down */
    uint64_t tick_ns;
    int64_t tick;
};

/* What the sensor shows at a time. NOTSUP when the device has none of that name. */
int sim_sensor_read(struct sim *sim, uint32_t device, const char *name, uint64_t t_ns,
                    struct sim_reading *ret_reading) ZEUS_CHECK;
int sim_counter_read(struct sim *sim, uint32_t device, const char *name, uint64_t t_ns,
                     struct sim_count *ret_count) ZEUS_CHECK;
double sim_temperature_c(struct sim *sim, uint32_t device, uint64_t t_ns);

/* --- state and load -------------------------------------------------------------------------- */

/* State at a time: settings as they are now, load and effective clocks from the log. */
void sim_read_settings(struct sim *sim, uint32_t device, struct sim_settings *ret_settings);
void sim_read_event(struct sim *sim, uint32_t device, uint64_t t_ns, struct sim_event *ret_event);

/* Setters: PERM unless privileged, NOTSUP, INVAL outside the range, LIMIT when the log is full. */
int sim_set_limit_w(struct sim *sim, uint32_t device, double limit_w) ZEUS_CHECK;
/* max 0 unlocks. */
int sim_set_core_clocks(struct sim *sim, uint32_t device, uint32_t min_mhz, uint32_t max_mhz)
    ZEUS_CHECK;
int sim_set_memory_clocks(struct sim *sim, uint32_t device, uint32_t min_mhz, uint32_t max_mhz)
    ZEUS_CHECK;
int sim_set_persistence(struct sim *sim, uint32_t device, uint32_t on) ZEUS_CHECK;
int sim_set_perf_level(struct sim *sim, uint32_t device, uint32_t level) ZEUS_CHECK;

/* Announces load on a device until ended, until `for_ns` has passed (0: no end), or until process
 * `pid` is gone (0: nobody owns it). Levels of all announcements add up and are held at 1. */
int sim_load_begin(struct sim *sim, uint32_t device, double level, uint64_t for_ns, int32_t pid,
                   uint32_t *ret_id) ZEUS_CHECK;
int sim_load_end(struct sim *sim, uint32_t device, uint32_t id) ZEUS_CHECK;
int sim_load_change(struct sim *sim, uint32_t device, uint32_t id, double level) ZEUS_CHECK;

/* Does `units` of work at full load: takes as long as clocks and limit allow, waiting on the
 * simulation's clock. The time and true energy it took. */
int sim_work(struct sim *sim, uint32_t device, double units, uint64_t *ret_ns, double *ret_j)
    ZEUS_CHECK;

/* Owners of announced load (process ids without repetition); returns how many. */
size_t sim_load_owners(struct sim *sim, uint32_t device, int32_t *pids, size_t capacity);

/* --- faults ---------------------------------------------------------------------------------- */

enum sim_effect {
    SIM_EFFECT_ERROR = 1, /* the function fails with `code` */
    SIM_EFFECT_ALL_ONES,  /* every bit of the value is set */
    SIM_EFFECT_STALE,     /* values stay as they were at from_ns */
    SIM_EFFECT_STALL,     /* the call takes value_ns longer */
    SIM_EFFECT_MISSING,   /* the library lacks the function (static) */
    SIM_EFFECT_WRAP,      /* the counter's start is chosen so that it wraps at from_ns (static) */
    SIM_EFFECT_VANISH,    /* the file is removed at from_ns (sysfs) */
};

/* Reads "gpu3:at=2s:GPU_IS_LOST" (docs/simulation.md has the grammar). PARSE names what is wrong.
 */
int sim_fault_parse(const struct sim *sim, const char *text, struct sim_fault *ret_fault,
                    zeus_error *err) ZEUS_CHECK;
int sim_fault_add(struct sim *sim, const struct sim_fault *fault) ZEUS_CHECK;
uint32_t sim_fault_count(const struct sim *sim);
const struct sim_fault *sim_fault_at(const struct sim *sim, uint32_t index);

#define SIM_ALL_ONES 1

/* To be called first in every fake function that touches a device (SIM_NONE: none). Serves stalls
 * by waiting. Returns 0, SIM_ALL_ONES, or the ZEUS_E code to fail with; *ret_time_ns is the time to
 * read sensors at (now, or when a stale fault began). `library` is "nvml", "amdsmi" or "sysfs". */
int sim_gate(struct sim *sim, const char *library, uint32_t device, const char *function,
             uint64_t *ret_time_ns);

#endif /* ZEUS_SIM_SIM_H */
