/* SPDX-License-Identifier: Apache-2.0
 *
 * Specs: filter and model. Everything that plans from measurements comes through here, so that the
 * same profile gives the same plan wherever it is planned.
 */
#include "dag/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "stats/fit.h"

#define FEW_OPTIONS 3

/* Kept options as the models want them. */
struct points {
    int32_t count;
    const double *t;
    const double *cost;
    const int32_t *quant;
};

static int check(const struct dag_spec_rule *rule, const struct assign_option *options,
                 int32_t count, zeus_error *err)
{
    for (int32_t i = 0; i < count; i++) {
        const struct assign_option *o = &options[i];
        if (o->quant < 0 || !isfinite(o->cost) || !isfinite(o->time_s) || o->time_s < 0) {
            return err_set(err, ZEUS_EINVAL, "option %d takes %g s and costs %g J", (int)i,
                           o->time_s, o->cost);
        }
    }
    if (!isfinite(rule->idle_power_w) || rule->idle_power_w < 0 || !(rule->noise_factor > 0) ||
        rule->noise_factor > 1) {
        return err_set(err, ZEUS_EINVAL, "idle power %g W, noise factor %g", rule->idle_power_w,
                       rule->noise_factor);
    }
    return 0;
}

/* Number of options left in front of the array, or ZEUS_ENOMEM. */
static int32_t filter(const struct dag_spec_rule *rule, struct assign_option *options,
                      int32_t count)
{
    if (!rule->is_noise_for_few) {
        return assign_filter(options, count, rule->noise_factor);
    }
    struct assign_option *all _free_ = mem_calloc((size_t)count, sizeof(*all));
    if (!all) {
        return ZEUS_ENOMEM;
    }
    memcpy(all, options, (size_t)count * sizeof(*all));
    int32_t kept = assign_filter(options, count, 1);
    if (kept > FEW_OPTIONS) {
        return kept;
    }
    memcpy(options, all, (size_t)count * sizeof(*all));
    return assign_filter(options, count, rule->noise_factor);
}

static int make_line(const struct points *p, struct dag_cost *cost, zeus_error *err)
{
    struct fit_line line = {0};
    int r = fit_line((size_t)p->count, p->t, p->cost, &line);
    const int32_t ends[2] = {p->quant[p->count - 1], p->quant[0]};
    const double values[2] = {line.intercept + line.slope * ends[0],
                              line.intercept + line.slope * ends[1]};
    return r < 0 ? err_set(err, r, "no line fits the options")
                 : dag_cost_hull(cost, 2, ends, values, DAG_SPEC_TABLE_MAX, err);
}

static int make_curve(const struct dag_spec_rule *rule, const struct points *p,
                      struct dag_cost *cost, zeus_error *err)
{
    struct dag_exponential curve = rule->curve;
    if (rule->model != DAG_SPEC_EXPONENTIAL) {
        struct fit_curve fitted = {0};
        int r = fit_exponential((size_t)p->count, p->t, p->cost, &fitted);
        if (r < 0) {
            return err_set(err, r, "no exponential fits the options");
        }
        curve = (struct dag_exponential){fitted.a, fitted.b, fitted.c};
    }
    return dag_cost_exponential(cost, curve, p->quant[p->count - 1], p->quant[0],
                                DAG_SPEC_TABLE_MAX, err);
}

static int make_cost(const struct dag_spec_rule *rule, const struct assign_option *option,
                     int32_t kept, struct dag_cost *cost, zeus_error *err)
{
    double *t _free_ = mem_calloc((size_t)kept, sizeof(*t));
    double *y _free_ = mem_calloc((size_t)kept, sizeof(*y));
    int32_t *quant _free_ = mem_calloc((size_t)kept, sizeof(*quant));
    if (!t || !y || !quant) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (int32_t i = 0; i < kept; i++) {
        t[i] = quant[i] = option[i].quant;
        y[i] = option[i].cost;
    }
    const struct points p = {kept, t, y, quant};
    if (rule->model == DAG_SPEC_HULL) {
        return dag_cost_hull(cost, kept, quant, y, DAG_SPEC_TABLE_MAX, err);
    }
    return rule->model == DAG_SPEC_LINE ? make_line(&p, cost, err)
                                        : make_curve(rule, &p, cost, err);
}

int dag_spec_make(const struct dag_spec_rule *rule, struct assign_option *options, int32_t count,
                  int32_t *ret_kept, struct dag_cost *cost, zeus_error *err)
{
    int r = check(rule, options, count, err);
    if (r < 0) {
        return r;
    }
    for (int32_t i = 0; i < count; i++) {
        options[i].cost -= rule->idle_power_w * options[i].quant * rule->unit_s;
    }
    int32_t kept = filter(rule, options, count);
    if (kept <= 0) {
        return kept < 0 ? err_set(err, kept, "out of memory")
                        : err_set(err, ZEUS_EINVAL, "no option is left: are the costs negative?");
    }
    r = make_cost(rule, options, kept, cost, err);
    if (r == 0) {
        *ret_kept = kept;
    }
    return r;
}
