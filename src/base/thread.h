/* SPDX-License-Identifier: Apache-2.0
 *
 * A named thread with one job and a wake-up: it sleeps to absolute monotonic deadlines and is woken
 * early by thread_wake or thread_stop. All signals are blocked in it: they are the program's.
 */
#ifndef ZEUS_BASE_THREAD_H
#define ZEUS_BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct thread {
    pthread_t id;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int is_running;
    int is_stopping; /* under lock */
    int is_woken;    /* under lock */
    void (*run)(struct thread *thread, void *user);
    void *user;
    char name[16];
};

/* Starts `run` in a new thread. `thread` must not move. OS with errno. */
int thread_start(struct thread *thread, const char *name,
                 void (*run)(struct thread *thread, void *user), void *user, zeus_error *err)
    ZEUS_CHECK;

/* In the thread: sleeps to the deadline; 1 when the thread is asked to stop. */
int thread_sleep_until_ns(struct thread *thread, uint64_t deadline_ns) ZEUS_CHECK;

/* Ends a sleep early. */
void thread_wake(struct thread *thread);

/* Asks, wakes, joins. Does nothing when the thread was not started. */
void thread_stop(struct thread *thread);

/* CPU time the calling thread has used. */
uint64_t thread_cpu_ns(void);

#endif /* ZEUS_BASE_THREAD_H */
