/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole pictures from numbers: lines, steps, bars, a cost frontier, a Gantt chart. Each function
 * appends one complete <svg> element to a strbuf (inline in HTML or a file by itself).
 */
#ifndef ZEUS_PLOT_CHART_H
#define ZEUS_PLOT_CHART_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/strbuf.h"

/* struct chart.flags */
#define CHART_Y_FROM_ZERO (1u << 0)
#define CHART_LOG_X       (1u << 1)
#define CHART_LOG_Y       (1u << 2)

/* What every picture has. Texts are borrowed and may be NULL; width or height 0: a sensible one. */
struct chart {
    const char *title;
    const char *subtitle;
    const char *x_label; /* with unit: "time (s)" */
    const char *y_label;
    double width;
    double height;
    uint32_t flags;
};

enum chart_style {
    CHART_LINE,
    CHART_STEP, /* holds each value until the next x */
    CHART_POINTS,
    CHART_LINE_POINTS,
    CHART_AREA_STEP, /* as STEP, for a power trace: drawn thin */
};

/* Values that are not finite leave a gap. All borrowed. */
struct chart_series {
    const char *name; /* in the legend; NULL: not in it */
    const double *x;
    const double *y;
    size_t count;
    enum chart_style style;
};

/* A dashed reference line across the picture at x (is_vertical) or y. */
struct chart_mark {
    double at;
    int is_vertical;
    const char *text;
};

/* ZEUS_ELIMIT or ZEUS_ENOMEM as the strbuf. Long series are thinned to what the pixels can show
 * (each pixel column keeps its lowest and highest value). */
int chart_lines(struct strbuf *out, const struct chart *chart, const struct chart_series *series,
                size_t count, const struct chart_mark *marks, size_t mark_count) ZEUS_CHECK;

/* Groups of bars: values[g * series + s], error bars where `errors` is given. Borrowed. */
struct chart_bars {
    const char *const *groups;
    size_t group_count;
    const char *const *names; /* of the bars in a group */
    size_t series_count;
    const double *values;
    const double *errors; /* may be NULL; half widths */
};
int chart_bars(struct strbuf *out, const struct chart *chart, const struct chart_bars *bars)
    ZEUS_CHECK;

/* Cost against time with chosen points picked out; the cheap-and-fast corner is lower left. */
struct chart_pick {
    double x;
    double y;
    const char *text;
};
int chart_frontier(struct strbuf *out, const struct chart *chart, const struct chart_series *series,
                   size_t count, const struct chart_pick *picks, size_t pick_count) ZEUS_CHECK;

/* One box of a Gantt chart. */
struct chart_task {
    int32_t row;
    double start;
    double end;
    double value;        /* colour, on the scale of the chart */
    const char *text;    /* inside, if it fits; may be NULL */
    const char *tooltip; /* may be NULL */
    int is_critical;     /* joined by a line with the critical tasks that touch it in time */
};
struct chart_gantt {
    const char *const *rows; /* names */
    size_t row_count;
    const struct chart_task *tasks; /* in order of their start */
    size_t task_count;
    double value_low; /* ends of the colour scale */
    double value_high;
    const char *value_label; /* "power (W)" */
    double end;              /* right end of the axis; 0: the last task */
};
int chart_gantt(struct strbuf *out, const struct chart *chart, const struct chart_gantt *gantt)
    ZEUS_CHECK;

#endif /* ZEUS_PLOT_CHART_H */
