/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibrations as JSON text, "zeus.calibration/1" (docs/calibration.md). Strict on reading: a key
 * that is not known is refused, since a mistyped one would silently leave a number as it was.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "monitor/calibration.h"

#define SCHEMA "zeus.calibration/1"
#define FAMILY "zeus.calibration/"

enum kind { TEXT, LENGTH, SHARE, FIELD, RESPONSE };

struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    size_t size;
    uint32_t valid; /* bits of `valid` that it sets */
};

#define ENTRY_AT(member) \
    offsetof(zeus_calibration_entry, member), sizeof(((zeus_calibration_entry *)0)->member)

static const struct key keys[] = {
    {"device", TEXT, ENTRY_AT(device), 0},
    {"name", TEXT, ENTRY_AT(device_name), 0},
    {"driver", TEXT, ENTRY_AT(driver), 0},
    {"domain", TEXT, ENTRY_AT(domain), 0},
    {"field", FIELD, ENTRY_AT(field), 0},
    {"date", TEXT, ENTRY_AT(date), 0},
    {"method", TEXT, ENTRY_AT(method), 0},
    {"period_ns", LENGTH, ENTRY_AT(period_ns), ZEUS_CALIBRATED_PERIOD},
    {"period_error_ns", LENGTH, ENTRY_AT(period_error_ns), 0},
    {"response", RESPONSE, ENTRY_AT(response), ZEUS_CALIBRATED_RESPONSE},
    {"window_ns", LENGTH, ENTRY_AT(window_ns), 0},
    {"window_error_ns", LENGTH, ENTRY_AT(window_error_ns), 0},
    {"tau_ns", LENGTH, ENTRY_AT(tau_ns), 0},
    {"tau_error_ns", LENGTH, ENTRY_AT(tau_error_ns), 0},
    {"lag_ns", LENGTH, ENTRY_AT(lag_ns), 0},
    {"lag_error_ns", LENGTH, ENTRY_AT(lag_error_ns), 0},
    {"explained", SHARE, ENTRY_AT(explained), 0},
};

static const char *const field_names[] = {"instant", "average", "counter"};
static const char *const response_names[] = {"boxcar", "rc"};

const char *zeus_calibrate_field_name(uint32_t field)
{
    return field < ARRAY_LEN(field_names) ? field_names[field] : "unknown";
}

const char *zeus_response_name(uint32_t response)
{
    return response < ARRAY_LEN(response_names) ? response_names[response] : "unknown";
}

/* Line of the reader's place, for errors about a value. */
static int line_of(const struct json_reader *r)
{
    int line = 1;
    for (size_t i = 0; i < r->pos && i < r->len; i++) {
        line += r->text[i] == '\n';
    }
    return line;
}

static int bad_value(const struct json_reader *r, const char *key, const char *what,
                     zeus_error *err)
{
    return err_set(err, ZEUS_EPARSE, "line %d: \"%s\" %s", line_of(r), key, what);
}

static int read_word(const struct json_reader *r, const struct key *key, const char *const *words,
                     size_t count, uint32_t *value, zeus_error *err)
{
    for (size_t i = 0; i < count && r->token == JSON_STRING; i++) {
        if (json_is(r, words[i])) {
            *value = (uint32_t)i;
            return 0;
        }
    }
    return bad_value(r, key->name,
                     key->kind == FIELD ? "is none of instant, average, counter"
                                        : "is neither boxcar nor rc",
                     err);
}

static int read_value(const struct json_reader *r, const struct key *key,
                      zeus_calibration_entry *entry, zeus_error *err)
{
    void *at = (char *)entry + key->offset;
    switch (key->kind) {
    case TEXT:
        if (json_get_string(r, at, key->size) < 0) {
            return bad_value(r, key->name, "is no text, or too long", err);
        }
        return 0;
    case LENGTH:
        if (json_get_u64(r, at) < 0) {
            return bad_value(r, key->name, "is no whole number of nanoseconds", err);
        }
        return 0;
    case SHARE:
        if (json_get_double(r, at) < 0) {
            return bad_value(r, key->name, "is no number", err);
        }
        return 0;
    case FIELD:
        return read_word(r, key, field_names, ARRAY_LEN(field_names), at, err);
    case RESPONSE:
        return read_word(r, key, response_names, ARRAY_LEN(response_names), at, err);
    }
    return ZEUS_EINTERNAL;
}

