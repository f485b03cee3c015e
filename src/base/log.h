/* SPDX-License-Identifier: Apache-2.0
 *
 * Where library code reports what happened: a sink owned by the session, handed down by pointer.
 * The library never prints. A sink without a function swallows everything.
 * Thread rule: log_write may be called from any thread; the function behind it must allow that.
 */
#ifndef ZEUS_BASE_LOG_H
#define ZEUS_BASE_LOG_H

#include <stdint.h>

#include "base/attr.h"

struct log_sink {
    void (*write)(uint32_t level, const char *component, const char *text, void *user);
    void *user;
};

/* Levels are ZEUS_LOG_... of <zeus/session.h>. `sink` may be NULL. */
void log_write(const struct log_sink *sink, uint32_t level, const char *component,
               const char *format, ...) ZEUS_PRINTF(4, 5);

#endif /* ZEUS_BASE_LOG_H */
