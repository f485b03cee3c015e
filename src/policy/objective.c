/* SPDX-License-Identifier: Apache-2.0
 *
 * Cost and bound. The order of operations is part of the contract: recorded runs are repeated to
 * the last digit.
 */
#include "policy/objective.h"

#include <math.h>
#include <stddef.h>

#include <zeus/error.h>

#include "base/macro.h"

double objective_cost(double energy_j, double time_s, double eta_knob, double max_power_w)
{
    return eta_knob * energy_j + (1 - eta_knob) * max_power_w * time_s;
}

double objective_cost_bound(double beta_knob, double min_cost)
{
    if (isnan(beta_knob) || isnan(min_cost)) {
        return INFINITY;
    }
    return isinf(beta_knob) || isinf(min_cost) ? INFINITY : beta_knob * min_cost;
}

double objective_floor_divide(double x, double y)
{
    const double quotient = (x - fmod(x, y)) / y;
    const double below = floor(quotient);
    return quotient - below > 0.5 ? below + 1 : below;
}

static int equal_fold(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        const char folded = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a;
        if (folded != *b) {
            return 0;
        }
    }
    return *a == *b;
}

int objective_lr_rule_of(const char *optimizer)
{
    static const struct {
        const char *name;
        int rule;
    } rules[] = {
        {"sgd", OBJECTIVE_LR_LINEAR},
        {"adam", OBJECTIVE_LR_SQRT},
        {"adamw", OBJECTIVE_LR_SQRT},
        {"adadelta", OBJECTIVE_LR_SQRT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (equal_fold(optimizer, rules[i].name)) {
            return rules[i].rule;
        }
    }
    return ZEUS_ENOTSUP;
}

double objective_scale_lr(int rule, double default_lr, int64_t default_batch_size,
                          int64_t batch_size)
{
    const double ratio = (double)batch_size / (double)default_batch_size;
    return rule == OBJECTIVE_LR_SQRT ? default_lr * sqrt(ratio) : default_lr * ratio;
}
