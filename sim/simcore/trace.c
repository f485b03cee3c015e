/* SPDX-License-Identifier: Apache-2.0
 *
 * Integrals of piecewise linear traces. Without an active cap they are closed form through prefix
 * sums, whatever the length; with one, the pieces of one period are walked.
 */
#include "simcore/trace.h"

#include <math.h>

static double seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

static int64_t piece_end_ns(const struct sim_piece *pieces, uint32_t count, uint32_t i,
                            int64_t period_ns)
{
    if (i + 1 < count) {
        return pieces[i + 1].t_ns;
    }
    return period_ns > 0 ? period_ns : pieces[i].t_ns;
}

double trace_prepare(struct sim_piece *pieces, uint32_t count, int64_t period_ns, double *ret_max_w)
{
    double sum_j = 0;
    double max_w = 0;
    for (uint32_t i = 0; i < count; i++) {
        int64_t length_ns = piece_end_ns(pieces, count, i, period_ns) - pieces[i].t_ns;
        pieces[i].prefix_j = sum_j;
        sum_j += 0.5 * (pieces[i].from_w + pieces[i].to_w) * seconds(length_ns);
        max_w = fmax(max_w, fmax(pieces[i].from_w, pieces[i].to_w));
    }
    *ret_max_w = max_w;
    return sum_j;
}

static uint32_t find_piece(const struct trace *trace, int64_t t_ns)
{
    uint32_t low = 0;
    uint32_t high = trace->count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (trace->pieces[middle].t_ns <= t_ns) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Value inside piece i at a time within one period. */
static double piece_power_w(const struct trace *trace, uint32_t i, int64_t t_ns)
{
    const struct sim_piece *piece = &trace->pieces[i];
    int64_t length_ns =
        piece_end_ns(trace->pieces, trace->count, i, trace->period_ns) - piece->t_ns;
    if (length_ns <= 0) {
        return piece->from_w;
    }
    double share = (double)(t_ns - piece->t_ns) / (double)length_ns;
    return piece->from_w + (piece->to_w - piece->from_w) * share;
}

double trace_power_w(const struct trace *trace, int64_t t_ns)
{
    if (t_ns < 0) {
        t_ns = 0;
    }
    if (trace->period_ns > 0) {
        t_ns %= trace->period_ns;
    }
    return piece_power_w(trace, find_piece(trace, t_ns), t_ns);
}

/* Integral of min(line from a to b over `length` s, cap). */
static double clipped_j(double a_w, double b_w, double length_s, double cap_w)
{
    if (a_w <= cap_w && b_w <= cap_w) {
        return 0.5 * (a_w + b_w) * length_s;
    }
    if (a_w >= cap_w && b_w >= cap_w) {
        return cap_w * length_s;
    }
    double low_w = fmin(a_w, b_w);
    double below_s = length_s * (cap_w - low_w) / fabs(b_w - a_w);
    return 0.5 * (low_w + cap_w) * below_s + cap_w * (length_s - below_s);
}

/* Energy from 0 to t, t within one period. */
static double within_j(const struct trace *trace, int64_t t_ns)
{
    uint32_t i = find_piece(trace, t_ns);
    const struct sim_piece *piece = &trace->pieces[i];
    double here_w = piece_power_w(trace, i, t_ns);
    return piece->prefix_j + 0.5 * (piece->from_w + here_w) * seconds(t_ns - piece->t_ns);
}

static double within_capped_j(const struct trace *trace, int64_t t_ns, double cap_w)
{
    double sum_j = 0;
    for (uint32_t i = 0; i < trace->count && trace->pieces[i].t_ns < t_ns; i++) {
        const struct sim_piece *piece = &trace->pieces[i];
        int is_held = trace->period_ns == 0 && i + 1 == trace->count;
        int64_t end_ns = piece_end_ns(trace->pieces, trace->count, i, trace->period_ns);
        if (is_held || end_ns > t_ns) {
            end_ns = t_ns;
        }
        double end_w = is_held ? piece->from_w
                       : end_ns == t_ns && end_ns != piece_end_ns(trace->pieces, trace->count, i,
                                                                  trace->period_ns)
                           ? piece_power_w(trace, i, end_ns)
                           : piece->to_w;
        sum_j += clipped_j(piece->from_w, end_w, seconds(end_ns - piece->t_ns), cap_w);
    }
    return sum_j;
}

double trace_energy_j(const struct trace *trace, int64_t t_ns, double cap_w)
{
    if (t_ns < 0) {
        return fmin(trace_power_w(trace, 0), cap_w) * seconds(t_ns);
    }
    int is_capped = cap_w < trace->max_w;
    if (trace->period_ns <= 0) {
        return is_capped ? within_capped_j(trace, t_ns, cap_w) : within_j(trace, t_ns);
    }
    int64_t periods = t_ns / trace->period_ns;
    int64_t rest_ns = t_ns % trace->period_ns;
    if (!is_capped) {
        return (double)periods * trace->period_j + within_j(trace, rest_ns);
    }
    double whole_j = periods > 0 ? within_capped_j(trace, trace->period_ns, cap_w) : 0;
    return (double)periods * whole_j + within_capped_j(trace, rest_ns, cap_w);
}
