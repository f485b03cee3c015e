/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs, batch sizes and arms as rows.
 */
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "store/store_private.h"

#define JOB_COLUMNS                                                                      \
    "job_id, job_id_prefix, default_batch_size, higher_is_better_metric, eta_knob, "     \
    "beta_knob, target_metric, max_epochs, num_pruning_rounds, window_size, max_power, " \
    "number_of_gpus, gpu_model, mab_prior_mean, mab_prior_precision, "                   \
    "mab_num_explorations, mab_seed, mab_random_generator_state, stage, min_cost, "      \
    "min_cost_batch_size"

struct job_row {
    struct arena *arena;
    struct store_job *job;
};

static void fill_job(struct arena *arena, const struct sql_value *c, struct store_job *job)
{
    *job = (struct store_job){.job_id = store_text(arena, &c[0]),
                              .job_id_prefix = store_text(arena, &c[1]),
                              .default_batch_size = store_integer(&c[2]),
                              .higher_is_better_metric = store_integer(&c[3]) != 0,
                              .eta_knob = store_real(&c[4]),
                              .beta_knob = store_real(&c[5]),
                              .has_beta_knob = c[5].type != SQL_NULL,
                              .target_metric = store_real(&c[6]),
                              .max_epochs = store_integer(&c[7]),
                              .num_pruning_rounds = store_integer(&c[8]),
                              .window_size = store_integer(&c[9]),
                              .max_power_w = store_real(&c[10]),
                              .number_of_gpus = store_integer(&c[11]),
                              .gpu_model = store_text(arena, &c[12]),
                              .mab_prior_mean = store_real(&c[13]),
                              .mab_prior_precision = store_real(&c[14]),
                              .mab_num_explorations = store_integer(&c[15]),
                              .mab_seed = store_integer(&c[16]),
                              .has_mab_seed = c[16].type != SQL_NULL,
                              .mab_rng_state = store_text(arena, &c[17]),
                              .is_mab = c[18].text && strcmp(c[18].text, STORE_STAGE_MAB) == 0,
                              .min_cost = store_real(&c[19]),
                              .has_min_cost = c[19].type != SQL_NULL,
                              .min_cost_batch_size = store_integer(&c[20])};
}

static int take_job(void *user, const struct sql_value *columns, size_t count)
{
    (void)count;
    struct job_row *row = user;
    fill_job(row->arena, columns, row->job);
    return row->job->job_id && row->job->gpu_model ? 0 : ZEUS_ELIMIT;
}

static int take_size(void *user, const struct sql_value *columns, size_t count)
{
    (void)count;
    int64_t *item = store_rows_next(user);
    if (!item) {
        return ZEUS_ELIMIT;
    }
    *item = store_integer(&columns[0]);
    return 0;
}

int store_lock_job(struct store *s, const char *job_id, struct arena *arena, struct store_job *ret,
                   zeus_error *err)
{
    static const struct sql_statement get = {
        "SELECT " JOB_COLUMNS " FROM \"Job\" WHERE job_id = $1", " FOR UPDATE"};
    static const struct sql_statement sizes = {
        "SELECT batch_size FROM \"BatchSize\" WHERE job_id = $1 ORDER BY batch_size", NULL};
    struct sql_value id = SQL_T(job_id);
    struct job_row row = {arena, ret};
    int n = store_run(s, &get, &id, 1, take_job, &row, err);
    if (n <= 0) {
        return n < 0 ? n : err_set(err, ZEUS_ENOTFOUND, "no job %s", job_id);
    }
    struct store_rows rows = {.arena = arena, .size = sizeof(int64_t)};
    n = store_run(s, &sizes, &id, 1, take_size, &rows, err);
    ret->batch_sizes = rows.items;
    ret->batch_size_count = rows.count;
    return n < 0 ? n : 0;
}

static int insert_sizes(struct store *s, const struct store_job *job, zeus_error *err)
{
    static const struct sql_statement add = {
        "INSERT INTO \"BatchSize\" (job_id, batch_size) VALUES ($1, $2)", NULL};
    for (size_t i = 0; i < job->batch_size_count; i++) {
        struct sql_value params[] = {SQL_T(job->job_id), SQL_I(job->batch_sizes[i])};
        int n = store_run(s, &add, params, ARRAY_LEN(params), STORE_NO_ROWS, err);
        if (n < 0) {
            return n;
        }
    }
    return 0;
}

int store_insert_job(struct store *s, const struct store_job *job, zeus_error *err)
{
    static const struct sql_statement add = {
        "INSERT INTO \"Job\" (" JOB_COLUMNS ", exp_default_batch_size) VALUES "
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
        "$20, $21, $22) ON CONFLICT DO NOTHING",
        NULL};
    struct sql_value params[] = {
        SQL_T(job->job_id),
        SQL_T(job->job_id_prefix),
        SQL_I(job->default_batch_size),
        SQL_I(job->higher_is_better_metric),
        SQL_R(job->eta_knob),
        job->has_beta_knob ? SQL_R(job->beta_knob) : SQL_N,
        SQL_R(job->target_metric),
        SQL_I(job->max_epochs),
        SQL_I(job->num_pruning_rounds),
        SQL_I(job->window_size),
        SQL_R(job->max_power_w),
        SQL_I(job->number_of_gpus),
        SQL_T(job->gpu_model),
        SQL_R(job->mab_prior_mean),
        SQL_R(job->mab_prior_precision),
        SQL_I(job->mab_num_explorations),
        job->has_mab_seed ? SQL_I(job->mab_seed) : SQL_N,
        SQL_T(job->mab_rng_state),
        SQL_T(job->is_mab ? STORE_STAGE_MAB : STORE_STAGE_PRUNING),
        job->has_min_cost ? SQL_R(job->min_cost) : SQL_N,
        SQL_I(job->min_cost_batch_size),
        SQL_I(job->default_batch_size),
    };
    int n = store_run(s, &add, params, ARRAY_LEN(params), STORE_NO_ROWS, err);
    if (n < 0) {
        return n;
    }
    if (n == 0) {
        return err_set(err, ZEUS_EALREADY, "job %s exists", job->job_id);
    }
    return insert_sizes(s, job, err);
}

