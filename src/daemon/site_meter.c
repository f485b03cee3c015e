/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets in sets of WAYS. An owner is known by 64 bits of a seeded hash: two
 * owners that share all of them would share a bucket.
 */
#include "daemon/site_meter.h"

#include <math.h>
#include <stdlib.h>

#include "base/macro.h"
#include "base/mem.h"
#include "base/mutex.h"

#define SETS 512
#define WAYS 4

struct bucket {
    uint64_t owner; /* 0: empty */
    uint64_t last_ns;
    double tokens;
};

struct site_meter {
    struct mutex mutex;
    uint64_t seed;
    struct bucket sets[SETS][WAYS];
};

struct site_meter *site_meter_create(uint64_t seed)
{
    struct site_meter *meter = mem_calloc(1, sizeof(*meter));
    if (!meter) {
        return NULL;
    }
    meter->seed = seed;
    mutex_init(&meter->mutex);
    return meter;
}

void site_meter_destroy(struct site_meter *meter)
{
    if (meter) {
        mutex_done(&meter->mutex);
        free(meter);
    }
}

/* FNV-1a, then mixed so that low bits depend on all; never 0. */
static uint64_t hash(const struct site_meter *meter, const char *owner)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ meter->seed;
    for (; *owner; owner++) {
        h = (h ^ (unsigned char)*owner) * UINT64_C(0x100000001b3);
    }
    h ^= h >> 32;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    h ^= h >> 29;
    return h ? h : 1;
}

/* The owner's bucket; a newcomer gets the one unused for longest, full. */
static struct bucket *find(struct site_meter *meter, uint64_t owner, double burst, uint64_t now_ns)
{
    struct bucket *set = meter->sets[owner % SETS];
    struct bucket *oldest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].owner == owner) {
            return &set[i];
        }
        if (set[i].last_ns < oldest->last_ns) {
            oldest = &set[i];
        }
    }
    *oldest = (struct bucket){.owner = owner, .last_ns = now_ns, .tokens = burst};
    return oldest;
}

int site_meter_take(struct site_meter *meter, const struct site_limits *limits, const char *owner,
                    uint64_t now_ns, uint32_t *ret_retry_s)
{
    if (limits->requests_per_s == 0) {
        return 0;
    }
    const double rate = limits->requests_per_s;
    const double burst = limits->burst;
    const uint64_t id = hash(meter, owner);
    int is_over = 0;
    mutex_lock(&meter->mutex);
    struct bucket *b = find(meter, id, burst, now_ns);
    if (now_ns > b->last_ns) { /* threads may come with times out of order */
        b->tokens += rate * (double)(now_ns - b->last_ns) / 1e9;
        b->last_ns = now_ns;
    }
    b->tokens = MIN_OF(b->tokens, burst);
    if (b->tokens >= 1) {
        b->tokens -= 1;
    } else {
        is_over = 1;
        *ret_retry_s = (uint32_t)MAX_OF(ceil((1 - b->tokens) / rate), 1.0);
    }
    mutex_unlock(&meter->mutex);
    return is_over ? ZEUS_ELIMIT : 0;
}
