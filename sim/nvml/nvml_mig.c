/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated NVML: MIG layout.
 */
#include <stddef.h>

#include "nvml/nvml_call.h"

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, uint32_t *current, uint32_t *pending)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r || !call.dev->mig_capable) {
        return r ? r : NVML_NOT_SUPPORTED;
    }
    r = nvml_give_u32(&call, call.dev->mig_enabled, current);
    return r ? r : nvml_give_u32(&call, call.dev->mig_enabled, pending);
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, uint32_t *count)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    return r ? r : nvml_give_u32(&call, call.dev->mig_capable ? SIM_MIG_MAX : 0, count);
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, uint32_t index,
                                                 nvmlDevice_t *mig)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, NVML_BOARD_ONLY);
    if (r) {
        return r;
    }
    if (!mig || index >= SIM_MIG_MAX) {
        return NVML_INVALID_ARGUMENT;
    }
    if (!call.dev->mig_enabled) {
        return NVML_NOT_SUPPORTED;
    }
    if (index >= call.dev->mig_count) {
        return NVML_NOT_FOUND;
    }
    *mig = nvml_handle_of(call.device, index);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, uint32_t *id)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !call.mig) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    return nvml_give_u32(&call, call.mig->gpu_instance, id);
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t device, uint32_t *id)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !call.mig) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    return nvml_give_u32(&call, call.mig->compute_instance, id);
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t mig, nvmlDevice_t *device)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, mig, __func__, 0);
    if (r || !call.mig || !device) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    *device = nvml_handle_of(call.device, SIM_NONE);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, uint32_t *is_mig)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    return r ? r : nvml_give_u32(&call, call.mig != NULL, is_mig);
}

static nvmlReturn_t attributes_of(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes,
                                  const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, function, 0);
    if (r || !attributes) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    if (!call.mig) {
        return NVML_NOT_SUPPORTED;
    }
    *attributes = (nvmlDeviceAttributes_t){.multiprocessorCount = call.mig->slices * 14,
                                           .sharedCopyEngineCount = call.mig->slices,
                                           .gpuInstanceSliceCount = call.mig->slices,
                                           .computeInstanceSliceCount = call.mig->slices,
                                           .memorySizeMB = call.mig->memory_mib};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
    return attributes_of(device, attributes, __func__);
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes)
{
    return attributes_of(device, attributes, __func__);
}