int store_delete_job(struct store *s, const char *job_id, zeus_error *err)
{
    static const struct sql_statement del = {"DELETE FROM \"Job\" WHERE job_id = $1", NULL};
    struct sql_value id = SQL_T(job_id);
    return store_change(s, &del, &id, 1, err);
}

static int take_listed(void *user, const struct sql_value *columns, size_t count)
{
    (void)count;
    struct store_rows *rows = user;
    struct store_job *job = store_rows_next(rows);
    if (!job) {
        return ZEUS_ELIMIT;
    }
    fill_job(rows->arena, columns, job);
    return job->job_id && job->gpu_model ? 0 : ZEUS_ELIMIT;
}

int store_list_jobs(struct store *s, size_t max, struct arena *arena, struct store_job **ret,
                    size_t *ret_count, zeus_error *err)
{
    static const struct sql_statement list = {
        "SELECT " JOB_COLUMNS " FROM \"Job\" ORDER BY job_id LIMIT $1", NULL};
    struct sql_value limit = SQL_I((int64_t)max);
    struct store_rows rows = {.arena = arena, .size = sizeof(struct store_job)};
    int n = store_run(s, &list, &limit, 1, take_listed, &rows, err);
    *ret = rows.items;
    *ret_count = rows.count;
    return n < 0 ? n : 0;
}

int store_set_stage_mab(struct store *s, const char *job_id, zeus_error *err)
{
    static const struct sql_statement set = {"UPDATE \"Job\" SET stage = 'MAB' WHERE job_id = $1",
                                             NULL};
    struct sql_value id = SQL_T(job_id);
    return store_change(s, &set, &id, 1, err);
}

int store_set_rng(struct store *s, const char *job_id, const char *state, zeus_error *err)
{
    static const struct sql_statement set = {
        "UPDATE \"Job\" SET mab_random_generator_state = $1 WHERE job_id = $2", NULL};
    struct sql_value params[] = {SQL_T(state), SQL_T(job_id)};
    return store_change(s, &set, params, ARRAY_LEN(params), err);
}

int store_set_minimum(struct store *s, const char *job_id, double cost, int64_t batch_size,
                      zeus_error *err)
{
    static const struct sql_statement set = {
        "UPDATE \"Job\" SET min_cost = $1, min_cost_batch_size = $2 WHERE job_id = $3", NULL};
    struct sql_value params[] = {SQL_R(cost), SQL_I(batch_size), SQL_T(job_id)};
    return store_change(s, &set, params, ARRAY_LEN(params), err);
}

static int take_arm(void *user, const struct sql_value *c, size_t count)
{
    (void)count;
    struct store_arm *arm = store_rows_next(user);
    if (!arm) {
        return ZEUS_ELIMIT;
    }
    *arm = (struct store_arm){store_integer(&c[0]), store_real(&c[1]), store_real(&c[2]),
                              store_real(&c[3]), store_integer(&c[4])};
    return 0;
}

int store_list_arms(struct store *s, const char *job_id, struct arena *arena,
                    struct store_arm **ret, size_t *ret_count, zeus_error *err)
{
    static const struct sql_statement list = {
        "SELECT batch_size, param_mean, param_precision, reward_precision, num_observations "
        "FROM \"GaussianTsArmState\" WHERE job_id = $1 ORDER BY batch_size",
        NULL};
    struct sql_value id = SQL_T(job_id);
    struct store_rows rows = {.arena = arena, .size = sizeof(struct store_arm)};
    int n = store_run(s, &list, &id, 1, take_arm, &rows, err);
    *ret = rows.items;
    *ret_count = rows.count;
    return n < 0 ? n : 0;
}

int store_insert_arm(struct store *s, const char *job_id, const struct store_arm *arm,
                     zeus_error *err)
{
    static const struct sql_statement add = {
        "INSERT INTO \"GaussianTsArmState\" (job_id, batch_size, param_mean, param_precision, "
        "reward_precision, num_observations) VALUES ($1, $2, $3, $4, $5, $6)",
        NULL};
    struct sql_value params[] = {SQL_T(job_id),
                                 SQL_I(arm->batch_size),
                                 SQL_R(arm->param_mean),
                                 SQL_R(arm->param_precision),
                                 SQL_R(arm->reward_precision),
                                 SQL_I(arm->num_observations)};
    return store_change(s, &add, params, ARRAY_LEN(params), err);
}

int store_update_arm(struct store *s, const char *job_id, const struct store_arm *arm,
                     zeus_error *err)
{
    static const struct sql_statement set = {
        "UPDATE \"GaussianTsArmState\" SET param_mean = $1, param_precision = $2, "
        "reward_precision = $3, num_observations = $4 WHERE job_id = $5 AND batch_size = $6",
        NULL};
    struct sql_value params[] = {SQL_R(arm->param_mean),
                                 SQL_R(arm->param_precision),
                                 SQL_R(arm->reward_precision),
                                 SQL_I(arm->num_observations),
                                 SQL_T(job_id),
                                 SQL_I(arm->batch_size)};
    return store_change(s, &set, params, ARRAY_LEN(params), err);
}
