/* SPDX-License-Identifier: Apache-2.0
 *
 * base/trusted_file: what is read, what is refused and why.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/trusted_file.h"
#include "testdir.h"

static struct testdir dir;
static char path[128];

static int set_up(void **state)
{
    (void)state;
    testdir_create(&dir);
    (void)snprintf(path, sizeof(path), "%s/file", dir.path);
    testdir_write(&dir, "file", "%s", "hello\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    testdir_remove(&dir);
    return 0;
}

static int read_with_mode(mode_t mode, struct trusted_file *file, zeus_error *err)
{
    assert_int_equal(chmod(path, mode), 0);
    return trusted_file_read(path, 100, file, err);
}

static void modes(void **state)
{
    (void)state;
    struct trusted_file file;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(read_with_mode(0644, &file, &err), 0);
    assert_string_equal(file.text, "hello\n");
    assert_int_equal(file.len, 6);
    assert_int_equal(file.is_group_writable, 0);
    free(file.text);
    assert_int_equal(read_with_mode(0664, &file, &err), 0);
    assert_int_equal(file.is_group_writable, 1);
    free(file.text);
    assert_int_equal(read_with_mode(0646, &file, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "everybody may write it"));
    assert_int_equal(chmod(path, 0600), 0);
}

static void sizes(void **state)
{
    (void)state;
    struct trusted_file file;
    zeus_error err = ZEUS_ERROR_INIT;
    assert_int_equal(trusted_file_read(path, 5, &file, &err), ZEUS_ELIMIT);
    assert_non_null(strstr(err.message, "larger than 5 bytes"));
    assert_int_equal(trusted_file_read(path, 6, &file, &err), 0);
    free(file.text);
}

static void not_a_file(void **state)
{
    (void)state;
    struct trusted_file file;
    zeus_error err = ZEUS_ERROR_INIT;
    char other[160];
    assert_int_equal(trusted_file_read(dir.path, 100, &file, &err), ZEUS_EINVAL);
    assert_non_null(strstr(err.message, "not a regular file"));
    (void)snprintf(other, sizeof(other), "%s/pipe", dir.path);
    assert_int_equal(mkfifo(other, 0600), 0);
    assert_int_equal(trusted_file_read(other, 100, &file, &err), ZEUS_EINVAL);
    (void)snprintf(other, sizeof(other), "%s/none", dir.path);
    assert_int_equal(trusted_file_read(other, 100, &file, &err), ZEUS_ENOTFOUND);
}

static void another_owner(void **state)
{
    (void)state;
    struct trusted_file file;
    zeus_error err = ZEUS_ERROR_INIT;
    if (geteuid() != 0) {
        print_message("not root: files of another owner cannot be made\n");
        return;
    }
    assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
    assert_int_equal(trusted_file_read(path, 100, &file, &err), ZEUS_EPERM);
    assert_non_null(strstr(err.message, "owned by user 12345"));
    assert_int_equal(chown(path, 0, (gid_t)-1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(modes), cmocka_unit_test(sizes),
                                       cmocka_unit_test(not_a_file),
                                       cmocka_unit_test(another_owner)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
