/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading profiles. Columns are found by name; those between `frequency` and `time` whose names
 * are not known are a configuration, which together with the frequency is the knob. Values are
 * positive and finite when this is done with them.
 */
#include "codec/stage_profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/csv.h"

#define COLUMNS_MAX 64
#define ROWS_MAX    1000000
#define LABEL_SIZE  256

enum column {
    STAGE,
    INSTRUCTION,
    FREQUENCY,
    TIME,
    ENERGY,
    NEEDED,
    RANK = NEEDED,
    DP_RANK,
    PP_RANK,
    TP_RANK,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    "stage", "instruction", "frequency", "time", "energy", "rank", "dp_rank", "pp_rank", "tp_rank"};

static const char *const kind_names[STAGE_PROFILE_KINDS] = {
    [STAGE_PROFILE_FORWARD] = "forward",
    [STAGE_PROFILE_BACKWARD] = "backward",
    [STAGE_PROFILE_FORWARD_BACKWARD] = "forward_backward",
    [STAGE_PROFILE_RECOMPUTE] = "recompute",
};

struct reader {
    struct csv_reader csv;
    struct csv_field header[COLUMNS_MAX];
    size_t columns;
    int column[COLUMNS];
    uint8_t is_label[COLUMNS_MAX];
    zeus_error *err;
};

void stage_profile_done(struct stage_profile *p)
{
    for (size_t i = 0; i < p->rows; i++) {
        free(p->row[i].label);
    }
    free(p->row);
    *p = (struct stage_profile){0};
}

const char *stage_profile_kind_name(unsigned kind)
{
    return kind < STAGE_PROFILE_KINDS ? kind_names[kind] : "other";
}

int stage_profile_add(struct stage_profile *p, struct stage_profile_row row)
{
    int r = mem_grow(&p->row, &p->room, p->rows + 1, sizeof(*p->row), ROWS_MAX);
    if (r < 0) {
        free(row.label);
        return r;
    }
    row.order = p->rows;
    row.ranks = MAX_OF(row.ranks, 1);
    p->row[p->rows++] = row;
    return 0;
}

static int read_header(struct reader *r)
{
    int t = csv_next(&r->csv, r->header, COLUMNS_MAX, &r->columns);
    if (t <= 0) {
        return t < 0 ? csv_reader_error(&r->csv, t, r->err)
                     : err_set(r->err, ZEUS_EPARSE, "the profile is empty");
    }
    for (int c = 0; c < COLUMNS; c++) {
        r->column[c] = csv_find(r->header, r->columns, column_names[c]);
        if (c < NEEDED && r->column[c] < 0) {
            return err_set(r->err, ZEUS_EPARSE, "the profile has no column \"%s\"",
                           column_names[c]);
        }
    }
    for (int i = r->column[FREQUENCY] + 1; i < r->column[TIME]; i++) {
        r->is_label[i] = 1;
        for (int c = 0; c < COLUMNS; c++) {
            r->is_label[i] = r->column[c] == i ? 0 : r->is_label[i];
        }
    }
    return 0;
}

/* "1410, norm_0-none-12-1024": the knob in words where there is more than a frequency. Empty fields
 * belong to other instructions. */
static int read_label(const struct reader *r, const struct csv_field *fields,
                      struct stage_profile_row *row)
{
    struct strbuf text;
    char word[LABEL_SIZE];
    int words = 0;
    int status = 0;
    strbuf_init(&text, LABEL_SIZE);
    strbuf_addf(&text, "%lld", (long long)row->frequency_mhz);
    for (size_t i = 0; status == 0 && i < r->columns; i++) {
        if (!r->is_label[i] || fields[i].len == 0) {
            continue;
        }
        int n = csv_get_string(&fields[i], word, sizeof(word));
        status = n < 0 || strpbrk(word, ",'\"\\\n") ? ZEUS_EPARSE : 0;
        strbuf_addf(&text, ", %s", word);
        words++;
    }
    status = status == 0 && words > 0 ? strbuf_take(&text, &row->label) : status;
    strbuf_done(&text);
    return status;
}

