/* SPDX-License-Identifier: Apache-2.0
 *
 * The gate. Without authentication a web page could drive a daemon on the visitor's own machine, so
 * then the Host of a TCP request must be this machine's; with a signing key no page has a token,
 * and any name of the machine will do.
 */
#include "daemon/admission.h"

#include <stdio.h>
#include <string.h>

#include "auth/bearer.h"
#include "auth/jwt.h"
#include "base/clock.h"
#include "base/macro.h"
#include "daemon/caller.h"
#include "daemon/daemon.h"
#include "daemon/error_reply.h"
#include "daemon/groups.h"
#include "daemon/site_meter.h"
#include "daemon/site_policy.h"

static int starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int refuse_token(struct httpd_reply *reply, const char *why)
{
    httpd_reply_header(reply, "WWW-Authenticate", "Bearer realm=\"zeusd\"");
    error_reply_json(reply, 401, why);
    return 1;
}

static int check_origin(const struct httpd_req *req, const struct daemon *daemon, int has_keys,
                        struct httpd_reply *reply)
{
    const char *site = httpd_header(req, "Sec-Fetch-Site");
    int is_foreign = site && strcmp(site, "cross-site") == 0;
    if (has_keys && !is_foreign) {
        return 0;
    }
    const char *hosts[OPTION_LIST_MAX + 1];
    size_t count = 0;
    hosts[count++] = daemon->hostname;
    for (size_t i = 0; i < daemon->config.allow_hosts.count; i++) {
        hosts[count++] = daemon->config.allow_hosts.items[i];
    }
    if (req->peer.is_local || httpd_origin_allows(req, hosts, count)) {
        return 0;
    }
    error_reply_json(reply, 403,
                     "requests of other web pages, and under a host name that is not this "
                     "machine's (--allow-host), are refused");
    return 1;
}

static int is_group_on(const struct auth_scopes *groups, uint32_t need)
{
    if (need == GROUPS_ANY_READ) {
        return (groups->bits & (AUTH_GPU_READ | AUTH_CPU_READ)) != 0;
    }
    return need == 0 || (groups->bits & need) != 0;
}

static const char *need_name(uint32_t need)
{
    return need == GROUPS_ANY_READ ? "gpu-read or cpu-read" : auth_scope_name(need);
}

static int refuse_group(struct httpd_reply *reply, uint32_t need)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "API group %s is not enabled on this daemon",
                   need_name(need));
    error_reply_json(reply, 404, text);
    return 1;
}

/* Paths that never need a token: liveness, and the page that asks for one. */
static int is_open_path(const char *path)
{
    static const char *const open[] = {"/discover", "/time", "/health", "/"};
    for (size_t i = 0; i < ARRAY_LEN(open); i++) {
        if (strcmp(path, open[i]) == 0) {
            return 1;
        }
    }
    return starts_with(path, "/ui/");
}

static int authenticate(struct httpd_req *req, const struct trust *trust, struct caller *caller,
                        struct httpd_reply *reply)
{
    const char *token = NULL;
    size_t len = 0;
    struct auth_claims claims;
    zeus_error err = {0};
    if (auth_bearer_token(httpd_header(req, "Authorization"), &token, &len, &err) < 0 ||
        auth_jwt_verify(trust->keys, token, len, clock_wall_ns() / 1000000000u, &claims, &err) <
            0 ||
        site_policy_revokes(trust->policy, &claims, &err)) {
        return refuse_token(reply, err.message);
    }
    if (claims.subject[0] == '\0') {
        return refuse_token(reply, "the token names nobody");
    }
    (void)snprintf(caller->subject, sizeof(caller->subject), "%s", claims.subject);
    caller->scopes &= claims.scopes.bits;
    caller->has_token = 1;
    caller->has_issued = claims.has_issued;
    caller->issued_s = claims.issued_s;
    caller->end_s = auth_claims_end_s(&claims);
    caller->key_tag = claims.key_tag;
    return 0;
}

static int refuse_scope(struct httpd_reply *reply, const struct caller *caller, uint32_t need)
{
    char text[400];
    char have[96] = "";
    for (uint32_t bit = 1; bit <= AUTH_SCOPES_ALL; bit <<= 1) {
        size_t used = strlen(have);
        if (caller->scopes & bit) {
            (void)snprintf(have + used, sizeof(have) - used, "%s%s", used ? ", " : "",
                           auth_scope_name(bit));
        }
    }
    (void)snprintf(text, sizeof(text), "%s lacks the scope %s (has: %s)", caller->owner,
                   need_name(need), have[0] ? have : "none");
    error_reply_json(reply, 403, text);
    return 1;
}

