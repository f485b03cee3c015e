/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows by name: hash table, list by age and pool of one stripe. Functions here take no locks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"
#include "monitor/energy_window.h"

#define POOL_MOST   64u
#define TABLE_FIRST 32u
#define TABLE_MOST  ((size_t)1 << 28)

uint64_t window_hash(const char *name, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

struct stripe *window_stripe(struct zeus_monitor *monitor, uint64_t hash)
{
    return &monitor->stripes[(hash >> 57) % MONITOR_STRIPES];
}

static size_t rounded(size_t size)
{
    return (size + 15u) & ~(size_t)15u;
}

struct zeus_measurement *window_take(struct zeus_monitor *monitor, struct stripe *stripe)
{
    struct zeus_measurement *window = stripe->pool;
    if (window) {
        stripe->pool = window->list_next;
        stripe->pool_count--;
    } else {
        size_t head = rounded(sizeof *window);
        size_t pins = rounded(2 * monitor->count * sizeof *window->pins);
        size_t directs = monitor->has_sampler ? 0 : 2 * monitor->count * sizeof *window->directs;
        char *raw = mem_calloc(1, head + pins + directs);
        if (!raw) {
            return NULL;
        }
        window = (struct zeus_measurement *)(void *)raw;
        window->pins = (struct source_pin *)(void *)(raw + head);
        window->directs = directs ? (struct direct_edge *)(void *)(raw + head + pins) : NULL;
    }
    window->monitor = monitor;
    window->count = (uint32_t)monitor->count;
    window->hash_next = window->list_next = window->list_prev = NULL;
    window->is_computed = 0;
    window->pinned[0] = window->pinned[1] = WINDOW_PIN_NONE;
    window->end_code = 0;
    for (size_t i = 0; i < 2 * monitor->count; i++) {
        window->pins[i].is_set = 0;
        if (window->directs) {
            window->directs[i].is_set = 0;
        }
    }
    return window;
}

void window_link(struct stripe *stripe, struct zeus_measurement *window)
{
    window->list_prev = stripe->last;
    window->list_next = NULL;
    if (stripe->last) {
        stripe->last->list_next = window;
    } else {
        stripe->first = window;
    }
    stripe->last = window;
}

void window_unlink(struct stripe *stripe, struct zeus_measurement *window)
{
    if (window->list_prev) {
        window->list_prev->list_next = window->list_next;
    } else {
        stripe->first = window->list_next;
    }
    if (window->list_next) {
        window->list_next->list_prev = window->list_prev;
    } else {
        stripe->last = window->list_prev;
    }
    window->list_prev = window->list_next = NULL;
}

static int grow(struct stripe *stripe)
{
    size_t size = stripe->table_size ? stripe->table_size * 2 : TABLE_FIRST;
    if (size > TABLE_MOST) {
        return stripe->table_size ? 0 : ZEUS_ENOMEM; /* chains grow instead */
    }
    struct zeus_measurement **table = mem_calloc(size, sizeof(struct zeus_measurement *));
    if (!table) {
        return stripe->table_size ? 0 : ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < stripe->table_size; i++) {
        struct zeus_measurement *window = stripe->table[i];
        while (window) {
            struct zeus_measurement *next = window->hash_next;
            size_t slot = window->hash & (size - 1);
            window->hash_next = table[slot];
            table[slot] = window;
            window = next;
        }
    }
    free((void *)stripe->table);
    stripe->table = table;
    stripe->table_size = size;
    return 0;
}

int window_insert(struct stripe *stripe, struct zeus_measurement *window)
{
    if (stripe->open_count >= stripe->table_size) {
        int r = grow(stripe);
        if (r < 0) {
            return r;
        }
    }
    size_t slot = window->hash & (stripe->table_size - 1);
    window->hash_next = stripe->table[slot];
    stripe->table[slot] = window;
    stripe->open_count++;
    return 0;
}

struct zeus_measurement *window_find(struct stripe *stripe, uint64_t hash, const char *name)
{
    if (stripe->table_size == 0) {
        return NULL;
    }
    struct zeus_measurement *window = stripe->table[hash & (stripe->table_size - 1)];
    while (window && (window->hash != hash || strcmp(measurement_name(window), name) != 0)) {
        window = window->hash_next;
    }
    return window;
}

void window_remove(struct stripe *stripe, struct zeus_measurement *window)
{
    struct zeus_measurement **at = &stripe->table[window->hash & (stripe->table_size - 1)];
    while (*at != window) {
        at = &(*at)->hash_next;
    }
    *at = window->hash_next;
    window->hash_next = NULL;
    stripe->open_count--;
}

void window_destroy(struct zeus_measurement *window)
{
    if (window) {
        measurement_done(window);
        free(window);
    }
}

void window_give_back(struct stripe *stripe, struct zeus_measurement *window)
{
    if (stripe->pool_count >= POOL_MOST) {
        window_destroy(window);
        return;
    }
    measurement_done(window);
    window->state = WINDOW_POOLED;
    window->list_next = stripe->pool;
    stripe->pool = window;
    stripe->pool_count++;
}
