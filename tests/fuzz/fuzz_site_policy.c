/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/site_policy: any bytes as a policy; every question to one that is taken must be answered,
 * and a policy must never give more than it was asked to take away.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/device.h>

#include "base/macro.h"
#include "daemon/site_policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int is_fine)
{
    if (!is_fine) {
        abort();
    }
}

/* Names of one letter are known, so that no fuzzing asks the system. */
static int one_letter(const char *name, uint32_t *ret)
{
    *ret = (uint32_t)(unsigned char)name[0];
    return name[0] && !name[1] ? 0 : ZEUS_ENOTFOUND;
}

static const struct site_names names = {one_letter, one_letter};

static void ask(const struct site_policy *policy, const struct site_caller *caller)
{
    const struct site_rule *rule = site_policy_match(policy, caller);
    check(rule && site_rule_text(rule)[0]);
    uint32_t ttl = site_rule_lease_ttl_max_s(rule);
    check(ttl >= 1 && ttl <= SITE_LEASE_TTL_MAX_S);
    (void)site_rule_lease_required(rule);
    (void)site_rule_allows_device(rule, ZEUS_KIND_GPU, 0, "0000:3b:00.0");
    (void)site_rule_allows_device(rule, ZEUS_KIND_CPU, 1, NULL);
    for (int op = 0; op < WRITE_OP_COUNT; op++) {
        zeus_error err = ZEUS_ERROR_INIT;
        const struct write_args args = {300000, 400000};
        int r = site_rule_check_write(rule, (enum write_op)op, &args, &err);
        check(r == 0 || ((r == ZEUS_ERANGE || r == ZEUS_EPERM) && err.message[0]));
        check(r < 0 || site_rule_allows_api(rule, AUTH_GPU_CONTROL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct site_policy *policy = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = site_policy_parse((const char *)data, size, "f", &names, &policy, &err);
    if (r < 0) {
        check(!policy && strncmp(err.message, "f:", 2) == 0);
        return 0;
    }
    static const uint32_t gids[] = {'g', 7};
    const struct site_caller callers[] = {
        {.is_local = 1, .uid = 'u', .gids = gids, .gid_count = 2},
        {.uid = 'u', .subject = "dana"},
        {.certificate = "node7"},
        {.uid = UINT32_MAX},
    };
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        ask(policy, &callers[i]);
    }
    struct auth_claims claims = {.subject = "eve"};
    r = site_policy_revokes(policy, &claims, &err);
    check(r == 0 || r == ZEUS_EAUTH);
    const struct site_limits *limits = site_policy_limits(policy);
    check((limits->requests_per_s == 0) == (limits->burst == 0));
    site_policy_destroy(policy);
    return 0;
}
