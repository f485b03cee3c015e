/* SPDX-License-Identifier: Apache-2.0
 *
 * Base traces: piecewise linear functions of time, repeating or held at their end, and their exact
 * integrals. Pure.
 */
#ifndef ZEUS_SIM_TRACE_H
#define ZEUS_SIM_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "simcore/layout.h"

struct trace {
    const struct sim_piece *pieces;
    uint32_t count;    /* at least 1; the first starts at 0 */
    int64_t period_ns; /* 0: the last piece's from_w holds forever */
    double period_j;
    double max_w;
};

/* Fills prefixes; yields the energy of one period (or of everything before the last piece). */
double trace_prepare(struct sim_piece *pieces, uint32_t count, int64_t period_ns,
                     double *ret_max_w);

double trace_power_w(const struct trace *trace, int64_t t_ns);

/* Energy of min(P, cap) from 0 to t; cap INFINITY: no cap. Negative times see P(0). */
double trace_energy_j(const struct trace *trace, int64_t t_ns, double cap_w);

#endif /* ZEUS_SIM_TRACE_H */
