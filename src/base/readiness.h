/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of many descriptors are ready. What a wait costs does not grow with how many are watched
 * (Linux; elsewhere it does). Level-triggered: what is still ready is told again.
 *
 * Thread rule: one thread watches and waits, any may wake it.
 */
#ifndef ZEUS_BASE_READINESS_H
#define ZEUS_BASE_READINESS_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

#define READINESS_READ  1u
#define READINESS_WRITE 2u

struct readiness;

struct ready {
    int fd;
    unsigned what; /* an error or an end counts as both */
};

int readiness_create(struct readiness **ret, zeus_error *err) ZEUS_CHECK;
/* Takes NULL. */
void readiness_destroy(struct readiness *r);

/* From now on watches the descriptor for `what`; 0: no more, harmless when it was not. NOMEM, OS.
 */
int readiness_watch(struct readiness *r, int fd, unsigned what) ZEUS_CHECK;

/* Waits for one of them, for a wake, or until then (monotonic; UINT64_MAX: no limit); how many are
 * in `ret`, at most `max`. */
size_t readiness_wait(struct readiness *r, uint64_t until_ns, struct ready *ret, size_t max);

/* Ends a wait, or the next one. Any thread. */
void readiness_wake(struct readiness *r);

#endif /* ZEUS_BASE_READINESS_H */
