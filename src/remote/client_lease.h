/* SPDX-License-Identifier: Apache-2.0
 *
 * What a lease's name and time may be.
 */
#ifndef ZEUS_REMOTE_CLIENT_LEASE_H
#define ZEUS_REMOTE_CLIENT_LEASE_H

#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

/* Name: 1 to 64 of A-Z a-z 0-9 . _ -; time: `ttl_min_s` to 86400. INVAL in words. */
int lease_check(const char *name, uint32_t ttl_s, uint32_t ttl_min_s, zeus_error *err) ZEUS_CHECK;

/* The name alone, of a lease or a window (`what`). */
int lease_check_name(const char *name, const char *what, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_REMOTE_CLIENT_LEASE_H */
