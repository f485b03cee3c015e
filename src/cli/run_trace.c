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

/* One series as a line over seconds: steps, a spike from the lowest to the highest value where
 * values were drawn together, a break where data are missing. NOTFOUND, NOMEM. */
static int load_line(const struct run_series *series, struct chart_series *line)
{
    size_t room = 5 * series->count;
    double *xy = series->count ? mem_calloc(2 * room, sizeof(*xy)) : NULL;
    if (!xy) {
        return series->count ? ZEUS_ENOMEM : ZEUS_ENOTFOUND;
    }
    size_t n = 0;
    uint64_t until_ns = series->samples[0].from_ns;
    for (size_t i = 0; i < series->count; i++) {
        const struct run_sample *s = &series->samples[i];
        double from_s = (double)s->from_ns * 1e-9;
        const double ys[] = {(double)NAN, s->low, s->high, s->mean, s->mean};
        for (size_t k = s->from_ns > until_ns ? 0 : s->low < s->high ? 1 : 3; k < 5; k++) {
            xy[n] = k < 4 ? from_s : from_s + (double)s->length_ns * 1e-9;
            xy[room + n++] = ys[k];
        }
        until_ns = s->from_ns + s->length_ns;
    }
    *line = (struct chart_series){.x = xy, .y = xy + room, .count = n, .style = CHART_STEP};
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

int run_trace_chart(const struct run_report *report, int want_temperature, struct strbuf *out)
{
    struct chart_series lines[SERIES_MAX] = {{.name = NULL}};
    char names[SERIES_MAX][80];
    struct chart_mark marks[MARKS_MAX];
    const struct run_samples *samples = &report->samples;
    size_t n = 0;
    int r = 0;
    for (size_t i = 0; i < samples->count && n < SERIES_MAX; i++) {
        const zeus_series_info *info = &samples->series[i].info;
        if ((info->quantity == ZEUS_SERIES_TEMPERATURE) != want_temperature ||
            load_line(&samples->series[i], &lines[n]) < 0) {
            continue;
        }
        int is_plain = info->device_kind == ZEUS_KIND_GPU || want_temperature;
        (void)snprintf(names[n], sizeof(names[n]), "%s%d%s%s", zeus_kind_name(info->device_kind),
                       info->device_index, is_plain ? "" : " ", is_plain ? "" : info->name);
        lines[n].name = names[n];
        n++;
    }
    const struct chart chart = {.title = want_temperature ? "Temperature" : "Power",
                                .x_label = "time (s)",
                                .y_label = want_temperature ? "temperature (°C)" : "power (W)",
                                .height = want_temperature ? 260 : 380,
                                .flags = want_temperature ? 0 : CHART_Y_FROM_ZERO};
    r = n == 0 ? ZEUS_ENOTFOUND
               : chart_lines(out, &chart, lines, n, marks,
                             load_marks(report, samples->begin_ns, marks));
    for (size_t i = 0; i < n; i++) {
        free((void *)(uintptr_t)lines[i].x);
    }
    return r;
}

int run_trace_write(const struct run_report *report, FILE *out)
{
    struct strbuf text;
    strbuf_init(&text, PLOT_BYTES);
    int r = run_trace_chart(report, 0, &text);
    if (r == 0) {
        (void)fwrite(strbuf_text(&text), 1, text.len, out);
    }
    strbuf_done(&text);
    return r;
}
