/* SPDX-License-Identifier: Apache-2.0
 *
 * Trials as rows.
 */
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "store/store_private.h"

/* The side table of last signs of life is ours; the published schema does not have it. */
#define TRIAL_SELECT                                                                          \
    "SELECT t.batch_size, t.trial_number, t.type, t.status, t.start_timestamp, "              \
    "t.end_timestamp, t.time, t.energy, t.converged, l.seen_s FROM \"Trial\" t "              \
    "LEFT JOIN zeus_trial_seen l ON l.job_id = t.job_id AND l.trial_number = t.trial_number " \
    "WHERE t.job_id = $1 "

static const char *const type_names[] = {"Exploration", "Concurrent", "MAB"};
static const char *const status_names[] = {"Dispatched", "Succeeded", "Failed"};

static int index_of(const char *const *names, const char *text, uint32_t *ret)
{
    for (uint32_t i = 0; text && i < 3; i++) {
        if (strcmp(names[i], text) == 0) {
            *ret = i;
            return 0;
        }
    }
    return ZEUS_EPARSE;
}

static int fill_trial(struct arena *arena, const struct sql_value *c, struct store_trial *t)
{
    *t = (struct store_trial){.batch_size = store_integer(&c[0]),
                              .trial_number = store_integer(&c[1]),
                              .start = store_text(arena, &c[4]),
                              .end = store_text(arena, &c[5]),
                              .time_s = store_real(&c[6]),
                              .energy_j = store_real(&c[7]),
                              .has_result = c[8].type != SQL_NULL,
                              .converged = store_integer(&c[8]) != 0,
                              .seen_s = store_real(&c[9])};
    int r = index_of(type_names, c[2].text, &t->type);
    return r < 0 ? r : index_of(status_names, c[3].text, &t->status);
}

static int take_trial(void *user, const struct sql_value *columns, size_t count)
{
    (void)count;
    struct store_rows *rows = user;
    struct store_trial *t = store_rows_next(rows);
    return t ? fill_trial(rows->arena, columns, t) : ZEUS_ELIMIT;
}

static int list(struct store *s, const struct sql_statement *statement,
                const struct sql_value *params, size_t count, struct store_rows *rows,
                zeus_error *err)
{
    int n = store_run(s, statement, params, count, take_trial, rows, err);
    return n < 0 ? n : 0;
}

int store_list_explorations(struct store *s, const char *job_id, struct arena *arena,
                            struct store_trial **ret, size_t *ret_count, zeus_error *err)
{
    static const struct sql_statement get = {
        TRIAL_SELECT "AND t.type = 'Exploration' AND t.status <> 'Failed' ORDER BY t.trial_number",
        NULL};
    struct sql_value id = SQL_T(job_id);
    struct store_rows rows = {.arena = arena, .size = sizeof(struct store_trial)};
    int r = list(s, &get, &id, 1, &rows, err);
    *ret = rows.items;
    *ret_count = rows.count;
    return r;
}

int store_list_outcomes(struct store *s, const char *job_id, int64_t batch_size, size_t max,
                        struct arena *arena, struct store_trial **ret, size_t *ret_count,
                        zeus_error *err)
{
    static const struct sql_statement get = {TRIAL_SELECT
                                             "AND t.batch_size = $2 AND t.status = 'Succeeded' "
                                             "ORDER BY t.trial_number DESC LIMIT $3",
                                             NULL};
    struct sql_value params[] = {SQL_T(job_id), SQL_I(batch_size),
                                 SQL_I(max && max < INT64_MAX ? (int64_t)max : INT64_MAX)};
    struct store_rows rows = {.arena = arena, .size = sizeof(struct store_trial)};
    int r = list(s, &get, params, ARRAY_LEN(params), &rows, err);
    *ret = rows.items;
    *ret_count = rows.count;
    return r;
}

int store_list_trials(struct store *s, const char *job_id, size_t max, struct arena *arena,
                      struct store_trial **ret, size_t *ret_count, zeus_error *err)
{
    static const struct sql_statement get = {TRIAL_SELECT "ORDER BY t.trial_number DESC LIMIT $2",
                                             NULL};
    struct sql_value params[] = {SQL_T(job_id), SQL_I((int64_t)max)};
    struct store_rows rows = {.arena = arena, .size = sizeof(struct store_trial)};
    int r = list(s, &get, params, ARRAY_LEN(params), &rows, err);
    *ret = rows.items;
    *ret_count = rows.count;
    return r;
}

