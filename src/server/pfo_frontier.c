/* SPDX-License-Identifier: Apache-2.0
 *
 * The frontier scheduler. Until it has a profile, each round runs all instructions at one
 * frequency, from the highest down, and takes the ranks' breakdowns; it ends when the frequencies
 * do, or when the energy has risen five times in a row (the published advice). Then the frontier is
 * solved once, beside the requests (pfo_solve.h), and kept: the fastest plan is served, or that of
 * the last deadline, which costs a look-up.
 *
 * Plans are by stage; the ranks of one stage share one. A deadline may leave out the data-parallel
 * rank that caused it: that one goes on as fast as it can.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "server/pfo_profile.h"
#include "server/pfo_scheduler.h"
#include "server/pfo_solve.h"

#define STEPS_MAX    (1 << 20)
#define RISES_TO_END 5

enum { FASTEST, FOLLOWING, PLANS };

struct frontier_scheduler {
    struct pfo_scheduler base; /* first member */
    const struct pfo_scheduler_args *args;
    const struct pfo_rank_info *ranks; /* borrowed, by rank */
    size_t rank_count;
    enum schedule_kind order;
    int32_t stages;
    struct schedule schedule;
    int64_t *frequencies; /* owned; that all ranks offer, highest first */
    size_t frequency_count;
    size_t round;
    size_t rises;
    double last_energy_j;
    struct stage_profile profile;
    struct pipeline *pipeline; /* NULL while profiling */
    int32_t point;             /* of the plan to follow */
    int64_t straggler;
    int64_t *mhz;                   /* owned; a plan being filled in */
    struct pfo_step *steps[PLANS];  /* owned; as the schedule's */
    struct pfo_steps *stage[PLANS]; /* owned; per stage, views of `steps` */
    struct pfo_schedule *schedules; /* owned; per rank */
};

static struct frontier_scheduler *self(struct pfo_scheduler *s)
{
    return (struct frontier_scheduler *)(void *)s;
}

static void destroy(struct pfo_scheduler *s)
{
    struct frontier_scheduler *f = self(s);
    for (int i = 0; i < PLANS; i++) {
        free(f->steps[i]);
        free(f->stage[i]);
    }
    free(f->schedules);
    free(f->mhz);
    free(f->frequencies);
    stage_profile_done(&f->profile);
    pipeline_destroy(f->pipeline);
    schedule_finish(&f->schedule);
    free(f);
}

static void set_plan(struct frontier_scheduler *f, int plan, int32_t point)
{
    if (pipeline_plan(f->pipeline, point, f->mhz) < 0) {
        return; /* no memory: the plan before stays, which is a valid one */
    }
    for (int32_t i = 0; i < f->schedule.steps; i++) {
        f->steps[plan][i].frequency = f->mhz[i];
    }
}

static const struct pfo_schedule *next(struct pfo_scheduler *s, size_t *ret_count)
{
    struct frontier_scheduler *f = self(s);
    if (!f->pipeline) {
        for (int32_t i = 0; i < f->schedule.steps; i++) {
            f->steps[FASTEST][i].frequency = f->frequencies[f->round];
        }
    } else {
        set_plan(f, FASTEST, pipeline_find(f->pipeline, 0).index);
        set_plan(f, FOLLOWING, f->point);
    }
    for (size_t i = 0; i < f->rank_count; i++) {
        const struct pfo_rank_info *rank = &f->ranks[i];
        int plan = f->pipeline && rank->dp_rank != f->straggler ? FOLLOWING : FASTEST;
        f->schedules[i] = (struct pfo_schedule){rank->rank, &f->stage[plan][rank->pp_rank]};
    }
    *ret_count = f->rank_count;
    return f->schedules;
}

/* One rank's forward and backward of a profiling round. */
static int add_result(const struct frontier_scheduler *f, const struct pfo_result *result,
                      struct stage_profile *round, zeus_error *err)
{
    if ((uint64_t)result->rank >= f->rank_count) {
        return err_set(err, ZEUS_ERANGE, "a result of rank %lld of %zu", (long long)result->rank,
                       f->rank_count);
    }
    struct stage_profile_row row = {.frequency_mhz = f->frequencies[f->round],
                                    .stage = (int32_t)f->ranks[result->rank].pp_rank,
                                    .rank = result->rank};
    for (uint8_t kind = STAGE_PROFILE_FORWARD; kind <= STAGE_PROFILE_BACKWARD; kind++) {
        int r = pfo_profile_mean(result, kind, &row, err);
        if (r < 0) {
            return r;
        }
        r = stage_profile_add(round, row);
        if (r < 0) {
            return err_set(err, r, "the profile is too large");
        }
    }
    return 0;
}

