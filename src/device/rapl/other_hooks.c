/* SPDX-License-Identifier: Apache-2.0
 *
 * rapl_hooks where there is no perf_event: files and the clock alone, so that a copied tree can be
 * read anywhere.
 */
#include "device/rapl/rapl_hooks.h"

#include "base/clock.h"
#include "base/fdio.h"

static int open_file(void *user, int root_fd, const char *path)
{
    (void)user;
    return fdio_open_read(root_fd, path);
}

static uint64_t now_ns(void *user)
{
    (void)user;
    return clock_monotonic_ns();
}

struct rapl_hooks rapl_hooks_of_system(const struct device_env *env)
{
    (void)env;
    return (struct rapl_hooks){.open_file = open_file, .now_ns = now_ns};
}
