/* SPDX-License-Identifier: Apache-2.0
 *
 * Initialisation, handles and codes of the simulated NVML. NVML's interface has no context
 * argument, so this one struct is global, as in the real library. The mapping is kept after the
 * last shutdown: a handle that somebody still holds then gives UNINITIALIZED and not a crash.
 */
#include "nvml/nvml_call.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/mem.h"

#define HANDLES_PER_DEVICE (SIM_MIG_MAX + 1)

static struct {
    pthread_mutex_t mutex;
    _Atomic int init_count;
    struct sim *sim;
    struct nvml_handle *handles;
    size_t handle_count;
} nvml = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const struct {
    int zeus;
    nvmlReturn_t nvml;
    const char *text;
} codes[] = {
    {0, NVML_SUCCESS, "Success"},
    {ZEUS_EINIT, NVML_UNINITIALIZED, "Uninitialized"},
    {ZEUS_EINVAL, NVML_INVALID_ARGUMENT, "Invalid Argument"},
    {ZEUS_ENOTSUP, NVML_NOT_SUPPORTED, "Not Supported"},
    {ZEUS_EPERM, NVML_NO_PERMISSION, "Insufficient Permissions"},
    {ZEUS_EALREADY, NVML_ALREADY_INITIALIZED, "Already Initialized"},
    {ZEUS_ENOTFOUND, NVML_NOT_FOUND, "Not Found"},
    {ZEUS_ETOOSMALL, NVML_INSUFFICIENT_SIZE, "Insufficient Size"},
    {ZEUS_ENOPOWER, NVML_INSUFFICIENT_POWER, "Insufficient External Power"},
    {ZEUS_ENODRIVER, NVML_DRIVER_NOT_LOADED, "Driver Not Loaded"},
    {ZEUS_ETIMEOUT, NVML_TIMEOUT, "Timeout"},
    {ZEUS_EIRQ, NVML_IRQ_ISSUE, "Interrupt Request Issue"},
    {ZEUS_ENOLIB, NVML_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found"},
    {ZEUS_ENOSYM, NVML_FUNCTION_NOT_FOUND, "Function Not Found"},
    {ZEUS_EINFOROM, NVML_CORRUPTED_INFOROM, "Corrupted infoROM"},
    {ZEUS_EDEVLOST, NVML_GPU_IS_LOST, "GPU is lost"},
    {ZEUS_ERESETREQ, NVML_RESET_REQUIRED, "GPU requires reset"},
    {ZEUS_EOS, NVML_OPERATING_SYSTEM, "GPU access blocked by the operating system"},
    {ZEUS_EVERSION, NVML_LIB_RM_VERSION_MISMATCH, "Driver/library version mismatch"},
    {ZEUS_EBUSY, NVML_IN_USE, "In use by another client"},
    {ZEUS_ENOMEM, NVML_MEMORY, "Insufficient Memory"},
    {ZEUS_EAGAIN, NVML_NO_DATA, "No data"},
    {ZEUS_EUNKNOWN, NVML_UNKNOWN, "Unknown Error"},
};

nvmlReturn_t nvml_code(int zeus_code)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].zeus == zeus_code) {
            return codes[i].nvml;
        }
    }
    return NVML_UNKNOWN;
}

const char *nvmlErrorString(nvmlReturn_t code)
{
    if (code == NVML_ARGUMENT_VERSION_MISMATCH) {
        return "Argument version mismatch";
    }
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (codes[i].nvml == code) {
            return codes[i].text;
        }
    }
    return "Unknown Error";
}

static int make_handles(struct sim *sim)
{
    size_t count = (size_t)sim_device_count(sim) * HANDLES_PER_DEVICE;
    struct nvml_handle *handles = mem_calloc(count ? count : 1, sizeof(*handles));
    if (!handles) {
        return ZEUS_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t which = (uint32_t)(i % HANDLES_PER_DEVICE);
        handles[i].device = (uint32_t)(i / HANDLES_PER_DEVICE);
        handles[i].mig = which == 0 ? SIM_NONE : which - 1;
    }
    nvml.sim = sim;
    nvml.handles = handles;
    nvml.handle_count = count;
    return 0;
}

