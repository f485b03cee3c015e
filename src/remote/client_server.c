/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's clock, its history and its windows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "codec/json_reader.h"
#include "remote/client_lease.h"
#include "remote/clock_offset.h"
#include "remote/daemon_client.h"
#include "remote/reply.h"

static int check(zeus_daemon *d, const struct dialect_route *route, zeus_error *err)
{
    zeus_daemon_info info;
    if (!d) {
        return err_set(err, ZEUS_EINVAL, "daemon is NULL");
    }
    int r = daemon_client_look(d, &info, NULL);
    return r < 0 ? r : dialect_check(route, &info, err);
}

int zeus_daemon_read_time(zeus_daemon *d, int64_t *ret_unix_ms, zeus_error *err)
{
    static const struct dialect_route route = {.since = ZEUS_DIALECT_V0_4, .path = "/time"};
    struct strbuf reply;
    int r = ret_unix_ms ? check(d, &route, err) : err_set(err, ZEUS_EINVAL, "ret_unix_ms is NULL");
    if (r < 0) {
        return r;
    }
    const struct daemon_call call = {.op = "time", .method = "GET", .path = "/time"};
    r = daemon_client_ask(d, &call, &reply, err);
    if (r == 0) {
        r = reply_read_time(ret_unix_ms, strbuf_text(&reply), reply.len, err);
        r = r < 0 ? daemon_client_blame(d, call.op, r, err) : 0;
    }
    strbuf_done(&reply);
    return r;
}

int zeus_daemon_read_clock(zeus_daemon *d, zeus_daemon_clock *ret_clock, zeus_error *err)
{
    struct clock_probe probes[CLOCK_PROBES];
    if (!ret_clock) {
        return err_set(err, ZEUS_EINVAL, "ret_clock is NULL");
    }
    for (int i = 0; i < CLOCK_PROBES; i++) {
        int64_t theirs_ms = 0;
        uint64_t before_ns = clock_monotonic_ns();
        uint64_t wall_ns = clock_wall_ns();
        int r = zeus_daemon_read_time(d, &theirs_ms, err);
        if (r < 0) {
            return r;
        }
        probes[i] = (struct clock_probe){.sent_wall_ns = wall_ns,
                                         .round_trip_ns = clock_monotonic_ns() - before_ns,
                                         .theirs_ms = theirs_ms};
    }
    *ret_clock = clock_offset_of(probes);
    return 0;
}

/* A body that is handed on must at least be JSON. */
static int take_json(const struct strbuf *reply, char **ret_json, zeus_error *err)
{
    struct json_reader reader;
    json_reader_init(&reader, strbuf_text(reply), reply->len);
    int t = json_next(&reader);
    while (t > 0) {
        t = json_next(&reader);
    }
    if (t < 0) {
        (void)json_reader_error(&reader, err);
        err_prefix(err, "the answer");
        return t;
    }
    char *copy = mem_strdup(strbuf_text(reply));
    if (!copy) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    *ret_json = copy;
    return 0;
}

/* Sends; the body goes to *ret_json (NULL: is not wanted). */
static int ask_json(zeus_daemon *d, const struct daemon_call *call, char **ret_json,
                    zeus_error *err)
{
    struct strbuf reply;
    int r = daemon_client_ask(d, call, &reply, err);
    if (r == 0 && ret_json) {
        r = take_json(&reply, ret_json, err);
        r = r < 0 ? daemon_client_blame(d, call->op, r, err) : 0;
    }
    strbuf_done(&reply);
    return r;
}

static int check_span(const zeus_daemon_span *span, zeus_error *err)
{
    int is_fine = span->size == sizeof(*span) && (span->gpu_id_count == 0 || span->gpu_ids) &&
                  (span->cpu_id_count == 0 || span->cpu_ids) && span->from_ms >= 0 &&
                  span->to_ms >= 0 && span->step_ms >= 0;
    return is_fine ? 0
                   : err_set(err, ZEUS_EINVAL,
                             "zeus_daemon_span: size is off, ids are NULL or a time is negative");
}

