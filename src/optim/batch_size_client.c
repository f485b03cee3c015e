/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls in their order, and when a call may be repeated: registering and reporting are idempotent
 * on the server, so they are tried again when it could not be reached; asking for a batch size
 * begins a trial and is never repeated.
 */
#include "optim/batch_size_client.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/url.h"
#include "net/http_client.h"
#include "optim/batch_size_wire.h"

#define JOB_ID_SIZE      401 /* what the published server's database holds */
#define ATTEMPTS_DEFAULT 3u
#define ATTEMPTS_MAX     100u
#define PAUSE_FIRST_MS   100u
#define PAUSE_MAX_MS     5000u

struct batch_size_client {
    struct http_client *http; /* owned */
    char *server_url;         /* owned, without trailing slash */
    char *token;              /* owned or NULL; wiped when freed */
    int64_t *sizes;           /* owned */
    size_t size_count;
    char job_id[JOB_ID_SIZE];
    uint32_t rank;
    uint32_t timeout_ms;
    uint32_t attempts;
    int64_t batch_size; /* 0: no trial yet */
    int64_t trial_number;
    int is_begun;
    struct batch_size_progress progress;
    zeus_batch_verdict verdict; /* is_stop: training is finished */
};

static void pause_ms(uint32_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) < 0) {
    }
}

/* One exchange; the answer's body is the caller's. DAEMON when the status is not 2xx. */
static int exchange(struct batch_size_client *c, const char *method, const char *path,
                    const char *body, struct http_client_answer *ret_answer, zeus_error *err)
{
    char url[4096];
    if ((size_t)snprintf(url, sizeof(url), "%s%s", c->server_url, path) >= sizeof(url)) {
        return err_set(err, ZEUS_ELIMIT, "the server's URL is too long");
    }
    const struct http_client_request request = {
        .method = method,
        .url = url,
        .body = body,
        .token = c->token,
        .timeout_ms = c->timeout_ms,
    };
    struct http_client_answer answer;
    const int code = http_client_send(c->http, &request, &answer, err);
    if (code < 0) {
        return code;
    }
    if (answer.status < 200 || answer.status > 299) {
        err_set_vendor(err, ZEUS_EDAEMON, ZEUS_VENDOR_DAEMON, answer.status,
                       "%s %s: the server answered %d: %.120s", method, path, answer.status,
                       answer.body);
        free(answer.body);
        return ZEUS_EDAEMON;
    }
    *ret_answer = answer;
    return 0;
}

static int is_worth_repeating(int code)
{
    return code == ZEUS_ECLOSED || code == ZEUS_EIO || code == ZEUS_ETIMEOUT;
}

/* A POST that the server takes twice as once. */
static int post_repeatedly(struct batch_size_client *c, const char *path, const char *body,
                           struct http_client_answer *ret_answer, zeus_error *err)
{
    uint32_t pause = PAUSE_FIRST_MS;
    int code = ZEUS_ECLOSED;
    for (uint32_t i = 0; i < c->attempts; i++) {
        if (i > 0) {
            pause_ms(pause);
            pause = 2 * pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : 2 * pause;
        }
        code = exchange(c, "POST", path, body, ret_answer, err);
        if (!is_worth_repeating(code)) {
            break;
        }
    }
    return code;
}

