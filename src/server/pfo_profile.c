/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading profiles. Values are checked for use by pipeline_create; here only for being numbers.
 */
#include "server/pfo_profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/csv.h"

#define ROWS_MAX    1000000
#define COLUMNS_MAX 64
#define STAGE_MAX   1000000

static const char *const kind_names[] = {
    [SCHEDULE_FORWARD] = "forward", [SCHEDULE_BACKWARD] = "backward"};

void pfo_profile_done(struct pfo_profile *p)
{
    free(p->rows);
    free(p->ranks);
    *p = (struct pfo_profile){0};
}

int pfo_profile_add(struct pfo_profile *p, size_t first, const struct pipeline_row *row)
{
    for (size_t i = first; i < p->count; i++) {
        struct pipeline_row *old = &p->rows[i];
        if (old->stage == row->stage && old->kind == row->kind &&
            old->frequency_mhz == row->frequency_mhz) {
            old->time_s = MAX_OF(old->time_s, row->time_s);
            old->energy_j += row->energy_j;
            p->ranks[i]++;
            return 0;
        }
    }
    int r = mem_grow(&p->rows, &p->capacity, p->count + 1, sizeof(*p->rows), ROWS_MAX);
    if (r == 0) {
        r = mem_grow(&p->ranks, &p->ranks_capacity, p->count + 1, sizeof(*p->ranks), ROWS_MAX);
    }
    if (r == 0) {
        p->ranks[p->count] = 1;
        p->rows[p->count++] = *row;
    }
    return r;
}

/* Mean of all numbers in the member `name` of a breakdown; 0 when there is none. */
static size_t mean(const char *breakdown, const char *name, double *ret_mean)
{
    struct json_reader r;
    double sum = 0;
    size_t count = 0;
    json_view_open((struct json_view){breakdown, strlen(breakdown)}, &r);
    for (int token = json_next(&r); token > 0; token = json_next(&r)) {
        if (token != JSON_KEY) {
            continue;
        }
        int is_wanted = json_is(&r, name);
        int depth = 0;
        do {
            double value = 0;
            token = json_next(&r);
            depth += (token == JSON_ARRAY_BEGIN) - (token == JSON_ARRAY_END);
            if (is_wanted && token == JSON_NUMBER && json_get_double(&r, &value) == 0) {
                sum += value;
                count++;
            }
        } while (token > 0 && depth > 0);
    }
    *ret_mean = count ? sum / (double)count : 0;
    return count;
}

int pfo_profile_mean(const struct pfo_result *result, uint8_t kind, struct pipeline_row *ret,
                     zeus_error *err)
{
    const char *name = kind_names[kind];
    ret->kind = kind;
    if (mean(result->time_breakdown, name, &ret->time_s) == 0 ||
        mean(result->energy_breakdown, name, &ret->energy_j) == 0) {
        return err_set(err, ZEUS_EINVAL,
                       "rank %lld reported no time_breakdown or energy_breakdown of %s in a "
                       "profiling round",
                       (long long)result->rank, name);
    }
    return 0;
}

enum column { STAGE, INSTRUCTION, FREQUENCY, TIME, ENERGY, NEEDED, RANK = NEEDED, COLUMNS };

static const char *const column_names[COLUMNS] = {"stage", "instruction", "frequency",
                                                  "time",  "energy",      "rank"};

static int read_header(struct csv_reader *r, int *column, size_t *ret_count, zeus_error *err)
{
    struct csv_field fields[COLUMNS_MAX];
    int t = csv_next(r, fields, COLUMNS_MAX, ret_count);
    if (t <= 0) {
        return t < 0 ? csv_reader_error(r, t, err)
                     : err_set(err, ZEUS_EPARSE, "the profile is empty");
    }
    for (int c = 0; c < COLUMNS; c++) {
        column[c] = csv_find(fields, *ret_count, column_names[c]);
        if (c < NEEDED && column[c] < 0) {
            return err_set(err, ZEUS_EPARSE, "the profile has no column \"%s\"", column_names[c]);
        }
    }
    return 0;
}

static const char *read_row(const struct csv_field *fields, const int *column,
                            struct pipeline_row *ret)
{
    int64_t stage = 0;
    if (csv_get_i64(&fields[column[STAGE]], &stage) < 0 || stage < 0 || stage > STAGE_MAX) {
        return "stage";
    }
    ret->stage = (int32_t)stage;
    if (csv_is(&fields[column[INSTRUCTION]], "forward")) {
        ret->kind = SCHEDULE_FORWARD;
    } else if (csv_is(&fields[column[INSTRUCTION]], "backward")) {
        ret->kind = SCHEDULE_BACKWARD;
    } else {
        return "instruction";
    }
    if (csv_get_i64(&fields[column[FREQUENCY]], &ret->frequency_mhz) < 0 ||
        ret->frequency_mhz < 0) {
        return "frequency";
    }
    if (csv_get_double(&fields[column[TIME]], &ret->time_s) < 0) {
        return "time";
    }
    return csv_get_double(&fields[column[ENERGY]], &ret->energy_j) < 0 ? "energy" : NULL;
}

int pfo_profile_read_csv(struct pfo_profile *p, const char *text, size_t len, zeus_error *err)
{
    struct csv_reader r;
    struct csv_field fields[COLUMNS_MAX];
    int column[COLUMNS];
    size_t columns = 0;
    size_t count = 0;
    csv_reader_init(&r, text, len);
    int status = read_header(&r, column, &columns, err);
    int t = 0;
    while (status == 0 && (t = csv_next(&r, fields, COLUMNS_MAX, &count)) > 0) {
        struct pipeline_row row = {0};
        const char *wrong = count == columns ? read_row(fields, column, &row) : "row";
        if (wrong) {
            return err_set(err, ZEUS_EPARSE, "line %zu: the %s cannot be used", r.line, wrong);
        }
        /* Without ranks two rows of one knob are two measurements and stay two. */
        status = pfo_profile_add(p, column[RANK] >= 0 ? 0 : p->count, &row);
    }
    if (status < 0 || t < 0) {
        return t < 0 ? csv_reader_error(&r, t, err)
                     : (err && *err->message ? status : err_set(err, status, "too many rows"));
    }
    return 0;
}
