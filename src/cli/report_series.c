/* SPDX-License-Identifier: Apache-2.0
 *
 * The plotted series of a report. See report_file.h.
 */
#include <math.h>
#include <stdlib.h>

#include "cli/report_file.h"

#define NS_MAX (UINT64_C(1) << 60) /* 36 years: sums of a few do not overflow */

/* Samples being read; a plot borrows them once they are whole. */
struct sample_list {
    struct run_sample *items; /* owned */
    size_t count;
    size_t room;
};

/* [from_ns, length_ns, mean] or, of stretches, [..., low, high]. */
static int read_sample(struct json_reader *r, struct sample_list *list)
{
    struct run_sample s = {.low = (double)NAN};
    int code = report_read_whole(r, &s.from_ns);
    code = code ? code : report_read_whole(r, &s.length_ns);
    code = code ? code : report_read_number(r, &s.mean);
    if (code < 0 || s.from_ns > NS_MAX || s.length_ns > NS_MAX || isnan(s.mean)) {
        return ZEUS_EPARSE;
    }
    s.low = s.high = s.mean;
    int t = json_next(r);
    if (t == JSON_NUMBER) {
        code = json_get_double(r, &s.low);
        code = code ? code : report_read_number(r, &s.high);
        t = json_next(r);
    }
    const struct run_sample *last = list->count ? &list->items[list->count - 1] : NULL;
    int is_later = !last || s.from_ns >= last->from_ns + last->length_ns;
    int is_sane = s.low <= s.mean + REPORT_SAMPLE_STEP && s.mean <= s.high + REPORT_SAMPLE_STEP;
    if (code < 0 || t != JSON_ARRAY_END || !is_later || !is_sane) {
        return ZEUS_EPARSE;
    }
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 256;
        void *more = realloc(list->items, room * sizeof(*list->items));
        if (!more) {
            return ZEUS_ENOMEM;
        }
        list->items = more;
        list->room = room;
    }
    list->items[list->count++] = s;
    return 0;
}

static int read_samples(struct json_reader *r, struct report_plot *plot)
{
    struct sample_list list = {.count = 0};
    int code = json_next(r) == JSON_ARRAY_BEGIN && !plot->samples ? 0 : ZEUS_EPARSE;
    int t = code < 0 ? code : json_next(r);
    while (code == 0 && t == JSON_ARRAY_BEGIN) {
        code = list.count < RUN_SAMPLES_MAX ? read_sample(r, &list) : ZEUS_EPARSE;
        t = code < 0 ? code : json_next(r);
    }
    if (code < 0 || t != JSON_ARRAY_END) {
        free(list.items);
        return code == ZEUS_ENOMEM ? code : ZEUS_EPARSE;
    }
    plot->samples = list.items;
    plot->count = list.count;
    return 0;
}

static int read_plot(struct json_reader *r, struct report_plot *plot)
{
    unsigned seen = 0;
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "step_ns")) {
            code = report_read_whole(r, &plot->step_ns);
            seen |= 1;
        } else if (json_is(r, "bucket_ns")) {
            code = report_read_whole(r, &plot->bucket_ns);
            seen |= 2;
        } else if (json_is(r, "samples")) {
            code = read_samples(r, plot);
            seen |= 4;
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return code == ZEUS_ENOMEM ? code : ZEUS_EPARSE;
        }
    }
    int is_sane = plot->step_ns < NS_MAX && plot->bucket_ns < NS_MAX;
    return t == JSON_OBJECT_END && seen == 7 && is_sane ? 0 : ZEUS_EPARSE;
}

static int read_list(struct json_reader *r, struct report_file *file)
{
    int t = json_next(r);
    if (t != JSON_ARRAY_BEGIN || file->plots) {
        return ZEUS_EPARSE;
    }
    file->plots = calloc(RUN_SERIES_MAX, sizeof(*file->plots));
    if (!file->plots) {
        return ZEUS_ENOMEM;
    }
    for (t = json_next(r); t == JSON_OBJECT_BEGIN; t = json_next(r)) {
        int code = file->plot_count < RUN_SERIES_MAX
                       ? read_plot(r, &file->plots[file->plot_count++])
                       : ZEUS_EPARSE;
        if (code < 0) {
            return code;
        }
    }
    return t == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}

int report_read_plots(struct json_reader *r, struct report_file *file)
{
    uint64_t begin_ns = 0;
    unsigned seen = 0;
    int t = json_next(r) == JSON_OBJECT_BEGIN ? json_next(r) : ZEUS_EPARSE;
    for (; t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "begin_ns")) {
            code = report_read_whole(r, &begin_ns);
            seen |= 1;
        } else if (json_is(r, "series")) {
            code = read_list(r, file);
            seen |= 2;
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return code == ZEUS_ENOMEM ? code : ZEUS_EPARSE;
        }
    }
    for (size_t i = 0; i < file->plot_count; i++) {
        file->plots[i].begin_ns = begin_ns;
    }
    return t == JSON_OBJECT_END && seen == 3 && begin_ns < NS_MAX ? 0 : ZEUS_EPARSE;
}
