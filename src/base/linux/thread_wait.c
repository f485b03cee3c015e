/* SPDX-License-Identifier: Apache-2.0
 *
 * Linux: conditions carry their clock.
 */
#include "base/thread_wait.h"

#include <time.h>

int thread_wait_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int e = pthread_condattr_init(&attr);
    if (e != 0) {
        return e;
    }
    e = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (e == 0) {
        e = pthread_cond_init(cond, &attr);
    }
    (void)pthread_condattr_destroy(&attr);
    return e;
}

int thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                .tv_nsec = (long)(deadline_ns % 1000000000u)};
    return pthread_cond_timedwait(cond, lock, &deadline);
}

void thread_wait_name_self(const char *name)
{
    (void)pthread_setname_np(pthread_self(), name);
}
