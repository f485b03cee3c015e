/* SPDX-License-Identifier: Apache-2.0
 *
 * `zeus run --report`: one page that needs nothing else. Its policy forbids every request; what is
 * not ours (command lines, names) passes through svg_escape or the JSON writer with "<" hidden.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "base/mem.h"
#include "cli/report_verify.h"
#include "cli/run_data.h"
#include "cli/run_trace.h"
#include "cli/run_warnings.h"
#include "plot/svg.h"

#define PHASES_SHOWN 100u
#define PAGE_BYTES   (512u << 20)

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<title>Zeus energy report</title>\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;"
    "background:#fff;color:#23282e}\n"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}\n"
    "code,pre{font:.9em ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}\n"
    "pre{background:#f0f2f5;padding:.6rem;border-radius:.3rem}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;width:100%}\n"
    "th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #dde1e6;"
    "vertical-align:top}\n"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    ".warn{border-left:4px solid #c98500;margin-left:0;padding-left:1.8rem}\n"
    ".sum{font-size:1.15rem}.sum b{font-size:1.6rem;font-variant-numeric:tabular-nums}\n"
    ".note{color:#68707a;font-size:.9rem}.wide "
    "table{min-width:46rem}.few "
    "table{min-width:0;width:auto}svg{width:100%;min-width:34rem;height:auto;display:block}\n"
    "@media(prefers-color-scheme:dark){body{background:#15181c;color:#d5dae0}"
    "pre{background:#22262c}th,td{border-color:#333941}.note{color:#949ca6}}\n"
    "@media print{h2,tr,svg{break-inside:avoid}.wide{overflow:visible}}\n"
    "</style></head><body>\n";

static void cell(struct strbuf *out, const char *text)
{
    strbuf_adds(out, "<td>");
    svg_escape(out, text);
    strbuf_adds(out, "</td>");
}

static void cell_j(struct strbuf *out, double value)
{
    if (isnan(value)) {
        strbuf_adds(out, "<td class=\"n\">unknown</td>");
    } else {
        strbuf_addf(out, "<td class=\"n\">%.3f</td>", value);
    }
}

static void put_what(const struct run_report *report, struct strbuf *out)
{
    const struct trial *last = &report->trials[report->trial_count - 1];
    time_t when = (time_t)(zeus_measurement_begin_wall_ns(report->trials[0].measurement) /
                           UINT64_C(1000000000));
    struct tm utc;
    char date[40] = "";
    if (gmtime_r(&when, &utc)) {
        (void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &utc);
    }
    strbuf_adds(out, "<h1>Energy of a run</h1>\n<pre>");
    for (size_t i = 0; report->argv[i]; i++) {
        strbuf_adds(out, i ? "\n  " : "");
        svg_escape(out, report->argv[i]);
    }
    strbuf_addf(out, "</pre>\n<p>Began %s. Exit code %d. %zu run%s, the last took %.3f s. Zeus %s.",
                date, child_exit_code(&last->child), report->trial_count,
                report->trial_count == 1 ? "" : "s", last->time_s, zeus_version());
    strbuf_adds(out, "</p>\n");
}

struct ends {
    const struct run_condition *begin;
    const struct run_condition *end;
};

/* "31 to 58 °C", "58 °C" where both ends are alike, "not known". */
static void cell_ends(struct strbuf *out, const struct ends *e, uint32_t which, double begin,
                      double end, const char *unit)
{
    char text[80] = "not known";
    int is_begin = e->begin && (e->begin->valid & which);
    int is_end = e->end && (e->end->valid & which);
    if (is_begin && is_end && begin != end) {
        (void)snprintf(text, sizeof(text), "%.0f to %.0f\u00a0%s", begin, end, unit);
    } else if (is_end) {
        (void)snprintf(text, sizeof(text), "%.0f\u00a0%s", end, unit);
    }
    cell(out, text);
}

