/* SPDX-License-Identifier: Apache-2.0
 *
 * Registering and deleting jobs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/rng.h"
#include "codec/rng_text.h"
#include "server/bso_service.h"

/* "<prefix>-<8 hex digits>" with random digits. */
static int make_id(const struct store_job *job, struct arena *arena, const char **ret)
{
    uint32_t bits;
    if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
        return ZEUS_EOS;
    }
    size_t prefix_len = strlen(job->job_id_prefix);
    char *id = arena_alloc(arena, prefix_len + 10, 1);
    if (!id) {
        return ZEUS_ENOMEM;
    }
    memcpy(id, job->job_id_prefix, prefix_len);
    (void)snprintf(id + prefix_len, 10, "-%08x", bits);
    *ret = id;
    return 0;
}

/* The row of a new job: the client's parameters and where a job starts. */
static int make_row(const struct store_job *from, struct arena *arena, struct store_job *row)
{
    *row = *from;
    row->is_mab = 0;
    row->has_min_cost = 0;
    row->min_cost_batch_size = from->default_batch_size;
    row->mab_rng_state = NULL;
    if (from->has_mab_seed) {
        struct rng rng;
        char *text = arena_alloc(arena, RNG_TEXT_SIZE, 1);
        if (!text) {
            return ZEUS_ENOMEM;
        }
        rng_seed(&rng, (uint64_t)from->mab_seed);
        rng_text_write(text, &rng);
        row->mab_rng_state = text;
    }
    return 0;
}

static int insert(struct store *store, struct store_job *row, int has_id, struct arena *arena,
                  zeus_error *err)
{
    int r = ZEUS_EALREADY;
    for (int tries = 0; r == ZEUS_EALREADY && tries < 100; tries++) {
        r = has_id ? 0 : make_id(row, arena, &row->job_id);
        if (r == 0) {
            r = store_insert_job(store, row, err);
        }
        if (has_id) {
            break;
        }
    }
    return r;
}

/* Compat: the published server fails on these in its database or its JSON writer. */
static int refuse_broken(struct bso_work *work, const struct store_job *job)
{
    if (bso_has_special_number(job)) {
        httpd_reply_internal(work->ticket.reply);
        return BSO_UNDO;
    }
    if (bso_has_duplicate(job)) {
        return bso_refuse(work, 500,
                          "UNIQUE constraint failed: BatchSize.job_id, BatchSize.batch_size");
    }
    if (job->has_mab_seed && job->mab_seed < 0) {
        return bso_refuse(work, 500, "expected non-negative integer");
    }
    return 0;
}

int bso_act_register(struct bso_service *s, struct store *store, struct bso_work *work,
                     zeus_error *err)
{
    (void)s;
    struct arena *arena = &work->ticket.req->arena;
    const struct store_job *asked = &((const struct bso_job *)work->record)->job;
    struct store_job row;
    int r = refuse_broken(work, asked);
    if (r == 0) {
        r = make_row(asked, arena, &row);
    }
    if (r != 0) {
        return r;
    }
    r = insert(store, &row, asked->job_id != NULL, arena, err);
    if (r == 0) {
        work->ticket.reply->status = 201;
        bso_write_job(&work->ticket.reply->body, &row);
        return 0;
    }
    if (r != ZEUS_EALREADY) {
        return r;
    }
    struct store_job known;
    r = store_lock_job(store, row.job_id, arena, &known, err);
    if (r < 0) {
        return r == ZEUS_ENOTFOUND ? ZEUS_EBUSY : r; /* deleted meanwhile: once more */
    }
    if (!bso_same_job(asked, &known)) {
        return bso_refuse(work, 409,
                          "JobSpec doesn't match with existing jobSpec. Use a new job_id for "
                          "different configuration");
    }
    bso_write_job(&work->ticket.reply->body, &row);
    return 0;
}

int bso_act_delete(struct bso_service *s, struct store *store, struct bso_work *work,
                   zeus_error *err)
{
    (void)s;
    int r = store_delete_job(store, work->record, err);
    if (r == ZEUS_ENOTFOUND) {
        return bso_refuse(work, 404, "No job was deleted.");
    }
    if (r == 0) {
        httpd_reply_json(work->ticket.reply, 200, "null", 4);
    }
    return r;
}

int bso_act_health(struct bso_service *s, struct store *store, struct bso_work *work,
                   zeus_error *err)
{
    int r = store_ping(store, err);
    return r < 0 ? r : server_health_reply(&s->context, work->ticket.reply);
}
