/* SPDX-License-Identifier: Apache-2.0
 *
 * The Authorization header: the token behind the exact prefix "Bearer ".
 */
#ifndef ZEUS_AUTH_BEARER_H
#define ZEUS_AUTH_BEARER_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

/* The scheme is case-sensitive and one space follows; the rest is the token, untrimmed (and
 * possibly empty). `header` may be NULL. ZEUS_EAUTH when there is no such token or a byte is not
 * printable ASCII (a tab is taken). *ret_token is borrowed from `header`. */
int auth_bearer_token(const char *header, const char **ret_token, size_t *ret_len, zeus_error *err)
    ZEUS_CHECK;

#endif /* ZEUS_AUTH_BEARER_H */
