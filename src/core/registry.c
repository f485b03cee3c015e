/* SPDX-License-Identifier: Apache-2.0
 *
 * The ordered table of backends.
 */
#include "core/registry.h"

#include "base/macro.h"

static const struct backend *const backends[] = {
    &nvml_backend, &amdsmi_backend, &rapl_backend, &hwmon_backend, &jetson_backend, &apple_backend,
};

const struct backend *const *registry_backends(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(backends);
    return backends;
}
