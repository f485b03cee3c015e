/* SPDX-License-Identifier: Apache-2.0
 *
 * PCG64 (XSL-RR) and the derived draws, in the order of numpy's Generator: every function consumes
 * exactly the words numpy's consumes, so that sequences stay in step whatever is mixed. 128-bit
 * arithmetic is in two halves, since ISO C has no such type.
 */
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/mem.h"
#include "base/rng_private.h"

#define MULTIPLIER_HI 0x2360ed051fc65da4u
#define MULTIPLIER_LO 0x4385df649fccf645u

#define NORMAL_R     3.6541528853610087963519472518 /* where the tail begins */
#define NORMAL_INV_R 0.27366123732975827203338247596

/* Floyd's method up to here; past it only for small samples, else the tail of a shuffle. */
#define FLOYD_MAX      10000u
#define FLOYD_FRACTION 50u

struct rng_u128 rng_u128_add(struct rng_u128 a, struct rng_u128 b)
{
    const uint64_t lo = a.lo + b.lo;
    return (struct rng_u128){.hi = a.hi + b.hi + (lo < a.lo), .lo = lo};
}

struct rng_u128 rng_u128_mul64(uint64_t a, uint64_t b)
{
    const uint64_t a_lo = (uint32_t)a, a_hi = a >> 32;
    const uint64_t b_lo = (uint32_t)b, b_hi = b >> 32;
    const uint64_t low = a_lo * b_lo;
    const uint64_t mid = a_hi * b_lo + (low >> 32);
    const uint64_t mid2 = a_lo * b_hi + (uint32_t)mid;
    return (struct rng_u128){
        .hi = a_hi * b_hi + (mid >> 32) + (mid2 >> 32),
        .lo = mid2 << 32 | (uint32_t)low,
    };
}

void rng_step(struct rng *rng)
{
    struct rng_u128 product = rng_u128_mul64(rng->state.lo, MULTIPLIER_LO);
    product.hi += rng->state.hi * MULTIPLIER_LO + rng->state.lo * MULTIPLIER_HI;
    rng->state = rng_u128_add(product, rng->inc);
}

uint64_t rng_next64(struct rng *rng)
{
    rng_step(rng);
    const uint64_t x = rng->state.hi ^ rng->state.lo;
    const unsigned rotation = (unsigned)(rng->state.hi >> 58);
    return x >> rotation | x << ((64 - rotation) & 63);
}

uint32_t rng_next32(struct rng *rng)
{
    if (rng->has_uint32) {
        rng->has_uint32 = 0;
        return rng->uinteger;
    }
    const uint64_t word = rng_next64(rng);
    rng->has_uint32 = 1;
    rng->uinteger = (uint32_t)(word >> 32);
    return (uint32_t)word;
}

double rng_double(struct rng *rng)
{
    return (double)(rng_next64(rng) >> 11) * 0x1p-53;
}

static uint32_t bounded32(struct rng *rng, uint32_t max)
{
    const uint32_t range = max + 1;
    uint64_t product = (uint64_t)rng_next32(rng) * range;
    if ((uint32_t)product < range) {
        const uint32_t threshold = (UINT32_MAX - max) % range;
        while ((uint32_t)product < threshold) {
            product = (uint64_t)rng_next32(rng) * range;
        }
    }
    return (uint32_t)(product >> 32);
}

static uint64_t bounded64(struct rng *rng, uint64_t max)
{
    const uint64_t range = max + 1;
    struct rng_u128 product = rng_u128_mul64(rng_next64(rng), range);
    if (product.lo < range) {
        const uint64_t threshold = (UINT64_MAX - max) % range;
        while (product.lo < threshold) {
            product = rng_u128_mul64(rng_next64(rng), range);
        }
    }
    return product.hi;
}

uint64_t rng_bounded(struct rng *rng, uint64_t max)
{
    if (max == 0) {
        return 0;
    }
    if (max < UINT32_MAX) {
        return bounded32(rng, (uint32_t)max);
    }
    if (max == UINT32_MAX) {
        return rng_next32(rng);
    }
    return max == UINT64_MAX ? rng_next64(rng) : bounded64(rng, max);
}

/* Uniform in 0..max by masked rejection: what numpy's shuffle draws, unlike its choice. */
static uint64_t interval(struct rng *rng, uint64_t max)
{
    uint64_t mask = max;
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        mask |= mask >> shift;
    }
    uint64_t value;
    do {
        value = (max <= UINT32_MAX ? rng_next32(rng) : rng_next64(rng)) & mask;
    } while (value > max);
    return value;
}

