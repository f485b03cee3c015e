/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads and joins the two CSV files. Columns are found by name; further columns are ignored.
 */
#include "simulate/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "simulate/published_number.h"

#define COLUMNS_MAX 32
#define CONFIGS_MAX 10000
#define ROWS_MAX    1000000

/* A CSV file with the columns we need, in our order. */
struct table {
    const char *name;           /* for messages */
    const char *const *columns; /* names, count of them */
    size_t count;
    struct csv_reader reader;
    int at[COLUMNS_MAX]; /* where each column is */
    struct csv_field fields[COLUMNS_MAX];
};

static int read_header(struct table *t, zeus_error *err)
{
    size_t count = 0;
    const int code = csv_next(&t->reader, t->fields, COLUMNS_MAX, &count);
    if (code < 0) {
        csv_reader_error(&t->reader, code, err);
        err_prefix(err, "%s", t->name);
        return code;
    }
    for (size_t i = 0; i < t->count; i++) {
        t->at[i] = code == 0 ? -1 : csv_find(t->fields, count, t->columns[i]);
        if (t->at[i] < 0) {
            return err_set(err, ZEUS_EPARSE, "%s: no column \"%s\" in the header", t->name,
                           t->columns[i]);
        }
    }
    return 0;
}

/* 1: a row is in t->fields; 0: end. */
static int read_row(struct table *t, zeus_error *err)
{
    size_t count = 0;
    const int code = csv_next(&t->reader, t->fields, COLUMNS_MAX, &count);
    if (code < 0) {
        csv_reader_error(&t->reader, code, err);
        err_prefix(err, "%s", t->name);
        return code;
    }
    for (size_t i = 0; code > 0 && i < t->count; i++) {
        if ((size_t)t->at[i] >= count) {
            return err_set(err, ZEUS_EPARSE, "%s: line %zu: no value for \"%s\"", t->name,
                           t->reader.line, t->columns[i]);
        }
    }
    return code;
}

static const struct csv_field *field(const struct table *t, size_t column)
{
    return &t->fields[t->at[column]];
}

static int bad_value(const struct table *t, size_t column, int code, const char *wanted,
                     zeus_error *err)
{
    const struct csv_field *f = field(t, column);
    return err_set(err, code, "%s: line %zu: %s is \"%.*s\", expected %s", t->name, t->reader.line,
                   t->columns[column], f->len > 40 ? 40 : (int)f->len, f->text, wanted);
}

static int get_name(const struct table *t, size_t column, char out[TRACE_NAME_SIZE],
                    zeus_error *err)
{
    const int code = csv_get_string(field(t, column), out, TRACE_NAME_SIZE);
    return code < 0 ? bad_value(t, column, code, "a name of at most 47 bytes", err) : 0;
}

/* A finite number above zero. */
static int get_positive(const struct table *t, size_t column, double *ret_value, zeus_error *err)
{
    double value = 0;
    const int code = published_number(field(t, column), &value);
    if (code < 0 || !isfinite(value) || value <= 0) {
        return bad_value(t, column, ZEUS_EPARSE, "a number above 0", err);
    }
    *ret_value = value;
    return 0;
}

enum { DATASET, NETWORK, BATCH_SIZE, OPTIMIZER, FIRST_VALUE };

static const char *const train_columns[] = {"dataset",   "network",       "batch_size",
                                            "optimizer", "target_metric", "target_epoch"};
enum { TARGET_METRIC = FIRST_VALUE, TARGET_EPOCH };

static const char *const power_columns[] = {"dataset",      "network",     "batch_size",
                                            "optimizer",    "power_limit", "time_per_epoch",
                                            "average_power"};
enum { POWER_LIMIT = FIRST_VALUE, TIME_PER_EPOCH, AVERAGE_POWER };

static int is_same(const struct trace_config *a, const struct trace_config *b)
{
    return a->batch_size == b->batch_size && strcmp(a->dataset, b->dataset) == 0 &&
           strcmp(a->network, b->network) == 0 && strcmp(a->optimizer, b->optimizer) == 0;
}

/* The configuration of the current row, added when it is new. Rows of one configuration follow
 * each other in the files, so the last one is tried first. */
static int find_config(struct trace *trace, const struct table *t, size_t *last, size_t *ret_index,
                       zeus_error *err)
{
    struct trace_config key = {.powers = NULL};
    int code = get_name(t, DATASET, key.dataset, err);
    code = code < 0 ? code : get_name(t, NETWORK, key.network, err);
    code = code < 0 ? code : get_name(t, OPTIMIZER, key.optimizer, err);
    if (code < 0) {
        return code;
    }
    if (csv_get_i64(field(t, BATCH_SIZE), &key.batch_size) < 0 || key.batch_size <= 0) {
        return bad_value(t, BATCH_SIZE, ZEUS_EPARSE, "an integer above 0", err);
    }
    if (*last < trace->config_count && is_same(&trace->configs[*last], &key)) {
        *ret_index = *last;
        return 0;
    }
    size_t i = 0;
    while (i < trace->config_count && !is_same(&trace->configs[i], &key)) {
        i++;
    }
    if (i == trace->config_count) {
        code = mem_grow(&trace->configs, &trace->config_capacity, i + 1, sizeof(key), CONFIGS_MAX);
        if (code < 0) {
            return err_set(err, code, "%s: line %zu: too many configurations", t->name,
                           t->reader.line);
        }
        trace->configs[trace->config_count++] = key;
    }
    *last = *ret_index = i;
    return 0;
}

