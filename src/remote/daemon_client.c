/* SPDX-License-Identifier: Apache-2.0
 *
 * The handle: connections are taken from a pool and given back, so calls of several threads run
 * beside each other. The lock guards the pool and what is known of the daemon; it is never held
 * during a request.
 */
#include "remote/daemon_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/forkmark.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"
#include "base/secure_env.h"
#include "remote/json_walk.h"
#include "remote/refusal.h"
#include "remote/reply.h"

#define POOL_MAX      8
#define V0_2_CPUS_MAX 64

struct zeus_daemon {
    struct endpoint endpoint; /* constant */
    struct forkmark fork_mark;
    struct mutex lock;                  /* guards all below */
    struct http_client *idle[POOL_MAX]; /* owned */
    size_t idle_count;
    uint64_t connects;
    zeus_daemon_info info;
    struct discovery discovery;
};

const struct endpoint *daemon_client_endpoint(const zeus_daemon *d)
{
    return &d->endpoint;
}

int daemon_client_create(const zeus_daemon_options *options, zeus_daemon **ret, zeus_error *err)
{
    struct zeus_daemon *d = mem_calloc(1, sizeof(*d));
    if (!d) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    int r = endpoint_init(&d->endpoint, options, err);
    if (r < 0) {
        endpoint_done(&d->endpoint);
        free(d);
        return r;
    }
    forkmark_init(&d->fork_mark);
    mutex_init(&d->lock);
    *ret = d;
    return 0;
}

void zeus_daemon_close(zeus_daemon *d)
{
    if (!d) {
        return;
    }
    for (size_t i = 0; i < d->idle_count; i++) {
        http_client_destroy(d->idle[i]);
    }
    discovery_done(&d->discovery);
    mutex_done(&d->lock);
    forkmark_done(&d->fork_mark);
    endpoint_done(&d->endpoint);
    free(d);
}

static int take_connection(zeus_daemon *d, struct http_client **ret, zeus_error *err)
{
    struct http_client *http = NULL;
    mutex_lock(&d->lock);
    if (d->idle_count > 0) {
        http = d->idle[--d->idle_count];
    }
    mutex_unlock(&d->lock);
    if (http) {
        *ret = http;
        return 0;
    }
    const struct http_client_options options = endpoint_http(&d->endpoint);
    return http_client_create(&options, ret, err);
}

static void give_connection(zeus_daemon *d, struct http_client *http)
{
    unsigned made = http_client_made(http);
    mutex_lock(&d->lock);
    d->connects += made;
    if (d->idle_count < POOL_MAX) {
        d->idle[d->idle_count++] = TAKE(http);
    }
    mutex_unlock(&d->lock);
    http_client_destroy(http);
}

int daemon_client_blame(const zeus_daemon *d, const char *op, int code, zeus_error *err)
{
    err_prefix(err, "%.40s at %.80s", op, d->endpoint.label);
    return code;
}

int daemon_client_send(zeus_daemon *d, const struct daemon_call *call, struct strbuf *reply,
                       zeus_error *err)
{
    strbuf_init(reply, 0);
    if (forkmark_is_child(&d->fork_mark)) {
        return err_set(err, ZEUS_ESTATE,
                       "the daemon handle belongs to the parent process; a forked child opens one "
                       "of its own");
    }
    struct http_client *http = NULL;
    int r = take_connection(d, &http, err);
    if (r < 0) {
        return r;
    }
    const struct http_call out = {.method = call->method,
                                  .path = call->path,
                                  .body = call->body,
                                  .body_len = call->body ? strlen(call->body) : 0,
                                  .timeout_ns = call->timeout_ns};
    zeus_error why = ZEUS_ERROR_INIT;
    r = http_client_send(http, &out, reply, &why);
    give_connection(d, http);
    if (r >= 0) {
        return r;
    }
    /* The operation and the endpoint say more than the URL does. */
    char url[sizeof(why.message)];
    (void)snprintf(url, sizeof(url), "%s %s%s: ", call->method, d->endpoint.url, call->path);
    size_t skip = strncmp(why.message, url, strlen(url)) == 0 ? strlen(url) : 0;
    int code = r == ZEUS_EIO ? ZEUS_EDAEMON : r;
    return err_set_vendor(err, code, why.vendor, why.vendor_code, "%.40s at %.80s: %s", call->op,
                          d->endpoint.label, why.message + skip);
}

int daemon_client_ask(zeus_daemon *d, const struct daemon_call *call, struct strbuf *reply,
                      zeus_error *err)
{
    int status = daemon_client_send(d, call, reply, err);
    if (status < 0 || status == 200) {
        return status < 0 ? status : 0;
    }
    return refusal_set(call->op, d->endpoint.label, status, strbuf_text(reply), reply->len, err);
}

