/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows over a field that averages for longer than its period: the readings around the edges are
 * taken out of the ring of knots, the averaging is undone (sharpen.h), and the edges are read off
 * the knots that this makes. Needs some hundred kilobytes for the time of a call.
 */
#ifndef ZEUS_MONITOR_SHARP_EDGE_H
#define ZEUS_MONITOR_SHARP_EDGE_H

#include "base/attr.h"
#include "monitor/edge.h"

/* As estimate_between. NOTSUP where the averaging cannot be undone (a gap, too few readings, no
 * memory): then the running average is what there is. */
int sharp_between(const struct estimator *est, uint64_t begin_ns, uint64_t end_ns,
                  struct estimate *ret_estimate) ZEUS_CHECK;

/* One edge by itself. NOTSUP as above. */
int sharp_edge_at(const struct estimator *est, uint64_t t_ns, struct edge *ret_edge) ZEUS_CHECK;

/* The neighbourhood that sharp_between reads an edge off, 0 for begin and 1 for end;
 * sharp_edge_at's where both edges are the same. NOTSUP as above. */
int sharp_look_around(const struct estimator *est, const uint64_t edges_ns[2], uint32_t which,
                      struct edge_around *ret_around) ZEUS_CHECK;

#endif /* ZEUS_MONITOR_SHARP_EDGE_H */
