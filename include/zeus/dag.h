/* SPDX-License-Identifier: Apache-2.0
 *
 * The time-cost tradeoff on a DAG: for every total duration, the cheapest durations of all
 * operations. Made for pipeline-parallel training (each operation is a forward or backward of one
 * micro-batch on one stage, a duration is a GPU frequency), usable for anything of that shape.
 *
 *     zeus_dag *dag;
 *     zeus_dag_create(0.001, &dag, &err);                   unit of time: 1 ms
 *     zeus_dag_add_spec(dag, &spec, &spec_index, &err);     measured options of one kind of work
 *     zeus_dag_add_operation(dag, &operation, &op, &err);   ... as many as there are
 *     zeus_dag_add_edge(dag, op1, op2, &err);
 *     zeus_dag_solve(dag, NULL, &frontier, &err);           all lengths
 *     zeus_dag_frontier_plan(frontier, zeus_dag_frontier_find(frontier, deadline), &plan, &err);
 *
 * Durations are whole time units; measured times are rounded down, as the planner of the original
 * Perseus does. The model of an operation's cost is convex, so the relaxed problem is solved
 * exactly; a plan then takes the slowest measured option that is not slower than the model asks.
 * Results do not depend on the machine or on the order of calls beyond the numbering.
 *
 * Ownership: a frontier and a plan keep what they need; the problem may be destroyed before them.
 * Threads: different handles are independent; solved frontiers and plans may be read from several
 * threads at once.
 * Units: time in seconds or in time units as named, cost in joules (or whatever the caller's is).
 */
#ifndef ZEUS_DAG_H
#define ZEUS_DAG_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_dag zeus_dag;
typedef struct zeus_dag_frontier zeus_dag_frontier;
typedef struct zeus_dag_plan zeus_dag_plan;

#define ZEUS_DAG_OPERATIONS_MAX 4000000u
#define ZEUS_DAG_OPTIONS_MAX    65536u

/* How the cost of a spec depends on its duration. */
#define ZEUS_DAG_MODEL_FIT         0u /* a * exp(b t) + c fitted to the options, t in time units */
#define ZEUS_DAG_MODEL_EXPONENTIAL 1u /* the same with a, b, c given */
#define ZEUS_DAG_MODEL_HULL        2u /* lower convex hull of the options */
#define ZEUS_DAG_MODEL_LINE        3u /* a straight line fitted to the options */

/* One measured way to run an operation. */
typedef struct zeus_dag_option {
    double time_s;
    double cost_j;
    int64_t knob;      /* frequency in MHz, or any number the caller knows */
    const char *label; /* a knob that is more than a number; may be NULL; copied */
} zeus_dag_option;

/* Work of one kind, shared by many operations. Zero it, set `size`. */
typedef struct zeus_dag_spec {
    size_t size;    /* sizeof(zeus_dag_spec) */
    uint32_t model; /* ZEUS_DAG_MODEL_... */
    uint32_t reserved;
    double a; /* for ZEUS_DAG_MODEL_EXPONENTIAL */
    double b;
    double c;
    const zeus_dag_option *options; /* borrowed for the call */
    size_t option_count;
    double noise_factor; /* options are dropped when another beats this share of their time and
                            cost; 0 means 1 */
    double idle_power_w; /* taken off every option's cost for its (rounded) time: what the device
                            would draw while it waits; 0: none */
    const char *name;    /* for messages; may be NULL; copied */
} zeus_dag_spec;

/* What an operation is; only names and pictures depend on it. */
#define ZEUS_DAG_FORWARD          0u
#define ZEUS_DAG_BACKWARD         1u
#define ZEUS_DAG_FORWARD_BACKWARD 2u
#define ZEUS_DAG_RECOMPUTE        3u
#define ZEUS_DAG_OTHER            4u

typedef struct zeus_dag_operation {
    size_t size;  /* sizeof(zeus_dag_operation) */
    int32_t spec; /* index from zeus_dag_add_spec; -1: takes no time and costs nothing */
    uint32_t kind;
    int32_t stage; /* row in pictures and schedules; -1: none */
    int32_t chunk;
    int32_t micro_batch;
    int32_t reserved;
    const char *name; /* for messages and output; may be NULL; copied */
} zeus_dag_operation;

/* A whole pipeline at once. */
#define ZEUS_DAG_SCHEDULE_1F1B            0u
#define ZEUS_DAG_SCHEDULE_INTERLEAVED     1u
#define ZEUS_DAG_SCHEDULE_GPIPE           2u
#define ZEUS_DAG_SCHEDULE_EARLY_RECOMPUTE 3u

typedef struct zeus_dag_pipeline {
    size_t size; /* sizeof(zeus_dag_pipeline) */
    uint32_t schedule;
    uint32_t stages;
    uint32_t micro_batches;
    uint32_t chunks; /* 0 or 1 but for the interleaved schedule */
    /* Spec of each kind per part of the model: `stages * chunks` indices, part p on stage
     * p % stages. forward and backward are needed; where forward_backward is NULL, backward stands
     * for it, and forward for recompute. */
    const int32_t *forward;
    const int32_t *backward;
    const int32_t *forward_backward;
    const int32_t *recompute;
} zeus_dag_pipeline;

