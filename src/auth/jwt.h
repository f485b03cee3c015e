/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's tokens: JWT in compact form, HS256 and nothing else. The algorithm is ours to
 * choose, never the token's: a header that names another one is refused before anything is
 * computed.
 *
 * Verification looks at the size, the three parts, the header's algorithm, the signature (every key
 * of the ring, in constant time) and only then at the claims. What a token says reaches no message:
 * refusals are words of ours.
 */
#ifndef ZEUS_AUTH_JWT_H
#define ZEUS_AUTH_JWT_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "auth/key.h"
#include "auth/scopes.h"
#include "base/attr.h"

#define AUTH_TOKEN_MAX   8192 /* characters */
#define AUTH_SUBJECT_MAX 128  /* bytes, NUL included: longer names are refused, never cut */
#define AUTH_LEEWAY_S    60   /* a token is taken this long past its end */

struct auth_claims {
    char subject[AUTH_SUBJECT_MAX]; /* sub; UTF-8 */
    struct auth_scopes scopes;
    int has_expiry;
    int has_issued;
    uint64_t key_tag;   /* of the key that signed it (auth_keyring_tag); set by verification */
    uint64_t expires_s; /* exp, Unix time; when has_expiry */
    uint64_t issued_s;  /* iat, Unix time; when has_issued (other daemons' tokens have none) */
};

/* Writes a token, NUL-terminated, signed by the ring's first key. Its length, ZEUS_EINVAL (an empty
 * subject, or one that is not UTF-8), or ZEUS_ELIMIT. */
int auth_jwt_issue(const struct auth_keyring *ring, const struct auth_claims *claims, char *out,
                   size_t size, zeus_error *err) ZEUS_CHECK;

/* 0 and the claims; ZEUS_ESTALE when all is well but the token has expired, ZEUS_EAUTH for anything
 * else that is wrong with it, both with words for the 401 body; ZEUS_EINTERNAL. Any thread. */
int auth_jwt_verify(const struct auth_keyring *ring, const char *token, size_t len, uint64_t now_s,
                    struct auth_claims *ret, zeus_error *err) ZEUS_CHECK;

/* The first second in which a token of these claims is no longer taken; UINT64_MAX: it never ends.
 */
uint64_t auth_claims_end_s(const struct auth_claims *claims);

#endif /* ZEUS_AUTH_JWT_H */
