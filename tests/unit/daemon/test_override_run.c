/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/override_run.c, override_child.c, override_site.c: real commands, what they see, how they
 * end, and what the client is told.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macro.h"
#include "daemon/override_file.h"
#include "daemon/override_run.h"
#include "testdir.h"

#define TEXT_SIZE 4096

struct logged {
    int lines;
    char last[512];
};

static void log_line(uint32_t level, const char *component, const char *text, void *user)
{
    struct logged *logged = user;
    (void)level;
    (void)component;
    logged->lines++;
    (void)snprintf(logged->last, sizeof logged->last, "%s", text);
}

static struct override_set *parse(const char *body)
{
    char text[1024];
    struct override_set *set = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    (void)snprintf(text, sizeof text, "[set_power_limit]\n%s\n", body);
    if (override_file_parse(text, strlen(text), "o.toml", &set, &err) < 0) {
        fail_msg("%s: %s", text, err.message);
    }
    return set;
}

/* Runs a file with this body for GPU 2 and 253999 mW. */
static int run(const char *body, char text[TEXT_SIZE])
{
    struct override_set *set = parse(body);
    const struct override_args args = {.gpu_id = 2, .a = 253999};
    text[0] = '\0';
    int r = override_set_run(set, WRITE_POWER_LIMIT, &args, NULL, text, TEXT_SIZE);
    override_set_destroy(set);
    return r;
}

static void assert_told(const char *text, const char *expected)
{
    if (!strstr(text, expected)) {
        fail_msg("%s\nlacks: %s", text, expected);
    }
}

static void test_exit_0_is_success(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(run("commands=[\"true\"]", text), 0);
    assert_string_equal(text, "");
}

static void test_arguments_arrive(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(
        run("commands=['sh -c \"echo $0-$1-$2; exit 3\" {gpu_id} {power_limit_w} \"a b\"']", text),
        ZEUS_EIO);
    assert_told(text, "2-253-a b");
}

static void test_exit_7_is_told(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(run("commands=[\"sh -c 'echo to out; echo to err >&2; exit 7'\"]", text),
                     ZEUS_EIO);
    assert_told(text, "exit code 7");
    assert_told(text, "stdout:\nto out");
    assert_told(text, "stderr:\nto err");
    assert_told(text, "sh -c 'echo to out; echo to err >&2; exit 7'");
}

static void test_death_by_signal(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(run("commands=[\"sh -c 'kill -TERM $$'\"]", text), ZEUS_EIO);
    assert_told(text, "killed by signal 15");
}

static void test_pattern_after_exit_0(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(run("commands=[\"sh -c 'echo No Permission >&2'\"]\n"
                         "error_pattern=\"(?i)no permission\"",
                         text),
                     ZEUS_EIO);
    assert_told(text, "matched error_pattern");
    assert_told(text, "No Permission");
    assert_int_equal(run("commands=[\"echo fine\"]\nerror_pattern=\"(?i)no permission\"", text), 0);
    /* The two outputs are searched as one text; what is no UTF-8 does not hide what follows. */
    assert_int_equal(run("commands=[\"sh -c 'printf \\\"\\\\377bad\\\"'\"]\n"
                         "error_pattern=\"bad$\"",
                         text),
                     ZEUS_EIO);
    assert_told(text, "\xEF\xBF\xBD"
                      "bad");
}

