/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about devices: one request each (v0.2.0: one a CPU), answers checked against what was
 * asked: every device asked for must be there and no other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/mem.h"
#include "remote/daemon_client.h"
#include "remote/reply.h"

#define IDS_MAX 4096

/* 0, or what is wrong with the question. */
static int check_query(const zeus_daemon *d, const zeus_daemon_query *q, uint32_t group,
                       const struct dialect_route **ret_route, zeus_error *err)
{
    if (!d || !q || q->size != sizeof(*q) || (q->id_count > 0 && !q->ids)) {
        return err_set(err, ZEUS_EINVAL,
                       "daemon or query is NULL, zeus_daemon_query.size is off, or ids are NULL");
    }
    const struct dialect_route *route = dialect_read(q->what);
    if (!route || route->group != group) {
        return err_set(err, ZEUS_EINVAL, "there is no such question: %" PRIu32, q->what);
    }
    if (q->ids && (q->id_count == 0 || q->id_count > IDS_MAX)) {
        return err_set(err, ZEUS_EINVAL, "%s: %zu ids (1 to %d; NULL for all)",
                       dialect_op_name(route), q->id_count, IDS_MAX);
    }
    *ret_route = route;
    return 0;
}

/* The route with its query; extensions only where they are announced. */
static int make_path(const zeus_daemon_query *q, const struct dialect_route *route,
                     const zeus_daemon_info *info, struct strbuf *path, zeus_error *err)
{
    int is_cpu = route->group == ZEUS_DAEMON_GROUP_CPU_READ;
    char separator = '?';
    strbuf_init(path, DAEMON_PATH_MAX);
    strbuf_adds(path, route->path);
    if (q->what == ZEUS_DAEMON_CPU_ENERGY) {
        strbuf_addf(path, "?cpu=%s&dram=%s", q->flags & ZEUS_DAEMON_NO_CPU ? "false" : "true",
                    q->flags & ZEUS_DAEMON_NO_DRAM ? "false" : "true");
        separator = '&';
    }
    dialect_add_ids(path, separator, is_cpu ? "cpu_ids" : "gpu_ids", q->ids, q->id_count);
    separator = q->id_count > 0 ? '&' : separator;
    if (q->flags & ZEUS_DAEMON_PARTIAL) {
        if (!(info->features & ZEUS_DAEMON_FEATURE_PARTIAL)) {
            return err_set(err, ZEUS_ENOTSUP,
                           "%s at %.80s: partial answers are not announced by this daemon (%s)",
                           dialect_op_name(route), info->endpoint, dialect_name(info->dialect));
        }
        strbuf_addf(path, "%cpartial=true", separator);
    }
    return daemon_client_check_path(path, dialect_op_name(route), err);
}

static int ask(zeus_daemon *d, const zeus_daemon_query *q, const struct dialect_route *route,
               struct strbuf *reply, zeus_error *err)
{
    zeus_daemon_info info;
    struct strbuf path;
    strbuf_init(reply, 0);
    int r = daemon_client_look(d, &info, NULL);
    r = r == 0 ? dialect_check(route, &info, err) : r;
    if (r < 0) {
        return r;
    }
    r = make_path(q, route, &info, &path, err);
    if (r == 0) {
        const struct daemon_call call = {
            .op = dialect_op_name(route), .method = "GET", .path = strbuf_text(&path)};
        r = daemon_client_ask(d, &call, reply, err);
    }
    strbuf_done(&path);
    return r;
}

static int is_asked(const zeus_daemon_query *q, uint32_t id)
{
    for (size_t i = 0; i < q->id_count; i++) {
        if (q->ids[i] == id) {
            return 1;
        }
    }
    return !q->ids;
}

