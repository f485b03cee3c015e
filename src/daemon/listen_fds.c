/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket activation: LISTEN_FDS descriptors from 3 on are ours when LISTEN_PID is.
 */
#include "daemon/listen_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/parse.h"

#define FIRST_FD 3

static int read_number(const char *name, uint64_t *ret, zeus_error *err)
{
    const char *text = getenv(name);
    *ret = 0;
    if (!text) {
        return 0;
    }
    if (parse_u64(text, strlen(text), ret) < 0) {
        return err_set(err, ZEUS_EINVAL, "%s=%s: not a number", name, text);
    }
    return 0;
}

/* The next of "name:name:name"; "unknown" when there is none. */
static const char *take_name(const char *names, char *ret)
{
    size_t len = names ? strcspn(names, ":") : 0;
    (void)snprintf(ret, LISTEN_FDS_NAME_MAX, "%.*s", len ? (int)len : 7, len ? names : "unknown");
    return names && names[len] == ':' ? names + len + 1 : NULL;
}

static int take(struct listen_fds *ret, zeus_error *err)
{
    uint64_t pid;
    uint64_t count;
    int r = read_number("LISTEN_PID", &pid, err);
    r = r < 0 ? r : read_number("LISTEN_FDS", &count, err);
    if (r < 0 || pid != (uint64_t)getpid() || count == 0) {
        return r; /* nothing, or meant for another process */
    }
    if (count > LISTEN_FDS_MAX) {
        return err_set(err, ZEUS_EINVAL, "LISTEN_FDS=%llu: at most %d sockets",
                       (unsigned long long)count, LISTEN_FDS_MAX);
    }
    const char *names = getenv("LISTEN_FDNAMES");
    struct listen_fds taken = {.count = (size_t)count};
    for (size_t i = 0; i < taken.count; i++) {
        taken.fds[i] = FIRST_FD + (int)i;
        names = take_name(names, taken.names[i]);
        if (fcntl(taken.fds[i], F_SETFD, FD_CLOEXEC) < 0) {
            return err_set_os(err, ZEUS_EINVAL, errno, "LISTEN_FDS: descriptor %d", taken.fds[i]);
        }
    }
    *ret = taken;
    return 0;
}

int listen_fds_take(struct listen_fds *ret, zeus_error *err)
{
    *ret = (struct listen_fds){0};
    int r = take(ret, err);
    (void)unsetenv("LISTEN_PID"); /* fails for bad names only */
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return r;
}
