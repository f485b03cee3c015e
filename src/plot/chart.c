/* SPDX-License-Identifier: Apache-2.0
 *
 * Frame, lines, bars and frontiers. A series longer than the pixels can show is thinned column by
 * column to its extremes, so that a spike never disappears and a million samples make a small file.
 */
#include "plot/chart_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"

#define LEGEND_ROW 18.0

double chart_text_width(const char *text)
{
    double width = 0;
    for (; text && *text; text++) {
        width += ((unsigned char)*text & 0xc0) == 0x80 ? 0 : 6.6; /* UTF-8 continuation bytes */
    }
    return width;
}

void chart_frame_begin(struct chart_frame *f, struct strbuf *out, const struct chart *chart,
                       double left, int legend_rows)
{
    *f = (struct chart_frame){.out = out};
    f->width = chart->width > 0 ? chart->width : 720;
    f->height = chart->height > 0 ? chart->height : 400;
    f->left = left;
    f->right = f->width - CHART_RIGHT;
    f->bottom = f->height - CHART_BOTTOM;
    f->top = 16;
    svg_begin(out, f->width, f->height, chart->title);
    if (chart->title) {
        f->top += 18;
        svg_text(out, 14, 25, SVG_START, "title", chart->title);
    }
    if (chart->subtitle) {
        f->top += 17;
        svg_text(out, 14, f->top - 2, SVG_START, "note", chart->subtitle);
    }
    /* The highest label of the y axis stands half above the top: not into a subtitle. */
    f->top += 8 + (legend_rows > 0 ? legend_rows * LEGEND_ROW + 6 : chart->subtitle ? 8 : 0);
}

void chart_draw_x(const struct chart_frame *f, const char *label)
{
    char text[AXIS_LABEL_SIZE];
    for (int i = 0; i < f->x.ticks; i++) {
        double x = axis_pixel(&f->x, f->x.tick[i]);
        svg_line(f->out, x, f->top, x, f->bottom, "grid");
        svg_text(f->out, x, f->bottom + 16, SVG_MIDDLE, NULL,
                 axis_label(&f->x, f->x.tick[i], text));
    }
    svg_line(f->out, f->left, f->bottom, f->right, f->bottom, "axis");
    if (label) {
        svg_text(f->out, (f->left + f->right) / 2, f->bottom + 36, SVG_MIDDLE, "note", label);
    }
}

void chart_draw_y(const struct chart_frame *f, const char *label)
{
    char text[AXIS_LABEL_SIZE];
    for (int i = 0; i < f->y.ticks; i++) {
        double y = axis_pixel(&f->y, f->y.tick[i]);
        svg_line(f->out, f->left, y, f->right, y, "grid");
        svg_text(f->out, f->left - 8, y + 4, SVG_END, NULL, axis_label(&f->y, f->y.tick[i], text));
    }
    if (label) {
        svg_text_upwards(f->out, 16, (f->top + f->bottom) / 2, SVG_MIDDLE, "note", label);
    }
}

static const char *series_class(char out[16], const char *kind, size_t index)
{
    (void)snprintf(out, 16, "%s%u", kind, (unsigned int)(index % SVG_COLOURS));
    return out;
}

/* Names in rows above the plotting area. Draws when `f` is given; returns the rows needed. */
static int legend(const struct chart_frame *f, double width, const char *const *names, size_t count)
{
    double x = CHART_LEFT;
    int row = 0;
    int any = 0;
    char text[16];
    for (size_t i = 0; i < count; i++) {
        if (!names[i]) {
            continue;
        }
        double need = chart_text_width(names[i]) + 34;
        if (any && x + need > width - CHART_RIGHT) {
            x = CHART_LEFT;
            row++;
        }
        if (f) {
            double y = f->top - 14 - (legend(NULL, width, names, count) - 1 - row) * LEGEND_ROW;
            svg_rect(f->out, x, y - 4, 14, 4, series_class(text, "f", i));
            svg_text(f->out, x + 20, y + 2, SVG_START, NULL, names[i]);
        }
        x += need;
        any = 1;
    }
    return any ? row + 1 : 0;
}

struct extent {
    double low;
    double high;
};

static void include(struct extent *e, double value, int is_log)
{
    if (isfinite(value) && (!is_log || value > 0)) {
        e->low = MIN_OF(e->low, value);
        e->high = MAX_OF(e->high, value);
    }
}

static void set_axis(struct axis *axis, struct extent e, int wanted, int is_log)
{
    if (is_log) {
        axis_init_log(axis, e.low, e.high);
    } else {
        axis_init(axis, e.low, e.high, wanted, wanted < 8);
    }
}