/* Rows of both kinds begin with their id; `stride` apart. */
static int check_answer(const zeus_daemon_query *q, const void *rows, size_t count, size_t stride,
                        zeus_error *err)
{
    const char *at = rows;
    for (size_t i = 0; i < count; i++) {
        uint32_t id = 0;
        memcpy(&id, at + i * stride, sizeof(id));
        if (!is_asked(q, id)) {
            return err_set(err, ZEUS_EPARSE,
                           "the answer is about device %" PRIu32 ", which was not asked for", id);
        }
    }
    for (size_t k = 0; k < q->id_count; k++) {
        int is_there = 0;
        for (size_t i = 0; i < count && !is_there; i++) {
            uint32_t id = 0;
            memcpy(&id, at + i * stride, sizeof(id));
            is_there = id == q->ids[k];
        }
        if (!is_there) {
            return err_set(err, ZEUS_EPARSE, "the answer says nothing about device %" PRIu32,
                           q->ids[k]);
        }
    }
    return 0;
}

static int check_room(const char *op, size_t count, size_t capacity, zeus_error *err)
{
    return count <= capacity ? 0
                             : err_set(err, ZEUS_ETOOSMALL, "%s: room for %zu rows, %zu needed", op,
                                       capacity, count);
}

int zeus_daemon_read_gpus(zeus_daemon *d, const zeus_daemon_query *query,
                          zeus_daemon_gpu_table *table, zeus_error *err)
{
    const struct dialect_route *route = NULL;
    struct reply_gpus answer = {0};
    struct strbuf reply;
    int r = check_query(d, query, ZEUS_DAEMON_GROUP_GPU_READ, &route, err);
    if (r < 0) {
        return r;
    }
    if (!table || table->size != sizeof(*table) || (table->capacity > 0 && !table->rows)) {
        return err_set(err, ZEUS_EINVAL, "table is NULL or zeus_daemon_gpu_table.size is off");
    }
    r = ask(d, query, route, &reply, err);
    if (r == 0) {
        r = reply_read_gpus(&answer, query->what, strbuf_text(&reply), reply.len, err);
        r = r == 0 ? check_answer(query, answer.rows, answer.count, sizeof(*answer.rows), err) : r;
        r = r < 0 ? daemon_client_blame(d, dialect_op_name(route), r, err) : 0;
    }
    strbuf_done(&reply);
    if (r == 0) {
        table->count = answer.count;
        table->timestamp_ms = answer.timestamp_ms;
        r = check_room(dialect_op_name(route), answer.count, table->capacity, err);
    }
    if (r == 0 && answer.count > 0) {
        memcpy(table->rows, answer.rows, answer.count * sizeof(*answer.rows));
    }
    free(answer.rows);
    return r;
}

/* v0.2.0: one POST a CPU, with a body. */
static int ask_v0_2(zeus_daemon *d, const zeus_daemon_query *q, zeus_daemon_cpu_row *row,
                    zeus_error *err)
{
    char path[48];
    char body[48];
    struct strbuf reply;
    (void)snprintf(path, sizeof(path), "/cpu/%" PRIu32 "/get_index_energy", row->id);
    (void)snprintf(body, sizeof(body), "{\"cpu\":%s,\"dram\":%s}",
                   q->flags & ZEUS_DAEMON_NO_CPU ? "false" : "true",
                   q->flags & ZEUS_DAEMON_NO_DRAM ? "false" : "true");
    const struct daemon_call call = {
        .op = "get_index_energy", .method = "POST", .path = path, .body = body};
    int r = daemon_client_ask(d, &call, &reply, err);
    if (r == 0) {
        r = reply_read_one_cpu(row, strbuf_text(&reply), reply.len, err);
        r = r < 0 ? daemon_client_blame(d, call.op, r, err) : 0;
    }
    strbuf_done(&reply);
    return r;
}

