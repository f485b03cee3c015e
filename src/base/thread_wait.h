/* SPDX-License-Identifier: Apache-2.0
 *
 * What threads need of the platform: conditions that time out on the monotonic clock, and names.
 */
#ifndef ZEUS_BASE_THREAD_WAIT_H
#define ZEUS_BASE_THREAD_WAIT_H

#include <pthread.h>
#include <stdint.h>

/* A condition for thread_wait_until. 0 or errno. */
int thread_wait_init(pthread_cond_t *cond);

/* Waits until signalled or until the monotonic time has come: 0, ETIMEDOUT, or errno. */
int thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t deadline_ns);

/* Names the calling thread (15 bytes at most); best effort. */
void thread_wait_name_self(const char *name);

#endif /* ZEUS_BASE_THREAD_WAIT_H */
