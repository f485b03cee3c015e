/* SPDX-License-Identifier: Apache-2.0
 *
 * A raw HTTP client for tests, over blocking sockets and poll.
 */
#include "http_peer.h"

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 20000

static void open_peer(struct peer *p, int family, const struct sockaddr *address, socklen_t len)
{
    *p = (struct peer){.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0),
                       .text = calloc(1, PEER_TEXT_MAX + 1)};
    assert_true(p->fd >= 0);
    assert_non_null(p->text);
    assert_int_equal(connect(p->fd, address, len), 0);
}

void peer_unix(struct peer *p, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    open_peer(p, AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
}

void peer_tcp(struct peer *p, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    open_peer(p, AF_INET, (const struct sockaddr *)&address, sizeof(address));
}

void peer_done(struct peer *p)
{
    if (p->fd >= 0) {
        (void)close(p->fd);
    }
    free(p->text);
    *p = (struct peer){.fd = -1};
}

void peer_send(struct peer *p, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = send(p->fd, text, len, MSG_NOSIGNAL);
        if (n < 0) {
            return; /* refused before all of it was sent: the answer can be read */
        }
        text += n;
        len -= (size_t)n;
    }
}

void peer_read(struct peer *p)
{
    struct pollfd want = {.fd = p->fd, .events = POLLIN};
    if (poll(&want, 1, WAIT_MS) != 1) {
        fail_msg("nothing more came after: %s", p->text);
    }
    assert_true(p->len < PEER_TEXT_MAX);
    ssize_t n = recv(p->fd, p->text + p->len, PEER_TEXT_MAX - p->len, 0);
    if (n <= 0) {
        p->is_closed = 1;
        return;
    }
    p->len += (size_t)n;
    p->text[p->len] = '\0';
}

char *peer_wait(struct peer *p, const char *what)
{
    char *found;
    while (!(found = strstr(p->text, what))) {
        if (p->is_closed) {
            fail_msg("closed before '%s' came: %s", what, p->text);
        }
        peer_read(p);
    }
    return found;
}

void peer_wait_closed(struct peer *p)
{
    while (!p->is_closed) {
        peer_read(p);
    }
}

static size_t content_length(const struct peer *p)
{
    const char *at = strcasestr(p->text, "\r\nContent-Length: ");
    return at ? strtoul(at + 18, NULL, 10) : 0;
}

int peer_reply(struct peer *p)
{
    size_t head = (size_t)(peer_wait(p, "\r\n\r\n") - p->text) + 4;
    size_t whole = head + content_length(p);
    while (p->len < whole) {
        assert_false(p->is_closed);
        peer_read(p);
    }
    assert_int_equal(strncmp(p->text, "HTTP/1.1 ", 9), 0);
    return atoi(p->text + 9);
}

const char *peer_body(const struct peer *p)
{
    const char *end = strstr(p->text, "\r\n\r\n");
    return end ? end + 4 : "";
}

int peer_has_header(const struct peer *p, const char *line)
{
    char want[256];
    (void)snprintf(want, sizeof(want), "\r\n%s\r\n", line);
    const char *found = strcasestr(p->text, want);
    return found && found < strstr(p->text, "\r\n\r\n") + 2;
}

void peer_skip(struct peer *p, const char *what)
{
    const char *end = peer_wait(p, what) + strlen(what);
    p->len -= (size_t)(end - p->text);
    memmove(p->text, end, p->len + 1);
}

int peer_ask(struct peer *p, const char *method, const char *target, const char *extra)
{
    p->len = 0;
    p->text[0] = '\0';
    peer_send(p, method);
    peer_send(p, " ");
    peer_send(p, target);
    peer_send(p, " HTTP/1.1\r\nHost: localhost\r\n");
    peer_send(p, extra ? extra : "");
    peer_send(p, "\r\n");
    return peer_reply(p);
}
