/* SPDX-License-Identifier: Apache-2.0
 *
 * The state machine of one pipeline job. advance() runs after every event until nothing moves.
 */
#include "server/pfo_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define RANK_INFO_MAX (64u << 20)
#define RESULT_MAX    (64u << 20)
#define DUMP_MAX      (512u << 20)

static size_t world(const struct pfo_job *job)
{
    return (size_t)job->info.world_size;
}

static int allocate(struct pfo_job *job)
{
    size_t n = world(job);
    job->waiter_max = n * PFO_WAITERS_MAX;
    job->infos = mem_calloc(n, sizeof(*job->infos));
    job->ranks = mem_calloc(n, sizeof(*job->ranks));
    job->results = mem_calloc(n, sizeof(*job->results));
    job->result_arenas = mem_calloc(n, sizeof(*job->result_arenas));
    job->waiters = mem_calloc(job->waiter_max, sizeof(*job->waiters));
    if (!job->id || !job->infos || !job->ranks || !job->results || !job->result_arenas ||
        !job->waiters) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        arena_init(&job->result_arenas[i], RESULT_MAX);
    }
    return 0;
}

int pfo_job_create(const char *id, const struct pfo_job_info *info,
                   const struct pfo_scheduler_kind *kind, const struct pfo_scheduler_args *args,
                   int is_compat, struct pfo_job **ret)
{
    struct pfo_job *job = mem_calloc(1, sizeof(*job));
    if (!job) {
        return ZEUS_ENOMEM;
    }
    arena_init(&job->arena, RANK_INFO_MAX);
    job->id = mem_strdup(id);
    job->info = *info;
    job->info.job_id = job->id;
    job->info.job_metadata = NULL; /* part of the id */
    job->kind = kind;
    job->args = args;
    job->is_compat = is_compat;
    if (allocate(job) < 0) {
        pfo_job_destroy(job);
        return ZEUS_ENOMEM;
    }
    *ret = job;
    return 0;
}

void pfo_job_destroy(struct pfo_job *job)
{
    if (!job) {
        return;
    }
    if (job->scheduler) {
        job->scheduler->ops->destroy(job->scheduler);
    }
    for (size_t i = 0; job->result_arenas && i < world(job); i++) {
        arena_done(&job->result_arenas[i]);
    }
    arena_done(&job->arena);
    free(job->infos);
    free(job->ranks);
    free(job->results);
    free(job->result_arenas);
    free(job->waiters);
    free(job->id);
    free(job);
}

static int compare_infos(const void *a, const void *b)
{
    int64_t x = ((const struct pfo_rank_info *)a)->rank;
    int64_t y = ((const struct pfo_rank_info *)b)->rank;
    return (x > y) - (x < y);
}

static void emit(const struct pfo_job *job, const struct pfo_job_hooks *hooks, const char *name,
                 struct strbuf *text)
{
    if (hooks->dump) {
        hooks->dump(hooks->user, job, name, strbuf_status(text) == 0 ? text->data : NULL,
                    text->len);
    }
    strbuf_done(text);
}

static void dump_ranks(const struct pfo_job *job, const struct pfo_job_hooks *hooks)
{
    struct strbuf text;
    strbuf_init(&text, DUMP_MAX);
    for (size_t i = 0; hooks->dump && i < job->info_count; i++) {
        strbuf_adds(&text, i ? ", " : "[");
        pfo_dump_rank(&text, &job->infos[i]);
    }
    strbuf_addc(&text, ']');
    emit(job, hooks, "ranks.json", &text);
}

