/* SPDX-License-Identifier: Apache-2.0
 *
 * What is behind the handles of zeus/dag.h. A problem is filled by its builders and sealed (graph
 * built, checked) when it is first solved; frontiers and plans share the sealed part by a count of
 * references, the one object here that has one, because each may outlive the others.
 */
#ifndef ZEUS_CORE_DAG_PROBLEM_H
#define ZEUS_CORE_DAG_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/dag.h>

#include "base/attr.h"
#include "dag/assign.h"
#include "dag/cost.h"
#include "dag/frontier.h"
#include "dag/graph.h"
#include "dag/tradeoff.h"

struct dag_knob {
    int64_t number;
    char *label; /* owned; may be NULL */
};

struct dag_operation {
    int32_t spec;
    uint32_t kind;
    int32_t stage;
    int32_t chunk;
    int32_t micro_batch;
    char *name; /* owned; may be NULL */
};

/* Everything the solver and the plans need. */
struct dag_problem {
    uint64_t users; /* changed atomically */
    double unit_s;
    double p2p_power_w;              /* of all devices of one stage */
    struct dag_operation *operation; /* owned arrays all */
    size_t operations;
    size_t operation_room;
    int32_t *from;
    int32_t *to;
    size_t edges;
    size_t from_room;
    size_t to_room;
    struct dag_cost *cost;     /* per spec */
    struct assign_option *top; /* per spec; the option of the greatest knob, filtered or not */
    size_t specs;
    size_t cost_room;
    size_t top_room;
    int32_t *option_first; /* per spec + 1 */
    size_t option_first_room;
    struct assign_option *option; /* kept options, slowest first; id: index in `knob` */
    size_t options;
    size_t option_room;
    struct dag_knob *knob;
    size_t knobs;
    size_t knob_room;
    /* sealed */
    int is_sealed;
    struct dag_graph graph;
    int32_t *spec_of;
    int64_t slowest_units;
    int64_t fastest_units;
    double slowest_cost;
    uint32_t stages;
};

struct zeus_dag {
    struct dag_problem *problem;
};

struct zeus_dag_frontier {
    struct dag_problem *problem; /* a user of it */
    struct frontier points;
};

struct zeus_dag_plan {
    struct dag_problem *problem; /* a user of it */
    zeus_dag_plan_info info;
    int32_t *duration; /* owned, as the rest; per operation */
    int64_t *start;
    int64_t *latest;
    int32_t *choice; /* index into problem->option, -1 */
    int32_t *slack_choice;
    double *chosen_start;
    uint32_t *by_stage; /* operations in order of stage, then start */
    uint32_t *stage_first;
};

struct dag_problem *dag_problem_use(struct dag_problem *p);
void dag_problem_release(struct dag_problem *p);

/* Builds the graph and the lengths if that is not done yet. */
int dag_problem_seal(struct dag_problem *p, zeus_error *err) ZEUS_CHECK;

struct tradeoff_problem dag_problem_view(const struct dag_problem *p);

/* A spec and what only the readers of files say of it. */
struct dag_spec_input {
    const zeus_dag_spec *spec;
    const int32_t *quants; /* of the options; NULL: computed from their times */
    int is_noise_for_few;  /* the noise factor counts only where few options remain without */
};

int dag_add_spec(zeus_dag *dag, const struct dag_spec_input *input, int32_t *ret_index,
                 zeus_error *err) ZEUS_CHECK;

/* A plan from durations. `iteration` -1: not from a frontier. */
int dag_plan_create(struct dag_problem *p, const int32_t *duration, int64_t iteration,
                    int64_t units, double cost, zeus_dag_plan **ret_plan, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_CORE_DAG_PROBLEM_H */
