/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of a node: read live, described in a recording's head, rebuilt from one.
 */
#include "cli/node_frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

#define WATCH_WINDOW  "zeus.watch"
#define POWER_SPAN_NS 1000000000u /* power is the mean of the last second */

const char *const node_column_names[NODE_COLUMNS] = {
    "power_mw", "power_band_mw", "energy_mj",  "energy_band_mj", "temperature_c",
    "limit_mw", "gpu_pct",       "memory_pct", "core_mhz",       "memory_mhz",
};

int node_watch_start(struct node_watch *watch, zeus_session *session, zeus_monitor *monitor,
                     zeus_error *err)
{
    *watch = (struct node_watch){session, monitor, zeus_monitor_now_ns(monitor)};
    return zeus_monitor_begin_window(monitor, WATCH_WINDOW, ZEUS_WINDOW_NO_SYNC, err);
}

static int64_t milli(double value)
{
    return isnan(value) || fabs(value) > 1e15 ? NODE_UNKNOWN : (int64_t)llround(value * 1000);
}

static void label_row(const struct node_watch *watch, const zeus_energy *e, struct node_row *row)
{
    zeus_device_info info = {0};
    zeus_device *dev = zeus_session_all(watch->session, e->device);
    if (zeus_device_get_info(dev, &info) == 0) {
        (void)snprintf(row->name, sizeof(row->name), "%s", info.name);
    }
    int is_board = e->domain_kind == ZEUS_DOMAIN_GPU;
    (void)snprintf(row->label, sizeof(row->label), "%s%d%s%.20s", zeus_kind_name(e->device_kind),
                   e->device_index, is_board ? "" : " ", is_board ? "" : e->name);
    row->is_summed = !(e->flags & ZEUS_ENERGY_CONTAINED);
}

/* What belongs to the device and not to one of its domains. */
static void read_device(const struct node_watch *watch, const zeus_energy *e, int64_t *cells)
{
    zeus_device *dev = zeus_session_all(watch->session, e->device);
    zeus_power_limits limits;
    zeus_activity activity;
    int32_t temperature_c = 0;
    if (e->domain != 0) {
        return; /* told once, in the row of the device's first domain */
    }
    if (zeus_device_read_temperature(dev, &temperature_c) == 0) {
        cells[NODE_TEMPERATURE_C] = temperature_c;
    }
    if (zeus_device_read_power_limits(dev, &limits) == 0) {
        cells[NODE_LIMIT_MW] = (int64_t)(limits.current_uw / 1000);
    }
    if (zeus_device_read_activity(dev, &activity) < 0) {
        return;
    }
    const struct {
        uint32_t bit;
        enum node_column column;
        uint32_t value;
    } parts[] = {
        {ZEUS_ACTIVITY_GPU_LOAD, NODE_GPU_PCT, activity.gpu_pct},
        {ZEUS_ACTIVITY_MEMORY_LOAD, NODE_MEMORY_PCT, activity.memory_pct},
        {ZEUS_ACTIVITY_GRAPHICS_CLOCK, NODE_CORE_MHZ, activity.graphics_mhz},
        {ZEUS_ACTIVITY_MEMORY_CLOCK, NODE_MEMORY_MHZ, activity.memory_mhz},
    };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (activity.valid & parts[i].bit) {
            cells[parts[i].column] = parts[i].value;
        }
    }
}

static int make_rows(struct node_frame *frame, size_t count)
{
    if (count > NODE_ROWS_MAX) {
        return ZEUS_ELIMIT;
    }
    frame->rows = mem_calloc(count, sizeof(*frame->rows));
    frame->count = frame->rows ? count : 0;
    return frame->rows ? 0 : ZEUS_ENOMEM;
}

static void fill_row(struct node_watch *watch, zeus_measurement *since, zeus_measurement *last,
                     size_t i, struct node_row *row)
{
    zeus_energy total;
    zeus_energy recent;
    for (size_t c = 0; c < NODE_COLUMNS; c++) {
        row->cells[c] = NODE_UNKNOWN;
    }
    if (zeus_measurement_get(since, i, &total) < 0) {
        return;
    }
    if (!row->label[0]) {
        label_row(watch, &total, row);
    }
    row->cells[NODE_ENERGY_MJ] = milli(total.energy_j);
    row->cells[NODE_ENERGY_BAND_MJ] = milli(total.random_j + total.systematic_j);
    if (last && zeus_measurement_get(last, i, &recent) == 0 && recent.covered_s > 0) {
        row->cells[NODE_POWER_MW] = milli(recent.energy_j / recent.covered_s);
        row->cells[NODE_POWER_BAND_MW] =
            milli((recent.random_j + recent.systematic_j) / recent.covered_s);
    }
    read_device(watch, &total, row->cells);
}

