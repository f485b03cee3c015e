/* SPDX-License-Identifier: Apache-2.0
 *
 * What `zeus calibrate` prints: a table of measured against class, or JSON.
 */
#ifndef ZEUS_CLI_CALIBRATE_REPORT_H
#define ZEUS_CLI_CALIBRATE_REPORT_H

#include <stddef.h>

#include <zeus/calibrate.h>

#include "base/attr.h"

struct calibrate_report {
    zeus_session *session;
    const zeus_calibrate_target *targets;
    const zeus_calibrate_result *results;
    size_t count;
    const char *load_command; /* NULL: none */
    const char *stored_in;    /* empty: nowhere */
    int is_dry_run;
};

/* On stdout. 0, or negative when it could not be written. */
int calibrate_report_text(const struct calibrate_report *report) ZEUS_CHECK;
int calibrate_report_json(const struct calibrate_report *report) ZEUS_CHECK; /* zeus.calibrate/1 */

#endif /* ZEUS_CLI_CALIBRATE_REPORT_H */
