/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of the batch size server: registration, one batch size a recurrence, totals reported
 * after each epoch. A report that was cut off is sent again: the server answers a repeated one as
 * it answered the first. Asking for a batch size is not repeated, since each question is a trial.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/servers.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_decode.h"
#include "codec/json_writer.h"
#include "codec/url.h"
#include "net/http_client.h"

struct zeus_batch_client {
    struct http_client *http;
    uint32_t retries;
    int32_t rank;
    char *job_id;
    int64_t *batch_sizes;
    size_t batch_size_count;
    int64_t batch_size; /* 0: not known yet */
    int64_t trial_number;
    int is_ours; /* the trial was handed out to this client: it also ends it */
    int64_t epoch;
    double time_s;
    double energy_j;
    zeus_batch_verdict verdict;
};

void zeus_batch_client_options_init(zeus_batch_client_options *options)
{
    *options = (zeus_batch_client_options){.size = sizeof(*options),
                                           .timeout_s = 5,
                                           .retries = 3,
                                           .job_id_prefix = "",
                                           .eta_knob = 0.5,
                                           .beta_knob = 2,
                                           .target_metric = 0.5,
                                           .is_higher_better = 1,
                                           .max_epochs = 100,
                                           .num_pruning_rounds = 2,
                                           .mab_num_explorations = 2};
}

/* Sends JSON and decodes the answer into `record`; strings live in `arena`. `tries`: how often a
 * request without an answer is sent. */
static int talk(struct zeus_batch_client *c, const struct http_call *call, uint32_t tries,
                const struct json_field *fields, size_t field_count, void *record,
                struct arena *arena, zeus_error *err)
{
    struct strbuf reply;
    int r = ZEUS_EIO;
    for (uint32_t i = 0; i < tries && (r == ZEUS_EIO || r == ZEUS_ETIMEOUT); i++) {
        r = http_client_send(c->http, call, &reply, err);
        if (r < 0) {
            strbuf_done(&reply);
        }
    }
    if (r < 0) {
        return r;
    }
    r = http_client_check(r, &reply, err);
    if (r == 0 && fields) {
        struct json_problems p;
        json_problems_init(&p, arena);
        r = json_decode_body(reply.data ? reply.data : "", reply.len, fields, field_count, record,
                             &p);
        if (r < 0 || p.count > 0) {
            r = err_set(err, ZEUS_EPARSE, "the server's answer to %s %s is not understood",
                        call->method, call->path);
        }
        json_problems_done(&p);
    }
    strbuf_done(&reply);
    return r;
}

static void write_number_or_null(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_double(w, value); /* NaN is written as null */
}

static void write_job(const zeus_batch_client_options *o, struct strbuf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_double(&w, "max_power", o->max_power_w);
    json_key_i64(&w, "number_of_gpus", o->number_of_gpus);
    json_key_string(&w, "gpu_model", o->gpu_model);
    json_key(&w, "job_id");
    if (o->job_id) {
        json_string(&w, o->job_id);
    } else {
        json_null(&w);
    }
    json_key_string(&w, "job_id_prefix", o->job_id_prefix);
    json_key(&w, "batch_sizes");
    json_begin_array(&w);
    for (size_t i = 0; i < o->batch_size_count; i++) {
        json_i64(&w, o->batch_sizes[i]);
    }
    json_end_array(&w);
    json_key_i64(&w, "default_batch_size", o->default_batch_size);
    json_key_double(&w, "eta_knob", o->eta_knob);
    write_number_or_null(&w, "beta_knob", o->beta_knob);
    json_key_double(&w, "target_metric", o->target_metric);
    json_key_bool(&w, "higher_is_better_metric", o->is_higher_better);
    json_key_i64(&w, "max_epochs", o->max_epochs);
    json_key_i64(&w, "num_pruning_rounds", o->num_pruning_rounds);
    json_key_i64(&w, "window_size", o->window_size);
    json_key_double(&w, "mab_prior_mean", o->mab_prior_mean);
    json_key_double(&w, "mab_prior_precision", o->mab_prior_precision);
    json_key_i64(&w, "mab_num_explorations", o->mab_num_explorations);
    json_key(&w, "mab_seed");
    if (o->has_mab_seed) {
        json_i64(&w, o->mab_seed);
    } else {
        json_null(&w);
    }
    json_end_object(&w);
}

