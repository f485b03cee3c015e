/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: one request for all GPUs named (v0.2.0: one a GPU, with a JSON body). Values are not
 * judged here: the daemon and its driver know the limits.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "remote/client_lease.h"
#include "remote/daemon_client.h"

#define IDS_MAX 4096
/* Above the 60 s that an override command of the daemon's site may take by default. */
#define WRITE_TIMEOUT_S 65.0
#define TIMEOUT_MAX_S   86400.0

/* One parameter of a setting, as query or as JSON: digits, true or false. */
struct parameter {
    const char *name;
    char value[12];
};

static int check_write(const zeus_daemon *d, const zeus_daemon_write *w,
                       const struct dialect_route **ret_route, zeus_error *err)
{
    if (!d || !w || w->size != sizeof(*w)) {
        return err_set(err, ZEUS_EINVAL,
                       "daemon or write is NULL or zeus_daemon_write.size is off");
    }
    const struct dialect_route *route = dialect_write(w->setting);
    if (!route) {
        return err_set(err, ZEUS_EINVAL, "there is no such setting: %" PRIu32, w->setting);
    }
    if (!w->gpu_ids || w->gpu_id_count == 0 || w->gpu_id_count > IDS_MAX) {
        return err_set(err, ZEUS_EINVAL, "%s: name the GPUs (1 to %d)", dialect_op_name(route),
                       IDS_MAX);
    }
    if (!(w->timeout_s >= 0 && w->timeout_s <= TIMEOUT_MAX_S)) {
        return err_set(err, ZEUS_EINVAL, "%s: timeout_s is not between 0 and %.0f",
                       dialect_op_name(route), TIMEOUT_MAX_S);
    }
    *ret_route = route;
    return w->lease ? lease_check(w->lease, w->ttl_s, 1, err) : 0;
}

/* The setting's own parameters; their number. */
static size_t parameters_of(const zeus_daemon_write *w, struct parameter out[2])
{
    switch (w->setting) {
    case ZEUS_DAEMON_SET_POWER_LIMIT:
        out[0].name = "power_limit_mw";
        (void)snprintf(out[0].value, sizeof(out[0].value), "%" PRIu32, w->power_limit_mw);
        return 1;
    case ZEUS_DAEMON_SET_PERSISTENCE:
        out[0].name = "enabled";
        (void)snprintf(out[0].value, sizeof(out[0].value), "%s", w->is_enabled ? "true" : "false");
        return 1;
    case ZEUS_DAEMON_SET_GPU_CLOCKS:
    case ZEUS_DAEMON_SET_MEM_CLOCKS:
        out[0].name = "min_clock_mhz";
        (void)snprintf(out[0].value, sizeof(out[0].value), "%" PRIu32, w->min_mhz);
        out[1].name = "max_clock_mhz";
        (void)snprintf(out[1].value, sizeof(out[1].value), "%" PRIu32, w->max_mhz);
        return 2;
    default:
        return 0;
    }
}

static int send(zeus_daemon *d, const zeus_daemon_write *w, const struct daemon_call *call,
                zeus_error *err)
{
    struct strbuf reply;
    struct daemon_call timed = *call;
    timed.timeout_ns = (uint64_t)((w->timeout_s > 0 ? w->timeout_s : WRITE_TIMEOUT_S) * 1e9);
    int r = daemon_client_ask(d, &timed, &reply, err);
    strbuf_done(&reply);
    return r;
}

