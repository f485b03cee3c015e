/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame that all charts share: title, axes, legend.
 */
#ifndef ZEUS_PLOT_CHART_PRIVATE_H
#define ZEUS_PLOT_CHART_PRIVATE_H

#include "plot/axis.h"
#include "plot/chart.h"
#include "plot/svg.h"

#define CHART_LEFT   64.0
#define CHART_RIGHT  20.0
#define CHART_BOTTOM 46.0

struct chart_frame {
    struct strbuf *out;
    double width;
    double height;
    double top; /* of the plotting area */
    double bottom;
    double left;
    double right;
    struct axis x;
    struct axis y;
};

/* Opens the picture and reserves room for title and `legend_rows` rows of legend. */
void chart_frame_begin(struct chart_frame *f, struct strbuf *out, const struct chart *chart,
                       double left, int legend_rows);

/* Grid and labels along an axis already set up with its pixels. */
void chart_draw_x(const struct chart_frame *f, const char *label);
void chart_draw_y(const struct chart_frame *f, const char *label);

/* Width of a text in 12 px type, roughly. */
double chart_text_width(const char *text);

#endif /* ZEUS_PLOT_CHART_PRIVATE_H */
