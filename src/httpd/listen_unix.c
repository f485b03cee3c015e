/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening Unix socket. A socket file is replaced only when nobody can be behind it
 * (connecting is refused); whatever else is at the path stays. Nobody can connect before owner and
 * permissions are right: the file is made with fewer permissions than asked for, and listening
 * comes last.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <zeus/session.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "httpd/httpd_private.h"

#define BACKLOG 4096 /* the system cuts it to net.core.somaxconn */

static int make_parents(const char *path, zeus_error *err)
{
    char *copy _free_ = mem_strdup(path);
    if (!copy) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST) {
            return err_set_os(err, err_from_errno(errno), errno, "socket %s: make directory %s",
                              path, copy);
        }
        *slash = '/';
    }
    return 0;
}

/* errno of connecting to what is there; 0: somebody answers. */
static int try_connect(const struct sockaddr_un *address)
{
    int fd _close_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        return errno;
    }
    return 0;
}

static int clear_place(const struct httpd_options *o, const struct sockaddr_un *address,
                       zeus_error *err)
{
    const char *path = o->unix_path;
    struct stat st;
    if (lstat(path, &st) < 0) {
        return errno == ENOENT ? 0
                               : err_set_os(err, err_from_errno(errno), errno, "socket %s", path);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(err, ZEUS_EINVAL, "socket path %s: exists and is no socket", path);
    }
    int why = try_connect(address);
    if (why == 0 || why == EAGAIN) { /* EAGAIN: its queue is full, so somebody has it open */
        return err_set(err, ZEUS_EBUSY, "socket %s: another server answers on it", path);
    }
    if (why != ECONNREFUSED) {
        return err_set_os(err, err_from_errno(why), why,
                          "socket %s: cannot tell whether it is in use", path);
    }
    log_write(o->log, ZEUS_LOG_WARNING, "httpd",
              "socket %s: left behind by a dead server, replaced", path);
    (void)unlink(path); /* bind says what is wrong if it could not go */
    return 0;
}

static int open_socket(const struct httpd_options *o, const struct sockaddr_un *address)
{
    int fd _close_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* A bound file gets the permissions of its socket, less the umask. */
    if (fd < 0 || fchmod(fd, (mode_t)o->unix_mode & 0600) < 0 ||
        bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        return -errno;
    }
    int must_own = o->unix_uid != UINT32_MAX || o->unix_gid != UINT32_MAX;
    if ((must_own && lchown(o->unix_path, o->unix_uid, o->unix_gid) < 0) ||
        chmod(o->unix_path, (mode_t)o->unix_mode) < 0 || listen(fd, BACKLOG) < 0) {
        int saved = errno;
        (void)unlink(o->unix_path); /* ours, and of no use */
        return -saved;
    }
    int opened = fd;
    fd = -1;
    return opened;
}

int httpd_listen_unix(const struct httpd_options *o, dev_t *ret_device, ino_t *ret_inode,
                      zeus_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(o->unix_path) >= sizeof(address.sun_path)) {
        return err_set(err, ZEUS_EINVAL, "socket path %s: longer than %zu bytes", o->unix_path,
                       sizeof(address.sun_path) - 1);
    }
    strcpy(address.sun_path, o->unix_path);
    int r = clear_place(o, &address, err);
    if (r == 0) {
        r = make_parents(o->unix_path, err);
    }
    if (r < 0) {
        return r;
    }
    int fd = open_socket(o, &address);
    struct stat st = {0};
    if (fd < 0) {
        return err_set_os(err, err_from_errno(-fd), -fd, "listen on socket %s", o->unix_path);
    }
    if (lstat(o->unix_path, &st) == 0) {
        *ret_device = st.st_dev;
        *ret_inode = st.st_ino;
    }
    return fd;
}
