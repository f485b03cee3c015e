/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs what overrides a write: the commands in order, the first failure ends the sequence and is
 * told with command, reason and output. And the holder through which the writer threads use a set
 * that SIGHUP may replace meanwhile.
 */
#ifndef ZEUS_DAEMON_OVERRIDE_RUN_H
#define ZEUS_DAEMON_OVERRIDE_RUN_H

#include <stddef.h>

#include "base/attr.h"
#include "base/log.h"
#include "daemon/guard.h"
#include "daemon/override.h"

/* Where and how commands run. */
struct override_env {
    const struct log_sink *log; /* borrowed, may be NULL: a line for each command */
    int stop_fd;                /* readable: kill what runs; -1: none */
};

/* 0; IO with the reason in `ret_text` (valid UTF-8, cut to `size`); NOMEM. The operation must be
 * overridden. Blocks up to the commands' time limits. */
int override_set_run(const struct override_set *set, enum write_op op,
                     const struct override_args *args, const struct override_env *env,
                     char *ret_text, size_t size) ZEUS_CHECK;

struct override_site;

/* Takes `set` (may be NULL: nothing is overridden). */
int override_site_create(const struct override_env *env, struct override_set *set,
                         struct override_site **ret_site) ZEUS_CHECK;
/* After the last write has ended. */
void override_site_destroy(struct override_site *site);
/* Takes `set`; commands that run keep the one they began with. Any thread. NOMEM: `set` is
 * destroyed and the old one stays. */
int override_site_replace(struct override_site *site, struct override_set *set) ZEUS_CHECK;
int override_site_has(struct override_site *site, enum write_op op);

/* A guard_override; `user` is the override_site. */
int override_site_write(void *user, enum write_op op, const struct guard_device *device,
                        const struct write_args *args, char *text, size_t size);

#endif /* ZEUS_DAEMON_OVERRIDE_RUN_H */
