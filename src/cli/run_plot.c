/* SPDX-License-Identifier: Apache-2.0
 *
 * See run_plot.h. The energy under a series is the library's, over all values it held; who checks a
 * report computes it from the samples stored, so that each checks the other.
 */
#include "cli/run_plot.h"

#include <math.h>

#include "base/macro.h"
#include "cli/report_plot.h"

struct comparison {
    const char *why; /* not compared; borrowed */
    double plotted_j;
    int agrees;
};

static size_t series_of(const struct run_report *report, const zeus_energy *energy)
{
    for (size_t i = 0; i < report->samples.count; i++) {
        const struct run_series *series = &report->samples.series[i];
        if (series->info.quantity != ZEUS_SERIES_TEMPERATURE &&
            series->info.device == energy->device && series->info.domain == energy->domain &&
            series->count > 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void fill_plot(const struct run_samples *samples, const struct run_series *series,
                      struct report_plot *plot)
{
    *plot = (struct report_plot){
        .begin_ns = samples->begin_ns,
        .step_ns =
            MAX_OF(MAX_OF(series->info.update_ns, series->info.period_ns), series->bucket_ns),
        .bucket_ns = series->bucket_ns,
        .samples = series->samples,
        .count = series->count,
    };
}

static struct comparison compare(const struct run_report *report, size_t number,
                                 zeus_measurement *window, const zeus_energy *energy)
{
    struct comparison c = {.plotted_j = (double)NAN};
    struct report_plot plot;
    struct report_plot_part part;
    zeus_energy under;
    const uint64_t span_ns[2] = {zeus_measurement_begin_ns(window),
                                 zeus_measurement_end_ns(window)};
    fill_plot(&report->samples, &report->samples.series[number], &plot);
    if (energy->flags & (ZEUS_ENERGY_GAP | ZEUS_ENERGY_SUSPECT)) {
        c.why = "the energy has gaps or is suspect";
    } else if (zeus_timeline_energy(report->timeline, number, span_ns[0], span_ns[1], &under) < 0) {
        c.why = "nothing was plotted then";
    } else {
        report_plot_part(&plot, span_ns, &part);
        c.plotted_j = under.energy_j;
        c.why = report_plot_why_not(&part);
        c.agrees = report_plot_agrees(&part, c.plotted_j, energy->energy_j,
                                      energy->random_j + energy->systematic_j);
    }
    return c;
}

void run_plot_compare(const struct run_report *report, zeus_measurement *window,
                      const zeus_energy *energy, struct json_writer *w)
{
    size_t number = series_of(report, energy);
    if (number == SIZE_MAX) {
        json_null(w);
        return;
    }
    struct comparison c = compare(report, number, window, energy);
    json_begin_object(w);
    json_key_u64(w, "series", number);
    json_key_double(w, "energy_j", c.plotted_j);
    if (c.why) {
        json_key_string(w, "not_compared", c.why);
    } else {
        json_key_bool(w, "agrees", c.agrees);
    }
    json_end_object(w);
}

int run_plot_is_apart(const struct run_report *report, zeus_measurement *window,
                      const zeus_energy *energy, double *ret_plotted_j)
{
    size_t number = series_of(report, energy);
    if (number == SIZE_MAX || isnan(energy->energy_j)) {
        return 0;
    }
    struct comparison c = compare(report, number, window, energy);
    *ret_plotted_j = c.plotted_j;
    return !c.why && !c.agrees;
}

static void put_series(const struct run_report *report, const struct run_series *series,
                       struct json_writer *w)
{
    const zeus_series_info *info = &series->info;
    struct report_plot plot;
    char device[32];
    (void)snprintf(device, sizeof(device), "%s%d", zeus_kind_name(info->device_kind),
                   info->device_index);
    fill_plot(&report->samples, series, &plot);
    json_begin_object(w);
    json_key_string(w, "device", device);
    json_key_string(w, "domain", info->name);
    json_key_string(w, "quantity", zeus_series_name(info->quantity));
    json_key_string(w, "unit", info->quantity == ZEUS_SERIES_TEMPERATURE ? "C" : "W");
    json_key_u64(w, "step_ns", plot.step_ns);
    json_key_u64(w, "bucket_ns", series->bucket_ns);
    json_key_u64(w, "values", series->held);
    json_key_u64(w, "dropped", info->dropped);
    json_key_u64(w, "failures", info->failures);
    json_key(w, "samples");
    json_begin_array(w);
    for (size_t i = 0; i < series->count; i++) {
        const struct run_sample *s = &series->samples[i];
        json_begin_array(w);
        json_u64(w, s->from_ns);
        json_u64(w, s->length_ns);
        json_double(w, s->mean);
        if (series->bucket_ns) {
            json_double(w, s->low);
            json_double(w, s->high);
        }
        json_end_array(w);
    }
    json_end_array(w);
    json_end_object(w);
}

void run_plot_put(const struct run_report *report, struct json_writer *w)
{
    json_key(w, "plots");
    json_begin_object(w);
    json_key_u64(w, "begin_ns", report->samples.begin_ns);
    json_key_u64(w, "end_ns", report->samples.end_ns);
    json_key_u64(w, "left_out", report->samples.left_out);
    json_key(w, "series");
    json_begin_array(w);
    for (size_t i = 0; i < report->samples.count; i++) {
        put_series(report, &report->samples.series[i], w);
    }
    json_end_array(w);
    json_end_object(w);
}
