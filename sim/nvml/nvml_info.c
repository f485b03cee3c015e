/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated NVML: the system, finding devices, and what identifies them.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvml/nvml_call.h"

#define DRIVER_DEFAULT "550.54.15"
#define CUDA_DEFAULT   12040

static const char *node_text(const struct nvml_call *call, const char *key, const char *fallback)
{
    const char *text = sim_node_text(call->sim, key);
    return text ? text : fallback;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *text, uint32_t length)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, __func__);
    return r ? r : nvml_give_text(node_text(&call, "driver", DRIVER_DEFAULT), text, length);
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *text, uint32_t length)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, __func__);
    if (r) {
        return r;
    }
    char version[96];
    const char *cuda = node_text(&call, "cuda", "12040");
    (void)snprintf(version, sizeof(version), "%.2s.%.60s", cuda,
                   node_text(&call, "driver", DRIVER_DEFAULT));
    return nvml_give_text(version, text, length);
}

static nvmlReturn_t cuda_version(int *version, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, function);
    if (r) {
        return r;
    }
    if (!version) {
        return NVML_INVALID_ARGUMENT;
    }
    const char *text = sim_node_text(call.sim, "cuda");
    *version = text ? (int)strtol(text, NULL, 10) : CUDA_DEFAULT;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version)
{
    return cuda_version(version, __func__);
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    return cuda_version(version, __func__);
}

nvmlReturn_t nvmlSystemGetProcessName(uint32_t pid, char *name, uint32_t length)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, __func__);
    if (r) {
        return r;
    }
    char path[40];
    char text[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
    FILE *file = fopen(path, "re");
    if (!file) {
        return NVML_NOT_FOUND;
    }
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[n] = '\0'; /* up to the first argument's end */
    return nvml_give_text(text, name, length);
}

nvmlReturn_t nvmlUnitGetCount(uint32_t *count)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, __func__);
    return r ? r : nvml_give_u32(&call, 0, count);
}

static nvmlReturn_t device_count(uint32_t *count, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, function);
    return r ? r : nvml_give_u32(&call, sim_kind_count(call.sim, SIM_NVIDIA), count);
}

nvmlReturn_t nvmlDeviceGetCount(uint32_t *count)
{
    return device_count(count, __func__);
}

nvmlReturn_t nvmlDeviceGetCount_v2(uint32_t *count)
{
    return device_count(count, __func__);
}

/* Hands out a handle unless the device has a fault. */
static nvmlReturn_t give_handle(uint32_t device, uint32_t mig, const char *function,
                                nvmlDevice_t *ret_device)
{
    if (!ret_device) {
        return NVML_INVALID_ARGUMENT;
    }
    struct nvml_call call;
    nvmlDevice_t handle = nvml_handle_of(device, mig);
    nvmlReturn_t r = nvml_begin(&call, handle, function, 0);
    if (r == NVML_SUCCESS) {
        *ret_device = handle;
    }
    return r;
}

static nvmlReturn_t by_index(uint32_t index, nvmlDevice_t *device, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, function);
    if (r) {
        return r;
    }
    uint32_t position = sim_kind_device(call.sim, SIM_NVIDIA, index);
    return position == SIM_NONE ? NVML_INVALID_ARGUMENT
                                : give_handle(position, SIM_NONE, function, device);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(uint32_t index, nvmlDevice_t *device)
{
    return by_index(index, device, __func__);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(uint32_t index, nvmlDevice_t *device)
{
    return by_index(index, device, __func__);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, __func__);
    if (r || !uuid) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    for (uint32_t i = 0; i < sim_device_count(call.sim); i++) {
        const struct sim_device *dev = sim_device(call.sim, i);
        if (dev->kind != SIM_NVIDIA) {
            continue;
        }
        if (strcmp(dev->uuid, uuid) == 0) {
            return give_handle(i, SIM_NONE, __func__, device);
        }
        for (uint32_t m = 0; m < dev->mig_count; m++) {
            if (strcmp(dev->mig[m].uuid, uuid) == 0) {
                return give_handle(i, m, __func__, device);
            }
        }
    }
    return NVML_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char *serial, nvmlDevice_t *device)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, __func__);
    if (r || !serial) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    for (uint32_t i = 0; i < sim_device_count(call.sim); i++) {
        const struct sim_device *dev = sim_device(call.sim, i);
        if (dev->kind == SIM_NVIDIA && strcmp(dev->serial, serial) == 0) {
            return give_handle(i, SIM_NONE, __func__, device);
        }
    }
    return NVML_NOT_FOUND;
}

