/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /report and PATCH /trials: what became of a trial.
 */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fmt.h"
#include "base/macro.h"
#include "policy/batch_size.h"
#include "server/bso_policy.h"
#include "server/bso_service.h"

struct report {
    struct bso_service *service;
    struct store *store;
    struct bso_work *work;
    struct arena *arena;
    const struct bso_result *result;
    struct store_job job;
    struct store_trial trial;
    struct batch_size_job policy;
    struct batch_size_verdict verdict;
    zeus_error *err;
};

/* Refuses with a text made in `text`, which is done afterwards. */
static int refuse_text(struct bso_work *work, int status, struct strbuf *text)
{
    int r = bso_refuse(work, status, strbuf_text(text));
    strbuf_done(text);
    return r;
}

struct violation {
    const char *field;
    int is_wrong;
    const char *rule;
};

#define NOT_ABOVE_0                                                         \
    "ensure this value is greater than 0 (type=value_error.number.not_gt; " \
    "limit_value=0)"
#define NOT_AT_LEAST_0                                 \
    "ensure this value is greater than or equal to 0 " \
    "(type=value_error.number.not_ge; limit_value=0)"

/* Compat: what the published server's inner records refuse, in their words. 0: nothing. */
static int refuse_inner(struct bso_work *work, const char *record, const struct violation *v,
                        size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        wrong += v[i].is_wrong != 0;
    }
    if (wrong == 0) {
        return 0;
    }
    struct strbuf text;
    strbuf_init(&text, 2048);
    strbuf_addf(&text, "%zu validation error%s for %s", wrong, wrong > 1 ? "s" : "", record);
    for (size_t i = 0; i < count; i++) {
        if (v[i].is_wrong) {
            strbuf_addf(&text, "\n%s\n  %s", v[i].field, v[i].rule);
        }
    }
    return refuse_text(work, 500, &text);
}

static int answer(struct report *p, int stop, int converged, const char *message)
{
    bso_write_report(&p->work->ticket.reply->body, stop, converged, message);
    return 0;
}

/* A trial that is over already. */
static int answer_again(struct report *p)
{
    struct strbuf text;
    strbuf_init(&text, 256);
    if (!p->trial.has_result) {
        strbuf_addf(&text, "Trial(%lld) is already reported but converged is not set.",
                    (long long)p->trial.trial_number);
        return refuse_text(p->work, 400, &text);
    }
    strbuf_addf(&text, "Result for this trial(%lld) is already reported.",
                (long long)p->trial.trial_number);
    int r = answer(p, 1, p->trial.converged, strbuf_text(&text));
    strbuf_done(&text);
    return r;
}

static int answer_verdict(struct report *p)
{
    const struct batch_size_verdict *v = &p->verdict;
    if (v->reason == BATCH_SIZE_REACHED) {
        return answer(p, 1, 1, "Train succeeded");
    }
    struct strbuf text;
    strbuf_init(&text, 512);
    if (v->reason == BATCH_SIZE_OVER_BOUND) {
        char cost[FMT_DOUBLE_SIZE];
        char beta[FMT_DOUBLE_SIZE];
        char least[FMT_DOUBLE_SIZE];
        fmt_double(cost, v->cost);
        fmt_double(beta, p->job.beta_knob);
        fmt_double(least, p->job.min_cost);
        strbuf_addf(&text,
                    "Batch Size(%lld) exceeded the cost upper bound: current cost(%s) >\n"
                    "                    beta_knob(%s)*min_cost(%s)",
                    (long long)p->trial.batch_size, cost, beta, least);
    } else {
        strbuf_addf(&text, "Train failed to converge within max_epoch(%lld)",
                    (long long)p->job.max_epochs);
    }
    int r = answer(p, 1, v->has_converged, strbuf_text(&text));
    strbuf_done(&text);
    return r;
}

