/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/site_policy: who a rule names, what it allows, which files are refused in which words, and
 * that the manual knows every key.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zeus/device.h>

#include "base/file.h"
#include "base/macro.h"
#include "daemon/site_policy.h"
#include "testdir.h"

static int known_user(const char *name, uint32_t *ret)
{
    if (strcmp(name, "broken") == 0) {
        return ZEUS_EIO;
    }
    if (strcmp(name, "alice") != 0 && strcmp(name, "bob") != 0) {
        return ZEUS_ENOTFOUND;
    }
    *ret = name[0] == 'a' ? 1001 : 1002;
    return 0;
}

static int known_group(const char *name, uint32_t *ret)
{
    if (strcmp(name, "hpc") != 0 && strcmp(name, "operators") != 0) {
        return ZEUS_ENOTFOUND;
    }
    *ret = name[0] == 'h' ? 500 : 600;
    return 0;
}

static const struct site_names names = {known_user, known_group};

static struct site_policy *policy_of(const char *text)
{
    struct site_policy *policy = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (site_policy_parse(text, strlen(text), "p.toml", &names, &policy, &err) < 0) {
        fail_msg("%s\n%s", err.message, text);
    }
    return policy;
}

static const uint32_t hpc[] = {100, 500};

static const struct site_caller alice = {.is_local = 1, .uid = 1001};
static const struct site_caller grace = {.is_local = 1, .uid = 1003, .gids = hpc, .gid_count = 2};
static const struct site_caller dana = {.uid = UINT32_MAX, .subject = "dana"};
static const struct site_caller node7 = {.uid = UINT32_MAX, .certificate = "node7"};
static const struct site_caller nobody = {.uid = UINT32_MAX};

static const char example[] = "default = 'deny'\n"
                              "[[rule]]\n"
                              "users = ['alice', '1000']\n"
                              "apis = ['gpu-read', 'gpu-control']\n"
                              "gpus = [0, '0000:3B:00.0']\n"
                              "cpus = []\n"
                              "power_limit_w = [200, 400.5]\n"
                              "gpu_clocks_mhz = [300, 1500]\n"
                              "resets = false\n"
                              "lease_required = true\n"
                              "lease_ttl_max_s = 3600\n"
                              "[[rule]]\n"
                              "groups = ['hpc']\n"
                              "subjects = ['dana']\n"
                              "apis = ['gpu-read']\n"
                              "[[rule]]\n"
                              "certificates = ['node7']\n"
                              "[revoked]\n"
                              "subjects = ['eve']\n"
                              "issued_before = '2026-01-01T00:00:00Z'\n"
                              "[limits]\n"
                              "requests_per_s = 50\n"
                              "streams_per_user = 16\n"
                              "queue = 64\n";

static void without_a_policy(void **state)
{
    (void)state;
    struct write_args args = {1, 2};
    struct auth_claims claims = {.subject = "x"};
    const struct site_rule *rule = site_policy_match(NULL, &nobody);
    assert_null(rule);
    assert_true(site_rule_allows_api(rule, AUTH_GPU_CONTROL));
    assert_true(site_rule_allows_device(rule, ZEUS_KIND_GPU, 3, NULL));
    assert_int_equal(site_rule_check_write(rule, WRITE_POWER_LIMIT, &args, NULL), 0);
    assert_false(site_rule_lease_required(rule));
    assert_int_equal(site_rule_lease_ttl_max_s(rule), 86400);
    assert_string_equal(site_rule_text(rule), "");
    assert_int_equal(site_policy_revokes(NULL, &claims, NULL), 0);
    assert_int_equal(site_policy_limits(NULL)->requests_per_s, 0);
    site_policy_destroy(NULL);
}

