/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 with the URL alphabet and without padding (RFC 4648 section 5, as JWT wants it). Decoding
 * is strict: no padding, no white space, no other alphabet, and the bits that are left over in the
 * last character must be zero, so that every byte string has exactly one text.
 */
#ifndef ZEUS_CODEC_BASE64_H
#define ZEUS_CODEC_BASE64_H

#include <stddef.h>

#include "base/attr.h"

/* Characters that `len` bytes become. */
#define BASE64_URL_LENGTH(len) ((len) / 3 * 4 + ((len) % 3 * 4 + 2) / 3)

/* Text without NUL; its length, or ZEUS_ELIMIT when `size` is short. */
int base64_url_encode(const void *data, size_t len, char *out, size_t size) ZEUS_CHECK;

/* The number of bytes, ZEUS_EPARSE, or ZEUS_ELIMIT when `size` is short. */
int base64_url_decode(const char *text, size_t len, void *out, size_t size) ZEUS_CHECK;

#endif /* ZEUS_CODEC_BASE64_H */
