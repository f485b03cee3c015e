/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading events: a table of members for the form of today, the reply reader for the older one.
 */
#include "remote/stream_event.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "remote/json_walk.h"
#include "remote/reply.h"

static const struct {
    uint32_t what;
    const char *path;
    int is_cpu;
    uint32_t feature;
    uint32_t needed; /* one of these must be there */
} kinds[] = {
    {ZEUS_STREAM_GPU_POWER, "/gpu/stream_power", 0, 0, ZEUS_STREAM_HAS_POWER},
    {ZEUS_STREAM_CPU_POWER, "/cpu/stream_power", 1, 0, ZEUS_STREAM_HAS_POWER},
    {ZEUS_STREAM_GPU_ENERGY, "/gpu/stream_energy", 0, ZEUS_DAEMON_FEATURE_ENERGY_STREAM,
     ZEUS_STREAM_HAS_ENERGY},
    {ZEUS_STREAM_CPU_ENERGY, "/cpu/stream_energy", 1, ZEUS_DAEMON_FEATURE_ENERGY_STREAM,
     ZEUS_STREAM_HAS_ENERGY | ZEUS_STREAM_HAS_DRAM_ENERGY},
    {ZEUS_STREAM_GPU_TEMPERATURE, "/gpu/stream_temperature", 0,
     ZEUS_DAEMON_FEATURE_TEMPERATURE_STREAM, ZEUS_STREAM_HAS_TEMPERATURE},
    {ZEUS_STREAM_GPU_CLOCKS, "/gpu/stream_clocks", 0, ZEUS_DAEMON_FEATURE_CLOCKS_STREAM,
     ZEUS_STREAM_HAS_GRAPHICS_MHZ | ZEUS_STREAM_HAS_MEMORY_MHZ},
};

static size_t kind_of(uint32_t what)
{
    size_t i = 0;
    while (i < ARRAY_LEN(kinds) && kinds[i].what != what) {
        i++;
    }
    return i;
}

const char *stream_event_path(uint32_t what)
{
    size_t i = kind_of(what);
    return i < ARRAY_LEN(kinds) ? kinds[i].path : NULL;
}

int stream_event_is_cpu(uint32_t what)
{
    size_t i = kind_of(what);
    return i < ARRAY_LEN(kinds) && kinds[i].is_cpu;
}

uint32_t stream_event_feature(uint32_t what)
{
    size_t i = kind_of(what);
    return i < ARRAY_LEN(kinds) ? kinds[i].feature : 0;
}

/* The event being read. */
struct build {
    zeus_stream_sample sample;
    char boot_id[40];
    int is_map; /* "power_mw" is an object: the older form */
    uint32_t gpu_id;
    uint32_t cpu_id;
};

static int take_u64(struct json_reader *r, uint64_t *ret, uint32_t bit, uint32_t *valid)
{
    if (r->token == JSON_NULL) {
        return 0;
    }
    int e = json_get_u64(r, ret);
    *valid |= e == 0 ? bit : 0;
    return e < 0 ? ZEUS_EPARSE : 0;
}

static int take_u32(struct json_reader *r, uint32_t *ret, uint32_t bit, uint32_t *valid)
{
    if (r->token == JSON_NULL) {
        return 0;
    }
    int e = json_walk_u32(r, ret);
    *valid |= e == 0 ? bit : 0;
    return e;
}

static int timestamp(struct json_reader *r, void *user)
{
    uint64_t ms = 0;
    if (json_get_u64(r, &ms) < 0 || ms > INT64_MAX / 2000000) {
        return ZEUS_EPARSE;
    }
    ((struct build *)user)->sample.timestamp_ms = (int64_t)ms;
    return 0;
}

static int gpu_id(struct json_reader *r, void *user)
{
    return json_walk_u32(r, &((struct build *)user)->gpu_id);
}

static int cpu_id(struct json_reader *r, void *user)
{
    return json_walk_u32(r, &((struct build *)user)->cpu_id);
}

static int power(struct json_reader *r, void *user)
{
    struct build *b = user;
    if (r->token == JSON_OBJECT_BEGIN) {
        b->is_map = 1;
        return json_skip(r);
    }
    return take_u32(r, &b->sample.power_mw, ZEUS_STREAM_HAS_POWER, &b->sample.valid);
}

static int dram_power(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    return take_u32(r, &s->dram_mw, ZEUS_STREAM_HAS_DRAM_POWER, &s->valid);
}

static int energy(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    return take_u64(r, &s->energy_uj, ZEUS_STREAM_HAS_ENERGY, &s->valid);
}

static int dram_energy(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    return take_u64(r, &s->dram_energy_uj, ZEUS_STREAM_HAS_DRAM_ENERGY, &s->valid);
}

static int temperature(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    int64_t c = 0;
    if (r->token == JSON_NULL) {
        return 0;
    }
    if (json_get_i64(r, &c) < 0 || c < -300 || c > 100000) {
        return ZEUS_EPARSE;
    }
    s->temperature_c = (int32_t)c;
    s->valid |= ZEUS_STREAM_HAS_TEMPERATURE;
    return 0;
}

