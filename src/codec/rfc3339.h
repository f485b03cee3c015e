/* SPDX-License-Identifier: Apache-2.0
 *
 * "2026-01-31T12:00:00Z" or "...+02:00" (RFC 3339, whole seconds, from 1970 on) as Unix time.
 */
#ifndef ZEUS_CODEC_RFC3339_H
#define ZEUS_CODEC_RFC3339_H

#include <stdint.h>

#include "base/attr.h"

/* ZEUS_EPARSE for anything else; what an offset moves before 1970 becomes 0. */
int rfc3339_parse(const char *text, uint64_t *ret_s) ZEUS_CHECK;

#endif /* ZEUS_CODEC_RFC3339_H */
