/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs what overrides a write: the commands in order; the first failure ends the sequence and is
 * told with command, reason and output.
 */
#ifndef ZEUS_DAEMON_OVERRIDE_RUN_H
#define ZEUS_DAEMON_OVERRIDE_RUN_H

#include <stddef.h>

#include "base/attr.h"
#include "base/log.h"
#include "daemon/override.h"

/* 0; IO with the reason in `ret_text` (valid UTF-8, cut to `size`); NOMEM. The operation must be
 * overridden. A line for each command goes to `log` (may be NULL). Blocks up to the commands' time
 * limits; any thread, several at once. */
int override_set_run(const struct override_set *set, enum write_op op,
                     const struct override_args *args, const struct log_sink *log, char *ret_text,
                     size_t size) ZEUS_CHECK;

#endif /* ZEUS_DAEMON_OVERRIDE_RUN_H */
