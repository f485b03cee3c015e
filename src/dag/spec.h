/* SPDX-License-Identifier: Apache-2.0
 *
 * From the measured options of one kind of work to what the planner needs of it: the options worth
 * keeping and the convex cost table of a model through them.
 */
#ifndef ZEUS_DAG_SPEC_H
#define ZEUS_DAG_SPEC_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "dag/assign.h"
#include "dag/cost.h"

#define DAG_SPEC_TABLE_MAX (1 << 22) /* time units between the longest and the shortest option */

enum dag_spec_model { /* numbered as ZEUS_DAG_MODEL_... */
                      DAG_SPEC_FIT,
                      DAG_SPEC_EXPONENTIAL,
                      DAG_SPEC_HULL,
                      DAG_SPEC_LINE,
};

struct dag_spec_rule {
    enum dag_spec_model model;
    struct dag_exponential curve; /* of DAG_SPEC_EXPONENTIAL */
    double unit_s;
    double idle_power_w;  /* taken off each option's cost for its whole units of time */
    double noise_factor;  /* an option goes when another beats this share of its time and cost */
    int is_noise_for_few; /* use the factor only where three or fewer options remain without it */
};

/* Options come with their measured cost, `quant` and `id` set (quant negative: none) and leave
 * filtered, slowest first, in front of the array; *ret_kept of them. `cost` is owned by the caller
 * on success. ZEUS_EINVAL with words. */
int dag_spec_make(const struct dag_spec_rule *rule, struct assign_option *options, int32_t count,
                  int32_t *ret_kept, struct dag_cost *cost, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAG_SPEC_H */
