/* SPDX-License-Identifier: Apache-2.0
 *
 * error_pattern: a regular expression in RE2's language (no look-around, no back-references, no
 * possessive or atomic groups), searched by PCRE2 within limits. The only file that knows PCRE2.
 */
#ifndef ZEUS_DAEMON_OVERRIDE_PATTERN_H
#define ZEUS_DAEMON_OVERRIDE_PATTERN_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

#define OVERRIDE_PATTERN_MAX 4096

struct override_pattern;

/* INVAL with what is wrong and where, NOMEM. */
int override_pattern_create(const char *text, struct override_pattern **ret_pattern,
                            zeus_error *err) ZEUS_CHECK;
void override_pattern_destroy(struct override_pattern *pattern);

/* 1 when it occurs in `text` (valid UTF-8), 0 when not; LIMIT when the search took too much. Any
 * thread. */
int override_pattern_search(const struct override_pattern *pattern, const char *text, size_t len)
    ZEUS_CHECK;

#endif /* ZEUS_DAEMON_OVERRIDE_PATTERN_H */
