/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's API groups: what a token may be good for, and what a daemon has switched on.
 */
#ifndef ZEUS_AUTH_SCOPES_H
#define ZEUS_AUTH_SCOPES_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/error.h>

#include "base/attr.h"

#define AUTH_GPU_CONTROL 1u
#define AUTH_GPU_READ    2u
#define AUTH_CPU_READ    4u
#define AUTH_SCOPES_ALL  7u
#define AUTH_SCOPE_KINDS 3

#define AUTH_SCOPES_MAX 64 /* in one token; repeats count */

/* The groups in the order they were given, repeats kept: a token is shown as it was written. */
struct auth_scopes {
    uint32_t bits; /* all of them together */
    uint8_t count;
    uint8_t order[AUTH_SCOPES_MAX]; /* one bit each */
};

/* "gpu-control", "gpu-read" or "cpu-read"; NULL for anything but one of the bits. */
const char *auth_scope_name(uint32_t bit);

/* The bit of a name, 0 when there is no such group. */
uint32_t auth_scope_find(const char *name, size_t len);

/* ZEUS_ELIMIT when there is no room. */
int auth_scopes_add(struct auth_scopes *scopes, uint32_t bit) ZEUS_CHECK;

/* Appends a comma list, "gpu-read,cpu-read". ZEUS_EINVAL for an unknown or empty name. */
int auth_scopes_parse(const char *list, struct auth_scopes *scopes, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_AUTH_SCOPES_H */
