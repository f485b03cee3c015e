/* SPDX-License-Identifier: Apache-2.0
 *
 * Field tables and writers of the batch size server. The order of the table is the order of
 * problems and of the answer's members.
 */
#include "server/bso_wire.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/fmt.h"
#include "base/macro.h"
#include "codec/json_writer.h"

static const struct json_loc body_loc = {NULL, "body", 0};

static void add_value_error(struct json_problems *p, const struct json_loc *loc, struct strbuf *msg)
{
    json_problem_add(p, loc, strbuf_text(msg), "value_error", NULL);
    strbuf_done(msg);
}

static int compare_sizes(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void check_sizes(void *record, const struct json_loc *loc, uint32_t failed,
                        struct json_problems *p)
{
    (void)failed;
    struct bso_job *r = record;
    if (r->sizes.count == 0) {
        json_problem_add(p, loc, "Batch Sizes = [] is empty", "value_error", NULL);
        return;
    }
    if (r->sizes.count > BSO_SIZES_MAX) {
        int64_t limit = BSO_SIZES_MAX;
        json_problem_add(p, loc, "ensure this value has at most 1024 items",
                         "value_error.list.max_items", &limit);
        return;
    }
    qsort(r->sizes.items, r->sizes.count, sizeof(r->sizes.items[0]), compare_sizes);
    r->job.batch_sizes = r->sizes.items;
    r->job.batch_size_count = r->sizes.count;
}

static void check_eta(void *record, const struct json_loc *loc, uint32_t failed,
                      struct json_problems *p)
{
    (void)failed;
    double eta = ((const struct bso_job *)record)->job.eta_knob;
    if (!(eta >= 0.0 && eta <= 1.0)) {
        json_problem_add(p, loc, "eta_knob should be in range [0,1]", "value_error", NULL);
    }
}

static void check_beta(void *record, const struct json_loc *loc, uint32_t failed,
                       struct json_problems *p)
{
    (void)failed;
    const struct bso_job *r = record;
    if (r->job.beta_knob > 0.0) {
        return;
    }
    char text[FMT_DOUBLE_SIZE];
    fmt_double(text, r->job.beta_knob);
    struct strbuf msg;
    strbuf_init(&msg, 256);
    strbuf_addf(&msg,
                "Invalid beta_knob(%s). To disable early stop, set beta_knob = None to disable or "
                "positive value.",
                text);
    add_value_error(p, loc, &msg);
}

static void check_gpu_model(void *record, const struct json_loc *loc, uint32_t failed,
                            struct json_problems *p)
{
    (void)failed;
    if (((const struct bso_job *)record)->job.gpu_model[0] == '\0') {
        json_problem_add(p, loc, "Invalid gpu_model(). Shouldn't be empty.", "value_error", NULL);
    }
}

#define JOB(member) offsetof(struct bso_job, job.member)
#define INT         JSON_KIND_INT
#define DOUBLE      JSON_KIND_DOUBLE
#define STRING      JSON_KIND_STRING
#define NEED        JSON_REQUIRED
#define NULLABLE    JSON_NULLABLE

static const struct json_field job_fields[] = {
    {"max_power", DOUBLE, NEED | JSON_GT, JOB(max_power_w), 0, 0, NULL, NULL},
    {"number_of_gpus", INT, NEED | JSON_GT, JOB(number_of_gpus), 0, 0, NULL, NULL},
    {"gpu_model", STRING, NEED, JOB(gpu_model), 0, 0, check_gpu_model, NULL},
    {"job_id", STRING, NULLABLE, JOB(job_id), 0, 0, NULL, NULL},
    {"job_id_prefix", STRING, NEED, JOB(job_id_prefix), 0, 0, NULL, NULL},
    {"batch_sizes", JSON_KIND_INTS, NEED, offsetof(struct bso_job, sizes), 0, 0, check_sizes, NULL},
    {"default_batch_size", INT, NEED | JSON_GT, JOB(default_batch_size), 0, 0, NULL, NULL},
    {"eta_knob", DOUBLE, 0, JOB(eta_knob), 0, 0, check_eta, NULL},
    {"beta_knob", DOUBLE, NULLABLE, JOB(beta_knob), JOB(has_beta_knob), 0, check_beta, NULL},
    {"target_metric", DOUBLE, 0, JOB(target_metric), 0, 0, NULL, NULL},
    {"higher_is_better_metric", JSON_KIND_BOOL, 0, JOB(higher_is_better_metric), 0, 0, NULL, NULL},
    {"max_epochs", INT, JSON_GT, JOB(max_epochs), 0, 0, NULL, NULL},
    {"num_pruning_rounds", INT, JSON_GE, JOB(num_pruning_rounds), 0, 0, NULL, NULL},
    {"window_size", INT, 0, JOB(window_size), 0, 0, NULL, NULL},
    {"mab_prior_mean", DOUBLE, 0, JOB(mab_prior_mean), 0, 0, NULL, NULL},
    {"mab_prior_precision", DOUBLE, 0, JOB(mab_prior_precision), 0, 0, NULL, NULL},
    {"mab_num_explorations", INT, JSON_GE, JOB(mab_num_explorations), 0, 0, NULL, NULL},
    {"mab_seed", INT, NULLABLE, JOB(mab_seed), JOB(has_mab_seed), 0, NULL, NULL},
};

#define RESULT(member) offsetof(struct bso_result, member)

/* The first three are also the whole of a trial id. */
static const struct json_field result_fields[] = {
    {"job_id", STRING, NEED, RESULT(id.job_id), 0, 0, NULL, NULL},
    {"batch_size", INT, NEED, RESULT(id.batch_size), 0, 0, NULL, NULL},
    {"trial_number", INT, NEED, RESULT(id.trial_number), 0, 0, NULL, NULL},
    {"time", DOUBLE, NEED, RESULT(time_s), 0, 0, NULL, NULL},
    {"energy", DOUBLE, NEED, RESULT(energy_j), 0, 0, NULL, NULL},
    {"metric", DOUBLE, NEED, RESULT(metric), 0, 0, NULL, NULL},
    {"current_epoch", INT, NEED, RESULT(current_epoch), 0, 0, NULL, NULL},
};

static int has_size(const struct store_job *job, int64_t size)
{
    for (size_t i = 0; i < job->batch_size_count; i++) {
        if (job->batch_sizes[i] == size) {
            return 1;
        }
    }
    return 0;
}

static void check_default(const struct store_job *job, struct json_problems *p)
{
    struct json_loc root = {&body_loc, "__root__", 0};
    struct strbuf msg;
    strbuf_init(&msg, 64u << 10);
    strbuf_addf(&msg, "Default BS(%lld) not in batch_sizes([", (long long)job->default_batch_size);
    for (size_t i = 0; i < job->batch_size_count; i++) {
        strbuf_addf(&msg, "%s%lld", i ? ", " : "", (long long)job->batch_sizes[i]);
    }
    strbuf_adds(&msg, "]).");
    add_value_error(p, &root, &msg);
}

static void check_whole(const struct store_job *job, struct json_problems *p)
{
    if (!has_size(job, job->default_batch_size)) {
        check_default(job, p);
        return;
    }
    if (job->job_id && strncmp(job->job_id, job->job_id_prefix, strlen(job->job_id_prefix)) != 0) {
        struct json_loc root = {&body_loc, "__root__", 0};
        struct strbuf msg;
        strbuf_init(&msg, 64u << 10);
        strbuf_addf(&msg, "Job_id(%s) does not start with prefix(%s).", job->job_id,
                    job->job_id_prefix);
        add_value_error(p, &root, &msg);
    }
}

static void refuse(struct json_problems *p, const char *field, const char *msg)
{
    struct json_loc loc = {&body_loc, field, 0};
    json_problem_add(p, &loc, msg, "value_error", NULL);
}

int bso_has_special_number(const struct store_job *job)
{
    const double numbers[] = {job->max_power_w,    job->eta_knob,
                              job->target_metric,  job->has_beta_knob ? job->beta_knob : 0.0,
                              job->mab_prior_mean, job->mab_prior_precision};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (!isfinite(numbers[i])) {
            return 1;
        }
    }
    return 0;
}

