/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the energy totals outlives the daemon: reading and writing {"schema":"zeusd.energy/1",
 * "boot_id":"...","entries":[{"device":"...","domain":"...","total_uj":n, ...}]}. The reader takes
 * nothing on trust: a bad file is refused as a whole, so that no half of it is counted on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "daemon/energy_total.h"

#define SCHEMA   "zeusd.energy/1"
#define FILE_MAX (1u << 20)

/* The numbers of an entry, each once in reader and writer. */
struct number_field {
    const char *name;
    size_t offset;
};

static const struct number_field numbers[] = {
    {"total_uj", offsetof(struct energy_total, total_uj)},
    {"raw_uj", offsetof(struct energy_total, raw_uj)},
    {"time_ns", offsetof(struct energy_total, time_ns)},
    {"holes", offsetof(struct energy_total, holes)},
    {"day_uj", offsetof(struct energy_total, day_uj)},
    {"day_holes", offsetof(struct energy_total, day_holes)},
    {"day_wall_ms", offsetof(struct energy_total, day_wall_ms)},
    {"day_boot_ms", offsetof(struct energy_total, day_boot_ms)},
};

void energy_state_done(struct energy_state *state)
{
    free(state->entries);
    *state = (struct energy_state){0};
}

struct energy_entry *energy_state_entry(struct energy_state *state, const char *device,
                                        const char *domain)
{
    for (size_t i = 0; i < state->count; i++) {
        struct energy_entry *entry = &state->entries[i];
        if (strcmp(entry->device, device) == 0 && strcmp(entry->domain, domain) == 0) {
            return entry;
        }
    }
    if (strlen(device) >= ENERGY_KEY_MAX || strlen(domain) >= ENERGY_DOMAIN_MAX ||
        mem_grow(&state->entries, &state->capacity, state->count + 1, sizeof *state->entries,
                 ENERGY_ENTRIES_MAX) < 0) {
        return NULL;
    }
    struct energy_entry *entry = &state->entries[state->count++];
    *entry = (struct energy_entry){0};
    (void)snprintf(entry->device, sizeof entry->device, "%s", device);
    (void)snprintf(entry->domain, sizeof entry->domain, "%s", domain);
    return entry;
}

static int refuse(const struct json_reader *r, zeus_error *err, const char *what)
{
    return err_set(err, ZEUS_EPARSE, "byte %zu: %s", r->pos, what);
}

/* The next token must be this one. */
static int expect(struct json_reader *r, enum json_token wanted, const char *what, zeus_error *err)
{
    int token = json_next(r);
    if (token < 0) {
        return json_reader_error(r, err);
    }
    return token == (int)wanted ? 0 : refuse(r, err, what);
}

static int read_string(struct json_reader *r, char *out, size_t size, zeus_error *err)
{
    int status = expect(r, JSON_STRING, "a string is expected", err);
    if (status < 0) {
        return status;
    }
    return json_get_string(r, out, size) < 0 ? refuse(r, err, "the text is too long") : 0;
}

static int read_flag(struct json_reader *r, uint32_t *ret_flag, zeus_error *err)
{
    int token = json_next(r);
    if (token != JSON_TRUE && token != JSON_FALSE) {
        return token < 0 ? json_reader_error(r, err) : refuse(r, err, "true or false is expected");
    }
    *ret_flag = token == JSON_TRUE;
    return 0;
}

static int read_u64(struct json_reader *r, uint64_t *ret_value, zeus_error *err)
{
    int status = expect(r, JSON_NUMBER, "a number is expected", err);
    if (status < 0) {
        return status;
    }
    return json_get_u64(r, ret_value) < 0 ? refuse(r, err, "no whole number from 0 on") : 0;
}