static void an_empty_file_allows(void **state)
{
    (void)state;
    struct site_policy *policy = policy_of("");
    struct write_args args = {1, 2};
    const struct site_rule *rule = site_policy_match(policy, &nobody);
    assert_non_null(rule);
    assert_true(site_rule_allows_api(rule, AUTH_GPU_CONTROL));
    assert_true(site_rule_allows_device(rule, ZEUS_KIND_CPU, 3, NULL));
    assert_int_equal(site_rule_check_write(rule, WRITE_POWER_LIMIT, &args, NULL), 0);
    assert_int_equal(site_rule_check_write(rule, WRITE_ALL_CLOCKS_RESET, &args, NULL), 0);
    assert_int_equal(site_rule_lease_ttl_max_s(rule), 86400);
    assert_string_equal(site_rule_text(rule), "default (p.toml)");
    site_policy_destroy(policy);
}

static const char *rule_of(const struct site_policy *policy, const struct site_caller *caller)
{
    return site_rule_text(site_policy_match(policy, caller));
}

static void matching(void **state)
{
    (void)state;
    struct site_policy *policy = policy_of(example);
    struct site_caller caller = {.is_local = 1, .uid = 1000};
    assert_string_equal(rule_of(policy, &alice), "rule 1 (p.toml:2)");
    assert_string_equal(rule_of(policy, &caller), "rule 1 (p.toml:2)");
    assert_string_equal(rule_of(policy, &grace), "rule 2 (p.toml:12)");
    assert_string_equal(rule_of(policy, &dana), "rule 2 (p.toml:12)");
    assert_string_equal(rule_of(policy, &node7), "rule 3 (p.toml:16)");
    assert_string_equal(rule_of(policy, &nobody), "default (p.toml)");
    assert_int_equal(site_rule_allows_api(site_policy_match(policy, &nobody), AUTH_GPU_READ), 0);

    /* Numbers of a peer that is not local are worth nothing. */
    caller = (struct site_caller){.uid = 1001, .gids = hpc, .gid_count = 2};
    assert_string_equal(rule_of(policy, &caller), "default (p.toml)");
    /* Kinds of names are not mixed up. */
    caller = (struct site_caller){.subject = "node7", .certificate = "dana"};
    assert_string_equal(rule_of(policy, &caller), "default (p.toml)");
    caller = (struct site_caller){.subject = "alice"};
    assert_string_equal(rule_of(policy, &caller), "default (p.toml)");
    /* The first that matches decides, whatever it is by. */
    caller = (struct site_caller){.is_local = 1, .uid = 1001, .subject = "dana"};
    assert_string_equal(rule_of(policy, &caller), "rule 1 (p.toml:2)");
    site_policy_destroy(policy);

    policy = policy_of("[[rule]]\nusers = []\n[[rule]]\napis = []\n[[rule]]\nusers = ['alice']\n");
    assert_string_equal(rule_of(policy, &alice), "rule 2 (p.toml:3)"); /* names nobody: everybody */
    assert_string_equal(rule_of(policy, &nobody), "rule 2 (p.toml:3)");
    site_policy_destroy(policy);
}