static void dump_round(const struct pfo_job *job, const struct pfo_job_hooks *hooks)
{
    char name[48];
    struct strbuf text;
    strbuf_init(&text, DUMP_MAX);
    for (size_t i = 0; hooks->dump && i < job->result_count; i++) {
        strbuf_adds(&text, i ? ", " : "[");
        pfo_dump_result(&text, &job->results[i]);
    }
    strbuf_addc(&text, ']');
    (void)snprintf(name, sizeof(name), "%llu.prof.json", (unsigned long long)job->round);
    emit(job, hooks, name, &text);

    strbuf_init(&text, DUMP_MAX);
    for (size_t i = 0; hooks->dump && i < job->schedule_count; i++) {
        strbuf_adds(&text, i ? ", " : "[");
        pfo_dump_schedule(&text, job->schedules[i].rank, job->schedules[i].steps);
    }
    strbuf_addc(&text, ']');
    (void)snprintf(name, sizeof(name), "%llu.sched.json", (unsigned long long)job->round);
    emit(job, hooks, name, &text);
}

static const struct pfo_steps *steps_of(const struct pfo_job *job, int64_t rank)
{
    for (size_t i = 0; i < job->schedule_count; i++) {
        size_t at = ((size_t)rank + i) % job->schedule_count; /* usually the rank's own index */
        if (job->schedules[at].rank == rank) {
            return job->schedules[at].steps;
        }
    }
    return NULL;
}

static void remove_waiter(struct pfo_job *job, size_t i)
{
    job->waiter_count--;
    memmove(&job->waiters[i], &job->waiters[i + 1],
            (job->waiter_count - i) * sizeof(job->waiters[0]));
}

/* Answers whoever can be answered; 1 when somebody was. */
static int deliver(struct pfo_job *job, const struct pfo_job_hooks *hooks)
{
    int moved = 0;
    for (size_t i = 0; i < job->waiter_count;) {
        struct pfo_waiter w = job->waiters[i];
        struct pfo_job_rank *rank = &job->ranks[w.rank];
        if (job->phase != PFO_JOB_FAILED && !rank->is_served) {
            i++;
            continue;
        }
        remove_waiter(job, i);
        if (job->is_compat) {
            rank->is_served = 0;
        }
        hooks->answer(hooks->user, job, w.waiter, w.rank,
                      job->phase == PFO_JOB_FAILED ? NULL : steps_of(job, w.rank));
        moved = 1;
    }
    return moved;
}

static void begin_scheduling(struct pfo_job *job, const struct pfo_job_hooks *hooks)
{
    qsort(job->infos, job->info_count, sizeof(job->infos[0]), compare_infos);
    dump_ranks(job, hooks);
    int r = job->kind->create(job->args, &job->info, job->infos, job->info_count, &job->scheduler,
                              &job->failure);
    if (r < 0) {
        job->phase = PFO_JOB_FAILED;
        return;
    }
    job->schedules = job->scheduler->ops->next(job->scheduler, &job->schedule_count);
    job->phase = PFO_JOB_REQUESTS;
}

static void begin_results(struct pfo_job *job)
{
    job->request_count -= world(job);
    for (size_t i = 0; i < job->schedule_count; i++) {
        uint64_t rank = (uint64_t)job->schedules[i].rank;
        if (rank < world(job)) {
            job->ranks[rank].is_served = 1;
        }
    }
    for (size_t i = 0; i < world(job); i++) {
        job->ranks[i].has_asked = 0;
    }
    job->phase = PFO_JOB_RESULTS;
}

static int compare_results(const void *a, const void *b)
{
    int64_t x = ((const struct pfo_result *)a)->rank;
    int64_t y = ((const struct pfo_result *)b)->rank;
    return (x > y) - (x < y);
}

static void end_round(struct pfo_job *job, const struct pfo_job_hooks *hooks)
{
    qsort(job->results, job->result_count, sizeof(job->results[0]), compare_results);
    dump_round(job, hooks);
    int r = job->scheduler->ops->observe(job->scheduler, job->results, job->result_count,
                                         &job->failure);
    job->result_count = 0;
    for (size_t i = 0; i < world(job); i++) {
        arena_done(&job->result_arenas[i]);
    }
    job->round++;
    if (r == PFO_NEEDS_WORK) {
        job->csv = NULL;
        job->phase = PFO_JOB_SOLVING;
        return;
    }
    if (r < 0) {
        job->phase = PFO_JOB_FAILED;
        return;
    }
    job->schedules = job->scheduler->ops->next(job->scheduler, &job->schedule_count);
    job->phase = PFO_JOB_REQUESTS;
}