/* An empty problem. `unit_s`: what one time unit is. */
ZEUS_API int zeus_dag_create(double unit_s, zeus_dag **ret_dag, zeus_error *err) ZEUS_CHECK;
ZEUS_API void zeus_dag_destroy(zeus_dag *dag);

/* Index of the new spec in *ret_index. ZEUS_EINVAL names what is wrong with it, ZEUS_ELIMIT when
 * its durations span more units than fit. */
ZEUS_API int zeus_dag_add_spec(zeus_dag *dag, const zeus_dag_spec *spec, int32_t *ret_index,
                               zeus_error *err) ZEUS_CHECK;
ZEUS_API int zeus_dag_add_operation(zeus_dag *dag, const zeus_dag_operation *operation,
                                    int32_t *ret_index, zeus_error *err) ZEUS_CHECK;
ZEUS_API int zeus_dag_add_edge(zeus_dag *dag, int32_t before, int32_t after, zeus_error *err)
    ZEUS_CHECK;

/* All operations and dependencies of a pipeline schedule, stage after stage in their order. */
ZEUS_API int zeus_dag_add_pipeline(zeus_dag *dag, const zeus_dag_pipeline *pipeline,
                                   zeus_error *err) ZEUS_CHECK;

/* An operation without time before all others, and one after all: a problem needs exactly one
 * beginning and one end. Does nothing where there is one already. */
ZEUS_API int zeus_dag_add_ends(zeus_dag *dag, zeus_error *err) ZEUS_CHECK;

/* The problem format of `zeus plan solve` (docs/planner.md). Owned. */
ZEUS_API int zeus_dag_read_json(const char *text, size_t length, zeus_dag **ret_dag,
                                zeus_error *err) ZEUS_CHECK;

/* A profile and a schedule. */
typedef struct zeus_dag_profile {
    size_t size; /* sizeof(zeus_dag_profile) */
    uint32_t schedule;
    uint32_t stages; /* 0: as many as the profile has (divided by chunks) */
    uint32_t micro_batches;
    uint32_t chunks; /* 0: 1 */
    uint32_t model;  /* ZEUS_DAG_MODEL_FIT, _HULL or _LINE */
    uint32_t reserved;
    double unit_s;       /* 0: 0.001 */
    double p2p_power_w;  /* what a device draws while it waits for its neighbour; a stage draws
                            this times the ranks whose energies are in its rows */
    double noise_factor; /* used when three or fewer options remain without; 0: 0.95 */
} zeus_dag_profile;

/* CSV with at least the columns stage, instruction (forward, backward, recompute or
 * forward_backward), frequency, time, energy. Columns between `frequency` and `time` whose names
 * are not known become the label of the knob. Rows of the same stage, instruction and frequency
 * from several ranks (column rank) are merged: the longest time, the sum of energies. Every row
 * must then hold as many ranks as the others. Errors name the line or the row. Owned. */
ZEUS_API int zeus_dag_read_profile(const char *text, size_t length, const zeus_dag_profile *profile,
                                   zeus_dag **ret_dag, zeus_error *err) ZEUS_CHECK;

/* Size of a problem, and its extreme lengths once it is complete. */
typedef struct zeus_dag_info {
    uint32_t operations;
    uint32_t edges;
    uint32_t specs;
    uint32_t stages; /* greatest stage + 1 */
    double unit_s;
    double p2p_power_w; /* of all devices of one stage together */
    int64_t slowest_units;
    int64_t fastest_units;
    double slowest_cost_j; /* all operations at their longest */
} zeus_dag_info;

/* Checks the problem: one beginning, one end, no cycle. ZEUS_EINVAL with words. */
ZEUS_API int zeus_dag_check(zeus_dag *dag, zeus_dag_info *ret_info, zeus_error *err) ZEUS_CHECK;

/* What is saved against: every operation at its option of the greatest knob (the highest frequency;
 * of several the fastest), whether the planner would use it or not, with measured times. */
typedef struct zeus_dag_baseline {
    double time_s;
    double cost_j; /* less the idle power that was taken off, as zeus_dag_plan_info.chosen_cost_j */
    double cost_p2p_j; /* + stages * time * p2p power */
} zeus_dag_baseline;

ZEUS_API int zeus_dag_get_baseline(zeus_dag *dag, zeus_dag_baseline *ret_baseline, zeus_error *err)
    ZEUS_CHECK;

/* Zero it, set `size`. */
typedef struct zeus_dag_solve_options {
    size_t size;        /* sizeof(zeus_dag_solve_options) */
    uint64_t max_bytes; /* 0: no limit */
    int64_t stop_units; /* stop the frontier at this length; 0: at the fastest */
    /* Called every few hundred points, and between the steps of one deadline; another value than 0
     * ends the call with ZEUS_ECLOSED. May be NULL. */
    int (*progress)(void *context, int64_t reached_units, int64_t fastest_units);
    void *context;
} zeus_dag_solve_options;

