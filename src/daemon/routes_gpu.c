/* SPDX-License-Identifier: Apache-2.0
 *
 * One-shot reads of GPUs: a table of what to read and how it looks in the reply.
 */
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "daemon/daemon.h"
#include "daemon/fanout.h"
#include "daemon/routes.h"
#include "daemon/slot_read.h"

static int act_power(struct fanout_leg *leg)
{
    return slot_read_power(leg->slot, &leg->value.number, &leg->err);
}

static int act_energy(struct fanout_leg *leg)
{
    if (!slot_has_counter(leg->slot)) {
        return err_set(&leg->err, ZEUS_ENOTSUP, "GPU %u has no energy counter that can be believed",
                       leg->slot->id);
    }
    return slot_read_energy(leg->slot, &leg->value.number, &leg->err);
}

static int act_limits(struct fanout_leg *leg)
{
    return slot_read_limits(leg->slot, &leg->value.limits, &leg->err);
}

static int act_persistence(struct fanout_leg *leg)
{
    return slot_read_persistence(leg->slot, &leg->value.is_enabled, &leg->err);
}

static int act_temperature(struct fanout_leg *leg)
{
    return slot_read_temperature(leg->slot, &leg->value.temperature_c, &leg->err);
}

static int act_activity(struct fanout_leg *leg)
{
    return slot_read_activity(leg->slot, &leg->value.activity, &leg->err);
}

static int act_processes(struct fanout_leg *leg)
{
    struct device *device = slot_enter(leg->slot);
    int r = device_read_processes(device, leg->value.processes.list, FANOUT_PROCESSES_MAX,
                                  &leg->value.processes.count, &leg->err);
    slot_leave(leg->slot);
    slot_note(leg->slot, r == ZEUS_ETOOSMALL ? 0 : r, &leg->err);
    return r == ZEUS_ETOOSMALL ? 0 : r; /* the first ones, and "count" says how many there are */
}

static void write_number(struct json_writer *w, const struct fanout_leg *leg)
{
    json_u64(w, leg->value.number);
}

static void write_energy(struct json_writer *w, const struct fanout_leg *leg)
{
    json_begin_object(w);
    json_key_u64(w, "energy_mj", leg->value.number / 1000u);
    json_end_object(w);
}

static void write_limit(struct json_writer *w, const struct fanout_leg *leg)
{
    json_begin_object(w);
    json_key_u64(w, "power_limit_mw", leg->value.limits.current_uw / 1000u);
    json_end_object(w);
}

static void write_constraints(struct json_writer *w, const struct fanout_leg *leg)
{
    json_begin_object(w);
    json_key_u64(w, "min_power_limit_mw", leg->value.limits.min_uw / 1000u);
    json_key_u64(w, "max_power_limit_mw", leg->value.limits.max_uw / 1000u);
    json_end_object(w);
}

static void write_persistence(struct json_writer *w, const struct fanout_leg *leg)
{
    json_begin_object(w);
    json_key_bool(w, "enabled", leg->value.is_enabled);
    json_end_object(w);
}

static void write_temperature(struct json_writer *w, const struct fanout_leg *leg)
{
    json_begin_object(w);
    json_key_i64(w, "temperature_c", leg->value.temperature_c);
    json_end_object(w);
}

static void write_known(struct json_writer *w, const char *key, uint32_t has, uint32_t value)
{
    if (has) {
        json_key_u64(w, key, value);
    } else {
        json_key_null(w, key);
    }
}

static void write_clocks(struct json_writer *w, const struct fanout_leg *leg)
{
    const zeus_activity *a = &leg->value.activity;
    json_begin_object(w);
    write_known(w, "graphics_mhz", a->valid & ZEUS_ACTIVITY_GRAPHICS_CLOCK, a->graphics_mhz);
    write_known(w, "memory_mhz", a->valid & ZEUS_ACTIVITY_MEMORY_CLOCK, a->memory_mhz);
    json_end_object(w);
}

static void write_utilization(struct json_writer *w, const struct fanout_leg *leg)
{
    const zeus_activity *a = &leg->value.activity;
    json_begin_object(w);
    write_known(w, "gpu_pct", a->valid & ZEUS_ACTIVITY_GPU_LOAD, a->gpu_pct);
    write_known(w, "memory_pct", a->valid & ZEUS_ACTIVITY_MEMORY_LOAD, a->memory_pct);
    json_end_object(w);
}

static void write_processes(struct json_writer *w, const struct fanout_leg *leg)
{
    size_t count = leg->value.processes.count;
    json_begin_object(w);
    json_key_u64(w, "count", count);
    json_key(w, "processes");
    json_begin_array(w);
    for (size_t i = 0; i < MIN_OF(count, (size_t)FANOUT_PROCESSES_MAX); i++) {
        const zeus_process *process = &leg->value.processes.list[i];
        json_begin_object(w);
        json_key_u64(w, "pid", process->pid);
        json_key(w, "memory_bytes");
        if (process->has_memory) {
            json_u64(w, process->memory_bytes);
        } else {
            json_null(w);
        }
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static const struct {
    const char *path;
    struct fanout_op op;
} reads[] = {
    {"/gpu/get_power", {"get_power", act_power, write_number, "power_mw", 0}},
    {"/gpu/get_cumulative_energy", {"get_cumulative_energy", act_energy, write_energy, NULL, 0}},
    {"/gpu/get_power_limit", {"get_power_limit", act_limits, write_limit, NULL, 0}},
    {"/gpu/get_power_limit_constraints",
     {"get_power_limit_constraints", act_limits, write_constraints, NULL, 0}},
    {"/gpu/get_persistence_mode",
     {"get_persistence_mode", act_persistence, write_persistence, NULL, 0}},
    {"/gpu/get_temperature", {"get_temperature", act_temperature, write_temperature, NULL, 0}},
    {"/gpu/get_clocks", {"get_clocks", act_activity, write_clocks, NULL, 0}},
    {"/gpu/get_utilization", {"get_utilization", act_activity, write_utilization, NULL, 0}},
    {"/gpu/get_processes", {"get_processes", act_processes, write_processes, NULL, 0}},
};

static const struct fanout_op *find_read(const char *path)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(reads) && strcmp(reads[i].path, path) != 0) {
        i++;
    }
    return &reads[i].op;
}

struct read_query {
    const char *ids;
    uint32_t is_partial;
};

static const struct query_field read_fields[] = {
    {"gpu_ids", QUERY_TEXT, 0, offsetof(struct read_query, ids)},
    {"partial", QUERY_BOOL, 0, offsetof(struct read_query, is_partial)},
};

int route_gpu_read(struct httpd_req *req, struct httpd_reply *reply)
{
    struct read_query query = {0};
    struct selection selection;
    zeus_error err = {0};
    if (query_read(&req->target, read_fields, ARRAY_LEN(read_fields), &query, NULL, &err) < 0) {
        return refuse_query(reply, &err);
    }
    int r = select_slots(req, ZEUS_KIND_GPU, query.ids, &selection, &err);
    if (r < 0) {
        return refuse_selection(reply, r, &err);
    }
    struct daemon *daemon = daemon_of(req);
    struct fanout *fanout =
        fanout_create(daemon, find_read(req->route->path), selection.slots, selection.count);
    if (!fanout) {
        return ZEUS_ENOMEM;
    }
    fanout->is_partial = (int)query.is_partial;
    fanout->caller = *daemon_caller(req);
    return fanout_run(fanout, req);
}
