/* SPDX-License-Identifier: Apache-2.0
 *
 * The lead, the alarm and the turn. Who leads is decided under the lock; handing the lead over
 * through it is what makes the library, which has no threads of its own, safe.
 */
#include "httpd/poller.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fdio.h"
#include "base/macro.h"
#include "base/mem.h"
#include "base/thread.h"
#include "httpd/httpd_private.h"

#define ALARM_NS 5000000 /* work that goes on for that long has the spare thread lead */
#define PAIR     2

struct httpd_poller {
    struct httpd *server;
    struct MHD_Daemon *library;
    int library_fd; /* the library's epoll set, borrowed */
    int wake_fd;    /* readable: `resumed` is not empty, or is_stopping */
    int alarm_fd;
    struct thread threads[PAIR];

    pthread_mutex_t lock;
    unsigned leader;     /* index in threads */
    pthread_t leader_id; /* valid once has_led */
    int has_led;
    int is_working; /* the leader is at the work below */
    int is_alarm_set;
    int has_rung; /* the alarm, during this work */
    int is_stuck; /* the spare thread is: it led when its alarm rang */
    int is_stopping;
    void (*run)(void *user); /* work for after this turn, or NULL */
    void *user;
    struct httpd_call *resumed; /* newest first */
};

/* ---- the alarm ---- */

/* Once set, it rings; work that comes before then needs no system call of its own. */
static void set_alarm(struct httpd_poller *p, long ns)
{
    const struct itimerspec when = {.it_value = {.tv_nsec = ns}};
    (void)timerfd_settime(p->alarm_fd, 0, &when, NULL); /* cannot fail: all is valid */
    p->is_alarm_set = 1;
}

/* The alarm rang: the spare thread takes the lead from work that has been going on since at least
 * one alarm before. */
static void on_alarm(struct httpd_poller *p, unsigned self)
{
    p->is_alarm_set = 0;
    if (!p->is_working) {
        return;
    }
    if (!p->has_rung) {
        p->has_rung = 1;
        set_alarm(p, ALARM_NS);
        return;
    }
    p->leader = self;
    p->is_working = 0;
    p->is_stuck = 1;
}

/* Sleeps until it is this thread's turn to lead. 0: the poller stops. */
static int wait_for_lead(struct httpd_poller *p, unsigned self)
{
    pthread_mutex_lock(&p->lock);
    while (p->leader != self && !p->is_stopping) {
        pthread_mutex_unlock(&p->lock);
        uint64_t rings = 0;
        ssize_t n = read(p->alarm_fd, &rings, sizeof(rings));
        pthread_mutex_lock(&p->lock);
        if (n > 0) {
            on_alarm(p, self);
        }
    }
    int leads = !p->is_stopping;
    if (leads) {
        p->leader_id = pthread_self();
        p->has_led = 1;
    }
    pthread_mutex_unlock(&p->lock);
    return leads;
}

/* Does the work that a handler left. 0: another thread leads by now. */
static int do_work(struct httpd_poller *p, unsigned self)
{
    pthread_mutex_lock(&p->lock);
    void (*run)(void *user) = p->run;
    void *user = p->user;
    p->run = NULL;
    p->is_working = 1;
    p->has_rung = 0;
    if (!p->is_alarm_set) {
        set_alarm(p, ALARM_NS);
    }
    pthread_mutex_unlock(&p->lock);
    run(user);
    pthread_mutex_lock(&p->lock);
    int leads = p->leader == self;
    *(leads ? &p->is_working : &p->is_stuck) = 0;
    pthread_mutex_unlock(&p->lock);
    return leads;
}

/* ---- the turn ---- */

static struct httpd_call *take_resumed(struct httpd_poller *p)
{
    struct httpd_call *in_order = NULL;
    pthread_mutex_lock(&p->lock);
    while (p->resumed) {
        struct httpd_call *call = p->resumed;
        p->resumed = call->next_resumed;
        call->next_resumed = in_order;
        in_order = call;
    }
    pthread_mutex_unlock(&p->lock);
    return in_order;
}

/* A call may be freed by the library as soon as its connection is resumed and run. */
static void resume_all(struct httpd_poller *p)
{
    unsigned count = 0;
    for (struct httpd_call *call = take_resumed(p); call; count++) {
        struct httpd_call *next = call->next_resumed;
        MHD_resume_connection(call->connection);
        call = next;
    }
    if (count > 0) {
        pthread_mutex_lock(&p->server->lock);
        p->server->deferred -= count;
        pthread_cond_broadcast(&p->server->idle);
        pthread_mutex_unlock(&p->server->lock);
    }
}

/* What the library says of its next time limit, for poll(). */
static int library_timeout_ms(const struct httpd_poller *p)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (MHD_get_timeout(p->library, &ms) != MHD_YES) {
        return -1;
    }
    return (int)MIN_OF(ms, 3600000u);
}

static void wait_for_events(struct httpd_poller *p)
{
    int timeout_ms = library_timeout_ms(p);
    struct pollfd fds[] = {{.fd = p->library_fd, .events = POLLIN},
                           {.fd = p->wake_fd, .events = POLLIN}};
    if (timeout_ms != 0 && poll(fds, ARRAY_LEN(fds), timeout_ms) > 0 && (fds[1].revents & POLLIN)) {
        uint64_t wakes = 0;
        (void)!read(p->wake_fd, &wakes, sizeof(wakes)); /* only so that it is silent again */
    }
}

