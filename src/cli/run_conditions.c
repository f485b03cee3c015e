/* SPDX-License-Identifier: Apache-2.0
 *
 * See run_conditions.h.
 */
#include "cli/run_conditions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"

#define PROCESSES_MAX 256

static void read_processes(zeus_device *dev, struct run_condition *c)
{
    zeus_process *processes _free_ = mem_calloc(PROCESSES_MAX, sizeof(*processes));
    size_t count = 0;
    int r =
        processes ? zeus_device_read_processes(dev, processes, PROCESSES_MAX, &count) : ZEUS_ENOMEM;
    if (r < 0 && r != ZEUS_ETOOSMALL) {
        return;
    }
    c->process_count = (uint32_t)count;
    c->valid |= RUN_CONDITION_PROCESSES;
    for (size_t i = 0; i < MIN_OF(count, RUN_PROCESSES_NAMED); i++) {
        c->pids[i] = processes[i].pid;
    }
}

static void read_activity(zeus_device *dev, struct run_condition *c)
{
    zeus_activity activity = {0};
    if (zeus_device_read_activity(dev, &activity) < 0) {
        return;
    }
    c->graphics_mhz = activity.graphics_mhz;
    c->memory_mhz = activity.memory_mhz;
    c->load_pct = activity.gpu_pct;
    c->valid |= activity.valid & ZEUS_ACTIVITY_GRAPHICS_CLOCK ? RUN_CONDITION_CLOCK : 0;
    c->valid |= activity.valid & ZEUS_ACTIVITY_MEMORY_CLOCK ? RUN_CONDITION_MEMORY_CLOCK : 0;
    c->valid |= activity.valid & ZEUS_ACTIVITY_GPU_LOAD ? RUN_CONDITION_LOAD : 0;
}

static void read_device(zeus_device *dev, struct run_condition *c)
{
    zeus_power_limits limits = {0};
    read_activity(dev, c);
    read_processes(dev, c);
    if (zeus_device_read_temperature(dev, &c->temperature_c) == 0) {
        c->valid |= RUN_CONDITION_TEMPERATURE;
    }
    if (zeus_device_read_power_limits(dev, &limits) == 0) {
        c->limit_w = (double)limits.current_uw * 1e-6;
        c->default_limit_w = (double)limits.default_uw * 1e-6;
        c->valid |= RUN_CONDITION_LIMIT;
    }
    if (zeus_device_read_throttle(dev, &c->throttle) == 0) {
        c->valid |= RUN_CONDITION_THROTTLE;
    }
    if (zeus_device_read_persistence(dev, &c->is_persistent) == 0) {
        c->valid |= RUN_CONDITION_PERSISTENCE;
    }
}

/* First number of /proc/loadavg. */
static double read_load(void)
{
    char *text _free_ = NULL;
    size_t len = 0;
    double load = (double)NAN;
    if (file_read_all("/proc/loadavg", 256, &text, &len, NULL) < 0) {
        return load;
    }
    return parse_double(text, strcspn(text, " \n"), 0, &load) < 0 ? (double)NAN : load;
}

void run_conditions_read(zeus_session *session, struct run_conditions *ret_conditions)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct run_conditions c = {.load = read_load(),
                               .processors = processors > 0 ? (uint32_t)processors : 1};
    uint32_t count = zeus_session_all_count(session);
    c.devices = mem_calloc((size_t)count + 1, sizeof(*c.devices));
    c.count = c.devices ? count : 0;
    for (uint32_t i = 0; i < c.count; i++) {
        read_device(zeus_session_all(session, i), &c.devices[i]);
    }
    *ret_conditions = c;
}

void run_conditions_done(struct run_conditions *conditions)
{
    free(conditions->devices);
    *conditions = (struct run_conditions){.count = 0};
}

static void put_known(struct json_writer *w, const char *key, int is_known, double value)
{
    json_key(w, key);
    if (is_known) {
        json_double(w, value);
    } else {
        json_null(w);
    }
}