static void apis_and_devices(void **state)
{
    (void)state;
    struct site_policy *policy = policy_of(example);
    const struct site_rule *rule = site_policy_match(policy, &alice);
    assert_true(site_rule_allows_api(rule, AUTH_GPU_READ));
    assert_true(site_rule_allows_api(rule, AUTH_GPU_CONTROL));
    assert_false(site_rule_allows_api(rule, AUTH_CPU_READ));
    static const struct {
        uint32_t kind;
        uint64_t index;
        const char *pci;
        int is_allowed;
    } cases[] = {
        {ZEUS_KIND_GPU, 0, NULL, 1},
        {ZEUS_KIND_GPU, 0, "", 1},
        {ZEUS_KIND_GPU, 0, "nonsense", 1},
        {ZEUS_KIND_GPU, 1, NULL, 0},
        {ZEUS_KIND_GPU, UINT64_C(1) << 32, NULL, 0},
        {ZEUS_KIND_GPU, 1, "0000:3b:00.0", 1},
        {ZEUS_KIND_GPU, 1, "00000000:3B:00.0", 1},
        {ZEUS_KIND_GPU, 1, "3b:00.0", 1},
        {ZEUS_KIND_GPU, 1, "0001:3b:00.0", 0},
        {ZEUS_KIND_GPU, 1, "0000:3b:00.1", 0},
        {ZEUS_KIND_GPU, 1, "0000:3b:01.0", 0},
        {ZEUS_KIND_CPU, 0, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(site_rule_allows_device(rule, cases[i].kind, cases[i].index, cases[i].pci),
                         cases[i].is_allowed);
    }
    rule = site_policy_match(policy, &dana);
    assert_true(site_rule_allows_device(rule, ZEUS_KIND_GPU, 7, NULL));
    assert_true(site_rule_allows_device(rule, ZEUS_KIND_CPU, 7, NULL));
    site_policy_destroy(policy);
}

static void writes(void **state)
{
    (void)state;
    struct site_policy *policy = policy_of(example);
    const struct site_rule *rule = site_policy_match(policy, &alice);
    static const struct {
        enum write_op op;
        struct write_args args;
        int code;
    } cases[] = {
        {WRITE_POWER_LIMIT, {200000, 0}, 0},
        {WRITE_POWER_LIMIT, {400500, 0}, 0},
        {WRITE_POWER_LIMIT, {199999, 0}, ZEUS_ERANGE},
        {WRITE_POWER_LIMIT, {400501, 0}, ZEUS_ERANGE},
        {WRITE_GPU_CLOCKS, {300, 1500}, 0},
        {WRITE_GPU_CLOCKS, {1000, 1000}, 0},
        {WRITE_GPU_CLOCKS, {299, 1500}, ZEUS_ERANGE},
        {WRITE_GPU_CLOCKS, {300, 1501}, ZEUS_ERANGE},
        {WRITE_GPU_CLOCKS, {1400, 1300}, ZEUS_ERANGE},
        {WRITE_MEM_CLOCKS, {0, 99999}, 0},
        {WRITE_PERSISTENCE, {1, 0}, 0},
        {WRITE_GPU_CLOCKS_RESET, {0, 0}, ZEUS_EPERM},
        {WRITE_MEM_CLOCKS_RESET, {0, 0}, ZEUS_EPERM},
        {WRITE_ALL_CLOCKS_RESET, {0, 0}, ZEUS_EPERM},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        zeus_error err = ZEUS_ERROR_INIT;
        assert_int_equal(site_rule_check_write(rule, cases[i].op, &cases[i].args, &err),
                         cases[i].code);
        assert_true(cases[i].code == 0 || strstr(err.message, "rule 1 (p.toml:2)"));
    }
    zeus_error err = ZEUS_ERROR_INIT;
    struct write_args args = {450000, 0};
    assert_int_equal(site_rule_check_write(rule, WRITE_POWER_LIMIT, &args, &err), ZEUS_ERANGE);
    assert_string_equal(err.message, "a power limit of 450000 mW is not in 200000-400500 mW, which "
                                     "the site's policy allows: rule 1 (p.toml:2)");
    assert_int_equal(
        site_rule_check_write(site_policy_match(policy, &dana), WRITE_PERSISTENCE, &args, &err),
        ZEUS_EPERM);
    assert_true(site_rule_lease_required(rule));
    assert_int_equal(site_rule_lease_ttl_max_s(rule), 3600);
    site_policy_destroy(policy);
}

static void revocation(void **state)
{
    (void)state;
    struct site_policy *policy = policy_of(example);
    zeus_error err = ZEUS_ERROR_INIT;
    struct auth_claims claims = {.subject = "dana", .has_issued = 1, .issued_s = 1767225600};
    assert_int_equal(site_policy_revokes(policy, &claims, &err), 0);
    claims.issued_s--;
    assert_int_equal(site_policy_revokes(policy, &claims, &err), ZEUS_EAUTH);
    assert_non_null(strstr(err.message, "as old as this one"));
    claims = (struct auth_claims){.subject = "dana"};
    assert_int_equal(site_policy_revokes(policy, &claims, &err), ZEUS_EAUTH);
    assert_non_null(strstr(err.message, "without a time of issue"));
    claims = (struct auth_claims){.subject = "eve", .has_issued = 1, .issued_s = UINT64_MAX};
    assert_int_equal(site_policy_revokes(policy, &claims, &err), ZEUS_EAUTH);
    assert_string_equal(err.message, "the tokens of eve have been revoked");
    site_policy_destroy(policy);

    policy = policy_of("[revoked]\nsubjects = ['eve']\n");
    claims = (struct auth_claims){.subject = "dana"};
    assert_int_equal(site_policy_revokes(policy, &claims, &err), 0);
    site_policy_destroy(policy);
}

static void limits(void **state)
{
    (void)state;
    struct site_policy *policy = policy_of(example);
    const struct site_limits *l = site_policy_limits(policy);
    assert_int_equal(l->requests_per_s, 50);
    assert_int_equal(l->burst, 100);
    assert_int_equal(l->streams_per_user, 16);
    assert_int_equal(l->queue, 64);
    site_policy_destroy(policy);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"default = 'maybe'", "p.toml:1: default: \"maybe\" is none of \"allow\", \"deny\""},
        {"rules = []", "p.toml:1: unknown field `rules` (did you mean `rule`?)"},
        {"[rule]", "p.toml:1: rule: expected an array of tables, found a table"},
        {"[[rule]]\nuser = ['alice']", "p.toml:2: unknown field `user` (did you mean `users`?)"},
        {"[[rule]]\nusers = 'alice'",
         "p.toml:2: users: expected an array of strings, found a string"},
        {"[[rule]]\nusers = [1000]", "p.toml:2: users: expected a string, found an integer"},
        {"[[rule]]\nusers = ['mallory']", "p.toml:2: users: this system does not know \"mallory\""},
        {"[[rule]]\nusers = ['']", "p.toml:2: users: this system does not know \"\""},
        {"[[rule]]\nusers = ['broken']", "p.toml:2: users: this system cannot look up \"broken\""},
        {"[[rule]]\ngroups = ['wheel']", "p.toml:2: groups: this system does not know \"wheel\""},
        {"[[rule]]\nsubjects = ['']", "p.toml:2: subjects: a name has 0 bytes, not 1 to 127"},
        {"[[rule]]\ncertificates = ['']",
         "p.toml:2: certificates: a name has 0 bytes, not 1 to 127"},
        {"[[rule]]\napis = ['gpu_read']",
         "p.toml:2: apis: unknown API group 'gpu_read', did you mean 'gpu-read'? "
         "(gpu-control, gpu-read, cpu-read)"},
        {"[[rule]]\napis = ['gpu-read,cpu-read']", "p.toml:2: apis: one API group in each text"},
        {"[[rule]]\ngpus = 0", "p.toml:2: gpus: expected an array, found an integer"},
        {"[[rule]]\ngpus = [-1]",
         "p.toml:2: gpus: expected an index or a PCI address such as \"0000:3b:00.0\""},
        {"[[rule]]\ngpus = ['3b:00']", "expected an index or a PCI address"},
        {"[[rule]]\ngpus = ['0000-3b:00.0']", "expected an index or a PCI address"},
        {"[[rule]]\ngpus = ['0000:3b:0g.0']", "expected an index or a PCI address"},
        {"[[rule]]\ngpus = [1.0]", "expected an index or a PCI address"},
        {"[[rule]]\ncpus = ['0000:3b:00.0']", "p.toml:2: cpus: expected an index"},
        {"[[rule]]\npower_limit_w = [400, 200]",
         "p.toml:2: power_limit_w: [400, 200] is no range within 0 to 100000, the lower end first"},
        {"[[rule]]\npower_limit_w = [200000, 400000]", "is no range within 0 to 100000"},
        {"[[rule]]\npower_limit_w = [-1, 400]", "is no range within"},
        {"[[rule]]\npower_limit_w = [nan, 400]", "expected [lowest, highest]"},
        {"[[rule]]\npower_limit_w = [200]", "p.toml:2: power_limit_w: expected [lowest, highest]"},
        {"[[rule]]\npower_limit_w = 300", "expected [lowest, highest]"},
        {"[[rule]]\ngpu_clocks_mhz = ['300', 400]", "expected [lowest, highest]"},
        {"[[rule]]\nmem_clocks_mhz = [1, 2, 3]", "expected [lowest, highest]"},
        {"[[rule]]\nresets = 1", "p.toml:2: resets: expected true or false, found an integer"},
        {"[[rule]]\nlease_ttl_max_s = 0", "p.toml:2: lease_ttl_max_s: 0 is not in 1 to 86400"},
        {"[[rule]]\nlease_ttl_max_s = 86401", "86401 is not in 1 to 86400"},
        {"[revoked]\nissued_before = 2026-01-01T00:00:00Z", "p.toml:2: dates and times"},
        {"[revoked]\nissued_before = '2026-01-01'", "p.toml:2: issued_before: expected a time"},
        {"[limits]\nqueue = 0", "p.toml:2: queue: 0 is not in 1 to 1024"},
        {"\n[limits]\nburst = 5", "p.toml:2: burst needs requests_per_s"},
        {"[[rule", "p.toml:1: expected ']]', found the end of the file"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct site_policy *policy = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        int r = site_policy_parse(cases[i].text, strlen(cases[i].text), "p.toml", &names, &policy,
                                  &err);
        if (r >= 0 || policy || !strstr(err.message, cases[i].message)) {
            fail_msg("%s\ngave: %s\nnot:  %s", cases[i].text, err.message, cases[i].message);
        }
    }
}

