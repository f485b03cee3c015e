/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of a connection: address or credentials, and whether it is still there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "httpd/httpd_private.h"

static int descriptor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

void httpd_peer_of(struct MHD_Connection *connection, struct httpd_peer *ret)
{
    *ret = (struct httpd_peer){.uid = UINT32_MAX};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    if (address && address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        (void)inet_ntop(AF_INET, &in->sin_addr, ret->address, sizeof(ret->address));
        return;
    }
    if (address && address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, ret->address, sizeof(ret->address));
        return;
    }
    ret->is_local = 1;
    strcpy(ret->address, "unix");
    struct ucred who;
    socklen_t len = sizeof(who);
    if (getsockopt(descriptor_of(connection), SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) {
        ret->uid = who.uid;
    }
}

int httpd_peer_gone(struct httpd_ticket ticket)
{
    const struct httpd_call *call = (const struct httpd_call *)(const void *)ticket.req;
    char byte;
    ssize_t n = recv(descriptor_of(call->connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