int bso_has_duplicate(const struct store_job *job)
{
    for (size_t i = 1; i < job->batch_size_count; i++) {
        if (job->batch_sizes[i] == job->batch_sizes[i - 1]) {
            return 1;
        }
    }
    return 0;
}

/* What the published server lets in and then trips over. */
static void check_fixed(const struct store_job *job, struct json_problems *p)
{
    if (bso_has_duplicate(job)) {
        refuse(p, "batch_sizes", "a batch size is listed twice");
    }
    if (job->batch_sizes[0] <= 0) {
        refuse(p, "batch_sizes", "batch sizes are larger than 0");
    }
    if (bso_has_special_number(job)) {
        refuse(p, "__root__", "numbers are finite");
    }
    if (job->has_mab_seed && job->mab_seed < 0) {
        refuse(p, "mab_seed", "a seed is at least 0");
    }
    if (job->mab_prior_precision < 0) {
        refuse(p, "mab_prior_precision", "a precision is at least 0");
    }
    if (p->has_overflow) {
        refuse(p, "__root__", "integers fit 64 bits");
    }
}

static void check_lengths(const struct store_job *job, struct json_problems *p)
{
    if (strlen(job->job_id_prefix) > BSO_PREFIX_MAX) {
        refuse(p, "job_id_prefix", "a prefix has at most 300 bytes");
    }
    if (job->job_id && strlen(job->job_id) > BSO_ID_MAX) {
        refuse(p, "job_id", "a job id has at most 400 bytes");
    }
}

