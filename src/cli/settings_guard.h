/* SPDX-License-Identifier: Apache-2.0
 *
 * Changed device settings that are put back whatever becomes of this process.
 *
 * Before the first change a second process is made (settings_guard_open, while there are no threads
 * yet). Every change is announced to it first. When this process ends without having put everything
 * back, be it by SIGKILL, the guard does so with a session of its own, and then ends.
 * A power limit goes back to what it was; locked clocks cannot be read, so they are unlocked.
 */
#ifndef ZEUS_CLI_SETTINGS_GUARD_H
#define ZEUS_CLI_SETTINGS_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <zeus/device.h>
#include <zeus/session.h>

#include "base/attr.h"

#define SETTINGS_GUARD_MOST 512

/* What a setting was. Also what goes to the guard: a record is written in one piece. */
struct guarded_setting {
    char uuid[96];
    uint32_t kind;  /* GUARD_... */
    uint32_t clock; /* ZEUS_CLOCK_... */
    uint64_t limit_uw;
};
#define GUARD_DONE        0u /* everything is back: nothing to do */
#define GUARD_POWER_LIMIT 1u
#define GUARD_CLOCKS      2u

struct settings_guard {
    pid_t pid; /* 0: none */
    int fd;    /* write end to it */
    struct guarded_setting settings[SETTINGS_GUARD_MOST];
    size_t count;
};

/* Makes the guard. Before threads and sessions. OS. */
int settings_guard_open(struct settings_guard *guard, zeus_error *err) ZEUS_CHECK;

int settings_guard_set_power_limit(struct settings_guard *guard, zeus_device *dev,
                                   uint64_t limit_uw, zeus_error *err) ZEUS_CHECK;
int settings_guard_lock_clocks(struct settings_guard *guard, zeus_device *dev, uint32_t clock,
                               uint32_t min_mhz, uint32_t max_mhz, zeus_error *err) ZEUS_CHECK;

/* Puts everything back, tells the guard to go, and waits for it. The first failure, all tried; what
 * failed is left to the guard, which tries once more. An unopened guard (zeroed) is fine. */
int settings_guard_close(struct settings_guard *guard, zeus_session *session, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_CLI_SETTINGS_GUARD_H */