static int find_arm(struct report *p, struct store_arm *ret, int *ret_has)
{
    struct store_arm *arms = NULL;
    size_t count = 0;
    int r = store_list_arms(p->store, p->job.job_id, p->arena, &arms, &count, p->err);
    *ret_has = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (arms[i].batch_size == p->trial.batch_size) {
            *ret = arms[i];
            *ret_has = 1;
        }
    }
    return r;
}

/* Refits the arm on its outcomes, newest first, with this one at the end (the order of the recorded
 * sums); with a window the oldest make room. */
static int refit(struct report *p, const struct store_arm *old)
{
    int64_t window = p->job.window_size;
    struct store_trial *past = NULL;
    size_t count = 0;
    int r = store_list_outcomes(p->store, p->job.job_id, p->trial.batch_size,
                                window > 0 ? (size_t)window : 0, p->arena, &past, &count, p->err);
    if (r < 0) {
        return r;
    }
    if (window > 0 && count == (size_t)window) {
        count--;
    }
    double *costs = arena_alloc(p->arena, count + 1, sizeof(*costs));
    if (!costs) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        costs[i] = bso_trial_cost(&p->job, &past[i]);
    }
    costs[count] = p->verdict.cost;
    struct bandit_arm arm = bso_to_arm(old);
    r = batch_size_fit(&p->policy, costs, count + 1, 0, &arm);
    if (r < 0) {
        return err_set(p->err, r, "cannot fit the arm");
    }
    struct store_arm row = bso_from_arm(&arm);
    return store_update_arm(p->store, p->job.job_id, &row, p->err);
}

static int learn(struct report *p)
{
    struct store_arm arm;
    int has_arm;
    int r = find_arm(p, &arm, &has_arm);
    if (r < 0) {
        return r;
    }
    int learns = batch_size_learns(&p->policy, p->trial.type, has_arm);
    if (learns < 0 && !has_arm) {
        struct strbuf text;
        strbuf_init(&text, 256);
        strbuf_addf(&text, "MAB stage but Arm for batch size(%lld) is not found.",
                    (long long)p->trial.batch_size);
        return refuse_text(p->work, 400, &text);
    }
    if (learns < 0) {
        return bso_refuse(p->work, 400,
                          "Cannot update an arm since this trial is not issued from MAB stage.");
    }
    return learns ? refit(p, &arm) : 0;
}

static int store_outcome(struct report *p)
{
    char end[BSO_TIMESTAMP_SIZE];
    bso_timestamp(clock_wall_ns(), end);
    p->trial.status = STORE_SUCCEEDED;
    p->trial.end = end;
    p->trial.time_s = p->result->time_s;
    p->trial.energy_j = p->result->energy_j;
    p->trial.has_result = 1;
    p->trial.converged = p->verdict.has_converged;
    int r = store_end_trial(p->store, p->job.job_id, &p->trial, p->err);
    if (r == 0 && batch_size_takes_minimum(&p->policy, bso_min_cost(&p->job), p->verdict.cost,
                                           p->verdict.has_converged)) {
        r = store_set_minimum(p->store, p->job.job_id, p->verdict.cost, p->trial.batch_size,
                              p->err);
    }
    return r;
}

static int judge(struct report *p)
{
    const struct bso_result *result = p->result;
    const struct batch_size_report said = {.energy_j = result->energy_j,
                                           .time_s = result->time_s,
                                           .metric = result->metric,
                                           .current_epoch = result->current_epoch};
    p->policy = bso_policy_job(&p->job, p->service->quirks);
    batch_size_judge(&p->policy, bso_min_cost(&p->job), &said, &p->verdict);
    if (!p->verdict.is_stop) {
        int r = 0;
        if (p->service->options.lease_ns > 0 && p->trial.type == STORE_EXPLORATION) {
            r = store_touch_trial(p->store, p->job.job_id, p->trial.trial_number,
                                  (double)clock_wall_ns() / 1e9, p->err);
        }
        return r < 0 ? r : answer(p, 0, 0, "Stop condition not met, keep training");
    }
    const struct violation wrong[] = {{"time", !(result->time_s >= 0), NOT_AT_LEAST_0},
                                      {"energy", !(result->energy_j >= 0), NOT_AT_LEAST_0}};
    int r = refuse_inner(p->work, "UpdateTrial", wrong, ARRAY_LEN(wrong));
    if (r == 0 && p->job.is_mab) {
        r = learn(p);
    }
    if (r == 0) {
        r = store_outcome(p);
    }
    return r == 0 ? answer_verdict(p) : r;
}