/* Takes over what one profiling round measured; *ret_energy is of the whole round. */
static int add_round(struct frontier_scheduler *f, const struct pfo_result *results, size_t count,
                     double *ret_energy_j, zeus_error *err)
{
    struct stage_profile round = {0};
    double energy_j = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = add_result(f, &results[i], &round, err);
    }
    for (size_t i = 0; i < round.rows; i++) {
        energy_j += round.row[i].energy_j;
    }
    r = r < 0 ? r : pfo_profile_add_round(&f->profile, &round, err);
    stage_profile_done(&round);
    *ret_energy_j = energy_j;
    return r;
}

static int observe(struct pfo_scheduler *s, const struct pfo_result *results, size_t count,
                   zeus_error *err)
{
    struct frontier_scheduler *f = self(s);
    double energy_j = 0;
    if (f->pipeline) {
        return 0;
    }
    int r = add_round(f, results, count, &energy_j, err);
    if (r < 0) {
        return r;
    }
    f->rises = f->round > 0 && energy_j > f->last_energy_j ? f->rises + 1 : 0;
    f->last_energy_j = energy_j;
    f->round++;
    if (f->round < f->frequency_count && f->rises < RISES_TO_END) {
        return 0;
    }
    return PFO_NEEDS_WORK;
}

static int set_deadline(struct pfo_scheduler *s, const struct pfo_deadline *deadline,
                        struct pfo_point *ret, zeus_error *err)
{
    struct frontier_scheduler *f = self(s);
    if (!f->pipeline) {
        return err_set(err, ZEUS_ESTATE, "The job is still being profiled");
    }
    const struct pipeline_point point = pipeline_find(f->pipeline, deadline->deadline_s);
    f->point = point.index;
    f->straggler = deadline->straggler;
    *ret = (struct pfo_point){point.index, point.time_s, point.energy_j, point.is_met};
    return 0;
}

