/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/lease_journal.c and lease_journal_text.c: what a killed daemon leaves behind, whole, cut
 * off, damaged, or of another boot.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/macro.h"
#include "daemon/lease_journal.h"
#include "testdir.h"

#define BOOT "0f0e0d0c-0b0a-4000-8000-000000000001"

struct place {
    struct testdir dir;
    char path[128];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    testdir_create(&place->dir);
    (void)snprintf(place->path, sizeof place->path, "%s/leases", place->dir.path);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    testdir_remove(&place->dir);
    free(place);
    return 0;
}

static struct lease_journal_entry hold_of(const char *device, uint32_t original)
{
    struct lease_journal_entry entry = {.setting = SETTING_POWER_LIMIT,
                                        .is_held = 1,
                                        .original = {.is_known = 1, .a = original},
                                        .lease = "run-1",
                                        .owner = "token:an odd%name\n\xc3\xa9"};
    (void)snprintf(entry.device, sizeof entry.device, "%s", device);
    return entry;
}

static struct lease_journal *open_journal(const struct place *place, const char *boot,
                                          struct lease_journal_report *report)
{
    struct lease_journal *journal = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = lease_journal_open(place->path, boot, &journal, report, &err);
    if (r < 0) {
        fail_msg("%s", err.message);
    }
    return journal;
}

static void test_round_trip(void **state)
{
    const struct place *place = *state;
    struct lease_journal_report report;
    struct lease_journal *journal = open_journal(place, BOOT, &report);
    const struct lease_journal_entry kept = hold_of("GPU-a", 300000);
    const struct lease_journal_entry gone = hold_of("GPU-b", 250000);
    const struct setting_value range = {.is_known = 1, .a = 1200, .b = 1980};
    assert_int_equal(lease_journal_hold(journal, &kept, NULL), 0);
    assert_int_equal(lease_journal_hold(journal, &gone, NULL), 0);
    assert_int_equal(lease_journal_base(journal, "GPU-a", SETTING_GPU_CLOCKS, &range, NULL), 0);
    assert_int_equal(lease_journal_drop(journal, "GPU-b", SETTING_POWER_LIMIT, NULL), 0);
    lease_journal_close(journal);

    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    journal = open_journal(place, BOOT, &report);
    assert_int_equal(report.records, 4);
    assert_int_equal(report.broken, 0);
    struct lease_journal_entry entry;
    assert_true(lease_journal_find(journal, "GPU-a", SETTING_POWER_LIMIT, &entry));
    assert_true(entry.is_held);
    assert_int_equal(entry.original.a, 300000);
    assert_string_equal(entry.lease, "run-1");
    assert_string_equal(entry.owner, kept.owner);
    assert_true(lease_journal_find(journal, "GPU-a", SETTING_GPU_CLOCKS, &entry));
    assert_false(entry.is_held);
    assert_int_equal(entry.base.b, 1980);
    assert_false(lease_journal_find(journal, "GPU-b", SETTING_POWER_LIMIT, &entry));
    assert_true(lease_journal_at(journal, 1, &entry));
    assert_false(lease_journal_at(journal, 2, &entry));
    lease_journal_close(journal);
}

static void test_base_drops_a_hold(void **state)
{
    const struct place *place = *state;
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    struct lease_journal_entry hold = hold_of("GPU-a", 0);
    const struct setting_value range = {.is_known = 1, .a = 1, .b = 2};
    const struct setting_value unlocked = {.is_known = 1, .is_unlocked = 1};
    hold.setting = SETTING_MEM_CLOCKS;
    hold.original = unlocked;
    struct lease_journal_entry entry;
    assert_int_equal(lease_journal_hold(journal, &hold, NULL), 0);
    assert_int_equal(lease_journal_base(journal, "GPU-a", SETTING_MEM_CLOCKS, &range, NULL), 0);
    assert_int_equal(lease_journal_hold(journal, &hold, NULL), 0);
    lease_journal_close(journal);
    journal = open_journal(place, BOOT, NULL); /* base and hold of one setting survive a rewrite */
    lease_journal_close(journal);
    journal = open_journal(place, BOOT, NULL);
    assert_true(lease_journal_find(journal, "GPU-a", SETTING_MEM_CLOCKS, &entry));
    assert_true(entry.is_held);
    assert_int_equal(entry.base.b, 2);
    assert_int_equal(lease_journal_base(journal, "GPU-a", SETTING_MEM_CLOCKS, &unlocked, NULL), 0);
    assert_false(lease_journal_find(journal, "GPU-a", SETTING_MEM_CLOCKS, &entry));
    lease_journal_close(journal);
}