/* Rows for the ids asked for, or for every CPU known. */
static int start_rows(const zeus_daemon_query *q, const struct discovery *known,
                      struct reply_cpus *answer)
{
    size_t count = q->ids ? q->id_count : known->cpu_count;
    answer->rows = mem_calloc(MAX_OF(count, 1), sizeof(*answer->rows));
    if (!answer->rows) {
        return ZEUS_ENOMEM;
    }
    answer->count = count;
    for (size_t i = 0; i < count; i++) {
        answer->rows[i].id = q->ids ? q->ids[i] : known->cpus[i].id;
    }
    return 0;
}

static int read_v0_2(zeus_daemon *d, const zeus_daemon_query *q, const struct discovery *known,
                     struct reply_cpus *answer, zeus_error *err)
{
    int r = start_rows(q, known, answer);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    for (size_t i = 0; i < answer->count && r == 0; i++) {
        r = ask_v0_2(d, q, &answer->rows[i], err);
    }
    return r;
}

/* v0.3.0 and v0.4.0 want the ids of energies to be named: all that they list. */
static int read_named(zeus_daemon *d, const zeus_daemon_query *q, const struct dialect_route *route,
                      const struct discovery *known, struct reply_cpus *answer, zeus_error *err)
{
    uint32_t *ids _free_ = NULL;
    struct strbuf reply;
    zeus_daemon_query named = *q;
    int is_listed = known->dialect < ZEUS_DIALECT_V0_5 && q->what == ZEUS_DAEMON_CPU_ENERGY;
    if (is_listed && !q->ids && known->cpu_count > 0) {
        ids = mem_calloc(known->cpu_count, sizeof(*ids));
        if (!ids) {
            return err_set(err, ZEUS_ENOMEM, "out of memory");
        }
        for (size_t i = 0; i < known->cpu_count; i++) {
            ids[i] = known->cpus[i].id;
        }
        named.ids = ids;
        named.id_count = known->cpu_count;
    }
    int r = ask(d, &named, route, &reply, err);
    if (r == 0) {
        r = reply_read_cpus(answer, q->what, strbuf_text(&reply), reply.len, err);
        r = r == 0 ? check_answer(&named, answer->rows, answer->count, sizeof(*answer->rows), err)
                   : r;
        r = r < 0 ? daemon_client_blame(d, dialect_op_name(route), r, err) : 0;
    }
    strbuf_done(&reply);
    return r;
}

static int read_cpus(zeus_daemon *d, const zeus_daemon_query *q, const struct dialect_route *route,
                     struct reply_cpus *answer, zeus_error *err)
{
    zeus_daemon_info info;
    struct discovery known = {0};
    int r = daemon_client_look(d, &info, &known);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    if (info.dialect == ZEUS_DIALECT_V0_2 && q->what == ZEUS_DAEMON_CPU_ENERGY &&
        !(q->flags & ZEUS_DAEMON_PARTIAL)) {
        r = read_v0_2(d, q, &known, answer, err);
    } else {
        r = read_named(d, q, route, &known, answer, err);
    }
    discovery_done(&known);
    return r;
}

int zeus_daemon_read_cpus(zeus_daemon *d, const zeus_daemon_query *query,
                          zeus_daemon_cpu_table *table, zeus_error *err)
{
    const struct dialect_route *route = NULL;
    struct reply_cpus answer = {0};
    int r = check_query(d, query, ZEUS_DAEMON_GROUP_CPU_READ, &route, err);
    if (r < 0) {
        return r;
    }
    if (!table || table->size != sizeof(*table) || (table->capacity > 0 && !table->rows)) {
        return err_set(err, ZEUS_EINVAL, "table is NULL or zeus_daemon_cpu_table.size is off");
    }
    r = read_cpus(d, query, route, &answer, err);
    if (r == 0) {
        table->count = answer.count;
        table->timestamp_ms = answer.timestamp_ms;
        r = check_room(dialect_op_name(route), answer.count, table->capacity, err);
    }
    if (r == 0 && answer.count > 0) {
        memcpy(table->rows, answer.rows, answer.count * sizeof(*answer.rows));
    }
    free(answer.rows);
    return r;
}