static void advance(struct pfo_job *job, const struct pfo_job_hooks *hooks)
{
    for (;;) {
        if (job->phase == PFO_JOB_RANKS && job->info_count == world(job)) {
            begin_scheduling(job, hooks);
        } else if (job->phase == PFO_JOB_REQUESTS && job->request_count >= world(job)) {
            begin_results(job);
        } else if (job->phase == PFO_JOB_RESULTS && job->result_count == world(job)) {
            end_round(job, hooks);
        } else if (!deliver(job, hooks)) {
            return;
        }
    }
}

static int has_rank(const struct pfo_job *job, int64_t rank)
{
    return rank >= 0 && (uint64_t)rank < world(job);
}

/* Where a rank's info goes: its old place under the fixed rules (a retry), or the end. */
static size_t info_place(const struct pfo_job *job, int64_t rank)
{
    size_t i = 0;
    while (i < job->info_count && (job->is_compat || job->infos[i].rank != rank)) {
        i++;
    }
    return i;
}

int pfo_job_add_rank(struct pfo_job *job, const struct pfo_rank_info *info,
                     const struct pfo_job_hooks *hooks)
{
    if (!job->is_compat && !has_rank(job, info->rank)) {
        return ZEUS_ERANGE;
    }
    if (job->phase != PFO_JOB_RANKS) {
        return job->is_compat ? 0 : ZEUS_ESTATE;
    }
    size_t at = info_place(job, info->rank);
    size_t n = info->available_frequencies.count;
    int64_t *frequencies = arena_alloc(&job->arena, n ? n : 1, sizeof(*frequencies));
    if (!frequencies) {
        return ZEUS_ENOMEM;
    }
    if (n) {
        memcpy(frequencies, info->available_frequencies.items, n * sizeof(*frequencies));
    }
    job->infos[at] = *info;
    job->infos[at].available_frequencies = (struct json_ints){frequencies, n};
    job->info_count = MAX_OF(job->info_count, at + 1);
    advance(job, hooks);
    return 0;
}

int pfo_job_request(struct pfo_job *job, int64_t rank, void *waiter,
                    const struct pfo_job_hooks *hooks)
{
    if (job->is_compat && rank < 0) {
        rank += job->info.world_size; /* a negative list index */
    }
    if (!has_rank(job, rank)) {
        job->request_count += (size_t)job->is_compat;
        advance(job, hooks);
        return ZEUS_ERANGE;
    }
    if (job->waiter_count == job->waiter_max) {
        return ZEUS_ELIMIT;
    }
    job->waiters[job->waiter_count++] = (struct pfo_waiter){rank, waiter};
    struct pfo_job_rank *r = &job->ranks[rank];
    if (job->is_compat || (!r->has_asked && !r->is_served)) {
        r->has_asked = 1;
        job->request_count++;
    }
    advance(job, hooks);
    return 0;
}

static int copy_doubles(struct arena *arena, const struct json_doubles *from,
                        struct json_doubles *to)
{
    to->count = from->count;
    to->items = arena_alloc(arena, from->count ? from->count : 1, sizeof(double));
    if (to->items && from->count) {
        memcpy(to->items, from->items, from->count * sizeof(double));
    }
    return to->items != NULL;
}

static int store_result(struct pfo_job *job, size_t at, const struct pfo_result *result)
{
    struct arena *arena = &job->result_arenas[at];
    struct pfo_result *to = &job->results[at];
    arena_done(arena);
    to->rank = result->rank;
    to->time_breakdown =
        arena_strndup(arena, result->time_breakdown, strlen(result->time_breakdown));
    to->energy_breakdown =
        arena_strndup(arena, result->energy_breakdown, strlen(result->energy_breakdown));
    int ok = copy_doubles(arena, &result->iter_time_s, &to->iter_time_s) &&
             copy_doubles(arena, &result->iter_energy_j, &to->iter_energy_j);
    return ok && to->time_breakdown && to->energy_breakdown ? 0 : ZEUS_ENOMEM;
}