static void cell_words(struct strbuf *out, const struct ends *e, uint32_t which, const char *begin,
                       const char *end)
{
    char text[240] = "not known";
    int is_begin = e->begin && (e->begin->valid & which);
    if (is_begin && strcmp(begin, end) != 0) {
        (void)snprintf(text, sizeof(text), "%s, then %s", begin, end);
    } else if (e->end && (e->end->valid & which)) {
        (void)snprintf(text, sizeof(text), "%s", end);
    }
    cell(out, text);
}

static void put_state(struct strbuf *out, const struct ends *e)
{
    static const struct run_condition none;
    const struct run_condition *a = e->begin ? e->begin : &none;
    const struct run_condition *b = e->end ? e->end : &none;
    char reasons[2][96];
    cell_ends(out, e, RUN_CONDITION_TEMPERATURE, a->temperature_c, b->temperature_c, "°C");
    cell_ends(out, e, RUN_CONDITION_CLOCK, a->graphics_mhz, b->graphics_mhz, "MHz");
    cell_ends(out, e, RUN_CONDITION_LIMIT, a->limit_w, b->limit_w, "W");
    cell_words(out, e, RUN_CONDITION_PERSISTENCE, a->is_persistent ? "on" : "off",
               b->is_persistent ? "on" : "off");
    run_throttle_words(a->throttle, reasons[0], sizeof(reasons[0]));
    run_throttle_words(b->throttle, reasons[1], sizeof(reasons[1]));
    cell_words(out, e, RUN_CONDITION_THROTTLE, reasons[0][0] ? reasons[0] : "none",
               reasons[1][0] ? reasons[1] : "none");
    cell_ends(out, e, RUN_CONDITION_PROCESSES, a->process_count, b->process_count, "");
}

static void put_devices(const struct run_report *report, struct strbuf *out)
{
    strbuf_adds(out, "<h2>Devices</h2>\n<div class=\"wide\"><table><tr><th>Device<th>Name"
                     "<th>Driver<th>Temperature<th>Clock<th>Power limit<th>Persistence"
                     "<th>Held back by<th>Other processes</tr>\n");
    for (uint32_t i = 0; i < zeus_session_all_count(report->session); i++) {
        zeus_device_info info;
        char text[120];
        if (zeus_device_get_info(zeus_session_all(report->session, i), &info) < 0) {
            continue;
        }
        const struct run_conditions *c = report->conditions;
        const struct ends e = {c[0].devices ? &c[0].devices[i] : NULL,
                               c[1].devices ? &c[1].devices[i] : NULL};
        (void)snprintf(text, sizeof(text), "%s%d%s", zeus_kind_name(info.kind), info.index,
                       info.flags & ZEUS_DEVICE_SIMULATED ? " (simulated)" : "");
        strbuf_adds(out, "<tr>");
        cell(out, text);
        cell(out, info.name);
        (void)snprintf(text, sizeof(text), "%s %s", info.backend, info.driver);
        cell(out, text);
        put_state(out, &e);
        strbuf_adds(out, "</tr>\n");
    }
    strbuf_adds(
        out, "</table></div>\n<p class=\"note\">Before the first run to after the last; one "
             "value where both are alike. What happened in between is among the warnings.</p>\n");
}

static int put_warnings(const struct run_report *report, struct strbuf *out)
{
    struct run_warnings *warnings _free_ = mem_calloc(1, sizeof(*warnings));
    if (!warnings) {
        return ZEUS_ENOMEM;
    }
    run_warnings_find(report, warnings);
    strbuf_adds(out, warnings->count ? "<h2>Warnings</h2>\n<ul class=\"warn\">\n"
                                     : "<p class=\"note\">No warnings.</p>\n");
    for (size_t i = 0; i < warnings->count; i++) {
        strbuf_adds(out, "<li>");
        svg_escape(out, warnings->items[i].text);
        strbuf_adds(out, "</li>\n");
    }
    if (warnings->left_out > 0) {
        strbuf_addf(out, "<li>%zu more.</li>\n", warnings->left_out);
    }
    strbuf_adds(out, warnings->count ? "</ul>\n" : "");
    return 0;
}

