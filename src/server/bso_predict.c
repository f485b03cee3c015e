/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /jobs/batch_size: which batch size the next recurrence runs with.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/rng.h"
#include "codec/rng_text.h"
#include "policy/batch_size.h"
#include "server/bso_policy.h"
#include "server/bso_service.h"

/* One call's view of things. */
struct predict {
    struct bso_service *service;
    struct store *store;
    struct bso_work *work;
    struct arena *arena;
    struct store_job job;
    struct batch_size_job policy;
    uint64_t now_wall_ns;
    zeus_error *err;
};

static int dispatch(struct predict *p, int64_t batch_size, uint32_t type)
{
    char start[BSO_TIMESTAMP_SIZE];
    bso_timestamp(p->now_wall_ns, start);
    int has_lease = p->service->options.lease_ns > 0 && type == STORE_EXPLORATION;
    struct store_trial trial = {.batch_size = batch_size,
                                .type = type,
                                .start = start,
                                .seen_s = has_lease ? (double)p->now_wall_ns / 1e9 : 0.0};
    int r = store_dispatch_trial(p->store, p->job.job_id, &trial, p->err);
    if (r == 0) {
        bso_write_trial_id(&p->work->ticket.reply->body, p->job.job_id, batch_size,
                           trial.trial_number);
    }
    return r;
}

/* Explorations whose process was not heard of for longer than the lease have failed. */
static int expire(struct predict *p, struct store_trial *trials, size_t count)
{
    double lease_s = (double)p->service->options.lease_ns / 1e9;
    for (size_t i = 0; i < count; i++) {
        struct store_trial *t = &trials[i];
        if (t->status != STORE_DISPATCHED || t->seen_s <= 0 ||
            !batch_size_lease_is_over(t->seen_s, (double)p->now_wall_ns / 1e9, lease_s)) {
            continue;
        }
        char end[BSO_TIMESTAMP_SIZE];
        bso_timestamp(p->now_wall_ns, end);
        t->status = STORE_FAILED;
        t->end = end;
        t->has_result = 0;
        int r = store_end_trial(p->store, p->job.job_id, t, p->err);
        t->end = NULL;
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_rng(struct predict *p, struct rng *rng)
{
    if (p->job.has_mab_seed) {
        const char *text = p->job.mab_rng_state ? p->job.mab_rng_state : "";
        int r = rng_text_read(rng, text, strlen(text));
        return r < 0 ? err_set(p->err, r, "the job's generator state cannot be read") : 0;
    }
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
        return err_set_os(p->err, ZEUS_EOS, errno, "getrandom");
    }
    rng_seed(rng, seed);
    return 0;
}

static int choose(struct predict *p, const struct bandit_arm *arms, size_t count)
{
    struct rng rng;
    int r = read_rng(p, &rng);
    if (r < 0) {
        return r;
    }
    const uint64_t second = p->now_wall_ns / 1000000000u;
    int is_fresh = !p->job.has_mab_seed && (p->policy.quirks & BATCH_SIZE_QUIRK_SECONDS);
    const struct bandit_source source = {.rng = &rng, .fresh_seed = is_fresh ? &second : NULL};
    size_t index = 0;
    r = bandit_choose(arms, count, p->policy.num_explorations, &source, NULL, &index);
    if (r < 0) {
        return err_set(p->err, r, "no arm to choose from");
    }
    if (p->job.has_mab_seed) {
        char text[RNG_TEXT_SIZE];
        rng_text_write(text, &rng);
        r = store_set_rng(p->store, p->job.job_id, text, p->err);
        if (r < 0) {
            return r;
        }
    }
    return dispatch(p, arms[index].batch_size, STORE_MAB);
}

static int choose_stored(struct predict *p)
{
    struct store_arm *rows = NULL;
    size_t count = 0;
    int r = store_list_arms(p->store, p->job.job_id, p->arena, &rows, &count, p->err);
    struct bandit_arm *arms = arena_alloc(p->arena, MAX_OF(count, (size_t)1), sizeof(*arms));
    if (r < 0 || !arms) {
        return r < 0 ? r : ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        arms[i] = bso_to_arm(&rows[i]);
    }
    return choose(p, arms, count);
}

/* Costs of the finished explorations of one batch size, by trial number. */
static size_t gather_costs(const struct predict *p, const struct store_trial *trials, size_t count,
                           int64_t batch_size, double *costs)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (trials[i].batch_size == batch_size && trials[i].has_result) {
            costs[n++] = bso_trial_cost(&p->job, &trials[i]);
        }
    }
    return n;
}

