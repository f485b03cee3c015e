/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads with a name, a deadline and a wake-up. The wait is on a condition with the monotonic
 * clock, so that one call covers both; how to ask for that clock is the platform's (thread_wait.h).
 */
#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/thread_wait.h"

static void *enter(void *argument)
{
    struct thread *thread = argument;
    thread_wait_name_self(thread->name); /* for ps and debuggers only */
    thread->run(thread, thread->user);
    return NULL;
}

static int init_sync(struct thread *thread)
{
    int e = thread_wait_init(&thread->wake);
    return e != 0 ? e : pthread_mutex_init(&thread->lock, NULL);
}

int thread_start(struct thread *thread, const char *name,
                 void (*run)(struct thread *thread, void *user), void *user, zeus_error *err)
{
    memset(thread, 0, sizeof *thread);
    (void)snprintf(thread->name, sizeof thread->name, "%s", name);
    thread->run = run;
    thread->user = user;
    int e = init_sync(thread);
    if (e != 0) {
        return err_set_os(err, ZEUS_EOS, e, "cannot prepare thread %s", name);
    }
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    e = pthread_create(&thread->id, NULL, enter, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (e != 0) {
        (void)pthread_cond_destroy(&thread->wake);
        (void)pthread_mutex_destroy(&thread->lock);
        return err_set_os(err, ZEUS_EOS, e, "cannot start thread %s", name);
    }
    thread->is_running = 1;
    return 0;
}

int thread_sleep_until_ns(struct thread *thread, uint64_t deadline_ns)
{
    pthread_mutex_lock(&thread->lock);
    int e = 0;
    while (!thread->is_stopping && !thread->is_woken && e != ETIMEDOUT) {
        e = thread_wait_until(&thread->wake, &thread->lock, deadline_ns);
    }
    thread->is_woken = 0;
    int is_stopping = thread->is_stopping;
    pthread_mutex_unlock(&thread->lock);
    return is_stopping;
}

void thread_wake(struct thread *thread)
{
    if (!thread->is_running) {
        return;
    }
    pthread_mutex_lock(&thread->lock);
    thread->is_woken = 1;
    pthread_cond_signal(&thread->wake);
    pthread_mutex_unlock(&thread->lock);
}

void thread_stop(struct thread *thread)
{
    if (!thread->is_running) {
        return;
    }
    pthread_mutex_lock(&thread->lock);
    thread->is_stopping = 1;
    pthread_cond_signal(&thread->wake);
    pthread_mutex_unlock(&thread->lock);
    (void)pthread_join(thread->id, NULL);
    (void)pthread_cond_destroy(&thread->wake);
    (void)pthread_mutex_destroy(&thread->lock);
    thread->is_running = 0;
}

uint64_t thread_cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
