/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing keys. A key is the entire content of its file, byte for byte: a trailing newline counts,
 * text that looks like base64 is not decoded. The first key of a ring signs, all of them verify: a
 * key is rotated by putting the new one in front and dropping the old one once its tokens are gone.
 *
 * Key memory is locked where the system allows it and wiped when the ring goes. A ring does not
 * change once it is filled, so any number of threads may read it.
 */
#ifndef ZEUS_AUTH_KEY_H
#define ZEUS_AUTH_KEY_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

#define AUTH_KEYS_MAX      4
#define AUTH_KEY_MAX_BYTES 65536
#define AUTH_KEY_SHORT     16 /* fewer bytes than this are warned of */

struct auth_keyring;

/* Reads 1 to AUTH_KEYS_MAX files. ZEUS_EINVAL for an empty file, ZEUS_ELIMIT past
 * AUTH_KEY_MAX_BYTES, NOTFOUND, PERM or IO for an unreadable one. */
int auth_keyring_load(const char *const *paths, size_t count, struct auth_keyring **ret,
                      zeus_error *err) ZEUS_CHECK;
void auth_keyring_destroy(struct auth_keyring *ring);

/* The i-th thing the administrator should know (a key others can read, a short key), NULL past the
 * last. Names files, never their content. */
const char *auth_keyring_warning(const struct auth_keyring *ring, size_t i);

/* A ring from memory. NULL without memory; add: ZEUS_EINVAL, ZEUS_ELIMIT, ZEUS_ENOMEM. */
struct auth_keyring *auth_keyring_create(void) ZEUS_CHECK;
int auth_keyring_add(struct auth_keyring *ring, const void *key, size_t len, zeus_error *err)
    ZEUS_CHECK;

size_t auth_keyring_count(const struct auth_keyring *ring);

/* What tells the i-th key from others and survives reading it again; says nothing of its bytes. */
uint64_t auth_keyring_tag(const struct auth_keyring *ring, size_t i);
/* 1 when a key of that tag is in the ring. NULL: an empty ring. */
int auth_keyring_has_tag(const struct auth_keyring *ring, uint64_t tag);

#define AUTH_MAC_BYTES 32

/* HMAC-SHA-256 of `data` under the i-th key. ZEUS_EINTERNAL when the crypto library fails. */
int auth_keyring_mac(const struct auth_keyring *ring, size_t i, const void *data, size_t len,
                     unsigned char out[AUTH_MAC_BYTES]) ZEUS_CHECK;

#endif /* ZEUS_AUTH_KEY_H */