int node_frame_read(struct node_watch *watch, struct node_frame *frame, zeus_error *err)
{
    zeus_measurement *since _zeus_measurement_free_ = NULL;
    zeus_measurement *last _zeus_measurement_free_ = NULL;
    int r = zeus_monitor_estimate_window(watch->monitor, WATCH_WINDOW, &since, err);
    if (r < 0) {
        return r;
    }
    uint64_t now_ns = zeus_measurement_end_ns(since);
    uint64_t from_ns = MAX_OF(now_ns - POWER_SPAN_NS, watch->start_ns);
    if (zeus_monitor_measure_between(watch->monitor, from_ns, now_ns, &last, NULL) < 0) {
        last = NULL; /* then the power is unknown and shown so */
    }
    if (!frame->rows) {
        r = make_rows(frame, zeus_measurement_count(since));
        if (r < 0) {
            return err_set(err, r, "cannot make the table: %s", zeus_strerror(r));
        }
        frame->start_wall_s = (double)zeus_monitor_wall_ns(watch->monitor, watch->start_ns) / 1e9;
        zeus_device_info info;
        for (uint32_t i = 0; i < zeus_session_all_count(watch->session); i++) {
            frame->is_simulated |=
                zeus_device_get_info(zeus_session_all(watch->session, i), &info) == 0 &&
                (info.flags & ZEUS_DEVICE_SIMULATED) != 0;
        }
    }
    frame->time_s = (double)(now_ns - watch->start_ns) / 1e9;
    for (size_t i = 0; i < frame->count; i++) {
        fill_row(watch, since, last, i, &frame->rows[i]);
    }
    return 0;
}

void node_frame_done(struct node_frame *frame)
{
    free(frame->rows);
    *frame = (struct node_frame){0};
}

int64_t node_frame_total(const struct node_frame *frame, enum node_column column)
{
    int64_t sum = 0;
    int is_known = 0;
    for (size_t i = 0; i < frame->count; i++) {
        int64_t value = frame->rows[i].cells[column];
        if (frame->rows[i].is_summed && value != NODE_UNKNOWN) {
            sum += value;
            is_known = 1;
        }
    }
    return is_known ? sum : NODE_UNKNOWN;
}

int node_frame_head(const struct node_frame *frame, double period_s, struct strbuf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_string(&w, "schema", "zeus.record/1");
    json_key_double(&w, "start_wall_s", frame->start_wall_s);
    json_key_double(&w, "period_s", period_s);
    json_key_bool(&w, "simulated", frame->is_simulated);
    json_key(&w, "columns");
    json_begin_array(&w);
    for (size_t c = 0; c < NODE_COLUMNS; c++) {
        json_string(&w, node_column_names[c]);
    }
    json_end_array(&w);
    json_key(&w, "rows");
    json_begin_array(&w);
    for (size_t i = 0; i < frame->count; i++) {
        json_begin_object(&w);
        json_key_string(&w, "label", frame->rows[i].label);
        json_key_string(&w, "name", frame->rows[i].name);
        json_key_bool(&w, "summed", frame->rows[i].is_summed);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return json_writer_finish(&w);
}

/* One member of a row object; the value's token is current. */
static int read_row_member(struct json_reader *r, const char *key, struct node_row *row)
{
    if (strcmp(key, "label") == 0) {
        return json_get_string(r, row->label, sizeof(row->label));
    }
    if (strcmp(key, "name") == 0) {
        return json_get_string(r, row->name, sizeof(row->name));
    }
    row->is_summed |= strcmp(key, "summed") == 0 && r->token == JSON_TRUE;
    return json_skip(r);
}

static int read_row(struct json_reader *r, struct node_row *row)
{
    *row = (struct node_row){0};
    int token = json_next(r);
    while (token == JSON_KEY) {
        char key[16] = "";
        if (json_get_string(r, key, sizeof(key)) < 0) {
            key[0] = '\0'; /* a longer name is none of ours */
        }
        token = json_next(r);
        int status = token < 0 ? token : read_row_member(r, key, row);
        if (status < 0) {
            return status;
        }
        token = json_next(r);
    }
    return token == JSON_OBJECT_END ? 0 : ZEUS_EPARSE;
}

static int read_rows(struct json_reader *r, struct node_frame *frame)
{
    size_t capacity = frame->count;
    int token = r->token == JSON_ARRAY_BEGIN ? json_next(r) : ZEUS_EPARSE;
    while (token == JSON_OBJECT_BEGIN) {
        int status = mem_grow(&frame->rows, &capacity, frame->count + 1, sizeof(*frame->rows),
                              NODE_ROWS_MAX);
        status = status < 0 ? status : read_row(r, &frame->rows[frame->count]);
        if (status < 0) {
            return status;
        }
        frame->count++;
        token = json_next(r);
    }
    return token == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}

static int read_head(struct json_reader *r, struct node_frame *frame)
{
    int token = json_next(r);
    if (token != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (token = json_next(r); token == JSON_KEY; token = json_next(r)) {
        int is_rows = json_is(r, "rows");
        int is_start = json_is(r, "start_wall_s");
        int is_simulated = json_is(r, "simulated");
        int status = json_next(r);
        if (status >= 0 && is_rows) {
            status = frame->rows ? ZEUS_EPARSE : read_rows(r, frame);
        } else if (status >= 0 && is_start) {
            status = json_get_double(r, &frame->start_wall_s);
        } else if (status >= 0) {
            frame->is_simulated |= is_simulated && status == JSON_TRUE;
            status = json_skip(r);
        }
        if (status < 0) {
            return status;
        }
    }
    return token == JSON_OBJECT_END && json_next(r) == JSON_END ? 0 : ZEUS_EPARSE;
}

int node_frame_from_head(const char *json, size_t len, struct node_frame *ret_frame,
                         zeus_error *err)
{
    struct json_reader r;
    struct node_frame frame = {0};
    json_reader_init(&r, json, len);
    if (read_head(&r, &frame) < 0) {
        node_frame_done(&frame);
        int code = json_reader_error(&r, err);
        err_prefix(err, "the recording's head");
        return code;
    }
    *ret_frame = frame;
    return 0;
}
