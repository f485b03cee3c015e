/* SPDX-License-Identifier: Apache-2.0
 *
 * Profiles: a CSV with one row per stage, instruction and frequency becomes the specs of a pipeline
 * (docs/planner.md; the columns are those of the original Perseus and of Kareus). Rows of several
 * ranks that share a stage run side by side, so their times are merged by the longest and their
 * energies by the sum.
 */
#include <zeus/dag.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "codec/csv.h"
#include "core/dag_problem.h"

#define COLUMNS_MAX 64
#define ROWS_MAX    1000000
#define STAGES_MAX  65536
#define LABEL_SIZE  256

enum column {
    STAGE,
    INSTRUCTION,
    FREQUENCY,
    TIME,
    ENERGY,
    RANK,
    DP_RANK,
    PP_RANK,
    TP_RANK,
    COLUMNS
};

static const char *const column_names[COLUMNS] = {
    "stage", "instruction", "frequency", "time", "energy", "rank", "dp_rank", "pp_rank", "tp_rank"};

struct row {
    int32_t stage;
    uint32_t kind;
    int64_t frequency;
    int64_t rank; /* -1: not given */
    double time_s;
    double energy_j;
    char *label; /* owned; may be NULL */
    size_t order;
};

struct profile {
    struct row *row; /* owned */
    size_t rows;
    size_t room;
    int column[COLUMNS];
    uint8_t is_label[COLUMNS_MAX];
    struct csv_field header[COLUMNS_MAX];
    size_t header_count;
    zeus_error *err;
};

static void profile_done(struct profile *p)
{
    for (size_t i = 0; i < p->rows; i++) {
        free(p->row[i].label);
    }
    free(p->row);
}

static int read_header(struct profile *p, struct csv_reader *r)
{
    int t = csv_next(r, p->header, COLUMNS_MAX, &p->header_count);
    if (t < 0) {
        return csv_reader_error(r, t, p->err);
    }
    if (t == 0) {
        return err_set(p->err, ZEUS_EPARSE, "the profile is empty");
    }
    for (int c = 0; c < COLUMNS; c++) {
        p->column[c] = csv_find(p->header, p->header_count, column_names[c]);
        if (c <= ENERGY && p->column[c] < 0) {
            return err_set(p->err, ZEUS_EPARSE, "the profile has no column \"%s\"",
                           column_names[c]);
        }
    }
    for (int i = p->column[FREQUENCY] + 1; i < p->column[TIME]; i++) {
        p->is_label[i] = 1;
        for (int c = 0; c < COLUMNS; c++) {
            p->is_label[i] = p->column[c] == i ? 0 : p->is_label[i];
        }
    }
    return 0;
}

/* "1410, norm_0-none-12-1024": the knob in words where there is more than a frequency. */
static int read_label(struct profile *p, const struct csv_field *fields, size_t count,
                      struct row *row)
{
    struct strbuf text;
    char word[LABEL_SIZE];
    int any = 0;
    strbuf_init(&text, LABEL_SIZE);
    strbuf_addf(&text, "%lld", (long long)row->frequency);
    for (size_t i = 0; i < count; i++) {
        if (p->is_label[i] && csv_get_string(&fields[i], word, sizeof(word)) >= 0) {
            strbuf_addf(&text, ", %s", word);
            any = 1;
        }
    }
    int r = any ? strbuf_take(&text, &row->label) : 0;
    strbuf_done(&text);
    return r < 0 ? err_set(p->err, r, "the configuration columns are too long") : 0;
}