/* What there is to do before anything is waited for. */
enum next { NEXT_STOP, NEXT_WORK, NEXT_TURN, NEXT_WAIT };

static enum next look(struct httpd_poller *p)
{
    pthread_mutex_lock(&p->lock);
    enum next next = p->run           ? NEXT_WORK
                     : p->resumed     ? NEXT_TURN
                     : p->is_stopping ? NEXT_STOP
                                      : NEXT_WAIT;
    pthread_mutex_unlock(&p->lock);
    return next;
}

static void lead(struct httpd_poller *p, unsigned self)
{
    for (;;) {
        resume_all(p);
        (void)MHD_run(p->library);
        switch (look(p)) {
        case NEXT_STOP:
            return;
        case NEXT_WORK:
            if (!do_work(p, self)) {
                return;
            }
            break;
        case NEXT_TURN:
            break;
        case NEXT_WAIT:
            wait_for_events(p);
            break;
        }
    }
}

static void run_thread(struct thread *thread, void *user)
{
    struct httpd_poller *p = user;
    unsigned self = thread == &p->threads[0] ? 0 : 1;
    while (wait_for_lead(p, self)) {
        lead(p, self);
    }
}

/* ---- for everybody ---- */

struct httpd *poller_server(struct httpd_poller *p)
{
    return p->server;
}

static void ring(const struct httpd_poller *p)
{
    const uint64_t one = 1;
    (void)!write(p->wake_fd, &one, sizeof(one)); /* a full counter is readable as well */
}

void poller_resume(struct httpd_poller *p, struct httpd_call *call)
{
    pthread_mutex_lock(&p->lock);
    int is_first = p->resumed == NULL;
    int is_leader = p->has_led && pthread_equal(p->leader_id, pthread_self());
    call->next_resumed = p->resumed;
    p->resumed = call;
    if (is_first && !is_leader) { /* the leader looks at the list before it sleeps */
        ring(p);
    }
    pthread_mutex_unlock(&p->lock);
}

int poller_work(struct httpd_poller *p, void (*run)(void *user), void *user)
{
    pthread_mutex_lock(&p->lock);
    int is_free = !p->run && !p->is_stuck && !p->is_stopping;
    if (is_free) {
        p->run = run;
        p->user = user;
    }
    pthread_mutex_unlock(&p->lock);
    return is_free ? 0 : ZEUS_EBUSY;
}

/* ---- start and stop ---- */

static int start_library(struct httpd_poller *p, int fd, int is_unix, unsigned limit,
                         zeus_error *err)
{
    const struct httpd_options *o = &p->server->options;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem items[7 + HTTPD_TLS_ITEMS + 1] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)httpd_on_target, p},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)httpd_on_completed, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)httpd_on_link, p->server},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)limit, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_timeout_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)o->connection_memory_bytes, NULL},
    };
    size_t tls = is_unix ? 0 : httpd_tls_items(o, items + 7);
    flags |= tls > 0 ? MHD_USE_TLS : 0;
    items[7 + tls] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    p->library = MHD_start_daemon(flags, 0, NULL, NULL, httpd_on_request, NULL, MHD_OPTION_ARRAY,
                                  items, MHD_OPTION_END);
    if (!p->library) {
        (void)close(fd); /* nothing was written to it */
        return err_set(err, ZEUS_EIO, "cannot start the HTTP server%s",
                       tls > 0 ? ": certificate, key or authority not usable, or out of resources"
                               : "");
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(p->library, MHD_DAEMON_INFO_EPOLL_FD);
    p->library_fd = info->epoll_fd;
    return 0;
}

static int start_threads(struct httpd_poller *p, zeus_error *err)
{
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (p->wake_fd < 0 || p->alarm_fd < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "descriptors of the HTTP server");
    }
    for (unsigned i = 0; i < PAIR; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "http-%u", i);
        int r = thread_start(&p->threads[i], name, run_thread, p, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int poller_start(struct httpd *h, int fd, int is_unix, unsigned limit, struct httpd_poller **ret,
                 zeus_error *err)
{
    struct httpd_poller *p = mem_calloc(1, sizeof(*p));
    if (!p) {
        (void)close(fd); /* nothing was written to it */
        return err_set(err, ZEUS_ENOMEM, "out of memory");
    }
    p->server = h;
    p->wake_fd = -1;
    p->alarm_fd = -1;
    pthread_mutex_init(&p->lock, NULL);
    int r = start_library(p, fd, is_unix, limit, err);
    r = r == 0 ? start_threads(p, err) : r;
    if (r < 0) {
        poller_stop(p);
        return r;
    }
    *ret = p;
    return 0;
}

static void close_quietly(int fd)
{
    if (fd >= 0) {
        (void)close(fd); /* nothing was written to it that could be lost */
    }
}

void poller_stop(struct httpd_poller *p)
{
    if (!p) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    p->is_stopping = 1;
    if (p->alarm_fd >= 0 && p->wake_fd >= 0) {
        set_alarm(p, 1);
        ring(p);
    }
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < PAIR; i++) {
        thread_stop(&p->threads[i]);
    }
    if (p->library) {
        MHD_stop_daemon(p->library);
    }
    close_quietly(p->wake_fd);
    close_quietly(p->alarm_fd);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
