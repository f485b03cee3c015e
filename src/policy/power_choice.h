/* SPDX-License-Identifier: Apache-2.0
 *
 * Choosing a power limit while a job trains: a state machine that sweeps the limits from the
 * highest down, one window of steps each, and then settles on the best. It sees steps and epochs
 * and says what to do; devices, windows and files are the caller's.
 *
 *     READY --steps--> WARMUP --steps--> PROFILING --window measured--> WARMUP ... --> DONE
 *
 * The end of an epoch throws an unfinished window away and starts that limit again.
 * Limits in mW, as drivers take them.
 */
#ifndef ZEUS_POLICY_POWER_CHOICE_H
#define ZEUS_POLICY_POWER_CHOICE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/policy.h>

#include "base/attr.h"

#define POWER_CHOICE_LIMITS_MAX 512

enum power_choice_state {
    POWER_CHOICE_READY = 0,
    POWER_CHOICE_WARMUP = 1,
    POWER_CHOICE_PROFILING = 2,
    POWER_CHOICE_DONE = 3,
};

struct power_choice_plan {
    uint64_t max_mw;
    uint64_t min_mw;
    uint64_t step_mw;       /* above 0 */
    uint32_t wait_steps;    /* before the first limit */
    uint32_t warmup_steps;  /* at each limit; 0: none */
    uint32_t profile_steps; /* above 0 */
    uint32_t selector;      /* ZEUS_SELECT_... */
    double selector_value;
    uint32_t world_size;
};

/* What the caller has to do, in this order. */
struct power_choice_action {
    int has_window_end; /* end the window and pass it to power_choice_measured */
    int has_window_cancel;
    uint64_t set_mw; /* 0: leave the limit as it is */
    int has_window_begin;
    int is_finished; /* now DONE: save the profile */
};

struct power_choice {
    struct power_choice_plan plan;
    uint32_t state;
    uint32_t steps; /* left in this state */
    size_t index;   /* of the limit, from the highest */
    size_t limit_count;
    uint64_t current_mw;    /* as last set */
    uint64_t optimum_mw;    /* when DONE */
    uint32_t interruptions; /* of the current limit by ends of epochs: when it grows past a few,
                             * epochs are too short to finish a window */
    size_t point_count;
    zeus_power_point points[POWER_CHOICE_LIMITS_MAX];
};

/* INVAL or LIMIT naming the field. The first action sets the highest limit. */
int power_choice_init(struct power_choice *choice, const struct power_choice_plan *plan,
                      struct power_choice_action *ret_action, zeus_error *err) ZEUS_CHECK;

/* The same from a profile: DONE at once. */
int power_choice_init_from(struct power_choice *choice, const struct power_choice_plan *plan,
                           const zeus_power_point *points, size_t count,
                           struct power_choice_action *ret_action, zeus_error *err) ZEUS_CHECK;

void power_choice_step_begin(struct power_choice *choice, struct power_choice_action *ret_action);
void power_choice_epoch_end(struct power_choice *choice, struct power_choice_action *ret_action);

/* The window that has_window_end asked for: energy summed over GPUs and processes, the slowest
 * process's time. INVAL when one is not above 0: the window counts as interrupted. */
int power_choice_measured(struct power_choice *choice, double energy_j, double time_s,
                          struct power_choice_action *ret_action, zeus_error *err) ZEUS_CHECK;

/* The limit the state is about, in mW: the next, the current or the optimum. */
uint64_t power_choice_limit_mw(const struct power_choice *choice);

/* See zeus_power_select. */
int power_choice_select(uint32_t selector, double value, uint32_t world_size,
                        const zeus_power_point *points, size_t count, double *ret_limit_w,
                        zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_POLICY_POWER_CHOICE_H */
