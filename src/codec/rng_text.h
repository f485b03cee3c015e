/* SPDX-License-Identifier: Apache-2.0
 *
 * A random generator's state as JSON text, the text numpy's state dictionary gives:
 * {"bit_generator": "PCG64", "state": {"state": N, "inc": N}, "has_uint32": 0, "uinteger": 0}.
 */
#ifndef ZEUS_CODEC_RNG_TEXT_H
#define ZEUS_CODEC_RNG_TEXT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/rng.h"

#define RNG_TEXT_SIZE 208 /* enough for any state, NUL included */

/* Returns the length. */
size_t rng_text_write(char out[RNG_TEXT_SIZE], const struct rng *rng);

/* ZEUS_EPARSE for other JSON, another generator, a missing member or an even increment; ZEUS_ERANGE
 * for numbers that do not fit. Unknown members are skipped. */
int rng_text_read(struct rng *rng, const char *text, size_t len) ZEUS_CHECK;

#endif /* ZEUS_CODEC_RNG_TEXT_H */