static int check_options(const zeus_batch_client_options *o, zeus_error *err)
{
    if (!o->server_url || !o->job_id_prefix || !o->gpu_model || !o->gpu_model[0]) {
        return err_set(err, ZEUS_EINVAL, "server_url, job_id_prefix and gpu_model are needed");
    }
    if (!o->batch_sizes || o->batch_size_count == 0 || o->batch_size_count > 100000) {
        return err_set(err, ZEUS_EINVAL, "batch_sizes: 1 to 100000 sizes are needed");
    }
    if (!(o->eta_knob >= 0 && o->eta_knob <= 1)) {
        return err_set(err, ZEUS_EINVAL, "eta_knob is %g, must be 0 to 1", o->eta_knob);
    }
    if (!isnan(o->beta_knob) && !(o->beta_knob > 0 && isfinite(o->beta_knob))) {
        return err_set(err, ZEUS_EINVAL, "beta_knob is %g, must be above 0 (NAN: none)",
                       o->beta_knob);
    }
    if (!(o->max_power_w > 0) || !isfinite(o->max_power_w) || o->number_of_gpus <= 0) {
        return err_set(err, ZEUS_EINVAL, "max_power_w and number_of_gpus must be above 0");
    }
    if (!isfinite(o->target_metric) || !isfinite(o->mab_prior_mean) ||
        !isfinite(o->mab_prior_precision)) {
        return err_set(err, ZEUS_EINVAL, "target_metric and the prior must be finite");
    }
    int has_default = 0;
    for (size_t i = 0; i < o->batch_size_count; i++) {
        has_default |= o->batch_sizes[i] == o->default_batch_size;
    }
    return has_default
               ? 0
               : err_set(err, ZEUS_EINVAL, "default_batch_size %lld is not among the batch sizes",
                         (long long)o->default_batch_size);
}

static struct batch_size_client *make(const zeus_batch_client_options *o)
{
    struct batch_size_client *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    size_t len = strlen(o->server_url);
    while (len > 0 && o->server_url[len - 1] == '/') {
        len--;
    }
    c->server_url = mem_strndup(o->server_url, len);
    c->token = o->token ? mem_strdup(o->token) : NULL;
    c->sizes = mem_calloc(o->batch_size_count, sizeof(*c->sizes));
    if (!c->server_url || !c->sizes || (o->token && !c->token)) {
        batch_size_client_close(c);
        return NULL;
    }
    memcpy(c->sizes, o->batch_sizes, o->batch_size_count * sizeof(*c->sizes));
    c->size_count = o->batch_size_count;
    c->rank = o->rank;
    c->timeout_ms = o->timeout_ms;
    c->attempts = o->attempts ? o->attempts : ATTEMPTS_DEFAULT;
    if (c->attempts > ATTEMPTS_MAX) {
        c->attempts = ATTEMPTS_MAX;
    }
    return c;
}

static int register_job(struct batch_size_client *c, const zeus_batch_client_options *options,
                        zeus_error *err)
{
    char *body _free_ = NULL;
    int code = batch_size_wire_job(options, &body);
    if (code < 0) {
        return err_set(err, code, "the job cannot be written: %s", zeus_strerror(code));
    }
    struct http_client_answer answer;
    code = post_repeatedly(c, "/jobs", body, &answer, err);
    if (code < 0) {
        return code;
    }
    code = batch_size_wire_read_job_id(answer.body, answer.body_len, c->job_id, sizeof(c->job_id));
    if (code < 0) {
        err_set(err, code, "POST /jobs: no job_id in the answer: %.120s", answer.body);
    }
    free(answer.body);
    return code;
}

int batch_size_client_open(const zeus_batch_client_options *options,
                           struct batch_size_client **ret_client, zeus_error *err)
{
    int code = check_options(options, err);
    if (code < 0) {
        return code;
    }
    struct batch_size_client *c = make(options);
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    code = http_client_create(&c->http, err);
    code = code < 0 ? code : register_job(c, options, err);
    if (code < 0) {
        batch_size_client_close(c);
        return code;
    }
    *ret_client = c;
    return 0;
}

/* The trial is over, however it went. Nobody is left to tell of a failure. */
static void end_trial(struct batch_size_client *c)
{
    const struct batch_size_trial_id trial = {c->job_id, c->batch_size, c->trial_number};
    struct http_client_answer answer;
    char *body _free_ = NULL;
    if (batch_size_wire_trial(&trial, &body) == 0 &&
        exchange(c, "PATCH", "/trials", body, &answer, NULL) == 0) {
        free(answer.body);
    }
}

void batch_size_client_close(struct batch_size_client *client)
{
    if (!client) {
        return;
    }
    if (client->http && client->rank == 0 && client->batch_size > 0) {
        end_trial(client);
    }
    http_client_destroy(client->http);
    if (client->token) {
        memset(client->token, 0, strlen(client->token));
    }
    free(client->token);
    free(client->server_url);
    free(client->sizes);
    free(client);
}

