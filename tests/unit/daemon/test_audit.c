/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/audit.c and audit_line.c: lines, repeats, rotation, trouble.
 */
#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/macro.h"
#include "daemon/audit_line.h"
#include "daemon/caller.h"
#include "testdir.h"

static const struct caller dana = {
    .is_local = 1, .uid = 4000000, .pid = 4711, .address = "unix", .owner = "uid:4000000"};
static const struct caller token = {.address = "10.0.0.7",
                                    .subject = "a \"name\"\n",
                                    .certificate = "node7",
                                    .owner = "token:a \"name\"\n"};

static struct audit_record limit_record(const struct guard_change *change)
{
    return (struct audit_record){.event = AUDIT_WRITE,
                                 .caller = &dana,
                                 .op = WRITE_POWER_LIMIT,
                                 .args = {.a = 200000},
                                 .has_gpu = 1,
                                 .gpu_id = 3,
                                 .pci = "0000:3b:00.0",
                                 .lease = "run-1",
                                 .changes = change,
                                 .change_count = 1,
                                 .duration_ns = 3214000};
}

static void assert_body(const struct audit_record *record, const char *expected)
{
    struct strbuf out;
    strbuf_init(&out, AUDIT_LINE_MAX);
    assert_int_equal(audit_line_body(record, &out), 0);
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_done(&out);
}

static void test_bodies(void **state)
{
    (void)state;
    const struct guard_change limit = {.setting = SETTING_POWER_LIMIT,
                                       .before = {.is_known = 1, .a = 300000},
                                       .after = {.is_known = 1, .a = 200000}};
    const struct audit_record write = limit_record(&limit);
    assert_body(&write,
                "\"event\":\"write\",\"outcome\":\"ok\",\"owner\":\"uid:4000000\",\"uid\":4000000,"
                "\"pid\":4711,\"address\":\"unix\",\"operation\":\"set_power_limit\","
                "\"arguments\":[200000],\"gpu_id\":3,\"pci_address\":\"0000:3b:00.0\","
                "\"lease\":\"run-1\",\"changes\":[{\"setting\":\"power_limit\",\"old\":300000,"
                "\"new\":200000}],\"duration_ms\":3.214");
    const struct guard_change clocks[] = {{.setting = SETTING_GPU_CLOCKS,
                                           .before = {.is_known = 1, .a = 500, .b = 900},
                                           .after = {.is_known = 1, .is_unlocked = 1}},
                                          {.setting = SETTING_MEM_CLOCKS}};
    const struct audit_record reset = {.event = AUDIT_WRITE,
                                       .caller = &token,
                                       .op = WRITE_ALL_CLOCKS_RESET,
                                       .has_gpu = 1,
                                       .changes = clocks,
                                       .change_count = 2,
                                       .code = ZEUS_EPERM,
                                       .reason = "no"};
    assert_body(&reset, "\"event\":\"write\",\"outcome\":\"no-permission\","
                        "\"owner\":\"token:a \\\"name\\\"\\n\",\"subject\":\"a \\\"name\\\"\\n\","
                        "\"certificate\":\"node7\",\"address\":\"10.0.0.7\","
                        "\"operation\":\"reset_locked_clocks\",\"gpu_id\":0,\"changes\":["
                        "{\"setting\":\"gpu_clocks\",\"old\":[500,900],\"new\":\"unlocked\"},"
                        "{\"setting\":\"mem_clocks\",\"old\":null,\"new\":null}],\"reason\":\"no\","
                        "\"duration_ms\":0.000");
    const struct audit_record restore = {.event = AUDIT_RESTORE,
                                         .has_gpu = 1,
                                         .lease = "run-1",
                                         .lease_owner = "uid:1",
                                         .changes = &limit,
                                         .change_count = 1};
    assert_body(&restore,
                "\"event\":\"restore\",\"outcome\":\"ok\",\"owner\":\"zeusd\","
                "\"lease_owner\":\"uid:1\",\"gpu_id\":0,\"lease\":\"run-1\","
                "\"changes\":[{\"setting\":\"power_limit\",\"old\":300000,\"new\":200000}],"
                "\"duration_ms\":0.000");
}