static int read_kind(const struct csv_field *field, uint8_t *ret_kind)
{
    for (uint8_t k = 0; k < STAGE_PROFILE_KINDS; k++) {
        if (csv_is(field, kind_names[k])) {
            *ret_kind = k;
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

static int read_frequency(const struct csv_field *field, int64_t *ret_mhz)
{
    double value = 0;
    if (csv_get_i64(field, ret_mhz) == 0) {
        return *ret_mhz >= 0 ? 0 : ZEUS_ERANGE;
    }
    if (csv_get_double(field, &value) < 0 || !(value >= 0) || value > 1e9) {
        return ZEUS_EPARSE;
    }
    *ret_mhz = (int64_t)value;
    return 0;
}

static int read_amount(const struct csv_field *field, double most, double *ret_value)
{
    int r = csv_get_double(field, ret_value);
    return r < 0 || !(*ret_value > 0) || *ret_value > most ? ZEUS_ERANGE : 0;
}

/* What cannot be used of a row; NULL when all can. */
static const char *read_fields(const struct reader *r, const struct csv_field *fields,
                               struct stage_profile_row *row)
{
    const int *c = r->column;
    int64_t stage = 0;
    if (csv_get_i64(&fields[c[STAGE]], &stage) < 0 || stage < 0 ||
        stage >= STAGE_PROFILE_STAGES_MAX) {
        return "stage";
    }
    row->stage = (int32_t)stage;
    if (read_kind(&fields[c[INSTRUCTION]], &row->kind) < 0) {
        return "instruction";
    }
    if (read_frequency(&fields[c[FREQUENCY]], &row->frequency_mhz) < 0) {
        return "frequency";
    }
    if (read_amount(&fields[c[TIME]], 1e9, &row->time_s) < 0) {
        return "time";
    }
    if (read_amount(&fields[c[ENERGY]], 1e15, &row->energy_j) < 0) {
        return "energy";
    }
    if (c[RANK] >= 0 && (csv_get_i64(&fields[c[RANK]], &row->rank) < 0 || row->rank < 0)) {
        return "rank";
    }
    return NULL;
}

static int read_row(struct stage_profile *p, const struct reader *r, const struct csv_field *fields,
                    size_t count)
{
    if (count != r->columns) {
        return err_set(r->err, ZEUS_EPARSE, "line %zu has %zu columns, the header %zu", r->csv.line,
                       count, r->columns);
    }
    struct stage_profile_row row = {.rank = -1};
    const char *wrong = read_fields(r, fields, &row);
    int label = wrong ? 0 : read_label(r, fields, &row);
    if (label == ZEUS_ENOMEM) {
        return err_set(r->err, label, "out of memory");
    }
    wrong = label < 0 ? "configuration" : wrong;
    if (wrong) {
        return err_set(r->err, ZEUS_EPARSE, "line %zu: the %s cannot be used", r->csv.line, wrong);
    }
    int e = stage_profile_add(p, row);
    if (e == ZEUS_ENOMEM) {
        return err_set(r->err, e, "out of memory");
    }
    return e < 0 ? err_set(r->err, e, "a profile of more than %d rows", ROWS_MAX) : 0;
}

static int same_words(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int by_knob(const struct stage_profile_row *a, const struct stage_profile_row *b)
{
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->stage != b->stage) {
        return a->stage < b->stage ? -1 : 1;
    }
    if (a->frequency_mhz != b->frequency_mhz) {
        return a->frequency_mhz > b->frequency_mhz ? -1 : 1;
    }
    return same_words(a->label, b->label);
}

static int by_order(const struct stage_profile_row *a, const struct stage_profile_row *b)
{
    return (a->order > b->order) - (a->order < b->order);
}

static int by_rank(const void *left, const void *right)
{
    const struct stage_profile_row *a = left;
    const struct stage_profile_row *b = right;
    int order = by_knob(a, b);
    order = order ? order : (a->rank > b->rank) - (a->rank < b->rank);
    return order ? order : by_order(a, b);
}

static int by_repeat(const void *left, const void *right)
{
    const struct stage_profile_row *a = left;
    const struct stage_profile_row *b = right;
    int order = by_knob(a, b);
    order = order ? order : (a->repeat > b->repeat) - (a->repeat < b->repeat);
    order = order ? order : (a->rank > b->rank) - (a->rank < b->rank);
    return order ? order : by_order(a, b);
}

static int check_ranks(const struct stage_profile *p, int64_t *ret_ranks, zeus_error *err)
{
    for (size_t i = 1; i < p->rows; i++) {
        const struct stage_profile_row *row = &p->row[i];
        if (row->ranks != p->row[0].ranks) {
            return err_set(err, ZEUS_EINVAL,
                           "%lld ranks profiled %s of stage %d at %lld MHz, %lld another",
                           (long long)row->ranks, kind_names[row->kind], (int)row->stage,
                           (long long)row->frequency_mhz, (long long)p->row[0].ranks);
        }
    }
    *ret_ranks = p->rows > 0 ? p->row[0].ranks : 1;
    return 0;
}

int stage_profile_merge(struct stage_profile *p, int64_t *ret_ranks, zeus_error *err)
{
    struct stage_profile_row *row = p->row;
    size_t kept = 0;
    if (p->rows > 0) {
        qsort(row, p->rows, sizeof(*row), by_rank);
    }
    for (size_t i = 0; i < p->rows; i++) {
        int is_again =
            i > 0 && by_knob(&row[i - 1], &row[i]) == 0 && row[i - 1].rank == row[i].rank;
        row[i].repeat = is_again ? row[i - 1].repeat + 1 : 0;
    }
    if (p->rows > 0) {
        qsort(row, p->rows, sizeof(*row), by_repeat);
    }
    for (size_t i = 0; i < p->rows; i++) {
        struct stage_profile_row *last = kept > 0 ? &row[kept - 1] : NULL;
        if (last && row[i].rank >= 0 && last->repeat == row[i].repeat &&
            by_knob(last, &row[i]) == 0) {
            last->time_s = MAX_OF(last->time_s, row[i].time_s);
            last->energy_j += row[i].energy_j;
            last->rank = row[i].rank;
            last->ranks += row[i].ranks;
            free(row[i].label);
        } else {
            row[kept++] = row[i];
        }
    }
    p->rows = kept;
    return check_ranks(p, ret_ranks, err);
}

int stage_profile_read(struct stage_profile *p, const char *text, size_t len, int64_t *ret_ranks,
                       zeus_error *err)
{
    struct reader r = {.err = err};
    struct csv_field fields[COLUMNS_MAX];
    size_t count = 0;
    int t = 0;
    csv_reader_init(&r.csv, text, len);
    int e = read_header(&r);
    while (e == 0 && (t = csv_next(&r.csv, fields, COLUMNS_MAX, &count)) > 0) {
        e = read_row(p, &r, fields, count);
    }
    if (e == 0 && t < 0) {
        e = csv_reader_error(&r.csv, t, err);
    }
    if (e == 0 && p->rows == 0) {
        e = err_set(err, ZEUS_EPARSE, "the profile has no rows");
    }
    return e < 0 ? e : stage_profile_merge(p, ret_ranks, err);
}