const char *batch_size_client_job_id(const struct batch_size_client *client)
{
    return client->job_id;
}

int64_t batch_size_client_trial_number(const struct batch_size_client *client)
{
    return client->trial_number;
}

static int has_size(const struct batch_size_client *c, int64_t batch_size)
{
    for (size_t i = 0; i < c->size_count; i++) {
        if (c->sizes[i] == batch_size) {
            return 1;
        }
    }
    return 0;
}

int batch_size_client_set(struct batch_size_client *client, int64_t batch_size,
                          int64_t trial_number, zeus_error *err)
{
    if (!has_size(client, batch_size) || trial_number <= 0) {
        return err_set(err, ZEUS_EINVAL, "batch size %lld, trial %lld is none of this job's",
                       (long long)batch_size, (long long)trial_number);
    }
    client->batch_size = batch_size;
    client->trial_number = trial_number;
    return 0;
}

static int begin_trial(struct batch_size_client *c, zeus_error *err)
{
    char encoded[3 * JOB_ID_SIZE];
    char path[sizeof(encoded) + 32];
    int code = url_encode(c->job_id, encoded, sizeof(encoded));
    if (code < 0) {
        return err_set(err, code, "the job's id is too long");
    }
    (void)snprintf(path, sizeof(path), "/jobs/batch_size?job_id=%s", encoded);
    struct http_client_answer answer;
    code = exchange(c, "GET", path, NULL, &answer, err);
    if (code < 0) {
        return code;
    }
    int64_t batch_size = 0;
    int64_t trial_number = 0;
    code = batch_size_wire_read_trial(answer.body, answer.body_len, &batch_size, &trial_number);
    if (code < 0) {
        err_set(err, code, "GET /jobs/batch_size: no trial in the answer: %.120s", answer.body);
    }
    free(answer.body);
    return code < 0 ? code : batch_size_client_set(c, batch_size, trial_number, err);
}

int batch_size_client_get(struct batch_size_client *client, int64_t *ret_batch_size,
                          zeus_error *err)
{
    if (client->rank != 0) {
        return err_set(err, ZEUS_ESTATE, "rank %u must be told the batch size by rank 0",
                       client->rank);
    }
    if (client->batch_size == 0) {
        const int code = begin_trial(client, err);
        if (code < 0) {
            return code;
        }
    }
    *ret_batch_size = client->batch_size;
    return 0;
}

void batch_size_client_begin(struct batch_size_client *client)
{
    client->is_begun = 1;
    client->progress = (struct batch_size_progress){.time_s = 0};
    client->verdict = (zeus_batch_verdict){.is_stop = 0};
}

int batch_size_client_evaluate(struct batch_size_client *client,
                               const struct batch_size_epoch *epoch,
                               zeus_batch_verdict *ret_verdict, zeus_error *err)
{
    if (client->batch_size == 0 || !client->is_begun) {
        return err_set(err, ZEUS_ESTATE, "%s must be called first",
                       client->batch_size == 0 ? "get_batch_size" : "begin");
    }
    if (client->verdict.is_stop) {
        *ret_verdict = client->verdict;
        return 0;
    }
    struct batch_size_progress now = client->progress;
    now.metric = epoch->metric;
    now.energy_j += epoch->energy_j;
    now.time_s += epoch->time_s;
    now.current_epoch++;
    const struct batch_size_trial_id trial = {client->job_id, client->batch_size,
                                              client->trial_number};
    char *body _free_ = NULL;
    int code = batch_size_wire_report(&trial, &now, &body);
    if (code < 0) {
        return err_set(err, code, "the report cannot be written: %s", zeus_strerror(code));
    }
    /* Counted even when the server is away: the next report carries the totals. */
    client->progress = now;
    struct http_client_answer answer;
    code = post_repeatedly(client, "/report", body, &answer, err);
    if (code < 0) {
        return code;
    }
    code = batch_size_wire_read_verdict(answer.body, answer.body_len, &client->verdict);
    if (code < 0) {
        err_set(err, code, "POST /report: no verdict in the answer: %.120s", answer.body);
    } else {
        *ret_verdict = client->verdict;
    }
    free(answer.body);
    return code;
}
