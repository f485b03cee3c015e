/* SPDX-License-Identifier: Apache-2.0
 *
 * SVG primitives over a strbuf. Text is escaped (and cleaned of what XML forbids), numbers are
 * written with at most two decimals and never in the locale's way. Colours come from classes with a
 * light and a dark value, so that a picture fits the page it is shown on.
 */
#ifndef ZEUS_PLOT_SVG_H
#define ZEUS_PLOT_SVG_H

#include <stddef.h>

#include "base/attr.h"
#include "base/strbuf.h"

#define SVG_COLOURS 8 /* classes s0 .. s7 (stroke) and f0 .. f7 (fill) */

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

/* Opens the picture; `title` is its accessible name (may be NULL). `out` is borrowed until
 * svg_end, which fails as the strbuf does. */
void svg_begin(struct strbuf *out, double width, double height, const char *title);
int svg_end(struct strbuf *out) ZEUS_CHECK;

/* `classes`: "grid", "axis", "s0" ...; NULL for none. */
void svg_line(struct strbuf *out, double x1, double y1, double x2, double y2, const char *classes);
void svg_rect(struct strbuf *out, double x, double y, double width, double height,
              const char *classes);
void svg_circle(struct strbuf *out, double x, double y, double radius, const char *classes);

/* A rectangle of one colour 0xRRGGBB with a tooltip (may be NULL). */
void svg_box(struct strbuf *out, double x, double y, double width, double height, unsigned int rgb,
             const char *tooltip);

/* Text with its baseline at (x, y). */
void svg_text(struct strbuf *out, double x, double y, enum svg_anchor anchor, const char *classes,
              const char *text);
/* The same, turned by 90 degrees to read upwards. */
void svg_text_upwards(struct strbuf *out, double x, double y, enum svg_anchor anchor,
                      const char *classes, const char *text);

/* A path in steps: begin, points, end. A point that is not finite breaks the line. */
struct svg_path {
    struct strbuf *out; /* borrowed */
    int is_down;
};
void svg_path_begin(struct svg_path *path, struct strbuf *out, const char *classes);
void svg_path_point(struct svg_path *path, double x, double y);
void svg_path_end(struct svg_path *path);

/* Escaped for text and double-quoted attributes; control characters become U+FFFD, as do bytes
 * that are not UTF-8. */
void svg_escape(struct strbuf *out, const char *text);

/* At most two decimals, no trailing zeros. */
void svg_number(struct strbuf *out, double value);

#endif /* ZEUS_PLOT_SVG_H */