static nvmlReturn_t attach(void)
{
    if (nvml.sim) {
        return NVML_SUCCESS;
    }
    struct sim *sim = NULL;
    if (sim_open_env(&sim, NULL) < 0) {
        return NVML_DRIVER_NOT_LOADED;
    }
    if (sim_kind_count(sim, SIM_NVIDIA) == 0) {
        sim_close(sim);
        return NVML_DRIVER_NOT_LOADED;
    }
    int r = make_handles(sim);
    if (r < 0) {
        sim_close(sim);
    }
    return nvml_code(r);
}

static nvmlReturn_t init(const char *function)
{
    pthread_mutex_lock(&nvml.mutex);
    nvmlReturn_t r = attach();
    uint64_t t_ns = 0;
    int fault = r == NVML_SUCCESS ? sim_gate(nvml.sim, "nvml", SIM_NONE, function, &t_ns) : 0;
    if (fault < 0) {
        r = nvml_code(fault);
    }
    if (r == NVML_SUCCESS) {
        atomic_fetch_add(&nvml.init_count, 1);
    }
    pthread_mutex_unlock(&nvml.mutex);
    return r;
}

nvmlReturn_t nvmlInit(void)
{
    return init("nvmlInit");
}

nvmlReturn_t nvmlInit_v2(void)
{
    return init("nvmlInit_v2");
}

nvmlReturn_t nvmlInitWithFlags(uint32_t flags)
{
    (void)flags; /* NO_GPUS, NO_ATTACH: nothing to leave out here */
    return init("nvmlInitWithFlags");
}

nvmlReturn_t nvmlShutdown(void)
{
    pthread_mutex_lock(&nvml.mutex);
    nvmlReturn_t r = NVML_UNINITIALIZED;
    if (atomic_load(&nvml.init_count) > 0) {
        atomic_fetch_sub(&nvml.init_count, 1);
        r = NVML_SUCCESS;
    }
    pthread_mutex_unlock(&nvml.mutex);
    return r;
}

nvmlReturn_t nvml_begin_system(struct nvml_call *call, const char *function)
{
    if (atomic_load(&nvml.init_count) <= 0) {
        return NVML_UNINITIALIZED;
    }
    *call = (struct nvml_call){.sim = nvml.sim, .device = SIM_NONE};
    int r = sim_gate(call->sim, "nvml", SIM_NONE, function, &call->t_ns);
    call->is_ones = r == SIM_ALL_ONES;
    return r < 0 ? nvml_code(r) : NVML_SUCCESS;
}

static int is_handle(nvmlDevice_t handle)
{
    uintptr_t at = (uintptr_t)handle;
    uintptr_t first = (uintptr_t)nvml.handles;
    return handle && at >= first && (at - first) % sizeof(*nvml.handles) == 0 &&
           (at - first) / sizeof(*nvml.handles) < nvml.handle_count;
}

nvmlReturn_t nvml_begin(struct nvml_call *call, nvmlDevice_t handle, const char *function,
                        uint32_t flags)
{
    if (atomic_load(&nvml.init_count) <= 0) {
        return NVML_UNINITIALIZED;
    }
    if (!is_handle(handle)) {
        return NVML_INVALID_ARGUMENT;
    }
    *call = (struct nvml_call){.sim = nvml.sim, .device = handle->device};
    call->dev = sim_device(nvml.sim, handle->device);
    if (handle->mig != SIM_NONE) {
        call->mig = &call->dev->mig[handle->mig];
    }
    int r = sim_gate(call->sim, "nvml", handle->device, function, &call->t_ns);
    if (r < 0) {
        return nvml_code(r);
    }
    call->is_ones = r == SIM_ALL_ONES;
    return call->mig && (flags & NVML_BOARD_ONLY) ? NVML_NOT_SUPPORTED : NVML_SUCCESS;
}

nvmlDevice_t nvml_handle_of(uint32_t device, uint32_t mig)
{
    return &nvml.handles[(size_t)device * HANDLES_PER_DEVICE + (mig == SIM_NONE ? 0 : mig + 1)];
}

nvmlReturn_t nvml_give_text(const char *text, char *out, uint32_t length)
{
    if (!out) {
        return NVML_INVALID_ARGUMENT;
    }
    size_t need = strlen(text) + 1;
    if (need > length) {
        return NVML_INSUFFICIENT_SIZE;
    }
    memcpy(out, text, need);
    return NVML_SUCCESS;
}

nvmlReturn_t nvml_give_u32(const struct nvml_call *call, uint32_t value, uint32_t *out)
{
    if (!out) {
        return NVML_INVALID_ARGUMENT;
    }
    *out = call->is_ones ? UINT32_MAX : value;
    return NVML_SUCCESS;
}
