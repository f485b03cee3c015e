/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients of the optimizer servers (zeus-serve, or the published ones).
 *
 * A recurring training job asks the batch size server before it starts and reports after each
 * epoch:
 *
 *     zeus_batch_client_create(&options, &client, &err);            registers the job
 *     zeus_batch_client_get_batch_size(client, &batch_size, &err);
 *     do {
 *         ... train an epoch with it, measure, evaluate ...
 *         zeus_batch_client_report(client, time_s, energy_j, metric, &verdict, &err);
 *     } while (!verdict.is_finished);
 *     zeus_batch_client_destroy(client);                            ends the trial
 *
 * Each rank of a pipeline-parallel job asks the pipeline server for its frequencies:
 *
 *     zeus_pipeline_client_create(&options, &client, &err);         rank 0 registers the job
 *     ... rank 0 hands zeus_pipeline_client_job_id() to the others ...
 *     zeus_pipeline_client_connect(client, &err);                   waits for all ranks
 *     for each instruction: zeus_pipeline_client_next(client, "forward", &mhz, &err);
 *     after each iteration: zeus_pipeline_client_end_step(client, &err);
 *
 * Threads: one client, one thread at a time. Errors of the server keep its HTTP status as
 * vendor_code.
 */
#ifndef ZEUS_SERVERS_H
#define ZEUS_SERVERS_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_batch_client zeus_batch_client;
typedef struct zeus_pipeline_client zeus_pipeline_client;

/* Fill with zeus_batch_client_options_init, then set url and the fields without a default. */
typedef struct zeus_batch_client_options {
    size_t size;           /* sizeof(zeus_batch_client_options) */
    const char *url;       /* "http://host:port" */
    const char *unix_path; /* NULL: TCP */
    const char *token;     /* NULL: none */
    double timeout_s;      /* 5 */
    uint32_t retries;      /* of requests that may be repeated without harm: 3 */
    int32_t rank;          /* only rank 0 asks for a batch size: 0 */
    const char *job_id;    /* of an earlier recurrence; NULL: a new job */
    const char *job_id_prefix;
    const int64_t *batch_sizes;
    size_t batch_size_count;
    int64_t default_batch_size;
    double eta_knob;          /* 0.5 */
    double beta_knob;         /* 2; NaN: no early stopping */
    double target_metric;     /* 0.5 */
    int32_t is_higher_better; /* 1 */
    int32_t has_mab_seed;     /* 0 */
    int64_t mab_seed;
    int64_t max_epochs;           /* 100 */
    int64_t num_pruning_rounds;   /* 2 */
    int64_t window_size;          /* 0: the whole history */
    int64_t mab_num_explorations; /* 2 */
    double mab_prior_mean;
    double mab_prior_precision;
    double max_power_w; /* of all GPUs of the job together */
    int64_t number_of_gpus;
    const char *gpu_model;
} zeus_batch_client_options;

ZEUS_API void zeus_batch_client_options_init(zeus_batch_client_options *options);

/* Registers the job; every rank may. ZEUS_ESTATE: the job id exists with other parameters. */
ZEUS_API int zeus_batch_client_create(const zeus_batch_client_options *options,
                                      zeus_batch_client **ret_client, zeus_error *err) ZEUS_CHECK;

/* Tells the server that the trial, if there was one, is over, and frees the client. */
ZEUS_API void zeus_batch_client_destroy(zeus_batch_client *client);

/* What later recurrences pass as job_id. Borrowed from the client. */
ZEUS_API const char *zeus_batch_client_job_id(const zeus_batch_client *client);

/* Rank 0 only (ZEUS_ESTATE otherwise); the first answer is kept. */
ZEUS_API int zeus_batch_client_get_batch_size(zeus_batch_client *client, int64_t *ret_batch_size,
                                              zeus_error *err) ZEUS_CHECK;
ZEUS_API int64_t zeus_batch_client_trial_number(const zeus_batch_client *client);

/* Other ranks: what rank 0 was given. */
ZEUS_API int zeus_batch_client_set_trial(zeus_batch_client *client, int64_t batch_size,
                                         int64_t trial_number);

