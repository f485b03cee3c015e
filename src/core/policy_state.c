/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch size policy as JSON text and back. The text holds what was observed and where the random
 * numbers stand; arms are fitted again on loading, so that they cannot disagree with the outcomes.
 */
#include <zeus/policy.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "codec/rng_text.h"
#include "core/policy_private.h"
#include "policy/batch_size.h"
#include "policy/pruning_policy.h"

#define SCHEMA    "zeus.batch_policy/1"
#define TEXT_MAX  ((size_t)1 << 30)
#define ITEMS_MAX ((size_t)1 << 24)

static void put_job(struct json_writer *w, const zeus_batch_job *job)
{
    json_key(w, "job");
    json_begin_object(w);
    json_key(w, "batch_sizes");
    json_begin_array(w);
    for (size_t i = 0; i < job->batch_size_count; i++) {
        json_i64(w, job->batch_sizes[i]);
    }
    json_end_array(w);
    json_key_i64(w, "default_batch_size", job->default_batch_size);
    json_key_u64(w, "seed", job->seed);
    json_key_u64(w, "num_pruning_rounds", job->num_pruning_rounds);
    json_key_u64(w, "num_explorations", job->num_explorations);
    json_key_u64(w, "window_size", job->window_size);
    json_key_u64(w, "flags", job->flags);
    json_key_double(w, "prior_mean", job->prior_mean);
    json_key_double(w, "prior_precision", job->prior_precision);
    json_end_object(w);
}

static void put_observations(struct json_writer *w, const struct pruning_policy *policy,
                             const struct pruning_view *view)
{
    json_key(w, "costs");
    json_begin_array(w);
    for (size_t i = 0; i < view->job.batch_size_count; i++) {
        size_t count = 0;
        const double *costs = pruning_policy_costs(policy, i, &count);
        json_begin_array(w);
        for (size_t k = 0; k < count; k++) {
            json_double(w, costs[k]);
        }
        json_end_array(w);
    }
    json_end_array(w);
    json_key(w, "explorations");
    json_begin_array(w);
    for (size_t i = 0; i < view->exploration_count; i++) {
        json_begin_array(w);
        json_i64(w, view->explorations[i].batch_size);
        json_double(w, view->explorations[i].cost);
        json_bool(w, view->explorations[i].has_converged);
        json_end_array(w);
    }
    json_end_array(w);
}

int zeus_batch_policy_save(const zeus_batch_policy *policy, char **ret_text, zeus_error *err)
{
    if (!policy || !ret_text) {
        return err_set(err, ZEUS_EINVAL, "policy and ret_text must not be NULL");
    }
    if (!policy->is_ours) {
        return err_set(err, ZEUS_ENOTSUP, "a policy of your own keeps its state itself");
    }
    struct pruning_view view;
    pruning_policy_view(policy->self, &view);
    char rng_text[RNG_TEXT_SIZE];
    (void)rng_text_write(rng_text, view.rng);
    struct strbuf text CLEANUP(strbuf_done);
    struct json_writer w;
    strbuf_init(&text, TEXT_MAX);
    json_writer_init(&w, &text, 0);
    json_begin_object(&w);
    json_key_string(&w, "schema", SCHEMA);
    put_job(&w, &view.job);
    json_key_string(&w, "rng", rng_text);
    json_key_i64(&w, "expected", view.expected);
    json_key(&w, "arms");
    json_begin_array(&w);
    for (size_t i = 0; i < view.arm_count; i++) {
        json_i64(&w, view.arms[i].batch_size);
    }
    json_end_array(&w);
    put_observations(&w, policy->self, &view);
    json_end_object(&w);
    int code = json_writer_finish(&w);
    code = code < 0 ? code : strbuf_take(&text, ret_text);
    return code < 0 ? err_set(err, code, "policy: %s", zeus_strerror(code)) : 0;
}

void zeus_free_text(char *text)
{
    free(text);
}

/* Puts `r` at the value of a member of the object whose first token is r's current one; its end is
 * not looked for. ZEUS_ENOTFOUND without such a member. */
