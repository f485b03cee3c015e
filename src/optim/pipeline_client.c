/* SPDX-License-Identifier: Apache-2.0
 *
 * Client of the pipeline frequency server: one rank of one job. The schedule is checked against the
 * instructions as they come, so that a plan for another model cannot be applied by mistake.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/servers.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "codec/json_decode.h"
#include "codec/json_writer.h"
#include "codec/url.h"
#include "net/http_client.h"

#define SCHEDULE_MAX (64u << 20)
#define STEPS_MAX    (1u << 20)
#define PATH_SIZE    1024

struct step {
    const char *instruction;
    int64_t frequency_mhz;
};

struct zeus_pipeline_client {
    struct http_client *http;
    zeus_pipeline_client_options options; /* its pointers are not used after create */
    int64_t *frequencies_mhz;
    char *job_id;
    int is_registered;
    struct arena arena; /* the schedule's texts */
    struct step *steps;
    size_t step_count;
    size_t step_capacity;
    size_t at;
};

static int send_json(struct zeus_pipeline_client *c, const char *path, struct json_writer *w,
                     struct strbuf *reply, zeus_error *err)
{
    int r = json_writer_finish(w);
    if (r < 0) {
        return err_set(err, r, "the request to %s is too large", path);
    }
    const struct http_call call = {"POST", path, w->out->data, w->out->len, 0, 0};
    r = http_client_send(c->http, &call, reply, err);
    return r < 0 ? r : http_client_check(r, reply, err);
}

static int make_path(const struct zeus_pipeline_client *c, const char *route, char path[PATH_SIZE],
                     zeus_error *err)
{
    size_t n = strlen(route);
    memcpy(path, route, n);
    /* '+' is literal in a path, and existing servers see the path decoded. */
    if (url_encode(c->job_id, path + n, PATH_SIZE - n - 32) < 0) {
        return err_set(err, ZEUS_ELIMIT, "the job id is too long");
    }
    return 0;
}

static int register_job(struct zeus_pipeline_client *c, const zeus_pipeline_client_options *o,
                        zeus_error *err)
{
    struct strbuf body;
    struct strbuf reply = {.max = 0};
    struct json_writer w;
    strbuf_init(&body, 1u << 16);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    json_key_string(&w, "job_id", "");
    json_key_i64(&w, "pp_degree", o->pp_degree);
    json_key_i64(&w, "dp_degree", o->dp_degree);
    json_key_i64(&w, "tp_degree", o->tp_degree);
    json_key_i64(&w, "world_size", o->pp_degree * o->dp_degree * o->tp_degree);
    json_key(&w, "job_metadata");
    if (o->job_metadata) {
        json_string(&w, o->job_metadata);
    } else {
        json_null(&w);
    }
    json_end_object(&w);
    int r = send_json(c, "/register_job", &w, &reply, err);
    if (r == 0) {
        struct json_reader reader;
        char id[512];
        json_reader_init(&reader, strbuf_text(&reply), reply.len);
        if (json_next(&reader) != JSON_STRING || json_get_string(&reader, id, sizeof(id)) <= 0) {
            r = err_set(err, ZEUS_EPARSE, "the server's job id is not a text");
        } else {
            c->job_id = mem_strdup(id);
            r = c->job_id ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
        }
    }
    strbuf_done(&body);
    strbuf_done(&reply);
    return r;
}

