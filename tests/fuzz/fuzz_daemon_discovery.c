/* SPDX-License-Identifier: Apache-2.0
 *
 * The discovery reader: whatever it accepts has unique ids, well-formed PCI addresses and
 * terminated texts.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macro.h"
#include "remote/discovery.h"
#include "remote/pci_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_gpu(const struct discovery *d, size_t i)
{
    const zeus_daemon_gpu *gpu = &d->gpus[i];
    uint64_t address = 0;
    ZEUS_ASSERT(i == 0 || d->gpus[i - 1].id < gpu->id);
    ZEUS_ASSERT(memchr(gpu->name, '\0', sizeof(gpu->name)));
    ZEUS_ASSERT(memchr(gpu->uuid, '\0', sizeof(gpu->uuid)));
    ZEUS_ASSERT(!gpu->pci[0] || pci_address_parse(gpu->pci, &address) == 0);
    ZEUS_ASSERT(gpu->has_energy >= -1 && gpu->has_energy <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct discovery d;
    zeus_error err = ZEUS_ERROR_INIT;
    int r = discovery_parse(&d, (const char *)data, size, &err);
    ZEUS_ASSERT(r == 0 || err.code == r);
    for (size_t i = 0; r == 0 && i < d.gpu_count; i++) {
        check_gpu(&d, i);
    }
    for (size_t i = 1; r == 0 && i < d.cpu_count; i++) {
        ZEUS_ASSERT(d.cpus[i - 1].id < d.cpus[i].id);
    }
    ZEUS_ASSERT(r < 0 || d.dialect >= ZEUS_DIALECT_V0_3);
    discovery_done(&d);
    return 0;
}
