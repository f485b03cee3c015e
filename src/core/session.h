/* SPDX-License-Identifier: Apache-2.0
 *
 * The session as the library's own files see it.
 */
#ifndef ZEUS_CORE_SESSION_H
#define ZEUS_CORE_SESSION_H

#include <zeus/session.h>

#include "base/forkmark.h"
#include "device/backend.h"

#define SESSION_FINDINGS_MAX 16

struct zeus_session {
    struct device_list visible; /* owned; GPUs, CPUs, SoCs, platforms in this order */
    zeus_finding findings[SESSION_FINDINGS_MAX];
    uint32_t finding_count;
    struct log_sink log;
    struct device_env env;
    char *root;                /* owned */
    struct forkmark fork_mark; /* whose session it is: a forked child must not use it */
};

/* ZEUS_ESTATE in a forked child, 0 otherwise. */
int session_check_process(const struct zeus_session *session) ZEUS_CHECK;

/* A handle is the internal struct under its public name. */
static inline struct device *session_unwrap(zeus_device *dev)
{
    return (struct device *)(void *)dev;
}

#endif /* ZEUS_CORE_SESSION_H */
