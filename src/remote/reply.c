/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the answers about devices: each question has a table of the fields of its rows.
 */
#include "remote/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/parse.h"
#include "remote/json_walk.h"

#define ROWS_MAX 4096

enum kind { KIND_U32, KIND_U64, KIND_I32, KIND_BOOL };

struct field {
    uint32_t what;
    const char *name; /* NULL: the row is the bare value */
    enum kind kind;
    uint32_t valid;
    size_t offset;
    int may_be_null;
};

#define GPU_FIELD(member) offsetof(zeus_daemon_gpu_row, member)

static const struct field gpu_fields[] = {
    {ZEUS_DAEMON_GPU_POWER, NULL, KIND_U32, ZEUS_DAEMON_HAS_POWER, GPU_FIELD(power_mw), 0},
    {ZEUS_DAEMON_GPU_ENERGY, "energy_mj", KIND_U64, ZEUS_DAEMON_HAS_ENERGY, GPU_FIELD(energy_mj),
     0},
    {ZEUS_DAEMON_GPU_LIMIT, "power_limit_mw", KIND_U32, ZEUS_DAEMON_HAS_LIMIT, GPU_FIELD(limit_mw),
     0},
    {ZEUS_DAEMON_GPU_LIMIT_RANGE, "min_power_limit_mw", KIND_U32, ZEUS_DAEMON_HAS_MIN_LIMIT,
     GPU_FIELD(min_limit_mw), 0},
    {ZEUS_DAEMON_GPU_LIMIT_RANGE, "max_power_limit_mw", KIND_U32, ZEUS_DAEMON_HAS_MAX_LIMIT,
     GPU_FIELD(max_limit_mw), 0},
    {ZEUS_DAEMON_GPU_PERSISTENCE, "enabled", KIND_BOOL, ZEUS_DAEMON_HAS_PERSISTENCE,
     GPU_FIELD(is_persistent), 0},
    {ZEUS_DAEMON_GPU_TEMPERATURE, "temperature_c", KIND_I32, ZEUS_DAEMON_HAS_TEMPERATURE,
     GPU_FIELD(temperature_c), 1},
    {ZEUS_DAEMON_GPU_CLOCKS, "graphics_mhz", KIND_U32, ZEUS_DAEMON_HAS_GRAPHICS_MHZ,
     GPU_FIELD(graphics_mhz), 1},
    {ZEUS_DAEMON_GPU_CLOCKS, "memory_mhz", KIND_U32, ZEUS_DAEMON_HAS_MEMORY_MHZ,
     GPU_FIELD(memory_mhz), 1},
    {ZEUS_DAEMON_GPU_UTILIZATION, "gpu_pct", KIND_U32, ZEUS_DAEMON_HAS_GPU_PCT, GPU_FIELD(gpu_pct),
     1},
    {ZEUS_DAEMON_GPU_UTILIZATION, "memory_pct", KIND_U32, ZEUS_DAEMON_HAS_MEMORY_PCT,
     GPU_FIELD(memory_pct), 1},
};

/* `valid` 1 is has_cpu, 2 is has_dram. */
#define CPU_FIELD(member) offsetof(zeus_daemon_cpu_row, member)
enum { VALID_CPU = 1, VALID_DRAM = 2 };

static const struct field cpu_fields[] = {
    {ZEUS_DAEMON_CPU_ENERGY, "cpu_energy_uj", KIND_U64, VALID_CPU, CPU_FIELD(cpu_uj), 1},
    {ZEUS_DAEMON_CPU_ENERGY, "dram_energy_uj", KIND_U64, VALID_DRAM, CPU_FIELD(dram_uj), 1},
    {ZEUS_DAEMON_CPU_POWER, "cpu_mw", KIND_U32, VALID_CPU, CPU_FIELD(cpu_mw), 0},
    {ZEUS_DAEMON_CPU_POWER, "dram_mw", KIND_U32, VALID_DRAM, CPU_FIELD(dram_mw), 1},
};

/* An answer while it is read. */
struct build {
    uint32_t what;
    const struct field *fields;
    size_t field_count;
    struct reply_gpus *gpus; /* one of the two */
    struct reply_cpus *cpus;
    int64_t timestamp_ms;
    int has_body; /* "power_mw" was there */
    const char *problem;
};

static int refuse(struct build *b, const char *problem)
{
    b->problem = b->problem ? b->problem : problem;
    return ZEUS_EPARSE;
}

static int take_scalar(const struct json_reader *r, const struct field *f, void *record)
{
    char *at = (char *)record + f->offset;
    uint64_t wide = 0;
    int64_t with_sign = 0;
    int e = 0;
    switch (f->kind) {
    case KIND_U32:
        e = json_walk_u32(r, (uint32_t *)(void *)at);
        break;
    case KIND_U64:
        e = r->token == JSON_NUMBER ? json_get_u64(r, &wide) : ZEUS_EPARSE;
        if (e == 0) {
            memcpy(at, &wide, sizeof(wide));
        }
        break;
    case KIND_I32:
        e = r->token == JSON_NUMBER ? json_get_i64(r, &with_sign) : ZEUS_EPARSE;
        if (e == 0 && (with_sign < INT32_MIN || with_sign > INT32_MAX)) {
            e = ZEUS_EPARSE;
        } else if (e == 0) {
            *(int32_t *)(void *)at = (int32_t)with_sign;
        }
        break;
    case KIND_BOOL:
        e = json_walk_bool(r, (int32_t *)(void *)at);
        break;
    }
    return e < 0 ? ZEUS_EPARSE : 0;
}

