/* SPDX-License-Identifier: Apache-2.0
 *
 * What a batch size client and its server say to each other, as texts. Pure.
 */
#ifndef ZEUS_OPTIM_BATCH_SIZE_WIRE_H
#define ZEUS_OPTIM_BATCH_SIZE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/batch_client.h>

#include "base/attr.h"

struct batch_size_trial_id {
    const char *job_id;
    int64_t batch_size;
    int64_t trial_number;
};

struct batch_size_progress {
    double time_s; /* totals since the start of the trial */
    double energy_j;
    double metric;
    int64_t current_epoch;
};

/* Bodies of requests (owned: free). */
int batch_size_wire_job(const zeus_batch_client_options *options, char **ret_text) ZEUS_CHECK;
int batch_size_wire_trial(const struct batch_size_trial_id *trial, char **ret_text) ZEUS_CHECK;
int batch_size_wire_report(const struct batch_size_trial_id *trial,
                           const struct batch_size_progress *progress, char **ret_text) ZEUS_CHECK;

/* Answers. ZEUS_EPARSE when a member is missing or of another type; others are ignored. */
int batch_size_wire_read_job_id(const char *text, size_t len, char *out, size_t size) ZEUS_CHECK;
int batch_size_wire_read_trial(const char *text, size_t len, int64_t *ret_batch_size,
                               int64_t *ret_trial_number) ZEUS_CHECK;
int batch_size_wire_read_verdict(const char *text, size_t len, zeus_batch_verdict *ret_verdict)
    ZEUS_CHECK;

#endif /* ZEUS_OPTIM_BATCH_SIZE_WIRE_H */