static int compare_down(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

static int check_options(const zeus_pipeline_client_options *o, zeus_error *err)
{
    static const int64_t most = 1 << 20;
    if (!o || o->size != sizeof(*o) || !o->url || (o->frequency_count && !o->frequencies_mhz)) {
        return err_set(err, ZEUS_EINVAL, "pipeline client: size, url and frequencies are needed");
    }
    if (o->pp_degree < 1 || o->dp_degree < 1 || o->tp_degree < 1 || o->pp_degree > most ||
        o->dp_degree > most || o->tp_degree > most) {
        return err_set(err, ZEUS_EINVAL, "pipeline client: degrees are at least 1");
    }
    if (!o->job_id && o->rank != 0) {
        return err_set(err, ZEUS_EINVAL, "pipeline client: rank %lld needs rank 0's job id",
                       (long long)o->rank);
    }
    return 0;
}

static int fill(struct zeus_pipeline_client *c, const zeus_pipeline_client_options *o,
                zeus_error *err)
{
    const struct http_client_options http = {.base_url = o->url,
                                             .unix_path = o->unix_path,
                                             .token = o->token,
                                             .reply_max = SCHEDULE_MAX};
    c->frequencies_mhz = mem_calloc(MAX_OF(o->frequency_count, (size_t)1), sizeof(int64_t));
    if (!c->frequencies_mhz) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    if (o->frequency_count) {
        memcpy(c->frequencies_mhz, o->frequencies_mhz, o->frequency_count * sizeof(int64_t));
        qsort(c->frequencies_mhz, o->frequency_count, sizeof(int64_t), compare_down);
    }
    int r = http_client_create(&http, &c->http, err);
    if (r < 0 || !o->job_id) {
        return r < 0 ? r : register_job(c, o, err);
    }
    c->job_id = mem_strdup(o->job_id);
    return c->job_id ? 0 : err_set(err, ZEUS_ENOMEM, "out of memory");
}

int zeus_pipeline_client_create(const zeus_pipeline_client_options *options,
                                zeus_pipeline_client **ret_client, zeus_error *err)
{
    int r = check_options(options, err);
    if (r < 0 || !ret_client) {
        return r < 0 ? r : err_set(err, ZEUS_EINVAL, "ret_client is NULL");
    }
    struct zeus_pipeline_client *c = mem_calloc(1, sizeof(*c));
    if (!c) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    c->options = *options;
    arena_init(&c->arena, SCHEDULE_MAX);
    r = fill(c, options, err);
    if (r < 0) {
        zeus_pipeline_client_destroy(c);
        return r;
    }
    *ret_client = c;
    return 0;
}

void zeus_pipeline_client_destroy(zeus_pipeline_client *client)
{
    if (!client) {
        return;
    }
    http_client_destroy(client->http);
    arena_done(&client->arena);
    free(client->frequencies_mhz);
    free(client->steps);
    free(client->job_id);
    free(client);
}

const char *zeus_pipeline_client_job_id(const zeus_pipeline_client *client)
{
    return client->job_id;
}

static int register_rank(struct zeus_pipeline_client *c, zeus_error *err)
{
    char path[PATH_SIZE];
    struct strbuf body;
    struct strbuf reply = {.max = 0};
    struct json_writer w;
    int r = make_path(c, "/register_rank/", path, err);
    if (r < 0) {
        return r;
    }
    strbuf_init(&body, 1u << 20);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    json_key_i64(&w, "rank", c->options.rank);
    json_key_i64(&w, "dp_rank", c->options.dp_rank);
    json_key_i64(&w, "pp_rank", c->options.pp_rank);
    json_key_i64(&w, "tp_rank", c->options.tp_rank);
    json_key(&w, "available_frequencies");
    json_begin_array(&w);
    for (size_t i = 0; i < c->options.frequency_count; i++) {
        json_i64(&w, c->frequencies_mhz[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
    r = send_json(c, path, &w, &reply, err);
    strbuf_done(&body);
    strbuf_done(&reply);
    return r;
}

/* ["forward", 1410] */
static int read_step(struct json_view item, struct arena *arena, struct step *ret)
{
    struct json_reader r;
    json_view_open(item, &r);
    if (json_next(&r) != JSON_ARRAY_BEGIN || json_next(&r) != JSON_STRING) {
        return ZEUS_EPARSE;
    }
    char *name = arena_alloc(arena, r.size + 1, 1);
    if (!name) {
        return ZEUS_ELIMIT;
    }
    if (json_get_string(&r, name, r.size + 1) < 0 || json_next(&r) != JSON_NUMBER) {
        return ZEUS_EPARSE;
    }
    ret->instruction = name;
    return json_get_i64(&r, &ret->frequency_mhz);
}

static int read_steps(struct zeus_pipeline_client *c, struct json_view list)
{
    struct json_reader r;
    struct json_view item;
    json_view_open(list, &r);
    if (json_next(&r) != JSON_ARRAY_BEGIN) {
        return ZEUS_EPARSE;
    }
    int token = json_view_next(&r, &item);
    for (; token > 0; token = json_view_next(&r, &item)) {
        int status =
            mem_grow(&c->steps, &c->step_capacity, c->step_count + 1, sizeof(*c->steps), STEPS_MAX);
        if (status == 0) {
            status = read_step(item, &c->arena, &c->steps[c->step_count]);
        }
        if (status < 0) {
            return status;
        }
        c->step_count++;
    }
    return token;
}

static void keep_view(struct json_view value, const struct json_loc *loc, void *out,
                      struct json_problems *p)
{
    (void)loc;
    (void)p;
    *(struct json_view *)out = value;
}

struct schedule_answer {
    int64_t rank;
    struct json_view frequencies;
};

static int read_schedule(struct zeus_pipeline_client *c, const struct strbuf *reply,
                         zeus_error *err)
{
    static const struct json_field fields[] = {
        {"rank", JSON_KIND_INT, JSON_REQUIRED, offsetof(struct schedule_answer, rank), 0, 0, NULL,
         NULL},
        {"frequencies", JSON_KIND_CUSTOM, JSON_REQUIRED,
         offsetof(struct schedule_answer, frequencies), 0, 0, NULL, keep_view}};
    struct schedule_answer answer = {0};
    struct json_problems p;
    arena_done(&c->arena);
    c->step_count = 0;
    c->at = 0;
    json_problems_init(&p, &c->arena);
    int r =
        json_decode_body(strbuf_text(reply), reply->len, fields, ARRAY_LEN(fields), &answer, &p);
    r = r == 0 && p.count > 0 ? ZEUS_EPARSE : r;
    json_problems_done(&p);
    if (r == 0 && answer.rank != c->options.rank) {
        return err_set(err, ZEUS_EINTERNAL, "the server sent rank %lld's schedule to rank %lld",
                       (long long)answer.rank, (long long)c->options.rank);
    }
    r = r == 0 ? read_steps(c, answer.frequencies) : r;
    return r < 0 ? err_set(err, r, "the server's schedule is not understood") : 0;
}

int zeus_pipeline_client_connect(zeus_pipeline_client *client, zeus_error *err)
{
    char path[PATH_SIZE];
    if (!client) {
        return err_set(err, ZEUS_EINVAL, "client is NULL");
    }
    int r = client->is_registered ? 0 : register_rank(client, err);
    if (r == 0) {
        client->is_registered = 1;
        r = make_path(client, "/schedule/", path, err);
    }
    if (r < 0) {
        return r;
    }
    struct strbuf query;
    strbuf_init(&query, 32);
    strbuf_addf(&query, "?rank=%lld", (long long)client->options.rank);
    strcat(path, strbuf_text(&query));
    strbuf_done(&query);
    struct strbuf reply;
    const struct http_call call = {.method = "GET", .path = path, .has_no_timeout = 1};
    r = http_client_send(client->http, &call, &reply, err);
    r = r < 0 ? r : http_client_check(r, &reply, err);
    r = r < 0 ? r : read_schedule(client, &reply, err);
    strbuf_done(&reply);
    return r;
}

int zeus_pipeline_client_next(zeus_pipeline_client *client, const char *instruction,
                              int64_t *ret_frequency_mhz, zeus_error *err)
{
    if (!client || !instruction || !ret_frequency_mhz) {
        return err_set(err, ZEUS_EINVAL, "client, instruction or ret_frequency_mhz is NULL");
    }
    if (client->at == client->step_count) {
        return err_set(err, ZEUS_ESTATE, "%s is beyond the schedule's %zu instructions",
                       instruction, client->step_count);
    }
    const struct step *step = &client->steps[client->at];
    if (strcmp(step->instruction, instruction) != 0) {
        return err_set(err, ZEUS_ESTATE, "instruction %zu of the schedule is %s, not %s",
                       client->at, step->instruction, instruction);
    }
    client->at++;
    *ret_frequency_mhz = step->frequency_mhz;
    return 0;
}

int zeus_pipeline_client_end_step(zeus_pipeline_client *client, zeus_error *err)
{
    if (!client) {
        return err_set(err, ZEUS_EINVAL, "client is NULL");
    }
    if (client->at != client->step_count) {
        return err_set(err, ZEUS_ESTATE,
                       "the step ended after %zu of the schedule's %zu "
                       "instructions",
                       client->at, client->step_count);
    }
    client->at = 0;
    return 0;
}

static void write_doubles(struct json_writer *w, const char *key, const double *values,
                          size_t count)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        json_double(w, values[i]);
    }
    json_end_array(w);
}

int zeus_pipeline_client_report(zeus_pipeline_client *client, const double *iter_time_s,
                                const double *iter_energy_j, size_t count, zeus_error *err)
{
    if (!client || (count && (!iter_time_s || !iter_energy_j))) {
        return err_set(err, ZEUS_EINVAL, "client or the measurements are NULL");
    }
    char path[PATH_SIZE];
    struct strbuf body;
    struct strbuf reply = {.max = 0};
    struct json_writer w;
    int r = make_path(client, "/result/", path, err);
    if (r < 0) {
        return r;
    }
    strbuf_init(&body, 8u << 20);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    json_key_i64(&w, "rank", client->options.rank);
    write_doubles(&w, "iter_time", iter_time_s, count);
    write_doubles(&w, "iter_energy", iter_energy_j, count);
    json_end_object(&w);
    r = send_json(client, path, &w, &reply, err);
    strbuf_done(&body);
    strbuf_done(&reply);
    return r;
}

enum { TIME, ENERGY };

/* {"forward": [[0.1, 0.2]], ...}: names in the order of their first instruction. */
static void write_breakdown(struct json_writer *w, const zeus_pipeline_instruction *list,
                            size_t count, int what)
{
    json_key(w, what == TIME ? "time_breakdown" : "energy_breakdown");
    json_begin_object(w);
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(list[first].name, list[i].name) != 0) {
            first++;
        }
        if (first < i) {
            continue;
        }
        json_key(w, list[i].name);
        json_begin_array(w);
        json_begin_array(w);
        for (size_t k = i; k < count; k++) {
            if (strcmp(list[k].name, list[i].name) == 0) {
                json_double(w, what == TIME ? list[k].time_s : list[k].energy_j);
            }
        }
        json_end_array(w);
        json_end_array(w);
    }
    json_end_object(w);
}

