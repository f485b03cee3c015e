/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading small attribute files.
 */
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/err.h"
#include "base/parse.h"

static int open_checked(int dir_fd, const char *path, int flags)
{
    int fd;
    do {
        fd = openat(dir_fd, path, flags | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : err_from_errno(errno);
}

int fdio_open_read(int dir_fd, const char *path)
{
    return open_checked(dir_fd, path, O_RDONLY);
}

int fdio_open_dir(int dir_fd, const char *path)
{
    return open_checked(dir_fd, path, O_RDONLY | O_DIRECTORY);
}

int fdio_read_text(int fd, char *buffer, size_t size)
{
    if (size == 0) {
        return ZEUS_EINVAL;
    }
    size_t used = 0;
    while (used < size) {
        ssize_t n = pread(fd, buffer + used, size - used, (off_t)used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        if (n == 0) {
            break;
        }
        used += (size_t)n;
        /* A value ends at its newline; sysfs hands a whole attribute over in one read. */
        if (memchr(buffer + used - n, '\n', (size_t)n)) {
            break;
        }
    }
    const char *newline = memchr(buffer, '\n', used);
    if (!newline && used == size) {
        return ZEUS_ELIMIT;
    }
    size_t len = newline ? (size_t)(newline - buffer) : used;
    buffer[len] = '\0';
    return (int)len;
}

int fdio_read_all(int fd, char *buffer, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t n = pread(fd, buffer + used, size - used, (off_t)used);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        if (n == 0) {
            buffer[used] = '\0';
            return (int)used;
        }
        used += (size_t)n;
    }
    return ZEUS_ELIMIT;
}

int fdio_read_file(int dir_fd, const char *path, char *buffer, size_t size)
{
    int fd _close_ = fdio_open_read(dir_fd, path);
    if (fd < 0) {
        return fd;
    }
    return fdio_read_text(fd, buffer, size);
}

int fdio_read_u64(int fd, uint64_t *ret_value)
{
    char text[32];
    int len = fdio_read_text(fd, text, sizeof(text));
    if (len < 0) {
        return len == ZEUS_ELIMIT ? ZEUS_EPARSE : len;
    }
    return parse_u64(text, (size_t)len, ret_value);
}

int fdio_read_file_u64(int dir_fd, const char *path, uint64_t *ret_value)
{
    int fd _close_ = fdio_open_read(dir_fd, path);
    if (fd < 0) {
        return fd;
    }
    return fdio_read_u64(fd, ret_value);
}

void fdio_closep(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}
