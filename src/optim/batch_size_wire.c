/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON of the batch size protocol, client side. Members are written in the order of the published
 * client.
 */
#include "optim/batch_size_wire.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

#define BODY_MAX ((size_t)1 << 20)

static void put_optional(struct json_writer *w, const char *key, const char *text)
{
    if (text) {
        json_key_string(w, key, text);
    } else {
        json_key_null(w, key);
    }
}

static int finish(struct json_writer *w, struct strbuf *text, char **ret_text)
{
    const int code = json_writer_finish(w);
    return code < 0 ? code : strbuf_take(text, ret_text);
}

static void put_knobs(struct json_writer *w, const zeus_batch_client_options *o)
{
    json_key_double(w, "eta_knob", o->eta_knob);
    json_key_double(w, "beta_knob", o->beta_knob); /* NaN becomes null: no early stopping */
    json_key_double(w, "target_metric", o->target_metric);
    json_key_bool(w, "higher_is_better_metric", !(o->flags & ZEUS_BATCH_CLIENT_LOWER_IS_BETTER));
    json_key_i64(w, "max_epochs", o->max_epochs);
    json_key_i64(w, "num_pruning_rounds", o->num_pruning_rounds);
    json_key_i64(w, "window_size", o->window_size);
    json_key_double(w, "mab_prior_mean", o->mab_prior_mean);
    json_key_double(w, "mab_prior_precision", o->mab_prior_precision);
    json_key_i64(w, "mab_num_explorations", o->mab_num_explorations);
    if (o->flags & ZEUS_BATCH_CLIENT_SEEDED) {
        json_key_i64(w, "mab_seed", o->mab_seed);
    } else {
        json_key_null(w, "mab_seed");
    }
}

int batch_size_wire_job(const zeus_batch_client_options *options, char **ret_text)
{
    struct strbuf text CLEANUP(strbuf_done);
    struct json_writer w;
    strbuf_init(&text, BODY_MAX);
    json_writer_init(&w, &text, 0);
    json_begin_object(&w);
    json_key_double(&w, "max_power", options->max_power_w);
    json_key_i64(&w, "number_of_gpus", options->number_of_gpus);
    json_key_string(&w, "gpu_model", options->gpu_model);
    put_optional(&w, "job_id", options->job_id);
    json_key_string(&w, "job_id_prefix", options->job_id_prefix);
    json_key(&w, "batch_sizes");
    json_begin_array(&w);
    for (size_t i = 0; i < options->batch_size_count; i++) {
        json_i64(&w, options->batch_sizes[i]);
    }
    json_end_array(&w);
    json_key_i64(&w, "default_batch_size", options->default_batch_size);
    put_knobs(&w, options);
    json_end_object(&w);
    return finish(&w, &text, ret_text);
}

static void put_trial(struct json_writer *w, const struct batch_size_trial_id *trial)
{
    json_key_string(w, "job_id", trial->job_id);
    json_key_i64(w, "batch_size", trial->batch_size);
    json_key_i64(w, "trial_number", trial->trial_number);
}

int batch_size_wire_trial(const struct batch_size_trial_id *trial, char **ret_text)
{
    struct strbuf text CLEANUP(strbuf_done);
    struct json_writer w;
    strbuf_init(&text, BODY_MAX);
    json_writer_init(&w, &text, 0);
    json_begin_object(&w);
    put_trial(&w, trial);
    json_end_object(&w);
    return finish(&w, &text, ret_text);
}

int batch_size_wire_report(const struct batch_size_trial_id *trial,
                           const struct batch_size_progress *progress, char **ret_text)
{
    struct strbuf text CLEANUP(strbuf_done);
    struct json_writer w;
    strbuf_init(&text, BODY_MAX);
    json_writer_init(&w, &text, 0);
    json_begin_object(&w);
    put_trial(&w, trial);
    json_key_double(&w, "time", progress->time_s);
    json_key_double(&w, "energy", progress->energy_j);
    json_key_double(&w, "metric", progress->metric);
    json_key_i64(&w, "current_epoch", progress->current_epoch);
    json_end_object(&w);
    return finish(&w, &text, ret_text);
}

/* Puts `r` at the value of a member of the answer's object, the whole answer being checked. */
static int find(const char *text, size_t len, const char *key, struct json_reader *r)
{
    struct json_reader found = {.text = NULL};
    json_reader_init(r, text, len);
    if (json_next(r) != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    int token;
    while ((token = json_next(r)) == JSON_KEY) {
        const int is_it = json_is(r, key);
        token = json_next(r);
        if (token < 0) {
            return token;
        }
        if (is_it) {
            found = *r;
        }
        token = json_skip(r);
        if (token < 0) {
            return token;
        }
    }
    if (token < 0 || json_next(r) != JSON_END || !found.text) {
        return ZEUS_EPARSE;
    }
    *r = found;
    return 0;
}

int batch_size_wire_read_job_id(const char *text, size_t len, char *out, size_t size)
{
    struct json_reader r;
    if (find(text, len, "job_id", &r) < 0) {
        return ZEUS_EPARSE;
    }
    const int n = json_get_string(&r, out, size);
    return n < 0 ? n : 0;
}

static int read_i64(const char *text, size_t len, const char *key, int64_t *ret_value)
{
    struct json_reader r;
    return find(text, len, key, &r) < 0 || json_get_i64(&r, ret_value) < 0 ? ZEUS_EPARSE : 0;
}

int batch_size_wire_read_trial(const char *text, size_t len, int64_t *ret_batch_size,
                               int64_t *ret_trial_number)
{
    int64_t batch_size = 0;
    int64_t trial_number = 0;
    if (read_i64(text, len, "batch_size", &batch_size) < 0 ||
        read_i64(text, len, "trial_number", &trial_number) < 0) {
        return ZEUS_EPARSE;
    }
    *ret_batch_size = batch_size;
    *ret_trial_number = trial_number;
    return 0;
}

static int read_bool(const char *text, size_t len, const char *key, uint32_t *ret_value)
{
    struct json_reader r;
    if (find(text, len, key, &r) < 0 || (r.token != JSON_TRUE && r.token != JSON_FALSE)) {
        return ZEUS_EPARSE;
    }
    *ret_value = r.token == JSON_TRUE;
    return 0;
}

int batch_size_wire_read_verdict(const char *text, size_t len, zeus_batch_verdict *ret_verdict)
{
    zeus_batch_verdict v = {.is_stop = 0};
    struct json_reader r;
    if (read_bool(text, len, "stop_train", &v.is_stop) < 0 ||
        read_bool(text, len, "converged", &v.has_converged) < 0 ||
        find(text, len, "message", &r) < 0 || r.token != JSON_STRING) {
        return ZEUS_EPARSE;
    }
    /* Words longer than we keep are left out whole rather than cut inside a character. */
    if (json_get_string(&r, v.message, sizeof(v.message)) < 0) {
        (void)snprintf(v.message, sizeof(v.message), "(a message of %zu bytes)", r.size);
    }
    *ret_verdict = v;
    return 0;
}
