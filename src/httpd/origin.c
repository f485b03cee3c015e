/* SPDX-License-Identifier: Apache-2.0
 *
 * May this request come from where it says? Guards a server on the local network against pages in a
 * browser: a foreign page's name that resolves to us (DNS rebinding) has a Host we do not go by,
 * and a foreign page's request carries an Origin that is not our Host.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "httpd/httpd_private.h"

#define AUTHORITY_MAX 300 /* a DNS name has 253 bytes at most */

/* Length of the host part of "host[:port]", brackets included; 0 when it is malformed. */
static size_t host_length(const char *authority)
{
    size_t len = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":");
    size_t total = strlen(authority);
    if (len > total || len == 0 || total > AUTHORITY_MAX) {
        return 0;
    }
    const char *port = authority + len;
    if (*port == ':') {
        size_t digits = strspn(port + 1, "0123456789");
        return digits <= 5 && port[1 + digits] == '\0' ? len : 0;
    }
    return *port == '\0' ? len : 0;
}

static int is_name(const char *host, size_t len, const char *name)
{
    return strlen(name) == len && strncasecmp(host, name, len) == 0;
}

/* The same address, however the two are written. */
static int is_address(const char *host, size_t len, const char *address)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr a;
    struct in6_addr b;
    int family = AF_INET;
    if (len > 2 && host[0] == '[') {
        family = AF_INET6;
        host++;
        len -= 2;
    }
    if (len >= sizeof(text)) {
        return 0;
    }
    memcpy(text, host, len);
    text[len] = '\0';
    size_t size = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
    return inet_pton(family, text, &a) == 1 && inet_pton(family, address, &b) == 1 &&
           memcmp(&a, &b, size) == 0;
}

static int is_our_host(const struct httpd_origin *o, const char *const *hosts, size_t count)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t len = o->host ? host_length(o->host) : 0;
    if (len == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (is_name(o->host, len, always[i])) {
            return 1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_name(o->host, len, hosts[i])) {
            return 1;
        }
    }
    return o->local_address && is_address(o->host, len, o->local_address);
}

/* "http://HOST" or "https://HOST". "null", the origin of a page without one, is nobody's. */
static int origin_matches(const char *origin, const char *host)
{
    const char *start = strstr(origin, "://");
    if (!start || !host) {
        return 0;
    }
    size_t scheme = (size_t)(start - origin);
    int is_http = is_name(origin, scheme, "http") || is_name(origin, scheme, "https");
    return is_http && strcasecmp(start + 3, host) == 0;
}

int httpd_origin_check(const struct httpd_origin *o, const char *const *hosts, size_t count)
{
    if (o->fetch_site && strcasecmp(o->fetch_site, "cross-site") == 0) {
        return 0;
    }
    if (o->origin && !origin_matches(o->origin, o->host)) {
        return 0;
    }
    return o->is_local || is_our_host(o, hosts, count);
}

static void local_address(const struct httpd_req *req, char *ret, size_t size)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    int fd = httpd_descriptor_of(httpd_call_of(req)->connection);
    ret[0] = '\0';
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        return;
    }
    if (address.ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &((struct sockaddr_in *)&address)->sin_addr, ret, (socklen_t)size);
    } else if (address.ss_family == AF_INET6) {
        const struct in6_addr *in6 = &((struct sockaddr_in6 *)&address)->sin6_addr;
        int is_mapped = IN6_IS_ADDR_V4MAPPED(in6);
        (void)inet_ntop(is_mapped ? AF_INET : AF_INET6,
                        is_mapped ? (const void *)&in6->s6_addr[12] : (const void *)in6, ret,
                        (socklen_t)size);
    }
}

int httpd_origin_allows(const struct httpd_req *req, const char *const *hosts, size_t count)
{
    char address[INET6_ADDRSTRLEN];
    local_address(req, address, sizeof(address));
    struct httpd_origin o = {.host = httpd_header(req, "Host"),
                             .origin = httpd_header(req, "Origin"),
                             .fetch_site = httpd_header(req, "Sec-Fetch-Site"),
                             .local_address = address,
                             .is_local = req->peer.is_local};
    return httpd_origin_check(&o, hosts, count);
}
