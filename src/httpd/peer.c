/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of a connection: address, credentials or certificate, and whether it is still
 * there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "httpd/httpd_private.h"

int httpd_descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

void httpd_address_of(struct MHD_Connection *connection, char *ret, size_t size)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    ret[0] = '\0';
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        (void)inet_ntop(AF_INET, &in->sin_addr, ret, (socklen_t)size);
    } else if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, ret, (socklen_t)size);
    }
}

/* Who held the other end when it connected. */
static void read_credentials(int fd, struct httpd_peer *ret)
{
    struct ucred who;
    socklen_t len = sizeof(who);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) {
        ret->uid = who.uid;
        ret->gid = who.gid;
        ret->pid = who.pid;
    }
    /* More groups than we have room for: none of them counts, rather than some. */
    len = sizeof(ret->groups);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, ret->groups, &len) == 0) {
        ret->group_count = (unsigned)(len / sizeof(ret->groups[0]));
    }
}

void httpd_peer_of(struct MHD_Connection *connection, struct httpd_peer *ret)
{
    *ret = (struct httpd_peer){.uid = UINT32_MAX, .gid = UINT32_MAX};
    httpd_address_of(connection, ret->address, sizeof(ret->address));
    if (ret->address[0]) {
        httpd_tls_name(connection, ret->certificate, sizeof(ret->certificate));
        return;
    }
    ret->is_local = 1;
    strcpy(ret->address, "unix");
    read_credentials(httpd_descriptor_of(connection), ret);
}

int httpd_peer_gone(struct httpd_ticket ticket)
{
    char byte;
    ssize_t n = recv(httpd_descriptor_of(httpd_call_of(ticket.req)->connection), &byte, 1,
                     MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
