/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases, journal, guard, overrides and audit lines with every allocation failing in turn: an error
 * or the whole thing, nothing leaks (run under ASan), and whatever failed, the GPU ends at its
 * original.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "daemon/audit_line.h"
#include "daemon/guard.h"
#include "daemon/override_file.h"
#include "daemon/override_run.h"
#include "fake_gpu.h"
#include "fault_alloc.h"
#include "testdir.h"

#define SECOND 1000000000ull

static struct testdir dir;
static char journal_path[128];

static int read_list(struct lease_table *leases)
{
    struct lease_list list;
    int r = lease_list_read(leases, 2 * SECOND, &list);
    if (r == 0) {
        assert_int_equal(list.lease_count, 1);
        lease_list_done(&list);
    }
    return r;
}

static int write_line(const struct guard_outcome *outcome)
{
    const struct audit_record record = {.event = AUDIT_WRITE,
                                        .op = WRITE_POWER_LIMIT,
                                        .changes = outcome->changes,
                                        .change_count = outcome->change_count};
    struct strbuf line;
    strbuf_init(&line, AUDIT_LINE_MAX);
    int r = audit_line_body(&record, &line);
    strbuf_done(&line);
    return r;
}

/* A lease written, shown, audited and ended. */
static int use(struct fake_gpu *gpu, struct lease_table *leases, struct guard *guard)
{
    const struct guard_device device = {.device = &gpu->base, .number = 0};
    const struct lease_request request = {
        .owner = "uid:1", .name = "a", .ttl_ns = SECOND, .process_fd = -1};
    struct guard_outcome outcome;
    struct guard_write write = {
        .device = device, .op = WRITE_POWER_LIMIT, .args = {.a = 200000}, .now_ns = 1};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = lease_open(leases, &request, 0, &write.lease_id, &err);
    r = r < 0 ? r : guard_write(guard, &write, &outcome);
    r = r < 0 ? r : read_list(leases);
    r = r < 0 ? r : write_line(&outcome);
    lease_end_all(leases, LEASE_SHUTDOWN);
    assert_int_equal(guard_restore_due(guard, &device, 1, 2 * SECOND), 0);
    return r;
}

static int run_leases(struct fake_gpu *gpu)
{
    const struct lease_limits limits = {
        .devices_max = 1, .leases_max = 4, .leases_per_owner_max = 4, .ttl_max_ns = 100 * SECOND};
    struct lease_table *leases = NULL;
    struct lease_journal *journal = NULL;
    struct guard *guard = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = lease_table_create(&limits, &leases, &err);
    r = r < 0 ? r : lease_journal_open(journal_path, "boot", &journal, NULL, &err);
    const struct guard_options options = {.leases = leases, .journal = journal};
    r = r < 0 ? r : guard_create(&options, &guard);
    r = r < 0 ? r : use(gpu, leases, guard);
    guard_destroy(guard);
    lease_journal_close(journal);
    lease_table_destroy(leases);
    return r;
}

static int run_overrides(struct fake_gpu *gpu)
{
    static const char text[] = "[set_power_limit]\ncommands = ['true {gpu_id}', 'true \"a b\"']\n"
                               "error_pattern = '(?i)error'\n";
    const struct override_args args = {.gpu_id = 1, .a = 200000};
    struct override_set *set = NULL;
    char told[256] = "";
    zeus_error err = ZEUS_ERROR_INIT;
    (void)gpu;
    int r = override_file_parse(text, sizeof text - 1, "o.toml", &set, &err);
    r = r < 0 ? r : override_set_run(set, WRITE_POWER_LIMIT, &args, NULL, told, sizeof told);
    override_set_destroy(set);
    return r;
}

static void fail_each(int (*run)(struct fake_gpu *gpu), unsigned at_least)
{
    unsigned n = 1;
    for (int has_failed = 1; has_failed; n++) {
        struct fake_gpu gpu;
        fake_gpu_init(&gpu, 0);
        fault_alloc_arm(n);
        const int r = run(&gpu);
        has_failed = fault_alloc_disarm();
        assert_true(r == 0 || has_failed);
        assert_int_equal(gpu.values[SETTING_POWER_LIMIT].a, 300000);
    }
    assert_true(n > at_least);
}

static void test_leases(void **state)
{
    (void)state;
    testdir_create(&dir);
    (void)snprintf(journal_path, sizeof journal_path, "%s/leases", dir.path);
    fail_each(run_leases, 10);
    testdir_remove(&dir);
}

static void test_overrides(void **state)
{
    (void)state;
    fail_each(run_overrides, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leases),
        cmocka_unit_test(test_overrides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
