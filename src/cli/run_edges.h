/* SPDX-License-Identifier: Apache-2.0
 *
 * The raw readings around the edges of a run's windows, kept before they leave the sensors'
 * history, so that a report of a run of any length holds what its joules were made from.
 *
 * An instant that was asked for is looked at once, by a thread of its own, when it is two thirds of
 * the history old: by then (at half of it) the monitor has settled the energy there from the very
 * readings that are still to be had. Younger ones need no keeping.
 */
#ifndef ZEUS_CLI_RUN_EDGES_H
#define ZEUS_CLI_RUN_EDGES_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/monitor.h>

#include "base/attr.h"

/* Edges of places that a report keeps, 600 bytes each; phases may take half of them. */
#define RUN_EDGES_MAX 16384u

struct run_edges;

/* Starts the thread; *ret_edges is owned. `monitor` is borrowed. */
int run_edges_open(zeus_monitor *monitor, uint64_t history_ns, struct run_edges **ret_edges)
    ZEUS_CHECK;

/* Ends the thread; what was kept stays. Idempotent, NULL is fine. */
void run_edges_stop(struct run_edges *edges);
void run_edges_close(struct run_edges *edges);

/* Asks for the readings around an instant. Best effort: beyond the bound nothing is kept, and the
 * report says so. NULL is fine. Any thread. */
void run_edges_want(struct run_edges *edges, uint64_t time_ns, int is_of_phase);
/* The same for the begin of a running window. */
void run_edges_want_begin(struct run_edges *edges, const char *window, int is_of_phase);

/* What was kept of a place at an instant, NULL when nothing was; borrowed. After stop. */
const zeus_edge *run_edges_find(const struct run_edges *edges, uint64_t time_ns, size_t place);

#endif /* ZEUS_CLI_RUN_EDGES_H */
