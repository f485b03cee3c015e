/* SPDX-License-Identifier: Apache-2.0
 *
 * The notification protocol of sd_notify(3), spoken without the library: assignments, one a line.
 * A manager whose socket is full is waited for a moment only.
 */
#include "daemon/sdnotify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <zeus/error.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/parse.h"

#define STATUS_MAX  512
#define PATIENCE_US 200000 /* for a manager that does not read: leases and signals wait with us */

/* "/path" or "@abstract". Length of the address, or negative. */
static int make_address(const char *text, struct sockaddr_un *address)
{
    size_t len = strlen(text);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof(address->sun_path)) {
        return ZEUS_ENOTSUP;
    }
    memcpy(address->sun_path, text, len);
    int is_abstract = text[0] == '@';
    if (is_abstract) {
        address->sun_path[0] = '\0';
    }
    /* An abstract name is as long as said; a path ends with its NUL. */
    return (int)(offsetof(struct sockaddr_un, sun_path) + len + (is_abstract ? 0 : 1));
}

static int tell(const char *text)
{
    const char *where = getenv("NOTIFY_SOCKET");
    if (!where || !*where) {
        return 0;
    }
    struct sockaddr_un address;
    int len = make_address(where, &address);
    if (len < 0) {
        return len;
    }
    int fd _close_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    const struct timeval patience = {.tv_usec = PATIENCE_US};
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0) {
        return err_from_errno(errno);
    }
    ssize_t n = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                       (socklen_t)len);
    return n < 0 ? err_from_errno(errno) : 0;
}

int sdnotify_ready(void)
{
    return tell("READY=1");
}

int sdnotify_reloading(void)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                   clock_monotonic_ns() / 1000);
    return tell(text);
}

int sdnotify_stopping(void)
{
    return tell("STOPPING=1");
}

int sdnotify_watchdog(void)
{
    return tell("WATCHDOG=1");
}

int sdnotify_status(const char *text)
{
    char line[STATUS_MAX];
    (void)snprintf(line, sizeof(line), "STATUS=%s", text);
    for (char *at = line; *at; at++) {
        if (*at == '\n' || *at == '\r') {
            *at = ' ';
        }
    }
    return tell(line);
}

static int read_variable(const char *name, uint64_t *ret)
{
    const char *text = getenv(name);
    return text ? parse_u64(text, strlen(text), ret) : ZEUS_ENOTFOUND;
}

uint64_t sdnotify_watchdog_period_ns(void)
{
    uint64_t period_us = 0;
    uint64_t pid = 0;
    if (read_variable("WATCHDOG_USEC", &period_us) < 0 || period_us > UINT64_MAX / 1000) {
        return 0;
    }
    int r = read_variable("WATCHDOG_PID", &pid);
    int is_ours = r == ZEUS_ENOTFOUND || (r == 0 && pid == (uint64_t)getpid());
    return is_ours ? period_us * 1000 : 0;
}
