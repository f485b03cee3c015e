/* SPDX-License-Identifier: Apache-2.0
 *
 * The client of <zeus/batch_client.h>, whose comments hold: state of one trial over HTTP.
 */
#ifndef ZEUS_OPTIM_BATCH_SIZE_CLIENT_H
#define ZEUS_OPTIM_BATCH_SIZE_CLIENT_H

#include <zeus/batch_client.h>

#include "base/attr.h"

struct batch_size_client;

int batch_size_client_open(const zeus_batch_client_options *options,
                           struct batch_size_client **ret_client, zeus_error *err) ZEUS_CHECK;
void batch_size_client_close(struct batch_size_client *client);
const char *batch_size_client_job_id(const struct batch_size_client *client);
int64_t batch_size_client_trial_number(const struct batch_size_client *client);
int batch_size_client_get(struct batch_size_client *client, int64_t *ret_batch_size,
                          zeus_error *err) ZEUS_CHECK;
int batch_size_client_set(struct batch_size_client *client, int64_t batch_size,
                          int64_t trial_number, zeus_error *err) ZEUS_CHECK;
void batch_size_client_begin(struct batch_size_client *client);

/* An epoch: metric, and energy and time since the last call. */
struct batch_size_epoch {
    double metric;
    double energy_j;
    double time_s;
};
int batch_size_client_evaluate(struct batch_size_client *client,
                               const struct batch_size_epoch *epoch,
                               zeus_batch_verdict *ret_verdict, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_OPTIM_BATCH_SIZE_CLIENT_H */