/* Bits of the keys seen; a bit for every row of the table. */
static int take_key(struct json_reader *r, uint32_t *seen, zeus_calibration_entry *entry,
                    zeus_error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!json_is(r, keys[i].name)) {
            continue;
        }
        if (*seen & 1u << i) {
            return bad_value(r, keys[i].name, "is given twice", err);
        }
        *seen |= 1u << i;
        int token = json_next(r);
        if (token < 0) {
            return json_reader_error(r, err);
        }
        entry->valid |= keys[i].valid;
        return read_value(r, &keys[i], entry, err);
    }
    char name[48] = "";
    (void)!json_get_string(r, name, sizeof name); /* too long for a known key: shown as "" */
    return bad_value(r, name, "is not known in an entry", err);
}

static int was_seen(uint32_t seen, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return (seen >> i & 1u) != 0;
        }
    }
    return 0;
}

/* Keys that stand and fall together. */
static int check_company(const struct json_reader *r, uint32_t seen,
                         const zeus_calibration_entry *entry, zeus_error *err)
{
    static const char *const always[] = {"device", "driver", "domain",    "field",
                                         "date",   "method", "period_ns", "period_error_ns"};
    static const char *const boxcar[] = {"window_ns", "window_error_ns", "lag_ns", "lag_error_ns"};
    static const char *const rc[] = {"tau_ns", "tau_error_ns", "lag_ns", "lag_error_ns"};
    for (size_t i = 0; i < ARRAY_LEN(always); i++) {
        if (!was_seen(seen, always[i])) {
            return bad_value(r, always[i], "is missing in the entry that ends here", err);
        }
    }
    int is_rc = entry->response == ZEUS_RESPONSE_RC;
    const char *const *company = is_rc ? rc : boxcar;
    const char *const *foreign = is_rc ? boxcar : rc;
    int has_response = (entry->valid & ZEUS_CALIBRATED_RESPONSE) != 0;
    for (size_t i = 0; i < ARRAY_LEN(boxcar); i++) {
        if (was_seen(seen, company[i]) != has_response) {
            return bad_value(r, has_response ? company[i] : "response",
                             "is missing in the entry that ends here", err);
        }
        if (i < 2 && was_seen(seen, foreign[i])) {
            return bad_value(r, foreign[i], "does not go with this response", err);
        }
    }
    return 0;
}

/* The current token opens the entry. */
static int read_entry(struct json_reader *r, struct zeus_calibration *set, int keep_old,
                      zeus_error *err)
{
    zeus_calibration_entry entry = {.field = 0};
    uint32_t seen = 0;
    int token = json_next(r);
    for (; token == JSON_KEY; token = json_next(r)) {
        int code = take_key(r, &seen, &entry, err);
        if (code < 0) {
            return code;
        }
    }
    if (token < 0) {
        return json_reader_error(r, err);
    }
    int code = check_company(r, seen, &entry, err);
    if (code < 0) {
        return code;
    }
    zeus_error detail = ZEUS_ERROR_INIT;
    if (calibration_check(&entry, &detail) < 0) {
        return err_set(err, ZEUS_EPARSE, "line %d: %s in the entry that ends here", line_of(r),
                       detail.message);
    }
    code = calibration_put(set, &entry, keep_old);
    return code < 0 ? err_set(err, code, "more than %zu entries, or out of memory",
                              (size_t)CALIBRATION_MOST)
                    : 0;
}

static int read_schema(struct json_reader *r, zeus_error *err)
{
    if (json_next(r) < 0) {
        return json_reader_error(r, err);
    }
    if (r->token == JSON_STRING && json_is(r, SCHEMA)) {
        return 0;
    }
    char text[48] = "";
    int len = r->token == JSON_STRING ? json_get_string(r, text, sizeof text) : -1;
    if (len < 0 || strncmp(text, FAMILY, strlen(FAMILY)) != 0) {
        return bad_value(r, "schema", "is not " SCHEMA ": no calibration file", err);
    }
    return err_set(err, ZEUS_EVERSION, "line %d: schema %s is not known to this version (%s is)",
                   line_of(r), text, SCHEMA);
}