typedef struct zeus_batch_verdict {
    int32_t is_finished;   /* stop training */
    int32_t has_converged; /* finished within the cost bound; 0: training failed */
    char message[240];     /* the server's words */
} zeus_batch_verdict;

/* Reports one epoch: its time and energy, and the validation metric after it. ZEUS_ESTATE before
 * there is a batch size; after the end it does nothing and repeats the last verdict. */
ZEUS_API int zeus_batch_client_report(zeus_batch_client *client, double time_s, double energy_j,
                                      double metric, zeus_batch_verdict *ret_verdict,
                                      zeus_error *err) ZEUS_CHECK;

/* Zero it, set `size`. */
typedef struct zeus_pipeline_client_options {
    size_t size; /* sizeof(zeus_pipeline_client_options) */
    const char *url;
    const char *unix_path;
    const char *token;
    const char
        *job_id; /* NULL on rank 0, which registers the job; what rank 0 was given elsewhere */
    const char *job_metadata; /* NULL: none */
    int64_t rank;
    int64_t dp_rank;
    int64_t pp_rank;
    int64_t tp_rank;
    int64_t dp_degree;
    int64_t pp_degree;
    int64_t tp_degree;
    const int64_t *frequencies_mhz; /* that the device can be locked to; sent highest first */
    size_t frequency_count;
} zeus_pipeline_client_options;

ZEUS_API int zeus_pipeline_client_create(const zeus_pipeline_client_options *options,
                                         zeus_pipeline_client **ret_client, zeus_error *err)
    ZEUS_CHECK;
ZEUS_API void zeus_pipeline_client_destroy(zeus_pipeline_client *client);
ZEUS_API const char *zeus_pipeline_client_job_id(const zeus_pipeline_client *client);

/* Registers the rank and waits, for as long as it takes, for its schedule. Called again (after
 * results were reported) it fetches the next one. */
ZEUS_API int zeus_pipeline_client_connect(zeus_pipeline_client *client, zeus_error *err) ZEUS_CHECK;

/* The frequency for the next instruction; 0 means leave it as it is. ZEUS_ESTATE when the schedule
 * has another instruction here or is at its end. */
ZEUS_API int zeus_pipeline_client_next(zeus_pipeline_client *client, const char *instruction,
                                       int64_t *ret_frequency_mhz, zeus_error *err) ZEUS_CHECK;

/* ZEUS_ESTATE unless every instruction of the schedule was taken; starts it anew. */
ZEUS_API int zeus_pipeline_client_end_step(zeus_pipeline_client *client, zeus_error *err)
    ZEUS_CHECK;

/* What the iterations of this round took. */
ZEUS_API int zeus_pipeline_client_report(zeus_pipeline_client *client, const double *iter_time_s,
                                         const double *iter_energy_j, size_t count, zeus_error *err)
    ZEUS_CHECK;

/* One instruction of a profiled iteration, as it was measured. */
typedef struct zeus_pipeline_instruction {
    const char *name; /* "forward", "backward" */
    double time_s;
    double energy_j;
} zeus_pipeline_instruction;

/* What one iteration took and each of its instructions: what a server that profiles the pipeline
 * plans with. */
ZEUS_API int zeus_pipeline_client_report_profile(zeus_pipeline_client *client, double iter_time_s,
                                                 double iter_energy_j,
                                                 const zeus_pipeline_instruction *instructions,
                                                 size_t count, zeus_error *err) ZEUS_CHECK;

/* Asks for the cheapest plan that takes at most `deadline_s` (0: the fastest), because something
 * else makes iterations that long; data-parallel rank `straggler` (-1: none) keeps the fastest. Any
 * one rank asks; all get the plan with their next schedule. *ret_time_s is what the plan takes:
 * longer than asked when nothing is that fast. ZEUS_ESTATE while the server has no frontier, or has
 * a scheduler without one. Servers of the published kind do not have this. */
ZEUS_API int zeus_pipeline_client_set_deadline(zeus_pipeline_client *client, double deadline_s,
                                               int64_t straggler, double *ret_time_s,
                                               zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_SERVERS_H */