/* Pruning is over: an arm for each survivor, the job's new stage, and the first choice. */
static int enter_bandit(struct predict *p, const struct store_trial *trials, size_t trial_count,
                        const int64_t *survivors, size_t count)
{
    struct bandit_arm *arms = arena_alloc(p->arena, MAX_OF(count, (size_t)1), sizeof(*arms));
    double *costs = arena_alloc(p->arena, MAX_OF(trial_count, (size_t)1), sizeof(*costs));
    if (!arms || !costs) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        batch_size_prior_arm(&p->policy, survivors[i], &arms[i]);
        size_t n = gather_costs(p, trials, trial_count, survivors[i], costs);
        int r = n > 0 ? batch_size_fit(&p->policy, costs, n, 0, &arms[i]) : 0;
        if (r == 0) {
            struct store_arm row = bso_from_arm(&arms[i]);
            r = store_insert_arm(p->store, p->job.job_id, &row, p->err);
        }
        if (r < 0) {
            return r;
        }
    }
    int r = store_set_stage_mab(p->store, p->job.job_id, p->err);
    return r < 0 ? r : choose(p, arms, count);
}

static int refuse_step(struct predict *p)
{
    if (p->policy.num_pruning_rounds == 0) {
        /* The published server trips over a missing key, the smallest batch size. */
        char text[32];
        (void)snprintf(text, sizeof(text), "%lld", (long long)p->job.batch_sizes[0]);
        return bso_refuse(p->work, 500, text);
    }
    return bso_refuse(p->work, 500,
                      "No converged batch sizes has observed. Reconfigure batch_sizes and "
                      "re-launch the job.");
}

static int explore(struct predict *p)
{
    struct store_trial *trials = NULL;
    size_t count = 0;
    int r = store_list_explorations(p->store, p->job.job_id, p->arena, &trials, &count, p->err);
    if (r == 0 && p->service->options.lease_ns > 0) {
        r = expire(p, trials, count);
    }
    struct batch_size_trial *seen = arena_alloc(p->arena, MAX_OF(count, (size_t)1), sizeof(*seen));
    int64_t *survivors = arena_alloc(p->arena, p->job.batch_size_count, sizeof(*survivors));
    if (r < 0 || !seen || !survivors) {
        return r < 0 ? r : ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        seen[i] = (struct batch_size_trial){
            .batch_size = trials[i].batch_size,
            .type = trials[i].type,
            .status = trials[i].status,
            .has_converged = trials[i].converged,
            .cost = trials[i].has_result ? bso_trial_cost(&p->job, &trials[i]) : 0.0};
    }
    struct batch_size_step step;
    r = batch_size_explore(&p->policy, seen, count, survivors, &step);
    if (r == ZEUS_ESTATE) {
        return refuse_step(p);
    }
    if (r < 0) {
        return err_set(p->err, r, "the job's rows contradict each other");
    }
    if (step.kind == BATCH_SIZE_STEP_EXPLORE) {
        return dispatch(p, step.batch_size, STORE_EXPLORATION);
    }
    if (step.kind == BATCH_SIZE_STEP_WAIT) {
        return dispatch(p, p->job.min_cost_batch_size, STORE_CONCURRENT);
    }
    return enter_bandit(p, trials, count, survivors, step.survivor_count);
}

int bso_act_predict(struct bso_service *s, struct store *store, struct bso_work *work,
                    zeus_error *err)
{
    const char *job_id = work->record;
    struct predict p = {.service = s,
                        .store = store,
                        .work = work,
                        .arena = &work->ticket.req->arena,
                        .now_wall_ns = clock_wall_ns(),
                        .err = err};
    int r = store_lock_job(store, job_id, p.arena, &p.job, err);
    if (r == ZEUS_ENOTFOUND) {
        struct strbuf text;
        strbuf_init(&text, 8192);
        strbuf_addf(&text, "Unknown job(%s). Please register the job first", job_id);
        r = bso_refuse(work, 400, strbuf_text(&text));
        strbuf_done(&text);
    }
    if (r != 0) {
        return r;
    }
    p.policy = bso_policy_job(&p.job, s->quirks);
    return p.job.is_mab ? choose_stored(&p) : explore(&p);
}
