/* SPDX-License-Identifier: Apache-2.0
 *
 * Trace-driven simulations of recurring training jobs: the published single-job and cluster
 * experiments, with their baselines, and the same for a batch size policy of your own.
 *
 *     zeus_traces_open("traces", "v100", &traces, &err);
 *     zeus_recurring_options options = {.size = sizeof(options)};
 *     zeus_recurring_defaults(traces, "librispeech", &options, &err);
 *     options.seed = 1;
 *     zeus_simulate_recurring(traces, &options, &simulation, &err);
 *
 * The published runs are repeated to the last digit: same random numbers, same decisions, same
 * energies and times. No device is needed.
 *
 * Threads: traces are immutable once opened; any number of simulations may run on them at once.
 * Units: energy in joules, time in seconds, power in watts; cost in joules.
 */
#ifndef ZEUS_SIMULATE_H
#define ZEUS_SIMULATE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>
#include <zeus/policy.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_traces zeus_traces;
typedef struct zeus_simulation zeus_simulation;
typedef struct zeus_groups zeus_groups;

/* Reads `directory`/summary_train.csv and summary_power_<gpu>.csv. *ret_traces is owned:
 * zeus_traces_close. IO and NOTFOUND name the file, PARSE the line and the column. */
ZEUS_API int zeus_traces_open(const char *directory, const char *gpu, zeus_traces **ret_traces,
                              zeus_error *err) ZEUS_CHECK;

/* The same from texts in memory, which are not needed afterwards. */
ZEUS_API int zeus_traces_parse(const char *train_csv, size_t train_len, const char *power_csv,
                               size_t power_len, zeus_traces **ret_traces, zeus_error *err)
    ZEUS_CHECK;

/* NULL is fine. */
ZEUS_API void zeus_traces_close(zeus_traces *traces);

/* Who decides in a simulation. */
#define ZEUS_SIMULATE_ZEUS    0u /* batch size policy and profiled power limits */
#define ZEUS_SIMULATE_DEFAULT 1u /* the default batch size at the highest limit, always */
#define ZEUS_SIMULATE_GRID    2u /* each batch size and limit once, then the cheapest seen */

/* Called from the simulating thread after each recurrence. */
typedef void zeus_simulate_progress_fn(uint32_t done, uint32_t total, void *user);

/* One experiment. Zero everything, set `size`, then zeus_recurring_defaults. */
typedef struct zeus_recurring_options {
    size_t size; /* sizeof(zeus_recurring_options) */
    char dataset[48];
    char network[48];
    char optimizer[48];
    double target_metric;
    double max_epochs;
    int64_t default_batch_size;
    double eta_knob;          /* 0 to 1: weight of energy against time */
    double beta_knob;         /* above 0: stop a run at this multiple of the least cost; INFINITY:
                               * never */
    uint64_t seed;            /* of the draws of recorded runs, and of the policy */
    uint32_t num_recurrences; /* 0: twice the number of batch sizes times limits */
    uint32_t num_pruning_rounds;
    uint32_t num_explorations;
    uint32_t window_size;              /* newest outcomes of a batch size that count, 0: all */
    uint32_t kind;                     /* ZEUS_SIMULATE_... */
    zeus_batch_policy_factory *policy; /* NULL: the one that comes with Zeus */
    void *policy_user;
    zeus_simulate_progress_fn *progress; /* NULL: none */
    void *progress_user;
} zeus_recurring_options;

/* Fills everything but size, policy and progress with the published experiment's values for a
 * dataset of the traces. NOTFOUND names the datasets there are. */
ZEUS_API int zeus_recurring_defaults(const zeus_traces *traces, const char *dataset,
                                     zeus_recurring_options *options, zeus_error *err) ZEUS_CHECK;

/* Runs an experiment. *ret_simulation is owned: zeus_simulation_destroy. INVAL names the option,
 * NOTFOUND what the traces lack; STATE when a run that must reach its target does not, or what the
 * policy returned. */
ZEUS_API int zeus_simulate_recurring(const zeus_traces *traces,
                                     const zeus_recurring_options *options,
                                     zeus_simulation **ret_simulation, zeus_error *err) ZEUS_CHECK;

/* Jobs that recur in groups, from CSV with the columns group, start_time, end_time, dataset and
 * runtime_ratio. *ret_groups is owned: zeus_groups_close. */
ZEUS_API int zeus_groups_open(const char *path, zeus_groups **ret_groups, zeus_error *err)
    ZEUS_CHECK;
