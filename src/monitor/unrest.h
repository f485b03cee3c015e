/* SPDX-License-Identifier: Apache-2.0
 *
 * Unrest of the power that the stretches around an edge do not show: what a longer past says, and
 * what is allowed for without any sign of it. Pure; reads a ring of knots.
 */
#ifndef ZEUS_MONITOR_UNREST_H
#define ZEUS_MONITOR_UNREST_H

#include "monitor/knot.h"

/* What switched visibly a while ago may do so invisibly now, in step with the sensor: the hidden
 * power (stretch_hidden_w) of the stretches before and after knot `at`, as far as it counts. */
double unrest_far_w(const struct ring *ring, uint64_t at);

/* A load that beats in step with the sensor looks even. What is allowed for it without any sign of
 * it, as a share of the power: see "what no sensor of this class can see" in docs/measurement.md.
 * More while there is no past to judge by. */
double unrest_floor(const struct ring *ring);

#endif /* ZEUS_MONITOR_UNREST_H */
