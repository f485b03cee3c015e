/* SPDX-License-Identifier: Apache-2.0
 *
 * A training job that recurs, with the batch size server: each run of this program is one
 * recurrence. The training is a stand-in that keeps a processor busy; its energy is measured, on
 * this machine's devices or on a simulated node:
 *
 *     zeus sim --node demo -- recurring_job http://127.0.0.1:8000
 *
 * usage: recurring_job SERVER_URL [JOB_ID]; prints the job's id, the batch size and how it ended.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include <zeus/monitor.h>
#include <zeus/servers.h>

static const int64_t sizes[] = {8, 16, 32, 64, 128};

/* Larger batches need more epochs of less work each; 128 never gets there. */
static const struct {
    unsigned epoch_ms;
    int epochs;
} table[] = {{60, 6}, {45, 6}, {30, 7}, {28, 9}, {25, 99}};

/* One epoch of "training": arithmetic for so long. */
static void work(const zeus_monitor *monitor, unsigned duration_ms)
{
    const uint64_t end_ns = zeus_monitor_now_ns(monitor) + (uint64_t)duration_ms * 1000000u;
    volatile double x = 1;
    while (zeus_monitor_now_ns(monitor) < end_ns) {
        x = x * 1.0000001 + 1e-9;
    }
}

/* Time and energy since the window "training" began; what cannot be measured is an error. */
static int measure(zeus_monitor *monitor, double *ret_time_s, double *ret_energy_j, zeus_error *err)
{
    zeus_measurement *so_far = NULL;
    int code = zeus_monitor_estimate_window(monitor, "training", &so_far, err);
    if (code < 0) {
        return code;
    }
    *ret_time_s = zeus_measurement_time_s(so_far);
    *ret_energy_j = zeus_measurement_total_j(so_far);
    zeus_measurement_free(so_far);
    if (isnan(*ret_energy_j)) {
        err->code = ZEUS_ENOTSUP;
        (void)snprintf(err->message, sizeof(err->message),
                       "nothing here can be measured; 'zeus env' says why");
        return ZEUS_ENOTSUP;
    }
    return 0;
}

static int train(zeus_batch_client *client, zeus_monitor *monitor, int64_t batch_size,
                 zeus_error *err)
{
    size_t row = 0;
    while (sizes[row] != batch_size) {
        row++;
    }
    zeus_batch_verdict verdict = {.is_finished = 0};
    int epoch = 0;
    double time_s = 0;
    double energy_j = 0;
    int code = zeus_monitor_begin_window(monitor, "training", 0, err);
    while (code == 0 && !verdict.is_finished) {
        work(monitor, table[row].epoch_ms);
        const double metric = ++epoch >= table[row].epochs ? 0.9 : 0.1;
        const double before_s = time_s;
        const double before_j = energy_j;
        code = measure(monitor, &time_s, &energy_j, err);
        /* Both are estimates and the later may be the lower: the next epoch then makes up for it.
         */
        energy_j = energy_j < before_j ? before_j : energy_j;
        code = code < 0 ? code
                        : zeus_batch_client_report(client, time_s - before_s, energy_j - before_j,
                                                   metric, &verdict, err);
    }
    if (code == 0) {
        printf("%s after %d epochs, %.2f s, %.1f J: %s\n",
               verdict.has_converged ? "converged" : "failed", epoch, time_s, energy_j,
               verdict.message);
    }
    return code;
}

/* A monitor on the machine's devices; both are the caller's to close. */
static int open_monitor(zeus_session **ret_session, zeus_monitor **ret_monitor, zeus_error *err)
{
    int code = zeus_session_open(NULL, ret_session, err);
    return code < 0 ? code : zeus_monitor_open(*ret_session, NULL, ret_monitor, err);
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
    zeus_session *session = NULL;
    zeus_monitor *monitor = NULL;
    zeus_batch_client *client = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int64_t batch_size = 0;
    int code = open_monitor(&session, &monitor, &err);
    code = code < 0 ? code : zeus_batch_client_create(&options, &client, &err);
    code = code < 0 ? code : zeus_batch_client_get_batch_size(client, &batch_size, &err);
    if (code == 0) {
        printf("%s batch size %" PRId64 "\n", zeus_batch_client_job_id(client), batch_size);
        code = train(client, monitor, batch_size, &err);
    }
    zeus_batch_client_destroy(client);
    zeus_monitor_close(monitor);
    zeus_session_close(session);
    if (code < 0) {
        (void)fprintf(stderr, "recurring_job: %s\n", err.message);
        return 1;
    }
    return 0;
}
