/* SPDX-License-Identifier: Apache-2.0
 *
 * Vendor libraries by dlopen: a table of symbols filled into a struct of function pointers that the
 * caller owns. Nothing global, so that a second library of the same kind can be open beside it.
 * Libraries are loaded RTLD_NOW | RTLD_LOCAL and never unloaded: vendors' libraries start threads
 * and register exit handlers that would outlive their code.
 */
#ifndef ZEUS_BASE_DL_H
#define ZEUS_BASE_DL_H

#include <stddef.h>

#include <zeus/error.h>

#include "base/attr.h"

/* One symbol: where its pointer goes, its name, an older name to fall back on. */
struct dl_symbol {
    size_t offset; /* of the function pointer in the caller's struct */
    const char *name;
    const char *fallback; /* NULL: none */
    int is_required;
};

#define DL_REQUIRED(type, member, symbol)       \
    {                                           \
        offsetof(type, member), symbol, NULL, 1 \
    }
#define DL_OPTIONAL(type, member, symbol)       \
    {                                           \
        offsetof(type, member), symbol, NULL, 0 \
    }
#define DL_OPTIONAL_OR(type, member, symbol, older) \
    {                                               \
        offsetof(type, member), symbol, older, 0    \
    }
#define DL_REQUIRED_OR(type, member, symbol, older) \
    {                                               \
        offsetof(type, member), symbol, older, 1    \
    }

/* Opens one library by name or path. ZEUS_ENOLIB with the loader's own words. The handle is never
 * closed. */
int dl_open(const char *name, void **ret_handle, zeus_error *err) ZEUS_CHECK;

/* A library that this process has loaded already, by its soname; NULL when it has not. It cannot be
 * unloaded until dl_return(). */
void *dl_borrow(const char *soname);
void dl_return(void *handle);

/* Fills `functions` (zeroed by the caller); absent optional symbols stay NULL. Two rows may share a
 * member: the later one wins where its symbol exists, so older names go first. ZEUS_ENOSYM names
 * the first required symbol that is missing. */
int dl_load(void *handle, const struct dl_symbol *symbols, size_t count, void *functions,
            zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_BASE_DL_H */
