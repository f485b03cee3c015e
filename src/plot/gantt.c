/* SPDX-License-Identifier: Apache-2.0
 *
 * Gantt charts: one row a stage, one box an operation, coloured on a scale that reads in light, in
 * dark and in grey (dark blue over green to yellow, lightness rising all the way).
 */
#include "plot/chart_private.h"

#include <math.h>
#include <stdio.h>

#include "base/fmt.h"
#include "base/macro.h"

static const unsigned char ramp[][3] = {{45, 38, 104},  {44, 86, 140},  {32, 128, 140},
                                        {56, 168, 116}, {142, 203, 76}, {246, 225, 60}};

static unsigned int colour(double share)
{
    double at = isfinite(share) ? MIN_OF(MAX_OF(share, 0), 1) * (ARRAY_LEN(ramp) - 1) : 0;
    size_t i = MIN_OF((size_t)at, ARRAY_LEN(ramp) - 2);
    unsigned int rgb = 0;
    for (int c = 0; c < 3; c++) {
        double v = ramp[i][c] + (ramp[i + 1][c] - ramp[i][c]) * (at - (double)i);
        rgb = rgb << 8 | (unsigned int)lround(v);
    }
    return rgb;
}

static double share_of(const struct chart_gantt *g, double value)
{
    double span = g->value_high - g->value_low;
    return span > 0 ? (value - g->value_low) / span : 0.5;
}

static void draw_scale(const struct chart_frame *f, const struct chart_gantt *g)
{
    enum { STEPS = 48 };
    char text[FMT_DOUBLE_SIZE];
    double width = 144;
    double left = f->right - width;
    double top = f->top - 22;
    for (int i = 0; i < STEPS; i++) {
        svg_box(f->out, left + width * i / STEPS, top, width / STEPS + 0.4, 9,
                colour((i + 0.5) / STEPS), NULL);
    }
    (void)fmt_fixed(text, g->value_low, g->value_high - g->value_low < 10 ? 2 : 0);
    svg_text(f->out, left - 5, top + 9, SVG_END, "small", text);
    (void)fmt_fixed(text, g->value_high, g->value_high - g->value_low < 10 ? 2 : 0);
    svg_text(f->out, f->right + 5, top + 9, SVG_START, "small", text);
    svg_text(f->out, left, top - 5, SVG_START, "small note", g->value_label);
}

static void draw_tasks(const struct chart_frame *f, const struct chart_gantt *g, double row_height)
{
    double gap = row_height > 8 ? 1.5 : 0.5;
    for (size_t i = 0; i < g->task_count; i++) {
        const struct chart_task *t = &g->tasks[i];
        if (t->row < 0 || (size_t)t->row >= g->row_count || !(t->end > t->start)) {
            continue;
        }
        double x = axis_pixel(&f->x, t->start);
        double width = axis_pixel(&f->x, t->end) - x;
        double y = f->top + row_height * t->row;
        double share = share_of(g, t->value);
        svg_box(f->out, x, y + gap, MAX_OF(width - 0.4, 0.2), row_height - 2 * gap, colour(share),
                t->tooltip);
        if (t->text && row_height >= 12 && chart_text_width(t->text) * 0.85 < width - 4) {
            svg_text(f->out, x + width / 2, y + row_height / 2 + 3.5, SVG_MIDDLE,
                     share > 0.6 ? "small dark" : "small in", t->text);
        }
    }
}

/* Joins critical tasks that touch in time, where the row changes or the path goes on. */
static void draw_critical(const struct chart_frame *f, const struct chart_gantt *g,
                          double row_height, const char *classes)
{
    const struct chart_task *last = NULL;
    double tolerance = 1e-9 * fabs(f->x.high);
    struct svg_path path;
    svg_path_begin(&path, f->out, classes);
    for (size_t i = 0; i < g->task_count; i++) {
        const struct chart_task *t = &g->tasks[i];
        if (!t->is_critical || !(t->end > t->start)) {
            continue;
        }
        if (last && fabs(t->start - last->end) > tolerance) {
            continue; /* a parallel critical path: one is drawn */
        }
        double y = f->top + row_height * (t->row + 0.87);
        svg_path_point(&path, axis_pixel(&f->x, t->start), y);
        svg_path_point(&path, axis_pixel(&f->x, t->end), y);
        last = t;
    }
    svg_path_end(&path);
}

int chart_gantt(struct strbuf *out, const struct chart *chart, const struct chart_gantt *g)
{
    struct chart sized = *chart;
    struct chart_frame f;
    double left = 30;
    double end = g->end;
    for (size_t r = 0; r < g->row_count; r++) {
        left = MAX_OF(left, chart_text_width(g->rows[r]) + 14);
    }
    for (size_t i = 0; i < g->task_count && g->end <= 0; i++) {
        end = MAX_OF(end, g->tasks[i].end);
    }
    if (sized.height <= 0) {
        sized.height = 124 + MIN_OF(28.0 * (double)g->row_count, 640);
    }
    sized.width = sized.width > 0 ? sized.width : 1080;
    chart_frame_begin(&f, out, &sized, MIN_OF(left, 200), 1);
    f.right -= 14;
    double row_height = (f.bottom - f.top) / (double)MAX_OF(g->row_count, 1);
    axis_init(&f.x, 0, end, 10, 0);
    axis_set_pixels(&f.x, f.left, f.right);
    svg_rect(out, f.left, f.top, f.right - f.left, f.bottom - f.top, "idle");
    chart_draw_x(&f, chart->x_label);
    draw_tasks(&f, g, row_height);
    draw_critical(&f, g, row_height, "path halo");
    draw_critical(&f, g, row_height, "path");
    draw_scale(&f, g);
    for (size_t r = 0; r < g->row_count && row_height >= 9; r++) {
        svg_text(out, f.left - 8, f.top + row_height * ((double)r + 0.5) + 4, SVG_END, NULL,
                 g->rows[r]);
    }
    return svg_end(out);
}
