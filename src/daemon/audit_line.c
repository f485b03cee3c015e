/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of an audit line. Every text is cut before it is written, so that a line has a
 * bound whatever a client sends.
 */
#include "daemon/audit_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "codec/json_writer.h"
#include "daemon/caller.h"

#define TEXT_MAX   160
#define REASON_MAX 512

static const char *const event_names[] = {
    [AUDIT_WRITE] = "write",
    [AUDIT_REFUSED] = "refused",
    [AUDIT_RESTORE] = "restore",
};

/* Writes a member unless there is nothing to say; cut at a character. */
static void add_text(struct json_writer *w, const char *key, const char *text, size_t max)
{
    if (!text || text[0] == '\0') {
        return;
    }
    size_t len = strnlen(text, max + 1);
    if (len > max) {
        len = max;
        while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80) {
            len--;
        }
    }
    json_key(w, key);
    json_string_n(w, text, len);
}

static void add_caller(struct json_writer *w, const struct caller *caller)
{
    if (!caller) {
        add_text(w, "owner", "zeusd", TEXT_MAX);
        return;
    }
    add_text(w, "owner", caller->owner, TEXT_MAX);
    if (caller->is_local) {
        json_key_u64(w, "uid", caller->uid);
        json_key_i64(w, "pid", caller->pid);
    }
    add_text(w, "subject", caller->subject, TEXT_MAX);
    add_text(w, "certificate", caller->certificate, TEXT_MAX);
    add_text(w, "address", caller->address, TEXT_MAX);
}

static void add_value(struct json_writer *w, enum setting setting,
                      const struct setting_value *value)
{
    if (!value->is_known) {
        json_null(w);
    } else if (value->is_unlocked) {
        json_string(w, "unlocked");
    } else if (setting == SETTING_GPU_CLOCKS || setting == SETTING_MEM_CLOCKS) {
        json_begin_array(w);
        json_u64(w, value->a);
        json_u64(w, value->b);
        json_end_array(w);
    } else {
        json_u64(w, value->a);
    }
}

static void add_changes(struct json_writer *w, const struct audit_record *record)
{
    if (!record->changes || record->change_count == 0) {
        return;
    }
    json_key(w, "changes");
    json_begin_array(w);
    for (size_t i = 0; i < record->change_count; i++) {
        const struct guard_change *change = &record->changes[i];
        json_begin_object(w);
        json_key_string(w, "setting", setting_name(change->setting));
        json_key(w, "old");
        add_value(w, change->setting, &change->before);
        json_key(w, "new");
        add_value(w, change->setting, &change->after);
        json_end_object(w);
    }
    json_end_array(w);
}

static void add_operation(struct json_writer *w, const struct audit_record *record)
{
    if (record->event == AUDIT_RESTORE) {
        add_text(w, "lease_owner", record->lease_owner, TEXT_MAX);
        return;
    }
    add_text(w, "operation", write_op_name(record->op), TEXT_MAX);
    const struct setting_value value = write_op_value(record->op, &record->args);
    if (value.is_unlocked) {
        return;
    }
    json_key(w, "arguments");
    json_begin_array(w);
    json_u64(w, record->args.a);
    if (record->op == WRITE_GPU_CLOCKS || record->op == WRITE_MEM_CLOCKS) {
        json_u64(w, record->args.b);
    }
    json_end_array(w);
}

int audit_line_body(const struct audit_record *record, struct strbuf *out)
{
    struct json_writer w;
    struct strbuf object CLEANUP(strbuf_done);
    strbuf_init(&object, AUDIT_LINE_MAX);
    json_writer_init(&w, &object, 0);
    json_begin_object(&w);
    add_text(&w, "event", event_names[record->event], TEXT_MAX);
    add_text(&w, "outcome", zeus_error_id(record->code), TEXT_MAX);
    add_caller(&w, record->caller);
    add_operation(&w, record);
    if (record->has_gpu) {
        json_key_u64(&w, "gpu_id", record->gpu_id);
        add_text(&w, "pci_address", record->pci, TEXT_MAX);
    }
    add_text(&w, "lease", record->lease, TEXT_MAX);
    add_changes(&w, record);
    if (record->code < 0) {
        add_text(&w, "reason", record->reason, REASON_MAX);
    }
    json_key(&w, "duration_ms");
    json_fixed(&w, (double)record->duration_ns / 1e6, 3);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        strbuf_add(out, object.data + 1, object.len - 2); /* braces off */
        r = strbuf_status(out);
    }
    return r;
}

void audit_line_time(uint64_t wall_ns, char out[AUDIT_TIME_SIZE])
{
    const time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm utc;
    char text[24] = "";
    if (gmtime_r(&seconds, &utc)) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    }
    (void)snprintf(out, AUDIT_TIME_SIZE, "%s.%06uZ", text,
                   (unsigned)(wall_ns % 1000000000u / 1000u));
}

/* FNV-1a, going on from `hash`. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3ull;
    }
    return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

uint64_t audit_line_hash(const struct audit_record *record)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    const uint32_t numbers[] = {(uint32_t)record->event, (uint32_t)record->op,
                                record->args.a,          record->args.b,
                                (uint32_t)record->code,  record->has_gpu ? record->gpu_id + 1 : 0};
    hash = hash_bytes(hash, numbers, sizeof numbers);
    if (record->caller) {
        hash = hash_text(hash, record->caller->owner);
        hash = hash_text(hash, record->caller->address);
        hash = hash_bytes(hash, &record->caller->pid, sizeof record->caller->pid);
    }
    return hash_text(hash_text(hash, record->lease), record->reason);
}
