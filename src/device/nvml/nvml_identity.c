/* SPDX-License-Identifier: Apache-2.0
 *
 * Who a GPU is. Each part is asked for on its own: what the driver does not say stays empty, and a
 * GPU without a name is still told apart by its number.
 */
#include "device/nvml/nvml.h"

#include <stdio.h>

#include "base/macro.h"

const char *nvml_architecture_name(uint32_t architecture)
{
    static const char *const names[] = {
        [NVML_ARCH_KEPLER] = "kepler", [NVML_ARCH_MAXWELL] = "maxwell",
        [NVML_ARCH_PASCAL] = "pascal", [NVML_ARCH_VOLTA] = "volta",
        [NVML_ARCH_TURING] = "turing", [NVML_ARCH_AMPERE] = "ampere",
        [NVML_ARCH_ADA] = "ada",       [NVML_ARCH_HOPPER] = "hopper",
        [NVML_ARCH_RUBIN] = "rubin",   [NVML_ARCH_BLACKWELL] = "blackwell",
    };
    return architecture < ARRAY_LEN(names) && names[architecture] ? names[architecture] : "";
}

static void read_text(const struct nvml_device *dev, nvml_get_text_fn *get, unsigned int get_size,
                      char *text, size_t size)
{
    char raw[NVML_NAME_SIZE + 1] = "";
    if (get && dev->open_code == NVML_SUCCESS && get(dev->handle, raw, get_size) == NVML_SUCCESS &&
        *raw) {
        (void)snprintf(text, size, "%s", raw);
    }
}

/* Older drivers number architectures not at all: the compute capability tells most of it. */
static uint32_t architecture_of_capability(int major, int minor)
{
    static const uint32_t by_major[] = {
        [3] = NVML_ARCH_KEPLER, [5] = NVML_ARCH_MAXWELL,    [6] = NVML_ARCH_PASCAL,
        [9] = NVML_ARCH_HOPPER, [10] = NVML_ARCH_BLACKWELL, [12] = NVML_ARCH_BLACKWELL,
    };
    if (major == 7) {
        return minor >= 5 ? NVML_ARCH_TURING : NVML_ARCH_VOLTA;
    }
    if (major == 8) {
        return minor == 9 ? NVML_ARCH_ADA : NVML_ARCH_AMPERE;
    }
    return major > 0 && (size_t)major < ARRAY_LEN(by_major) && by_major[major] ? by_major[major]
                                                                               : NVML_ARCH_UNKNOWN;
}

static void read_architecture(struct nvml_device *dev)
{
    const struct nvml_lib *lib = &dev->lib;
    unsigned int architecture = NVML_ARCH_UNKNOWN;
    if (!lib->compute_capability ||
        lib->compute_capability(dev->handle, &dev->cc_major, &dev->cc_minor) != NVML_SUCCESS) {
        dev->cc_major = -1;
        dev->cc_minor = -1;
    }
    if (!lib->architecture || lib->architecture(dev->handle, &architecture) != NVML_SUCCESS) {
        architecture = architecture_of_capability(dev->cc_major, dev->cc_minor);
    }
    dev->architecture = architecture;
    (void)snprintf(dev->base.info.architecture, sizeof(dev->base.info.architecture), "%s",
                   nvml_architecture_name(architecture));
}

/* Compute capability first, then the highest graphics clock. */
static void read_rank(struct nvml_device *dev)
{
    unsigned int clock_mhz = 0;
    if (dev->cc_major <= 0) {
        return;
    }
    if (!dev->lib.max_clock ||
        dev->lib.max_clock(dev->handle, NVML_CLOCK_GRAPHICS, &clock_mhz) != NVML_SUCCESS) {
        clock_mhz = 0;
    }
    dev->base.speed_rank =
        (uint64_t)dev->cc_major << 48 | (uint64_t)(dev->cc_minor & 0xff) << 40 | clock_mhz;
}

void nvml_identify(struct nvml_device *dev)
{
    zeus_device_info *info = &dev->base.info;
    (void)snprintf(info->name, sizeof(info->name), "NVIDIA GPU %d", info->physical_index);
    dev->architecture = NVML_ARCH_UNKNOWN;
    if (dev->open_code != NVML_SUCCESS) {
        return;
    }
    read_text(dev, dev->lib.name, NVML_NAME_SIZE, info->name, sizeof(info->name));
    read_text(dev, dev->lib.uuid, NVML_UUID_SIZE, info->uuid, sizeof(info->uuid));
    struct nvml_pci_info pci = {0};
    if (dev->lib.pci_info && dev->lib.pci_info(dev->handle, &pci) == NVML_SUCCESS) {
        (void)snprintf(info->pci, sizeof(info->pci), "%04x:%02x:%02x.0", pci.domain, pci.bus,
                       pci.device);
    }
    read_architecture(dev);
    read_rank(dev);
}