static int enter_member(struct json_reader *r, const char *key)
{
    if (r->token != JSON_OBJECT_BEGIN) {
        return ZEUS_EPARSE;
    }
    int token = json_next(r);
    while (token == JSON_KEY) {
        const int is_it = json_is(r, key);
        token = json_next(r);
        if (token < 0 || is_it) {
            return token < 0 ? token : 0;
        }
        const int code = json_skip(r);
        if (code < 0) {
            return code;
        }
        token = json_next(r);
    }
    return token < 0 ? token : ZEUS_ENOTFOUND;
}

/* The saved text, read member by member. */
struct loader {
    const char *text;
    size_t len;
    zeus_error *err;
};

static int bad(const struct loader *l, const char *what)
{
    return err_set(l->err, ZEUS_EPARSE, "saved policy: \"%s\" is missing or malformed", what);
}

/* A reader at the value of a top-level member. */
static int open_member(const struct loader *l, const char *key, struct json_reader *r)
{
    json_reader_init(r, l->text, l->len);
    if (json_next(r) < 0 || enter_member(r, key) < 0) {
        return bad(l, key);
    }
    return 0;
}

/* The whole text is one JSON value, so that a truncated file is not taken for a short one. */
static int check_whole(const struct loader *l)
{
    struct json_reader r;
    json_reader_init(&r, l->text, l->len);
    int token;
    do {
        token = json_next(&r);
    } while (token > 0);
    if (token < 0) {
        json_reader_error(&r, l->err);
        err_prefix(l->err, "saved policy");
        return token;
    }
    if (open_member(l, "schema", &r) < 0 || r.token != JSON_STRING || !json_is(&r, SCHEMA)) {
        return err_set(l->err, ZEUS_EVERSION, "saved policy: its schema is not %s", SCHEMA);
    }
    return 0;
}

struct sizes {
    int64_t *values; /* owned */
    size_t count;
    size_t capacity;
};