int daemon_client_check_path(const struct strbuf *path, const char *op, zeus_error *err)
{
    int r = strbuf_status(path);
    return r < 0 ? err_set(err, r, "%s: the request is too long", op) : 0;
}

static void set_refused(zeus_daemon_info *info, int code, const zeus_error *why)
{
    info->auth_code = code;
    (void)snprintf(info->auth_reason, sizeof(info->auth_reason), "%.199s", why->message);
}

/* Fills what `info` says of us. */
static void ask_who(zeus_daemon *d, zeus_daemon_info *info)
{
    zeus_error why = ZEUS_ERROR_INIT;
    if (!info->auth_required) {
        info->scopes = DIALECT_ALL_GROUPS;
        return;
    }
    if (!d->endpoint.token) {
        set_refused(info, ZEUS_EAUTH,
                    &(zeus_error){.message = "the daemon wants a token and none was given "
                                             "(ZEUSD_TOKEN)"});
        return;
    }
    struct strbuf reply;
    const struct daemon_call call = {.op = "whoami", .method = "GET", .path = "/auth/whoami"};
    int r = daemon_client_ask(d, &call, &reply, &why);
    if (r == 0) {
        r = reply_read_whoami(info, strbuf_text(&reply), reply.len, &why);
    }
    strbuf_done(&reply);
    if (r < 0) {
        set_refused(info, r == ZEUS_EAUTH ? ZEUS_EAUTH : ZEUS_EDAEMON, &why);
    }
}

static int take_dram(struct json_reader *r, void *user)
{
    return json_walk_bool(r, user);
}

/* v0.2.0: CPUs are found by asking one after the other. ZEUS_ENOTFOUND: it is no zeusd at all. */
static int look_v0_2(zeus_daemon *d, struct discovery *found, zeus_error *err)
{
    static const struct json_walk_member members[] = {{"dram_available", take_dram}};
    discovery_set_v0_2(found);
    for (uint32_t id = 0; id < V0_2_CPUS_MAX; id++) {
        char path[48];
        struct strbuf reply;
        struct json_reader reader;
        uint32_t seen = 0;
        zeus_daemon_cpu cpu = {.id = id};
        (void)snprintf(path, sizeof(path), "/cpu/%u/supports_dram_energy", id);
        const struct daemon_call call = {.op = "discover", .method = "GET", .path = path};
        int status = daemon_client_send(d, &call, &reply, err);
        int r =
            status == 200 ? json_walk_open(&reader, strbuf_text(&reply), reply.len) : ZEUS_EPARSE;
        r = r == 0 ? json_walk_object(&reader, members, 1, &cpu.has_dram, &seen) : r;
        strbuf_done(&reply);
        if (status < 0) {
            return status;
        }
        if (status == 404) {
            return err_set_vendor(err, ZEUS_EDAEMON, ZEUS_VENDOR_DAEMON, 404,
                                  "discover at %.80s: HTTP 404: this is no zeusd",
                                  d->endpoint.label);
        }
        if (r < 0 || !seen) {
            break; /* there is no such CPU */
        }
        r = mem_grow(&found->cpus, &found->cpu_capacity, found->cpu_count + 1, sizeof(*found->cpus),
                     V0_2_CPUS_MAX);
        if (r < 0) {
            return err_set(err, r, "out of memory");
        }
        found->cpus[found->cpu_count++] = cpu;
    }
    return 0;
}

static int discover(zeus_daemon *d, struct discovery *found, zeus_error *err)
{
    struct strbuf reply;
    const struct daemon_call call = {.op = "discover", .method = "GET", .path = "/discover"};
    int r = daemon_client_send(d, &call, &reply, err);
    if (r == 200) {
        r = discovery_parse(found, strbuf_text(&reply), reply.len, err);
        r = r < 0 ? daemon_client_blame(d, "discover", r, err) : 0;
    } else if (r == 404) {
        r = look_v0_2(d, found, err);
    } else if (r >= 0) {
        r = refusal_set("discover", d->endpoint.label, r, strbuf_text(&reply), reply.len, err);
    }
    strbuf_done(&reply);
    return r;
}

