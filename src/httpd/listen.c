/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets, and who is at the other end of an accepted one. Sockets are ours rather than
 * the HTTP library's so that port 0, Unix sockets and their permissions work the same way. A Unix
 * socket left behind by a dead server is replaced; one that answers is not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "httpd/httpd_private.h"

#define BACKLOG 512

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        return 0;
    }
    if (address.ss_family == AF_INET6) {
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    }
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int try_address(const struct addrinfo *a)
{
    int fd _close_ = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        return -errno;
    }
    int opened = fd;
    fd = -1;
    return opened;
}

int httpd_listen_tcp(const char *host, uint16_t port, uint16_t *ret_port, zeus_error *err)
{
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, service, &hints, &found);
    if (status != 0) {
        return err_set(err, ZEUS_EINVAL, "listen address %s: %s", host, gai_strerror(status));
    }
    int fd = -EADDRNOTAVAIL;
    for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
        fd = try_address(a);
    }
    freeaddrinfo(found);
    if (fd < 0) {
        return err_set_os(err, err_from_errno(-fd), -fd, "listen on %s port %u", host,
                          (unsigned)port);
    }
    *ret_port = bound_port(fd);
    return fd;
}

/* 1 when some server answers on the socket. */
static int is_alive(const struct sockaddr_un *address)
{
    int fd _close_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

int httpd_listen_unix(const char *path, unsigned mode, zeus_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return err_set(err, ZEUS_EINVAL, "socket path %s: longer than %zu bytes", path,
                       sizeof(address.sun_path) - 1);
    }
    strcpy(address.sun_path, path);
    struct stat st;
    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            return err_set(err, ZEUS_EINVAL, "socket path %s: exists and is no socket", path);
        }
        if (is_alive(&address)) {
            return err_set(err, ZEUS_EBUSY, "socket %s: another server answers on it", path);
        }
        (void)unlink(path); /* bind below says what is wrong if it could not go */
    }
    int fd _close_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
        chmod(path, (mode_t)mode) < 0 || listen(fd, BACKLOG) < 0) {
        int saved = errno;
        return err_set_os(err, err_from_errno(saved), saved, "listen on socket %s", path);
    }
    int opened = fd;
    fd = -1;
    return opened;
}