static void set_axes(struct chart_frame *f, const struct chart *chart,
                     const struct chart_series *series, size_t count)
{
    struct extent x = {INFINITY, -INFINITY};
    struct extent y = {INFINITY, -INFINITY};
    int log_x = (chart->flags & CHART_LOG_X) != 0;
    int log_y = (chart->flags & CHART_LOG_Y) != 0;
    for (size_t s = 0; s < count; s++) {
        for (size_t i = 0; i < series[s].count; i++) {
            include(&x, series[s].x[i], log_x);
            include(&y, series[s].y[i], log_y);
        }
    }
    if (chart->flags & CHART_Y_FROM_ZERO) {
        include(&y, 0, log_y);
    }
    set_axis(&f->x, x, 8, log_x);
    set_axis(&f->y, y, 6, log_y);
    axis_set_pixels(&f->x, f->left, f->right);
    axis_set_pixels(&f->y, f->bottom, f->top);
}

/* One pixel column of a long series. */
struct column {
    long at;
    double first;
    double low;
    double high;
    double last;
    double x;
    int count;
};

static void flush_column(struct svg_path *path, const struct column *c)
{
    if (c->count == 0) {
        return;
    }
    svg_path_point(path, c->x, c->first);
    if (c->count > 2) {
        svg_path_point(path, c->x, c->low);
        svg_path_point(path, c->x, c->high);
    }
    if (c->count > 1) {
        svg_path_point(path, c->x, c->last);
    }
}

static void draw_thinned(struct svg_path *path, const struct chart_frame *f,
                         const struct chart_series *s)
{
    struct column c = {.count = 0};
    for (size_t i = 0; i < s->count; i++) {
        double x = axis_pixel(&f->x, s->x[i]);
        double y = axis_pixel(&f->y, s->y[i]);
        if (!isfinite(x) || !isfinite(y) || fabs(x) > 1e9) {
            flush_column(path, &c);
            c.count = 0;
            svg_path_point(path, NAN, NAN);
            continue;
        }
        long at = (long)floor(2 * x);
        if (c.count > 0 && at != c.at) {
            flush_column(path, &c);
            c.count = 0;
        }
        if (c.count == 0) {
            c = (struct column){.at = at, .first = y, .low = y, .high = y, .x = x};
        }
        c.low = MIN_OF(c.low, y);
        c.high = MAX_OF(c.high, y);
        c.last = y;
        c.count++;
    }
    flush_column(path, &c);
}

static void draw_line(const struct chart_frame *f, const struct chart_series *s, size_t index)
{
    char classes[32];
    int is_step = s->style == CHART_STEP || s->style == CHART_AREA_STEP;
    double before = NAN;
    struct svg_path path;
    (void)snprintf(classes, sizeof(classes), "s s%u", (unsigned int)(index % SVG_COLOURS));
    svg_path_begin(&path, f->out, classes);
    if ((double)s->count > 4 * (f->right - f->left)) {
        draw_thinned(&path, f, s);
        svg_path_end(&path);
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        double x = axis_pixel(&f->x, s->x[i]);
        double y = axis_pixel(&f->y, s->y[i]);
        if (is_step && isfinite(before) && isfinite(y)) {
            svg_path_point(&path, x, before);
        }
        svg_path_point(&path, x, y);
        before = y;
    }
    svg_path_end(&path);
}

static void draw_points(const struct chart_frame *f, const struct chart_series *s, size_t index)
{
    char classes[16];
    for (size_t i = 0; i < s->count; i++) {
        double x = axis_pixel(&f->x, s->x[i]);
        double y = axis_pixel(&f->y, s->y[i]);
        if (isfinite(x) && isfinite(y)) {
            svg_circle(f->out, x, y, s->count > 200 ? 2 : 3.5, series_class(classes, "f", index));
        }
    }
}

static int series_legend(const struct chart_frame *f, double width,
                         const struct chart_series *series, size_t count)
{
    enum { MOST = 32 };
    const char *names[MOST] = {0};
    size_t n = MIN_OF(count, MOST);
    for (size_t i = 0; i < n; i++) {
        names[i] = series[i].name;
    }
    return legend(f, width, names, n);
}

static void draw_series(struct chart_frame *f, struct strbuf *out, const struct chart *chart,
                        const struct chart_series *series, size_t count)
{
    double width = chart->width > 0 ? chart->width : 720;
    chart_frame_begin(f, out, chart, CHART_LEFT, series_legend(NULL, width, series, count));
    set_axes(f, chart, series, count);
    chart_draw_y(f, chart->y_label);
    chart_draw_x(f, chart->x_label);
    for (size_t i = 0; i < count; i++) {
        if (series[i].style != CHART_POINTS) {
            draw_line(f, &series[i], i);
        }
        if (series[i].style == CHART_POINTS || series[i].style == CHART_LINE_POINTS) {
            draw_points(f, &series[i], i);
        }
    }
    (void)series_legend(f, width, series, count);
}