static void files(void **state)
{
    (void)state;
    struct testdir dir;
    testdir_create(&dir);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/policy.toml", dir.path);
    testdir_write(&dir, "policy.toml", "%s", "[[rule]]\nusers = ['root', '4242']\n");
    struct site_policy *policy = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(site_policy_load(path, &policy, &err), 0);
    struct site_caller root = {.is_local = 1, .uid = 0};
    assert_non_null(strstr(rule_of(policy, &root), "rule 1"));
    site_policy_destroy(policy);
    assert_int_equal(chmod(path, 0664), 0);
    assert_int_equal(site_policy_load(path, &policy, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "its group may write it"));
    assert_int_equal(chmod(path, 0646), 0);
    assert_int_equal(site_policy_load(path, &policy, &err), ZEUS_EPERM);
    testdir_write(&dir, "policy.toml", "%s", "[[rule]]\nusers = ['no-such-user-here']\n");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(site_policy_load(path, &policy, &err), ZEUS_ENOTFOUND);
    assert_non_null(strstr(err.message, "policy.toml:2: users: this system does not know"));
    testdir_remove(&dir);
}

/* Every key stands in the manual, and every example of the manual is taken. */
static void manual(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_read_all("docs/zeusd-policy.md", 1 << 20, &text, &len, NULL), 0);
    const char *table;
    const char *key;
    size_t count = 0;
    for (; site_policy_key(count, &table, &key) == 0; count++) {
        char row[80];
        (void)snprintf(row, sizeof(row), "| `%s%s%s` |", table, table[0] ? "." : "", key);
        if (!strstr(text, row)) {
            fail_msg("docs/zeusd-policy.md has no row for %s", row);
        }
    }
    assert_true(count >= 20);
    size_t examples = 0;
    for (char *p = strstr(text, "```toml\n"); p; p = strstr(p, "```toml\n")) {
        p += strlen("```toml\n");
        char *end = strstr(p, "```");
        assert_non_null(end);
        struct site_policy *policy = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        if (site_policy_parse(p, (size_t)(end - p), "manual", &names, &policy, &err) < 0) {
            fail_msg("%s", err.message);
        }
        site_policy_destroy(policy);
        examples++;
        p = end;
    }
    assert_true(examples >= 3);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_policy),
        cmocka_unit_test(an_empty_file_allows),
        cmocka_unit_test(matching),
        cmocka_unit_test(apis_and_devices),
        cmocka_unit_test(writes),
        cmocka_unit_test(revocation),
        cmocka_unit_test(limits),
        cmocka_unit_test(refusals),
        cmocka_unit_test(files),
        cmocka_unit_test(manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
