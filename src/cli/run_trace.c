/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline beside a run and its charts. Quantities that no device has are left out.
 */
#include "cli/run_trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "plot/chart.h"

#define SERIES_MAX   64
#define MARKS_MAX    64
#define MARKS_APART  0.01  /* part of the picture: one place */
#define LETTER_SHARE 0.009 /* part of the picture that a letter takes */
#define PLOT_BYTES   (64u << 20)

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

/* Marks with room for their words. Of two at one place, one says both; words that would lie on
 * those before are left out. */
struct mark_list {
    struct chart_mark marks[MARKS_MAX];
    char texts[MARKS_MAX][160];
    size_t count;
    double span_s;
    double words_end_s; /* of the words written last */
};

static void add_mark(struct mark_list *list, double at_s, const char *text)
{
    struct chart_mark *last = list->count ? &list->marks[list->count - 1] : NULL;
    if (last && last->text[0] && at_s - last->at < MARKS_APART * list->span_s) {
        char *words = list->texts[list->count - 1];
        size_t len = strlen(words);
        (void)snprintf(words + len, sizeof(list->texts[0]) - len, ", %s", text);
        list->words_end_s = last->at + LETTER_SHARE * list->span_s * (double)strlen(words);
        return;
    }
    if (list->count < MARKS_MAX) {
        int has_room = at_s >= list->words_end_s;
        char *words = list->texts[list->count];
        (void)snprintf(words, sizeof(list->texts[0]), "%s", text);
        list->marks[list->count++] = (struct chart_mark){at_s, 1, has_room ? words : ""};
        if (has_room) {
            list->words_end_s = at_s + LETTER_SHARE * list->span_s * (double)strlen(words);
        }
    }
}

static void load_marks(const struct run_report *report, struct mark_list *list)
{
    uint64_t begin_ns = report->samples.begin_ns;
    list->span_s = (double)(report->samples.end_ns - begin_ns) * 1e-9;
    for (size_t t = 0; t < report->trial_count; t++) {
        const struct trial *trial = &report->trials[t];
        if (t > 0) {
            char text[32];
            (void)snprintf(text, sizeof(text), "run %zu", t + 1);
            add_mark(list,
                     (double)(zeus_measurement_begin_ns(trial->measurement) - begin_ns) * 1e-9,
                     text);
        }
        for (size_t p = 1; p < trial->phase_count; p++) {
            zeus_measurement *m = trial->phases[p].measurement;
            if (m && zeus_measurement_begin_ns(m) >= begin_ns) {
                add_mark(list, (double)(zeus_measurement_begin_ns(m) - begin_ns) * 1e-9,
                         trial->phases[p].label);
            }
        }
    }
}

int run_trace_chart(const struct run_report *report, int want_temperature, int has_heading,
                    struct strbuf *out)
{
    struct chart_series lines[SERIES_MAX] = {{.name = NULL}};
    char names[SERIES_MAX][80];
    struct mark_list *marks _free_ = mem_calloc(1, sizeof(*marks));
    const struct run_samples *samples = &report->samples;
    size_t n = 0;
    int r = 0;
    if (!marks) {
        return ZEUS_ENOMEM;
    }
    load_marks(report, marks);
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
    const struct chart chart = {.title = has_heading        ? NULL
                                         : want_temperature ? "Temperature"
                                                            : "Power",
                                .x_label = "time (s)",
                                .y_label = want_temperature ? "temperature (°C)" : "power (W)",
                                .height = want_temperature ? 260 : 380,
                                .flags = want_temperature ? 0 : CHART_Y_FROM_ZERO};
    r = n == 0 ? ZEUS_ENOTFOUND : chart_lines(out, &chart, lines, n, marks->marks, marks->count);
    for (size_t i = 0; i < n; i++) {
        free((void *)(uintptr_t)lines[i].x);
    }
    return r;
}

int run_trace_write(const struct run_report *report, FILE *out)
{
    struct strbuf text;
    strbuf_init(&text, PLOT_BYTES);
    int r = run_trace_chart(report, 0, 0, &text);
    if (r == 0) {
        (void)fwrite(strbuf_text(&text), 1, text.len, out);
    }
    strbuf_done(&text);
    return r;
}
