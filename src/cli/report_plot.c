/* SPDX-License-Identifier: Apache-2.0
 *
 * See report_plot.h.
 */
#include "cli/report_plot.h"

#include <math.h>

#include "base/macro.h"

#define LEAST_STEPS   10 /* a shorter window is its edges */
#define LEAST_COVERED 0.9
#define SHARE         0.1 /* a counter and a power field may differ by this and both be sound */

void report_plot_part(const struct report_plot *plot, const uint64_t span_ns[2],
                      struct report_plot_part *ret_part)
{
    struct report_plot_part part = {.energy_j = (double)NAN};
    part.window_s = (double)(span_ns[1] - span_ns[0]) * 1e-9;
    part.step_s = (double)plot->step_ns * 1e-9;
    part.low_w = INFINITY;
    part.high_w = -INFINITY;
    double sum_j = 0;
    for (size_t i = 0; i < plot->count; i++) {
        const struct run_sample *s = &plot->samples[i];
        uint64_t from_ns = MAX_OF(plot->begin_ns + s->from_ns, span_ns[0]);
        uint64_t until_ns = MIN_OF(plot->begin_ns + s->from_ns + s->length_ns, span_ns[1]);
        if (from_ns >= until_ns) {
            continue;
        }
        double length_s = (double)(until_ns - from_ns) * 1e-9;
        sum_j += s->mean * length_s;
        part.covered_s += length_s;
        part.low_w = fmin(part.low_w, s->low);
        part.high_w = fmax(part.high_w, s->high);
        part.cut_j += until_ns - from_ns < s->length_ns ? (s->high - s->low) * length_s : 0;
    }
    if (part.covered_s > 0) {
        part.energy_j = sum_j;
    }
    *ret_part = part;
}

const char *report_plot_why_not(const struct report_plot_part *part)
{
    if (isnan(part->energy_j) || part->covered_s < LEAST_COVERED * part->window_s) {
        return "samples do not cover it";
    }
    return part->window_s < LEAST_STEPS * part->step_s ? "it is shorter than ten samples" : NULL;
}

int report_plot_agrees(const struct report_plot_part *part, double plotted_j, double energy_j,
                       double error_j)
{
    double missing_j = fmax(part->window_s - part->covered_s, 0) * part->high_w;
    double edges_j = 2 * part->step_s * (part->high_w - part->low_w);
    double allowed_j = SHARE * energy_j + error_j + edges_j + missing_j + part->cut_j;
    return fabs(plotted_j - energy_j) <= allowed_j;
}
