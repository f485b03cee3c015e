/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of the API groups.
 */
#include "auth/scopes.h"

#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "base/nearest.h"

static const char *const names[AUTH_SCOPE_KINDS] = {"gpu-control", "gpu-read", "cpu-read"};

const char *auth_scope_name(uint32_t bit)
{
    for (unsigned i = 0; i < AUTH_SCOPE_KINDS; i++) {
        if (bit == 1u << i) {
            return names[i];
        }
    }
    return NULL;
}

uint32_t auth_scope_find(const char *name, size_t len)
{
    for (unsigned i = 0; i < AUTH_SCOPE_KINDS; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            return 1u << i;
        }
    }
    return 0;
}

int auth_scopes_add(struct auth_scopes *scopes, uint32_t bit)
{
    if (scopes->count == AUTH_SCOPES_MAX) {
        return ZEUS_ELIMIT;
    }
    scopes->order[scopes->count++] = (uint8_t)bit;
    scopes->bits |= bit;
    return 0;
}

static int unknown(const char *name, size_t len, zeus_error *err)
{
    struct nearest nearest;
    nearest_init(&nearest, name, len);
    for (size_t i = 0; i < AUTH_SCOPE_KINDS; i++) {
        nearest_offer(&nearest, names[i]);
    }
    const char *near = nearest_get(&nearest);
    return err_set(err, ZEUS_EINVAL,
                   "unknown API group '%.*s'%s%s%s (gpu-control, gpu-read, cpu-read)",
                   (int)MIN_OF(len, (size_t)40), name, near ? ", did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

int auth_scopes_parse(const char *list, struct auth_scopes *scopes, zeus_error *err)
{
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        size_t len = strcspn(p, ",");
        uint32_t bit = auth_scope_find(p, len);
        if (bit == 0) {
            return unknown(p, len, err);
        }
        if (auth_scopes_add(scopes, bit) < 0) {
            return err_set(err, ZEUS_ELIMIT, "more than %d API groups", AUTH_SCOPES_MAX);
        }
    }
    return 0;
}
