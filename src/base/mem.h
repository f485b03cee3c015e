/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: overflow-checked allocation, array growth with a maximum, cleanup helpers.
 */
#ifndef ZEUS_BASE_MEM_H
#define ZEUS_BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* Zeroed array; NULL on overflow or when memory is short. Owned: free(). */
void *mem_calloc(size_t count, size_t size) ZEUS_CHECK;

/* Makes room for `need` elements in *array (owned, may move), doubling up to `max` elements.
 * ZEUS_ELIMIT past the maximum, ZEUS_ENOMEM; *array and *capacity are untouched on failure. */
int mem_grow(void *array, size_t *capacity, size_t need, size_t size, size_t max) ZEUS_CHECK;

char *mem_strdup(const char *text) ZEUS_CHECK;
char *mem_strndup(const char *text, size_t len) ZEUS_CHECK;

/* Zeroes memory that held a secret; the compiler does not leave it out. */
void mem_wipe(void *memory, size_t len);

/* For CLEANUP(): frees the pointer that the variable holds. */
void mem_freep(void *pointer_to_pointer);

#define _free_ CLEANUP(mem_freep)

#endif /* ZEUS_BASE_MEM_H */
