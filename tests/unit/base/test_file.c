/* SPDX-License-Identifier: Apache-2.0
 *
 * base/file: whole files, limits, and what must never be replaced by a file.
 */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char folder[] = "/tmp/zeus-test-file-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "link", "target", "pipe"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unlink(in_folder(names[i]));
    }
    return rmdir(folder);
}

static void round_trip_and_limit(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(file_write_all(in_folder("plain"), "old", 3, &err), 0);
    assert_int_equal(file_write_all(in_folder("plain"), "newer", 5, &err), 0);
    assert_int_equal(file_read_all(in_folder("plain"), 5, &text, &len, &err), 0);
    assert_string_equal(text, "newer");
    free(text);
    assert_int_equal(file_read_all(in_folder("plain"), 4, &text, &len, &err), ZEUS_ELIMIT);
    assert_int_equal(file_read_all(in_folder("absent"), 4, &text, &len, &err), ZEUS_ENOTFOUND);
    assert_non_null(strstr(err.message, "absent"));
}

static void a_device_stays_a_device(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(file_write_all("/dev/null", "text", 4, NULL), 0);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
}

static void a_link_stays_a_link(void **state)
{
    (void)state;
    char target[128];
    struct stat status;
    (void)snprintf(target, sizeof(target), "%s", in_folder("target"));
    assert_int_equal(file_write_all(target, "a", 1, NULL), 0);
    assert_int_equal(symlink(target, in_folder("link")), 0);
    assert_int_equal(file_write_all(in_folder("link"), "through", 7, NULL), 0);
    assert_int_equal(lstat(in_folder("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat(target, &status), 0);
    assert_int_equal(status.st_size, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_and_limit),
        cmocka_unit_test(a_device_stays_a_device),
        cmocka_unit_test(a_link_stays_a_link),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
