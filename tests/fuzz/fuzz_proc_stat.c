/* SPDX-License-Identifier: Apache-2.0
 *
 * /proc/PID/stat and lists of CPUs: every input; a list that is accepted fills what it says.
 */
#include <stdint.h>
#include <stdlib.h>

#include "device/cpu_topology.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    uint32_t cpu = 0;
    uint32_t cpus[16];
    size_t count = 0;
    (void)!cpu_topology_parse_stat(text, size, &cpu);
    for (size_t i = 0; i < 16; i++) {
        cpus[i] = UINT32_MAX;
    }
    if (cpu_topology_parse_list(text, size, cpus, 16, &count) == 0) {
        for (size_t i = 0; i < count && i < 16; i++) {
            if (cpus[i] == UINT32_MAX) {
                abort();
            }
        }
    }
    return 0;
}
