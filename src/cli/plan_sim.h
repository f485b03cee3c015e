/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a plan against a profile, step by step, knowing nothing of the planner: stages take their
 * instructions in order, each starts when the stage is free and what it needs has arrived, and
 * takes the profile's time and energy at its frequency.
 */
#ifndef ZEUS_CLI_PLAN_SIM_H
#define ZEUS_CLI_PLAN_SIM_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

enum plan_sim_kind {
    PLAN_SIM_FORWARD,
    PLAN_SIM_BACKWARD,
    PLAN_SIM_FORWARD_BACKWARD,
    PLAN_SIM_RECOMPUTE,
    PLAN_SIM_KINDS
};

struct plan_sim_step {
    enum plan_sim_kind kind;
    int32_t stage;
    int32_t chunk;
    int32_t micro_batch;
    int64_t frequency;
    int64_t duration_units; /* planned; -1 when the plan does not say */
    double time_s;          /* from the profile */
    double energy_j;
    double end_s; /* simulated */
    int64_t end_units;
    int is_done;
    char configuration[256]; /* "" when the frequency is all */
};

/* As profiles and plans call them. */
extern const char *const plan_sim_kind_names[PLAN_SIM_KINDS];

/* A plan file as read. */
struct plan_sim {
    struct plan_sim_step *step; /* owned; stage after stage */
    size_t steps;
    size_t room;
    size_t *stage_first; /* owned; stages + 1 */
    int32_t stages;
    int32_t chunks;
    int32_t micro_batches;
    double unit_s;
    double p2p_power_w;
    int64_t quant_time; /* what the plan claims */
    double chosen_time_s;
    double chosen_cost_j;
    int has_claims;
};

struct plan_sim_result {
    double time_s;    /* of one iteration */
    double energy_j;  /* of all instructions */
    double waiting_s; /* summed over stages */
    double waiting_j; /* at the plan's p2p power */
    int64_t units;    /* length in time units with the planned durations */
    size_t instructions;
};

/* Reads the JSON that `zeus plan --plan` writes. ZEUS_EPARSE with words. */
int plan_sim_read(struct plan_sim *sim, const char *text, size_t length, zeus_error *err)
    ZEUS_CHECK;
void plan_sim_finish(struct plan_sim *sim);

/* Looks every step up in the profile. ZEUS_ENOTFOUND names the step whose frequency is not there.
 */
int plan_sim_profile(struct plan_sim *sim, const char *text, size_t length, zeus_error *err)
    ZEUS_CHECK;

/* ZEUS_EINVAL when the plan is not whole (a forward or backward missing or twice) or gets stuck. */
int plan_sim_run(struct plan_sim *sim, struct plan_sim_result *ret_result, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_CLI_PLAN_SIM_H */
