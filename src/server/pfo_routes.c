/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes of the pipeline frequency server: decode, call the service, answer.
 */
#include <string.h>

#include "base/macro.h"
#include "codec/json_writer.h"
#include "server/pfo_service.h"

#define BODY_MAX     (1u << 20)
#define RESULT_MAX   (8u << 20)
#define PROFILE_MAX  (32u << 20)
#define METADATA_MAX 128

static const struct json_loc body_loc = {NULL, "body", 0};

void pfo_reply_refusal(const struct pfo_service *s, int code, struct httpd_reply *reply)
{
    if (code == ZEUS_ECLOSED) {
        httpd_reply_detail(reply, 503, "Server is stopping");
    } else if (s->options.is_compat) {
        httpd_reply_internal(reply);
    } else if (code == ZEUS_ENOTFOUND) {
        httpd_reply_detail(reply, 404, "Unknown job");
    } else if (code == ZEUS_ERANGE) {
        httpd_reply_detail(reply, 422, "Rank is not below the job's world size");
    } else if (code == ZEUS_ESTATE) {
        httpd_reply_detail(reply, 409, "Not possible in this state of the job");
    } else if (code == ZEUS_ELIMIT) {
        httpd_reply_detail(reply, 503, "A limit of the server was reached");
    } else {
        httpd_reply_internal(reply);
    }
}

static int decode_job(const char *body, size_t len, void *record, struct json_problems *p)
{
    int r = pfo_decode_job(body, len, record, p);
    const struct pfo_job_info *job = record;
    if (r == 0 && p->count == 0 && job->job_metadata && strlen(job->job_metadata) > METADATA_MAX) {
        struct json_loc loc = {&body_loc, "job_metadata", 0};
        int64_t limit = METADATA_MAX;
        json_problem_add(p, &loc, "ensure this value has at most 128 characters",
                         "value_error.any_str.max_length", &limit);
    }
    if (r == 0 && p->count == 0 && job->world_size > PFO_WORLD_MAX) {
        struct json_loc loc = {&body_loc, "world_size", 0};
        int64_t limit = PFO_WORLD_MAX;
        json_problem_add(p, &loc, "ensure this value is less than or equal to 16384",
                         "value_error.number.not_le", &limit);
    }
    return r;
}

static int decode_rank(const char *body, size_t len, void *record, struct json_problems *p)
{
    return pfo_decode_rank(body, len, record, p);
}

static int decode_result(const char *body, size_t len, void *record, struct json_problems *p)
{
    return pfo_decode_result(body, len, record, p);
}

static int register_job(struct httpd_req *req, struct httpd_reply *reply)
{
    struct pfo_service *s = req->user;
    struct pfo_job_info info = {0};
    int has_overflow;
    int is_refused = server_decode_body(req, reply, decode_job, &info, &has_overflow);
    if (info.has_missing_degree && s->options.is_compat) {
        httpd_reply_internal(reply); /* the published server trips over the missing degree */
        return 0;
    }
    if (is_refused) {
        return 0;
    }
    const char *id = NULL;
    int r = pfo_service_add_job(s, &info, &req->arena, &id);
    if (r < 0) {
        pfo_reply_refusal(s, r, reply);
        return 0;
    }
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_string(&w, id);
    return json_writer_finish(&w);
}

static void reply_null(struct pfo_service *s, int r, struct httpd_reply *reply)
{
    if (r < 0) {
        pfo_reply_refusal(s, r, reply);
        return;
    }
    httpd_reply_json(reply, 200, "null", 4);
}

static int register_rank(struct httpd_req *req, struct httpd_reply *reply)
{
    struct pfo_service *s = req->user;
    struct pfo_rank_info info;
    int has_overflow;
    if (!server_decode_body(req, reply, decode_rank, &info, &has_overflow)) {
        reply_null(s, pfo_service_add_rank(s, req->params[0], &info), reply);
    }
    return 0;
}

static int report_result(struct httpd_req *req, struct httpd_reply *reply)
{
    struct pfo_service *s = req->user;
    struct pfo_result result;
    int has_overflow;
    if (!server_decode_body(req, reply, decode_result, &result, &has_overflow)) {
        reply_null(s, pfo_service_report(s, req->params[0], &result), reply);
    }
    return 0;
}

