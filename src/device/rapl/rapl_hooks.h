/* SPDX-License-Identifier: Apache-2.0
 *
 * The three things RAPL asks of the system, as pointers, so that tests run without privileges and
 * see every refusal.
 */
#ifndef ZEUS_DEVICE_RAPL_RAPL_HOOKS_H
#define ZEUS_DEVICE_RAPL_RAPL_HOOKS_H

#include <stdint.h>

#include "device/backend.h"

struct rapl_hooks {
    /* A counting event on a CPU: a descriptor (owned) or -errno. NULL: perf_event is not used. */
    int (*open_event)(void *user, uint32_t type, uint64_t config, int cpu);
    /* Opens a counter file for reading: as fdio_open_read. */
    int (*open_file)(void *user, int root_fd, const char *path);
    /* Reads an event descriptor's 64-bit count: 0 or -errno. */
    int (*read_event)(void *user, int fd, uint64_t *ret_count);
    uint64_t (*now_ns)(void *user);
    void *user;
};

/* The real ones. perf_event is left out under a root other than "/", because the system call would
 * answer for this machine and not for the tree. */
struct rapl_hooks rapl_hooks_of_system(const struct device_env *env);

/* As rapl_backend.discover with hooks of the caller's; copied. */
int rapl_discover_with(const struct device_env *env, const struct rapl_hooks *hooks,
                       struct device_list *list, zeus_finding *ret_finding, zeus_error *err);

/* Marks domains that show the register of another device's domain (ZEUS_DOMAIN_MIRROR), by reading
 * both for some milliseconds: dies of one package, several psys. Devices may be of any backend that
 * counts RAPL's domains. */
void rapl_find_mirrors(struct device *const *devices, size_t count);

#endif /* ZEUS_DEVICE_RAPL_RAPL_HOOKS_H */
