/* SPDX-License-Identifier: Apache-2.0
 *
 * See fake_gpu_driver.h. A context is the address of its device's entry.
 */
#include <stddef.h>

#include "fake_gpu_driver.h"

#define EXPORT          __attribute__((visibility("default")))
#define NOT_INITIALIZED 3
#define INVALID_DEVICE  101

EXPORT extern struct fake_gpu_driver fake_gpu_driver_state;
struct fake_gpu_driver fake_gpu_driver_state = {.current = -1};

static struct fake_gpu_driver *const state = &fake_gpu_driver_state;

EXPORT int cuCtxGetCurrent(void **context);
EXPORT int cuCtxSynchronize(void);
EXPORT int cuCtxPushCurrent_v2(void *context);
EXPORT int cuCtxPopCurrent_v2(void **context);
EXPORT int cuDeviceGetCount(int *count);
EXPORT int cuDeviceGet(int *device, int ordinal);
EXPORT int cuDevicePrimaryCtxGetState(int device, unsigned int *flags, int *is_active);
EXPORT int cuDevicePrimaryCtxRetain(void **context, int device);
EXPORT int cuDevicePrimaryCtxRelease_v2(int device);

int cuCtxGetCurrent(void **context)
{
    if (!state->is_initialized) {
        return NOT_INITIALIZED;
    }
    *context = state->current < 0 ? NULL : &state->synced[state->current];
    return 0;
}

int cuCtxSynchronize(void)
{
    if (state->current < 0) {
        return 201;
    }
    state->synced[state->current]++;
    return state->sync_code;
}

int cuCtxPushCurrent_v2(void *context)
{
    state->before_push = state->current;
    state->current = (int)((int *)context - state->synced);
    state->pushed++;
    return 0;
}

int cuCtxPopCurrent_v2(void **context)
{
    *context = &state->synced[state->current];
    state->current = state->before_push;
    state->pushed--;
    return 0;
}

int cuDeviceGetCount(int *count)
{
    *count = state->device_count;
    return state->is_initialized ? 0 : NOT_INITIALIZED;
}

int cuDeviceGet(int *device, int ordinal)
{
    *device = ordinal;
    return ordinal < state->device_count ? 0 : INVALID_DEVICE;
}

int cuDevicePrimaryCtxGetState(int device, unsigned int *flags, int *is_active)
{
    *flags = 0;
    *is_active = state->is_active[device];
    return 0;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    state->made += !state->is_active[device];
    state->retained[device]++;
    *context = &state->synced[device];
    return 0;
}

int cuDevicePrimaryCtxRelease_v2(int device)
{
    state->retained[device]--;
    return 0;
}