int zeus_pipeline_client_report_profile(zeus_pipeline_client *client, double iter_time_s,
                                        double iter_energy_j,
                                        const zeus_pipeline_instruction *instructions, size_t count,
                                        zeus_error *err)
{
    char path[PATH_SIZE];
    struct strbuf body;
    struct strbuf reply = {.max = 0};
    struct json_writer w;
    if (!client || (count && !instructions)) {
        return err_set(err, ZEUS_EINVAL, "client or the instructions are NULL");
    }
    for (size_t i = 0; i < count; i++) {
        if (!instructions[i].name) {
            return err_set(err, ZEUS_EINVAL, "instruction %zu has no name", i);
        }
    }
    int r = make_path(client, "/result/", path, err);
    if (r < 0) {
        return r;
    }
    strbuf_init(&body, 8u << 20);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    json_key_i64(&w, "rank", client->options.rank);
    write_doubles(&w, "iter_time", &iter_time_s, 1);
    write_doubles(&w, "iter_energy", &iter_energy_j, 1);
    write_breakdown(&w, instructions, count, TIME);
    write_breakdown(&w, instructions, count, ENERGY);
    json_end_object(&w);
    r = send_json(client, path, &w, &reply, err);
    strbuf_done(&body);
    strbuf_done(&reply);
    return r;
}

