/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a token lives: "never", "0", or spans such as "30d", "1h 30m", "1.5 hours".
 */
#ifndef ZEUS_AUTH_EXPIRES_H
#define ZEUS_AUTH_EXPIRES_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

struct auth_expires {
    int is_never;
    uint64_t seconds;
    uint32_t nanoseconds;
    const char *warning; /* static words when the text may not mean what was meant; else NULL */
};

/* The text is trimmed and lower-cased as a whole first, so "1M" is one minute (with a warning).
 * ZEUS_EPARSE or ZEUS_ERANGE, `err` naming the place. */
int auth_expires_parse(const char *text, struct auth_expires *ret, zeus_error *err) ZEUS_CHECK;

/* The claim `exp` of a token issued now: floor(now + duration). ZEUS_ERANGE past 2^63 s. Only for
 * durations that are not `never`. */
int auth_expires_at(const struct auth_expires *e, uint64_t now_s, uint32_t now_ns,
                    uint64_t *ret_exp_s) ZEUS_CHECK;

#endif /* ZEUS_AUTH_EXPIRES_H */
