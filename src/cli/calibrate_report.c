/* SPDX-License-Identifier: Apache-2.0
 *
 * The two forms of a calibration's result.
 */
#include "cli/calibrate_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <zeus/device.h>

#include "base/strbuf.h"
#include "codec/json_writer.h"

#define TEXT_MOST  (4u << 20)
#define CLASS_SIZE 48
#define MS         1e-6

/* One line: who, what was found, what the table says. */
struct line {
    zeus_device_info device;
    zeus_calibration_entry standard;
    char sensor_class[CLASS_SIZE];
    const zeus_calibrate_result *result;
};

static void look_up(const struct calibrate_report *report, size_t i, struct line *line)
{
    *line = (struct line){.result = &report->results[i]};
    (void)!zeus_device_get_info(zeus_session_all(report->session, report->targets[i].device),
                                &line->device); /* it was there when the target was chosen */
    (void)!zeus_calibrate_class(report->session, &report->targets[i], &line->standard,
                                line->sensor_class);
}

/* "24.47 +/- 0.49": as many decimals as the uncertainty deserves. */
static void put_measured(char *out, size_t size, uint64_t value_ns, uint64_t error_ns)
{
    double error_ms = (double)error_ns * MS;
    int decimals = error_ms >= 10 ? 0 : error_ms >= 1 ? 1 : error_ms >= 0.1 ? 2 : 3;
    (void)snprintf(out, size, "%.*f +/- %.*f", decimals, (double)value_ns * MS, decimals, error_ms);
}

static void put_standard(char *out, size_t size, const zeus_calibration_entry *entry)
{
    int has_period = (entry->valid & ZEUS_CALIBRATED_PERIOD) != 0;
    if (!has_period) {
        (void)snprintf(out, size, "-");
    } else if (!(entry->valid & ZEUS_CALIBRATED_RESPONSE)) {
        (void)snprintf(out, size, "%g", (double)entry->period_ns * MS);
    } else if (entry->response == ZEUS_RESPONSE_RC) {
        (void)snprintf(out, size, "%g / rc %g", (double)entry->period_ns * MS,
                       (double)entry->tau_ns * MS);
    } else {
        (void)snprintf(out, size, "%g / %g", (double)entry->period_ns * MS,
                       (double)entry->window_ns * MS);
    }
}

static int is_off(uint64_t value_ns, uint64_t error_ns, uint64_t standard_ns)
{
    double off_ns = fabs((double)value_ns - (double)standard_ns);
    return off_ns > 3 * (double)error_ns && off_ns > 0.05 * (double)standard_ns;
}

/* Whether the device is not what its class says. */
static int differs(const zeus_calibration_entry *found, const zeus_calibration_entry *standard)
{
    uint32_t both = found->valid & standard->valid;
    int is_rc = found->response == ZEUS_RESPONSE_RC;
    if (both & ZEUS_CALIBRATED_PERIOD &&
        is_off(found->period_ns, found->period_error_ns, standard->period_ns)) {
        return 1;
    }
    if (!(both & ZEUS_CALIBRATED_RESPONSE)) {
        return 0;
    }
    return found->response != standard->response ||
           (is_rc ? is_off(found->tau_ns, found->tau_error_ns, standard->tau_ns)
                  : is_off(found->window_ns, found->window_error_ns, standard->window_ns));
}

static void print_line(const struct line *line)
{
    const zeus_calibration_entry *entry = &line->result->entry;
    char who[160];
    char period[48] = "-";
    char window[64] = "-";
    char lag[48] = "-";
    char standard[64];
    (void)snprintf(who, sizeof who, "%s%d %s %s", zeus_kind_name(line->device.kind),
                   line->device.index, entry->domain, zeus_calibrate_field_name(entry->field));
    if (line->result->code < 0) {
        (void)printf("%-28s  %s\n", who, line->result->reason);
        return;
    }
    put_measured(period, sizeof period, entry->period_ns, entry->period_error_ns);
    if (entry->valid & ZEUS_CALIBRATED_RESPONSE) {
        int is_rc = entry->response == ZEUS_RESPONSE_RC;
        size_t head = is_rc ? 3 : 0;
        (void)snprintf(window, sizeof window, "%s", is_rc ? "rc " : "");
        put_measured(window + head, sizeof window - head, is_rc ? entry->tau_ns : entry->window_ns,
                     is_rc ? entry->tau_error_ns : entry->window_error_ns);
        put_measured(lag, sizeof lag, entry->lag_ns, entry->lag_error_ns);
    }
    put_standard(standard, sizeof standard, &line->standard);
    (void)printf("%-28s  %-18s  %-18s  %-15s  %s%s (%s)\n", who, period, window, lag,
                 differs(entry, &line->standard) ? "* " : "", standard, line->sensor_class);
}