static int begin_work(struct pfo_scheduler *s, const char *csv, size_t len, struct pfo_work **ret,
                      zeus_error *err)
{
    struct frontier_scheduler *f = self(s);
    if (f->pipeline) {
        return err_set(err, ZEUS_ESTATE, "The job has its frontier already");
    }
    const struct pipeline_shape shape = {
        .schedule = f->order,
        .stages = f->stages,
        .micro_batches = (int32_t)f->args->micro_batches,
        .unit_s = f->args->unit_s,
        .idle_power_w = f->args->p2p_power_w,
        .noise_factor = f->args->noise_factor,
    };
    int r = pfo_solve_create(&shape, &f->profile, csv, len, ret);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

static int end_work(struct pfo_scheduler *s, struct pfo_work *work, zeus_error *err)
{
    struct frontier_scheduler *f = self(s);
    int r = pfo_solve_take(work, &f->pipeline, err);
    if (r == 0) {
        f->point = pipeline_find(f->pipeline, 0).index;
    }
    return r;
}

static int get_points(const struct pfo_scheduler *s)
{
    const struct frontier_scheduler *f = (const struct frontier_scheduler *)(const void *)s;
    return f->pipeline ? pipeline_points(f->pipeline) : 0;
}

static const struct pfo_scheduler_ops ops = {.next = next,
                                             .observe = observe,
                                             .set_deadline = set_deadline,
                                             .begin_work = begin_work,
                                             .end_work = end_work,
                                             .get_points = get_points,
                                             .destroy = destroy};

static int compare_down(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static int offers(const struct pfo_rank_info *rank, int64_t mhz)
{
    for (size_t i = 0; i < rank->available_frequencies.count; i++) {
        if (rank->available_frequencies.items[i] == mhz) {
            return 1;
        }
    }
    return 0;
}

/* The first rank's frequencies as far as all others have them, each once. */
static int find_frequencies(struct frontier_scheduler *f, zeus_error *err)
{
    const struct json_ints *all = &f->ranks[0].available_frequencies;
    f->frequencies = mem_calloc(all->count + 1, sizeof(*f->frequencies));
    if (!f->frequencies) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < all->count; i++) {
        int is_common = all->items[i] > 0;
        for (size_t k = 1; is_common && k < f->rank_count; k++) {
            is_common = offers(&f->ranks[k], all->items[i]);
        }
        if (is_common) {
            f->frequencies[f->frequency_count++] = all->items[i];
        }
    }
    qsort(f->frequencies, f->frequency_count, sizeof(*f->frequencies), compare_down);
    size_t kept = 0;
    for (size_t i = 0; i < f->frequency_count; i++) {
        if (i == 0 || f->frequencies[i] != f->frequencies[i - 1]) {
            f->frequencies[kept++] = f->frequencies[i];
        }
    }
    f->frequency_count = kept;
    return kept > 0 ? 0 : err_set(err, ZEUS_EINVAL, "the ranks have no frequency in common");
}

static int make_room(struct frontier_scheduler *f)
{
    size_t steps = (size_t)f->schedule.steps;
    f->schedules = mem_calloc(f->rank_count, sizeof(*f->schedules));
    f->mhz = mem_calloc(steps, sizeof(*f->mhz));
    int is_short = !f->schedules || !f->mhz;
    for (int i = 0; i < PLANS && !is_short; i++) {
        f->steps[i] = mem_calloc(steps, sizeof(*f->steps[i]));
        f->stage[i] = mem_calloc((size_t)f->stages, sizeof(*f->stage[i]));
        is_short = !f->steps[i] || !f->stage[i];
        for (size_t k = 0; !is_short && k < steps; k++) {
            f->steps[i][k].instruction =
                f->schedule.step[k].kind == SCHEDULE_FORWARD ? "forward" : "backward";
        }
        for (int32_t k = 0; !is_short && k < f->stages; k++) {
            int32_t first = f->schedule.stage_first[k];
            f->stage[i][k] = (struct pfo_steps){f->steps[i] + first,
                                                (size_t)(f->schedule.stage_first[k + 1] - first)};
        }
    }
    return is_short ? ZEUS_ENOMEM : 0;
}

static int prepare(struct frontier_scheduler *f, const struct pfo_job_info *job, zeus_error *err)
{
    for (size_t i = 0; i < f->rank_count; i++) {
        if (f->ranks[i].pp_rank >= job->pp_degree || f->ranks[i].rank != (int64_t)i) {
            return err_set(err, ZEUS_ERANGE, "rank %lld is of stage %lld of %lld",
                           (long long)f->ranks[i].rank, (long long)f->ranks[i].pp_rank,
                           (long long)job->pp_degree);
        }
    }
    if (2 * f->args->micro_batches > STEPS_MAX / job->pp_degree) {
        return err_set(err, ZEUS_ELIMIT, "%lld stages times %lld micro-batches are too many",
                       (long long)job->pp_degree, (long long)f->args->micro_batches);
    }
    f->stages = (int32_t)job->pp_degree;
    f->order = strcmp(f->args->schedule, "gpipe") == 0 ? SCHEDULE_GPIPE : SCHEDULE_1F1B;
    int r =
        schedule_build(&f->schedule, f->order, f->stages, (int32_t)f->args->micro_batches, 1, err);
    r = r < 0 ? r : find_frequencies(f, err);
    if (r < 0) {
        return r;
    }
    r = make_room(f);
    return r < 0 ? err_set(err, r, "out of memory") : 0;
}

int pfo_frontier_create(const struct pfo_scheduler_args *args, const struct pfo_job_info *job,
                        const struct pfo_rank_info *ranks, size_t rank_count,
                        struct pfo_scheduler **ret, zeus_error *err)
{
    struct frontier_scheduler *f = mem_calloc(1, sizeof(*f));
    if (!f) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    f->base.ops = &ops;
    f->args = args;
    f->ranks = ranks;
    f->rank_count = rank_count;
    f->straggler = -1;
    int r = prepare(f, job, err);
    if (r < 0) {
        destroy(&f->base);
        return r;
    }
    *ret = &f->base;
    return 0;
}