static int unknown_job(struct report *p)
{
    struct strbuf text;
    strbuf_init(&text, 8192);
    strbuf_addf(&text, "Unknown job %s", p->result->id.job_id);
    return refuse_text(p->work, 400, &text);
}

static int unknown_trial(struct report *p)
{
    struct strbuf text;
    strbuf_init(&text, 8192);
    strbuf_adds(&text, "Unknown trial ");
    bso_add_result(&text, p->result);
    return refuse_text(p->work, 400, &text);
}

int bso_act_report(struct bso_service *s, struct store *store, struct bso_work *work,
                   zeus_error *err)
{
    const struct bso_result *result = work->record;
    const struct bso_trial_id *id = &result->id;
    struct report p = {.service = s,
                       .store = store,
                       .work = work,
                       .arena = &work->ticket.req->arena,
                       .result = result,
                       .err = err};
    int r = store_lock_job(store, id->job_id, p.arena, &p.job, err);
    if (r < 0) {
        return r == ZEUS_ENOTFOUND ? unknown_job(&p) : r;
    }
    const struct violation wrong[] = {{"batch_size", id->batch_size <= 0, NOT_ABOVE_0},
                                      {"trial_number", id->trial_number <= 0, NOT_ABOVE_0}};
    r = s->options.is_compat ? refuse_inner(work, "ReadTrial", wrong, ARRAY_LEN(wrong)) : 0;
    if (r != 0) {
        return r;
    }
    r = store_find_trial(store, id->job_id, id->batch_size, id->trial_number, p.arena, &p.trial,
                         err);
    if (r < 0) {
        return r == ZEUS_ENOTFOUND ? unknown_trial(&p) : r;
    }
    return p.trial.status == STORE_DISPATCHED ? judge(&p) : answer_again(&p);
}

int bso_act_end(struct bso_service *s, struct store *store, struct bso_work *work, zeus_error *err)
{
    const struct bso_trial_id *id = work->record;
    struct arena *arena = &work->ticket.req->arena;
    struct store_job job;
    struct store_trial trial;
    const struct violation wrong[] = {{"batch_size", id->batch_size <= 0, NOT_ABOVE_0},
                                      {"trial_number", id->trial_number <= 0, NOT_ABOVE_0}};
    int r = s->options.is_compat ? refuse_inner(work, "ReadTrial", wrong, ARRAY_LEN(wrong)) : 0;
    if (r != 0) {
        return r;
    }
    r = store_lock_job(store, id->job_id, arena, &job, err);
    if (r == 0) {
        r = store_find_trial(store, id->job_id, id->batch_size, id->trial_number, arena, &trial,
                             err);
    }
    if (r == ZEUS_ENOTFOUND) {
        struct strbuf text;
        strbuf_init(&text, 8192);
        strbuf_adds(&text, "Could not find the trial: ");
        bso_add_trial_id(&text, id);
        return refuse_text(work, 404, &text);
    }
    if (r == 0 && trial.status == STORE_DISPATCHED) {
        char end[BSO_TIMESTAMP_SIZE];
        bso_timestamp(clock_wall_ns(), end);
        trial.status = STORE_FAILED;
        trial.end = end;
        trial.has_result = 0;
        r = store_end_trial(store, id->job_id, &trial, err);
    }
    if (r == 0) {
        httpd_reply_json(work->ticket.reply, 200, "null", 4);
    }
    return r;
}