/* The row at the reader: an object with the question's fields, or a bare value. */
static int take_row(struct json_reader *r, struct build *b, void *record, uint32_t *ret_valid)
{
    uint32_t seen = 0;
    if (!b->fields[0].name) {
        int e = take_scalar(r, &b->fields[0], record);
        *ret_valid = b->fields[0].valid;
        return e;
    }
    if (r->token != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        const struct field *f = NULL;
        for (size_t i = 0; i < b->field_count && !f; i++) {
            f = json_is(r, b->fields[i].name) ? &b->fields[i] : NULL;
        }
        if (f && (seen & f->valid)) {
            return refuse(b, "a value appears twice");
        }
        int e = json_next(r);
        if (e < 0) {
            return e;
        }
        if (!f || (r->token == JSON_NULL && f->may_be_null)) {
            e = json_skip(r);
        } else {
            e = take_scalar(r, f, record);
            seen |= f->valid;
        }
        if (e < 0) {
            return e;
        }
    }
    *ret_valid = seen;
    return t == JSON_OBJECT_END ? 0 : t < 0 ? t : ZEUS_EPARSE;
}

/* Every value that may not be null has to be there. */
static int check_row(struct build *b, uint32_t valid)
{
    for (size_t i = 0; i < b->field_count; i++) {
        if (!b->fields[i].may_be_null && !(valid & b->fields[i].valid)) {
            return refuse(b, "a device lacks the value that was asked for");
        }
    }
    return 0;
}

/* The row of a device: made when it is new. NULL: no memory, or too many. */
static zeus_daemon_gpu_row *gpu_row(struct reply_gpus *gpus, uint32_t id)
{
    for (size_t i = 0; i < gpus->count; i++) {
        if (gpus->rows[i].id == id) {
            return &gpus->rows[i];
        }
    }
    if (mem_grow(&gpus->rows, &gpus->capacity, gpus->count + 1, sizeof(*gpus->rows), ROWS_MAX) <
        0) {
        return NULL;
    }
    gpus->rows[gpus->count] = (zeus_daemon_gpu_row){.id = id};
    return &gpus->rows[gpus->count++];
}

static zeus_daemon_cpu_row *cpu_row(struct reply_cpus *cpus, uint32_t id)
{
    for (size_t i = 0; i < cpus->count; i++) {
        if (cpus->rows[i].id == id) {
            return &cpus->rows[i];
        }
    }
    if (mem_grow(&cpus->rows, &cpus->capacity, cpus->count + 1, sizeof(*cpus->rows), ROWS_MAX) <
        0) {
        return NULL;
    }
    cpus->rows[cpus->count] = (zeus_daemon_cpu_row){.id = id};
    return &cpus->rows[cpus->count++];
}

static int one_device(struct json_reader *r, uint32_t id, void *user)
{
    struct build *b = user;
    uint32_t valid = 0;
    zeus_daemon_gpu_row *gpu = b->gpus ? gpu_row(b->gpus, id) : NULL;
    zeus_daemon_cpu_row *cpu = b->cpus ? cpu_row(b->cpus, id) : NULL;
    if (!gpu && !cpu) {
        return ZEUS_ENOMEM;
    }
    if (gpu ? gpu->valid || gpu->code : cpu->has_cpu || cpu->has_dram || cpu->code) {
        return refuse(b, "a device appears twice");
    }
    int e = take_row(r, b, gpu ? (void *)gpu : (void *)cpu, &valid);
    e = e == 0 ? check_row(b, valid) : e;
    if (e == 0 && gpu) {
        gpu->valid = valid;
    } else if (e == 0) {
        cpu->has_cpu = (valid & VALID_CPU) != 0;
        cpu->has_dram = (valid & VALID_DRAM) != 0;
    }
    return e;
}

static int one_refusal(struct json_reader *r, uint32_t id, void *user)
{
    struct build *b = user;
    zeus_daemon_gpu_row *gpu = b->gpus ? gpu_row(b->gpus, id) : NULL;
    zeus_daemon_cpu_row *cpu = b->cpus ? cpu_row(b->cpus, id) : NULL;
    if (!gpu && !cpu) {
        return ZEUS_ENOMEM;
    }
    if (gpu ? gpu->valid || gpu->code : cpu->has_cpu || cpu->has_dram || cpu->code) {
        return refuse(b, "a device appears twice");
    }
    if (gpu) {
        gpu->code = ZEUS_EDAEMON;
        return json_walk_text(r, gpu->reason, sizeof(gpu->reason));
    }
    cpu->code = ZEUS_EDAEMON;
    return json_walk_text(r, cpu->reason, sizeof(cpu->reason));
}