void run_throttle_json(uint32_t reasons, struct json_writer *w)
{
    json_begin_array(w);
    for (uint32_t bit = 0; bit < 32; bit++) {
        const char *name = reasons & (1u << bit) ? zeus_throttle_name(1u << bit) : NULL;
        if (name) {
            json_string(w, name);
        }
    }
    json_end_array(w);
}

void run_throttle_words(uint32_t reasons, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t bit = 0; bit < 32 && len < size; bit++) {
        const char *name = reasons & (1u << bit) ? zeus_throttle_name(1u << bit) : NULL;
        if (name) {
            int n = snprintf(out + len, size - len, "%s%s", len ? ", " : "", name);
            len += n > 0 ? (size_t)n : 0;
        }
    }
}

static void put_processes(const struct run_condition *c, struct json_writer *w)
{
    json_key(w, "processes");
    if (!(c->valid & RUN_CONDITION_PROCESSES)) {
        json_null(w);
        return;
    }
    json_begin_object(w);
    json_key_u64(w, "count", c->process_count);
    json_key(w, "pids");
    json_begin_array(w);
    for (uint32_t i = 0; i < MIN_OF(c->process_count, RUN_PROCESSES_NAMED); i++) {
        json_u64(w, c->pids[i]);
    }
    json_end_array(w);
    json_end_object(w);
}

static void put_device(const struct run_condition *c, struct json_writer *w)
{
    put_known(w, "temperature_c", (c->valid & RUN_CONDITION_TEMPERATURE) != 0, c->temperature_c);
    put_known(w, "graphics_mhz", (c->valid & RUN_CONDITION_CLOCK) != 0, c->graphics_mhz);
    put_known(w, "memory_mhz", (c->valid & RUN_CONDITION_MEMORY_CLOCK) != 0, c->memory_mhz);
    put_known(w, "load_percent", (c->valid & RUN_CONDITION_LOAD) != 0, c->load_pct);
    put_known(w, "power_limit_w", (c->valid & RUN_CONDITION_LIMIT) != 0, c->limit_w);
    put_known(w, "default_power_limit_w", (c->valid & RUN_CONDITION_LIMIT) != 0,
              c->default_limit_w);
    json_key(w, "persistence");
    if (c->valid & RUN_CONDITION_PERSISTENCE) {
        json_bool(w, c->is_persistent);
    } else {
        json_null(w);
    }
    json_key(w, "throttle");
    if (c->valid & RUN_CONDITION_THROTTLE) {
        run_throttle_json(c->throttle, w);
    } else {
        json_null(w);
    }
    put_processes(c, w);
}

void run_conditions_json(zeus_session *session, const struct run_conditions *conditions,
                         struct json_writer *w)
{
    if (!conditions->devices) {
        json_null(w);
        return;
    }
    json_begin_array(w);
    for (uint32_t i = 0; i < conditions->count; i++) {
        zeus_device_info info;
        char name[48];
        if (zeus_device_get_info(zeus_session_all(session, i), &info) < 0) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%s%d", zeus_kind_name(info.kind), info.index);
        json_begin_object(w);
        json_key_string(w, "device", name);
        json_key_string(w, "driver", info.driver);
        put_device(&conditions->devices[i], w);
        json_end_object(w);
    }
    json_end_array(w);
}

void run_conditions_host_json(const struct run_conditions *conditions, struct json_writer *w)
{
    json_begin_object(w);
    json_key_double(w, "load_1min", conditions->load);
    json_key_u64(w, "processors", conditions->processors);
    json_end_object(w);
}

void run_watch_look(zeus_device *gpu, struct run_watch *watch)
{
    zeus_power_limits limits = {0};
    uint32_t reasons = 0;
    watch->looks++;
    if (zeus_device_read_throttle(gpu, &reasons) == 0) {
        watch->throttle |= reasons & ~ZEUS_THROTTLE_IDLE;
    }
    if (zeus_device_read_power_limits(gpu, &limits) == 0) {
        double limit_w = (double)limits.current_uw * 1e-6;
        int is_first = watch->high_limit_w <= 0;
        watch->low_limit_w = is_first ? limit_w : MIN_OF(watch->low_limit_w, limit_w);
        watch->high_limit_w = is_first ? limit_w : MAX_OF(watch->high_limit_w, limit_w);
    }
}