/* The longest texts, every byte of them needing six: still a line. */
static void test_a_line_is_bounded(void **state)
{
    (void)state;
    struct caller nasty = {.is_local = 1, .uid = UINT32_MAX, .pid = INT32_MAX};
    char reason[4096];
    memset(nasty.address, 1, sizeof nasty.address - 1);
    memset(nasty.subject, 1, sizeof nasty.subject - 1);
    memset(nasty.certificate, 1, sizeof nasty.certificate - 1);
    memset(nasty.owner, 1, sizeof nasty.owner - 1);
    memset(reason, 1, sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    struct guard_change changes[2] = {{.setting = SETTING_GPU_CLOCKS}};
    struct audit_record record = limit_record(changes);
    record.caller = &nasty;
    record.change_count = 2;
    record.code = ZEUS_EIO;
    record.reason = reason;
    struct strbuf out;
    strbuf_init(&out, AUDIT_LINE_MAX);
    assert_int_equal(audit_line_body(&record, &out), 0);
    assert_true(out.len < AUDIT_LINE_MAX - 2000);
    strbuf_done(&out);
    /* A text is cut at a character. */
    memset(reason, 'a', 511);
    (void)strcpy(reason + 511, "\xc3\xa9 and more");
    strbuf_init(&out, AUDIT_LINE_MAX);
    assert_int_equal(audit_line_body(&record, &out), 0);
    assert_non_null(strstr(strbuf_text(&out), "aaa\",\"duration_ms\""));
    strbuf_done(&out);
}

static void test_time(void **state)
{
    (void)state;
    char text[AUDIT_TIME_SIZE];
    audit_line_time(1779358272123456789ull, text);
    assert_string_equal(text, "2026-05-21T10:11:12.123456Z");
    audit_line_time(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
}

struct place {
    struct testdir dir;
    char path[128];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    testdir_create(&place->dir);
    (void)snprintf(place->path, sizeof place->path, "%s/audit.log", place->dir.path);
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

static char *slurp(const char *path)
{
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(file_read_all(path, 10u << 20, &text, &len, NULL), 0);
    return text;
}

static size_t count_of(const char *text, const char *needle)
{
    const size_t len = strlen(needle);
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += strncmp(text, needle, len) == 0;
    }
    return count;
}

static struct audit *open_audit(const struct place *place)
{
    struct audit *audit = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    if (audit_open(place->path, NULL, &audit, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return audit;
}

static void test_file(void **state)
{
    const struct place *place = *state;
    const mode_t before = umask(0);
    struct audit *audit = open_audit(place);
    (void)umask(before);
    struct audit_record record = limit_record(NULL);
    for (int i = 0; i < 100; i++) { /* successes are never folded */
        audit_write(audit, &record);
    }
    audit_close(audit);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    char *text = slurp(place->path);
    assert_int_equal(count_of(text, "\n"), 100);
    assert_int_equal(count_of(text, "{\"time\":\"20"), 100);
    assert_int_equal(count_of(text, "}\n"), 100);
    free(text);
    audit = open_audit(place); /* appended to, not replaced */
    record.caller = &token;
    audit_write(audit, &record);
    audit_close(audit);
    text = slurp(place->path);
    assert_int_equal(count_of(text, "\n"), 101);
    free(text);
}

static void test_name_of_the_user(void **state)
{
    const struct place *place = *state;
    struct audit *audit = open_audit(place);
    struct caller root = dana;
    root.uid = 0;
    struct audit_record record = limit_record(NULL);
    record.caller = &root;
    audit_write(audit, &record);
    audit_close(audit);
    char *text = slurp(place->path);
    assert_non_null(strstr(text, "\"user\":\"root\",\"event\""));
    free(text);
}

static void test_repeats_are_counted(void **state)
{
    const struct place *place = *state;
    struct audit *audit = open_audit(place);
    struct audit_record refusal = limit_record(NULL);
    refusal.event = AUDIT_REFUSED;
    refusal.code = ZEUS_EBUSY;
    refusal.reason = "held";
    for (int i = 0; i < 5000; i++) {
        refusal.duration_ns = (uint64_t)i;
        audit_write(audit, &refusal);
    }
    refusal.gpu_id = 4; /* another one */
    audit_write(audit, &refusal);
    audit_close(audit);
    char *text = slurp(place->path);
    assert_int_equal(count_of(text, "\n"), 3);
    assert_int_equal(count_of(text, "\"repeated\":4999}"), 1);
    free(text);
}

/* More kinds of refusals than are remembered: none is forgotten uncounted. */
static void test_many_kinds_of_refusals(void **state)
{
    const struct place *place = *state;
    struct audit *audit = open_audit(place);
    struct audit_record refusal = limit_record(NULL);
    refusal.code = ZEUS_EPERM;
    for (uint32_t i = 0; i < 200; i++) {
        refusal.args.a = i;
        audit_write(audit, &refusal);
        audit_write(audit, &refusal);
    }
    audit_close(audit);
    char *text = slurp(place->path);
    assert_int_equal(count_of(text, "\n"), 400);
    assert_int_equal(count_of(text, "\"repeated\":1}"), 200);
    free(text);
}

static void test_rotation(void **state)
{
    const struct place *place = *state;
    char old[160];
    struct audit *audit = open_audit(place);
    const struct audit_record record = limit_record(NULL);
    (void)snprintf(old, sizeof old, "%s.1", place->path);
    audit_write(audit, &record);
    assert_int_equal(rename(place->path, old), 0);
    assert_int_equal(audit_reopen(audit, NULL), 0);
    audit_write(audit, &record);
    audit_close(audit);
    char *first = slurp(old);
    char *second = slurp(place->path);
    assert_int_equal(count_of(first, "\n") + count_of(second, "\n"), 2);
    assert_true(count_of(second, "\n") >= 1);
    free(first);
    free(second);
}

static void test_what_cannot_be_opened(void **state)
{
    const struct place *place = *state;
    struct audit *audit = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(audit_open("/no/such/place/audit", NULL, &audit, &err), ZEUS_ENOTFOUND);
    assert_non_null(strstr(err.message, "/no/such/place/audit"));
    assert_int_equal(symlink("/etc/passwd", place->path), 0);
    assert_true(audit_open(place->path, NULL, &audit, &err) < 0);
    assert_int_equal(unlink(place->path), 0);
    audit = open_audit(place);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(mkdir(place->path, 0700), 0);
    assert_true(audit_reopen(audit, &err) < 0); /* the old one stays in use */
    audit_close(audit);
    audit_close(NULL);
}

struct heard {
    int lines;
    char last[1024];
};

static void hear(uint32_t level, const char *component, const char *text, void *user)
{
    struct heard *heard = user;
    (void)level;
    assert_string_equal(component, "audit");
    heard->lines++;
    (void)snprintf(heard->last, sizeof heard->last, "%s", text);
}

static void test_to_the_log(void **state)
{
    (void)state;
    struct heard heard = {0};
    const struct log_sink sink = {.write = hear, .user = &heard};
    struct audit *audit = NULL;
    assert_int_equal(audit_open(NULL, &sink, &audit, NULL), 0);
    const struct audit_record record = limit_record(NULL);
    audit_write(audit, &record);
    assert_int_equal(audit_reopen(audit, NULL), 0);
    audit_close(audit);
    assert_int_equal(heard.lines, 1);
    assert_int_equal(heard.last[strlen(heard.last) - 1], '}');
    /* A file that cannot be written any more: said once, the lines go to the log. */
    if (access("/dev/full", W_OK) == 0) {
        heard.lines = 0;
        assert_int_equal(audit_open("/dev/full", &sink, &audit, NULL), 0);
        audit_write(audit, &record);
        audit_write(audit, &record);
        audit_close(audit);
        assert_int_equal(heard.lines, 3);
    }
}

struct slow {
    pthread_mutex_t gate;
    unsigned long lines;
    unsigned long lost;
};

static void hear_slowly(uint32_t level, const char *component, const char *text, void *user)
{
    struct slow *slow = user;
    (void)level;
    (void)component;
    pthread_mutex_lock(&slow->gate);
    const char *count = strstr(text, "\"event\":\"lost\",\"count\":");
    if (count) {
        slow->lost += strtoul(count + 23, NULL, 10);
    } else {
        slow->lines++;
    }
    pthread_mutex_unlock(&slow->gate);
}

/* Nobody waits for a stuck log; what does not fit is counted and told. */
static void test_full_queue(void **state)
{
    (void)state;
    struct slow slow = {.gate = PTHREAD_MUTEX_INITIALIZER};
    const struct log_sink sink = {.write = hear_slowly, .user = &slow};
    struct audit *audit = NULL;
    assert_int_equal(audit_open(NULL, &sink, &audit, NULL), 0);
    const struct audit_record record = limit_record(NULL);
    pthread_mutex_lock(&slow.gate);
    for (int i = 0; i < 1200; i++) {
        audit_write(audit, &record);
    }
    pthread_mutex_unlock(&slow.gate);
    audit_close(audit);
    assert_true(slow.lost >= 1200 - 1024 - 1);
    assert_int_equal(slow.lines + slow.lost, 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_a_line_is_bounded),
        cmocka_unit_test(test_time),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name_of_the_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeats_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_kinds_of_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_opened, setup, teardown),
        cmocka_unit_test(test_to_the_log),
        cmocka_unit_test(test_full_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