static int take_timestamp(const struct json_reader *r, int64_t *ret_ms)
{
    uint64_t ms = 0;
    if (json_get_u64(r, &ms) < 0 || ms > INT64_MAX) {
        return ZEUS_EPARSE;
    }
    *ret_ms = (int64_t)ms;
    return 0;
}

/* One member of the document: a device, the devices' errors, or one of power's two members. */
static int one_member(struct json_reader *r, struct build *b, int is_power)
{
    char key[24];
    uint32_t id = 0;
    int len = json_get_string(r, key, sizeof(key));
    int e = json_next(r);
    if (e < 0 || len < 0) {
        return e < 0 ? e : json_skip(r); /* no name that we know is that long */
    }
    if (strcmp(key, "errors") == 0) {
        return json_walk_ids(r, one_refusal, b);
    }
    if (is_power && strcmp(key, "timestamp_ms") == 0) {
        return take_timestamp(r, &b->timestamp_ms);
    }
    if (is_power && strcmp(key, "power_mw") == 0) {
        b->has_body++;
        return json_walk_ids(r, one_device, b);
    }
    if (!is_power && parse_u32(key, (size_t)len, &id) == 0) {
        return one_device(r, id, b);
    }
    return json_skip(r);
}

static int read_document(struct build *b, const char *text, size_t len, zeus_error *err)
{
    struct json_reader reader;
    int is_power = b->what == ZEUS_DAEMON_GPU_POWER || b->what == ZEUS_DAEMON_CPU_POWER;
    int r = json_walk_open(&reader, text, len);
    int t = r < 0 ? r : json_next(&reader);
    for (; t == JSON_KEY && r == 0; t = r < 0 ? r : json_next(&reader)) {
        r = one_member(&reader, b, is_power);
    }
    if (r == 0) {
        r = t == JSON_OBJECT_END ? json_walk_close(&reader) : t < 0 ? t : ZEUS_EPARSE;
    }
    if (r == 0 && is_power && b->has_body != 1) {
        r = refuse(b, "\"power_mw\" is missing");
    }
    if (r == 0) {
        return 0;
    }
    if (b->problem || r == ZEUS_ENOMEM) {
        return err_set(err, r, "the answer: %s", b->problem ? b->problem : "out of memory");
    }
    (void)json_reader_error(&reader, err);
    err_prefix(err, "the answer");
    return r;
}

/* The fields of one question stand together in their table. */
static void choose(struct build *b, const struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].what == b->what) {
            b->fields = b->fields ? b->fields : &fields[i];
            b->field_count++;
        }
    }
}

static int by_id(const void *a, const void *b)
{
    /* Both kinds of row begin with their id. */
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

int reply_read_gpus(struct reply_gpus *ret, uint32_t what, const char *text, size_t len,
                    zeus_error *err)
{
    struct reply_gpus gpus = {0};
    struct build b = {.what = what, .gpus = &gpus};
    choose(&b, gpu_fields, ARRAY_LEN(gpu_fields));
    ZEUS_ASSERT(b.fields);
    int r = read_document(&b, text, len, err);
    if (r < 0) {
        free(gpus.rows);
        return r;
    }
    if (gpus.count > 1) {
        qsort(gpus.rows, gpus.count, sizeof(*gpus.rows), by_id);
    }
    gpus.timestamp_ms = b.timestamp_ms;
    *ret = gpus;
    return 0;
}

int reply_read_cpus(struct reply_cpus *ret, uint32_t what, const char *text, size_t len,
                    zeus_error *err)
{
    struct reply_cpus cpus = {0};
    struct build b = {.what = what, .cpus = &cpus};
    choose(&b, cpu_fields, ARRAY_LEN(cpu_fields));
    ZEUS_ASSERT(b.fields);
    int r = read_document(&b, text, len, err);
    if (r < 0) {
        free(cpus.rows);
        return r;
    }
    if (cpus.count > 1) {
        qsort(cpus.rows, cpus.count, sizeof(*cpus.rows), by_id);
    }
    cpus.timestamp_ms = b.timestamp_ms;
    *ret = cpus;
    return 0;
}

int reply_read_one_cpu(zeus_daemon_cpu_row *row, const char *text, size_t len, zeus_error *err)
{
    struct json_reader reader;
    struct build b = {.what = ZEUS_DAEMON_CPU_ENERGY};
    zeus_daemon_cpu_row made = {.id = row->id};
    uint32_t valid = 0;
    choose(&b, cpu_fields, ARRAY_LEN(cpu_fields));
    int r = json_walk_open(&reader, text, len);
    r = r == 0 ? take_row(&reader, &b, &made, &valid) : r;
    r = r == 0 ? json_walk_close(&reader) : r;
    if (r < 0) {
        (void)json_reader_error(&reader, err);
        err_prefix(err, "the answer");
        return r;
    }
    made.has_cpu = (valid & VALID_CPU) != 0;
    made.has_dram = (valid & VALID_DRAM) != 0;
    *row = made;
    return 0;
}
