/* SPDX-License-Identifier: Apache-2.0
 *
 * Frontiers read back from the files that `zeus plan` writes, and how two compare.
 */
#ifndef ZEUS_CLI_PLAN_POINTS_H
#define ZEUS_CLI_PLAN_POINTS_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

struct plan_point {
    double time_s;
    double energy_j; /* waiting included, where the file knows of it */
};

struct plan_points {
    struct plan_point *point; /* owned */
    size_t count;
    size_t room;
};

/* JSON or CSV, told apart by the first byte. ZEUS_EPARSE with words. */
int plan_points_read(struct plan_points *p, const char *text, size_t length, zeus_error *err)
    ZEUS_CHECK;
void plan_points_finish(struct plan_points *p);

/* The quickest point (of equals the cheapest), and the cheapest (of equals the quickest). */
struct plan_point plan_points_quickest(const struct plan_points *p);
struct plan_point plan_points_cheapest(const struct plan_points *p);

/* The cheapest point that takes at most so long, and the quickest that spends at most so much; NULL
 * when there is none. */
const struct plan_point *plan_points_within_time(const struct plan_points *p, double time_s);
const struct plan_point *plan_points_within_energy(const struct plan_points *p, double energy_j);

#endif /* ZEUS_CLI_PLAN_POINTS_H */