static int read_entries(struct json_reader *r, struct zeus_calibration *set, int keep_old,
                        zeus_error *err)
{
    int token = json_next(r);
    if (token != JSON_ARRAY_BEGIN) {
        return token < 0 ? json_reader_error(r, err) : bad_value(r, "entries", "is no list", err);
    }
    while ((token = json_next(r)) == JSON_OBJECT_BEGIN) {
        int code = read_entry(r, set, keep_old, err);
        if (code < 0) {
            return code;
        }
    }
    if (token < 0) {
        return json_reader_error(r, err);
    }
    return token == JSON_ARRAY_END ? 0 : bad_value(r, "entries", "holds what is no entry", err);
}

/* The members after the opening brace: schema first, so that what follows is understood. */
static int read_members(struct json_reader *r, struct zeus_calibration *set, int keep_old,
                        zeus_error *err)
{
    int token = json_next(r);
    if (token < 0) {
        return json_reader_error(r, err);
    }
    if (token != JSON_KEY || !json_is(r, "schema")) {
        return bad_value(r, "schema", "does not come first: no calibration file", err);
    }
    int code = read_schema(r, err);
    int has_entries = 0;
    while (code == 0 && (token = json_next(r)) == JSON_KEY) {
        if (has_entries || !json_is(r, "entries")) {
            return bad_value(r, "entries", "has to be the only key beside \"schema\"", err);
        }
        has_entries = 1;
        code = read_entries(r, set, keep_old, err);
    }
    if (code < 0 || token < 0) {
        return code < 0 ? code : json_reader_error(r, err);
    }
    return has_entries ? 0 : bad_value(r, "entries", "is missing", err);
}

int calibration_read(struct zeus_calibration *set, const char *text, size_t len, int keep_old,
                     zeus_error *err)
{
    struct json_reader r;
    json_reader_init(&r, text, len);
    int token = json_next(&r);
    if (token < 0) {
        return json_reader_error(&r, err);
    }
    if (token != JSON_OBJECT_BEGIN) {
        return bad_value(&r, "schema", "is missing: no calibration file", err);
    }
    int code = read_members(&r, set, keep_old, err);
    if (code == 0 && json_next(&r) != JSON_END) {
        return json_reader_error(&r, err);
    }
    return code;
}

static void write_key(struct json_writer *w, const struct key *key,
                      const zeus_calibration_entry *entry)
{
    const char *at = (const char *)entry + key->offset;
    uint64_t length = 0;
    uint32_t word = 0;
    double share = 0;
    switch (key->kind) {
    case TEXT:
        json_key_string(w, key->name, at);
        break;
    case LENGTH:
        memcpy(&length, at, sizeof length);
        json_key_u64(w, key->name, length);
        break;
    case SHARE:
        memcpy(&share, at, sizeof share);
        json_key_double(w, key->name, share);
        break;
    case FIELD:
    case RESPONSE:
        memcpy(&word, at, sizeof word);
        json_key_string(w, key->name,
                        key->kind == FIELD ? field_names[word] : response_names[word]);
        break;
    }
}

/* What of an entry is written: the numbers that are valid. */
static int is_written(const struct key *key, const zeus_calibration_entry *entry)
{
    int is_response = key->offset >= offsetof(zeus_calibration_entry, window_ns) &&
                      key->offset <= offsetof(zeus_calibration_entry, explained);
    is_response |= key->kind == RESPONSE;
    if (is_response && !(entry->valid & ZEUS_CALIBRATED_RESPONSE)) {
        return 0;
    }
    int is_window = strncmp(key->name, "window", 6) == 0;
    int is_tau = strncmp(key->name, "tau", 3) == 0;
    return entry->response == ZEUS_RESPONSE_RC ? !is_window : !is_tau;
}

int calibration_write(const struct zeus_calibration *set, struct strbuf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 2);
    json_begin_object(&w);
    json_key_string(&w, "schema", SCHEMA);
    json_key(&w, "entries");
    json_begin_array(&w);
    for (size_t i = 0; i < set->count; i++) {
        json_begin_object(&w);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            if (is_written(&keys[k], &set->entries[i])) {
                write_key(&w, &keys[k], &set->entries[i]);
            }
        }
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    strbuf_addc(out, '\n');
    return r < 0 ? r : strbuf_status(out);
}