/* The result in one line. */
static void put_headline(const struct run_report *report, const struct run_row *rows, size_t count,
                         struct strbuf *out)
{
    if (count == 0 || isnan(rows[count - 1].mean_j)) {
        return;
    }
    const struct run_row *total = &rows[count - 1];
    report_headline_begin(out, total->mean_j);
    strbuf_addf(out, " &plusmn; %.3f random &plusmn; %.3f systematic, %s of %s</p>\n",
                total->random_j, total->systematic_j, report->trial_count > 1 ? "mean" : "total",
                report->trial_count > 1 ? "the runs' totals" : "all places");
}

static void put_rows(const struct run_report *report, const struct run_row *rows, size_t count,
                     struct strbuf *out)
{
    int has_idle = report->idle->seconds > 0;
    strbuf_adds(out, "<h2>Energy</h2>\n<div class=\"wide\"><table><tr><th>Place<th class=\"n\">"
                     "Joules<th class=\"n\">&plusmn; random<th class=\"n\">&plusmn; systematic"
                     "");
    strbuf_adds(out, has_idle ? "<th class=\"n\">Above idle" : "");
    strbuf_adds(out, "<th>Source<th>Notes</tr>\n");
    for (size_t i = 0; i < count; i++) {
        const struct run_row *row = &rows[i];
        report_row_begin(out, row->label, row->mean_j);
        cell_j(out, row->random_j);
        cell_j(out, row->systematic_j);
        if (has_idle) {
            cell_j(out, row->net_j);
        }
        strbuf_adds(out, "<td>");
        svg_escape(out, row->first.name[0] ? zeus_source_name(row->first.source) : "sum");
        if (row->first.sensor_class[0]) {
            strbuf_adds(out, ", ");
            svg_escape(out, row->first.sensor_class);
        }
        strbuf_adds(out, "</td><td>");
        const char *between = "";
        for (uint32_t bit = 0; bit < 32; bit++) {
            const char *name = row->flags & (1u << bit) ? zeus_energy_flag_name(1u << bit) : NULL;
            if (name) {
                strbuf_adds(out, between);
                svg_escape(out, name);
                between = ", ";
            }
        }
        strbuf_adds(out, row->reason[0] ? ": " : "");
        svg_escape(out, row->reason);
        strbuf_adds(out, "</td></tr>\n");
    }
    strbuf_adds(out, "</table></div>\n<p class=\"note\">Random: half width of the 95&nbsp;% "
                     "interval. Systematic: bound of the sensor's gain and offset error, which "
                     "repeating does not shrink.");
    if (has_idle) {
        strbuf_addf(out, " Idle power was measured for %.1f s before the first run.",
                    report->idle->seconds);
    }
    strbuf_adds(out, "</p>\n");
}

/* Phases of the last run. */
static void put_phases(const struct run_report *report, struct strbuf *out)
{
    const struct trial *last = &report->trials[report->trial_count - 1];
    if (last->phase_count == 0) {
        return;
    }
    strbuf_adds(out, "<h2>Phases of the last run</h2>\n<div class=\"wide few\"><table><tr><th>Phase"
                     "<th class=\"n\">Seconds<th class=\"n\">Joules<th class=\"n\">&plusmn; random"
                     "<th class=\"n\">Watts</tr>\n");
    for (size_t i = 0; i < MIN_OF(last->phase_count, PHASES_SHOWN); i++) {
        zeus_measurement *m = last->phases[i].measurement;
        zeus_total total = {.energy_j = (double)NAN, .random_j = (double)NAN};
        if (!m || zeus_measurement_total(m, &total) < 0) {
            continue;
        }
        double time_s = zeus_measurement_time_s(m);
        strbuf_adds(out, "<tr>");
        cell(out, last->phases[i].label);
        cell_j(out, time_s);
        cell_j(out, total.energy_j);
        cell_j(out, total.random_j);
        cell_j(out, time_s > 0 ? total.energy_j / time_s : (double)NAN);
        strbuf_adds(out, "</tr>\n");
    }
    strbuf_adds(out, "</table></div>\n");
    if (last->phase_count > PHASES_SHOWN || last->phases_dropped > 0) {
        strbuf_addf(out, "<p class=\"note\">%zu more are in the data of this file",
                    last->phase_count > PHASES_SHOWN ? last->phase_count - PHASES_SHOWN : 0);
        strbuf_addf(out, "; %zu were not kept.</p>\n", last->phases_dropped);
    }
}

