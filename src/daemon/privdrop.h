/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving privileges up: user, capabilities, the way back. The kernel keeps these by thread, and
 * threads get them from the one that starts them: so this comes before the first thread (before the
 * hub, the HTTP server, the devices), and refuses to run later, when it would miss all the others.
 */
#ifndef ZEUS_DAEMON_PRIVDROP_H
#define ZEUS_DAEMON_PRIVDROP_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct privdrop_options {
    const char *user;        /* to become; NULL: stay */
    const char *const *keep; /* names of capabilities: "cap_sys_admin", with or without "cap_" */
    size_t keep_count;
    int may_gain;  /* command overrides use sudo: set-uid programs must go on working */
    int is_handed; /* programs we start get what is kept, too (ambient) */
};

/* Afterwards the process has what is kept of what it had, and nothing else. A capability that it
 * did not have is not an error. ZEUS_EINVAL: unknown name; ZEUS_ENOTFOUND: unknown user;
 * ZEUS_EPERM: may not become that user; ZEUS_ESTATE: there are threads already. On failure the
 * process is to end. */
int privdrop_apply(const struct privdrop_options *options, zeus_error *err) ZEUS_CHECK;

/* 1 when the calling thread has the capability in effect, 0 when not, ZEUS_EINVAL for a name that
 * is none. */
int privdrop_has(const char *capability) ZEUS_CHECK;

/* The capability's number; ZEUS_EINVAL. */
int privdrop_number(const char *capability) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_PRIVDROP_H */
