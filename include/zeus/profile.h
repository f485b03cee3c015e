/* SPDX-License-Identifier: Apache-2.0
 *
 * Thermally stable measurement of a piece of code that can be run again and again.
 *
 * A trial cools down, warms up, and runs the code for a given time inside one energy window. Sweeps
 * try several measuring or cooling times and tell which of them repeat well enough (standard
 * deviation of the energy per iteration below a threshold).
 *
 *     zeus_profile_options options = {.size = sizeof options};
 *     zeus_profile_sweep *measuring = NULL;
 *     zeus_profile_sweep *cooling = NULL;
 *     zeus_profile_parameters(monitor, work, user, &options, &measuring, &cooling, &err);
 *     puts(zeus_profile_sweep_text(measuring));
 *
 * Threads: one profile at a time on one monitor; the code runs in the calling thread.
 */
#ifndef ZEUS_PROFILE_H
#define ZEUS_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>
#include <zeus/monitor.h>

ZEUS_BEGIN_DECLS

/* Runs the code once. 0, or a negative ZEUS_E code, which ends the profile. */
typedef int zeus_profile_work(void *user, zeus_error *err);

/* Combines `count` values over all ranks, in place: ZEUS_REDUCE_SUM or ZEUS_REDUCE_MAX. */
#define ZEUS_REDUCE_SUM 0u
#define ZEUS_REDUCE_MAX 1u
typedef int zeus_profile_reduce(double *values, size_t count, uint32_t operation, void *user,
                                zeus_error *err);

/* Receives progress, one line without newline: on rank 0 only, but for the calibration. */
typedef void zeus_profile_progress(const char *text, void *user);

/* Sleeps (tests pass their own). */
typedef void zeus_profile_sleep(double seconds, void *user);

typedef struct zeus_profile_options {
    size_t size;                     /* sizeof(zeus_profile_options) */
    const double *measurement_range; /* seconds; NULL or empty: 1, 2, ... 10 */
    size_t measurement_count;
    const double *cooldown_range; /* seconds; NULL or empty: 1, 2, ... 10 */
    size_t cooldown_count;
    double measurement_duration_s;   /* fixed side of a cooldown sweep; 0: 10 */
    double cooldown_duration_s;      /* fixed side of a measurement sweep and of measure; 0: 10;
                                      * negative: none */
    double iteration_duration_s;     /* 0: calibrate */
    double stddev_threshold_j;       /* a sweep's entry is valid strictly below; 0: 0.01 */
    double warmup_settle_duration_s; /* warm-up before each trial lasts this long; 0: count below */
    uint32_t trials;                 /* 0: 10 */
    uint32_t warmup_trials;          /* UINT32_MAX: none; 0: 2 */
    uint32_t warmup_iterations;      /* before each trial and the calibration; 0: 10 */
    uint32_t calibration_iterations; /* 0: 100 */
    uint32_t rank;
    uint32_t world_size;         /* 0: 1 */
    zeus_profile_reduce *reduce; /* NULL: one rank */
    void *reduce_user;
    zeus_profile_progress *progress; /* NULL: silent */
    void *progress_user;
    zeus_profile_sleep *sleep; /* NULL: the clock */
    void *sleep_user;
    zeus_sync_fn *sync; /* called where code has to have finished; NULL: none */
    void *sync_user;
} zeus_profile_options;

/* One trial. Energies are of the monitored GPUs, or of all places where there is no GPU. */
typedef struct zeus_profile_trial {
    double energy_per_iter_j;
    double time_per_iter_s;
    double total_energy_j; /* sum over ranks */
    double total_time_s;   /* longest of the ranks */
    uint64_t iterations;
    double temperature_before_c; /* mean over GPUs and ranks; NaN when none tells it */
    double temperature_after_c;
} zeus_profile_trial;

/* One entry of a sweep. */
typedef struct zeus_profile_entry {
    double measurement_s;
    double cooldown_s;
    double energy_mean_j; /* per iteration */
    double energy_std_j;  /* n - 1; 0 below two trials */
    double temperature_before_c;
    double temperature_after_c;
    double mean_total_time_s;
    double mean_total_energy_j;
    uint32_t trial_count;
    uint32_t is_valid;
} zeus_profile_entry;

typedef struct zeus_profile_sweep zeus_profile_sweep;

/* Seconds of one iteration: warm-up, synchronise, time the calibration iterations; the longest of
 * the ranks. */
ZEUS_API int zeus_profile_calibrate(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                                    const zeus_profile_options *options, double *ret_iteration_s,
                                    zeus_error *err) ZEUS_CHECK;

/* One measurement: cooldown, warm-up, then as many iterations as fill `measurement_s`. */
ZEUS_API int zeus_profile_measure(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                                  double measurement_s, const zeus_profile_options *options,
                                  zeus_profile_trial *ret_trial, zeus_error *err) ZEUS_CHECK;

/* Sweeps one parameter with the other fixed; *ret_sweep is owned (zeus_profile_sweep_free). */
ZEUS_API int zeus_profile_measurement_sweep(zeus_monitor *monitor, zeus_profile_work *work,
                                            void *user, const zeus_profile_options *options,
                                            zeus_profile_sweep **ret_sweep, zeus_error *err)
    ZEUS_CHECK;
ZEUS_API int zeus_profile_cooldown_sweep(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                                         const zeus_profile_options *options,
                                         zeus_profile_sweep **ret_sweep, zeus_error *err)
    ZEUS_CHECK;

/* Both: calibrates once, sweeps the measurement with the longest cooldown, then the cooldown with
 * the longest measurement and no warm-up trials. */
ZEUS_API int zeus_profile_parameters(zeus_monitor *monitor, zeus_profile_work *work, void *user,
                                     const zeus_profile_options *options,
                                     zeus_profile_sweep **ret_measurement,
                                     zeus_profile_sweep **ret_cooldown, zeus_error *err) ZEUS_CHECK;

/* Reading a sweep. */
ZEUS_API size_t zeus_profile_sweep_count(const zeus_profile_sweep *sweep);
ZEUS_API int zeus_profile_sweep_entry(const zeus_profile_sweep *sweep, size_t position,
                                      zeus_profile_entry *ret_entry) ZEUS_CHECK;
ZEUS_API int zeus_profile_sweep_trial(const zeus_profile_sweep *sweep, size_t position,
                                      size_t trial, zeus_profile_trial *ret_trial) ZEUS_CHECK;
/* The report, lines separated by '\n'. Borrowed from the sweep. */
ZEUS_API const char *zeus_profile_sweep_text(const zeus_profile_sweep *sweep);
/* One entry as a line. Fills up to `size` bytes, NUL included; returns the length it needs. */
ZEUS_API size_t zeus_profile_entry_text(const zeus_profile_entry *entry, char *out, size_t size);
ZEUS_API void zeus_profile_sweep_free(zeus_profile_sweep *sweep);

ZEUS_END_DECLS

#endif /* ZEUS_PROFILE_H */
