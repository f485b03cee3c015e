/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster trace's groups, and the published experiment's defaults for each dataset.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "simulate/cluster_trace.h"
#include "simulate/published_number.h"

#define COLUMNS_MAX 16
#define GROUPS_MAX  1000000
#define JOBS_MAX    10000000

enum { GROUP, START_TIME, END_TIME, DATASET, RUNTIME_RATIO, COLUMN_COUNT };
static const char *const columns[COLUMN_COUNT] = {"group", "start_time", "end_time", "dataset",
                                                  "runtime_ratio"};

struct row {
    char group[64];
    char dataset[48];
    struct cluster_job job;
};

/* The current row under the columns at `at`; err is filled with line and column. */
static int read_row(const struct csv_reader *r, const struct csv_field *fields, size_t count,
                    const int at[COLUMN_COUNT], struct row *ret_row, zeus_error *err)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if ((size_t)at[i] >= count) {
            return err_set(err, ZEUS_EPARSE, "groups: line %zu: no value for \"%s\"", r->line,
                           columns[i]);
        }
    }
    if (csv_get_string(&fields[at[GROUP]], ret_row->group, sizeof(ret_row->group)) <= 0) {
        return err_set(err, ZEUS_EPARSE, "groups: line %zu: group must be 1 to 63 bytes", r->line);
    }
    if (csv_get_string(&fields[at[DATASET]], ret_row->dataset, sizeof(ret_row->dataset)) <= 0) {
        return err_set(err, ZEUS_EPARSE, "groups: line %zu: dataset must be 1 to 47 bytes",
                       r->line);
    }
    double *const values[] = {&ret_row->job.start_s, &ret_row->job.end_s,
                              &ret_row->job.runtime_ratio};
    static const int where[] = {START_TIME, END_TIME, RUNTIME_RATIO};
    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        if (published_number(&fields[at[where[i]]], values[i]) < 0 || !isfinite(*values[i])) {
            return err_set(err, ZEUS_EPARSE, "groups: line %zu: %s is not a number", r->line,
                           columns[where[i]]);
        }
    }
    if (ret_row->job.end_s < ret_row->job.start_s || ret_row->job.runtime_ratio <= 0) {
        return err_set(err, ZEUS_EPARSE,
                       "groups: line %zu: end before start, or a ratio not above 0", r->line);
    }
    return 0;
}

static int find_group(struct cluster_groups *groups, const struct row *row, size_t *ret_index)
{
    /* Rows of a group follow each other as a rule. */
    for (size_t i = groups->count; i-- > 0;) {
        if (strcmp(groups->groups[i].name, row->group) == 0) {
            *ret_index = i;
            return 0;
        }
    }
    const int code = mem_grow(&groups->groups, &groups->capacity, groups->count + 1,
                              sizeof(*groups->groups), GROUPS_MAX);
    if (code < 0) {
        return code;
    }
    struct cluster_group *group = &groups->groups[groups->count];
    *group = (struct cluster_group){.jobs = NULL};
    memcpy(group->name, row->group, sizeof(group->name));
    memcpy(group->dataset, row->dataset, sizeof(group->dataset));
    *ret_index = groups->count++;
    return 0;
}

static int add_row(struct cluster_groups *groups, const struct csv_reader *r, const struct row *row,
                   zeus_error *err)
{
    size_t index = 0;
    int code = find_group(groups, row, &index);
    if (code < 0) {
        return err_set(err, code, "groups: line %zu: too many groups", r->line);
    }
    struct cluster_group *group = &groups->groups[index];
    if (strcmp(group->dataset, row->dataset) != 0) {
        return err_set(err, ZEUS_EPARSE, "groups: line %zu: group %s has datasets %s and %s",
                       r->line, group->name, group->dataset, row->dataset);
    }
    code = mem_grow(&group->jobs, &group->job_capacity, group->job_count + 1, sizeof(*group->jobs),
                    JOBS_MAX);
    if (code < 0) {
        return err_set(err, code, "groups: line %zu: too many jobs", r->line);
    }
    group->jobs[group->job_count++] = row->job;
    return 0;
}

