/* SPDX-License-Identifier: Apache-2.0
 *
 * What we may ask of the daemon and why not: API groups, scopes of the token, features, ids.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "remote/daemon_client.h"

static const uint32_t groups[] = {ZEUS_DAEMON_GROUP_GPU_CONTROL, ZEUS_DAEMON_GROUP_GPU_READ,
                                  ZEUS_DAEMON_GROUP_CPU_READ};

/* 0, or why the group is of no use to us. */
static int judge_group(const zeus_daemon_info *info, uint32_t group, zeus_feature_state *ret)
{
    const char *name = dialect_group_name(group);
    *ret = (zeus_feature_state){0};
    if (!(info->groups & group)) {
        ret->code = ZEUS_ENOTSUP;
        (void)snprintf(ret->reason, sizeof(ret->reason), "the daemon has API group %s off", name);
        (void)snprintf(ret->remedy, sizeof(ret->remedy), "start zeusd with --enable %s", name);
    } else if (info->auth_code < 0) {
        ret->code = info->auth_code;
        (void)snprintf(ret->reason, sizeof(ret->reason), "%.159s", info->auth_reason);
        (void)snprintf(ret->remedy, sizeof(ret->remedy),
                       "put a token with scope %s (zeusd token issue) into ZEUSD_TOKEN", name);
    } else if (!(info->scopes & group)) {
        ret->code = ZEUS_EPERM;
        (void)snprintf(ret->reason, sizeof(ret->reason), "the token of %.80s has no scope %s",
                       info->subject, name);
        (void)snprintf(ret->remedy, sizeof(ret->remedy), "ask for a token with --scope %s", name);
    }
    return ret->code;
}

int zeus_daemon_can(zeus_daemon *d, uint32_t group, zeus_feature_state *ret_state)
{
    zeus_daemon_info info;
    int is_one = group == groups[0] || group == groups[1] || group == groups[2];
    if (!d || !ret_state || !is_one) {
        return ZEUS_EINVAL;
    }
    int r = daemon_client_look(d, &info, NULL);
    if (r == 0) {
        (void)judge_group(&info, group, ret_state); /* its code is in the state */
    }
    return r;
}

/* The list of problems while it grows. */
struct problems {
    char *out; /* may be NULL */
    size_t size;
    size_t len;
    unsigned count;
    int gravest;
    char first[200];
};

/* AUTH, then PERM, then NOTSUP, then NOTFOUND. */
static int gravity(int code)
{
    static const int order[] = {ZEUS_ENOTFOUND, ZEUS_ENOTSUP, ZEUS_EPERM, ZEUS_EDAEMON, ZEUS_EAUTH};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (order[i] == code) {
            return (int)i + 1;
        }
    }
    return 0;
}

static void add_problem(struct problems *p, int code, const char *text)
{
    if (p->count++ == 0) {
        (void)snprintf(p->first, sizeof(p->first), "%.199s", text);
    }
    if (gravity(code) > gravity(p->gravest)) {
        p->gravest = code;
    }
    if (p->out && p->len < p->size) {
        int n = snprintf(p->out + p->len, p->size - p->len, "%s%s", p->len ? "\n" : "", text);
        p->len = MIN_OF(p->len + (n > 0 ? (size_t)n : 0), p->size);
    }
}

static void check_groups(struct problems *p, const zeus_daemon_info *info, uint32_t wanted)
{
    int is_auth_told = 0;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        zeus_feature_state state = {0};
        if (!(wanted & groups[i]) || judge_group(info, groups[i], &state) == 0) {
            continue;
        }
        int is_auth = state.code == info->auth_code && state.code != ZEUS_ENOTSUP;
        if (!is_auth || !is_auth_told) { /* one token, one complaint */
            add_problem(p, state.code, state.reason);
        }
        is_auth_told |= is_auth;
    }
    if (wanted && info->auth_code < 0 && !is_auth_told) {
        add_problem(p, info->auth_code, info->auth_reason);
    }
}

static void check_features(struct problems *p, const zeus_daemon_info *info, uint32_t wanted)
{
    for (uint32_t bit = 1; bit && bit <= wanted; bit <<= 1) {
        char text[120];
        if ((wanted & bit) && !(info->features & bit)) {
            (void)snprintf(text, sizeof(text), "the daemon (%s) does not announce \"%s\"",
                           dialect_name(info->dialect), dialect_feature_name(bit));
            add_problem(p, ZEUS_ENOTSUP, text);
        }
    }
}

static void check_ids(struct problems *p, const struct discovery *known,
                      const zeus_daemon_need *need)
{
    char text[80];
    int is_listed = known->dialect > ZEUS_DIALECT_V0_2; /* v0.2.0 does not say what GPUs it has */
    for (size_t i = 0; is_listed && i < need->gpu_id_count; i++) {
        if (!discovery_gpu(known, need->gpu_ids[i])) {
            (void)snprintf(text, sizeof(text), "the daemon has no GPU %" PRIu32 " (it has %zu)",
                           need->gpu_ids[i], known->gpu_count);
            add_problem(p, ZEUS_ENOTFOUND, text);
        }
    }
    for (size_t i = 0; i < need->cpu_id_count; i++) {
        if (!discovery_cpu(known, need->cpu_ids[i])) {
            (void)snprintf(text, sizeof(text), "the daemon has no CPU %" PRIu32 " (it has %zu)",
                           need->cpu_ids[i], known->cpu_count);
            add_problem(p, ZEUS_ENOTFOUND, text);
        }
    }
}

int zeus_daemon_check(zeus_daemon *d, const zeus_daemon_need *need, char *problems, size_t size,
                      zeus_error *err)
{
    zeus_daemon_info info;
    struct discovery known = {0};
    if (!d || !need || need->size != sizeof(*need) || (need->gpu_id_count && !need->gpu_ids) ||
        (need->cpu_id_count && !need->cpu_ids)) {
        return err_set(err, ZEUS_EINVAL, "daemon or need is NULL, or zeus_daemon_need.size is off");
    }
    int r = daemon_client_look(d, &info, &known);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    struct problems p = {.out = problems, .size = size};
    if (problems && size > 0) {
        problems[0] = '\0';
    }
    check_groups(&p, &info, need->groups);
    check_features(&p, &info, need->features);
    check_ids(&p, &known, need);
    discovery_done(&known);
    if (p.count == 0) {
        return 0;
    }
    return err_set(err, p.gravest ? p.gravest : ZEUS_EDAEMON, "%.80s: %s%s", info.endpoint, p.first,
                   p.count > 1 ? " (and more)" : "");
}
