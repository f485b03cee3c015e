/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits by peer. Rates are token buckets in a fixed table indexed by a hash of the address: two
 * addresses that collide share a bucket, so an attacker cannot make the table grow. Counts (of
 * connections, of streams) are exact; their table is sized for as many keys as there can be
 * connections. Everything here runs under the server's lock.
 */
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "base/mem.h"
#include "httpd/httpd_private.h"

#define UID_KEY (UINT64_C(1) << 63) /* keys of users; addresses keep this bit clear */

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return hash;
}

int httpd_rate_take(struct httpd *h, const char *address, uint64_t now_ns)
{
    double rate = h->options.rate_per_s;
    double burst = h->options.rate_burst;
    uint64_t key = hash_text(address);
    struct httpd_bucket *b = &h->buckets[key % HTTPD_RATE_SLOTS];
    if (b->last_ns == 0) {
        *b = (struct httpd_bucket){key, now_ns, burst};
    }
    if (now_ns > b->last_ns) {
        b->tokens = MIN_OF(burst, b->tokens + rate * (double)(now_ns - b->last_ns) / 1e9);
        b->last_ns = now_ns;
    }
    if (b->tokens < 1.0) {
        return 0;
    }
    b->tokens -= 1.0;
    return 1;
}

uint64_t httpd_peer_key(const struct httpd_peer *peer)
{
    return peer->is_local ? UID_KEY | peer->uid : hash_text(peer->address) & ~UID_KEY;
}

int httpd_counts_init(struct httpd_counts *c, size_t keys)
{
    size_t size = 16;
    while (size < 2 * keys) {
        size *= 2;
    }
    c->slots = mem_calloc(size, sizeof(*c->slots));
    c->mask = size - 1;
    return c->slots ? 0 : ZEUS_ENOMEM;
}

void httpd_counts_done(struct httpd_counts *c)
{
    free(c->slots);
    c->slots = NULL;
}

static size_t home_of(const struct httpd_counts *c, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & c->mask;
}

/* The key's slot, or the free one where it belongs. The table is never full. */
static size_t find(const struct httpd_counts *c, uint64_t key)
{
    size_t at = home_of(c, key);
    while (c->slots[at].count > 0 && c->slots[at].key != key) {
        at = (at + 1) & c->mask;
    }
    return at;
}

int httpd_counts_add(struct httpd_counts *c, uint64_t key, unsigned limit)
{
    struct httpd_count *slot = &c->slots[find(c, key)];
    if (limit > 0 && slot->count >= limit) {
        return 1;
    }
    slot->key = key;
    slot->count++;
    return 0;
}

/* Moves later members of the run into the hole, so that no search stops short of them. */
static void close_gap(struct httpd_counts *c, size_t hole)
{
    for (size_t at = (hole + 1) & c->mask; c->slots[at].count > 0; at = (at + 1) & c->mask) {
        size_t from_home = (at - home_of(c, c->slots[at].key)) & c->mask;
        if (from_home >= ((at - hole) & c->mask)) {
            c->slots[hole] = c->slots[at];
            c->slots[at].count = 0;
            hole = at;
        }
    }
}

void httpd_counts_remove(struct httpd_counts *c, uint64_t key)
{
    size_t at = find(c, key);
    ZEUS_ASSERT(c->slots[at].count > 0);
    if (--c->slots[at].count == 0) {
        close_gap(c, at);
    }
}

static int remember_hub(struct httpd *h, struct hub *hub)
{
    for (size_t i = 0; i < HTTPD_HUBS_MAX; i++) {
        if (!h->hubs[i] || h->hubs[i] == hub) {
            h->hubs[i] = hub;
            return 1;
        }
    }
    return 0;
}

int httpd_stream_reserve(struct httpd_call *call, struct hub *hub)
{
    struct httpd *h = call->server;
    const struct httpd_options *o = &h->options;
    uint64_t key = httpd_peer_key(&call->req.peer);
    int status = 0;
    pthread_mutex_lock(&h->lock);
    if (h->is_draining || (o->streams_max > 0 && h->streams >= o->streams_max) ||
        !remember_hub(h, hub)) {
        status = 503;
    } else if (o->streams_per_peer_max > 0 &&
               httpd_counts_add(&h->stream_peers, key, o->streams_per_peer_max)) {
        status = 429;
    } else {
        h->streams++;
    }
    pthread_mutex_unlock(&h->lock);
    call->stream_key = key;
    return status;
}