static int read_groups(struct cluster_groups *groups, struct csv_reader *r, zeus_error *err)
{
    struct csv_field fields[COLUMNS_MAX];
    size_t count = 0;
    int code = csv_next(r, fields, COLUMNS_MAX, &count);
    int at[COLUMN_COUNT];
    for (size_t i = 0; code >= 0 && i < COLUMN_COUNT; i++) {
        at[i] = code == 0 ? -1 : csv_find(fields, count, columns[i]);
        if (at[i] < 0) {
            return err_set(err, ZEUS_EPARSE, "groups: no column \"%s\" in the header", columns[i]);
        }
    }
    while (code >= 0) {
        code = csv_next(r, fields, COLUMNS_MAX, &count);
        if (code == 0) {
            return 0;
        }
        if (code < 0) {
            break;
        }
        struct row row;
        code = read_row(r, fields, count, at, &row, err);
        if (code >= 0) {
            code = add_row(groups, r, &row, err);
        }
        if (code < 0) {
            return code;
        }
    }
    csv_reader_error(r, code, err);
    err_prefix(err, "groups");
    return code;
}

/* Insertion sort: stable, and the rows come sorted as a rule. */
static void sort_jobs(struct cluster_group *group)
{
    for (size_t i = 1; i < group->job_count; i++) {
        const struct cluster_job job = group->jobs[i];
        size_t k = i;
        for (; k > 0 && group->jobs[k - 1].start_s > job.start_s; k--) {
            group->jobs[k] = group->jobs[k - 1];
        }
        group->jobs[k] = job;
    }
}

static int compare_groups(const void *a, const void *b)
{
    const struct cluster_group *left = a;
    const struct cluster_group *right = b;
    return strcmp(left->name, right->name);
}

int cluster_groups_parse(const char *text, size_t len, struct cluster_groups *ret_groups,
                         zeus_error *err)
{
    struct cluster_groups groups = {.groups = NULL};
    struct csv_reader r;
    csv_reader_init(&r, text, len);
    const int code = read_groups(&groups, &r, err);
    if (code < 0) {
        cluster_groups_finish(&groups);
        return code;
    }
    for (size_t i = 0; i < groups.count; i++) {
        sort_jobs(&groups.groups[i]);
    }
    if (groups.count > 1) {
        qsort(groups.groups, groups.count, sizeof(*groups.groups), compare_groups);
    }
    *ret_groups = groups;
    return 0;
}

void cluster_groups_finish(struct cluster_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        free(groups->groups[i].jobs);
    }
    free(groups->groups);
    *groups = (struct cluster_groups){.groups = NULL};
}

const struct cluster_dataset *cluster_dataset_find(const char *name)
{
    static const struct cluster_dataset datasets[] = {
        {"cifar100", "shufflenetv2", "adadelta", 0.6, 100, 1024},
        {"imagenet", "resnet50", "adadelta", 0.65, 100, 256},
        {"squad", "bert_base_uncased", "adamw", 84.0, 6, 32},
        {"librispeech", "deepspeech2", "adamw", 40.0, 16, 256},
        {"movielens-1m", "ncf", "adam", 0.41, 100, 1024},
        {"sentiment140", "bert_base_uncased", "adamw", 0.84, 10, 128},
    };
    for (size_t i = 0; i < ARRAY_LEN(datasets); i++) {
        if (strcmp(datasets[i].dataset, name) == 0) {
            return &datasets[i];
        }
    }
    return NULL;
}

uint32_t cluster_seed(const char *name)
{
    uint32_t a = 1;
    uint32_t b = 0;
    for (; *name; name++) {
        a = (a + (unsigned char)*name) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}