static void put_share(const char *name, const struct trial_shares *shares, struct strbuf *out)
{
    if (shares->is_known) {
        strbuf_adds(out, "<tr>");
        cell(out, name);
        strbuf_addf(out,
                    "<td class=\"n\">%.1f %%<td class=\"n\">%.1f %%<td class=\"n\">%.1f %%</tr>\n",
                    shares->program * 100, shares->others * 100, shares->unattributed * 100);
    }
}

/* Whose energy it was, as far as that can be estimated. */
static void put_shares(const struct run_report *report, struct strbuf *out)
{
    const struct trial *last = &report->trials[report->trial_count - 1];
    strbuf_adds(out,
                "<h2>Whose energy (estimates)</h2>\n<div class=\"wide few\"><table><tr><th>Device"
                "<th class=\"n\">The program<th class=\"n\">Others"
                "<th class=\"n\">Nobody</tr>\n");
    put_share("cpus", &last->cpu, out);
    for (uint32_t i = 0; i < last->gpu_count; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "gpu%u", i);
        put_share(name, &last->gpus[i], out);
    }
    strbuf_adds(out, "</table></div>\n<p class=\"note\">By CPU time, and by the processes seen on "
                     "each GPU twice a second, of the last run. Nobody's is what idles.</p>\n");
}

/* "<" only occurs inside strings of JSON, where it can be spelled so that no tag ends the data. */
static void put_data(const struct strbuf *data, struct strbuf *out)
{
    strbuf_adds(out, REPORT_DATA_BEGIN);
    for (size_t i = 0; i < data->len; i++) {
        if (data->data[i] == '<') {
            strbuf_adds(out, "\\u003c");
        } else {
            strbuf_addc(out, data->data[i]);
        }
    }
    strbuf_adds(out, REPORT_DATA_END "\n");
}

static int build_page(const struct run_report *report, const struct strbuf *data,
                      struct strbuf *out)
{
    struct run_row *rows _free_ = NULL;
    size_t count = 0;
    int r = run_report_rows(report, &rows, &count);
    if (r < 0) {
        return r;
    }
    strbuf_adds(out, head);
    put_what(report, out);
    put_headline(report, rows, count, out);
    put_rows(report, rows, count, out);
    put_phases(report, out);
    r = put_warnings(report, out);
    if (r < 0) {
        return r;
    }
    for (int is_temperature = 0; is_temperature < 2; is_temperature++) {
        strbuf_adds(out, is_temperature ? "<h2>Temperature</h2>\n" : "<h2>Power</h2>\n");
        strbuf_adds(out, "<div class=\"wide\">");
        r = run_trace_chart(report, is_temperature, 1, out);
        strbuf_adds(out, "</div>\n");
        strbuf_adds(out, r == 0 ? "" : "<p class=\"note\">nothing was sampled</p>\n");
        if (r < 0 && r != ZEUS_ENOTFOUND) {
            return r;
        }
    }
    put_shares(report, out);
    put_devices(report, out);
    strbuf_adds(out, "<p class=\"note\">The raw readings around both ends of each measurement are "
                     "part of this file; <code>zeus report verify FILE</code> recomputes the "
                     "joules from them.</p>\n");
    put_data(data, out);
    strbuf_adds(out, "</body></html>\n");
    strbuf_addf(out, REPORT_SEAL "%016" PRIx64 " -->\n", report_seal(strbuf_text(out), out->len));
    return strbuf_status(out);
}

int run_html_write(const struct run_report *report, FILE *out)
{
    struct strbuf data;
    struct strbuf page;
    strbuf_init(&data, PAGE_BYTES);
    strbuf_init(&page, PAGE_BYTES);
    int r = run_data_build(report, &data);
    r = r < 0 ? r : build_page(report, &data, &page);
    if (r == 0) {
        (void)fwrite(strbuf_text(&page), 1, page.len, out);
    }
    strbuf_done(&data);
    strbuf_done(&page);
    return r;
}
