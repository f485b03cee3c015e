/* SPDX-License-Identifier: Apache-2.0
 *
 * The session as the library's own files see it.
 */
#ifndef ZEUS_CORE_SESSION_H
#define ZEUS_CORE_SESSION_H

#include <zeus/session.h>

#include "device/inventory.h"

struct remote_link;

struct zeus_session {
    struct inventory inventory;
    struct remote_link *link; /* owned; NULL: no daemon is named */
};

/* ZEUS_ESTATE in a forked child, 0 otherwise. */
int session_check_process(const struct zeus_session *session) ZEUS_CHECK;

/* A handle is the internal struct under its public name. */
static inline struct device *session_unwrap(zeus_device *dev)
{
    return (struct device *)(void *)dev;
}

#endif /* ZEUS_CORE_SESSION_H */