/* The cheapest plan of every length. `options` may be NULL. Owned. */
ZEUS_API int zeus_dag_solve(zeus_dag *dag, const zeus_dag_solve_options *options,
                            zeus_dag_frontier **ret_frontier, zeus_error *err) ZEUS_CHECK;

/* The cheapest plan of at most one length, much faster than the whole frontier. ZEUS_ERANGE when
 * nothing is that fast; a deadline beyond the slowest plan gives the slowest. Owned. */
ZEUS_API int zeus_dag_solve_deadline(zeus_dag *dag, int64_t deadline_units,
                                     const zeus_dag_solve_options *options,
                                     zeus_dag_plan **ret_plan, zeus_error *err) ZEUS_CHECK;

ZEUS_API void zeus_dag_frontier_destroy(zeus_dag_frontier *frontier);

/* A point of the frontier. Point 0 is the slowest plan, each further one is one unit shorter. */
typedef struct zeus_dag_point {
    int64_t iteration; /* the index */
    int64_t units;     /* length */
    double time_s;
    double cost_j;        /* of the model */
    double cost_change_j; /* more than the point before */
    double cost_p2p_j;    /* with what waiting devices draw: stages * time * p2p power on top */
} zeus_dag_point;

ZEUS_API uint32_t zeus_dag_frontier_count(const zeus_dag_frontier *frontier);
ZEUS_API int zeus_dag_frontier_point(const zeus_dag_frontier *frontier, uint32_t index,
                                     zeus_dag_point *ret_point);

/* The cheapest point that takes at most so long: its index, or -1 when none is that fast. Constant
 * time; with zeus_dag_frontier_plan this answers a new deadline (a straggler) in microseconds. */
ZEUS_API int64_t zeus_dag_frontier_find(const zeus_dag_frontier *frontier, int64_t deadline_units);
ZEUS_API int64_t zeus_dag_frontier_find_s(const zeus_dag_frontier *frontier, double deadline_s);

/* The plan of a point. Owned. */
ZEUS_API int zeus_dag_frontier_plan(const zeus_dag_frontier *frontier, int64_t index,
                                    zeus_dag_plan **ret_plan, zeus_error *err) ZEUS_CHECK;

ZEUS_API void zeus_dag_plan_destroy(zeus_dag_plan *plan);

typedef struct zeus_dag_plan_info {
    int64_t iteration; /* point of the frontier, -1 when solved for one deadline */
    int64_t units;     /* length of the plan */
    double time_s;
    double cost_j;        /* of the model */
    double cost_change_j; /* more than the point before; 0 when solved for one deadline */
    double chosen_time_s; /* length with the measured times of the chosen options */
    double chosen_cost_j; /* their measured costs, less the idle power that was taken off */
    double slack_cost_j;  /* the same with slack that rounding left used for slower options */
    double cost_p2p_j;    /* model cost + stages * time * p2p power */
    double chosen_p2p_j;  /* the same of the chosen options' measured cost and length */
    uint32_t operations;
    uint32_t stages;
} zeus_dag_plan_info;

/* One operation of a plan. Texts are borrowed from the plan. */
typedef struct zeus_dag_plan_entry {
    int32_t spec; /* -1: a mere point in time */
    uint32_t kind;
    int32_t stage;
    int32_t chunk;
    int32_t micro_batch;
    int32_t is_critical;    /* no slack */
    int64_t duration_units; /* planned */
    int64_t start_units;    /* earliest */
    int64_t knob;           /* of the option chosen for the planned duration */
    int64_t slack_knob;     /* of the option when slack is used too */
    double option_time_s;   /* measured time of the chosen option */
    double option_cost_j;
    double chosen_start_s; /* earliest start with measured times */
    double model_cost_j;   /* of the model at the planned duration */
    const char *label;     /* the knob in words, NULL when it is a number only */
    const char *name;      /* of the operation, NULL when it has none */
} zeus_dag_plan_entry;

ZEUS_API int zeus_dag_plan_get_info(const zeus_dag_plan *plan, zeus_dag_plan_info *ret_info);
ZEUS_API int zeus_dag_plan_get_entry(const zeus_dag_plan *plan, uint32_t operation,
                                     zeus_dag_plan_entry *ret_entry);

/* What one stage does in one iteration, in order: operation indices. *ret_count is the number
 * there are, also when `capacity` is smaller (then ZEUS_ETOOSMALL). */
ZEUS_API int zeus_dag_plan_get_stage(const zeus_dag_plan *plan, uint32_t stage,
                                     uint32_t *operations, size_t capacity, size_t *ret_count);

/* "forward", "backward", "forward_backward", "recompute", "other". Borrowed forever. */
ZEUS_API const char *zeus_dag_kind_name(uint32_t kind);

/* The plan as the pipeline server of the original reads it: a list of stages, each a list of
 * (instruction, frequency) pairs, with the costs as comments. Owned: free(). */
ZEUS_API int zeus_dag_plan_write_text(const zeus_dag_plan *plan, char **ret_text, zeus_error *err)
    ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_DAG_H */
