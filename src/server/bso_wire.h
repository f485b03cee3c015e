/* SPDX-License-Identifier: Apache-2.0
 *
 * What travels between the batch size server and its clients.
 */
#ifndef ZEUS_SERVER_BSO_WIRE_H
#define ZEUS_SERVER_BSO_WIRE_H

#include <stdint.h>

#include "base/strbuf.h"
#include "codec/json_decode.h"
#include "store/store.h"

#define BSO_SIZES_MAX  1024 /* batch sizes of a job */
#define BSO_ID_MAX     400  /* characters of a job id */
#define BSO_PREFIX_MAX 300

/* POST /jobs. job.batch_sizes is filled from `sizes`, sorted. */
struct bso_job {
    struct store_job job;
    struct json_ints sizes;
    int is_compat; /* set before decoding: accept what the published server accepts */
};

/* PATCH /trials and, with the rest, POST /report. */
struct bso_trial_id {
    const char *job_id;
    int64_t batch_size;
    int64_t trial_number;
};

struct bso_result {
    struct bso_trial_id id; /* first member */
    double time_s;
    double energy_j;
    double metric;
    int64_t current_epoch;
    int is_compat;
};

/* server_decode functions for the records above. */
int bso_decode_job(const char *body, size_t len, void *record, struct json_problems *p);
int bso_decode_trial_id(const char *body, size_t len, void *record, struct json_problems *p);
int bso_decode_result(const char *body, size_t len, void *record, struct json_problems *p);

void bso_write_job(struct strbuf *out, const struct store_job *job);
void bso_write_trial_id(struct strbuf *out, const char *job_id, int64_t batch_size,
                        int64_t trial_number);
void bso_write_report(struct strbuf *out, int stop_train, int converged, const char *message);

/* Texts of messages: a string as Python's repr() gives it, and the fields of a record as
 * "job_id='a' batch_size=1 ...". */
void bso_add_repr(struct strbuf *out, const char *text);
void bso_add_trial_id(struct strbuf *out, const struct bso_trial_id *id);
void bso_add_result(struct strbuf *out, const struct bso_result *result);

/* All parameters a client gives are equal. */
int bso_same_job(const struct store_job *a, const struct store_job *b);

/* 1 when some number is not finite (a job that JSON cannot echo). */
int bso_has_special_number(const struct store_job *job);

/* 1 when a batch size occurs twice in the sorted list. */
int bso_has_duplicate(const struct store_job *job);

#endif /* ZEUS_SERVER_BSO_WIRE_H */
