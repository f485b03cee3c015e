/* SPDX-License-Identifier: Apache-2.0
 *
 * The C clients of the optimizer servers at work, driven by test_serve_c_client.py: prints one line
 * of JSON.
 *
 *     client_probe bso URL [TOKEN]      thirty recurrences of a job
 *     client_probe pfo URL              a job of two ranks on two threads
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <zeus/zeus.h>

static int complain(const char *what, int code, const zeus_error *err)
{
    fprintf(stderr, "%s: %s: %s (status %d)\n", what, zeus_error_id(code), err->message,
            (int)err->vendor_code);
    return 1;
}

static int recurrence(const zeus_batch_client_options *options, char job_id[512],
                      int64_t *ret_batch_size, zeus_error *err)
{
    zeus_batch_client *client = NULL;
    zeus_batch_verdict verdict = {0};
    int r = zeus_batch_client_create(options, &client, err);
    if (r < 0) {
        return r;
    }
    snprintf(job_id, 512, "%s", zeus_batch_client_job_id(client));
    if (zeus_batch_client_report(client, 1, 1, 0.1, &verdict, NULL) != ZEUS_ESTATE) {
        fprintf(stderr, "a report before the batch size was taken\n");
    }
    r = zeus_batch_client_get_batch_size(client, ret_batch_size, err);
    for (int epoch = 1; r == 0 && !verdict.is_finished; epoch++) {
        double time_s = *ret_batch_size == 512 ? 20 : 40;
        r = zeus_batch_client_report(client, time_s, 300 * time_s, epoch == 3 ? 0.6 : 0.1, &verdict,
                                     err);
    }
    zeus_batch_client_destroy(client);
    return r;
}

static int run_bso(const char *url, const char *token)
{
    static const int64_t sizes[] = {256, 512, 1024};
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_batch_client_options o;
    char job_id[512] = "";
    zeus_batch_client_options_init(&o);
    o.url = url;
    o.token = token;
    o.job_id_prefix = "mnist";
    o.batch_sizes = sizes;
    o.batch_size_count = 3;
    o.default_batch_size = 1024;
    o.max_epochs = 5;
    o.max_power_w = 1200;
    o.number_of_gpus = 4;
    o.gpu_model = "Tesla V100";
    o.has_mab_seed = 1;
    o.mab_seed = 11;
    printf("{\"chosen\":[");
    for (int i = 0; i < 30; i++) {
        int64_t batch_size = 0;
        int r = recurrence(&o, job_id, &batch_size, &err);
        if (r < 0) {
            return complain("recurrence", r, &err);
        }
        o.job_id = job_id;
        printf("%s%lld", i ? "," : "", (long long)batch_size);
    }
    o.max_epochs = 6;
    zeus_batch_client *client = NULL;
    int r = zeus_batch_client_create(&o, &client, &err);
    printf("],\"job_id\":\"%s\",\"changed\":[\"%s\",%d]}\n", job_id, zeus_error_id(r),
           (int)err.vendor_code);
    return 0;
}

struct rank {
    pthread_t thread;
    zeus_pipeline_client_options options;
    int64_t taken[8];
    int count;
    int status;
    zeus_error err;
};

static int iterate(struct rank *rank, zeus_pipeline_client *client)
{
    static const char *const names[2][4] = {{"forward", "forward", "backward", "backward"},
                                            {"forward", "backward", "forward", "backward"}};
    int64_t mhz = 0;
    if (zeus_pipeline_client_next(client, "nope", &mhz, NULL) != ZEUS_ESTATE ||
        zeus_pipeline_client_end_step(client, NULL) != ZEUS_ESTATE) {
        return ZEUS_EINTERNAL;
    }
    for (int i = 0; i < 4; i++) {
        int r = zeus_pipeline_client_next(client, names[rank->options.rank][i], &mhz, &rank->err);
        if (r < 0) {
            return r;
        }
        rank->taken[rank->count++] = mhz;
    }
    return zeus_pipeline_client_end_step(client, &rank->err);
}

static void *run_rank(void *argument)
{
    struct rank *rank = argument;
    zeus_pipeline_client *client = NULL;
    const double time_s[] = {1.0, 1.5};
    const double energy_j[] = {100.0, 150.0};
    int r = zeus_pipeline_client_create(&rank->options, &client, &rank->err);
    for (int round = 0; r == 0 && round < 2; round++) {
        r = zeus_pipeline_client_connect(client, &rank->err);
        r = r < 0 ? r : iterate(rank, client);
        r = r < 0 ? r : zeus_pipeline_client_report(client, time_s, energy_j, 2, &rank->err);
    }
    rank->status = r;
    zeus_pipeline_client_destroy(client);
    return NULL;
}

static int run_pfo(const char *url)
{
    static const int64_t clocks[] = {1380, 1410, 1395};
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_pipeline_client *first = NULL;
    struct rank ranks[2];
    zeus_pipeline_client_options o = {.size = sizeof(o), .url = url, .job_metadata = "two ranks"};
    o.dp_degree = o.tp_degree = 1;
    o.pp_degree = 2;
    o.frequencies_mhz = clocks;
    o.frequency_count = 3;
    int r = zeus_pipeline_client_create(&o, &first, &err);
    if (r < 0) {
        return complain("register", r, &err);
    }
    memset(ranks, 0, sizeof(ranks));
    for (int i = 0; i < 2; i++) {
        ranks[i].options = o;
        ranks[i].options.job_id = zeus_pipeline_client_job_id(first);
        ranks[i].options.rank = ranks[i].options.pp_rank = i;
        if (pthread_create(&ranks[i].thread, NULL, run_rank, &ranks[i]) != 0) {
            return 1;
        }
    }
    printf("{\"job_id\":\"%s\",\"taken\":[", zeus_pipeline_client_job_id(first));
    for (int i = 0; i < 2; i++) {
        pthread_join(ranks[i].thread, NULL);
        if (ranks[i].status < 0) {
            return complain("rank", ranks[i].status, &ranks[i].err);
        }
        for (int k = 0; k < ranks[i].count; k++) {
            printf("%s%lld", i || k ? "," : "", (long long)ranks[i].taken[k]);
        }
    }
    printf("]}\n");
    zeus_pipeline_client_destroy(first);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "bso") == 0) {
        return run_bso(argv[2], argc > 3 ? argv[3] : NULL);
    }
    if (argc > 2 && strcmp(argv[1], "pfo") == 0) {
        return run_pfo(argv[2]);
    }
    fprintf(stderr, "usage: client_probe bso|pfo URL [TOKEN]\n");
    return 2;
}
