/* SPDX-License-Identifier: Apache-2.0
 *
 * Readiness by epoll; an eventfd among the descriptors is the wake-up.
 */
#include "base/readiness.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"

#define AT_ONCE 64

struct readiness {
    int epoll_fd;
    int wake_fd;
};

int readiness_create(struct readiness **ret, zeus_error *err)
{
    struct readiness *r = mem_calloc(1, sizeof(*r));
    if (!r) {
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->epoll_fd < 0 || r->wake_fd < 0 || readiness_watch(r, r->wake_fd, READINESS_READ) < 0) {
        int saved = errno;
        readiness_destroy(r);
        return err_set_os(err, ZEUS_EOS, saved, "epoll");
    }
    *ret = r;
    return 0;
}

void readiness_destroy(struct readiness *r)
{
    if (r) {
        fdio_closep(&r->epoll_fd);
        fdio_closep(&r->wake_fd);
        free(r);
    }
}

int readiness_watch(struct readiness *r, int fd, unsigned what)
{
    struct epoll_event event = {.data.fd = fd};
    if (what == 0) {
        (void)epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
        return 0;
    }
    event.events |= what & READINESS_READ ? (uint32_t)EPOLLIN : 0;
    event.events |= what & READINESS_WRITE ? (uint32_t)EPOLLOUT : 0;
    int status = epoll_ctl(r->epoll_fd, EPOLL_CTL_MOD, fd, &event);
    if (status < 0 && errno == ENOENT) {
        status = epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    return status == 0 ? 0 : errno == ENOMEM ? ZEUS_ENOMEM : ZEUS_EOS;
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

static unsigned what_of(uint32_t events)
{
    unsigned what = events & EPOLLIN ? READINESS_READ : 0;
    what |= events & EPOLLOUT ? READINESS_WRITE : 0;
    return events & (EPOLLERR | EPOLLHUP) ? READINESS_READ | READINESS_WRITE : what;
}

size_t readiness_wait(struct readiness *r, uint64_t until_ns, struct ready *ret, size_t max)
{
    struct epoll_event events[AT_ONCE];
    int n = epoll_wait(r->epoll_fd, events, (int)MIN_OF(max, (size_t)AT_ONCE), wait_ms(until_ns));
    size_t count = 0;
    for (int i = 0; i < n; i++) {
        uint64_t wakes = 0;
        if (events[i].data.fd == r->wake_fd) {
            (void)!read(r->wake_fd, &wakes, sizeof(wakes)); /* what it counts says nothing */
        } else {
            ret[count++] = (struct ready){events[i].data.fd, what_of(events[i].events)};
        }
    }
    return count;
}

void readiness_wake(struct readiness *r)
{
    uint64_t one = 1;
    (void)!write(r->wake_fd, &one, sizeof(one)); /* full: it is awake anyway */
}
