/* SPDX-License-Identifier: Apache-2.0
 *
 * CUDA through its driver library, HIP through its runtime. Both are asked which devices have an
 * active primary context before anything is done with a device, since retaining an inactive one
 * would make it.
 */
#include "monitor/gpu_sync.h"

#include <stddef.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/macro.h"

#define DEVICES_MOST 64

/* Codes of both libraries that stand for "not in use by this process". */
#define NOT_INITIALIZED 3
#define DEINITIALIZED   4
#define NO_DEVICE       100
#define NO_CONTEXT      201

static int is_not_in_use(int code)
{
    return code == NOT_INITIALIZED || code == DEINITIALIZED || code == NO_DEVICE ||
           code == NO_CONTEXT;
}

static int failed(zeus_error *err, const char *library, int code)
{
    return err_set_vendor(err, ZEUS_EDRIVER, ZEUS_VENDOR_NONE, code,
                          "%s: error %d while waiting for the GPU's work", library, code);
}

struct cuda {
    int (*context_get)(void **context);
    int (*context_sync)(void);
    int (*context_push)(void *context);
    int (*context_pop)(void **context);
    int (*device_count)(int *count);
    int (*device_get)(int *device, int ordinal);
    int (*primary_state)(int device, unsigned int *flags, int *is_active);
    int (*primary_retain)(void **context, int device);
    int (*primary_release)(int device);
};

static const struct dl_symbol cuda_symbols[] = {
    DL_REQUIRED(struct cuda, context_get, "cuCtxGetCurrent"),
    DL_REQUIRED(struct cuda, context_sync, "cuCtxSynchronize"),
    DL_OPTIONAL_OR(struct cuda, context_push, "cuCtxPushCurrent_v2", "cuCtxPushCurrent"),
    DL_OPTIONAL_OR(struct cuda, context_pop, "cuCtxPopCurrent_v2", "cuCtxPopCurrent"),
    DL_OPTIONAL(struct cuda, device_count, "cuDeviceGetCount"),
    DL_OPTIONAL(struct cuda, device_get, "cuDeviceGet"),
    DL_OPTIONAL(struct cuda, primary_state, "cuDevicePrimaryCtxGetState"),
    DL_OPTIONAL(struct cuda, primary_retain, "cuDevicePrimaryCtxRetain"),
    DL_OPTIONAL_OR(struct cuda, primary_release, "cuDevicePrimaryCtxRelease_v2",
                   "cuDevicePrimaryCtxRelease"),
};

/* The active primary context of a device, made current for a moment. It exists, so retaining it
 * makes nothing. */
static int cuda_sync_device(const struct cuda *cuda, int ordinal, const void *current)
{
    int device = 0;
    unsigned int flags = 0;
    int is_active = 0;
    void *context = NULL;
    if (cuda->device_get(&device, ordinal) != 0 ||
        cuda->primary_state(device, &flags, &is_active) != 0 || !is_active ||
        cuda->primary_retain(&context, device) != 0) {
        return 0;
    }
    int code = 0;
    if (context != current && cuda->context_push(context) == 0) {
        code = cuda->context_sync();
        (void)cuda->context_pop(&context);
    }
    (void)cuda->primary_release(device);
    return code;
}

static int cuda_sync(void *handle, zeus_error *err)
{
    struct cuda cuda = {0};
    if (dl_load(handle, cuda_symbols, ARRAY_LEN(cuda_symbols), &cuda, NULL) < 0) {
        return 0; /* of another kind: nothing we know how to wait for */
    }
    void *current = NULL;
    int code = cuda.context_get(&current);
    if (is_not_in_use(code)) {
        return 0;
    }
    code = code == 0 && current ? cuda.context_sync() : code;
    int count = 0;
    int is_whole = cuda.context_push && cuda.context_pop && cuda.device_count && cuda.device_get &&
                   cuda.primary_state && cuda.primary_retain && cuda.primary_release;
    if (code == 0 && is_whole && cuda.device_count(&count) == 0) {
        for (int i = 0; code == 0 && i < MIN_OF(count, DEVICES_MOST); i++) {
            code = cuda_sync_device(&cuda, i, current);
        }
    }
    return code == 0 || is_not_in_use(code) ? 0 : failed(err, "CUDA", code);
}

struct hip {
    int (*device_count)(int *count);
    int (*primary_state)(int device, unsigned int *flags, int *is_active);
    int (*device_get)(int *device);
    int (*device_set)(int device);
    int (*device_sync)(void);
};

static const struct dl_symbol hip_symbols[] = {
    DL_REQUIRED(struct hip, device_count, "hipGetDeviceCount"),
    DL_REQUIRED(struct hip, primary_state, "hipDevicePrimaryCtxGetState"),
    DL_REQUIRED(struct hip, device_get, "hipGetDevice"),
    DL_REQUIRED(struct hip, device_set, "hipSetDevice"),
    DL_REQUIRED(struct hip, device_sync, "hipDeviceSynchronize"),
};

static int hip_sync(void *handle, zeus_error *err)
{
    struct hip hip = {0};
    int count = 0;
    int before = 0;
    if (dl_load(handle, hip_symbols, ARRAY_LEN(hip_symbols), &hip, NULL) < 0 ||
        hip.device_count(&count) != 0 || hip.device_get(&before) != 0) {
        return 0;
    }
    int code = 0;
    int is_moved = 0;
    for (int i = 0; code == 0 && i < MIN_OF(count, DEVICES_MOST); i++) {
        unsigned int flags = 0;
        int is_active = 0;
        if (hip.primary_state(i, &flags, &is_active) == 0 && is_active && hip.device_set(i) == 0) {
            is_moved = 1;
            code = hip.device_sync();
        }
    }
    if (is_moved) {
        (void)hip.device_set(before);
    }
    return code == 0 || is_not_in_use(code) ? 0 : failed(err, "HIP", code);
}

struct library {
    const char *name;
    int (*sync)(void *handle, zeus_error *err);
};

static const struct library libraries[] = {
    {"libcuda.so.1", cuda_sync},    {"libamdhip64.so.7", hip_sync}, {"libamdhip64.so.6", hip_sync},
    {"libamdhip64.so.5", hip_sync}, {"libamdhip64.so", hip_sync},
};

int gpu_sync(zeus_error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
        void *handle = dl_borrow(libraries[i].name);
        if (handle) {
            int r = libraries[i].sync(handle, err);
            dl_return(handle);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}