static void name_owner(struct caller *caller)
{
    if (caller->subject[0]) {
        (void)snprintf(caller->owner, sizeof(caller->owner), "token:%s", caller->subject);
    } else if (caller->is_local) {
        (void)snprintf(caller->owner, sizeof(caller->owner), "uid:%u", caller->uid);
    } else if (caller->certificate[0]) {
        (void)snprintf(caller->owner, sizeof(caller->owner), "certificate:%s", caller->certificate);
    } else {
        (void)snprintf(caller->owner, sizeof(caller->owner), "address:%s", caller->address);
    }
}

size_t admission_groups(const struct httpd_peer *peer, uint32_t out[ADMISSION_GROUPS_MAX])
{
    if (!peer->is_local) {
        return 0;
    }
    out[0] = peer->gid;
    memcpy(out + 1, peer->groups, peer->group_count * sizeof(out[0]));
    return peer->group_count + 1;
}

static void apply_policy(const struct httpd_req *req, const struct trust *trust,
                         struct caller *caller)
{
    uint32_t gids[ADMISSION_GROUPS_MAX];
    struct site_caller who = {.is_local = caller->is_local,
                              .uid = caller->uid,
                              .gids = gids,
                              .gid_count = admission_groups(&req->peer, gids),
                              .subject = caller->subject[0] ? caller->subject : NULL,
                              .certificate = caller->certificate[0] ? caller->certificate : NULL};
    caller->rule = site_policy_match(trust->policy, &who);
    static const uint32_t scopes[] = {AUTH_GPU_CONTROL, AUTH_GPU_READ, AUTH_CPU_READ};
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        if (!site_rule_allows_api(caller->rule, scopes[i])) {
            caller->scopes &= ~scopes[i];
        }
    }
}

static struct caller *make_caller(struct httpd_req *req, const struct daemon *daemon)
{
    struct caller *caller = arena_alloc(&req->arena, sizeof(*caller), _Alignof(struct caller));
    if (!caller) {
        return NULL;
    }
    *caller = (struct caller){.is_local = req->peer.is_local,
                              .uid = req->peer.uid,
                              .gid = req->peer.gid,
                              .pid = req->peer.pid,
                              .scopes = daemon->config.groups.bits};
    memcpy(caller->address, req->peer.address, sizeof(caller->address));
    memcpy(caller->certificate, req->peer.certificate, sizeof(caller->certificate));
    req->gate_data = caller;
    return caller;
}

static int has_scope(const struct caller *caller, uint32_t need)
{
    uint32_t wanted = need == GROUPS_ANY_READ ? AUTH_GPU_READ | AUTH_CPU_READ : need;
    return need == 0 || (caller->scopes & wanted) != 0;
}

static int is_too_fast(const struct daemon *daemon, const struct trust *trust,
                       const struct caller *caller, struct httpd_reply *reply)
{
    uint32_t retry_s = 0;
    if (site_meter_take(daemon->meter, site_policy_limits(trust->policy), caller->owner,
                        clock_monotonic_ns(), &retry_s) == 0) {
        return 0;
    }
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", retry_s);
    httpd_reply_header(reply, "Retry-After", text);
    error_reply_json(reply, 429, "more requests than the site's policy allows");
    return 1;
}

int admission_gate(struct httpd_req *req, const char *method, struct httpd_reply *reply, void *user)
{
    (void)method;
    struct daemon *daemon = user;
    const struct trust *trust = daemon_trust(daemon);
    uint32_t need = groups_of_path(req->path);
    struct caller *caller = make_caller(req, daemon);
    if (!caller) {
        error_reply_json(reply, 503, "out of memory");
        return 1;
    }
    if (check_origin(req, daemon, trust->keys != NULL, reply)) {
        return 1;
    }
    if (!is_group_on(&daemon->config.groups, need)) {
        return refuse_group(reply, need);
    }
    if (!trust->keys && starts_with(req->path, "/auth/")) {
        error_reply_json(reply, 404, "authentication is off on this daemon");
        return 1;
    }
    if (trust->keys && !is_open_path(req->path) && authenticate(req, trust, caller, reply)) {
        return 1;
    }
    apply_policy(req, trust, caller);
    name_owner(caller);
    if (is_too_fast(daemon, trust, caller, reply)) {
        return 1;
    }
    return has_scope(caller, need) ? 0 : refuse_scope(reply, caller, need);
}
