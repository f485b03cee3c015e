/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of a report file: seal, schema, and the parts that are checked. See report_file.h.
 */
#include "cli/report_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define MEANS_MAX 4096u

uint64_t report_seal(const char *text, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static const char *find(const char *text, size_t len, const char *what)
{
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= len; i++) {
        if (text[i] == what[0] && memcmp(text + i, what, n) == 0) {
            return text + i;
        }
    }
    return NULL;
}

static int read_mean(struct json_reader *r, struct report_mean *mean)
{
    *mean = (struct report_mean){.energy_j = (double)NAN, .above_idle_j = (double)NAN};
    int t = json_next(r);
    for (; t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "label")) {
            code = report_read_text(r, mean->label, sizeof(mean->label));
        } else if (json_is(r, "energy_j")) {
            code = report_read_number(r, &mean->energy_j);
        } else if (json_is(r, "above_idle_j")) {
            code = report_read_number(r, &mean->above_idle_j);
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return ZEUS_EPARSE;
        }
    }
    return t == JSON_OBJECT_END && mean->label[0] ? 0 : ZEUS_EPARSE;
}

static int read_means(struct json_reader *r, struct report_file *file)
{
    int t = json_next(r);
    if (t != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    for (t = json_next(r); t == JSON_OBJECT_BEGIN; t = json_next(r)) {
        void *more = file->mean_count < MEANS_MAX
                         ? realloc(file->means, (file->mean_count + 1) * sizeof(*file->means))
                         : NULL;
        if (!more) {
            return ZEUS_ENOMEM;
        }
        file->means = more;
        if (read_mean(r, &file->means[file->mean_count]) < 0) {
            return ZEUS_EPARSE;
        }
        file->mean_count++;
    }
    return t == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}

typedef int read_fn(struct json_reader *r, struct report_file *file);

/* A member that is read by `read`, all others skipped; it must be there. */
static int read_only(struct json_reader *r, struct report_file *file, const char *key,
                     read_fn *read)
{
    int has_key = 0;
    int t = json_next(r) == JSON_OBJECT_BEGIN ? json_next(r) : ZEUS_EPARSE;
    for (; t == JSON_KEY; t = json_next(r)) {
        int is_it = json_is(r, key);
        int code = is_it ? read(r, file) : json_skip(r);
        if (code < 0) {
            return code == ZEUS_ENOMEM ? code : ZEUS_EPARSE;
        }
        has_key |= is_it;
    }
    return t == JSON_OBJECT_END && has_key ? 0 : ZEUS_EPARSE;
}

static int read_time(struct json_reader *r, struct report_file *file)
{
    return report_read_number(r, &file->time_s);
}

static int read_summary(struct json_reader *r, struct report_file *file)
{
    unsigned seen = 0;
    int t = json_next(r) == JSON_OBJECT_BEGIN ? json_next(r) : ZEUS_EPARSE;
    for (; t == JSON_KEY; t = json_next(r)) {
        int code = 0;
        if (json_is(r, "time_s")) {
            code = read_only(r, file, "mean", read_time);
            seen |= 1;
        } else if (json_is(r, "energy")) {
            code = read_means(r, file);
            seen |= 2;
        } else {
            code = json_skip(r);
        }
        if (code < 0) {
            return code == ZEUS_ENOMEM ? code : ZEUS_EPARSE;
        }
    }
    return t == JSON_OBJECT_END && seen == 3 ? 0 : ZEUS_EPARSE;
}

static int read_run(struct json_reader *r, struct report_file *file)
{
    return read_only(r, file, "summary", read_summary);
}

static int read_schema(struct json_reader *r, char schema[64])
{
    int code = report_read_text(r, schema, 64);
    return code < 0 ? code : strcmp(schema, REPORT_SCHEMA) == 0 ? 0 : ZEUS_EVERSION;
}

/* VERSION leaves the schema found in `schema`. */
static int read_data(struct json_reader *r, struct report_file *file, char schema[64])
{
    unsigned seen = 0;
    int code = json_next(r) == JSON_OBJECT_BEGIN ? 0 : ZEUS_EPARSE;
    int t = code ? code : json_next(r);
    for (; t == JSON_KEY && code == 0; t = code ? t : json_next(r)) {
        unsigned bit = json_is(r, "schema")   ? 1
                       : json_is(r, "checks") ? 2
                       : json_is(r, "plots")  ? 4
                       : json_is(r, "run")    ? 8
                                              : 0;
        code = seen & bit ? ZEUS_EPARSE
               : bit == 0 ? json_skip(r)
               : bit == 1 ? read_schema(r, schema)
               : bit == 2 ? report_read_checks(r, file)
               : bit == 4 ? report_read_plots(r, file)
                          : read_run(r, file);
        seen |= bit;
    }
    if (code == 0 && (t != JSON_OBJECT_END || json_next(r) != JSON_END || seen != 15)) {
        code = ZEUS_EPARSE;
    }
    return code;
}

static int check_seal(const char *text, size_t len, zeus_error *err)
{
    char seal[64];
    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    int n = snprintf(seal, sizeof(seal), REPORT_SEAL "%016llx -->", 0ULL);
    size_t size = (size_t)n;
    if (len < size || memcmp(text + len - size, REPORT_SEAL, strlen(REPORT_SEAL)) != 0) {
        return err_set(err, ZEUS_EPARSE, "the report is cut off: its last line is missing");
    }
    (void)snprintf(seal, sizeof(seal), REPORT_SEAL "%016llx -->",
                   (unsigned long long)report_seal(text, len - size));
    if (memcmp(text + len - size, seal, size) != 0) {
        return err_set(err, ZEUS_EPARSE, "the report was changed after it was written");
    }
    return 0;
}

static int explain(const struct json_reader *r, int code, const char *schema, zeus_error *err)
{
    if (code == ZEUS_ENOMEM) {
        return err_set(err, code, "out of memory");
    }
    if (code == ZEUS_EVERSION) {
        return err_set(err, code, "the report's schema is '%s'; this zeus reads " REPORT_SCHEMA,
                       schema);
    }
    if (r->problem) {
        return json_reader_error(r, err);
    }
    return err_set(err, ZEUS_EPARSE,
                   "data are missing or of the wrong kind near byte %zu of zeus-data", r->pos);
}

int report_load(const char *text, size_t len, struct report_file *ret_file, zeus_error *err)
{
    const char *data = find(text, len, REPORT_DATA_BEGIN);
    if (!data) {
        return err_set(err, ZEUS_EPARSE, "not a report of zeus run: it holds no zeus-data");
    }
    int code = check_seal(text, len, err);
    if (code < 0) {
        return code;
    }
    data += strlen(REPORT_DATA_BEGIN);
    const char *end = find(data, len - (size_t)(data - text), REPORT_DATA_END);
    if (!end) {
        return err_set(err, ZEUS_EPARSE, "the data of the report have no end");
    }
    struct json_reader r;
    char schema[64] = "";
    struct report_file file = {.time_s = (double)NAN};
    json_reader_init(&r, data, (size_t)(end - data));
    code = read_data(&r, &file, schema);
    if (code < 0) {
        report_done(&file);
        return explain(&r, code, schema, err);
    }
    *ret_file = file;
    return 0;
}

void report_done(struct report_file *file)
{
    for (size_t i = 0; i < file->plot_count; i++) {
        free((void *)(uintptr_t)file->plots[i].samples);
    }
    free(file->plots);
    free(file->checks);
    free(file->means);
    *file = (struct report_file){.time_s = (double)NAN};
}
