/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening TCP sockets, and those a service manager made for us. They are ours rather than the
 * HTTP library's so that port 0, Unix sockets and inherited ones work the same way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "httpd/httpd_private.h"

#define BACKLOG 512

uint16_t httpd_listen_port(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        return 0;
    }
    if (address.ss_family == AF_INET6) {
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    }
    return address.ss_family == AF_INET ? ntohs(((struct sockaddr_in *)&address)->sin_port) : 0;
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
    *ret_port = httpd_listen_port(fd);
    return fd;
}

int httpd_listen_adopt(int fd, int *ret_is_unix, zeus_error *err)
{
    int domain = 0;
    int listens = 0;
    socklen_t len = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0) {
        return err_set_os(err, ZEUS_EINVAL, errno, "inherited descriptor %d", fd);
    }
    len = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens) {
        return err_set(err, ZEUS_EINVAL, "inherited descriptor %d: no listening socket", fd);
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "inherited descriptor %d", fd);
    }
    *ret_is_unix = domain == AF_UNIX;
    return 0;
}