int zeus_daemon_refresh(zeus_daemon *d, zeus_error *err)
{
    if (!d) {
        return err_set(err, ZEUS_EINVAL, "daemon is NULL");
    }
    struct discovery found = {0};
    int r = discover(d, &found, err);
    if (r < 0) {
        discovery_done(&found);
        return r;
    }
    zeus_daemon_info info = {.dialect = found.dialect,
                             .groups = found.groups,
                             .features = found.features,
                             .auth_required = found.auth_required,
                             .gpu_count = (uint32_t)found.gpu_count,
                             .cpu_count = (uint32_t)found.cpu_count};
    (void)snprintf(info.version, sizeof(info.version), "%s", found.version);
    (void)snprintf(info.boot_id, sizeof(info.boot_id), "%s", found.boot_id);
    (void)snprintf(info.endpoint, sizeof(info.endpoint), "%s", d->endpoint.label);
    (void)snprintf(info.url, sizeof(info.url), "%s", d->endpoint.url);
    ask_who(d, &info);
    mutex_lock(&d->lock);
    struct discovery old = d->discovery;
    d->discovery = found;
    d->info = info;
    mutex_unlock(&d->lock);
    discovery_done(&old);
    return 0;
}

int zeus_daemon_open(const zeus_daemon_options *options, zeus_daemon **ret_daemon, zeus_error *err)
{
    zeus_daemon_options from_env;
    if (!ret_daemon) {
        return err_set(err, ZEUS_EINVAL, "ret_daemon is NULL");
    }
    if (!options) {
        int found = zeus_daemon_options_from_env(&from_env);
        if (found < 0) {
            return err_set(err, found,
                           "daemon: neither ZEUSD_SOCK_PATH nor ZEUSD_HOST_PORT is set");
        }
        options = &from_env;
    }
    zeus_daemon *d = NULL;
    int r = daemon_client_create(options, &d, err);
    if (r == 0) {
        r = zeus_daemon_refresh(d, err);
    }
    if (r < 0) {
        zeus_daemon_close(d);
        return r;
    }
    *ret_daemon = d;
    return 0;
}

int zeus_daemon_options_from_env(zeus_daemon_options *options)
{
    return options ? endpoint_options_from(secure_env_get, options) : ZEUS_EINVAL;
}

int daemon_client_look(zeus_daemon *d, zeus_daemon_info *ret_info, struct discovery *ret_discovery)
{
    struct discovery copy = {0};
    int r = 0;
    mutex_lock(&d->lock);
    *ret_info = d->info;
    if (ret_discovery) {
        copy = d->discovery;
        copy.gpus = mem_calloc(MAX_OF(copy.gpu_count, 1), sizeof(*copy.gpus));
        copy.cpus = mem_calloc(MAX_OF(copy.cpu_count, 1), sizeof(*copy.cpus));
        r = copy.gpus && copy.cpus ? 0 : ZEUS_ENOMEM;
        if (r == 0 && copy.gpu_count > 0) {
            memcpy(copy.gpus, d->discovery.gpus, copy.gpu_count * sizeof(*copy.gpus));
        }
        if (r == 0 && copy.cpu_count > 0) {
            memcpy(copy.cpus, d->discovery.cpus, copy.cpu_count * sizeof(*copy.cpus));
        }
    }
    mutex_unlock(&d->lock);
    if (r < 0) {
        discovery_done(&copy);
        return r;
    }
    if (ret_discovery) {
        *ret_discovery = copy;
    }
    return 0;
}

uint64_t daemon_client_connects(zeus_daemon *d)
{
    mutex_lock(&d->lock);
    uint64_t connects = d->connects;
    mutex_unlock(&d->lock);
    return connects;
}

int zeus_daemon_get_info(zeus_daemon *d, zeus_daemon_info *ret_info)
{
    return d && ret_info ? daemon_client_look(d, ret_info, NULL) : ZEUS_EINVAL;
}

int zeus_daemon_get_gpu(zeus_daemon *d, uint32_t position, zeus_daemon_gpu *ret_gpu)
{
    if (!d || !ret_gpu) {
        return ZEUS_EINVAL;
    }
    mutex_lock(&d->lock);
    int r = position < d->discovery.gpu_count ? 0 : ZEUS_ENOTFOUND;
    if (r == 0) {
        *ret_gpu = d->discovery.gpus[position];
    }
    mutex_unlock(&d->lock);
    return r;
}

int zeus_daemon_get_cpu(zeus_daemon *d, uint32_t position, zeus_daemon_cpu *ret_cpu)
{
    if (!d || !ret_cpu) {
        return ZEUS_EINVAL;
    }
    mutex_lock(&d->lock);
    int r = position < d->discovery.cpu_count ? 0 : ZEUS_ENOTFOUND;
    if (r == 0) {
        *ret_cpu = d->discovery.cpus[position];
    }
    mutex_unlock(&d->lock);
    return r;
}
