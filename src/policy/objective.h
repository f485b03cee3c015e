/* SPDX-License-Identifier: Apache-2.0
 *
 * What is minimised: the energy-time cost, the bound derived from it, and how a learning rate
 * follows a batch size. Pure arithmetic in IEEE double, in the order written.
 */
#ifndef ZEUS_POLICY_OBJECTIVE_H
#define ZEUS_POLICY_OBJECTIVE_H

#include <stdint.h>

#include "base/attr.h"

/* eta * energy + (1 - eta) * max power * time. The caller checks 0 <= eta <= 1; max_power_w is
 * that of all the GPUs together. */
double objective_cost(double energy_j, double time_s, double eta_knob, double max_power_w);

/* beta * min_cost; +inf when either is unknown (NaN) or beta is infinite. */
double objective_cost_bound(double beta_knob, double min_cost);

/* x // y of positive doubles as Python computes it: one off floor(x / y) at exact multiples. */
double objective_floor_divide(double x, double y);

/* How the learning rate follows the batch size. */
enum objective_lr_rule {
    OBJECTIVE_LR_LINEAR = 0, /* sgd: in proportion */
    OBJECTIVE_LR_SQRT = 1,   /* adam, adamw, adadelta: with the square root */
};

/* The rule for an optimizer's name (any case), ZEUS_ENOTSUP when we know none. */
int objective_lr_rule_of(const char *optimizer) ZEUS_CHECK;

double objective_scale_lr(int rule, double default_lr, int64_t default_batch_size,
                          int64_t batch_size);

#endif /* ZEUS_POLICY_OBJECTIVE_H */