static void add_span_ids(struct strbuf *path, const zeus_daemon_span *span, char *separator)
{
    dialect_add_ids(path, *separator, "gpu_ids", span->gpu_ids, span->gpu_id_count);
    *separator = span->gpu_id_count > 0 ? '&' : *separator;
    dialect_add_ids(path, *separator, "cpu_ids", span->cpu_ids, span->cpu_id_count);
    *separator = span->cpu_id_count > 0 ? '&' : *separator;
}

static void add_number(struct strbuf *path, const char *name, int64_t value, char *separator)
{
    if (value > 0) {
        strbuf_addf(path, "%c%s=%" PRId64, *separator, name, value);
        *separator = '&';
    }
}

int zeus_daemon_read_history(zeus_daemon *d, const zeus_daemon_span *span, char **ret_json,
                             zeus_error *err)
{
    static const struct dialect_route route = {
        .since = ZEUS_DIALECT_ZEUS, .feature = ZEUS_DAEMON_FEATURE_HISTORY, .path = "/history"};
    struct strbuf path;
    char separator = '?';
    int r = ret_json ? check(d, &route, err) : err_set(err, ZEUS_EINVAL, "ret_json is NULL");
    r = r == 0 && span ? check_span(span, err) : r;
    if (r < 0) {
        return r;
    }
    strbuf_init(&path, DAEMON_PATH_MAX);
    strbuf_adds(&path, route.path);
    if (span) {
        add_span_ids(&path, span, &separator);
        add_number(&path, "from_ms", span->from_ms, &separator);
        add_number(&path, "to_ms", span->to_ms, &separator);
        add_number(&path, "step_ms", span->step_ms, &separator);
    }
    r = daemon_client_check_path(&path, "history", err);
    if (r == 0) {
        const struct daemon_call call = {
            .op = "history", .method = "GET", .path = strbuf_text(&path)};
        r = ask_json(d, &call, ret_json, err);
    }
    strbuf_done(&path);
    return r;
}

/* One request about a window: "/window/<verb>?name=<name>". */
static int window(zeus_daemon *d, const char *verb, const char *name, const zeus_daemon_span *span,
                  char **ret_json, zeus_error *err)
{
    static const struct dialect_route route = {
        .since = ZEUS_DIALECT_ZEUS, .feature = ZEUS_DAEMON_FEATURE_WINDOWS, .path = "/window"};
    struct strbuf path;
    char op[32];
    char separator = '&';
    int r = lease_check_name(name, "window", err);
    r = r == 0 ? check(d, &route, err) : r;
    r = r == 0 && span ? check_span(span, err) : r;
    if (r < 0) {
        return r;
    }
    (void)snprintf(op, sizeof(op), "window %s", verb);
    strbuf_init(&path, DAEMON_PATH_MAX);
    strbuf_addf(&path, "/window/%s?name=%s", verb, name);
    if (span) {
        add_span_ids(&path, span, &separator);
    }
    r = daemon_client_check_path(&path, op, err);
    if (r == 0) {
        const struct daemon_call call = {.op = op,
                                         .method = strcmp(verb, "read") == 0 ? "GET" : "POST",
                                         .path = strbuf_text(&path)};
        r = ask_json(d, &call, ret_json, err);
    }
    strbuf_done(&path);
    return r;
}

int zeus_daemon_begin_window(zeus_daemon *d, const char *name, const zeus_daemon_span *span,
                             zeus_error *err)
{
    return window(d, "begin", name, span, NULL, err);
}

int zeus_daemon_end_window(zeus_daemon *d, const char *name, char **ret_json, zeus_error *err)
{
    return ret_json ? window(d, "end", name, NULL, ret_json, err)
                    : err_set(err, ZEUS_EINVAL, "ret_json is NULL");
}

int zeus_daemon_read_window(zeus_daemon *d, const char *name, char **ret_json, zeus_error *err)
{
    return ret_json ? window(d, "read", name, NULL, ret_json, err)
                    : err_set(err, ZEUS_EINVAL, "ret_json is NULL");
}

int zeus_daemon_cancel_window(zeus_daemon *d, const char *name, zeus_error *err)
{
    return window(d, "cancel", name, NULL, NULL, err);
}
