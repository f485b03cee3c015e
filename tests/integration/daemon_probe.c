/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon client of libzeus on the command line, for the system tests. The daemon is the
 * environment's. Prints one JSON document (streams: one a line) and exits 0, or 1 with
 * {"error":id,"message":...} when the call fails.
 *
 *   info | gpu WHAT [partial] | cpu energy|power | clock | time | holds | history
 *   set-limit ID MW [LEASE TTL] | renew LEASE TTL | release LEASE | reset ID
 *   stream KIND COUNT | hold LEASE TTL SECONDS | window NAME SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zeus/zeus.h>

#include "codec/json_writer.h"

#define ROWS_MAX 64

static void pause_s(double s)
{
    struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};
    (void)nanosleep(&t, NULL);
}

static uint32_t number_of(const char *const *names, const char *name)
{
    for (uint32_t i = 1; names[i]; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

static int print_info(zeus_daemon *d, struct json_writer *w)
{
    zeus_daemon_info info;
    zeus_daemon_gpu gpu;
    zeus_daemon_cpu cpu;
    int r = zeus_daemon_get_info(d, &info);
    if (r < 0) {
        return r;
    }
    json_key_u64(w, "dialect", info.dialect);
    json_key_u64(w, "groups", info.groups);
    json_key_u64(w, "features", info.features);
    json_key_u64(w, "scopes", info.scopes);
    json_key_i64(w, "auth_code", info.auth_code);
    json_key_string(w, "auth_reason", info.auth_reason);
    json_key_string(w, "subject", info.subject);
    json_key_string(w, "endpoint", info.endpoint);
    json_key_string(w, "boot_id", info.boot_id);
    json_key(w, "gpus");
    json_begin_array(w);
    for (uint32_t i = 0; zeus_daemon_get_gpu(d, i, &gpu) == 0; i++) {
        json_begin_object(w);
        json_key_u64(w, "id", gpu.id);
        json_key_string(w, "pci", gpu.pci);
        json_key_string(w, "uuid", gpu.uuid);
        json_key_i64(w, "has_energy", gpu.has_energy);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "cpus");
    json_begin_array(w);
    for (uint32_t i = 0; zeus_daemon_get_cpu(d, i, &cpu) == 0; i++) {
        json_begin_object(w);
        json_key_u64(w, "id", cpu.id);
        json_key_string(w, "name", cpu.name);
        json_key_i64(w, "has_dram", cpu.has_dram);
        json_end_object(w);
    }
    json_end_array(w);
    return 0;
}

static void put_gpu(struct json_writer *w, const zeus_daemon_gpu_row *row)
{
    json_begin_object(w);
    json_key_u64(w, "id", row->id);
    json_key_i64(w, "code", row->code);
    json_key_string(w, "reason", row->reason);
    json_key_u64(w, "valid", row->valid);
    json_key_u64(w, "power_mw", row->power_mw);
    json_key_u64(w, "energy_mj", row->energy_mj);
    json_key_u64(w, "limit_mw", row->limit_mw);
    json_key_u64(w, "min_limit_mw", row->min_limit_mw);
    json_key_u64(w, "max_limit_mw", row->max_limit_mw);
    json_key_i64(w, "is_persistent", row->is_persistent);
    json_key_i64(w, "temperature_c", row->temperature_c);
    json_key_u64(w, "graphics_mhz", row->graphics_mhz);
    json_end_object(w);
}

static int read_gpus(zeus_daemon *d, struct json_writer *w, int argc, char **argv, zeus_error *err)
{
    static const char *const names[] = {
        "",       "power",       "energy", "limit", "range", "persistence", "temperature",
        "clocks", "utilization", NULL};
    static zeus_daemon_gpu_row rows[ROWS_MAX];
    zeus_daemon_query q = {.size = sizeof(q), .what = number_of(names, argv[2])};
    zeus_daemon_gpu_table table = {.size = sizeof(table), .rows = rows, .capacity = ROWS_MAX};
    q.flags = argc > 3 ? ZEUS_DAEMON_PARTIAL : 0;
    int r = zeus_daemon_read_gpus(d, &q, &table, err);
    json_key(w, "rows");
    json_begin_array(w);
    for (size_t i = 0; r == 0 && i < table.count; i++) {
        put_gpu(w, &rows[i]);
    }
    json_end_array(w);
    return r;
}

static int read_cpus(zeus_daemon *d, struct json_writer *w, const char *what, zeus_error *err)
{
    static zeus_daemon_cpu_row rows[ROWS_MAX];
    int is_power = strcmp(what, "power") == 0;
    zeus_daemon_query q = {.size = sizeof(q),
                           .what = is_power ? ZEUS_DAEMON_CPU_POWER : ZEUS_DAEMON_CPU_ENERGY};
    zeus_daemon_cpu_table table = {.size = sizeof(table), .rows = rows, .capacity = ROWS_MAX};
    int r = zeus_daemon_read_cpus(d, &q, &table, err);
    json_key(w, "rows");
    json_begin_array(w);
    for (size_t i = 0; r == 0 && i < table.count; i++) {
        json_begin_object(w);
        json_key_u64(w, "id", rows[i].id);
        json_key_u64(w, "cpu", is_power ? rows[i].cpu_mw : rows[i].cpu_uj);
        json_key_bool(w, "has_dram", rows[i].has_dram);
        json_key_u64(w, "dram", is_power ? rows[i].dram_mw : rows[i].dram_uj);
        json_end_object(w);
    }
    json_end_array(w);
    return r;
}

static int change(zeus_daemon *d, int argc, char **argv, zeus_error *err)
{
    uint32_t id = (uint32_t)strtoul(argv[2], NULL, 10);
    zeus_daemon_write write = {.size = sizeof(write),
                               .setting = ZEUS_DAEMON_RESET_CLOCKS,
                               .gpu_ids = &id,
                               .gpu_id_count = 1};
    if (strcmp(argv[1], "set-limit") == 0 && argc > 3) {
        write.setting = ZEUS_DAEMON_SET_POWER_LIMIT;
        write.power_limit_mw = (uint32_t)strtoul(argv[3], NULL, 10);
    }
    if (argc > 5) {
        write.lease = argv[4];
        write.ttl_s = (uint32_t)strtoul(argv[5], NULL, 10);
    }
    return zeus_daemon_write_gpus(d, &write, err);
}

static int print_holds(zeus_daemon *d, struct json_writer *w, zeus_error *err)
{
    static zeus_daemon_hold holds[ROWS_MAX];
    size_t count = 0;
    int r = zeus_daemon_list_holds(d, holds, ROWS_MAX, &count, err);
    json_key(w, "holds");
    json_begin_array(w);
    for (size_t i = 0; r == 0 && i < count; i++) {
        json_begin_object(w);
        json_key_string(w, "lease", holds[i].lease);
        json_key_string(w, "setting", holds[i].setting);
        json_key_u64(w, "gpu_id", holds[i].gpu_id);
        json_key_i64(w, "original", holds[i].original);
        json_key_i64(w, "value", holds[i].value);
        json_end_object(w);
    }
    json_end_array(w);
    return r;
}

static int hold(zeus_daemon *d, struct json_writer *w, char **argv, zeus_error *err)
{
    zeus_lease *lease = NULL;
    char reason[200];
    int r = zeus_lease_hold(d, argv[2], (uint32_t)strtoul(argv[3], NULL, 10), &lease, err);
    if (r < 0) {
        return r;
    }
    pause_s(strtod(argv[4], NULL));
    json_key_u64(w, "state", zeus_lease_get_state(lease, reason, sizeof(reason)));
    json_key_string(w, "reason", reason);
    zeus_lease_close(lease);
    return 0;
}

static int window(zeus_daemon *d, struct json_writer *w, char **argv, zeus_error *err)
{
    char *json = NULL;
    int r = zeus_daemon_begin_window(d, argv[2], NULL, err);
    if (r < 0) {
        return r;
    }
    pause_s(strtod(argv[3], NULL));
    r = zeus_daemon_end_window(d, argv[2], &json, err);
    if (r == 0) {
        json_key(w, "window");
        json_raw(w, json);
        zeus_free_text(json);
    }
    return r;
}

static int history(zeus_daemon *d, struct json_writer *w, zeus_error *err)
{
    char *json = NULL;
    int r = zeus_daemon_read_history(d, NULL, &json, err);
    if (r == 0) {
        json_key(w, "history");
        json_raw(w, json);
        zeus_free_text(json);
    }
    return r;
}

static int print_clock(zeus_daemon *d, struct json_writer *w, zeus_error *err)
{
    zeus_daemon_clock clock = {0};
    int r = zeus_daemon_read_clock(d, &clock, err);
    json_key_i64(w, "offset_ns", clock.offset_ns);
    json_key_u64(w, "round_trip_ns", clock.round_trip_ns);
    return r;
}

static void print_sample(const zeus_stream_sample *s, void *user)
{
    (void)user;
    (void)printf("{\"what\":%u,\"id\":%u,\"valid\":%u,\"power_mw\":%u,\"energy_uj\":%llu,"
                 "\"seq\":%llu,\"lost\":%llu,\"timestamp_ms\":%lld}\n",
                 s->what, s->id, s->valid, s->power_mw, (unsigned long long)s->energy_uj,
                 (unsigned long long)s->seq, (unsigned long long)s->lost,
                 (long long)s->timestamp_ms);
}

static int stream(char **argv, zeus_error *err)
{
    static const char *const names[] = {"",           "gpu-power",       "cpu-power",  "gpu-energy",
                                        "cpu-energy", "gpu-temperature", "gpu-clocks", NULL};
    zeus_streams_options options = {
        .size = sizeof(options), .on_sample = print_sample, .retry_min_s = 0.05};
    zeus_stream_select select = {.size = sizeof(select), .kinds = 1u << number_of(names, argv[2])};
    zeus_streams *streams = NULL;
    uint32_t endpoint = 0;
    uint64_t seen = 0;
    uint64_t want = strtoul(argv[3], NULL, 10);
    int r = zeus_streams_create(&options, &streams, err);
    r = r == 0 ? zeus_streams_add(streams, NULL, &select, &endpoint, err) : r;
    r = r == 0 ? zeus_streams_start(streams, err) : r;
    while (r == 0 && seen < want) {
        r = zeus_streams_wait(streams, &seen, 10);
    }
    if (r < 0) {
        zeus_stream_endpoint e = {0};
        int known = streams ? zeus_streams_get_endpoint(streams, endpoint, &e) : ZEUS_ENOTFOUND;
        if (known == 0 && e.reason[0]) {
            (void)snprintf(err->message, sizeof(err->message), "%.199s", e.reason);
        }
    }
    zeus_streams_destroy(streams);
    return r;
}

static int run(zeus_daemon *d, struct json_writer *w, int argc, char **argv, zeus_error *err)
{
    const char *what = argv[1];
    int64_t ms = 0;
    if (strcmp(what, "info") == 0) {
        return print_info(d, w);
    }
    if (strcmp(what, "gpu") == 0 && argc > 2) {
        return read_gpus(d, w, argc, argv, err);
    }
    if (strcmp(what, "cpu") == 0 && argc > 2) {
        return read_cpus(d, w, argv[2], err);
    }
    if (strcmp(what, "clock") == 0) {
        return print_clock(d, w, err);
    }
    if (strcmp(what, "time") == 0) {
        return zeus_daemon_read_time(d, &ms, err);
    }
    if (strcmp(what, "holds") == 0) {
        return print_holds(d, w, err);
    }
    if (strcmp(what, "history") == 0) {
        return history(d, w, err);
    }
    if (strcmp(what, "renew") == 0 && argc > 3) {
        return zeus_daemon_renew_lease(d, argv[2], (uint32_t)strtoul(argv[3], NULL, 10), err);
    }
    if (strcmp(what, "release") == 0 && argc > 2) {
        return zeus_daemon_release_lease(d, argv[2], err);
    }
    if (strcmp(what, "hold") == 0 && argc > 4) {
        return hold(d, w, argv, err);
    }
    if (strcmp(what, "window") == 0 && argc > 3) {
        return window(d, w, argv, err);
    }
    return argc > 2 ? change(d, argc, argv, err) : ZEUS_EINVAL;
}

int main(int argc, char **argv)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_daemon *d = NULL;
    struct strbuf out;
    struct json_writer w;
    if (argc < 2) {
        return 2;
    }
    strbuf_init(&out, 8u << 20);
    json_writer_init(&w, &out, 0);
    json_begin_object(&w);
    int is_stream = strcmp(argv[1], "stream") == 0 && argc > 3;
    int r = is_stream ? stream(argv, &err) : zeus_daemon_open(NULL, &d, &err);
    if (r == 0 && !is_stream) {
        r = run(d, &w, argc, argv, &err);
    }
    if (r < 0) {
        json_key_string(&w, "error", zeus_error_id(r));
        json_key_string(&w, "message", err.message);
        json_key_i64(&w, "status", err.vendor == ZEUS_VENDOR_DAEMON ? err.vendor_code : 0);
    }
    json_end_object(&w);
    if (json_writer_finish(&w) == 0 && (!is_stream || r < 0)) {
        (void)puts(strbuf_text(&out));
    }
    strbuf_done(&out);
    zeus_daemon_close(d);
    return r < 0;
}
