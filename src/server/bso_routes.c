/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of the batch size server: decode on the HTTP thread, hand over to a worker.
 */
#include <string.h>

#include "base/macro.h"
#include "server/bso_service.h"

#define BODY_MAX (1u << 20)

/* Decodes into a record of the request's arena; 1 when the reply has been set. */
static int decode(struct httpd_req *req, struct httpd_reply *reply, server_decode how, void *record)
{
    struct bso_service *s = req->user;
    int has_overflow = 0;
    if (!record) {
        httpd_reply_internal(reply);
        return 1;
    }
    if (server_decode_body(req, reply, how, record, &has_overflow)) {
        return 1;
    }
    if (has_overflow) {
        if (s->options.is_compat) {
            httpd_reply_message(reply, 500, "Python int too large to convert to SQLite INTEGER");
        } else {
            httpd_reply_detail(reply, 422, "An integer does not fit 64 bits");
        }
        return 1;
    }
    return 0;
}

static int register_job(struct httpd_req *req, struct httpd_reply *reply)
{
    struct bso_service *s = req->user;
    struct bso_job *job = arena_alloc(&req->arena, 1, sizeof(*job));
    if (job) {
        job->is_compat = s->options.is_compat;
    }
    if (decode(req, reply, bso_decode_job, job)) {
        return 0;
    }
    return bso_submit(req, reply, bso_act_register, job);
}

static int report(struct httpd_req *req, struct httpd_reply *reply)
{
    struct bso_service *s = req->user;
    struct bso_result *result = arena_alloc(&req->arena, 1, sizeof(*result));
    if (result) {
        result->is_compat = s->options.is_compat;
    }
    if (decode(req, reply, bso_decode_result, result)) {
        return 0;
    }
    return bso_submit(req, reply, bso_act_report, result);
}

static int end_trial(struct httpd_req *req, struct httpd_reply *reply)
{
    struct bso_trial_id *id = arena_alloc(&req->arena, 1, sizeof(*id));
    if (decode(req, reply, bso_decode_trial_id, id)) {
        return 0;
    }
    return bso_submit(req, reply, bso_act_end, id);
}

static char *query_job(struct httpd_req *req, struct httpd_reply *reply)
{
    const char *id = httpd_query(req, "job_id");
    if (!id) {
        server_reply_missing_query(req, reply, "job_id");
        return NULL;
    }
    return arena_strndup(&req->arena, id, strlen(id));
}

static int with_job_id(struct httpd_req *req, struct httpd_reply *reply, bso_act act)
{
    char *id = query_job(req, reply);
    return id ? bso_submit(req, reply, act, id) : 0;
}

static int delete_job(struct httpd_req *req, struct httpd_reply *reply)
{
    return with_job_id(req, reply, bso_act_delete);
}

static int predict(struct httpd_req *req, struct httpd_reply *reply)
{
    return with_job_id(req, reply, bso_act_predict);
}

static int job_page(struct httpd_req *req, struct httpd_reply *reply)
{
    return with_job_id(req, reply, bso_act_job_page);
}

static int list_page(struct httpd_req *req, struct httpd_reply *reply)
{
    return bso_submit(req, reply, bso_act_list_page, NULL);
}

static int health(struct httpd_req *req, struct httpd_reply *reply)
{
    return bso_submit(req, reply, bso_act_health, NULL);
}

static const struct httpd_route routes[] = {
    {"POST", "/jobs", register_job, BODY_MAX, SERVER_SCOPE_USE},
    {"DELETE", "/jobs", delete_job, 0, SERVER_SCOPE_USE},
    {"GET", "/jobs/batch_size", predict, 0, SERVER_SCOPE_USE},
    {"POST", "/report", report, BODY_MAX, SERVER_SCOPE_USE},
    {"PATCH", "/trials", end_trial, BODY_MAX, SERVER_SCOPE_USE},
    {"GET", "/health", health, 0, 0},
    {"GET", "/metrics", server_metrics, 0, SERVER_SCOPE_USE},
    {"GET", "/ui", list_page, 0, SERVER_SCOPE_USE},
    {"GET", "/ui/job", job_page, 0, SERVER_SCOPE_USE},
};

const struct httpd_route *bso_routes(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(routes);
    return routes;
}
