/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of fixed-size records with one writer and any number of readers, none of which ever waits.
 * Records are numbered from 0; the newest `capacity - 1` can be read. A reader that is overtaken
 * learns so and gets nothing. Words are stored with release and loaded with acquire order: a reader
 * that saw a word of a newer record then sees a head at least that new, which is what the check
 * after the copy relies on (no fences, so that the thread sanitizer understands it).
 */
#ifndef ZEUS_BASE_RING_H
#define ZEUS_BASE_RING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <zeus/error.h>

#include "base/attr.h"
#include "base/mem.h"

struct ring {
    _Atomic uint64_t *words; /* owned */
    uint64_t capacity;       /* records, a power of two */
    uint64_t record_words;
    _Atomic uint64_t head; /* records ever written */
};

/* Capacity is rounded up to a power of two, at least 4. NOMEM. */
static inline ZEUS_CHECK int ring_init(struct ring *ring, uint64_t capacity, uint64_t record_words)
{
    uint64_t size = 4;
    while (size < capacity) {
        size *= 2;
    }
    ring->words = mem_calloc((size_t)(size * record_words), sizeof *ring->words);
    if (!ring->words) {
        return ZEUS_ENOMEM;
    }
    ring->capacity = size;
    ring->record_words = record_words;
    atomic_init(&ring->head, 0);
    return 0;
}

static inline void ring_done(struct ring *ring)
{
    free((void *)(uintptr_t)ring->words);
    ring->words = NULL;
}

/* The writer alone. */
static inline void ring_push(struct ring *ring, const uint64_t *record)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    _Atomic uint64_t *slot = ring->words + (head & (ring->capacity - 1)) * ring->record_words;
    for (uint64_t i = 0; i < ring->record_words; i++) {
        atomic_store_explicit(&slot[i], record[i], memory_order_release);
    }
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

/* One past the newest record. */
static inline uint64_t ring_end(const struct ring *ring)
{
    return atomic_load_explicit(&ring->head, memory_order_acquire);
}

/* The oldest record that can be read when `end` is the head. */
static inline uint64_t ring_oldest(const struct ring *ring, uint64_t end)
{
    return end < ring->capacity ? 0 : end - ring->capacity + 1;
}

/* Copies record number `number`; 0 when it does not exist (any more). */
static inline int ring_read(const struct ring *ring, uint64_t number, uint64_t *ret_record)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    if (number >= head || number < ring_oldest(ring, head)) {
        return 0;
    }
    const _Atomic uint64_t *slot =
        ring->words + (number & (ring->capacity - 1)) * ring->record_words;
    for (uint64_t i = 0; i < ring->record_words; i++) {
        ret_record[i] = atomic_load_explicit(&slot[i], memory_order_acquire);
    }
    head = atomic_load_explicit(&ring->head, memory_order_acquire);
    return number >= ring_oldest(ring, head);
}

static inline size_t ring_bytes(const struct ring *ring)
{
    return (size_t)(ring->capacity * ring->record_words * sizeof *ring->words);
}

/* A record of up to 16 words with one writer, of which readers get the newest whole copy. */
static inline int ring_read_newest(const struct ring *ring, uint64_t *ret_record)
{
    for (;;) {
        uint64_t end = ring_end(ring);
        if (end == 0) {
            return 0;
        }
        if (ring_read(ring, end - 1, ret_record)) {
            return 1;
        }
    }
}

#endif /* ZEUS_BASE_RING_H */
