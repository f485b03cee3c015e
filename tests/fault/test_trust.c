/* SPDX-License-Identifier: Apache-2.0
 *
 * The site's policy, signing keys and tokens with every allocation failing in turn: an error or a
 * whole result, never half a one, and nothing leaks (run under ASan).
 */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/jwt.h"
#include "daemon/site_meter.h"
#include "daemon/site_policy.h"
#include "fault_alloc.h"
#include "testdir.h"

static int one_name(const char *name, uint32_t *ret)
{
    *ret = (uint32_t)strlen(name);
    return 0;
}

static const struct site_names names = {one_name, one_name};

/* Rules enough for several chunks of the arena. */
static size_t write_policy(char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < 60; i++) {
        used += (size_t)snprintf(text + used, size - used,
                                 "[[rule]]\nusers = ['alice', \"bob\"]\ngroups = ['hpc']\n"
                                 "subjects = ['dana']\napis = ['gpu-read']\n"
                                 "gpus = [0, '0000:3b:00.0']\ncpus = [%d]\n"
                                 "power_limit_w = [200, 400]\n",
                                 i);
    }
    used += (size_t)snprintf(text + used, size - used,
                             "[revoked]\nsubjects = ['eve']\n[limits]\nrequests_per_s = 5\n");
    return used;
}

static void policies(void **state)
{
    (void)state;
    static char text[32768];
    const size_t len = write_policy(text, sizeof(text));
    unsigned failures = 0;
    for (unsigned n = 1;; n++) {
        struct site_policy *policy = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        fault_alloc_arm(n);
        int r = site_policy_parse(text, len, "p.toml", &names, &policy, &err);
        int has_failed = fault_alloc_disarm();
        if (!has_failed) {
            assert_int_equal(r, 0);
            assert_int_equal(site_policy_limits(policy)->burst, 10);
            site_policy_destroy(policy);
            break;
        }
        assert_true(r == ZEUS_ENOMEM || r == ZEUS_ELIMIT);
        assert_null(policy);
        assert_true(err.message[0] != '\0');
        failures++;
    }
    assert_true(failures > 5);
}

static void policy_files(void **state)
{
    (void)state;
    struct testdir dir;
    char path[128];
    testdir_create(&dir);
    testdir_write(&dir, "p.toml", "%s", "[[rule]]\nusers = ['root']\ngroups = ['root']\n");
    (void)snprintf(path, sizeof(path), "%s/p.toml", dir.path);
    assert_int_equal(chmod(path, 0600), 0);
    for (unsigned n = 1;; n++) {
        struct site_policy *policy = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        fault_alloc_arm(n);
        int r = site_policy_load(path, &policy, &err);
        int has_failed = fault_alloc_disarm();
        assert_true(r == 0 ? policy != NULL : !policy && err.message[0]);
        site_policy_destroy(policy);
        if (!has_failed) {
            assert_int_equal(r, 0);
            break;
        }
    }
    testdir_remove(&dir);
}

static void tokens(void **state)
{
    (void)state;
    struct testdir dir;
    char path[128];
    testdir_create(&dir);
    testdir_write(&dir, "key", "%s", "0123456789abcdef0123456789abcdef");
    (void)snprintf(path, sizeof(path), "%s/key", dir.path);
    const char *paths[] = {path, path};
    int is_done = 0;
    for (unsigned n = 1; !is_done; n++) {
        struct auth_keyring *ring = NULL;
        struct auth_claims claims = {.subject = "dana"};
        char token[AUTH_TOKEN_MAX + 1];
        zeus_error err = ZEUS_ERROR_INIT;
        fault_alloc_arm(n);
        int r = auth_keyring_load(paths, 2, &ring, &err);
        int len = r < 0 ? r : auth_jwt_issue(ring, &claims, token, sizeof(token), &err);
        r = len < 0 ? len : auth_jwt_verify(ring, token, (size_t)len, 1800000000, &claims, &err);
        is_done = !fault_alloc_disarm();
        assert_true(is_done ? r == 0 : r == 0 || err.message[0]);
        auth_keyring_destroy(ring);
    }
    testdir_remove(&dir);
}

static void meters(void **state)
{
    (void)state;
    fault_alloc_arm(1);
    assert_null(site_meter_create(1));
    assert_true(fault_alloc_disarm());
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(policies), cmocka_unit_test(policy_files),
                                       cmocka_unit_test(tokens), cmocka_unit_test(meters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
