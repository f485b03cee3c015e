/* SPDX-License-Identifier: Apache-2.0
 *
 * A training job that recurs, with the batch size server: each run of this program is one
 * recurrence. Training is played: epochs cost what a small table says. A real job measures energy
 * with zeus_monitor windows instead.
 * usage: recurring_job SERVER_URL [JOB_ID]; prints the job's id, the batch size and how it ended.
 */
#include <inttypes.h>
#include <stdio.h>

#include <zeus/servers.h>

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
    zeus_batch_verdict verdict = {.is_finished = 0};
    int epoch = 0;
    int code = 0;
    while (code == 0 && !verdict.is_finished) {
        const double metric = ++epoch >= table[row].epochs ? 0.9 : 0.1;
        code = zeus_batch_client_report(client, epoch * table[row].epoch_time_s,
                                        epoch * table[row].epoch_energy_j, metric, &verdict, err);
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
    zeus_batch_client_options options;
    zeus_batch_client_options_init(&options);
    options.url = argv[1];
    options.job_id = argc > 2 ? argv[2] : NULL;
    options.job_id_prefix = "example";
    options.batch_sizes = sizes;
    options.batch_size_count = sizeof(sizes) / sizeof(sizes[0]);
    options.default_batch_size = 64;
    options.max_power_w = 300;
    options.number_of_gpus = 1;
    options.gpu_model = "example";
    options.has_mab_seed = 1;
    options.mab_seed = 1;
    options.max_epochs = 20;
    zeus_batch_client *client = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int64_t batch_size = 0;
    int code = zeus_batch_client_create(&options, &client, &err);
    code = code < 0 ? code : zeus_batch_client_get_batch_size(client, &batch_size, &err);
    if (code == 0) {
        printf("%s batch size %" PRId64 "\n", zeus_batch_client_job_id(client), batch_size);
        code = train(client, batch_size, &err);
    }
    zeus_batch_client_destroy(client);
    if (code < 0) {
        (void)fprintf(stderr, "recurring_job: %s\n", err.message);
        return 1;
    }
    return 0;
}