static int add_power(struct trace_config *config, const struct table *t, zeus_error *err)
{
    struct trace_power row;
    int code = get_positive(t, POWER_LIMIT, &row.limit_w, err);
    code = code < 0 ? code : get_positive(t, TIME_PER_EPOCH, &row.epoch_time_s, err);
    code = code < 0 ? code : get_positive(t, AVERAGE_POWER, &row.average_power_w, err);
    if (code < 0) {
        return code;
    }
    for (size_t i = 0; i < config->power_count; i++) {
        if (config->powers[i].limit_w == row.limit_w) {
            return bad_value(t, POWER_LIMIT, ZEUS_EPARSE, "each limit once", err);
        }
    }
    code = mem_grow(&config->powers, &config->power_capacity, config->power_count + 1, sizeof(row),
                    ROWS_MAX);
    if (code < 0) {
        return err_set(err, code, "%s: line %zu: too many rows", t->name, t->reader.line);
    }
    config->powers[config->power_count++] = row;
    return 0;
}

static int add_run(struct trace_config *config, const struct table *t, zeus_error *err)
{
    struct trace_run row = {.target_epoch = NAN};
    if (published_number(field(t, TARGET_METRIC), &row.target_metric) < 0 ||
        !isfinite(row.target_metric)) {
        return bad_value(t, TARGET_METRIC, ZEUS_EPARSE, "a number", err);
    }
    /* Empty or "nan": this run never got there. */
    if (field(t, TARGET_EPOCH)->len > 0 && !csv_is(field(t, TARGET_EPOCH), "nan")) {
        const int code = get_positive(t, TARGET_EPOCH, &row.target_epoch, err);
        if (code < 0) {
            return code;
        }
    }
    const int code = mem_grow(&config->runs, &config->run_capacity, config->run_count + 1,
                              sizeof(row), ROWS_MAX);
    if (code < 0) {
        return err_set(err, code, "%s: line %zu: too many rows", t->name, t->reader.line);
    }
    config->runs[config->run_count++] = row;
    return 0;
}

static int read_table(struct trace *trace, struct table *t, const char *text, size_t len,
                      int (*add)(struct trace_config *, const struct table *, zeus_error *),
                      zeus_error *err)
{
    csv_reader_init(&t->reader, text, len);
    int code = read_header(t, err);
    size_t last = 0;
    while (code >= 0) {
        code = read_row(t, err);
        if (code <= 0) {
            break;
        }
        size_t index = 0;
        code = find_config(trace, t, &last, &index, err);
        code = code < 0 ? code : add(&trace->configs[index], t, err);
    }
    return code;
}

static void config_finish(struct trace_config *config)
{
    free(config->powers);
    free(config->runs);
}

/* Keeps the configurations that are in both files. */
static void join(struct trace *trace)
{
    size_t kept = 0;
    for (size_t i = 0; i < trace->config_count; i++) {
        struct trace_config *config = &trace->configs[i];
        if (config->power_count == 0 || config->run_count == 0) {
            config_finish(config);
            continue;
        }
        for (size_t k = 0; k < config->power_count; k++) {
            trace->max_power_w = fmax(trace->max_power_w, config->powers[k].limit_w);
        }
        trace->configs[kept++] = *config;
    }
    trace->config_count = kept;
}

int trace_parse(const char *train_text, size_t train_len, const char *power_text, size_t power_len,
                struct trace **ret_trace, zeus_error *err)
{
    struct trace *trace = mem_calloc(1, sizeof(*trace));
    if (!trace) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    struct table train = {"train trace", train_columns, ARRAY_LEN(train_columns), .reader = {0}};
    struct table power = {"power trace", power_columns, ARRAY_LEN(power_columns), .reader = {0}};
    int code = read_table(trace, &train, train_text, train_len, add_run, err);
    if (code >= 0) {
        code = read_table(trace, &power, power_text, power_len, add_power, err);
    }
    if (code >= 0) {
        join(trace);
        if (trace->config_count == 0) {
            code = err_set(err, ZEUS_ENOTFOUND, "no configuration is in both traces");
        }
    }
    if (code < 0) {
        trace_destroy(trace);
        return code;
    }
    *ret_trace = trace;
    return 0;
}

void trace_destroy(struct trace *trace)
{
    if (!trace) {
        return;
    }
    for (size_t i = 0; i < trace->config_count; i++) {
        config_finish(&trace->configs[i]);
    }
    free(trace->configs);
    free(trace);
}
