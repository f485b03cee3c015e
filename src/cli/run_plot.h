/* SPDX-License-Identifier: Apache-2.0
 *
 * The plotted series in a report's data, and how they compare with the joules that were counted.
 */
#ifndef ZEUS_CLI_RUN_PLOT_H
#define ZEUS_CLI_RUN_PLOT_H

#include "cli/run_report.h"
#include "codec/json_writer.h"

/* Key "plots": all series with their samples. */
void run_plot_put(const struct run_report *report, struct json_writer *w);

/* Value: what the plotted power of a place adds up to over a window, against its energy; null when
 * it was not plotted. */
void run_plot_compare(const struct run_report *report, zeus_measurement *window,
                      const zeus_energy *energy, struct json_writer *w);

/* Whether the plotted power of a place and its counted joules are apart; 0 where they cannot be
 * compared. */
int run_plot_is_apart(const struct run_report *report, zeus_measurement *window,
                      const zeus_energy *energy, double *ret_plotted_j);

#endif /* ZEUS_CLI_RUN_PLOT_H */
