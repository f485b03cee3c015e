/* SPDX-License-Identifier: Apache-2.0
 *
 * The devices of this machine, found once: runs every backend, masks what the visibility variables
 * hide, orders the rest by kind and numbers them. No backend's failure keeps another from being
 * found. The library's sessions and the daemon stand on it.
 *
 * Thread rule: open and close by one thread; in between it is only read.
 */
#ifndef ZEUS_DEVICE_INVENTORY_H
#define ZEUS_DEVICE_INVENTORY_H

#include "base/forkmark.h"
#include "device/backend.h"

#define INVENTORY_FINDINGS_MAX 16

struct inventory_options {
    uint32_t families; /* ZEUS_FAMILY_..., 0: all */
    int is_unmasked;   /* visibility variables are not looked at */
    const char *root;  /* stands for "/"; NULL: $ZEUS_SYSFS_ROOT or "/" */
    struct log_sink log;
};

struct inventory {
    struct device_list devices; /* owned; GPUs, CPUs, SoCs, platforms in this order */
    zeus_finding findings[INVENTORY_FINDINGS_MAX];
    uint32_t finding_count;
    struct log_sink log;
    struct device_env env;
    char *root;                /* owned */
    struct forkmark fork_mark; /* whose it is: a forked child must not use the devices */
};

/* Fills `inventory` (zeroed memory that must not move afterwards). A machine without devices is no
 * error; a malformed visibility variable is. inventory_close in any case. */
int inventory_open(struct inventory *inventory, const struct inventory_options *options,
                   zeus_error *err) ZEUS_CHECK;
void inventory_close(struct inventory *inventory);

#endif /* ZEUS_DEVICE_INVENTORY_H */
