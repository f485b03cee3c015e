/* SPDX-License-Identifier: Apache-2.0
 *
 * The SVG writer. Self-contained pictures: no script, no font file, no external reference. The
 * style lists plain colours first and the dark ones in a media query, because some renderers know
 * neither variables nor media queries.
 */
#include "plot/svg.h"

#include <math.h>
#include <string.h>

#include "base/fmt.h"
#include "codec/utf8.h"

#include <zeus/error.h>

static const char style_text[] =
    "<style>"
    ".zp text{font:12px system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#33383f}"
    ".zp .title{font-size:15px;font-weight:600;fill:#14171a}"
    ".zp .small{font-size:10px}.zp .note{fill:#68707a}"
    ".zp .bg{fill:#fff}.zp .grid{stroke:#e3e6ea;stroke-width:1}"
    ".zp .axis{stroke:#8b939c;stroke-width:1}.zp .idle{fill:#eef0f3}"
    ".zp .ref{stroke:#8b939c;stroke-width:1;stroke-dasharray:4 3}"
    ".zp .path{stroke:#14171a;stroke-width:1.5;fill:none}"
    ".zp .halo{stroke:#fff;stroke-width:4}"
    ".zp .over{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}"
    ".zp .in{fill:#fff}.zp .dark{fill:#14171a}.zp .ink{fill:#14171a}"
    ".zp .s{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".zp .s0{stroke:#1f6fb4}.zp .s1{stroke:#d1611b}.zp .s2{stroke:#2b8a4b}.zp .s3{stroke:#8b4fb0}"
    ".zp .s4{stroke:#b8860b}.zp .s5{stroke:#c23b5c}.zp .s6{stroke:#18858c}.zp .s7{stroke:#6b6f76}"
    ".zp .f0{fill:#1f6fb4}.zp .f1{fill:#d1611b}.zp .f2{fill:#2b8a4b}.zp .f3{fill:#8b4fb0}"
    ".zp .f4{fill:#b8860b}.zp .f5{fill:#c23b5c}.zp .f6{fill:#18858c}.zp .f7{fill:#6b6f76}"
    "@media(prefers-color-scheme:dark){"
    ".zp text{fill:#c6ccd3}.zp .title{fill:#f0f3f6}.zp .note{fill:#949ca6}"
    ".zp .bg{fill:#15181c}.zp .grid{stroke:#2c3138}.zp .axis{stroke:#737b85}.zp .idle{fill:#22262c}"
    ".zp .ref{stroke:#737b85}.zp .path{stroke:#f0f3f6}.zp .halo{stroke:#15181c}"
    ".zp .over{stroke:#15181c}.zp .ink{fill:#f0f3f6}"
    ".zp .in{fill:#fff}.zp .dark{fill:#14171a}"
    ".zp .s0{stroke:#5aa9e6}.zp .s1{stroke:#f2914f}.zp .s2{stroke:#5cc480}.zp .s3{stroke:#c08be0}"
    ".zp .s4{stroke:#e0b13d}.zp .s5{stroke:#f0788f}.zp .s6{stroke:#4fc3ca}.zp .s7{stroke:#a3a9b1}"
    ".zp .f0{fill:#5aa9e6}.zp .f1{fill:#f2914f}.zp .f2{fill:#5cc480}.zp .f3{fill:#c08be0}"
    ".zp .f4{fill:#e0b13d}.zp .f5{fill:#f0788f}.zp .f6{fill:#4fc3ca}.zp .f7{fill:#a3a9b1}"
    "}</style>\n";

static const char *const anchors[] = {"start", "middle", "end"};

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void svg_escape(struct strbuf *out, const char *text)
{
    size_t left = text ? strlen(text) : 0;
    while (left > 0) {
        const char *named = entity(*text);
        size_t n = utf8_sequence_length(text, left);
        unsigned char c = (unsigned char)*text;
        if (named) {
            strbuf_adds(out, named);
        } else if (n == 0 || (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f) {
            strbuf_adds(out, "\xef\xbf\xbd");
            n = 1;
        } else {
            strbuf_add(out, text, n);
        }
        n = n > 0 ? n : 1;
        text += n;
        left -= n;
    }
}

void svg_number(struct strbuf *out, double value)
{
    char text[FMT_DOUBLE_SIZE];
    if (!isfinite(value) || fabs(value) > 1e9) {
        value = 0; /* no picture is that large; callers skip what is not finite */
    }
    size_t n = fmt_fixed(text, value, 2);
    while (n > 0 && text[n - 1] == '0') {
        n--;
    }
    if (n > 0 && text[n - 1] == '.') {
        n--;
    }
    if (n == 2 && text[0] == '-' && text[1] == '0') {
        strbuf_adds(out, "0");
        return;
    }
    strbuf_add(out, text, n);
}

static void attribute(struct strbuf *out, const char *name, double value)
{
    strbuf_addf(out, " %s=\"", name);
    svg_number(out, value);
    strbuf_addc(out, '"');
}

static void class_attribute(struct strbuf *out, const char *classes)
{
    if (classes) {
        strbuf_addf(out, " class=\"%s\"", classes);
    }
}

void svg_begin(struct strbuf *out, double width, double height, const char *title)
{
    strbuf_adds(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"zp\" role=\"img\"");
    attribute(out, "width", width);
    attribute(out, "height", height);
    strbuf_adds(out, " viewBox=\"0 0 ");
    svg_number(out, width);
    strbuf_addc(out, ' ');
    svg_number(out, height);
    strbuf_adds(out, "\">\n");
    if (title) {
        strbuf_adds(out, "<title>");
        svg_escape(out, title);
        strbuf_adds(out, "</title>\n");
    }
    strbuf_adds(out, style_text);
    svg_rect(out, 0, 0, width, height, "bg");
}

int svg_end(struct strbuf *out)
{
    strbuf_adds(out, "</svg>\n");
    return strbuf_status(out);
}

void svg_line(struct strbuf *out, double x1, double y1, double x2, double y2, const char *classes)
{
    strbuf_adds(out, "<line");
    attribute(out, "x1", x1);
    attribute(out, "y1", y1);
    attribute(out, "x2", x2);
    attribute(out, "y2", y2);
    class_attribute(out, classes);
    strbuf_adds(out, "/>\n");
}

void svg_rect(struct strbuf *out, double x, double y, double width, double height,
              const char *classes)
{
    strbuf_adds(out, "<rect");
    attribute(out, "x", x);
    attribute(out, "y", y);
    attribute(out, "width", width);
    attribute(out, "height", height);
    class_attribute(out, classes);
    strbuf_adds(out, "/>\n");
}

void svg_circle(struct strbuf *out, double x, double y, double radius, const char *classes)
{
    strbuf_adds(out, "<circle");
    attribute(out, "cx", x);
    attribute(out, "cy", y);
    attribute(out, "r", radius);
    class_attribute(out, classes);
    strbuf_adds(out, "/>\n");
}

void svg_box(struct strbuf *out, double x, double y, double width, double height, unsigned int rgb,
             const char *tooltip)
{
    strbuf_adds(out, "<rect");
    attribute(out, "x", x);
    attribute(out, "y", y);
    attribute(out, "width", width);
    attribute(out, "height", height);
    strbuf_addf(out, " fill=\"#%06x\"", rgb & 0xffffffU);
    if (!tooltip) {
        strbuf_adds(out, "/>\n");
        return;
    }
    strbuf_adds(out, "><title>");
    svg_escape(out, tooltip);
    strbuf_adds(out, "</title></rect>\n");
}

void svg_text(struct strbuf *out, double x, double y, enum svg_anchor anchor, const char *classes,
              const char *text)
{
    strbuf_adds(out, "<text");
    attribute(out, "x", x);
    attribute(out, "y", y);
    strbuf_addf(out, " text-anchor=\"%s\"", anchors[anchor]);
    class_attribute(out, classes);
    strbuf_addc(out, '>');
    svg_escape(out, text);
    strbuf_adds(out, "</text>\n");
}

void svg_text_upwards(struct strbuf *out, double x, double y, enum svg_anchor anchor,
                      const char *classes, const char *text)
{
    strbuf_adds(out, "<text transform=\"translate(");
    svg_number(out, x);
    strbuf_addc(out, ' ');
    svg_number(out, y);
    strbuf_addf(out, ") rotate(-90)\" text-anchor=\"%s\"", anchors[anchor]);
    class_attribute(out, classes);
    strbuf_addc(out, '>');
    svg_escape(out, text);
    strbuf_adds(out, "</text>\n");
}

void svg_path_begin(struct svg_path *path, struct strbuf *out, const char *classes)
{
    *path = (struct svg_path){.out = out};
    strbuf_adds(out, "<path");
    class_attribute(out, classes);
    strbuf_adds(out, " d=\"");
}

void svg_path_point(struct svg_path *path, double x, double y)
{
    if (!isfinite(x) || !isfinite(y)) {
        path->is_down = 0;
        return;
    }
    strbuf_addc(path->out, path->is_down ? 'L' : 'M');
    svg_number(path->out, x);
    strbuf_addc(path->out, ' ');
    svg_number(path->out, y);
    path->is_down = 1;
}

void svg_path_end(struct svg_path *path)
{
    strbuf_adds(path->out, "\"/>\n");
}