/* "[domain:]bus:device.function" in hex of either case, any number of digits. */
static nvmlReturn_t by_pci(const char *id, nvmlDevice_t *device, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin_system(&call, function);
    if (r || !id) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    unsigned int domain = 0;
    unsigned int bus = 0;
    unsigned int slot = 0;
    unsigned int part = 0;
    if (sscanf(id, "%8x:%2x:%2x.%1x", &domain, &bus, &slot, &part) < 3) {
        domain = 0;
        if (sscanf(id, "%2x:%2x.%1x", &bus, &slot, &part) < 2) {
            return NVML_INVALID_ARGUMENT;
        }
    }
    for (uint32_t i = 0; i < sim_device_count(call.sim); i++) {
        const struct sim_device *dev = sim_device(call.sim, i);
        if (dev->kind == SIM_NVIDIA && dev->pci_domain == domain && dev->pci_bus == bus &&
            dev->pci_device == slot) {
            return give_handle(i, SIM_NONE, function, device);
        }
    }
    return NVML_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *id, nvmlDevice_t *device)
{
    return by_pci(id, device, __func__);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *device)
{
    return by_pci(id, device, __func__);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, uint32_t length)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r) {
        return r;
    }
    char text[SIM_TEXT_SIZE + SIM_NAME_SIZE + 8];
    (void)snprintf(text, sizeof(text), "%s%s%s", call.dev->name, call.mig ? " MIG " : "",
                   call.mig ? call.mig->profile : "");
    return nvml_give_text(text, name, length);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, uint32_t length)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    return r ? r : nvml_give_text(call.mig ? call.mig->uuid : call.dev->uuid, uuid, length);
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, uint32_t length)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_give_text(call.dev->serial, serial, length);
}

nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char *text, uint32_t length)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    const char *version = r ? NULL : sim_attr(call.sim, call.device, "nvml.vbios");
    return r ? r : nvml_give_text(version ? version : "96.00.74.00.0D", text, length);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, uint32_t *index)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    uint32_t value = r ? 0 : call.mig ? (uint32_t)(call.mig - call.dev->mig) : call.dev->kind_index;
    return r ? r : nvml_give_u32(&call, value, index);
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, uint32_t *minor)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_give_u32(&call, call.dev->minor_number, minor);
}

nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, uint32_t *brand)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r) {
        return r;
    }
    uint32_t nvidia = strncmp(call.dev->name, "Tesla", 5) == 0 ? 2 : 14; /* NVML_BRAND_NVIDIA */
    return nvml_give_u32(&call, (uint32_t)sim_attr_u64(call.sim, call.device, "nvml.brand", nvidia),
                         brand);
}

static nvmlReturn_t pci_legacy(nvmlDevice_t device, nvmlPciInfo_v2_t *pci, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, function, 0);
    if (r || !pci) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    const struct sim_device *dev = call.dev;
    *pci = (nvmlPciInfo_v2_t){.domain = dev->pci_domain,
                              .bus = dev->pci_bus,
                              .device = dev->pci_device,
                              .pciDeviceId = dev->pci_device_id,
                              .pciSubSystemId = dev->pci_subsystem_id};
    (void)snprintf(pci->busId, sizeof(pci->busId), "%04X:%02X:%02X.0", dev->pci_domain & 0xFFFF,
                   dev->pci_bus & 0xFF, dev->pci_device & 0xFF);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_v2_t *pci)
{
    return pci_legacy(device, pci, __func__);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_v2_t *pci)
{
    return pci_legacy(device, pci, __func__);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !pci) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    const struct sim_device *dev = call.dev;
    *pci = (nvmlPciInfo_t){.domain = dev->pci_domain,
                           .bus = dev->pci_bus,
                           .device = dev->pci_device,
                           .pciDeviceId = dev->pci_device_id,
                           .pciSubSystemId = dev->pci_subsystem_id};
    (void)snprintf(pci->busIdLegacy, sizeof(pci->busIdLegacy), "%04X:%02X:%02X.0",
                   dev->pci_domain & 0xFFFF, dev->pci_bus & 0xFF, dev->pci_device & 0xFF);
    (void)snprintf(pci->busId, sizeof(pci->busId), "%08X:%02X:%02X.0", dev->pci_domain,
                   dev->pci_bus & 0xFF, dev->pci_device & 0xFF);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, uint32_t *architecture)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    uint32_t value = r ? 0 : call.dev->architecture ? call.dev->architecture : UINT32_MAX;
    return r ? r : nvml_give_u32(&call, value, architecture);
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !major || !minor) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    *major = (int)call.dev->compute_major;
    *minor = (int)call.dev->compute_minor;
    return NVML_SUCCESS;
}
