/* SPDX-License-Identifier: Apache-2.0
 *
 * One command run without a shell: its own session and process group, stdin from /dev/null, no
 * descriptor but the three, environment PATH (the daemon's) and LANG=C, both outputs collected up
 * to a bound, a time limit that kills the whole group.
 */
#ifndef ZEUS_DAEMON_OVERRIDE_CHILD_H
#define ZEUS_DAEMON_OVERRIDE_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define OVERRIDE_OUTPUT_MAX 65536

enum override_end {
    OVERRIDE_EXITED,      /* value: exit code */
    OVERRIDE_SIGNALLED,   /* value: signal */
    OVERRIDE_TIMED_OUT,   /* killed with its group */
    OVERRIDE_STOPPED,     /* the same, because the daemon stops */
    OVERRIDE_NOT_STARTED, /* value: errno */
    OVERRIDE_NOT_WATCHED  /* value: errno; killed */
};

struct override_output {
    char *data; /* owned, OVERRIDE_OUTPUT_MAX bytes */
    size_t len;
    int is_truncated;
    int is_collected; /* read to its end, cut off or not */
};

struct override_child {
    enum override_end end;
    int value;
    uint64_t duration_ns;
    struct override_output outputs[2]; /* stdout, stderr */
};

struct override_child_options {
    char *const *argv; /* NULL at the end */
    uint32_t timeout_s;
    int stop_fd; /* readable: kill it and return; -1: none */
};

/* Runs it to its end. Blocks up to the time limit and about a second. NOMEM; everything else is in
 * *ret_child (owned: override_child_done). */
int override_child_run(const struct override_child_options *options,
                       struct override_child *ret_child) ZEUS_CHECK;
void override_child_done(struct override_child *child);

#endif /* ZEUS_DAEMON_OVERRIDE_CHILD_H */
