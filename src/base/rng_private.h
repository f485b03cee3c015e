/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the random number generator share: 128-bit addition, the step, the tables.
 */
#ifndef ZEUS_BASE_RNG_PRIVATE_H
#define ZEUS_BASE_RNG_PRIVATE_H

#include "base/rng.h"

struct rng_u128 rng_u128_add(struct rng_u128 a, struct rng_u128 b);

/* 64 x 64 -> 128 bits. */
struct rng_u128 rng_u128_mul64(uint64_t a, uint64_t b);

/* state = state * multiplier + inc */
void rng_step(struct rng *rng);

extern const uint64_t rng_ziggurat_ki[256];
extern const double rng_ziggurat_wi[256];
extern const double rng_ziggurat_fi[256];

#endif /* ZEUS_BASE_RNG_PRIVATE_H */
