/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and replacing whole files.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

static int fail(zeus_error *err, const char *what, const char *path)
{
    const int saved = errno;
    return err_set_os(err, err_from_errno(saved), saved, "cannot %s %s", what, path);
}

/* Reads on until the end. The size is only a hint: pipes and /proc say 0. */
static int read_rest(int fd, const char *path, size_t max, char **text, size_t *ret_len,
                     zeus_error *err)
{
    size_t capacity = 0;
    size_t len = 0;
    struct stat st;
    size_t want = 4096;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && (unsigned long long)st.st_size < max) {
        want = (size_t)st.st_size + 2;
    }
    for (;;) {
        const size_t need =
            MIN_OF(len + want, max + 2); /* one byte past the limit shows it broken */
        const int code = mem_grow(text, &capacity, need, 1, max + 2);
        if (code < 0) {
            return err_set(err, code, "%s: larger than %zu bytes, or out of memory", path, max);
        }
        const ssize_t got = read(fd, *text + len, capacity - len - 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(err, "read", path);
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
        if (len > max) {
            return err_set(err, ZEUS_ELIMIT, "%s: larger than %zu bytes", path, max);
        }
        want = capacity - len > 1 ? capacity - len : 2;
    }
    (*text)[len] = '\0';
    *ret_len = len;
    return 0;
}

int file_read_all(const char *path, size_t max, char **ret_text, size_t *ret_len, zeus_error *err)
{
    int fd _close_ = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fail(err, "open", path);
    }
    char *text = NULL;
    size_t len = 0;
    const int code = read_rest(fd, path, max, &text, &len, err);
    if (code < 0) {
        free(text);
        return code;
    }
    *ret_text = text;
    *ret_len = len;
    return 0;
}

static int write_rest(int fd, const char *text, size_t len)
{
    while (len > 0) {
        const ssize_t put = write(fd, text, len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return -1;
        }
        text += put;
        len -= (size_t)put;
    }
    return 0;
}

/* A device, a pipe, a link to something: what must be written into and never replaced. */
static int must_keep(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static int write_into(const char *path, const char *text, size_t len, zeus_error *err)
{
    int fd _close_ = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0) {
        return fail(err, "open", path);
    }
    return write_rest(fd, text, len) < 0 ? fail(err, "write", path) : 0;
}

int file_write_all(const char *path, const char *text, size_t len, zeus_error *err)
{
    if (must_keep(path)) {
        return write_into(path, text, len, err);
    }
    const size_t size = strlen(path) + 32;
    char *temporary _free_ = mem_calloc(size, 1);
    if (!temporary) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    (void)snprintf(temporary, size, "%s.%ld.tmp", path, (long)getpid());
    int fd _close_ = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return fail(err, "create", temporary);
    }
    int code = 0;
    if (write_rest(fd, text, len) < 0 || fsync(fd) < 0) {
        code = fail(err, "write", temporary);
    } else if (rename(temporary, path) < 0) {
        code = fail(err, "replace", path);
    }
    if (code < 0) {
        (void)unlink(temporary); /* best effort: the first failure is what is reported */
    }
    return code;
}
