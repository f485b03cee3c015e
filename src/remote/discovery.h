/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading /discover in all its forms. The form tells the dialect: a "zeusd" member is ours; "gpus"
 * with PCI addresses is master, without v0.5.0; "gpu_ids" with "auth_required" is v0.4.0, without
 * v0.3.0. Pure; the text may be hostile.
 */
#ifndef ZEUS_REMOTE_DISCOVERY_H
#define ZEUS_REMOTE_DISCOVERY_H

#include <stddef.h>

#include <zeus/daemon.h>

#include "base/attr.h"

#define DISCOVERY_DEVICES_MAX 4096

struct discovery {
    uint32_t dialect;
    uint32_t groups;
    uint32_t features;
    int32_t auth_required;
    char version[32];
    char boot_id[40];
    char hostname[128];    /* only ours tells */
    zeus_daemon_gpu *gpus; /* owned, ascending id */
    size_t gpu_count;
    size_t gpu_capacity;
    zeus_daemon_cpu *cpus; /* owned, ascending id */
    size_t cpu_count;
    size_t cpu_capacity;
};

/* ZEUS_EPARSE says what is wrong and where. discovery_done in any case. */
int discovery_parse(struct discovery *d, const char *text, size_t len, zeus_error *err) ZEUS_CHECK;
void discovery_done(struct discovery *d);

/* What a daemon without discovery (v0.2.0) has: everything allowed, nothing known. */
void discovery_set_v0_2(struct discovery *d);

const zeus_daemon_gpu *discovery_gpu(const struct discovery *d, uint32_t id);
const zeus_daemon_cpu *discovery_cpu(const struct discovery *d, uint32_t id);

#endif /* ZEUS_REMOTE_DISCOVERY_H */
