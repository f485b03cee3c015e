/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets that the service manager opened for us (sd_listen_fds(3)).
 */
#ifndef ZEUS_DAEMON_LISTEN_FDS_H
#define ZEUS_DAEMON_LISTEN_FDS_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

#define LISTEN_FDS_MAX      8
#define LISTEN_FDS_NAME_MAX 64

struct listen_fds {
    size_t count; /* 0: started without */
    int fds[LISTEN_FDS_MAX];
    char names[LISTEN_FDS_MAX][LISTEN_FDS_NAME_MAX]; /* FileDescriptorName=, "unknown" else */
};

/* Takes them over: close-on-exec, and the variables are unset so that no child thinks they are its
 * own. Before the first thread. ZEUS_EINVAL when the manager's word cannot be right. */
int listen_fds_take(struct listen_fds *ret, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_LISTEN_FDS_H */
