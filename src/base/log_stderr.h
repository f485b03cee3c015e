/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a program (never of the library): lines to stderr, "level: component: text", with the
 * journal's priority in front under systemd.
 */
#ifndef ZEUS_BASE_LOG_STDERR_H
#define ZEUS_BASE_LOG_STDERR_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/log.h"

/* A sink for lines of at least `level`: debug, info, warning, error (and the published servers'
 * words). ZEUS_EINVAL names what it is not. */
int log_stderr(const char *level, struct log_sink *ret, zeus_error *err) ZEUS_CHECK;

/* What a line of this level (ZEUS_LOG_...) starts with where stderr is the journal's: "<3>" for
 * errors; "" elsewhere. For messages that are no lines of the log. */
const char *log_stderr_mark(uint32_t level);

#endif /* ZEUS_BASE_LOG_STDERR_H */
