/* SPDX-License-Identifier: Apache-2.0
 *
 * Composition: an instruction (a forward or backward of one stage) is made of parts that were
 * profiled one by one, each at every frequency in several configurations. A clock is the same for
 * the whole instruction, configurations are chosen part by part; what is worth running are the
 * choices that no other beats in both time and energy above waiting power. Pure; the method and
 * its proof are in docs/planner.md.
 */
#ifndef ZEUS_POLICY_COMPOSE_H
#define ZEUS_POLICY_COMPOSE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

/* One measured way to run a part. */
struct compose_point {
    int64_t mhz;
    double time_s;
    double energy_j;
};

struct compose_part {
    const char *name; /* for messages */
    const struct compose_point *points;
    size_t count;
};

/* One part within the instruction. */
struct compose_term {
    int32_t part;
    double factor; /* how often it runs: multiplies time and energy */
};

struct compose_rule {
    double idle_power_w; /* what the device draws while it waits */
    double tolerance_j;  /* of a part, points that save no more than this are left out */
    double resolution_s; /* of sums, the best of each so many seconds is kept; 0: all */
    size_t points_max;   /* that sums may have; ZEUS_ELIMIT beyond */
};

struct compose_choice {
    int64_t mhz;
    double time_s;
    double energy_j;
};

struct compose_result {
    struct compose_choice *choice; /* owned; highest frequency first, then fastest first */
    int32_t *point;                /* owned; count * terms: each term's point in its part */
    size_t count;
    size_t terms;
};

/* ZEUS_EINVAL when the parts have no frequency in common. */
int compose_run(const struct compose_rule *rule, const struct compose_part *parts,
                const struct compose_term *terms, size_t term_count, struct compose_result *ret,
                zeus_error *err) ZEUS_CHECK;
void compose_finish(struct compose_result *r);

#endif /* ZEUS_POLICY_COMPOSE_H */