/* Fisher-Yates over indices from the end down to `first`, as choice does it. */
static void shuffle_indices(struct rng *rng, uint64_t *indices, size_t count, size_t first)
{
    for (size_t i = count; i-- > first;) {
        const size_t j = (size_t)rng_bounded(rng, i);
        const uint64_t kept = indices[i];
        indices[i] = indices[j];
        indices[j] = kept;
    }
}

void rng_permutation(struct rng *rng, size_t n, uint64_t *indices)
{
    for (size_t i = 0; i < n; i++) {
        indices[i] = i;
    }
    rng_shuffle(rng, indices, n, sizeof(*indices));
}

void rng_shuffle(struct rng *rng, void *elements, size_t count, size_t size)
{
    unsigned char *bytes = elements;
    for (size_t i = count; i-- > 1;) {
        unsigned char *a = bytes + i * size;
        unsigned char *b = bytes + (size_t)interval(rng, i) * size;
        for (size_t k = 0; k < size && a != b; k++) {
            const unsigned char kept = a[k];
            a[k] = b[k];
            b[k] = kept;
        }
    }
}

/* A set of chosen values: open addressing, 0 = empty, so values are stored plus one. */
static int set_insert(uint64_t *slots, size_t mask, uint64_t value)
{
    size_t at = (size_t)(value * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (slots[at] != 0) {
        if (slots[at] == value + 1) {
            return 0;
        }
        at = (at + 1) & mask;
    }
    slots[at] = value + 1;
    return 1;
}

static int choose_floyd(struct rng *rng, uint64_t n, size_t k, uint64_t *indices)
{
    uint64_t fixed[64] = {0};
    uint64_t *heap _free_ = NULL;
    uint64_t *slots = fixed;
    size_t mask = 63;
    if (k > 32) {
        while (mask < 2 * k) {
            mask = 2 * mask + 1;
        }
        slots = heap = mem_calloc(mask + 1, sizeof(*slots));
        if (!heap) {
            return ZEUS_ENOMEM;
        }
    }
    for (size_t i = 0; i < k; i++) {
        const uint64_t j = n - k + i;
        uint64_t value = rng_bounded(rng, j);
        if (!set_insert(slots, mask, value)) {
            value = j;
            (void)set_insert(slots, mask, value); /* new: it is larger than any before */
        }
        indices[i] = value;
    }
    shuffle_indices(rng, indices, k, 1);
    return 0;
}

static int choose_tail(struct rng *rng, uint64_t n, size_t k, uint64_t *indices)
{
    uint64_t *all _free_ =
        n <= SIZE_MAX / sizeof(*all) ? mem_calloc((size_t)n, sizeof(*all)) : NULL;
    if (!all) {
        return ZEUS_ENOMEM;
    }
    for (uint64_t i = 0; i < n; i++) {
        all[i] = i;
    }
    shuffle_indices(rng, all, (size_t)n, n - k > 1 ? (size_t)(n - k) : 1);
    memcpy(indices, all + (n - k), k * sizeof(*indices));
    return 0;
}

int rng_choice(struct rng *rng, uint64_t n, size_t k, uint64_t *indices)
{
    if (k > n || k > SIZE_MAX / 64) {
        return ZEUS_EINVAL;
    }
    if (n > FLOYD_MAX && k > n / FLOYD_FRACTION) {
        return choose_tail(rng, n, k, indices);
    }
    return choose_floyd(rng, n, k, indices);
}

static double normal_tail(struct rng *rng, int is_negative)
{
    for (;;) {
        const double x = -NORMAL_INV_R * log1p(-rng_double(rng));
        const double y = -log1p(-rng_double(rng));
        if (y + y > x * x) {
            return is_negative ? -(NORMAL_R + x) : NORMAL_R + x;
        }
    }
}

double rng_standard_normal(struct rng *rng)
{
    const double *fi = rng_ziggurat_fi;
    for (;;) {
        const uint64_t word = rng_next64(rng);
        const unsigned layer = word & 0xff;
        const uint64_t sign = word >> 8 & 1;
        const uint64_t magnitude = word >> 9 & 0x000fffffffffffffu;
        double x = (double)magnitude * rng_ziggurat_wi[layer];
        if (sign) {
            x = -x;
        }
        if (magnitude < rng_ziggurat_ki[layer]) {
            return x;
        }
        if (layer == 0) {
            return normal_tail(rng, (int)(magnitude >> 8 & 1));
        }
        if ((fi[layer - 1] - fi[layer]) * rng_double(rng) + fi[layer] < exp(-0.5 * x * x)) {
            return x;
        }
    }
}

double rng_normal(struct rng *rng, double mean, double deviation)
{
    return mean + deviation * rng_standard_normal(rng);
}
