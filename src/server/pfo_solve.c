/* SPDX-License-Identifier: Apache-2.0
 *
 * The work of planning. It holds everything it needs, so that it may run while its job is asked for
 * other things.
 */
#include "server/pfo_solve.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "server/pfo_profile.h"

#define MEMORY_MAX ((size_t)512 << 20)

struct solve {
    struct pfo_work base; /* first member */
    struct pipeline_shape shape;
    struct stage_profile profile; /* owned */
    const char *csv;              /* NULL: the profile is there */
    size_t len;
    struct pipeline *pipeline; /* owned until taken */
    int code;
    zeus_error err;
};

static struct solve *self(struct pfo_work *work)
{
    return (struct solve *)(void *)work;
}

static void destroy(struct pfo_work *work)
{
    struct solve *s = self(work);
    stage_profile_done(&s->profile);
    pipeline_destroy(s->pipeline);
    free(s);
}

static int should_stop(void *user)
{
    const struct flag *const *stop = user;
    return flag_get(*stop) != 0;
}

static int solve(struct solve *s, const struct flag *stop, int64_t ranks)
{
    const struct pipeline_limits limits = {
        .max_bytes = MEMORY_MAX, .should_stop = should_stop, .user = &stop};
    struct pipeline_row *rows _free_ = mem_calloc(s->profile.rows + 1, sizeof(*rows));
    if (!rows) {
        return err_set(&s->err, ZEUS_ENOMEM, "out of memory");
    }
    size_t count = pfo_profile_rows(&s->profile, rows);
    s->shape.idle_power_w *= (double)ranks;
    return pipeline_create(&s->shape, rows, count, &limits, &s->pipeline, &s->err);
}

static void run(struct pfo_work *work, const struct flag *stop)
{
    struct solve *s = self(work);
    int64_t ranks = 1;
    s->code = s->csv ? stage_profile_read(&s->profile, s->csv, s->len, &ranks, &s->err)
                     : stage_profile_merge(&s->profile, &ranks, &s->err);
    if (s->code == 0) {
        s->code = solve(s, stop, ranks);
    }
}

int pfo_solve_create(const struct pipeline_shape *shape, struct stage_profile *profile,
                     const char *csv, size_t len, struct pfo_work **ret)
{
    struct solve *s = mem_calloc(1, sizeof(*s));
    if (!s) {
        return ZEUS_ENOMEM;
    }
    *s = (struct solve){.base = {run, destroy},
                        .shape = *shape,
                        .csv = csv,
                        .len = len,
                        .code = ZEUS_ECLOSED,
                        .err = ZEUS_ERROR_INIT};
    if (!csv) {
        s->profile = *profile;
        *profile = (struct stage_profile){0};
    }
    *ret = &s->base;
    return 0;
}

int pfo_solve_take(struct pfo_work *work, struct pipeline **ret, zeus_error *err)
{
    struct solve *s = self(work);
    if (s->code < 0) {
        return err_set(err, s->code, "%s", s->err.message);
    }
    *ret = s->pipeline;
    s->pipeline = NULL;
    return 0;
}