static int read_sizes(struct json_reader *r, struct sizes *sizes)
{
    if (r->token != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    int token;
    while ((token = json_next(r)) == JSON_NUMBER) {
        int code = mem_grow(&sizes->values, &sizes->capacity, sizes->count + 1,
                            sizeof(*sizes->values), ITEMS_MAX);
        code = code < 0 ? code : json_get_i64(r, &sizes->values[sizes->count]);
        if (code < 0) {
            return code;
        }
        sizes->count++;
    }
    return token == JSON_ARRAY_END ? 0 : ZEUS_EPARSE;
}

static int read_u32(struct json_reader *r, uint32_t *ret_value)
{
    uint64_t value = 0;
    const int code = json_get_u64(r, &value);
    if (code < 0 || value > UINT32_MAX) {
        return code < 0 ? code : ZEUS_ERANGE;
    }
    *ret_value = (uint32_t)value;
    return 0;
}

/* One number of the job. */
static int job_member(const struct loader *l, const char *key, struct json_reader *r)
{
    return open_member(l, "job", r) < 0 || enter_member(r, key) < 0 ? bad(l, key) : 0;
}

static int read_job(const struct loader *l, zeus_batch_job *job, struct sizes *sizes)
{
    struct json_reader r;
    if (job_member(l, "batch_sizes", &r) < 0 || read_sizes(&r, sizes) < 0) {
        return bad(l, "batch_sizes");
    }
    *job = (zeus_batch_job){
        .size = sizeof(*job),
        .batch_sizes = sizes->values,
        .batch_size_count = sizes->count,
    };
    if (job_member(l, "default_batch_size", &r) < 0 ||
        json_get_i64(&r, &job->default_batch_size) < 0) {
        return bad(l, "default_batch_size");
    }
    if (job_member(l, "seed", &r) < 0 || json_get_u64(&r, &job->seed) < 0) {
        return bad(l, "seed");
    }
    const struct {
        const char *key;
        uint32_t *value;
    } counts[] = {
        {"num_pruning_rounds", &job->num_pruning_rounds},
        {"num_explorations", &job->num_explorations},
        {"window_size", &job->window_size},
        {"flags", &job->flags},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        if (job_member(l, counts[i].key, &r) < 0 || read_u32(&r, counts[i].value) < 0) {
            return bad(l, counts[i].key);
        }
    }
    if (job_member(l, "prior_mean", &r) < 0 || json_get_double(&r, &job->prior_mean) < 0 ||
        job_member(l, "prior_precision", &r) < 0 ||
        json_get_double(&r, &job->prior_precision) < 0) {
        return bad(l, "prior");
    }
    return 0;
}

/* [[cost, ...], ...], one list for each batch size. */
static int read_costs(const struct loader *l, struct pruning_policy *policy, size_t count)
{
    struct json_reader r;
    if (open_member(l, "costs", &r) < 0 || r.token != JSON_ARRAY_BEGIN) {
        return bad(l, "costs");
    }
    size_t index = 0;
    int token;
    for (; (token = json_next(&r)) == JSON_ARRAY_BEGIN; index++) {
        while ((token = json_next(&r)) == JSON_NUMBER) {
            double cost = 0;
            if (json_get_double(&r, &cost) < 0 ||
                pruning_policy_add_cost(policy, index, cost) < 0) {
                return bad(l, "costs");
            }
        }
        if (token != JSON_ARRAY_END) {
            return bad(l, "costs");
        }
    }
    return token == JSON_ARRAY_END && index == count ? 0 : bad(l, "costs");
}

/* [[batch size, cost, converged], ...] */
static int read_explorations(const struct loader *l, struct pruning_policy *policy)
{
    struct json_reader r;
    if (open_member(l, "explorations", &r) < 0 || r.token != JSON_ARRAY_BEGIN) {
        return bad(l, "explorations");
    }
    int token;
    while ((token = json_next(&r)) == JSON_ARRAY_BEGIN) {
        int64_t batch_size = 0;
        double cost = 0;
        if (json_next(&r) != JSON_NUMBER || json_get_i64(&r, &batch_size) < 0 ||
            json_next(&r) != JSON_NUMBER || json_get_double(&r, &cost) < 0) {
            return bad(l, "explorations");
        }
        const int flag = json_next(&r);
        if ((flag != JSON_TRUE && flag != JSON_FALSE) || json_next(&r) != JSON_ARRAY_END ||
            pruning_policy_add_exploration(policy, batch_size, cost, flag == JSON_TRUE) < 0) {
            return bad(l, "explorations");
        }
    }
    return token == JSON_ARRAY_END ? 0 : bad(l, "explorations");
}

static int read_rest(const struct loader *l, struct pruning_policy *policy)
{
    struct json_reader r;
    char rng_text[RNG_TEXT_SIZE];
    struct rng rng;
    int len;
    if (open_member(l, "rng", &r) < 0 ||
        (len = json_get_string(&r, rng_text, sizeof(rng_text))) < 0 ||
        rng_text_read(&rng, rng_text, (size_t)len) < 0) {
        return bad(l, "rng");
    }
    int64_t expected = 0;
    if (open_member(l, "expected", &r) < 0 || json_get_i64(&r, &expected) < 0) {
        return bad(l, "expected");
    }
    struct sizes arms = {.values = NULL};
    int code = open_member(l, "arms", &r);
    if (code >= 0 && (read_sizes(&r, &arms) < 0 ||
                      pruning_policy_resume(policy, &rng, expected, arms.values, arms.count) < 0)) {
        code = bad(l, "arms");
    }
    free(arms.values);
    return code;
}

int zeus_batch_policy_load(const char *text, size_t len, zeus_batch_policy **ret_policy,
                           zeus_error *err)
{
    if (!text || !ret_policy) {
        return err_set(err, ZEUS_EINVAL, "text and ret_policy must not be NULL");
    }
    const struct loader loader = {text, len, err};
    struct sizes sizes = {.values = NULL};
    zeus_batch_job job;
    const zeus_batch_policy_ops *ops = NULL;
    void *self = NULL;
    int code = check_whole(&loader);
    code = code < 0 ? code : read_job(&loader, &job, &sizes);
    code = code < 0 ? code : pruning_policy_create(&job, NULL, &ops, &self, err);
    free(sizes.values);
    if (code < 0) {
        return code;
    }
    code = read_costs(&loader, self, job.batch_size_count);
    code = code < 0 ? code : read_explorations(&loader, self);
    code = code < 0 ? code : read_rest(&loader, self);
    code = code < 0 ? code : core_policy_wrap(ops, self, 1, ret_policy, err);
    if (code < 0) {
        ops->destroy(self);
    }
    return code;
}