static int read_time(const struct strbuf *reply, double *ret_time_s)
{
    struct json_reader r;
    json_reader_init(&r, strbuf_text(reply), reply->len);
    for (int token = json_next(&r); token > 0; token = json_next(&r)) {
        if (token == JSON_KEY && json_is(&r, "time")) {
            return json_next(&r) == JSON_NUMBER ? json_get_double(&r, ret_time_s) : ZEUS_EPARSE;
        }
    }
    return ZEUS_EPARSE;
}

int zeus_pipeline_client_set_deadline(zeus_pipeline_client *client, double deadline_s,
                                      int64_t straggler, double *ret_time_s, zeus_error *err)
{
    char path[PATH_SIZE];
    struct strbuf body;
    struct strbuf reply = {.max = 0};
    struct json_writer w;
    double time_s = 0;
    if (!client || !(deadline_s >= 0) || !isfinite(deadline_s)) {
        return err_set(err, ZEUS_EINVAL, "client is NULL, or a deadline of %g s", deadline_s);
    }
    int r = make_path(client, "/deadline/", path, err);
    if (r < 0) {
        return r;
    }
    strbuf_init(&body, 256);
    json_writer_init(&w, &body, 0);
    json_begin_object(&w);
    if (deadline_s > 0) {
        json_key(&w, "deadline");
        json_double(&w, deadline_s);
    }
    if (straggler >= 0) {
        json_key_i64(&w, "straggler", straggler);
    }
    json_end_object(&w);
    r = send_json(client, path, &w, &reply, err);
    if (r == 0 && read_time(&reply, &time_s) < 0) {
        r = err_set(err, ZEUS_EPARSE, "the server's answer to a deadline is not understood");
    }
    strbuf_done(&body);
    strbuf_done(&reply);
    if (r == 0 && ret_time_s) {
        *ret_time_s = time_s;
    }
    return r;
}