int bso_decode_job(const char *body, size_t len, void *record, struct json_problems *p)
{
    struct bso_job *r = record;
    r->job = (struct store_job){.eta_knob = 0.5,
                                .beta_knob = 2.0,
                                .has_beta_knob = 1,
                                .target_metric = 0.5,
                                .higher_is_better_metric = 1,
                                .max_epochs = 100,
                                .num_pruning_rounds = 2,
                                .mab_num_explorations = 2};
    int status = json_decode_body(body, len, job_fields, ARRAY_LEN(job_fields), r, p);
    if (status == 0 && p->count == 0) {
        check_whole(&r->job, p);
    }
    if (status == 0 && p->count == 0) {
        check_lengths(&r->job, p);
    }
    if (status == 0 && p->count == 0 && !r->is_compat) {
        check_fixed(&r->job, p);
    }
    return status;
}

int bso_decode_trial_id(const char *body, size_t len, void *record, struct json_problems *p)
{
    return json_decode_body(body, len, result_fields, 3, record, p);
}

int bso_decode_result(const char *body, size_t len, void *record, struct json_problems *p)
{
    struct bso_result *r = record;
    int status = json_decode_body(body, len, result_fields, ARRAY_LEN(result_fields), record, p);
    if (status < 0 || p->count > 0 || r->is_compat) {
        return status;
    }
    if (!(r->time_s >= 0 && isfinite(r->time_s))) {
        refuse(p, "time", "a time is finite and at least 0");
    }
    if (!(r->energy_j >= 0 && isfinite(r->energy_j))) {
        refuse(p, "energy", "an energy is finite and at least 0");
    }
    if (isnan(r->metric)) {
        refuse(p, "metric", "a metric is a number");
    }
    return 0;
}

void bso_write_job(struct strbuf *out, const struct store_job *job)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_double(&w, "max_power", job->max_power_w);
    json_key_i64(&w, "number_of_gpus", job->number_of_gpus);
    json_key_string(&w, "gpu_model", job->gpu_model);
    json_key_string(&w, "job_id", job->job_id);
    json_key_string(&w, "job_id_prefix", job->job_id_prefix);
    json_key(&w, "batch_sizes");
    json_begin_array(&w);
    for (size_t i = 0; i < job->batch_size_count; i++) {
        json_i64(&w, job->batch_sizes[i]);
    }
    json_end_array(&w);
    json_key_i64(&w, "default_batch_size", job->default_batch_size);
    json_key_double(&w, "eta_knob", job->eta_knob);
    json_key(&w, "beta_knob");
    if (job->has_beta_knob) {
        json_double(&w, job->beta_knob);
    } else {
        json_null(&w);
    }
    json_key_double(&w, "target_metric", job->target_metric);
    json_key_bool(&w, "higher_is_better_metric", job->higher_is_better_metric);
    json_key_i64(&w, "max_epochs", job->max_epochs);
    json_key_i64(&w, "num_pruning_rounds", job->num_pruning_rounds);
    json_key_i64(&w, "window_size", job->window_size);
    json_key_double(&w, "mab_prior_mean", job->mab_prior_mean);
    json_key_double(&w, "mab_prior_precision", job->mab_prior_precision);
    json_key_i64(&w, "mab_num_explorations", job->mab_num_explorations);
    json_key(&w, "mab_seed");
    if (job->has_mab_seed) {
        json_i64(&w, job->mab_seed);
    } else {
        json_null(&w);
    }
    json_end_object(&w);
}

