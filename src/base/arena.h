/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of one request: many small allocations, freed together. Pointers live until arena_done and
 * never escape the request. The maximum set at init is the most bytes all of them may take.
 * Thread rule: one thread at a time.
 */
#ifndef ZEUS_BASE_ARENA_H
#define ZEUS_BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes taken from the newest chunk */
    size_t total;               /* bytes of all chunks */
    size_t max;
};

void arena_init(struct arena *a, size_t max);
void arena_done(struct arena *a);

/* Zeroed memory for `count` elements, aligned for any type; NULL on overflow, past the maximum or
 * when memory is short. Borrowed until arena_done. */
void *arena_alloc(struct arena *a, size_t count, size_t size) ZEUS_CHECK;

/* A NUL-terminated copy of `len` bytes. */
char *arena_strndup(struct arena *a, const char *text, size_t len) ZEUS_CHECK;

#endif /* ZEUS_BASE_ARENA_H */
