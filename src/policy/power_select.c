/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the measured power limits is best. Points come in the order of profiling, from the
 * highest limit down, so that ties go to the higher limit.
 */
#include <math.h>

#include "base/err.h"
#include "policy/objective.h"
#include "policy/power_choice.h"

static size_t highest(const zeus_power_point *points, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (points[i].limit_w > points[best].limit_w) {
            best = i;
        }
    }
    return best;
}

static double value_of(uint32_t selector, const zeus_power_point *point, double eta_knob,
                       double max_power_w)
{
    if (selector == ZEUS_SELECT_ENERGY) {
        return point->energy_j;
    }
    if (selector == ZEUS_SELECT_TIME) {
        return point->time_s;
    }
    return objective_cost(point->energy_j, point->time_s, eta_knob, max_power_w);
}

/* A limit measured twice counts with its last measurement at its first place (costs only). */
static const zeus_power_point *last_of(const zeus_power_point *points, size_t count, size_t at)
{
    const zeus_power_point *last = &points[at];
    for (size_t i = at + 1; i < count; i++) {
        if (points[i].limit_w == last->limit_w) {
            last = &points[i];
        }
    }
    return last;
}

static double select_least(uint32_t selector, double eta_knob, uint32_t world_size,
                           const zeus_power_point *points, size_t count)
{
    const double max_power_w = points[highest(points, count)].limit_w * world_size;
    size_t best = 0;
    double least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        const zeus_power_point *point =
            selector == ZEUS_SELECT_COST ? last_of(points, count, i) : &points[i];
        const double value = value_of(selector, point, eta_knob, max_power_w);
        if (value < least) {
            least = value;
            best = i;
        }
    }
    return points[best].limit_w;
}

static double select_slowdown(double factor, const zeus_power_point *points, size_t count)
{
    const size_t top = highest(points, count);
    const double longest_s = factor * points[top].time_s;
    double lowest_w = points[top].limit_w;
    for (size_t i = 0; i < count; i++) {
        if (points[i].time_s <= longest_s && points[i].limit_w < lowest_w) {
            lowest_w = points[i].limit_w;
        }
    }
    return lowest_w;
}

static int check_points(const zeus_power_point *points, size_t count, zeus_error *err)
{
    if (!points || count == 0) {
        return err_set(err, ZEUS_EINVAL, "no measurements to choose from");
    }
    for (size_t i = 0; i < count; i++) {
        const zeus_power_point *p = &points[i];
        if (!(p->limit_w > 0 && p->energy_j > 0 && p->time_s > 0) || !isfinite(p->limit_w) ||
            !isfinite(p->energy_j) || !isfinite(p->time_s)) {
            return err_set(err, ZEUS_EINVAL,
                           "measurement %zu: limit, energy and time must be above 0", i);
        }
    }
    return 0;
}

static int check_selector(uint32_t selector, double value, uint32_t world_size, zeus_error *err)
{
    if (world_size < 1) {
        return err_set(err, ZEUS_EINVAL, "world_size must be at least 1");
    }
    if (selector == ZEUS_SELECT_COST && !(value >= 0 && value <= 1)) {
        return err_set(err, ZEUS_EINVAL, "eta_knob is %g, must be 0 to 1", value);
    }
    if (selector == ZEUS_SELECT_MAX_SLOWDOWN && !(value >= 1)) {
        return err_set(err, ZEUS_EINVAL, "the slowdown factor is %g, must be at least 1", value);
    }
    if (selector < ZEUS_SELECT_ENERGY || selector > ZEUS_SELECT_MAX_SLOWDOWN) {
        return err_set(err, ZEUS_EINVAL, "unknown selector %u", selector);
    }
    return 0;
}

int power_choice_select(uint32_t selector, double value, uint32_t world_size,
                        const zeus_power_point *points, size_t count, double *ret_limit_w,
                        zeus_error *err)
{
    int code = check_selector(selector, value, world_size, err);
    code = code < 0 ? code : check_points(points, count, err);
    if (code < 0) {
        return code;
    }
    *ret_limit_w = selector == ZEUS_SELECT_MAX_SLOWDOWN
                       ? select_slowdown(value, points, count)
                       : select_least(selector, value, world_size, points, count);
    return 0;
}
