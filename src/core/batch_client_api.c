/* SPDX-License-Identifier: Apache-2.0
 *
 * The public batch size client: argument checks, then optim/batch_size_client.
 */
#include <zeus/batch_client.h>

#include <math.h>

#include "base/err.h"
#include "optim/batch_size_client.h"

/* A handle is the internal struct under its public name. */
static struct batch_size_client *unwrap(zeus_batch_client *client)
{
    return (struct batch_size_client *)(void *)client;
}

static const struct batch_size_client *unwrap_const(const zeus_batch_client *client)
{
    return (const struct batch_size_client *)(const void *)client;
}

int zeus_batch_client_defaults(zeus_batch_client_options *options)
{
    if (!options || options->size != sizeof(*options)) {
        return ZEUS_EINVAL;
    }
    options->eta_knob = 0.5;
    options->beta_knob = 2.0;
    options->target_metric = 0.5;
    options->max_epochs = 100;
    options->num_pruning_rounds = 2;
    options->window_size = 0;
    options->mab_prior_mean = 0;
    options->mab_prior_precision = 0;
    options->mab_num_explorations = 2;
    return 0;
}

int zeus_batch_client_open(const zeus_batch_client_options *options, zeus_batch_client **ret_client,
                           zeus_error *err)
{
    if (!options || options->size != sizeof(*options) || !ret_client) {
        return err_set(err, ZEUS_EINVAL, "zeus_batch_client_options needs its size");
    }
    struct batch_size_client *client = NULL;
    const int code = batch_size_client_open(options, &client, err);
    if (code == 0) {
        *ret_client = (zeus_batch_client *)(void *)client;
    }
    return code;
}

void zeus_batch_client_close(zeus_batch_client *client)
{
    batch_size_client_close(unwrap(client));
}

const char *zeus_batch_client_job_id(const zeus_batch_client *client)
{
    return client ? batch_size_client_job_id(unwrap_const(client)) : "";
}

int64_t zeus_batch_client_trial_number(const zeus_batch_client *client)
{
    return client ? batch_size_client_trial_number(unwrap_const(client)) : 0;
}

int zeus_batch_client_get_batch_size(zeus_batch_client *client, int64_t *ret_batch_size,
                                     zeus_error *err)
{
    if (!client || !ret_batch_size) {
        return err_set(err, ZEUS_EINVAL, "client and ret_batch_size must not be NULL");
    }
    return batch_size_client_get(unwrap(client), ret_batch_size, err);
}

int zeus_batch_client_set_trial(zeus_batch_client *client, int64_t batch_size, int64_t trial_number,
                                zeus_error *err)
{
    if (!client) {
        return err_set(err, ZEUS_EINVAL, "client must not be NULL");
    }
    return batch_size_client_set(unwrap(client), batch_size, trial_number, err);
}

int zeus_batch_client_begin(zeus_batch_client *client, zeus_error *err)
{
    if (!client) {
        return err_set(err, ZEUS_EINVAL, "client must not be NULL");
    }
    batch_size_client_begin(unwrap(client));
    return 0;
}

int zeus_batch_client_evaluate(zeus_batch_client *client, double metric, double energy_j,
                               double time_s, zeus_batch_verdict *ret_verdict, zeus_error *err)
{
    if (!client || !ret_verdict) {
        return err_set(err, ZEUS_EINVAL, "client and ret_verdict must not be NULL");
    }
    if (!isfinite(metric) || !(energy_j >= 0 && time_s >= 0) || !isfinite(energy_j + time_s)) {
        return err_set(err, ZEUS_EINVAL, "metric %g, %g J, %g s: must be finite and not negative",
                       metric, energy_j, time_s);
    }
    const struct batch_size_epoch epoch = {metric, energy_j, time_s};
    return batch_size_client_evaluate(unwrap(client), &epoch, ret_verdict, err);
}
