/* SPDX-License-Identifier: Apache-2.0
 *
 * The ordered table of backends. No constructors: what is listed here is what is looked for.
 */
#ifndef ZEUS_CORE_REGISTRY_H
#define ZEUS_CORE_REGISTRY_H

#include <stddef.h>

#include "device/backend.h"

/* Backends in discovery order; *ret_count of them. Borrowed forever. */
const struct backend *const *registry_backends(size_t *ret_count);

#endif /* ZEUS_CORE_REGISTRY_H */
