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

/* One series as a line over seconds since begin_ns; 0, or why there is none. */
static int load_line(zeus_timeline *timeline, size_t series, const uint64_t span_ns[2],
                     struct chart_series *line)
{
    size_t count = 0;
    zeus_point none;
    int r = zeus_timeline_between(timeline, series, span_ns[0], span_ns[1], &none, 0, &count);
    if ((r < 0 && r != ZEUS_ETOOSMALL) || count == 0) {
        return ZEUS_ENOTFOUND;
    }
    zeus_point *points _free_ = mem_calloc(count, sizeof(*points));
    double *xy = mem_calloc(2 * (count + 1), sizeof(*xy));
    if (!points || !xy) {
        free(xy);
        return ZEUS_ENOMEM;
    }
    size_t got = 0;
    r = zeus_timeline_between(timeline, series, span_ns[0], span_ns[1], points, count, &got);
    got = MIN_OF(got, count);
    for (size_t i = 0; i < got; i++) {
        xy[i] = (double)(points[i].time_ns - span_ns[0]) * 1e-9;
        xy[count + 1 + i] = points[i].value;
    }
    if (got > 0) { /* held to its end */
        xy[got] =
            (double)(int64_t)(MIN_OF(points[got - 1].until_ns, span_ns[1]) - span_ns[0]) * 1e-9;
        xy[count + 1 + got] = points[got - 1].value;
    }
    line->x = xy;
    line->y = xy + count + 1;
    line->count = got + (got > 0);
    line->style = CHART_STEP;
    return r < 0 && r != ZEUS_ETOOSMALL ? r : 0;
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
