/* SPDX-License-Identifier: Apache-2.0
 *
 * From a seed of any size to a generator's first state: SeedSequence's entropy pool, then PCG64's
 * seeding. Source of truth: the recorded states of the reference vectors.
 */
#include "base/rng.h"

#include <string.h>

#include <zeus/error.h>

#include "base/rng_private.h"

#define POOL_SIZE 4

#define POOL_HASH_INIT 0x43b0d7e5u
#define POOL_HASH_STEP 0x931e8875u
#define WORD_HASH_INIT 0x8b51f9ddu
#define WORD_HASH_STEP 0x58f38dedu
#define MIX_LEFT       0xca01f9ddu
#define MIX_RIGHT      0x4973f715u

static uint32_t hash_mix(uint32_t value, uint32_t *hash, uint32_t step)
{
    value ^= *hash;
    *hash *= step;
    value *= *hash;
    return value ^ (value >> 16);
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    uint32_t r = MIX_LEFT * x - MIX_RIGHT * y;
    return r ^ (r >> 16);
}

static void fill_pool(uint32_t pool[POOL_SIZE], const uint32_t *words, size_t count)
{
    uint32_t hash = POOL_HASH_INIT;
    for (size_t i = 0; i < POOL_SIZE; i++) {
        pool[i] = hash_mix(i < count ? words[i] : 0, &hash, POOL_HASH_STEP);
    }
    for (size_t from = 0; from < POOL_SIZE; from++) {
        for (size_t to = 0; to < POOL_SIZE; to++) {
            if (from != to) {
                pool[to] = mix(pool[to], hash_mix(pool[from], &hash, POOL_HASH_STEP));
            }
        }
    }
    for (size_t i = POOL_SIZE; i < count; i++) {
        for (size_t to = 0; to < POOL_SIZE; to++) {
            pool[to] = mix(pool[to], hash_mix(words[i], &hash, POOL_HASH_STEP));
        }
    }
}

void rng_seed_words(struct rng *rng, const uint32_t *words, size_t count)
{
    uint32_t pool[POOL_SIZE];
    fill_pool(pool, words, count);

    uint64_t seeds[4];
    uint32_t hash = WORD_HASH_INIT;
    for (size_t i = 0; i < 4; i++) {
        uint64_t low = hash_mix(pool[(2 * i) % POOL_SIZE], &hash, WORD_HASH_STEP);
        uint64_t high = hash_mix(pool[(2 * i + 1) % POOL_SIZE], &hash, WORD_HASH_STEP);
        seeds[i] = high << 32 | low;
    }

    *rng = (struct rng){
        .inc = {.hi = seeds[2] << 1 | seeds[3] >> 63, .lo = seeds[3] << 1 | 1},
    };
    rng_step(rng);
    rng->state = rng_u128_add(rng->state, (struct rng_u128){.hi = seeds[0], .lo = seeds[1]});
    rng_step(rng);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    const uint32_t words[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    rng_seed_words(rng, words, words[1] ? 2 : 1);
}

/* words = words * 10 + digit; the new count, 0 when there is no room. */
static size_t append_digit(uint32_t *words, size_t count, uint32_t digit)
{
    uint64_t carry = digit;
    for (size_t i = 0; i < count; i++) {
        carry += (uint64_t)words[i] * 10;
        words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry == 0) {
        return count;
    }
    if (count == RNG_SEED_WORDS_MAX) {
        return 0;
    }
    words[count] = (uint32_t)carry;
    return count + 1;
}

int rng_seed_decimal(struct rng *rng, const char *text, size_t len)
{
    if (len == 0) {
        return ZEUS_EPARSE;
    }
    uint32_t words[RNG_SEED_WORDS_MAX] = {0};
    size_t count = 1;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return ZEUS_EPARSE;
        }
        count = append_digit(words, count, (uint32_t)(text[i] - '0'));
        if (count == 0) {
            return ZEUS_ERANGE;
        }
    }
    rng_seed_words(rng, words, count);
    return 0;
}
