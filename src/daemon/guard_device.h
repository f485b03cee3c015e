/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard's hand on the hardware: what a setting is now, and a write through the site's command
 * or the driver.
 */
#ifndef ZEUS_DAEMON_GUARD_DEVICE_H
#define ZEUS_DAEMON_GUARD_DEVICE_H

#include "daemon/guard.h"

/* Whether a driver says what the setting is. */
int guard_can_read(enum setting setting);

/* What is set now: read, or for clocks what the table and the journal know (unlocked without
 * either). Unknown when it cannot be read. */
struct setting_value guard_present_value(struct guard *guard, const struct guard_device *device,
                                         const char *key, enum setting setting);

struct guard_call {
    const struct guard_device *device;
    const char *key; /* in the journal */
    enum write_op op;
    struct write_args args;
    char *text; /* for the client, "" before */
    size_t size;
};

/* The command if there is one, else the driver. */
int guard_device_write(struct guard *guard, const struct guard_call *call, int *ret_was_overridden,
                       zeus_error *err) ZEUS_CHECK;

/* As guard_device_write, to bring an original back: a driver that cannot unlock one clock domain
 * alone (AMD) unlocks both, and the other one's range is set again. */
int guard_device_restore(struct guard *guard, const struct guard_call *call, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_DAEMON_GUARD_DEVICE_H */