int store_find_trial(struct store *s, const char *job_id, int64_t batch_size, int64_t trial_number,
                     struct arena *arena, struct store_trial *ret, zeus_error *err)
{
    static const struct sql_statement get = {
        TRIAL_SELECT "AND t.batch_size = $2 AND t.trial_number = $3", NULL};
    struct sql_value params[] = {SQL_T(job_id), SQL_I(batch_size), SQL_I(trial_number)};
    struct store_rows rows = {.arena = arena, .size = sizeof(struct store_trial)};
    int r = list(s, &get, params, ARRAY_LEN(params), &rows, err);
    if (r < 0) {
        return r;
    }
    if (rows.count == 0) {
        return err_set(err, ZEUS_ENOTFOUND, "no trial %lld", (long long)trial_number);
    }
    *ret = *(const struct store_trial *)rows.items;
    return 0;
}

static int take_number(void *user, const struct sql_value *columns, size_t count)
{
    (void)count;
    *(int64_t *)user = store_integer(&columns[0]);
    return 0;
}

int store_dispatch_trial(struct store *s, const char *job_id, struct store_trial *trial,
                         zeus_error *err)
{
    static const struct sql_statement next = {
        "SELECT COALESCE(MAX(trial_number), 0) + 1 FROM \"Trial\" WHERE job_id = $1", NULL};
    static const struct sql_statement add = {
        "INSERT INTO \"Trial\" (job_id, batch_size, trial_number, start_timestamp, type, status) "
        "VALUES ($1, $2, $3, $4, $5, 'Dispatched')",
        NULL};
    struct sql_value id = SQL_T(job_id);
    int n = store_run(s, &next, &id, 1, take_number, &trial->trial_number, err);
    if (n < 0) {
        return n;
    }
    struct sql_value params[] = {SQL_T(job_id), SQL_I(trial->batch_size),
                                 SQL_I(trial->trial_number), SQL_T(trial->start),
                                 SQL_T(type_names[trial->type])};
    int r = store_change(s, &add, params, ARRAY_LEN(params), err);
    if (r == 0 && trial->seen_s > 0) {
        r = store_touch_trial(s, job_id, trial->trial_number, trial->seen_s, err);
    }
    return r;
}

int store_end_trial(struct store *s, const char *job_id, const struct store_trial *trial,
                    zeus_error *err)
{
    static const struct sql_statement end = {
        "UPDATE \"Trial\" SET status = $1, end_timestamp = $2, time = $3, energy = $4, "
        "converged = $5 WHERE job_id = $6 AND trial_number = $7 AND status = 'Dispatched'",
        NULL};
    struct sql_value params[] = {SQL_T(status_names[trial->status]),
                                 SQL_T(trial->end),
                                 trial->has_result ? SQL_R(trial->time_s) : SQL_N,
                                 trial->has_result ? SQL_R(trial->energy_j) : SQL_N,
                                 trial->has_result ? SQL_I(trial->converged) : SQL_N,
                                 SQL_T(job_id),
                                 SQL_I(trial->trial_number)};
    int r = store_change(s, &end, params, ARRAY_LEN(params), err);
    return r == ZEUS_ENOTFOUND ? err_set(err, ZEUS_ESTATE, "trial %lld is not dispatched",
                                         (long long)trial->trial_number)
                               : r;
}

int store_touch_trial(struct store *s, const char *job_id, int64_t trial_number, double seen_s,
                      zeus_error *err)
{
    static const struct sql_statement touch = {
        "INSERT INTO zeus_trial_seen (job_id, trial_number, seen_s) VALUES ($1, $2, $3) "
        "ON CONFLICT (job_id, trial_number) DO UPDATE SET seen_s = excluded.seen_s",
        NULL};
    struct sql_value params[] = {SQL_T(job_id), SQL_I(trial_number), SQL_R(seen_s)};
    int n = store_run(s, &touch, params, ARRAY_LEN(params), STORE_NO_ROWS, err);
    return n < 0 ? n : 0;
}