static void test_reboot_voids(void **state)
{
    const struct place *place = *state;
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    const struct lease_journal_entry hold = hold_of("GPU-a", 300000);
    assert_int_equal(lease_journal_hold(journal, &hold, NULL), 0);
    lease_journal_close(journal);
    struct lease_journal_report report;
    journal = open_journal(place, "another-boot", &report);
    assert_int_equal(report.void_holds, 1);
    assert_int_equal(report.records, 0);
    struct lease_journal_entry entry;
    assert_false(lease_journal_at(journal, 0, &entry));
    lease_journal_close(journal);
}

/* Every prefix of a journal is a state that a crash can leave: only the cut line is missing. */
static void test_any_torn_tail(void **state)
{
    const struct place *place = *state;
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        char device[16];
        (void)snprintf(device, sizeof device, "GPU-%u", (unsigned)i);
        const struct lease_journal_entry hold = hold_of(device, 100000 + i);
        assert_int_equal(lease_journal_hold(journal, &hold, NULL), 0);
    }
    lease_journal_close(journal);
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_read_all(place->path, 100000, &text, &len, NULL), 0);
    size_t lines = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        struct lease_journal_state journal_state;
        struct lease_journal_report report;
        lines += cut > 0 && text[cut - 1] == '\n';
        assert_int_equal(lease_journal_read(text, cut, BOOT, &journal_state, &report), 0);
        assert_int_equal(report.broken, 0);
        assert_int_equal(journal_state.count, lines);
        assert_int_equal(report.is_torn, cut > 0 && text[cut - 1] != '\n');
        lease_journal_state_done(&journal_state);
    }
    free(text);
}

/* A torn file that is opened takes new records on a line of their own. */
static void test_append_after_torn_tail(void **state)
{
    const struct place *place = *state;
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    const struct lease_journal_entry a = hold_of("GPU-a", 1);
    const struct lease_journal_entry b = hold_of("GPU-b", 2);
    assert_int_equal(lease_journal_hold(journal, &a, NULL), 0);
    assert_int_equal(lease_journal_hold(journal, &b, NULL), 0);
    lease_journal_close(journal);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(truncate(place->path, st.st_size - 5), 0);
    struct lease_journal_report report;
    journal = open_journal(place, BOOT, &report);
    assert_true(report.is_torn);
    assert_int_equal(lease_journal_hold(journal, &b, NULL), 0);
    lease_journal_close(journal);
    journal = open_journal(place, BOOT, &report);
    assert_false(report.is_torn);
    assert_int_equal(report.records, 2);
    lease_journal_close(journal);
}

static void test_damaged_middle_is_told(void **state)
{
    const struct place *place = *state;
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    const struct lease_journal_entry a = hold_of("GPU-a", 1);
    const struct lease_journal_entry b = hold_of("GPU-b", 2);
    assert_int_equal(lease_journal_hold(journal, &a, NULL), 0);
    assert_int_equal(lease_journal_hold(journal, &b, NULL), 0);
    lease_journal_close(journal);
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_read_all(place->path, 100000, &text, &len, NULL), 0);
    const size_t first = (size_t)(strchr(text, '\n') - text);
    for (size_t at = 0; at < first; at++) {
        struct lease_journal_state journal_state;
        struct lease_journal_report report;
        const char was = text[at];
        text[at] = (char)(was ^ 1);
        assert_int_equal(lease_journal_read(text, len, BOOT, &journal_state, &report), 0);
        assert_int_equal(report.broken, 1);
        assert_int_equal(report.first_broken_line, 1);
        assert_int_equal(journal_state.count, 1);
        assert_string_equal(journal_state.entries[0].device, "GPU-b");
        lease_journal_state_done(&journal_state);
        text[at] = was;
    }
    free(text);
}