int calibrate_report_text(const struct calibrate_report *report)
{
    int has_difference = 0;
    size_t good = 0;
    (void)printf("%-28s  %-18s  %-18s  %-15s  %s\n", "field", "update, ms", "window, ms", "lag, ms",
                 "table of classes, ms");
    for (size_t i = 0; i < report->count; i++) {
        struct line line;
        look_up(report, i, &line);
        print_line(&line);
        good += line.result->code == 0;
        has_difference |= line.result->code == 0 && differs(&line.result->entry, &line.standard);
    }
    if (has_difference) {
        (void)printf("* not what the table of classes says\n");
    }
    if (!report->load_command) {
        (void)printf("without --load-cmd: averaging windows and lags do not show\n");
    }
    if (report->stored_in[0]) {
        (void)printf("%zu entries stored in %s\n", good, report->stored_in);
    } else if (report->is_dry_run) {
        (void)printf("nothing stored (--dry-run)\n");
    }
    return fflush(stdout) == 0 ? 0 : ZEUS_EIO;
}

static void put_numbers(struct json_writer *w, const zeus_calibration_entry *entry, int has_errors)
{
    const struct {
        const char *key;
        const char *error_key;
        uint64_t value_ns;
        uint64_t error_ns;
        uint32_t valid;
    } numbers[] = {
        {entry->field == ZEUS_CALIBRATE_COUNTER ? "tick_s" : "update_s",
         entry->field == ZEUS_CALIBRATE_COUNTER ? "tick_error_s" : "update_error_s",
         entry->period_ns, entry->period_error_ns, ZEUS_CALIBRATED_PERIOD},
        {entry->response == ZEUS_RESPONSE_RC ? "tau_s" : "window_s",
         entry->response == ZEUS_RESPONSE_RC ? "tau_error_s" : "window_error_s",
         entry->response == ZEUS_RESPONSE_RC ? entry->tau_ns : entry->window_ns,
         entry->response == ZEUS_RESPONSE_RC ? entry->tau_error_ns : entry->window_error_ns,
         ZEUS_CALIBRATED_RESPONSE},
        {"lag_s", "lag_error_s", entry->lag_ns, entry->lag_error_ns, ZEUS_CALIBRATED_RESPONSE},
    };
    if (entry->valid & ZEUS_CALIBRATED_RESPONSE) {
        json_key_string(w, "response", zeus_response_name(entry->response));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (entry->valid & numbers[i].valid) {
            json_key_double(w, numbers[i].key, (double)numbers[i].value_ns * 1e-9);
        }
        if (entry->valid & numbers[i].valid && has_errors) {
            json_key_double(w, numbers[i].error_key, (double)numbers[i].error_ns * 1e-9);
        }
    }
}

static void put_line(struct json_writer *w, const struct line *line)
{
    const zeus_calibration_entry *entry = &line->result->entry;
    json_begin_object(w);
    json_key_string(w, "kind", zeus_kind_name(line->device.kind));
    json_key_i64(w, "index", line->device.index);
    json_key_string(w, "device", entry->device);
    json_key_string(w, "name", entry->device_name);
    json_key_string(w, "driver", entry->driver);
    json_key_string(w, "domain", entry->domain);
    json_key_string(w, "field", zeus_calibrate_field_name(entry->field));
    json_key_string(w, "date", entry->date);
    json_key_string(w, "method", entry->method);
    json_key_u64(w, "reads", line->result->reads);
    json_key_u64(w, "changes", line->result->changes);
    if (line->result->code < 0) {
        json_key_string(w, "error", zeus_error_id(line->result->code));
        json_key_string(w, "reason", line->result->reason);
    }
    put_numbers(w, entry, 1);
    if (entry->valid & ZEUS_CALIBRATED_RESPONSE) {
        json_key_double(w, "explained", entry->explained);
    }
    json_key(w, "class");
    json_begin_object(w);
    json_key_string(w, "name", line->sensor_class);
    put_numbers(w, &line->standard, 0);
    json_end_object(w);
    json_key_bool(w, "differs", line->result->code == 0 && differs(entry, &line->standard));
    json_end_object(w);
}

int calibrate_report_json(const struct calibrate_report *report)
{
    struct strbuf out CLEANUP(strbuf_done);
    struct json_writer w;
    strbuf_init(&out, TEXT_MOST);
    json_writer_init(&w, &out, 2);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.calibrate/1");
    json_key(&w, "load");
    if (report->load_command) {
        json_string(&w, report->load_command);
    } else {
        json_null(&w);
    }
    json_key(&w, "stored_in");
    if (report->stored_in[0]) {
        json_string(&w, report->stored_in);
    } else {
        json_null(&w);
    }
    json_key(&w, "fields");
    json_begin_array(&w);
    for (size_t i = 0; i < report->count; i++) {
        struct line line;
        look_up(report, i, &line);
        put_line(&w, &line);
    }
    json_end_array(&w);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        (void)puts(strbuf_text(&out));
    }
    return r < 0 ? r : fflush(stdout) == 0 ? 0 : ZEUS_EIO;
}