static int register_job(struct zeus_batch_client *c, const zeus_batch_client_options *o,
                        zeus_error *err)
{
    static const struct json_field fields[] = {
        {"job_id", JSON_KIND_STRING, JSON_REQUIRED, 0, 0, 0, NULL, NULL}};
    struct strbuf body;
    struct arena arena;
    const char *id = NULL;
    strbuf_init(&body, 1u << 20);
    arena_init(&arena, 1u << 20);
    write_job(o, &body);
    const struct http_call call = {"POST", "/jobs", body.data, body.len, 0, 0};
    /* Without an id each registration makes another job: only one with an id may be repeated. */
    uint32_t tries = o->job_id ? c->retries + 1 : 1;
    int r = body.data ? talk(c, &call, tries, fields, 1, (void *)&id, &arena, err) : ZEUS_ENOMEM;
    if (r == 0) {
        c->job_id = mem_strdup(id);
        r = c->job_id ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    strbuf_done(&body);
    arena_done(&arena);
    return r;
}

static int check_options(const zeus_batch_client_options *o, zeus_error *err)
{
    if (!o || o->size != sizeof(*o) || !o->url || !o->gpu_model || !o->job_id_prefix ||
        !o->batch_sizes || o->batch_size_count == 0) {
        return err_set(err, ZEUS_EINVAL,
                       "batch size client: size, url, gpu_model, job_id_prefix "
                       "and batch_sizes are needed");
    }
    return 0;
}

int zeus_batch_client_create(const zeus_batch_client_options *options,
                             zeus_batch_client **ret_client, zeus_error *err)
{
    int r = check_options(options, err);
    if (r < 0 || !ret_client) {
        return r < 0 ? r : err_set(err, ZEUS_EINVAL, "ret_client is NULL");
    }
    struct zeus_batch_client *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    c->retries = options->retries;
    c->rank = options->rank;
    c->batch_size_count = options->batch_size_count;
    c->batch_sizes = mem_calloc(options->batch_size_count, sizeof(*c->batch_sizes));
    const struct http_client_options http = {.base_url = options->url,
                                             .unix_path = options->unix_path,
                                             .token = options->token,
                                             .timeout_ns = (uint64_t)(options->timeout_s * 1e9)};
    r = c->batch_sizes ? http_client_create(&http, &c->http, err)
                       : err_set(err, ZEUS_ENOMEM, "out of memory");
    if (r == 0) {
        memcpy(c->batch_sizes, options->batch_sizes,
               options->batch_size_count * sizeof(*c->batch_sizes));
        r = register_job(c, options, err);
    }
    if (r < 0) {
        zeus_batch_client_destroy(c);
        return r;
    }
    *ret_client = c;
    return 0;
}

static void write_trial(const struct zeus_batch_client *c, struct json_writer *w)
{
    json_begin_object(w);
    json_key_string(w, "job_id", c->job_id);
    json_key_i64(w, "batch_size", c->batch_size);
    json_key_i64(w, "trial_number", c->trial_number);
}

/* The server ignores it for a trial that was reported to its end. */
static void end_trial(struct zeus_batch_client *c)
{
    struct strbuf body;
    struct json_writer w;
    strbuf_init(&body, 1u << 16);
    json_writer_init(&w, &body, 0);
    write_trial(c, &w);
    json_end_object(&w);
    if (json_writer_finish(&w) == 0) {
        const struct http_call call = {"PATCH", "/trials", body.data, body.len, 0, 0};
        (void)!talk(c, &call, c->retries + 1, NULL, 0, NULL, NULL,
                    NULL); /* nobody could act on it */
    }
    strbuf_done(&body);
}

void zeus_batch_client_destroy(zeus_batch_client *client)
{
    if (!client) {
        return;
    }
    if (client->is_ours) {
        end_trial(client);
    }
    http_client_destroy(client->http);
    free(client->batch_sizes);
    free(client->job_id);
    free(client);
}

const char *zeus_batch_client_job_id(const zeus_batch_client *client)
{
    return client->job_id;
}

int64_t zeus_batch_client_trial_number(const zeus_batch_client *client)
{
    return client->trial_number;
}

static int is_known(const struct zeus_batch_client *c, int64_t batch_size)
{
    for (size_t i = 0; i < c->batch_size_count; i++) {
        if (c->batch_sizes[i] == batch_size) {
            return 1;
        }
    }
    return 0;
}

struct trial_answer {
    int64_t batch_size;
    int64_t trial_number;
};

int zeus_batch_client_get_batch_size(zeus_batch_client *client, int64_t *ret_batch_size,
                                     zeus_error *err)
{
    static const struct json_field fields[] = {
        {"batch_size", JSON_KIND_INT, JSON_REQUIRED, offsetof(struct trial_answer, batch_size), 0,
         0, NULL, NULL},
        {"trial_number", JSON_KIND_INT, JSON_REQUIRED, offsetof(struct trial_answer, trial_number),
         0, 0, NULL, NULL}};
    if (!client || !ret_batch_size) {
        return err_set(err, ZEUS_EINVAL, "client or ret_batch_size is NULL");
    }
    if (client->rank != 0) {
        return err_set(err, ZEUS_ESTATE, "only rank 0 asks for a batch size, this is rank %d",
                       (int)client->rank);
    }
    if (client->batch_size == 0) {
        char encoded[3 * 400 + 1];
        char path[sizeof(encoded) + 64] = "/jobs/batch_size?job_id=";
        if (url_encode(client->job_id, encoded, sizeof(encoded)) < 0) {
            return err_set(err, ZEUS_ELIMIT, "the job id is too long");
        }
        strcat(path, encoded);
        struct trial_answer answer = {0, 0};
        struct arena arena;
        arena_init(&arena, 1u << 16);
        const struct http_call call = {"GET", path, NULL, 0, 0, 0};
        int r = talk(client, &call, 1, fields, ARRAY_LEN(fields), &answer, &arena, err);
        arena_done(&arena);
        if (r < 0) {
            return r;
        }
        if (!is_known(client, answer.batch_size)) {
            return err_set(err, ZEUS_EINTERNAL,
                           "the server chose batch size %lld, which the job "
                           "does not have",
                           (long long)answer.batch_size);
        }
        client->batch_size = answer.batch_size;
        client->trial_number = answer.trial_number;
        client->is_ours = 1;
    }
    *ret_batch_size = client->batch_size;
    return 0;
}

int zeus_batch_client_set_trial(zeus_batch_client *client, int64_t batch_size, int64_t trial_number)
{
    if (!client || !is_known(client, batch_size) || trial_number <= 0) {
        return ZEUS_EINVAL;
    }
    client->batch_size = batch_size;
    client->trial_number = trial_number;
    return 0;
}

struct report_answer {
    int stop_train;
    int converged;
    const char *message;
};

static void take_verdict(struct zeus_batch_client *c, const struct report_answer *answer)
{
    c->verdict =
        (zeus_batch_verdict){.is_finished = answer->stop_train, .has_converged = answer->converged};
    size_t n = MIN_OF(strlen(answer->message), sizeof(c->verdict.message) - 1);
    memcpy(c->verdict.message, answer->message, n);
}

static int send_report(struct zeus_batch_client *c, double metric, zeus_error *err)
{
#define ANSWER(member) offsetof(struct report_answer, member)
    static const struct json_field fields[] = {
        {"stop_train", JSON_KIND_BOOL, JSON_REQUIRED, ANSWER(stop_train), 0, 0, NULL, NULL},
        {"converged", JSON_KIND_BOOL, JSON_REQUIRED, ANSWER(converged), 0, 0, NULL, NULL},
        {"message", JSON_KIND_STRING, JSON_REQUIRED, ANSWER(message), 0, 0, NULL, NULL}};
#undef ANSWER
    struct strbuf body;
    struct json_writer w;
    struct arena arena;
    struct report_answer answer = {0, 0, ""};
    strbuf_init(&body, 1u << 16);
    arena_init(&arena, 1u << 16);
    json_writer_init(&w, &body, 0);
    write_trial(c, &w);
    json_key_double(&w, "time", c->time_s);
    json_key_double(&w, "energy", c->energy_j);
    json_key_double(&w, "metric", metric);
    json_key_i64(&w, "current_epoch", c->epoch);
    json_end_object(&w);
    int r = json_writer_finish(&w);
    if (r == 0) {
        const struct http_call call = {"POST", "/report", body.data, body.len, 0, 0};
        r = talk(c, &call, c->retries + 1, fields, ARRAY_LEN(fields), &answer, &arena, err);
    }
    if (r == 0) {
        take_verdict(c, &answer);
    }
    strbuf_done(&body);
    arena_done(&arena);
    return r;
}

int zeus_batch_client_report(zeus_batch_client *client, double time_s, double energy_j,
                             double metric, zeus_batch_verdict *ret_verdict, zeus_error *err)
{
    if (!client || !ret_verdict || !(time_s >= 0) || !(energy_j >= 0) || !isfinite(metric)) {
        return err_set(err, ZEUS_EINVAL, "time and energy are at least 0, the metric is a number");
    }
    if (client->batch_size == 0) {
        return err_set(err, ZEUS_ESTATE, "ask for the batch size first");
    }
    if (!client->verdict.is_finished) {
        client->epoch++;
        client->time_s += time_s;
        client->energy_j += energy_j;
        int r = send_report(client, metric, err);
        if (r < 0) {
            return r;
        }
    }
    *ret_verdict = client->verdict;
    return 0;
}
