/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups by table: the first prefix that fits decides.
 */
#include "daemon/groups.h"

#include <string.h>

#include "base/macro.h"

uint32_t groups_of_path(const char *path)
{
    static const struct {
        const char *prefix;
        uint32_t group;
    } table[] = {
        {"/gpu/set_", AUTH_GPU_CONTROL}, {"/gpu/reset_", AUTH_GPU_CONTROL},
        {"/gpu/", AUTH_GPU_READ},        {"/cpu/", AUTH_CPU_READ},
        {"/lease/list", AUTH_GPU_READ},  {"/lease/", AUTH_GPU_CONTROL},
        {"/window/", GROUPS_ANY_READ},   {"/history", GROUPS_ANY_READ},
        {"/metrics", GROUPS_ANY_READ},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strncmp(path, table[i].prefix, strlen(table[i].prefix)) == 0) {
            return table[i].group;
        }
    }
    return 0;
}
