/* SPDX-License-Identifier: Apache-2.0
 *
 * See fake_gpu_driver.h.
 */
#include "fake_gpu_driver.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT extern struct fake_gpu_driver fake_gpu_driver_state;
struct fake_gpu_driver fake_gpu_driver_state = {.is_initialized = 1};

static struct fake_gpu_driver *const state = &fake_gpu_driver_state;

EXPORT int hipGetDeviceCount(int *count);
EXPORT int hipDevicePrimaryCtxGetState(int device, unsigned int *flags, int *is_active);
EXPORT int hipGetDevice(int *device);
EXPORT int hipSetDevice(int device);
EXPORT int hipDeviceSynchronize(void);

int hipGetDeviceCount(int *count)
{
    *count = state->device_count;
    return state->device_count ? 0 : 100;
}

int hipDevicePrimaryCtxGetState(int device, unsigned int *flags, int *is_active)
{
    *flags = 0;
    *is_active = state->is_active[device];
    return 0;
}

int hipGetDevice(int *device)
{
    *device = state->current;
    return 0;
}

int hipSetDevice(int device)
{
    state->current = device;
    state->sets++;
    return 0;
}

int hipDeviceSynchronize(void)
{
    state->synced[state->current]++;
    return state->sync_code;
}