static int get_schedule(struct httpd_req *req, struct httpd_reply *reply)
{
    struct pfo_service *s = req->user;
    int64_t rank;
    if (server_query_int(req, reply, "rank", &rank)) {
        return 0;
    }
    int r = pfo_service_request(s, req->params[0], rank, req);
    if (r < 0) {
        pfo_reply_refusal(s, r, reply);
        return 0;
    }
    return HTTPD_PENDING;
}

/* The routes that the published server does not have answer with words of their own. */
void pfo_reply_outcome(int code, const zeus_error *err, struct httpd_reply *reply)
{
    static const struct {
        int code;
        int status;
    } statuses[] = {{ZEUS_ENOTFOUND, 404}, {ZEUS_ESTATE, 409}, {ZEUS_ENOTSUP, 409},
                    {ZEUS_EINVAL, 422},    {ZEUS_EPARSE, 422}, {ZEUS_ERANGE, 422},
                    {ZEUS_ELIMIT, 503},    {ZEUS_ENOMEM, 503}, {ZEUS_ECLOSED, 503}};
    if (code == 0) {
        httpd_reply_json(reply, 200, "null", 4);
        return;
    }
    int status = 500;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        status = statuses[i].code == code ? statuses[i].status : status;
    }
    httpd_reply_detail(reply, status, err->message);
    if (status == 503) {
        httpd_reply_header(reply, "Retry-After", "1");
    }
}

static int decode_deadline(const char *body, size_t len, void *record, struct json_problems *p)
{
    return pfo_decode_deadline(body, len, record, p);
}

static int set_deadline(struct httpd_req *req, struct httpd_reply *reply)
{
    struct pfo_deadline_body body;
    struct pfo_point point;
    zeus_error err = ZEUS_ERROR_INIT;
    int has_overflow;
    if (server_decode_body(req, reply, decode_deadline, &body, &has_overflow)) {
        return 0;
    }
    const struct pfo_deadline deadline = {.deadline_s = body.has_deadline ? body.deadline_s : 0,
                                          .straggler = body.has_straggler ? body.straggler : -1};
    int r = pfo_service_set_deadline(req->user, req->params[0], &deadline, &point, &err);
    if (r < 0) {
        pfo_reply_outcome(r, &err, reply);
        return 0;
    }
    struct json_writer w;
    json_writer_init(&w, &reply->body, 0);
    json_begin_object(&w);
    json_key_i64(&w, "iteration", point.index);
    json_key(&w, "time");
    json_double(&w, point.time_s);
    json_key(&w, "energy");
    json_double(&w, point.energy_j);
    json_key(&w, "is_met");
    json_bool(&w, point.is_met);
    json_end_object(&w);
    return json_writer_finish(&w);
}

static int load_profile(struct httpd_req *req, struct httpd_reply *reply)
{
    zeus_error err = ZEUS_ERROR_INIT;
    int r = pfo_service_load_profile(req->user, req->params[0], req, &err);
    if (r < 0) {
        pfo_reply_outcome(r, &err, reply);
        return 0;
    }
    return HTTPD_PENDING;
}

static int get_status(struct httpd_req *req, struct httpd_reply *reply)
{
    struct pfo_service *s = req->user;
    int r = pfo_service_status(s, req->params[0], &reply->body);
    if (r == ZEUS_ENOTFOUND) {
        httpd_reply_detail(reply, 404, "Unknown job");
        return 0;
    }
    return r;
}

static const struct httpd_route routes[] = {
    {"POST", "/register_job", register_job, BODY_MAX, SERVER_SCOPE_USE},
    {"POST", "/register_rank/{job_id}", register_rank, BODY_MAX, SERVER_SCOPE_USE},
    {"GET", "/schedule/{job_id}", get_schedule, 0, SERVER_SCOPE_USE},
    {"POST", "/result/{job_id}", report_result, RESULT_MAX, SERVER_SCOPE_USE},
    {"POST", "/deadline/{job_id}", set_deadline, BODY_MAX, SERVER_SCOPE_USE},
    {"POST", "/profile/{job_id}", load_profile, PROFILE_MAX, SERVER_SCOPE_USE},
    {"GET", "/status/{job_id}", get_status, 0, SERVER_SCOPE_USE},
    {"GET", "/health", server_health, 0, 0},
    {"GET", "/metrics", server_metrics, 0, SERVER_SCOPE_USE},
};

const struct httpd_route *pfo_routes(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(routes);
    return routes;
}