/* One member whose key is the reader's current token. */
static int read_member(struct json_reader *r, struct energy_entry *entry, zeus_error *err)
{
    if (json_is(r, "device")) {
        return read_string(r, entry->device, sizeof entry->device, err);
    }
    if (json_is(r, "domain")) {
        return read_string(r, entry->domain, sizeof entry->domain, err);
    }
    if (json_is(r, "has_raw")) {
        return read_flag(r, &entry->total.has_raw, err);
    }
    if (json_is(r, "has_day")) {
        return read_flag(r, &entry->total.has_day, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (json_is(r, numbers[i].name)) {
            void *value = (char *)&entry->total + numbers[i].offset;
            return read_u64(r, value, err);
        }
    }
    return refuse(r, err, "an unknown member");
}

static int read_entry(struct json_reader *r, struct energy_state *state, zeus_error *err)
{
    struct energy_entry read = {0};
    for (int token = json_next(r); token != JSON_OBJECT_END; token = json_next(r)) {
        int status = token < 0 ? json_reader_error(r, err) : read_member(r, &read, err);
        if (status < 0) {
            return status;
        }
    }
    if (!read.device[0] || !read.domain[0] || read.total.day_uj > read.total.total_uj) {
        return refuse(r, err, "an entry without a name, or with more today than ever");
    }
    size_t before = state->count;
    struct energy_entry *entry = energy_state_entry(state, read.device, read.domain);
    if (!entry) {
        return err_set(err, ZEUS_ELIMIT, "more than %d entries", ENERGY_ENTRIES_MAX);
    }
    if (state->count == before) {
        return refuse(r, err, "an entry that is there twice");
    }
    entry->total = read.total;
    return 0;
}

static int read_entries(struct json_reader *r, struct energy_state *state, zeus_error *err)
{
    int status = expect(r, JSON_ARRAY_BEGIN, "an array is expected", err);
    while (status == 0) {
        int token = json_next(r);
        if (token == JSON_ARRAY_END) {
            return 0;
        }
        if (token != JSON_OBJECT_BEGIN) {
            return token < 0 ? json_reader_error(r, err) : refuse(r, err, "an object is expected");
        }
        status = read_entry(r, state, err);
    }
    return status;
}

static int read_top(struct json_reader *r, struct energy_state *state, zeus_error *err)
{
    char schema[32] = "";
    int status = expect(r, JSON_OBJECT_BEGIN, "an object is expected", err);
    while (status == 0) {
        int token = json_next(r);
        if (token == JSON_OBJECT_END) {
            status = expect(r, JSON_END, "text after the end", err);
            break;
        }
        if (token < 0) {
            return json_reader_error(r, err);
        }
        if (json_is(r, "schema")) {
            status = read_string(r, schema, sizeof schema, err);
        } else if (json_is(r, "boot_id")) {
            status = read_string(r, state->boot_id, sizeof state->boot_id, err);
        } else if (json_is(r, "entries")) {
            status = read_entries(r, state, err);
        } else {
            status = refuse(r, err, "an unknown member");
        }
    }
    return status == 0 && strcmp(schema, SCHEMA) != 0 ? refuse(r, err, "not of schema " SCHEMA)
                                                      : status;
}

int energy_state_parse(const char *text, size_t len, const char *boot_id,
                       struct energy_state *ret_state, zeus_error *err)
{
    struct energy_state state = {0};
    struct json_reader r;
    json_reader_init(&r, text, len);
    int status = strlen(boot_id) < sizeof state.boot_id ? read_top(&r, &state, err)
                                                        : err_set(err, ZEUS_EINVAL, "boot id");
    if (status < 0) {
        energy_state_done(&state);
        return status;
    }
    for (size_t i = 0; i < state.count && strcmp(state.boot_id, boot_id) != 0; i++) {
        energy_total_lose(&state.entries[i].total);
        state.entries[i].total.time_ns = 0; /* the clocks began again with the boot */
        state.entries[i].total.day_boot_ms = 0;
    }
    (void)snprintf(state.boot_id, sizeof state.boot_id, "%s", boot_id);
    *ret_state = state;
    return 0;
}

int energy_state_load(const char *path, const char *boot_id, struct energy_state *ret_state,
                      zeus_error *err)
{
    char *text _free_ = NULL;
    size_t len = 0;
    int r = file_read_all(path, FILE_MAX, &text, &len, err);
    if (r < 0) {
        return r;
    }
    r = energy_state_parse(text, len, boot_id, ret_state, err);
    if (r < 0) {
        err_prefix(err, "%s", path);
    }
    return r;
}

static void write_entry(struct json_writer *w, const struct energy_entry *entry)
{
    json_begin_object(w);
    json_key_string(w, "device", entry->device);
    json_key_string(w, "domain", entry->domain);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uint64_t value = 0;
        memcpy(&value, (const char *)&entry->total + numbers[i].offset, sizeof value);
        json_key_u64(w, numbers[i].name, value);
    }
    json_key_bool(w, "has_raw", entry->total.has_raw != 0);
    json_key_bool(w, "has_day", entry->total.has_day != 0);
    json_end_object(w);
}

int energy_state_save(const char *path, const struct energy_state *state, zeus_error *err)
{
    struct strbuf out;
    struct json_writer w;
    strbuf_init(&out, FILE_MAX);
    json_writer_init(&w, &out, 1);
    json_begin_object(&w);
    json_key_string(&w, "schema", SCHEMA);
    json_key_string(&w, "boot_id", state->boot_id);
    json_key(&w, "entries");
    json_begin_array(&w);
    for (size_t i = 0; i < state->count; i++) {
        write_entry(&w, &state->entries[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    r = r < 0 ? err_set(err, r, "%s: %s", path, zeus_strerror(r))
              : file_write_all(path, strbuf_text(&out), out.len, err);
    strbuf_done(&out);
    return r;
}