ZEUS_API int zeus_groups_parse(const char *csv, size_t len, zeus_groups **ret_groups,
                               zeus_error *err) ZEUS_CHECK;
ZEUS_API void zeus_groups_close(zeus_groups *groups);

typedef struct zeus_group_info {
    char name[64];
    char dataset[48];
    uint32_t seed; /* adler32 of the name */
    uint64_t jobs;
} zeus_group_info;

ZEUS_API size_t zeus_groups_count(const zeus_groups *groups);
ZEUS_API int zeus_groups_get(const zeus_groups *groups, size_t index, zeus_group_info *ret_info)
    ZEUS_CHECK;

/* Runs one group, sorted by name. The dataset's defaults come first, then eta_knob, beta_knob,
 * pruning, exploration, window, kind (ZEUS_SIMULATE_ZEUS only) and policy from `options`; dataset
 * and seed are the group's. */
ZEUS_API int zeus_simulate_group(const zeus_traces *traces, const zeus_groups *groups, size_t index,
                                 const zeus_recurring_options *options,
                                 zeus_simulation **ret_simulation, zeus_error *err) ZEUS_CHECK;

/* One run of a simulation. */
typedef struct zeus_simulated_run {
    int64_t batch_size;
    double limit_w;
    double energy_j;
    double time_s;
    double cost;
    uint32_t recurrence; /* from 0; a recurrence has several runs when some fail */
    uint32_t has_reached;
} zeus_simulated_run;

typedef struct zeus_simulation_summary {
    uint64_t runs;
    uint64_t reached;
    uint64_t recurrences;
    double total_energy_j;
    double total_time_s;
    double total_cost;
    /* The newest fifth of the runs, at least one: where the experiment settled. */
    uint64_t last_runs;
    double last_energy_j; /* means */
    double last_time_s;
    double last_cost;
    int64_t final_batch_size;
    double final_limit_w;
    double max_power_w; /* of the cost */
} zeus_simulation_summary;

ZEUS_API void zeus_simulation_destroy(zeus_simulation *simulation);
ZEUS_API size_t zeus_simulation_run_count(const zeus_simulation *simulation);
ZEUS_API int zeus_simulation_get_run(const zeus_simulation *simulation, size_t index,
                                     zeus_simulated_run *ret_run) ZEUS_CHECK;
ZEUS_API int zeus_simulation_summarize(const zeus_simulation *simulation,
                                       zeus_simulation_summary *ret_summary) ZEUS_CHECK;

/* The policy's arms at the end; same rule as zeus_batch_policy_arms. */
ZEUS_API int zeus_simulation_arms(const zeus_simulation *simulation, zeus_batch_arm *arms,
                                  size_t capacity, size_t *ret_count) ZEUS_CHECK;

/* What a choice costs on average: the mean over the recorded runs that reached the target. */
typedef struct zeus_grid_point {
    int64_t batch_size;
    double limit_w;
    double energy_j;
    double time_s;
    double cost;
    uint32_t runs;
    uint32_t reached; /* of the runs, within max_epochs */
} zeus_grid_point;

/* All choices of a job, by batch size ascending, limits descending. Points that no run reached have
 * NaN values. Same capacity rule. */
ZEUS_API int zeus_simulate_expected(const zeus_traces *traces,
                                    const zeus_recurring_options *options, zeus_grid_point *points,
                                    size_t capacity, size_t *ret_count, zeus_error *err) ZEUS_CHECK;

/* ---- drifting data ---- */

/* Writes the slices of a drifting data set: the labelled texts at `input`, one JSON object a line
 * in order of time, are cut into windows of `window` lines every `stride` lines while complete;
 * each is shuffled with `seed` and written as `directory`/<i>_train.json and <i>_val.json, i from
 * 1, with `train_fraction` of the lines (rounded down) for training. Lines are copied as they are.
 */
typedef struct zeus_drift_options {
    size_t size; /* sizeof(zeus_drift_options) */
    const char *input;
    const char *directory; /* must exist */
    uint64_t window;
    uint64_t stride;
    /* When set: a member of each line's object that holds its date (any text that begins
     * "YYYY-MM-DD"); windows then begin at the first line of each day, every `stride` days, from
     * `first_day` on ("2009-05-01"; NULL: the first line's). */
    const char *date_key;
    const char *first_day;
    double train_fraction; /* above 0, below 1 */
    uint64_t seed;
} zeus_drift_options;

ZEUS_API int zeus_drift_slices(const zeus_drift_options *options, uint32_t *ret_slices,
                               zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_SIMULATE_H */
