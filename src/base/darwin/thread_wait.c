/* SPDX-License-Identifier: Apache-2.0
 *
 * macOS: conditions know only the wall clock, but can wait for a length of time.
 */
#include "base/thread_wait.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"

int thread_wait_init(pthread_cond_t *cond)
{
    return pthread_cond_init(cond, NULL);
}

int thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns >= deadline_ns) {
        return ETIMEDOUT;
    }
    uint64_t left_ns = deadline_ns - now_ns;
    const uint64_t longest_ns = 3600u * UINT64_C(1000000000); /* the caller waits again */
    left_ns = left_ns < longest_ns ? left_ns : longest_ns;
    struct timespec left = {.tv_sec = (time_t)(left_ns / 1000000000u),
                            .tv_nsec = (long)(left_ns % 1000000000u)};
    int e = pthread_cond_timedwait_relative_np(cond, lock, &left);
    return e == ETIMEDOUT && clock_monotonic_ns() < deadline_ns ? 0 : e;
}

void thread_wait_name_self(const char *name)
{
    (void)pthread_setname_np(name);
}