static void test_compaction_keeps_it_small(void **state)
{
    const struct place *place = *state;
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    const struct lease_journal_entry kept = hold_of("GPU-kept", 7);
    assert_int_equal(lease_journal_hold(journal, &kept, NULL), 0);
    const struct setting_value range = {.is_known = 1, .a = 5, .b = 6};
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(lease_journal_base(journal, "GPU-x", SETTING_GPU_CLOCKS, &range, NULL), 0);
    }
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_true(st.st_size < 64 * 1024);
    lease_journal_close(journal);
    struct lease_journal_entry entry;
    journal = open_journal(place, BOOT, NULL);
    assert_true(lease_journal_find(journal, "GPU-kept", SETTING_POWER_LIMIT, &entry));
    lease_journal_close(journal);
}

static void test_two_daemons(void **state)
{
    const struct place *place = *state;
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    struct lease_journal *second = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(lease_journal_open(place->path, BOOT, &second, NULL, &err), ZEUS_EBUSY);
    assert_non_null(strstr(err.message, "another daemon"));
    lease_journal_close(journal);
    journal = open_journal(place, BOOT, NULL);
    lease_journal_close(journal);
}

/* The file cannot be written any more: a hold is refused, and what was dropped meanwhile is made
 * good when it can be again. */
static void test_disk_trouble(void **state)
{
    const struct place *place = *state;
    char blocker[160];
    struct lease_journal *journal = open_journal(place, BOOT, NULL);
    const struct lease_journal_entry a = hold_of("GPU-a", 1);
    assert_int_equal(lease_journal_hold(journal, &a, NULL), 0);
    /* A directory in the place of the temporary file makes every rewrite fail. */
    (void)snprintf(blocker, sizeof blocker, "%s.new", place->path);
    const struct setting_value range = {.is_known = 1, .a = 5, .b = 6};
    zeus_error err = ZEUS_ERROR_INIT;
    int r = 0;
    assert_int_equal(mkdir(blocker, 0700), 0);
    for (int i = 0; i < 2000 && r == 0; i++) {
        r = lease_journal_base(journal, "GPU-x", SETTING_GPU_CLOCKS, &range, &err);
    }
    assert_int_equal(r, ZEUS_EIO);
    assert_non_null(strstr(err.message, blocker));
    const struct lease_journal_entry b = hold_of("GPU-b", 2);
    struct lease_journal_entry entry;
    assert_int_equal(lease_journal_hold(journal, &b, &err), ZEUS_EIO);
    assert_false(lease_journal_find(journal, "GPU-b", SETTING_POWER_LIMIT, &entry));
    assert_int_equal(lease_journal_drop(journal, "GPU-a", SETTING_POWER_LIMIT, &err), ZEUS_EIO);
    assert_int_equal(rmdir(blocker), 0);
    assert_int_equal(lease_journal_hold(journal, &b, &err), 0);
    lease_journal_close(journal);
    journal = open_journal(place, BOOT, NULL);
    assert_false(lease_journal_find(journal, "GPU-a", SETTING_POWER_LIMIT, &entry));
    assert_true(lease_journal_find(journal, "GPU-b", SETTING_POWER_LIMIT, &entry));
    lease_journal_close(journal);
}

static void test_memory_only(void **state)
{
    (void)state;
    struct lease_journal *journal = NULL;
    const struct lease_journal_entry hold = hold_of("GPU-a", 1);
    struct lease_journal_entry entry;
    assert_int_equal(lease_journal_open(NULL, BOOT, &journal, NULL, NULL), 0);
    assert_int_equal(lease_journal_hold(journal, &hold, NULL), 0);
    assert_true(lease_journal_find(journal, "GPU-a", SETTING_POWER_LIMIT, &entry));
    lease_journal_close(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base_drops_a_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reboot_voids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_torn_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_after_torn_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_middle_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compaction_keeps_it_small, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_daemons, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_trouble, setup, teardown),
        cmocka_unit_test(test_memory_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
