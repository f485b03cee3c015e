/* SPDX-License-Identifier: Apache-2.0
 *
 * Joules from the raw edges of a report, by the rule of docs/report.md and by nothing of the
 * library's.
 */
#ifndef ZEUS_CLI_REPORT_EDGE_H
#define ZEUS_CLI_REPORT_EDGE_H

#include <zeus/monitor.h>

#define REPORT_TOLERANCE 1e-6 /* J, on top of the rounding of what is subtracted */

/* Energy at an edge since the source's start, from its knots; NaN when there are none. */
double report_edge_j(const zeus_edge *edge);

/* Whether the knots give the energy that the edge was settled with (true where it was not). */
int report_edge_is_settled(const zeus_edge *edge);

#endif /* ZEUS_CLI_REPORT_EDGE_H */
