/* SPDX-License-Identifier: Apache-2.0
 *
 * Simulated NVML: memory and processes. Processes on a GPU are those that announced load on it.
 */
#include <stddef.h>

#include "nvml/nvml_call.h"

#define PROCESS_BYTES (UINT64_C(1) << 30) /* what each process is said to hold */
#define DRIVER_BYTES  (UINT64_C(520) << 20)
#define NO_INSTANCE   UINT32_MAX

static uint64_t used_bytes(const struct nvml_call *call)
{
    uint64_t processes = sim_load_owners(call->sim, call->device, NULL, 0);
    uint64_t used = processes * PROCESS_BYTES;
    uint64_t total = call->mig ? (uint64_t)call->mig->memory_mib << 20 : call->dev->memory_bytes;
    return used < total ? used : total;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !memory) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    memory->total = call.mig ? (uint64_t)call.mig->memory_mib << 20 : call.dev->memory_bytes;
    memory->used = used_bytes(&call);
    memory->used += memory->total - memory->used > DRIVER_BYTES ? DRIVER_BYTES : 0;
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, __func__, 0);
    if (r || !memory) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    if (memory->version != NVML_MEMORY_V2) {
        return NVML_ARGUMENT_VERSION_MISMATCH;
    }
    memory->total = call.mig ? (uint64_t)call.mig->memory_mib << 20 : call.dev->memory_bytes;
    memory->used = used_bytes(&call);
    memory->reserved = memory->total - memory->used > DRIVER_BYTES ? DRIVER_BYTES : 0;
    memory->free = memory->total - memory->used - memory->reserved;
    return NVML_SUCCESS;
}

/* The pids, and NVML's rule for sizes: *count is the room, then the number there is. */
static nvmlReturn_t processes(nvmlDevice_t device, uint32_t *count, const void *infos,
                              int32_t pids[SIM_LOAD_SLOTS], const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, function, 0);
    if (r || !count) {
        return r ? r : NVML_INVALID_ARGUMENT;
    }
    uint32_t room = *count;
    *count = (uint32_t)sim_load_owners(call.sim, call.device, pids, SIM_LOAD_SLOTS);
    if (*count > room || (*count > 0 && !infos)) {
        return NVML_INSUFFICIENT_SIZE;
    }
    return NVML_SUCCESS;
}

static nvmlReturn_t compute_v1(nvmlDevice_t device, uint32_t *count, nvmlProcessInfo_v1_t *infos,
                               const char *function)
{
    int32_t pids[SIM_LOAD_SLOTS];
    nvmlReturn_t r = processes(device, count, infos, pids, function);
    for (uint32_t i = 0; !r && i < *count; i++) {
        infos[i] = (nvmlProcessInfo_v1_t){.pid = (uint32_t)pids[i], .usedGpuMemory = PROCESS_BYTES};
    }
    return r;
}

static nvmlReturn_t compute_v3(nvmlDevice_t device, uint32_t *count, nvmlProcessInfo_t *infos,
                               const char *function)
{
    int32_t pids[SIM_LOAD_SLOTS];
    nvmlReturn_t r = processes(device, count, infos, pids, function);
    for (uint32_t i = 0; !r && i < *count; i++) {
        infos[i] = (nvmlProcessInfo_t){.pid = (uint32_t)pids[i],
                                       .usedGpuMemory = PROCESS_BYTES,
                                       .gpuInstanceId = NO_INSTANCE,
                                       .computeInstanceId = NO_INSTANCE};
    }
    return r;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, uint32_t *count,
                                                  nvmlProcessInfo_v1_t *infos)
{
    return compute_v1(device, count, infos, __func__);
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, uint32_t *count,
                                                     nvmlProcessInfo_t *infos)
{
    return compute_v3(device, count, infos, __func__);
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, uint32_t *count,
                                                     nvmlProcessInfo_t *infos)
{
    return compute_v3(device, count, infos, __func__);
}

/* Nothing draws on these boards. */
static nvmlReturn_t graphics(nvmlDevice_t device, uint32_t *count, const char *function)
{
    struct nvml_call call;
    nvmlReturn_t r = nvml_begin(&call, device, function, 0);
    return r ? r : nvml_give_u32(&call, 0, count);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, uint32_t *count,
                                                   nvmlProcessInfo_v1_t *infos)
{
    (void)infos;
    return graphics(device, count, __func__);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, uint32_t *count,
                                                      nvmlProcessInfo_t *infos)
{
    (void)infos;
    return graphics(device, count, __func__);
}

nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, uint32_t *count,
                                                      nvmlProcessInfo_t *infos)
{
    (void)infos;
    return graphics(device, count, __func__);
}
