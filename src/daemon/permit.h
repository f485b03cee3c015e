/* SPDX-License-Identifier: Apache-2.0
 *
 * What keeps an event stream open. A request is admitted once, a stream lives on: so what it was
 * let in by (token, key, policy) is looked at again when a reload changes it and when the token
 * runs out, and a stream that would not be let in now ends, told why. A daemon with neither keys
 * nor policy keeps no permits: everything stays allowed.
 *
 * Threads: opening and closing on HTTP threads, permits_check on the main thread, which waits for
 * the descriptor; while no token runs out nobody is woken.
 */
#ifndef ZEUS_DAEMON_PERMIT_H
#define ZEUS_DAEMON_PERMIT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "httpd/httpd.h"

struct daemon;
struct hub_stream;
struct permit;
struct permits;
struct slot;

int permits_create(struct daemon *daemon, struct permits **ret, zeus_error *err) ZEUS_CHECK;
/* After httpd_stop: no stream is left. Takes NULL. */
void permits_destroy(struct permits *permits);

/* Readable when permits_check has something to do: a token ran out, or the clock was set. */
int permits_fd(const struct permits *permits);

/* Ends every stream that would not be let in now. Main thread; after a reload and when the
 * descriptor is readable. */
void permits_check(struct permits *permits);

/* What a stream needs. */
struct permit_needs {
    uint32_t scope;            /* AUTH_GPU_READ, AUTH_CPU_READ or AUTH_GPU_CONTROL */
    struct slot *const *slots; /* borrowed for the call; each must stay allowed */
    size_t count;
};

/* In a handler, before the stream is made. *ret_permit NULL and 0: none is needed. NOMEM. */
int permit_create(struct httpd_req *req, const struct permit_needs *needs,
                  struct permit **ret_permit) ZEUS_CHECK;

/* The stream is made: from now on it may be ended. Takes over one hold of the stream. Takes NULL
 * (then the hold stays the caller's). */
void permit_enter(struct permit *permit, struct hub_stream *stream);

/* The stream is gone or was never made. Frees. Takes NULL; any thread; once. */
void permit_close(struct permit *permit);

/* An on_close of the hub; `user` is the permit. */
void permit_on_close(void *user);

#endif /* ZEUS_DAEMON_PERMIT_H */
