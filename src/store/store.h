/* SPDX-License-Identifier: Apache-2.0
 *
 * The batch size optimizer's tables: jobs, their batch sizes, trials and arms, in SQLite (one file)
 * or PostgreSQL, opened by URL. Every change happens inside a transaction; work on one job is
 * serialised by the database (store_lock_job), so any number of server processes may share it.
 * Strings and arrays that come out live in the caller's arena.
 * Thread rule: a store belongs to one thread at a time; open one a thread.
 */
#ifndef ZEUS_STORE_STORE_H
#define ZEUS_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/arena.h"
#include "base/attr.h"

struct store;

#define STORE_STAGE_PRUNING "Pruning"
#define STORE_STAGE_MAB     "MAB"

struct store_job {
    const char *job_id;
    const char *job_id_prefix;
    int64_t default_batch_size;
    int higher_is_better_metric;
    double eta_knob;
    double beta_knob;
    int has_beta_knob;
    double target_metric;
    int64_t max_epochs;
    int64_t num_pruning_rounds;
    int64_t window_size;
    double max_power_w;
    int64_t number_of_gpus;
    const char *gpu_model;
    double mab_prior_mean;
    double mab_prior_precision;
    int64_t mab_num_explorations;
    int64_t mab_seed;
    int has_mab_seed;
    const char *mab_rng_state; /* NULL: none */
    int is_mab;                /* the stage */
    double min_cost;
    int has_min_cost;
    int64_t min_cost_batch_size;
    const int64_t *batch_sizes; /* ascending */
    size_t batch_size_count;
};

/* Values equal those of policy/batch_size.h. */
enum store_trial_type { STORE_EXPLORATION = 0, STORE_CONCURRENT = 1, STORE_MAB = 2 };
enum store_trial_status { STORE_DISPATCHED = 0, STORE_SUCCEEDED = 1, STORE_FAILED = 2 };

struct store_trial {
    int64_t batch_size;
    int64_t trial_number;
    uint32_t type;
    uint32_t status;
    const char *start; /* local time, "2026-11-21 01:45:54.629055" */
    const char *end;   /* NULL: not ended */
    double time_s;
    double energy_j;
    int has_result; /* time, energy and converged are set */
    int converged;
    double seen_s; /* wall clock at dispatch or the last report; 0: not recorded */
};

struct store_arm {
    int64_t batch_size;
    double param_mean;
    double param_precision;
    double reward_precision;
    int64_t num_observations;
};

/* "sqlite:///relative.db", "sqlite:////absolute.db" or "postgresql://user@host/db"; the +driver
 * part of existing URLs (sqlite+aiosqlite) is ignored. Creates and migrates the schema. */
int store_open(const char *url, struct store **ret, zeus_error *err) ZEUS_CHECK;
void store_close(struct store *s);

/* "sqlite" or "postgresql". */
const char *store_name(const struct store *s);

/* 1: all writers wait for each other anyway, so several requests share one transaction. */
int store_prefers_batches(const struct store *s);

/* A cheap question that needs the database. */
int store_ping(struct store *s, zeus_error *err) ZEUS_CHECK;

/* Opens the connection anew when it was lost. */
int store_recover(struct store *s, zeus_error *err) ZEUS_CHECK;

/* ZEUS_EBUSY anywhere inside: roll back and try again. */
int store_begin(struct store *s, zeus_error *err) ZEUS_CHECK;
int store_commit(struct store *s, zeus_error *err) ZEUS_CHECK;
void store_rollback(struct store *s);

/* A part of a transaction that can be undone by itself. */
int store_mark(struct store *s, zeus_error *err) ZEUS_CHECK;
int store_release(struct store *s, zeus_error *err) ZEUS_CHECK;
int store_undo(struct store *s, zeus_error *err) ZEUS_CHECK;

/* Reads a job and keeps others from it until the transaction ends. ZEUS_ENOTFOUND. */
int store_lock_job(struct store *s, const char *job_id, struct arena *arena, struct store_job *ret,
                   zeus_error *err) ZEUS_CHECK;

/* ZEUS_EALREADY: the id (or a batch size twice) exists. */
int store_insert_job(struct store *s, const struct store_job *job, zeus_error *err) ZEUS_CHECK;

/* ZEUS_ENOTFOUND. Batch sizes, trials and arms go with it. */
int store_delete_job(struct store *s, const char *job_id, zeus_error *err) ZEUS_CHECK;

/* The newest jobs, without their batch sizes. */
int store_list_jobs(struct store *s, size_t max, struct arena *arena, struct store_job **ret,
                    size_t *ret_count, zeus_error *err) ZEUS_CHECK;

int store_set_stage_mab(struct store *s, const char *job_id, zeus_error *err) ZEUS_CHECK;
int store_set_rng(struct store *s, const char *job_id, const char *state, zeus_error *err)
    ZEUS_CHECK;
int store_set_minimum(struct store *s, const char *job_id, double cost, int64_t batch_size,
                      zeus_error *err) ZEUS_CHECK;

/* Explorations that did not fail, by trial number. */
int store_list_explorations(struct store *s, const char *job_id, struct arena *arena,
                            struct store_trial **ret, size_t *ret_count, zeus_error *err)
    ZEUS_CHECK;

/* Succeeded trials of one batch size, newest first; `max` 0: all. */
int store_list_outcomes(struct store *s, const char *job_id, int64_t batch_size, size_t max,
                        struct arena *arena, struct store_trial **ret, size_t *ret_count,
                        zeus_error *err) ZEUS_CHECK;

/* The newest `max` trials of a job, newest first. */
int store_list_trials(struct store *s, const char *job_id, size_t max, struct arena *arena,
                      struct store_trial **ret, size_t *ret_count, zeus_error *err) ZEUS_CHECK;

/* ZEUS_ENOTFOUND. */
int store_find_trial(struct store *s, const char *job_id, int64_t batch_size, int64_t trial_number,
                     struct arena *arena, struct store_trial *ret, zeus_error *err) ZEUS_CHECK;

/* Numbers the trial (1 + the largest of the job) and inserts it as dispatched. */
int store_dispatch_trial(struct store *s, const char *job_id, struct store_trial *trial,
                         zeus_error *err) ZEUS_CHECK;

/* Writes status, end and, when has_result, the result of a dispatched trial. ZEUS_ESTATE when it
 * was not dispatched. */
int store_end_trial(struct store *s, const char *job_id, const struct store_trial *trial,
                    zeus_error *err) ZEUS_CHECK;

/* Remembers that a trial was heard of. */
int store_touch_trial(struct store *s, const char *job_id, int64_t trial_number, double seen_s,
                      zeus_error *err) ZEUS_CHECK;

/* Ascending by batch size. */
int store_list_arms(struct store *s, const char *job_id, struct arena *arena,
                    struct store_arm **ret, size_t *ret_count, zeus_error *err) ZEUS_CHECK;
int store_insert_arm(struct store *s, const char *job_id, const struct store_arm *arm,
                     zeus_error *err) ZEUS_CHECK;
int store_update_arm(struct store *s, const char *job_id, const struct store_arm *arm,
                     zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_STORE_STORE_H */
