/* SPDX-License-Identifier: Apache-2.0
 *
 * The sweep over power limits. Setting the limit that is already set is never asked for; limits
 * below the device's minimum are never tried, whatever the step.
 */
#include "policy/power_choice.h"

#include <math.h>

#include "base/err.h"

static uint64_t limit_at(const struct power_choice *c, size_t index)
{
    return c->plan.max_mw - index * c->plan.step_mw;
}

static void ask_limit(struct power_choice *c, uint64_t limit_mw, struct power_choice_action *action)
{
    if (limit_mw != c->current_mw) {
        c->current_mw = limit_mw;
        action->set_mw = limit_mw;
    }
}

static int check_plan(const struct power_choice_plan *plan, zeus_error *err)
{
    if (plan->step_mw == 0 || plan->profile_steps == 0) {
        return err_set(err, ZEUS_EINVAL, "%s must be above 0",
                       plan->step_mw == 0 ? "the step between limits" : "profile_steps");
    }
    if (plan->min_mw == 0 || plan->min_mw > plan->max_mw) {
        return err_set(err, ZEUS_EINVAL, "power limits %llu to %llu mW make no range",
                       (unsigned long long)plan->min_mw, (unsigned long long)plan->max_mw);
    }
    if ((plan->max_mw - plan->min_mw) / plan->step_mw >= POWER_CHOICE_LIMITS_MAX) {
        return err_set(err, ZEUS_ELIMIT, "a step of %llu mW makes more than %d limits",
                       (unsigned long long)plan->step_mw, POWER_CHOICE_LIMITS_MAX);
    }
    return 0;
}

static int init(struct power_choice *c, const struct power_choice_plan *plan, zeus_error *err)
{
    const int code = check_plan(plan, err);
    if (code < 0) {
        return code;
    }
    *c = (struct power_choice){
        .plan = *plan,
        .limit_count = (size_t)((plan->max_mw - plan->min_mw) / plan->step_mw) + 1,
    };
    return 0;
}

int power_choice_init(struct power_choice *choice, const struct power_choice_plan *plan,
                      struct power_choice_action *ret_action, zeus_error *err)
{
    /* The selector is tried once, so that a bad one is refused now and not after the sweep. */
    const zeus_power_point probe = {1, 1, 1};
    double ignored = 0;
    int code = power_choice_select(plan->selector, plan->selector_value, plan->world_size, &probe,
                                   1, &ignored, err);
    code = code < 0 ? code : init(choice, plan, err);
    if (code < 0) {
        return code;
    }
    *ret_action = (struct power_choice_action){.set_mw = 0};
    choice->state = POWER_CHOICE_READY;
    choice->steps = plan->wait_steps + 1;
    ask_limit(choice, plan->max_mw, ret_action);
    return 0;
}

/* Chooses among the points and goes to DONE. */
static int settle(struct power_choice *c, struct power_choice_action *action, zeus_error *err)
{
    double limit_w = 0;
    const int code =
        power_choice_select(c->plan.selector, c->plan.selector_value, c->plan.world_size, c->points,
                            c->point_count, &limit_w, err);
    if (code < 0) {
        return code;
    }
    c->optimum_mw = (uint64_t)llround(limit_w * 1000);
    c->state = POWER_CHOICE_DONE;
    ask_limit(c, c->optimum_mw, action);
    return 0;
}

int power_choice_init_from(struct power_choice *choice, const struct power_choice_plan *plan,
                           const zeus_power_point *points, size_t count,
                           struct power_choice_action *ret_action, zeus_error *err)
{
    if (count > POWER_CHOICE_LIMITS_MAX) {
        return err_set(err, ZEUS_ELIMIT, "the profile has more than %d limits",
                       POWER_CHOICE_LIMITS_MAX);
    }
    int code = init(choice, plan, err);
    if (code < 0) {
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        choice->points[i] = points[i];
    }
    choice->point_count = count;
    *ret_action = (struct power_choice_action){.set_mw = 0};
    code = settle(choice, ret_action, err);
    if (code >= 0 && (choice->optimum_mw < plan->min_mw || choice->optimum_mw > plan->max_mw)) {
        return err_set(err, ZEUS_ERANGE,
                       "the profile's best limit, %llu mW, is outside the device's %llu to %llu",
                       (unsigned long long)choice->optimum_mw, (unsigned long long)plan->min_mw,
                       (unsigned long long)plan->max_mw);
    }
    return code;
}

static void begin_profiling(struct power_choice *c, struct power_choice_action *action)
{
    c->state = POWER_CHOICE_PROFILING;
    c->steps = c->plan.profile_steps;
    action->has_window_begin = 1;
}

static void begin_limit(struct power_choice *c, struct power_choice_action *action)
{
    ask_limit(c, limit_at(c, c->index), action);
    c->state = POWER_CHOICE_WARMUP;
    c->steps = c->plan.warmup_steps;
    if (c->steps == 0) {
        begin_profiling(c, action);
    }
}

void power_choice_step_begin(struct power_choice *choice, struct power_choice_action *ret_action)
{
    *ret_action = (struct power_choice_action){.set_mw = 0};
    if (choice->state == POWER_CHOICE_DONE || choice->steps == 0 || --choice->steps > 0) {
        return;
    }
    switch (choice->state) {
    case POWER_CHOICE_READY:
        begin_limit(choice, ret_action);
        break;
    case POWER_CHOICE_WARMUP:
        begin_profiling(choice, ret_action);
        break;
    default:
        ret_action->has_window_end = 1; /* power_choice_measured goes on from here */
        break;
    }
}

/* Back to READY; the same limit is begun anew at the next step. */
static void restart(struct power_choice *c, struct power_choice_action *action)
{
    c->state = POWER_CHOICE_READY;
    c->steps = 1;
    c->interruptions++;
    ask_limit(c, c->plan.max_mw, action);
}

void power_choice_epoch_end(struct power_choice *choice, struct power_choice_action *ret_action)
{
    *ret_action = (struct power_choice_action){.set_mw = 0};
    if (choice->state == POWER_CHOICE_READY || choice->state == POWER_CHOICE_DONE) {
        return;
    }
    ret_action->has_window_cancel = choice->state == POWER_CHOICE_PROFILING;
    restart(choice, ret_action);
}

int power_choice_measured(struct power_choice *choice, double energy_j, double time_s,
                          struct power_choice_action *ret_action, zeus_error *err)
{
    struct power_choice_action action = {.set_mw = 0};
    if (choice->state != POWER_CHOICE_PROFILING || choice->steps != 0) {
        return err_set(err, ZEUS_ESTATE, "no window was asked for");
    }
    if (!(energy_j > 0 && time_s > 0) || !isfinite(energy_j) || !isfinite(time_s)) {
        restart(choice, &action);
        *ret_action = action;
        return err_set(err, ZEUS_EINVAL, "window of %g J and %g s cannot be used", energy_j,
                       time_s);
    }
    choice->points[choice->point_count++] = (zeus_power_point){
        .limit_w = (double)limit_at(choice, choice->index) / 1000,
        .energy_j = energy_j,
        .time_s = time_s,
    };
    choice->interruptions = 0;
    int code = 0;
    if (++choice->index < choice->limit_count) {
        begin_limit(choice, &action);
    } else {
        code = settle(choice, &action, err);
        action.is_finished = code >= 0;
    }
    *ret_action = action;
    return code;
}

uint64_t power_choice_limit_mw(const struct power_choice *choice)
{
    return choice->state == POWER_CHOICE_DONE ? choice->optimum_mw
                                              : limit_at(choice, choice->index);
}
