/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers, bit for bit those of numpy's default generator: PCG64 seeded through
 * SeedSequence, Lemire's bounded integers over 32-bit halves, Floyd's sampling, a 256-layer
 * ziggurat for normals. The state is the caller's, in every call; nothing is shared, so each
 * generator belongs to one thread at a time.
 */
#ifndef ZEUS_BASE_RNG_H
#define ZEUS_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct rng_u128 {
    uint64_t hi;
    uint64_t lo;
};

/* Plain record: copying it forks the sequence. Written as JSON by codec/rng_text.h. */
struct rng {
    struct rng_u128 state;
    struct rng_u128 inc; /* odd */
    uint32_t uinteger;   /* the unused upper half of a 64-bit draw... */
    uint32_t has_uint32; /* ...and whether there is one (0 or 1) */
};

#define RNG_SEED_WORDS_MAX 64

/* default_rng(seed). */
void rng_seed(struct rng *rng, uint64_t seed);

/* The same for a seed of any size: little-endian 32-bit words without leading zero words (one zero
 * word for seed 0), at most RNG_SEED_WORDS_MAX of them. */
void rng_seed_words(struct rng *rng, const uint32_t *words, size_t count);

/* A seed written as a decimal number. ZEUS_EPARSE, ZEUS_ERANGE past RNG_SEED_WORDS_MAX words. */
int rng_seed_decimal(struct rng *rng, const char *text, size_t len) ZEUS_CHECK;

uint64_t rng_next64(struct rng *rng);
uint32_t rng_next32(struct rng *rng);

/* Uniform in [0, 1), 53 bits: Generator.random(). */
double rng_double(struct rng *rng);

/* Uniform in 0..max, both ends included; draws nothing for max = 0. */
uint64_t rng_bounded(struct rng *rng, uint64_t max);

/* Generator.choice(n, k, replace=False): k <= n indices below n, in the order numpy gives them.
 * ZEUS_EINVAL for k > n, ZEUS_ENOMEM. */
int rng_choice(struct rng *rng, uint64_t n, size_t k, uint64_t *indices) ZEUS_CHECK;

/* Generator.permutation(n). */
void rng_permutation(struct rng *rng, size_t n, uint64_t *indices);

/* Generator.shuffle of `count` elements of `size` bytes. */
void rng_shuffle(struct rng *rng, void *elements, size_t count, size_t size);

double rng_standard_normal(struct rng *rng);
double rng_normal(struct rng *rng, double mean, double deviation);

#endif /* ZEUS_BASE_RNG_H */
