/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of a batch size server (zeus-serve bso, or the published one): a training job that recurs
 * asks for its batch size and reports how it went.
 *
 *     zeus_batch_client_open(&options, &client, &err);          registers the job
 *     zeus_batch_client_get_batch_size(client, &batch_size, &err);
 *     zeus_batch_client_begin(client, &err);
 *     for each epoch:
 *         train; measure energy and time since the last report
 *         zeus_batch_client_evaluate(client, metric, energy_j, time_s, &verdict, &err);
 *         if (verdict.is_stop) break;
 *     zeus_batch_client_close(client);                          ends the trial
 *
 * The first recurrence is given a job id (zeus_batch_client_job_id) to pass in all later ones.
 * Calls block up to the timeout. Threads: one client, one thread at a time.
 */
#ifndef ZEUS_BATCH_CLIENT_H
#define ZEUS_BATCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_batch_client zeus_batch_client;

/* zeus_batch_client_options.flags */
#define ZEUS_BATCH_CLIENT_LOWER_IS_BETTER (1u << 0) /* of the metric, a loss for instance */
#define ZEUS_BATCH_CLIENT_SEEDED          (1u << 1) /* mab_seed counts */

/* The job as the server knows it. Zero everything, set `size`, then zeus_batch_client_defaults.
 * All recurrences must give the same values. Strings are borrowed for the call to open. */
typedef struct zeus_batch_client_options {
    size_t size;            /* sizeof(zeus_batch_client_options) */
    const char *server_url; /* "http://host:port" */
    const char *token;      /* bearer token, NULL: none */
    const char *job_id;     /* NULL: a new job; else it must begin with the prefix */
    const char *job_id_prefix;
    const int64_t *batch_sizes;
    size_t batch_size_count;
    int64_t default_batch_size;
    double eta_knob;
    double beta_knob; /* NAN: no early stopping */
    double target_metric;
    int64_t max_epochs;
    int64_t num_pruning_rounds;
    int64_t window_size;
    double mab_prior_mean;
    double mab_prior_precision;
    int64_t mab_num_explorations;
    int64_t mab_seed;
    double max_power_w; /* of all GPUs of the job together */
    int64_t number_of_gpus;
    const char *gpu_model;
    uint32_t flags;      /* ZEUS_BATCH_CLIENT_... */
    uint32_t rank;       /* of this process in the job: only rank 0 asks for a batch size */
    uint32_t timeout_ms; /* of each call, 0: 5000 */
    uint32_t attempts;   /* of registering and reporting when the server cannot be reached, 0: 3;
                          * asking for a batch size begins a trial and is tried once */
} zeus_batch_client_options;

/* Fills what the server would: knobs, rounds, explorations, target 0.5, 100 epochs. Keeps size,
 * strings, sizes and GPUs. */
ZEUS_API int zeus_batch_client_defaults(zeus_batch_client_options *options) ZEUS_CHECK;

/* Registers the job. *ret_client is owned: zeus_batch_client_close. INVAL names the option; CLOSED,
 * TIMEOUT and IO when the server did not answer; DAEMON with status and body when it refused. */
ZEUS_API int zeus_batch_client_open(const zeus_batch_client_options *options,
                                    zeus_batch_client **ret_client, zeus_error *err) ZEUS_CHECK;

/* Ends the trial, if one was begun, whatever the server says, and frees. NULL is fine. */
ZEUS_API void zeus_batch_client_close(zeus_batch_client *client);

/* Borrowed until close. */
ZEUS_API const char *zeus_batch_client_job_id(const zeus_batch_client *client);

/* Begins a trial and says its batch size; the same one each time. STATE on other ranks than 0. */
ZEUS_API int zeus_batch_client_get_batch_size(zeus_batch_client *client, int64_t *ret_batch_size,
                                              zeus_error *err) ZEUS_CHECK;

/* Number of the trial, 0 before it was begun. */
ZEUS_API int64_t zeus_batch_client_trial_number(const zeus_batch_client *client);

/* Other ranks are told by rank 0. INVAL for a size the job does not have. */
ZEUS_API int zeus_batch_client_set_trial(zeus_batch_client *client, int64_t batch_size,
                                         int64_t trial_number, zeus_error *err) ZEUS_CHECK;

/* Training begins: totals and epochs start at 0. */
ZEUS_API int zeus_batch_client_begin(zeus_batch_client *client, zeus_error *err) ZEUS_CHECK;

typedef struct zeus_batch_verdict {
    uint32_t is_stop;       /* end training now */
    uint32_t has_converged; /* with is_stop: the target was reached in time */
    char message[232];      /* the server's words */
} zeus_batch_verdict;

/* An epoch was evaluated: its metric, and energy and time since the last call (or begin). STATE
 * before a trial and begin. After is_stop it does nothing and repeats the verdict. */
ZEUS_API int zeus_batch_client_evaluate(zeus_batch_client *client, double metric, double energy_j,
                                        double time_s, zeus_batch_verdict *ret_verdict,
                                        zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_BATCH_CLIENT_H */