static int read_kind(const struct csv_field *field, uint32_t *ret_kind)
{
    for (uint32_t k = 0; k < ZEUS_DAG_OTHER; k++) {
        if (csv_is(field, zeus_dag_kind_name(k))) {
            *ret_kind = k;
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

static int read_frequency(const struct csv_field *field, int64_t *ret_frequency)
{
    double value = 0;
    if (csv_get_i64(field, ret_frequency) == 0) {
        return *ret_frequency >= 0 ? 0 : ZEUS_ERANGE;
    }
    if (csv_get_double(field, &value) < 0 || !(value >= 0) || value > 1e9) {
        return ZEUS_EPARSE;
    }
    *ret_frequency = (int64_t)value;
    return 0;
}

static int read_row(struct profile *p, const struct csv_reader *r, const struct csv_field *fields,
                    size_t count)
{
    if (count != p->header_count) {
        return err_set(p->err, ZEUS_EPARSE, "line %zu has %zu columns, the header %zu", r->line,
                       count, p->header_count);
    }
    int64_t stage = 0;
    struct row row = {.rank = -1, .order = p->rows};
    const char *wrong = NULL;
    if (csv_get_i64(&fields[p->column[STAGE]], &stage) < 0 || stage < 0 || stage >= STAGES_MAX) {
        wrong = "stage";
    } else if (read_kind(&fields[p->column[INSTRUCTION]], &row.kind) < 0) {
        wrong = "instruction";
    } else if (read_frequency(&fields[p->column[FREQUENCY]], &row.frequency) < 0) {
        wrong = "frequency";
    } else if (csv_get_double(&fields[p->column[TIME]], &row.time_s) < 0 || !(row.time_s > 0) ||
               row.time_s > 1e9) {
        wrong = "time";
    } else if (csv_get_double(&fields[p->column[ENERGY]], &row.energy_j) < 0 ||
               !(row.energy_j > 0) || row.energy_j > 1e15) {
        wrong = "energy";
    } else if (p->column[RANK] >= 0 && csv_get_i64(&fields[p->column[RANK]], &row.rank) < 0) {
        wrong = "rank";
    }
    if (wrong) {
        return err_set(p->err, ZEUS_EPARSE, "line %zu: the %s cannot be used", r->line, wrong);
    }
    row.stage = (int32_t)stage;
    int e = mem_grow(&p->row, &p->room, p->rows + 1, sizeof(*p->row), ROWS_MAX);
    if (e < 0) {
        return err_set(p->err, e, "a profile of more than %d rows", ROWS_MAX);
    }
    e = read_label(p, fields, count, &row);
    if (e == 0) {
        p->row[p->rows++] = row;
    }
    return e;
}

static int same_words(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

/* Same work and same knob together, in the order of the file. */
static int by_knob(const void *left, const void *right)
{
    const struct row *a = left;
    const struct row *b = right;
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->stage != b->stage) {
        return a->stage < b->stage ? -1 : 1;
    }
    if (a->frequency != b->frequency) {
        return a->frequency > b->frequency ? -1 : 1;
    }
    int words = same_words(a->label, b->label);
    return words ? words : (a->order > b->order) - (a->order < b->order);
}

static int is_same_knob(const struct row *a, const struct row *b)
{
    return a->kind == b->kind && a->stage == b->stage && a->frequency == b->frequency &&
           same_words(a->label, b->label) == 0;
}

/* Merges rows of different ranks; two rows of one rank are two measurements and stay two. */
static void merge_ranks(struct profile *p)
{
    size_t kept = 0;
    qsort(p->row, p->rows, sizeof(*p->row), by_knob);
    for (size_t i = 0; i < p->rows; i++) {
        struct row *last = kept > 0 ? &p->row[kept - 1] : NULL;
        struct row *now = &p->row[i];
        if (last && now->rank >= 0 && last->rank != now->rank && is_same_knob(last, now)) {
            last->time_s = MAX_OF(last->time_s, now->time_s);
            last->energy_j += now->energy_j;
            last->rank = now->rank;
            free(now->label);
        } else {
            p->row[kept++] = *now;
        }
    }
    p->rows = kept;
}

static int load_rows(struct profile *p, const char *text, size_t length)
{
    struct csv_reader r;
    struct csv_field fields[COLUMNS_MAX];
    size_t count = 0;
    csv_reader_init(&r, text, length);
    int e = read_header(p, &r);
    int t = 0;
    while (e == 0 && (t = csv_next(&r, fields, COLUMNS_MAX, &count)) > 0) {
        e = read_row(p, &r, fields, count);
    }
    if (e == 0 && t < 0) {
        e = csv_reader_error(&r, t, p->err);
    }
    if (e == 0 && p->rows == 0) {
        e = err_set(p->err, ZEUS_EPARSE, "the profile has no rows");
    }
    if (e == 0) {
        merge_ranks(p);
    }
    return e;
}

/* Number of options that survive the filter of a spec. */
static int kept_options(const zeus_dag_spec *spec, double unit_s, int32_t *ret_kept)
{
    struct assign_option *o _free_ = mem_calloc(spec->option_count, sizeof(*o));
    if (!o) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < spec->option_count; i++) {
        int32_t quant = assign_quantize(spec->options[i].time_s, unit_s);
        double idle = spec->idle_power_w * quant * unit_s;
        o[i] = (struct assign_option){spec->options[i].time_s, spec->options[i].cost_j - idle,
                                      quant, (int32_t)i};
        if (quant < 0) {
            return ZEUS_ERANGE;
        }
    }
    *ret_kept = assign_filter(o, (int32_t)spec->option_count, 1);
    return 0;
}

static int add_spec(zeus_dag *dag, const struct profile *p, size_t first, size_t count,
                    const zeus_dag_profile *options, int32_t *ret_spec)
{
    char name[64];
    int32_t kept = 0;
    zeus_dag_option *list _free_ = mem_calloc(count, sizeof(*list));
    if (!list) {
        return err_set(p->err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &p->row[first + i];
        list[i] = (zeus_dag_option){row->time_s, row->energy_j, row->frequency, row->label};
    }
    (void)snprintf(name, sizeof(name), "stage %d %s", (int)p->row[first].stage,
                   zeus_dag_kind_name(p->row[first].kind)); /* always fits */
    zeus_dag_spec spec = {.size = sizeof(spec),
                          .model = options->model,
                          .options = list,
                          .option_count = count,
                          .idle_power_w = options->p2p_power_w,
                          .name = name};
    int r = kept_options(&spec, dag->problem->unit_s, &kept);
    if (r < 0) {
        return err_set(p->err, r, "%s takes too long for the time unit", name);
    }
    if (kept <= 3) {
        spec.noise_factor = options->noise_factor > 0 ? options->noise_factor : 0.95;
    }
    return zeus_dag_add_spec(dag, &spec, ret_spec, p->err);
}

/* Specs of every kind and stage that the profile has; -1 where it has none. */
static int add_specs(zeus_dag *dag, const struct profile *p, const zeus_dag_profile *options,
                     int32_t *spec_of, int32_t parts)
{
    for (size_t i = 0; i < (size_t)parts * ZEUS_DAG_OTHER; i++) {
        spec_of[i] = -1;
    }
    for (size_t first = 0; first < p->rows;) {
        size_t end = first;
        while (end < p->rows && p->row[end].kind == p->row[first].kind &&
               p->row[end].stage == p->row[first].stage) {
            end++;
        }
        size_t at = p->row[first].kind * (size_t)parts + (size_t)p->row[first].stage;
        int r = add_spec(dag, p, first, end - first, options, &spec_of[at]);
        if (r < 0) {
            return r;
        }
        first = end;
    }
    return 0;
}

static int check_specs(const struct profile *p, const int32_t *spec_of, int32_t parts)
{
    for (int32_t part = 0; part < parts; part++) {
        for (uint32_t kind = ZEUS_DAG_FORWARD; kind <= ZEUS_DAG_BACKWARD; kind++) {
            if (spec_of[kind * (uint32_t)parts + (uint32_t)part] < 0) {
                return err_set(p->err, ZEUS_EINVAL, "the profile has no %s of stage %d",
                               zeus_dag_kind_name(kind), (int)part);
            }
        }
    }
    return 0;
}

static const int32_t *whole_or_none(const int32_t *specs, int32_t parts)
{
    for (int32_t part = 0; part < parts; part++) {
        if (specs[part] < 0) {
            return NULL;
        }
    }
    return specs;
}

static int build(zeus_dag *dag, const struct profile *p, const zeus_dag_profile *options)
{
    uint32_t chunks = MAX_OF(options->chunks, 1);
    int32_t parts = 0;
    for (size_t i = 0; i < p->rows; i++) {
        parts = MAX_OF(parts, p->row[i].stage + 1);
    }
    if (options->stages > 0 && (uint32_t)parts != options->stages * chunks) {
        return err_set(p->err, ZEUS_EINVAL, "the profile has %d stages, not %u", (int)parts,
                       options->stages * chunks);
    }
    if (parts == 0 || (uint32_t)parts % chunks != 0) {
        return err_set(p->err, ZEUS_EINVAL, "%d stages in the profile cannot be %u chunks a stage",
                       (int)parts, chunks);
    }
    int32_t *spec_of _free_ = mem_calloc((size_t)parts * ZEUS_DAG_OTHER, sizeof(*spec_of));
    if (!spec_of) {
        return err_set(p->err, ZEUS_ENOMEM, "out of memory");
    }
    int r = add_specs(dag, p, options, spec_of, parts);
    r = r < 0 ? r : check_specs(p, spec_of, parts);
    if (r < 0) {
        return r;
    }
    zeus_dag_pipeline pipe = {
        .size = sizeof(pipe),
        .schedule = options->schedule,
        .stages = (uint32_t)parts / chunks,
        .micro_batches = options->micro_batches,
        .chunks = chunks,
        .forward = spec_of + (size_t)parts * ZEUS_DAG_FORWARD,
        .backward = spec_of + (size_t)parts * ZEUS_DAG_BACKWARD,
        .forward_backward =
            whole_or_none(spec_of + (size_t)parts * ZEUS_DAG_FORWARD_BACKWARD, parts),
        .recompute = whole_or_none(spec_of + (size_t)parts * ZEUS_DAG_RECOMPUTE, parts),
    };
    return zeus_dag_add_pipeline(dag, &pipe, p->err);
}

static int check_options(const zeus_dag_profile *o, zeus_error *err)
{
    if (!o || o->size < sizeof(*o) || o->micro_batches == 0 || o->chunks > 1024 ||
        o->stages > STAGES_MAX) {
        return err_set(err, ZEUS_EINVAL, "profile options without micro-batches");
    }
    if (o->model == ZEUS_DAG_MODEL_EXPONENTIAL || o->model > ZEUS_DAG_MODEL_LINE) {
        return err_set(err, ZEUS_EINVAL, "a profile is modelled by fit, hull or line");
    }
    if (!isfinite(o->p2p_power_w) || o->p2p_power_w < 0) {
        return err_set(err, ZEUS_EINVAL, "a waiting device that draws %g W", o->p2p_power_w);
    }
    return 0;
}

int zeus_dag_read_profile(const char *text, size_t length, const zeus_dag_profile *options,
                          zeus_dag **ret_dag, zeus_error *err)
{
    int r = check_options(options, err);
    if (r < 0 || !text || !ret_dag) {
        return r < 0 ? r : err_set(err, ZEUS_EINVAL, "no text given");
    }
    zeus_dag *dag = NULL;
    struct profile p = {.err = err};
    r = zeus_dag_create(options->unit_s > 0 ? options->unit_s : 0.001, &dag, err);
    r = r < 0 ? r : load_rows(&p, text, length);
    r = r < 0 ? r : build(dag, &p, options);
    if (r == 0) {
        dag->problem->p2p_power_w = options->p2p_power_w;
    }
    profile_done(&p);
    if (r < 0) {
        zeus_dag_destroy(dag);
        return r;
    }
    *ret_dag = dag;
    return 0;
}