static void test_timeout_kills_and_reaps(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    const uint64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(run("commands=[\"sh -c 'echo $$; exec sleep 100'\"]\ntimeout_s=1", text),
                     ZEUS_EIO);
    assert_told(text, "timed out after 1s");
    assert_true(clock_monotonic_ns() - begin_ns < 10000000000ull);
    const char *pid = strstr(text, "stdout:\n");
    assert_non_null(pid);
    assert_int_equal(kill((pid_t)atoi(pid + 8), 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* The whole group goes, and a grandchild does not stretch the limit. */
static void test_timeout_kills_grandchildren(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    const uint64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(run("commands=[\"sh -c 'sleep 100 & echo $!; wait'\"]\ntimeout_s=1", text),
                     ZEUS_EIO);
    assert_true(clock_monotonic_ns() - begin_ns < 10000000000ull);
    const char *pid = strstr(text, "stdout:\n");
    assert_non_null(pid);
    /* Nobody of ours reaps an orphan: it is gone or a zombie; either way it runs no more. */
    char path[64];
    char line[256] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", atoi(pid + 8));
    for (int i = 0; i < 1000; i++) {
        FILE *file = fopen(path, "re");
        if (!file || !fgets(line, sizeof line, file) || strstr(line, ") Z ")) {
            line[0] = '\0';
        }
        if (file) {
            (void)fclose(file);
        }
        if (line[0] == '\0') {
            break;
        }
        clock_sleep_until_ns(clock_monotonic_ns() + 1000000);
    }
    assert_string_equal(line, "");
}

static void test_lingering_grandchild(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    const uint64_t begin_ns = clock_monotonic_ns();
    assert_int_equal(run("commands=[\"sh -c 'sleep 5 &'\"]", text), 0);
    assert_int_equal(run("commands=[\"sh -c 'sleep 5 &'\"]\nerror_pattern=\"x\"", text), ZEUS_EIO);
    assert_told(text, "not collected");
    assert_true(clock_monotonic_ns() - begin_ns < 4500000000ull);
}

static void test_missing_program(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    assert_int_equal(run("commands=[\"/no/such/program --x\"]", text), ZEUS_EIO);
    assert_told(text, "could not be spawned");
    assert_told(text, "/no/such/program --x");
    assert_told(text, "No such file");
}

static void test_first_failure_ends_the_sequence(void **state)
{
    (void)state;
    struct testdir dir;
    char body[300];
    char text[TEXT_SIZE];
    testdir_create(&dir);
    (void)snprintf(body, sizeof body, "commands=[\"touch %s/a\", \"false\", \"touch %s/b\"]",
                   dir.path, dir.path);
    assert_int_equal(run(body, text), ZEUS_EIO);
    assert_int_equal(faccessat(dir.fd, "a", F_OK, 0), 0);
    assert_int_equal(faccessat(dir.fd, "b", F_OK, 0), -1);
    testdir_remove(&dir);
}

/* What a command finds around itself. */
static void test_surroundings(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    int open_one = open("/dev/null", O_RDONLY); /* not close-on-exec, as a library's may be */
    assert_true(open_one > 2);
    (void)setenv("ZEUSD_TOKEN", "secret", 1);
    assert_int_equal(run("commands=[\"sh -c 'env | sort; exit 1'\"]", text), ZEUS_EIO);
    assert_told(text, "LANG=C\n");
    assert_told(text, "PATH=");
    assert_null(strstr(text, "ZEUSD_TOKEN"));
    assert_null(strstr(text, "HOME="));
    assert_int_equal(run("commands=[\"sh -c 'ls /proc/self/fd; exit 1'\"]", text), ZEUS_EIO);
    assert_told(text, "stdout:\n0\n1\n2\n3\n"); /* 3 is ls's own */
    assert_null(strstr(text, "\n4\n"));
    assert_int_equal(run("commands=[\"sh -c 'readlink /proc/self/fd/0; exit 1'\"]", text),
                     ZEUS_EIO);
    assert_told(text, "/dev/null");
    /* A session and a group of its own: fields 1, 5 and 6 of its stat are one number. */
    assert_int_equal(run("commands=[\"sh -c 'read pid name state parent group session rest "
                         "</proc/self/stat; test $group = $session'\"]",
                         text),
                     0);
    assert_int_equal(run("commands=[\"sh -c 'grep SigBlk /proc/self/status; exit 1'\"]", text),
                     ZEUS_EIO);
    assert_told(text, "SigBlk:\t0000000000000000");
    (void)close(open_one);
}

static void test_output_is_bounded(void **state)
{
    (void)state;
    char text[TEXT_SIZE];
    const char *flood = "commands=[\"sh -c 'yes flood | head -c 300000; echo end >&2; exit 1'\"]";
    assert_int_equal(run(flood, text), ZEUS_EIO);
    assert_told(text, "stdout (cut off):");
    assert_told(text, "stderr:\nend"); /* still has its share */
    assert_true(strlen(text) < TEXT_SIZE);
    assert_int_equal(run("commands=[\"sh -c 'yes flood | head -c 300000'\"]", text), 0);
    assert_int_equal(
        run("commands=[\"sh -c 'yes flood | head -c 300000'\"]\nerror_pattern=\"x\"", text),
        ZEUS_EIO);
    assert_told(text, "longer than 65536 bytes");
    /* A command line of any length leaves room for the reason. */
    char body[900];
    (void)snprintf(body, sizeof body, "commands=[\"sh -c 'exit 9' %0700d\"]", 1);
    assert_int_equal(run(body, text), ZEUS_EIO);
    assert_told(text, "...: exit code 9");
}

static void test_stop_kills(void **state)
{
    (void)state;
    int stop[2];
    char text[TEXT_SIZE] = "";
    assert_int_equal(pipe(stop), 0);
    (void)close(stop[1]); /* readable: the daemon stops */
    struct override_set *set = parse("commands=[\"sleep 100\"]");
    const struct override_args args = {.gpu_id = 0, .stop_fd = stop[0]};
    assert_int_equal(override_set_run(set, WRITE_POWER_LIMIT, &args, NULL, text, sizeof text),
                     ZEUS_EIO);
    assert_told(text, "the daemon stops");
    override_set_destroy(set);
    (void)close(stop[0]);
}

static void test_a_line_in_the_log(void **state)
{
    (void)state;
    struct logged logged = {0};
    const struct log_sink sink = {.write = log_line, .user = &logged};
    const struct override_args args = {.gpu_id = 2};
    char text[TEXT_SIZE] = "";
    struct override_set *set = parse("commands=[\"true {gpu_id}\", \"false\"]");
    assert_int_equal(override_set_run(set, WRITE_POWER_LIMIT, &args, &sink, text, sizeof text),
                     ZEUS_EIO);
    assert_int_equal(logged.lines, 2);
    assert_non_null(strstr(logged.last, "false: exit code 1 after"));
    override_set_destroy(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit_0_is_success),
        cmocka_unit_test(test_arguments_arrive),
        cmocka_unit_test(test_exit_7_is_told),
        cmocka_unit_test(test_death_by_signal),
        cmocka_unit_test(test_pattern_after_exit_0),
        cmocka_unit_test(test_timeout_kills_and_reaps),
        cmocka_unit_test(test_timeout_kills_grandchildren),
        cmocka_unit_test(test_lingering_grandchild),
        cmocka_unit_test(test_missing_program),
        cmocka_unit_test(test_first_failure_ends_the_sequence),
        cmocka_unit_test(test_surroundings),
        cmocka_unit_test(test_output_is_bounded),
        cmocka_unit_test(test_stop_kills),
        cmocka_unit_test(test_a_line_in_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
