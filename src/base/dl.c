/* SPDX-License-Identifier: Apache-2.0
 *
 * dlopen and dlsym behind a table; the same on Linux and macOS (RTLD_NODELETE is an extension on
 * both).
 */
#include "base/dl.h"

#include <dlfcn.h>
#include <string.h>

#include "base/err.h"

int dl_open(const char *name, void **ret_handle, zeus_error *err)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) {
        const char *why = dlerror();
        return err_set(err, ZEUS_ENOLIB, "cannot load %s: %s", name, why ? why : "unknown reason");
    }
    *ret_handle = handle;
    return 0;
}

void *dl_borrow(const char *soname)
{
    return dlopen(soname, RTLD_LAZY | RTLD_NOLOAD);
}

void dl_return(void *handle)
{
    if (handle) {
        (void)dlclose(handle);
    }
}

int dl_load(void *handle, const struct dl_symbol *symbols, size_t count, void *functions,
            zeus_error *err)
{
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(handle, symbols[i].name);
        if (!address && symbols[i].fallback) {
            address = dlsym(handle, symbols[i].fallback);
        }
        if (!address && symbols[i].is_required) {
            return err_set(err, ZEUS_ENOSYM, "the library lacks the function %s", symbols[i].name);
        }
        if (address) {
            memcpy((char *)functions + symbols[i].offset, &address, sizeof(address));
        }
    }
    return 0;
}
