/* SPDX-License-Identifier: Apache-2.0
 *
 * The wrapped allocators (ld --wrap).
 */
#include "fault_alloc.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static unsigned left;
static int has_failed;

void fault_alloc_arm(unsigned n)
{
    left = n;
    has_failed = 0;
}

int fault_alloc_disarm(void)
{
    left = 0;
    return has_failed;
}

static int is_due(void)
{
    if (left == 0 || --left > 0) {
        return 0;
    }
    has_failed = 1;
    return 1;
}

void *__wrap_malloc(size_t size)
{
    return is_due() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_due() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return is_due() ? NULL : __real_realloc(old, size);
}
