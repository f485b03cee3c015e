/* SPDX-License-Identifier: Apache-2.0
 *
 * The request arena: a list of chunks, filled from the front of the newest. A request larger than a
 * usual chunk gets a chunk of its own.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

#define CHUNK_BYTES 4096
#define ALIGN       _Alignof(max_align_t)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    _Alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t max)
{
    *a = (struct arena){.max = max};
}

void arena_done(struct arena *a)
{
    struct arena_chunk *chunk = a->chunks;
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *a = (struct arena){.max = a->max};
}

static int add_chunk(struct arena *a, size_t need)
{
    size_t size = MAX_OF(need, (size_t)CHUNK_BYTES);
    if (a->total > a->max || size > a->max - a->total) {
        size = need;
    }
    if (a->total > a->max || size > a->max - a->total) {
        return 0;
    }
    struct arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);
    if (!chunk) {
        return 0;
    }
    chunk->next = a->chunks;
    chunk->size = size;
    a->chunks = chunk;
    a->total += size;
    a->used = 0;
    return 1;
}

void *arena_alloc(struct arena *a, size_t count, size_t size)
{
    if (size != 0 && count > (SIZE_MAX / 2) / size) {
        return NULL;
    }
    size_t need = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    if (!a->chunks || need > a->chunks->size - a->used) {
        if (!add_chunk(a, need)) {
            return NULL;
        }
    }
    void *memory = a->chunks->data + a->used;
    a->used += need;
    return memory;
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
    char *copy = arena_alloc(a, len + 1, 1);
    if (copy && len) {
        memcpy(copy, text, len);
    }
    return copy;
}
