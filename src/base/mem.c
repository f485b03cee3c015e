/* SPDX-License-Identifier: Apache-2.0
 *
 * Allocation helpers. Failure is a value; nothing here exits.
 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <zeus/error.h>

void *mem_calloc(size_t count, size_t size)
{
    return calloc(count ? count : 1, size ? size : 1);
}

int mem_grow(void *array, size_t *capacity, size_t need, size_t size, size_t max)
{
    if (need <= *capacity) {
        return 0;
    }
    if (need > max || max > SIZE_MAX / size) {
        return ZEUS_ELIMIT;
    }
    size_t next = *capacity ? *capacity : 8;
    while (next < need) {
        next = next > max / 2 ? max : next * 2;
    }
    if (next > max) {
        next = max;
    }
    void *old = NULL;
    memcpy(&old, array, sizeof(old));
    void *moved = realloc(old, next * size);
    if (!moved) {
        return ZEUS_ENOMEM;
    }
    memcpy(array, &moved, sizeof(moved));
    *capacity = next;
    return 0;
}

char *mem_strndup(const char *text, size_t len)
{
    if (len == SIZE_MAX) {
        return NULL;
    }
    char *copy = malloc(len + 1);
    if (copy) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

void mem_wipe(void *memory, size_t len)
{
    volatile unsigned char *p = memory;
    while (len--) {
        *p++ = 0;
    }
}

void mem_freep(void *pointer_to_pointer)
{
    void *p = NULL;
    memcpy(&p, pointer_to_pointer, sizeof(p));
    free(p);
}
