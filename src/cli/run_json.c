/* SPDX-License-Identifier: Apache-2.0
 *
 * The result of `zeus run` for machines: JSON (docs/json.md) and CSV, one line a trial and place.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/stats.h>

#include "base/fmt.h"
#include "base/mem.h"
#include "cli/run_report.h"
#include "codec/json_writer.h"

static void put_shares(struct json_writer *w, const struct trial_shares *shares)
{
    if (!shares->is_known) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key_double(w, "program", shares->program);
    json_key_double(w, "others", shares->others);
    json_key_double(w, "unattributed", shares->unattributed);
    json_end_object(w);
}

static void put_measurement(struct json_writer *w, zeus_measurement *measurement)
{
    const char *text = NULL;
    if (measurement && zeus_measurement_json(measurement, 0, &text) == 0) {
        json_raw(w, text);
    } else {
        json_null(w);
    }
}

static void put_trial(struct json_writer *w, const struct trial *trial)
{
    json_begin_object(w);
    json_key_i64(w, "exit_code", child_exit_code(&trial->child));
    json_key_double(w, "user_s", trial->child.user_s);
    json_key_double(w, "system_s", trial->child.system_s);
    json_key_i64(w, "max_rss_kib", trial->child.max_rss_kib);
    json_key(w, "measurement");
    put_measurement(w, trial->measurement);
    json_key(w, "estimated_shares");
    json_begin_object(w);
    json_key_string(w, "cpu_key", "CPU time of the program and its children");
    json_key(w, "cpu");
    put_shares(w, &trial->cpu);
    json_key_string(w, "gpu_key", "processes seen on the GPU, twice a second");
    json_key(w, "gpus");
    json_begin_array(w);
    for (uint32_t i = 0; i < trial->gpu_count; i++) {
        put_shares(w, &trial->gpus[i]);
    }
    json_end_array(w);
    json_end_object(w);
    json_key(w, "phases");
    json_begin_array(w);
    for (size_t i = 0; i < trial->phase_count; i++) {
        json_begin_object(w);
        json_key_string(w, "label", trial->phases[i].label);
        json_key(w, "measurement");
        put_measurement(w, trial->phases[i].measurement);
        json_end_object(w);
    }
    json_end_array(w);
    json_key_u64(w, "phases_dropped", trial->phases_dropped);
    json_end_object(w);
}

static void put_row(struct json_writer *w, const struct run_row *row)
{
    json_begin_object(w);
    json_key_string(w, "label", row->label);
    json_key_u64(w, "count", row->count);
    json_key_double(w, "energy_j", row->mean_j); /* null when unknown */
    json_key(w, "uncertainty_j");
    json_begin_object(w);
    json_key_double(w, "random", row->random_j);
    json_key_double(w, "systematic", row->systematic_j);
    json_end_object(w);
    json_key_double(w, "above_idle_j", row->net_j);
    json_key_string(w, "source", zeus_source_name(row->first.source));
    json_key_string(w, "sensor_class", row->first.sensor_class);
    json_key(w, "flags");
    json_begin_array(w);
    for (uint32_t bit = 0; bit < 32; bit++) {
        const char *name = row->flags & (1u << bit) ? zeus_energy_flag_name(1u << bit) : NULL;
        if (name) {
            json_string(w, name);
        }
    }
    json_end_array(w);
    json_key_string(w, "reason", row->reason);
    json_end_object(w);
}

static void put_summary(struct json_writer *w, const struct run_report *report,
                        const struct run_row *rows, size_t count)
{
    json_key(w, "summary");
    json_begin_object(w);
    double *times_s _free_ = mem_calloc(report->trial_count, sizeof(*times_s));
    zeus_summary s = {0};
    for (size_t t = 0; times_s && t < report->trial_count; t++) {
        times_s[t] = report->trials[t].time_s;
    }
    zeus_summarize(times_s, times_s ? report->trial_count : 0, &s);
    json_key(w, "time_s");
    json_begin_object(w);
    json_key_double(w, "mean", s.mean);
    json_key_double(w, "sd", s.sd);
    json_key_double(w, "ci95", s.ci95);
    json_end_object(w);
    json_key(w, "energy");
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        put_row(w, &rows[i]);
    }
    json_end_array(w);
    json_end_object(w);
}

int run_report_json(const struct run_report *report, struct strbuf *out)
{
    struct run_row *rows _free_ = NULL;
    size_t count = 0;
    int r = run_report_rows(report, &rows, &count);
    if (r < 0) {
        return r;
    }
    struct json_writer w;
    json_writer_init(&w, out, 2);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.run/1");
    json_key_string(&w, "version", zeus_version());
    json_key(&w, "command");
    json_begin_array(&w);
    for (size_t i = 0; report->argv[i]; i++) {
        json_string(&w, report->argv[i]);
    }
    json_end_array(&w);
    json_key_u64(&w, "warmups", report->warmups);
    json_key_u64(&w, "repeats_asked", report->asked);
    json_key_double(&w, "idle_s", report->idle->seconds);
    put_summary(&w, report, rows, count);
    json_key(&w, "trials");
    json_begin_array(&w);
    for (size_t t = 0; t < report->trial_count; t++) {
        put_trial(&w, &report->trials[t]);
    }
    json_end_array(&w);
    json_end_object(&w);
    return json_writer_finish(&w);
}

/* A number as CSV wants it: shortest text, empty when unknown. */
static const char *number(char *out, double value)
{
    if (isnan(value)) {
        return "";
    }
    (void)fmt_double(out, value);
    return out;
}

int run_report_csv(const struct run_report *report, FILE *out)
{
    (void)fputs("trial,device,domain,time_s,energy_j,random_j,systematic_j,source,sensor_class,"
                "exit_code\n",
                out);
    for (size_t t = 0; t < report->trial_count; t++) {
        const struct trial *trial = &report->trials[t];
        for (size_t i = 0; i < zeus_measurement_count(trial->measurement); i++) {
            zeus_energy e;
            if (zeus_measurement_get(trial->measurement, i, &e) < 0) {
                continue;
            }
            char time_s[FMT_DOUBLE_SIZE];
            char energy_j[FMT_DOUBLE_SIZE];
            char random_j[FMT_DOUBLE_SIZE];
            char systematic_j[FMT_DOUBLE_SIZE];
            (void)fprintf(
                out, "%zu,%s%d,\"%s\",%s,%s,%s,%s,%s,%s,%d\n", t, zeus_kind_name(e.device_kind),
                e.device_index, e.name, number(time_s, trial->time_s), number(energy_j, e.energy_j),
                number(random_j, e.random_j), number(systematic_j, e.systematic_j),
                zeus_source_name(e.source), e.sensor_class, child_exit_code(&trial->child));
        }
    }
    return ferror(out) ? ZEUS_EIO : 0;
}
