/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a stream to its connection, plain or TLS, never waiting. What of a piece did not fit is
 * kept and goes first when the socket takes more; pieces not begun are the caller's to count.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <gnutls/gnutls.h>

#include "base/macro.h"
#include "httpd/hub_private.h"

struct hub_piece hub_write_form(const struct hub_stream *s, const struct hub_event *event)
{
    uint32_t start = s->has_ids ? event->id_at : 0;
    uint32_t end = s->has_ids ? event->len : event->id_at;
    if (!s->is_chunked) {
        start += event->head_len[s->has_ids];
        end -= 2;
    }
    return (struct hub_piece){event->bytes + start, end - start};
}

struct hub_piece hub_write_comment(const struct hub_stream *s, const char *text, char *buffer,
                                   size_t size)
{
    int n = s->is_chunked ? snprintf(buffer, size, "%zx\r\n: %s\n\n\r\n", strlen(text) + 4, text)
                          : snprintf(buffer, size, ": %s\n\n", text);
    ZEUS_ASSERT(n > 0 && (size_t)n < size);
    return (struct hub_piece){buffer, (size_t)n};
}

/* Bytes taken, 0 when the socket is full, negative when it is dead. */
static ssize_t put_plain(const struct hub_stream *s, const struct hub_piece *pieces, size_t count)
{
    struct iovec parts[HUB_PIECES_MAX];
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct iovec){(void *)(uintptr_t)pieces[i].data, pieces[i].len};
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t n;
    do {
        n = count == 1 ? send(s->fd, pieces[0].data, pieces[0].len, MSG_NOSIGNAL | MSG_DONTWAIT)
                       : sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
    }
    return n;
}

/* A record that is half out must be offered again, and is: its piece is kept whole. */
static ssize_t put_tls(const struct hub_stream *s, const struct hub_piece *pieces, size_t count)
{
    ssize_t total = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < pieces[i].len) {
            ssize_t n = gnutls_record_send(s->tls, pieces[i].data + at, pieces[i].len - at);
            if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
                return total;
            }
            if (n < 0) {
                return -1;
            }
            at += (size_t)n;
            total += n;
        }
    }
    return total;
}

static ssize_t put(struct hub_stream *s, const struct hub_piece *pieces, size_t count)
{
    ssize_t n = s->tls ? put_tls(s, pieces, count) : put_plain(s, pieces, count);
    if (n > 0) {
        (void)flag_add(&s->hub->bytes, (uint64_t)n);
        s->last_ns = s->hub->now_ns;
    }
    return n;
}

static int set_blocked(struct hub_stream *s, int is_blocked)
{
    if (s->is_blocked == is_blocked) {
        return 0;
    }
    s->is_blocked = is_blocked;
    struct epoll_event want = {.events = EPOLLRDHUP | (is_blocked ? EPOLLOUT : 0u), .data.ptr = s};
    return epoll_ctl(s->hub->epoll_fd, EPOLL_CTL_MOD, s->fd, &want) < 0 ? ZEUS_EOS : 0;
}

static int keep(struct hub_stream *s, const char *data, size_t len)
{
    free(s->carry);
    s->carry = malloc(len);
    if (!s->carry) {
        return ZEUS_ENOMEM; /* a stream with a hole in it is of no use */
    }
    memcpy(s->carry, data, len);
    s->carry_at = 0;
    s->carry_len = len;
    return 0;
}

int hub_write(struct hub_stream *s, const struct hub_piece *pieces, size_t count)
{
    ssize_t put_bytes = put(s, pieces, count);
    if (put_bytes < 0) {
        return ZEUS_ECLOSED;
    }
    size_t left = (size_t)put_bytes;
    for (size_t i = 0; i < count; i++) {
        if (left >= pieces[i].len) {
            left -= pieces[i].len;
            continue;
        }
        /* TLS has the start of the record it could not send: that piece must go on. */
        int is_begun = left > 0 || s->tls;
        int r = is_begun ? keep(s, pieces[i].data + left, pieces[i].len - left) : 0;
        if (r == 0) {
            r = set_blocked(s, 1);
        }
        return r < 0 ? r : (int)i + is_begun;
    }
    return (int)count;
}

int hub_write_kept(struct hub_stream *s)
{
    if (s->carry) {
        struct hub_piece rest = {s->carry + s->carry_at, s->carry_len - s->carry_at};
        ssize_t n = put(s, &rest, 1);
        if (n < 0) {
            return ZEUS_ECLOSED;
        }
        s->carry_at += (size_t)n;
        if (s->carry_at < s->carry_len) {
            int r = set_blocked(s, 1);
            return r < 0 ? r : 0;
        }
        free(s->carry);
        s->carry = NULL;
    }
    int r = set_blocked(s, 0);
    return r < 0 ? r : 1;
}
