/* SPDX-License-Identifier: Apache-2.0
 *
 * A mutex. Private to one file each; holds are short and never span a call into a device or a
 * callback.
 */
#ifndef ZEUS_BASE_MUTEX_H
#define ZEUS_BASE_MUTEX_H

#include <pthread.h>

#include "base/macro.h"

struct mutex {
    pthread_mutex_t raw;
};

static inline void mutex_init(struct mutex *mutex)
{
    ZEUS_ASSERT(pthread_mutex_init(&mutex->raw, NULL) == 0);
}

static inline void mutex_done(struct mutex *mutex)
{
    (void)pthread_mutex_destroy(&mutex->raw); /* fails only when held: a bug the tests would see */
}

static inline void mutex_lock(struct mutex *mutex)
{
    ZEUS_ASSERT(pthread_mutex_lock(&mutex->raw) == 0);
}

static inline void mutex_unlock(struct mutex *mutex)
{
    ZEUS_ASSERT(pthread_mutex_unlock(&mutex->raw) == 0);
}

#endif /* ZEUS_BASE_MUTEX_H */
