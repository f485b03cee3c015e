/* SPDX-License-Identifier: Apache-2.0
 *
 * A training job that recurs, with the batch size server: each run of this program is one
 * recurrence. Training is played: epochs cost what a small table says. A real job measures energy
 * with zeus_monitor windows instead.
 * usage: recurring_job SERVER_URL [JOB_ID]; prints the job's id, the batch size and how it ended.
 */
#include <inttypes.h>
#include <stdio.h>

#include <zeus/batch_client.h>

static const int64_t sizes[] = {8, 16, 32, 64, 128};

/* Larger batches need more epochs and fewer joules each; 128 never gets there. */
static const struct {
    double epoch_energy_j;
    double epoch_time_s;
    int epochs;
} table[] = {{900, 4, 6}, {600, 3, 6}, {400, 2, 7}, {380, 1.8, 9}, {300, 1.5, 99}};

static int train(zeus_batch_client *client, int64_t batch_size, zeus_error *err)
{
    size_t row = 0;
    while (sizes[row] != batch_size) {
        row++;
    }
    zeus_batch_verdict verdict = {.is_stop = 0};
    int epoch = 0;
    int code = zeus_batch_client_begin(client, err);
    while (code == 0 && !verdict.is_stop) {
        const double metric = ++epoch >= table[row].epochs ? 0.9 : 0.1;
        code = zeus_batch_client_evaluate(client, metric, table[row].epoch_energy_j,
                                          table[row].epoch_time_s, &verdict, err);
    }
    if (code == 0) {
        printf("%s after %d epochs: %s\n", verdict.has_converged ? "converged" : "failed", epoch,
               verdict.message);
    }
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: recurring_job SERVER_URL [JOB_ID]\n");
        return 2;
    }
    zeus_batch_client_options options = {
        .size = sizeof(options),
        .server_url = argv[1],
        .job_id = argc > 2 ? argv[2] : NULL,
        .job_id_prefix = "example",
        .batch_sizes = sizes,
        .batch_size_count = sizeof(sizes) / sizeof(sizes[0]),
        .default_batch_size = 64,
        .max_power_w = 300,
        .number_of_gpus = 1,
        .gpu_model = "example",
        .flags = ZEUS_BATCH_CLIENT_SEEDED,
        .mab_seed = 1,
    };
    zeus_batch_client *client = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int64_t batch_size = 0;
    int code = zeus_batch_client_defaults(&options);
    options.max_epochs = 20;
    code = code < 0 ? code : zeus_batch_client_open(&options, &client, &err);
    code = code < 0 ? code : zeus_batch_client_get_batch_size(client, &batch_size, &err);
    if (code == 0) {
        printf("%s batch size %" PRId64 "\n", zeus_batch_client_job_id(client), batch_size);
        code = train(client, batch_size, &err);
    }
    zeus_batch_client_close(client);
    if (code < 0) {
        (void)fprintf(stderr, "recurring_job: %s\n", err.message);
        return 1;
    }
    return 0;
}
