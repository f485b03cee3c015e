/* SPDX-License-Identifier: Apache-2.0
 *
 * What `zeus profile` prints: the reports of <zeus/profile.h>, or JSON.
 */
#ifndef ZEUS_CLI_PROFILE_REPORT_H
#define ZEUS_CLI_PROFILE_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/profile.h>

#include "base/attr.h"

/* One setting of the devices and what came of it. */
struct profile_point {
    double power_limit_w;  /* 0: left as it was */
    uint32_t graphics_mhz; /* 0: left as it was */
    double iteration_s;    /* calibrated or given */
    int has_trial;
    zeus_profile_trial trial;
    zeus_profile_sweep *measuring; /* owned; NULL: not made */
    zeus_profile_sweep *cooling;
};

struct profile_report {
    char *const *argv;
    const char *what;
    struct profile_point *points; /* owned */
    size_t count;
};

void profile_report_done(struct profile_report *report);

/* On stdout. 0 or negative when it could not be written. */
int profile_report_text(const struct profile_report *report) ZEUS_CHECK;
int profile_report_json(const struct profile_report *report) ZEUS_CHECK; /* zeus.profile/1 */

/* "power limit 300 W, graphics clock 1200 MHz", empty when nothing was set. */
void profile_point_name(const struct profile_point *point, char *out, size_t size);

#endif /* ZEUS_CLI_PROFILE_REPORT_H */
