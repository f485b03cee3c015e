/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline beside a run and its charts. Quantities that no device has are left out.
 */
#include "cli/run_trace.h"

#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"
#include "plot/chart.h"

#define SERIES_MAX 64
#define MARKS_MAX  64
#define PLOT_BYTES (64u << 20)

static int has_quantity(zeus_session *session, uint32_t quantity)
{
    zeus_timeline *timeline = NULL;
    zeus_timeline_options options = {.size = sizeof(options),
                                     .quantities = ZEUS_SERIES_BIT(quantity)};
    int r = zeus_timeline_open(session, &options, &timeline, NULL);
    zeus_timeline_close(timeline);
    return r == 0;
}

zeus_timeline *run_trace_open(zeus_session *session)
{
    static const uint32_t wanted[] = {ZEUS_SERIES_DEVICE_INSTANT, ZEUS_SERIES_CPU_PACKAGE,
                                      ZEUS_SERIES_CPU_DRAM, ZEUS_SERIES_SOC_RAIL,
                                      ZEUS_SERIES_TEMPERATURE};
    zeus_timeline_options options = {.size = sizeof(options)};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        options.quantities |= has_quantity(session, wanted[i]) ? ZEUS_SERIES_BIT(wanted[i]) : 0;
    }
    if (!(options.quantities & ZEUS_SERIES_BIT(ZEUS_SERIES_DEVICE_INSTANT)) &&
        has_quantity(session, ZEUS_SERIES_DEVICE_AVERAGE)) {
        options.quantities |= ZEUS_SERIES_BIT(ZEUS_SERIES_DEVICE_AVERAGE);
    }
    zeus_timeline *timeline = NULL;
    if (options.quantities == 0 || zeus_timeline_open(session, &options, &timeline, NULL) < 0) {
        return NULL;
    }
    return timeline;
}

/* Both ends of the time a value held, as far as it is within the run. */
static void add_hold(struct chart_series *line, double *xy, size_t room, const zeus_point *point,
                     const uint64_t span_ns[2])
{
    uint64_t from_ns = MAX_OF(point->time_ns, span_ns[0]);
    uint64_t until_ns = MIN_OF(MAX_OF(point->until_ns, from_ns), span_ns[1]);
    if (point->until_ns < span_ns[0] || from_ns > until_ns) {
        return;
    }
    xy[line->count] = (double)(from_ns - span_ns[0]) * 1e-9;
    xy[room + line->count++] = point->value;
    xy[line->count] = (double)(until_ns - span_ns[0]) * 1e-9;
    xy[room + line->count++] = point->value;
}

/* One series as a line over seconds since begin_ns; 0, or why there is none. */
static int load_line(zeus_timeline *timeline, size_t series, const uint64_t span_ns[2],
                     struct chart_series *line)
{
    size_t count = 0;
    zeus_point none;
    /* From the very beginning: what held at begin_ns may have begun to hold long before. */
    int r = zeus_timeline_between(timeline, series, 0, span_ns[1], &none, 0, &count);
    if ((r < 0 && r != ZEUS_ETOOSMALL) || count == 0) {
        return ZEUS_ENOTFOUND;
    }
    zeus_point *points _free_ = mem_calloc(count, sizeof(*points));
    double *xy = mem_calloc(4 * count, sizeof(*xy));
    if (!points || !xy) {
        free(xy);
        return ZEUS_ENOMEM;
    }
    size_t got = 0;
    r = zeus_timeline_between(timeline, series, 0, span_ns[1], points, count, &got);
    got = MIN_OF(got, count);
    for (size_t i = 0; i < got; i++) {
        add_hold(line, xy, 2 * count, &points[i], span_ns);
    }
    line->x = xy;
    line->y = xy + 2 * count;
    line->style = CHART_STEP;
    if (line->count == 0 || (r < 0 && r != ZEUS_ETOOSMALL)) {
        free(xy);
        return line->count == 0 ? ZEUS_ENOTFOUND : r;
    }
    return 0;
}

static size_t load_marks(const struct run_report *report, uint64_t begin_ns,
                         struct chart_mark *marks)
{
    size_t n = 0;
    for (size_t t = 0; t < report->trial_count; t++) {
        const struct trial *trial = &report->trials[t];
        if (t > 0 && n < MARKS_MAX) {
            marks[n++] = (struct chart_mark){
                (double)(zeus_measurement_begin_ns(trial->measurement) - begin_ns) * 1e-9, 1,
                "run"};
        }
        for (size_t p = 1; p < trial->phase_count && n < MARKS_MAX; p++) {
            uint64_t at_ns = zeus_measurement_begin_ns(trial->phases[p].measurement);
            if (at_ns >= begin_ns) {
                marks[n++] = (struct chart_mark){(double)(at_ns - begin_ns) * 1e-9, 1,
                                                 trial->phases[p].label};
            }
        }
    }
    return n;
}

int run_trace_chart(zeus_timeline *timeline, const struct run_report *report, int want_temperature,
                    struct strbuf *out)
{
    struct chart_series lines[SERIES_MAX] = {{.name = NULL}};
    char names[SERIES_MAX][80];
    struct chart_mark marks[MARKS_MAX];
    const struct trial *last = &report->trials[report->trial_count - 1];
    const uint64_t span_ns[2] = {zeus_measurement_begin_ns(report->trials[0].measurement),
                                 zeus_measurement_end_ns(last->measurement)};
    size_t n = 0;
    int r = 0;
    for (size_t i = 0; timeline && i < zeus_timeline_series_count(timeline) && n < SERIES_MAX;
         i++) {
        zeus_series_info info;
        if (zeus_timeline_get_series(timeline, i, &info) < 0 ||
            (info.quantity == ZEUS_SERIES_TEMPERATURE) != want_temperature ||
            load_line(timeline, i, span_ns, &lines[n]) < 0) {
            continue;
        }
        int is_plain = info.device_kind == ZEUS_KIND_GPU || want_temperature;
        (void)snprintf(names[n], sizeof(names[n]), "%s%d%s%s", zeus_kind_name(info.device_kind),
                       info.device_index, is_plain ? "" : " ", is_plain ? "" : info.name);
        lines[n].name = names[n];
        n++;
    }
    const struct chart chart = {.title = want_temperature ? "Temperature" : "Power",
                                .x_label = "time (s)",
                                .y_label = want_temperature ? "temperature (°C)" : "power (W)",
                                .height = want_temperature ? 260 : 380,
                                .flags = want_temperature ? 0 : CHART_Y_FROM_ZERO};
    r = n == 0 ? ZEUS_ENOTFOUND
               : chart_lines(out, &chart, lines, n, marks, load_marks(report, span_ns[0], marks));
    for (size_t i = 0; i < n; i++) {
        free((void *)(uintptr_t)lines[i].x);
    }
    return r;
}

int run_trace_write(const struct run_report *report, FILE *out)
{
    struct strbuf text;
    strbuf_init(&text, PLOT_BYTES);
    int r = run_trace_chart(report->timeline, report, 0, &text);
    if (r == 0) {
        (void)fwrite(strbuf_text(&text), 1, text.len, out);
    }
    strbuf_done(&text);
    return r;
}
