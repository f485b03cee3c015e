/* SPDX-License-Identifier: Apache-2.0
 *
 * Small macros used everywhere: array length, ownership transfer, container_of, checked asserts.
 */
#ifndef ZEUS_BASE_MACRO_H
#define ZEUS_BASE_MACRO_H

#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Hands the pointer over: yields it and leaves NULL behind, so that cleanup does nothing. */
#define TAKE(p)                     \
    __extension__({                 \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Stays on in release: for invariants whose loss would corrupt memory. */
#define ZEUS_ASSERT(cond)     \
    do {                      \
        if (!(cond)) {        \
            __builtin_trap(); \
        }                     \
    } while (0)

#endif /* ZEUS_BASE_MACRO_H */
