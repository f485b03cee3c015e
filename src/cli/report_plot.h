/* SPDX-License-Identifier: Apache-2.0
 *
 * The energy under a plotted series and the rule by which it agrees with counted joules
 * (docs/report.md). Pure.
 */
#ifndef ZEUS_CLI_REPORT_PLOT_H
#define ZEUS_CLI_REPORT_PLOT_H

#include <stddef.h>
#include <stdint.h>

#include "cli/run_samples.h"

#define REPORT_SAMPLE_STEP 1e-6 /* samples are rounded to this part of their unit */

struct report_plot {
    uint64_t begin_ns;  /* monotonic time of offset 0 */
    uint64_t step_ns;   /* how far apart the values are: sensor's update, reads, stretches */
    uint64_t bucket_ns; /* of the stretches; 0: values as they were */
    const struct run_sample *samples; /* borrowed; by time */
    size_t count;
};

/* What lies under a series within a window. */
struct report_plot_part {
    double energy_j; /* NaN: no samples */
    double window_s;
    double covered_s;
    double low_w;
    double high_w;
    double step_s;
    double cut_j; /* how far the stretches cut by the window's edges may be off */
};

void report_plot_part(const struct report_plot *plot, const uint64_t span_ns[2],
                      struct report_plot_part *ret_part);

/* Why a window is not compared, NULL when it is. */
const char *report_plot_why_not(const struct report_plot_part *part);

/* Whether `plotted_j` and an energy known to -/+ `error_j` can be the same. */
int report_plot_agrees(const struct report_plot_part *part, double plotted_j, double energy_j,
                       double error_j);

#endif /* ZEUS_CLI_REPORT_PLOT_H */