int pfo_job_report(struct pfo_job *job, const struct pfo_result *result,
                   const struct pfo_job_hooks *hooks)
{
    size_t at = job->result_count;
    if (!job->is_compat) {
        if (!has_rank(job, result->rank)) {
            return ZEUS_ERANGE;
        }
        if (job->phase != PFO_JOB_RESULTS) {
            return ZEUS_ESTATE;
        }
        for (at = 0; at < job->result_count && job->results[at].rank != result->rank; at++) {
        }
    }
    if (at == world(job)) {
        return ZEUS_ELIMIT;
    }
    int r = store_result(job, at, result);
    if (r < 0) {
        return r;
    }
    job->result_count = MAX_OF(job->result_count, at + 1);
    if (!job->is_compat) {
        job->ranks[result->rank].is_served = 0; /* what it asks next is the next round */
    }
    advance(job, hooks);
    return 0;
}

/* Schedules that nobody has been given yet follow at once, those of a running round do not. */
static void refresh(struct pfo_job *job)
{
    if (job->phase == PFO_JOB_REQUESTS) {
        job->schedules = job->scheduler->ops->next(job->scheduler, &job->schedule_count);
    }
}

int pfo_job_set_deadline(struct pfo_job *job, const struct pfo_deadline *deadline,
                         struct pfo_point *ret, zeus_error *err)
{
    if (!job->scheduler || job->phase == PFO_JOB_FAILED) {
        return err_set(err, ZEUS_ESTATE, "The job has no schedule yet");
    }
    if (job->phase == PFO_JOB_SOLVING) {
        return err_set(err, ZEUS_ESTATE, "The job is being planned");
    }
    if (!job->scheduler->ops->set_deadline) {
        return err_set(err, ZEUS_ENOTSUP, "The job's scheduler takes no deadline");
    }
    int r = job->scheduler->ops->set_deadline(job->scheduler, deadline, ret, err);
    if (r == 0) {
        refresh(job);
    }
    return r;
}

int pfo_job_load_profile(struct pfo_job *job, const char *csv, size_t len, zeus_error *err)
{
    if (job->phase == PFO_JOB_SOLVING) {
        return err_set(err, ZEUS_ESTATE, "The job is being planned");
    }
    if (job->phase != PFO_JOB_REQUESTS) {
        return err_set(err, ZEUS_ESTATE,
                       "A profile is taken between rounds, of a job whose ranks "
                       "are all known");
    }
    if (!job->scheduler->ops->begin_work) {
        return err_set(err, ZEUS_ENOTSUP, "The job's scheduler takes no profile");
    }
    if (job->scheduler->ops->get_points(job->scheduler) > 0) {
        return err_set(err, ZEUS_ESTATE, "The job has its frontier already");
    }
    job->csv = csv;
    job->csv_len = len;
    job->phase = PFO_JOB_SOLVING;
    return 0;
}

int pfo_job_begin_work(struct pfo_job *job, struct pfo_work **ret, zeus_error *err)
{
    return job->scheduler->ops->begin_work(job->scheduler, job->csv, job->csv_len, ret, err);
}

int pfo_job_end_work(struct pfo_job *job, struct pfo_work *work, int code,
                     const struct pfo_job_hooks *hooks, zeus_error *err)
{
    int r = work ? job->scheduler->ops->end_work(job->scheduler, work, err) : code;
    if (r < 0 && !job->csv) {
        job->failure = *err;
        job->phase = PFO_JOB_FAILED;
    } else {
        job->phase = PFO_JOB_REQUESTS;
        job->schedules = job->scheduler->ops->next(job->scheduler, &job->schedule_count);
    }
    job->csv = NULL;
    advance(job, hooks);
    return r;
}

void *pfo_job_take_waiter(struct pfo_job *job, int (*match)(void *user, void *waiter), void *user)
{
    for (size_t i = 0; i < job->waiter_count; i++) {
        void *waiter = job->waiters[i].waiter;
        if (match(user, waiter)) {
            remove_waiter(job, i);
            return waiter;
        }
    }
    return NULL;
}
