/* SPDX-License-Identifier: Apache-2.0
 *
 * The real perf_event_open, file open, read and clock behind rapl_hooks. Linux only.
 */
#include "device/rapl/rapl_hooks.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"

static int open_event(void *user, uint32_t type, uint64_t config, int cpu)
{
    (void)user;
    struct perf_event_attr attr = {.type = type, .size = sizeof(attr), .config = config};
    long fd = syscall(SYS_perf_event_open, &attr, (pid_t)-1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    return fd >= 0 ? (int)fd : -errno;
}

static int open_file(void *user, int root_fd, const char *path)
{
    (void)user;
    return fdio_open_read(root_fd, path);
}

static int read_event(void *user, int fd, uint64_t *ret_count)
{
    (void)user;
    uint64_t count = 0;
    ssize_t n = read(fd, &count, sizeof(count));
    if (n != (ssize_t)sizeof(count)) {
        return n < 0 ? -errno : -ENODEV; /* nothing to read: the CPU went offline */
    }
    *ret_count = count;
    return 0;
}

static uint64_t now_ns(void *user)
{
    (void)user;
    return clock_monotonic_ns();
}

struct rapl_hooks rapl_hooks_of_system(const struct device_env *env)
{
    int is_real_root = env->root[0] == '\0' && !env->is_simulated;
    return (struct rapl_hooks){.open_event = is_real_root ? open_event : NULL,
                               .open_file = open_file,
                               .read_event = read_event,
                               .now_ns = now_ns};
}