void bso_write_trial_id(struct strbuf *out, const char *job_id, int64_t batch_size,
                        int64_t trial_number)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_string(&w, "job_id", job_id);
    json_key_i64(&w, "batch_size", batch_size);
    json_key_i64(&w, "trial_number", trial_number);
    json_end_object(&w);
}

void bso_write_report(struct strbuf *out, int stop_train, int converged, const char *message)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_begin_object(&w);
    json_key_bool(&w, "stop_train", stop_train);
    json_key_bool(&w, "converged", converged);
    json_key_string(&w, "message", message);
    json_end_object(&w);
}

void bso_add_repr(struct strbuf *out, const char *text)
{
    char quote = strchr(text, '\'') && !strchr(text, '"') ? '"' : '\'';
    strbuf_addc(out, quote);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (*text == quote || *text == '\\') {
            strbuf_addc(out, '\\');
            strbuf_addc(out, *text);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            strbuf_adds(out, c == '\n' ? "\\n" : (c == '\r' ? "\\r" : "\\t"));
        } else if (c < 0x20 || c == 0x7F) {
            strbuf_addf(out, "\\x%02x", c);
        } else {
            strbuf_addc(out, *text);
        }
    }
    strbuf_addc(out, quote);
}

void bso_add_trial_id(struct strbuf *out, const struct bso_trial_id *id)
{
    strbuf_adds(out, "job_id=");
    bso_add_repr(out, id->job_id);
    strbuf_addf(out, " batch_size=%lld trial_number=%lld", (long long)id->batch_size,
                (long long)id->trial_number);
}

static void add_number(struct strbuf *out, const char *name, double value)
{
    char text[FMT_DOUBLE_SIZE];
    fmt_double(text, value);
    strbuf_addf(out, " %s=%s", name, text);
}

void bso_add_result(struct strbuf *out, const struct bso_result *result)
{
    bso_add_trial_id(out, &result->id);
    add_number(out, "time", result->time_s);
    add_number(out, "energy", result->energy_j);
    add_number(out, "metric", result->metric);
    strbuf_addf(out, " current_epoch=%lld", (long long)result->current_epoch);
}

static int same_optional(int has_a, double a, int has_b, double b)
{
    return has_a == has_b && (!has_a || a == b);
}

int bso_same_job(const struct store_job *a, const struct store_job *b)
{
    if (a->batch_size_count != b->batch_size_count) {
        return 0;
    }
    for (size_t i = 0; i < a->batch_size_count; i++) {
        if (a->batch_sizes[i] != b->batch_sizes[i]) {
            return 0;
        }
    }
    return strcmp(a->job_id_prefix, b->job_id_prefix) == 0 &&
           strcmp(a->gpu_model, b->gpu_model) == 0 &&
           a->default_batch_size == b->default_batch_size &&
           a->higher_is_better_metric == b->higher_is_better_metric && a->eta_knob == b->eta_knob &&
           same_optional(a->has_beta_knob, a->beta_knob, b->has_beta_knob, b->beta_knob) &&
           a->target_metric == b->target_metric && a->max_epochs == b->max_epochs &&
           a->num_pruning_rounds == b->num_pruning_rounds && a->window_size == b->window_size &&
           a->max_power_w == b->max_power_w && a->number_of_gpus == b->number_of_gpus &&
           a->mab_prior_mean == b->mab_prior_mean &&
           a->mab_prior_precision == b->mab_prior_precision &&
           a->mab_num_explorations == b->mab_num_explorations &&
           a->has_mab_seed == b->has_mab_seed && (!a->has_mab_seed || a->mab_seed == b->mab_seed);
}