int chart_lines(struct strbuf *out, const struct chart *chart, const struct chart_series *series,
                size_t count, const struct chart_mark *marks, size_t mark_count)
{
    struct chart_frame f;
    draw_series(&f, out, chart, series, count);
    for (size_t i = 0; i < mark_count; i++) {
        double at = axis_pixel(marks[i].is_vertical ? &f.x : &f.y, marks[i].at);
        if (!isfinite(at) || at < MIN_OF(f.left, f.top) - 1 || at > MAX_OF(f.right, f.bottom) + 1) {
            continue;
        }
        if (marks[i].is_vertical) {
            svg_line(out, at, f.top, at, f.bottom, "ref");
            svg_text(out, at + 4, f.top + 11, SVG_START, "small note over", marks[i].text);
        } else {
            svg_line(out, f.left, at, f.right, at, "ref");
            svg_text(out, f.right, at - 4, SVG_END, "small note over", marks[i].text);
        }
    }
    return svg_end(out);
}

int chart_frontier(struct strbuf *out, const struct chart *chart, const struct chart_series *series,
                   size_t count, const struct chart_pick *picks, size_t pick_count)
{
    struct chart_frame f;
    draw_series(&f, out, chart, series, count);
    for (size_t i = 0; i < pick_count; i++) {
        double x = axis_pixel(&f.x, picks[i].x);
        double y = axis_pixel(&f.y, picks[i].y);
        if (!isfinite(x) || !isfinite(y)) {
            continue;
        }
        int is_left = x > (f.left + f.right) / 2;
        svg_circle(out, x, y, 4.5, "ink");
        svg_text(out, is_left ? x - 9 : x + 9, y - 8, is_left ? SVG_END : SVG_START, "over",
                 picks[i].text);
    }
    return svg_end(out);
}

static void draw_error(const struct chart_frame *f, double x, double value, double error)
{
    double top = axis_pixel(&f->y, value + error);
    double bottom = axis_pixel(&f->y, value - error);
    if (isfinite(top) && isfinite(bottom)) {
        svg_line(f->out, x, top, x, bottom, "path");
        svg_line(f->out, x - 3, top, x + 3, top, "path");
        svg_line(f->out, x - 3, bottom, x + 3, bottom, "path");
    }
}

/* One size of type for all names, the one that fits the longest. */
static const char *group_class(const struct chart_bars *bars, double group_width)
{
    for (size_t g = 0; g < bars->group_count; g++) {
        if (chart_text_width(bars->groups[g]) > group_width) {
            return "small";
        }
    }
    return NULL;
}

static void draw_group(const struct chart_frame *f, const struct chart_bars *bars, size_t g,
                       double group_width)
{
    char classes[16];
    double bar = group_width * 0.78 / (double)MAX_OF(bars->series_count, 1);
    double left = f->left + group_width * ((double)g + 0.11);
    double zero = axis_pixel(&f->y, 0);
    for (size_t s = 0; s < bars->series_count; s++) {
        double value = bars->values[g * bars->series_count + s];
        double y = axis_pixel(&f->y, value);
        double x = left + bar * (double)s;
        if (!isfinite(y)) {
            continue; /* unknown: no bar, not a bar of zero */
        }
        svg_rect(f->out, x, MIN_OF(y, zero), MAX_OF(bar - 1.5, 0.5), fabs(zero - y),
                 series_class(classes, "f", s));
        if (bars->errors) {
            draw_error(f, x + bar / 2, value, bars->errors[g * bars->series_count + s]);
        }
    }
    svg_text(f->out, left + group_width * 0.39, f->bottom + 16, SVG_MIDDLE,
             group_class(bars, group_width), bars->groups[g]);
}

int chart_bars(struct strbuf *out, const struct chart *chart, const struct chart_bars *bars)
{
    struct chart_frame f;
    struct extent y = {0, 0};
    double width = chart->width > 0 ? chart->width : 720;
    size_t named = bars->series_count > 1 ? bars->series_count : 0;
    chart_frame_begin(&f, out, chart, CHART_LEFT, legend(NULL, width, bars->names, named));
    for (size_t i = 0; i < bars->group_count * bars->series_count; i++) {
        double error = bars->errors && isfinite(bars->errors[i]) ? bars->errors[i] : 0;
        include(&y, bars->values[i] + error, 0);
        include(&y, bars->values[i] - error, 0);
    }
    axis_init(&f.y, y.low, y.high > y.low ? y.high : 1, 6, 1);
    axis_set_pixels(&f.y, f.bottom, f.top);
    chart_draw_y(&f, chart->y_label);
    double group_width = (f.right - f.left) / (double)MAX_OF(bars->group_count, 1);
    for (size_t g = 0; g < bars->group_count; g++) {
        draw_group(&f, bars, g, group_width);
    }
    svg_line(out, f.left, axis_pixel(&f.y, 0), f.right, axis_pixel(&f.y, 0), "axis");
    if (chart->x_label) {
        svg_text(out, (f.left + f.right) / 2, f.bottom + 36, SVG_MIDDLE, "note", chart->x_label);
    }
    (void)legend(&f, width, bars->names, named);
    return svg_end(out);
}