static int write_query(zeus_daemon *d, const zeus_daemon_write *w,
                       const struct dialect_route *route, zeus_error *err)
{
    struct parameter parameters[2] = {0};
    struct strbuf path;
    size_t count = parameters_of(w, parameters);
    strbuf_init(&path, DAEMON_PATH_MAX);
    strbuf_adds(&path, route->path);
    dialect_add_ids(&path, '?', "gpu_ids", w->gpu_ids, w->gpu_id_count);
    for (size_t i = 0; i < count; i++) {
        strbuf_addf(&path, "&%s=%s", parameters[i].name, parameters[i].value);
    }
    strbuf_addf(&path, "&block=%s", w->flags & ZEUS_DAEMON_NO_WAIT ? "false" : "true");
    if (w->lease) {
        strbuf_addf(&path, "&lease=%s&ttl_s=%" PRIu32 "&bind=%s", w->lease, w->ttl_s,
                    w->flags & ZEUS_DAEMON_BIND_PROCESS ? "process" : "none");
    }
    int r = daemon_client_check_path(&path, dialect_op_name(route), err);
    if (r == 0) {
        const struct daemon_call call = {
            .op = dialect_op_name(route), .method = "POST", .path = strbuf_text(&path)};
        r = send(d, w, &call, err);
    }
    strbuf_done(&path);
    return r;
}

/* v0.2.0. Every GPU is tried; the first failure is told. */
static int write_v0_2(zeus_daemon *d, const zeus_daemon_write *w, const struct dialect_route *route,
                      zeus_error *err)
{
    struct parameter parameters[2] = {0};
    size_t count = parameters_of(w, parameters);
    int first = 0;
    char body[128];
    int len = snprintf(body, sizeof(body), "{");
    for (size_t i = 0; i < count; i++) {
        len += snprintf(body + len, sizeof(body) - (size_t)len, "\"%s\":%s,", parameters[i].name,
                        parameters[i].value);
    }
    (void)snprintf(body + len, sizeof(body) - (size_t)len, "\"block\":%s}",
                   w->flags & ZEUS_DAEMON_NO_WAIT ? "false" : "true");
    for (size_t i = 0; i < w->gpu_id_count; i++) {
        char path[80];
        (void)snprintf(path, sizeof(path), "/gpu/%" PRIu32 "/%s", w->gpu_ids[i],
                       dialect_op_name(route));
        const struct daemon_call call = {
            .op = dialect_op_name(route), .method = "POST", .path = path, .body = body};
        int r = send(d, w, &call, first < 0 ? NULL : err);
        first = first < 0 ? first : r;
    }
    return first;
}

static int write_one(zeus_daemon *d, const zeus_daemon_write *w, const struct dialect_route *route,
                     uint32_t dialect, zeus_error *err)
{
    return dialect == ZEUS_DIALECT_V0_2 ? write_v0_2(d, w, route, err)
                                        : write_query(d, w, route, err);
}

/* Before master there is no request that resets both: the second is tried even when the first
 * fails. */
static int reset_in_two(zeus_daemon *d, const zeus_daemon_write *w, uint32_t dialect,
                        zeus_error *err)
{
    zeus_daemon_write one = *w;
    one.setting = ZEUS_DAEMON_RESET_GPU_CLOCKS;
    int first = write_one(d, &one, dialect_write(one.setting), dialect, err);
    one.setting = ZEUS_DAEMON_RESET_MEM_CLOCKS;
    int second = write_one(d, &one, dialect_write(one.setting), dialect, first < 0 ? NULL : err);
    return first < 0 ? first : second;
}

int zeus_daemon_write_gpus(zeus_daemon *d, const zeus_daemon_write *write, zeus_error *err)
{
    const struct dialect_route *route = NULL;
    zeus_daemon_info info;
    int r = check_write(d, write, &route, err);
    r = r == 0 ? daemon_client_look(d, &info, NULL) : r;
    if (r < 0) {
        return r;
    }
    if (write->lease && !(info.features & ZEUS_DAEMON_FEATURE_LEASE)) {
        return err_set(err, ZEUS_ENOTSUP,
                       "%s at %.80s: this daemon (%s) has no leases; write without one and restore "
                       "the setting yourself",
                       dialect_op_name(route), info.endpoint, dialect_name(info.dialect));
    }
    if (write->setting == ZEUS_DAEMON_RESET_CLOCKS && info.dialect < ZEUS_DIALECT_MASTER) {
        return reset_in_two(d, write, info.dialect, err);
    }
    r = dialect_check(route, &info, err);
    return r < 0 ? r : write_one(d, write, route, info.dialect, err);
}
