/* SPDX-License-Identifier: Apache-2.0
 *
 * The point-solution schedulers: one plan from a file, served for ever. The 3-D one pretends pure
 * pipeline parallelism and hands each stage's line of the plan to every rank of that stage. And the
 * table of all kinds; the frontier scheduler has a file of its own.
 */
#include "server/pfo_scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"

#define PLAN_MEMORY_MAX (256u << 20)

struct point {
    struct pfo_scheduler base; /* first member */
    struct arena arena;
    struct pfo_plan plan;
    struct pfo_schedule *schedules;
    size_t count;
};

static const struct pfo_schedule *point_next(struct pfo_scheduler *s, size_t *ret_count)
{
    struct point *p = (struct point *)(void *)s;
    *ret_count = p->count;
    return p->schedules;
}

static int point_observe(struct pfo_scheduler *s, const struct pfo_result *results, size_t count,
                         zeus_error *err)
{
    (void)s; /* one plan, whatever was measured */
    (void)results;
    (void)count;
    (void)err;
    return 0;
}

static void point_destroy(struct pfo_scheduler *s)
{
    struct point *p = (struct point *)(void *)s;
    arena_done(&p->arena);
    free(p);
}

static const struct pfo_scheduler_ops point_ops = {
    .next = point_next, .observe = point_observe, .destroy = point_destroy};

/* Loads the plan and checks that it is made for `want` ranks (or stages). */
static int load(const struct pfo_scheduler_args *args, int64_t want, size_t schedule_count,
                struct point **ret, zeus_error *err)
{
    struct point *p = mem_calloc(1, sizeof(*p));
    if (!p) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    p->base.ops = &point_ops;
    arena_init(&p->arena, PLAN_MEMORY_MAX);
    int r = pfo_plan_load(args->solution_path, &p->arena, &p->plan, err);
    if (r == 0 && p->plan.rank_count != (uint64_t)want) {
        r = err_set(err, ZEUS_ESTATE,
                    "RuntimeError: Solution file assumes %zu ranks, but the job has %lld ranks.",
                    p->plan.rank_count, (long long)want);
    }
    if (r == 0) {
        p->count = schedule_count;
        p->schedules = arena_alloc(&p->arena, schedule_count, sizeof(*p->schedules));
        r = p->schedules ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (r < 0) {
        point_destroy(&p->base);
        return r;
    }
    *ret = p;
    return 0;
}

static int create_point(const struct pfo_scheduler_args *args, const struct pfo_job_info *job,
                        const struct pfo_rank_info *ranks, size_t rank_count,
                        struct pfo_scheduler **ret, zeus_error *err)
{
    (void)ranks;
    struct point *p = NULL;
    int r = load(args, job->world_size, rank_count, &p, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < rank_count; i++) {
        p->schedules[i] = (struct pfo_schedule){(int64_t)i, &p->plan.ranks[i]};
    }
    *ret = &p->base;
    return 0;
}

static int create_point_3d(const struct pfo_scheduler_args *args, const struct pfo_job_info *job,
                           const struct pfo_rank_info *ranks, size_t rank_count,
                           struct pfo_scheduler **ret, zeus_error *err)
{
    struct point *p = NULL;
    int r = load(args, job->pp_degree, rank_count, &p, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < rank_count; i++) {
        if ((uint64_t)ranks[i].pp_rank >= p->plan.rank_count) {
            r = err_set(err, ZEUS_ERANGE,
                        "RuntimeError: rank %lld is of stage %lld, but the plan has %zu stages.",
                        (long long)ranks[i].rank, (long long)ranks[i].pp_rank, p->plan.rank_count);
            point_destroy(&p->base);
            return r;
        }
        p->schedules[i] =
            (struct pfo_schedule){ranks[i].rank, &p->plan.ranks[(size_t)ranks[i].pp_rank]};
    }
    *ret = &p->base;
    return 0;
}

static const struct pfo_scheduler_kind kinds[] = {
    {"PointSolution", 1, 0, create_point},
    {"PointSolution3D", 1, 0, create_point_3d},
    {"Frontier", 0, 1, pfo_frontier_create},
};

const struct pfo_scheduler_kind *pfo_scheduler_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *pfo_scheduler_names(void)
{
    return "PointSolution, PointSolution3D, Frontier";
}