static int graphics(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    return take_u32(r, &s->graphics_mhz, ZEUS_STREAM_HAS_GRAPHICS_MHZ, &s->valid);
}

static int memory(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    return take_u32(r, &s->memory_mhz, ZEUS_STREAM_HAS_MEMORY_MHZ, &s->valid);
}

static int seq(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    return take_u64(r, &s->seq, ZEUS_STREAM_HAS_SEQ, &s->valid);
}

static int monotonic(struct json_reader *r, void *user)
{
    zeus_stream_sample *s = &((struct build *)user)->sample;
    return take_u64(r, &s->monotonic_ns, ZEUS_STREAM_HAS_MONOTONIC, &s->valid);
}

static int boot_id(struct json_reader *r, void *user)
{
    struct build *b = user;
    return json_walk_text(r, b->boot_id, sizeof(b->boot_id));
}

enum { SEEN_TIME = 1, SEEN_GPU = 2, SEEN_CPU = 4 };

/* "cpu_mw" and "power_mw" are the same place of a sample: no daemon sends both. */
static const struct json_walk_member members[] = {
    {"timestamp_ms", timestamp},
    {"gpu_id", gpu_id},
    {"cpu_id", cpu_id},
    {"power_mw", power},
    {"cpu_mw", power},
    {"dram_mw", dram_power},
    {"energy_uj", energy},
    {"cpu_energy_uj", energy},
    {"dram_energy_uj", dram_energy},
    {"temperature_c", temperature},
    {"graphics_mhz", graphics},
    {"memory_mhz", memory},
    {"seq", seq},
    {"monotonic_ns", monotonic},
    {"boot_id", boot_id},
};

static void from_gpu_row(zeus_stream_sample *s, const zeus_daemon_gpu_row *row)
{
    s->id = row->id;
    s->power_mw = row->power_mw;
    s->valid = ZEUS_STREAM_HAS_POWER;
}

static void from_cpu_row(zeus_stream_sample *s, const zeus_daemon_cpu_row *row)
{
    s->id = row->id;
    s->power_mw = row->cpu_mw;
    s->dram_mw = row->dram_mw;
    s->valid = ZEUS_STREAM_HAS_POWER | (row->has_dram ? ZEUS_STREAM_HAS_DRAM_POWER : 0);
}

/* {"timestamp_ms":N,"power_mw":{"0":...}}: as the answer of get_power. */
static int read_map(uint32_t what, const char *text, size_t len, stream_event_fn *on_sample,
                    void *user)
{
    zeus_stream_sample s = {.what = what};
    struct reply_gpus gpus = {0};
    struct reply_cpus cpus = {0};
    int r = what == ZEUS_STREAM_GPU_POWER
                ? reply_read_gpus(&gpus, ZEUS_DAEMON_GPU_POWER, text, len, NULL)
                : reply_read_cpus(&cpus, ZEUS_DAEMON_CPU_POWER, text, len, NULL);
    if (r < 0) {
        return r;
    }
    s.timestamp_ms = gpus.rows ? gpus.timestamp_ms : cpus.timestamp_ms;
    for (size_t i = 0; i < gpus.count; i++) {
        from_gpu_row(&s, &gpus.rows[i]);
        on_sample(&s, "", user);
    }
    for (size_t i = 0; i < cpus.count; i++) {
        from_cpu_row(&s, &cpus.rows[i]);
        on_sample(&s, "", user);
    }
    free(gpus.rows);
    free(cpus.rows);
    return 0;
}

int stream_event_read(uint32_t what, const char *text, size_t len, stream_event_fn *on_sample,
                      void *user)
{
    struct build b = {.sample = {.what = what}};
    struct json_reader reader;
    uint32_t seen = 0;
    size_t kind = kind_of(what);
    ZEUS_ASSERT(kind < ARRAY_LEN(kinds));
    int is_power = what == ZEUS_STREAM_GPU_POWER || what == ZEUS_STREAM_CPU_POWER;
    int r = json_walk_open(&reader, text, len);
    r = r == 0 ? json_walk_object(&reader, members, ARRAY_LEN(members), &b, &seen) : r;
    r = r == 0 ? json_walk_close(&reader) : r;
    if (r < 0 || !(seen & SEEN_TIME)) {
        return r == ZEUS_ENOMEM ? r : ZEUS_EPARSE;
    }
    if (b.is_map) {
        return is_power ? read_map(what, text, len, on_sample, user) : ZEUS_EPARSE;
    }
    int has_id = (seen & (kinds[kind].is_cpu ? SEEN_CPU : SEEN_GPU)) != 0;
    if (!has_id || !(b.sample.valid & kinds[kind].needed)) {
        return ZEUS_EPARSE;
    }
    b.sample.id = kinds[kind].is_cpu ? b.cpu_id : b.gpu_id;
    on_sample(&b.sample, b.boot_id, user);
    return 0;
}
