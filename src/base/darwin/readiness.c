/* SPDX-License-Identifier: Apache-2.0
 *
 * Readiness by poll, for systems without epoll: a wait looks at every descriptor. A pipe among them
 * is the wake-up.
 */
#include "base/readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

#define FDS_MAX (1u << 20)

struct readiness {
    int wake_fds[2];
    struct pollfd *fds; /* owned; the first is the pipe */
    size_t count;
    size_t capacity;
    size_t next; /* where the next wait begins to tell, so that all have their turn */
};

int readiness_create(struct readiness **ret, zeus_error *err)
{
    struct readiness *r = mem_calloc(1, sizeof(*r));
    if (!r) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    r->wake_fds[0] = r->wake_fds[1] = -1;
    int status = pipe(r->wake_fds);
    for (int i = 0; i < 2 && status == 0; i++) {
        status = fcntl(r->wake_fds[i], F_SETFL, O_NONBLOCK) < 0 ||
                 fcntl(r->wake_fds[i], F_SETFD, FD_CLOEXEC) < 0;
    }
    if (status != 0 || readiness_watch(r, r->wake_fds[0], READINESS_READ) < 0) {
        int saved = errno;
        readiness_destroy(r);
        return err_set_os(err, ZEUS_EOS, saved, "pipe");
    }
    *ret = r;
    return 0;
}

void readiness_destroy(struct readiness *r)
{
    if (r) {
        fdio_closep(&r->wake_fds[0]);
        fdio_closep(&r->wake_fds[1]);
        free(r->fds);
        free(r);
    }
}

int readiness_watch(struct readiness *r, int fd, unsigned what)
{
    size_t at = 0;
    while (at < r->count && r->fds[at].fd != fd) {
        at++;
    }
    if (what == 0) {
        if (at < r->count) {
            r->fds[at] = r->fds[--r->count];
        }
        return 0;
    }
    if (at == r->count) {
        if (mem_grow(&r->fds, &r->capacity, r->count + 1, sizeof(*r->fds), FDS_MAX) < 0) {
            return ZEUS_ENOMEM;
        }
        r->count++;
    }
    r->fds[at] = (struct pollfd){.fd = fd};
    r->fds[at].events =
        (short)((what & READINESS_READ ? POLLIN : 0) | (what & READINESS_WRITE ? POLLOUT : 0));
    return 0;
}

static int wait_ms(uint64_t until_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (until_ns == UINT64_MAX) {
        return -1;
    }
    if (until_ns <= now_ns) {
        return 0;
    }
    return (int)MIN_OF((until_ns - now_ns + 999999u) / 1000000u, (uint64_t)INT_MAX);
}

static unsigned what_of(short events)
{
    unsigned what = events & POLLIN ? READINESS_READ : 0;
    what |= events & POLLOUT ? READINESS_WRITE : 0;
    return events & (POLLERR | POLLHUP | POLLNVAL) ? READINESS_READ | READINESS_WRITE : what;
}

size_t readiness_wait(struct readiness *r, uint64_t until_ns, struct ready *ret, size_t max)
{
    char bytes[64];
    size_t count = 0;
    if (poll(r->fds, (nfds_t)r->count, wait_ms(until_ns)) <= 0) {
        return 0;
    }
    for (size_t i = 0; i < r->count && count < max; i++) {
        const struct pollfd *at = &r->fds[(r->next + i) % r->count];
        if (at->revents && at->fd == r->wake_fds[0]) {
            while (read(r->wake_fds[0], bytes, sizeof(bytes)) > 0) {
                continue;
            }
        } else if (at->revents) {
            ret[count++] = (struct ready){at->fd, what_of(at->revents)};
        }
    }
    r->next = (r->next + 1) % r->count;
    return count;
}

void readiness_wake(struct readiness *r)
{
    char byte = 1;
    (void)!write(r->wake_fds[1], &byte, 1); /* full: it is awake anyway */
}
