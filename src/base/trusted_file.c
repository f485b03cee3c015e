/* SPDX-License-Identifier: Apache-2.0
 *
 * Open, ask who could have written it, read: all on one descriptor.
 */
#include "base/trusted_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

static int check_owner(const char *path, const struct stat *st, zeus_error *err)
{
    if (!S_ISREG(st->st_mode)) {
        return err_set(err, ZEUS_EINVAL, "%s: not a regular file", path);
    }
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        return err_set(err, ZEUS_EPERM, "%s: owned by user %lu, not by root or by this process",
                       path, (unsigned long)st->st_uid);
    }
    if (st->st_mode & S_IWOTH) {
        return err_set(err, ZEUS_EPERM, "%s: everybody may write it (chmod o-w it)", path);
    }
    return 0;
}

static int read_bytes(int fd, const char *path, size_t max, char **ret_text, size_t *ret_len,
                      zeus_error *err)
{
    char *text _free_ = mem_calloc(max + 2, 1);
    if (!text) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, text + len, max + 1 - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int saved = errno;
            return err_set_os(err, err_from_errno(saved), saved, "read %s", path);
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
        if (len > max) {
            return err_set(err, ZEUS_ELIMIT, "%s: larger than %zu bytes", path, max);
        }
    }
    *ret_text = TAKE(text);
    *ret_len = len;
    return 0;
}

int trusted_file_read(const char *path, size_t max, struct trusted_file *ret, zeus_error *err)
{
    /* Not blocking: a pipe in its place is refused, not waited for. */
    int fd _close_ = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "%s", path);
    }
    int r = check_owner(path, &st, err);
    if (r < 0) {
        return r;
    }
    struct trusted_file file = {.is_group_writable = (st.st_mode & S_IWGRP) != 0};
    r = read_bytes(fd, path, max, &file.text, &file.len, err);
    if (r == 0) {
        *ret = file;
    }
    return r;
}
