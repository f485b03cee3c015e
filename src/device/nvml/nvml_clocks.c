/* SPDX-License-Identifier: Apache-2.0
 *
 * Clocks a GPU can be locked to, and locking them.
 */
#include "device/nvml/nvml.h"

#include <stdlib.h>

#include "base/mem.h"

#define CLOCKS_MAX 4096u

static int compare_descending(const void *a, const void *b)
{
    unsigned int left = *(const unsigned int *)a;
    unsigned int right = *(const unsigned int *)b;
    return left < right ? 1 : left > right ? -1 : 0;
}

/* One call of either list. */
static nvml_code list_clocks(const struct nvml_device *dev, uint32_t clock, uint32_t memory_mhz,
                             unsigned int *count, unsigned int *clocks_mhz)
{
    return clock == ZEUS_CLOCK_MEMORY
               ? dev->lib.memory_clocks(dev->handle, count, clocks_mhz)
               : dev->lib.graphics_clocks(dev->handle, memory_mhz, count, clocks_mhz);
}

/* The whole list, owned by the caller, descending. */
static int read_list(const struct nvml_device *dev, uint32_t clock, uint32_t memory_mhz,
                     unsigned int **ret_mhz, unsigned int *ret_count, zeus_error *err)
{
    const char *what =
        clock == ZEUS_CLOCK_MEMORY ? "supported memory clocks" : "supported graphics clocks";
    unsigned int count = 0;
    nvml_code code = list_clocks(dev, clock, memory_mhz, &count, NULL);
    if (code == NVML_SUCCESS) {
        *ret_mhz = NULL;
        *ret_count = 0;
        return 0;
    }
    if (code != NVML_INSUFFICIENT_SIZE || count > CLOCKS_MAX) {
        return nvml_check_code(dev, code, what, err);
    }
    _free_ unsigned int *clocks_mhz = mem_calloc((size_t)count + 1, sizeof(*clocks_mhz));
    if (!clocks_mhz) {
        return ZEUS_ENOMEM;
    }
    unsigned int room = count;
    code = list_clocks(dev, clock, memory_mhz, &count, clocks_mhz);
    if (code != NVML_SUCCESS || count > room) {
        return nvml_check_code(dev, code != NVML_SUCCESS ? code : NVML_UNKNOWN, what, err);
    }
    qsort(clocks_mhz, count, sizeof(*clocks_mhz), compare_descending);
    *ret_mhz = clocks_mhz;
    *ret_count = count;
    clocks_mhz = NULL;
    return 0;
}

static int read_highest_memory(const struct nvml_device *dev, uint32_t *ret_mhz, zeus_error *err)
{
    int r = nvml_check_call(dev, dev->lib.memory_clocks != NULL,
                            "nvmlDeviceGetSupportedMemoryClocks", err);
    if (r < 0) {
        return r;
    }
    _free_ unsigned int *clocks_mhz = NULL;
    unsigned int count = 0;
    r = read_list(dev, ZEUS_CLOCK_MEMORY, 0, &clocks_mhz, &count, err);
    if (r < 0) {
        return r;
    }
    *ret_mhz = count > 0 ? clocks_mhz[0] : 0;
    return 0;
}

int nvml_read_supported_clocks(struct device *device, uint32_t clock, uint32_t memory_mhz,
                               uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                               zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int is_memory = clock == ZEUS_CLOCK_MEMORY;
    int r = nvml_check_call(
        dev, is_memory ? dev->lib.memory_clocks != NULL : dev->lib.graphics_clocks != NULL,
        is_memory ? "nvmlDeviceGetSupportedMemoryClocks" : "nvmlDeviceGetSupportedGraphicsClocks",
        err);
    if (r == 0 && !is_memory && memory_mhz == 0) {
        r = read_highest_memory(dev, &memory_mhz, err);
    }
    if (r < 0) {
        return r;
    }
    _free_ unsigned int *list_mhz = NULL;
    unsigned int count = 0;
    r = read_list(dev, clock, memory_mhz, &list_mhz, &count, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < count && i < capacity; i++) {
        clocks_mhz[i] = list_mhz[i];
    }
    *ret_count = count;
    return 0;
}

int nvml_write_locked_clocks(struct device *device, uint32_t clock, uint32_t min_mhz,
                             uint32_t max_mhz, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int is_memory = clock == ZEUS_CLOCK_MEMORY;
    nvml_code (*lock)(nvml_handle, unsigned int, unsigned int) =
        is_memory ? dev->lib.lock_memory : dev->lib.lock_graphics;
    int r = nvml_check_call(
        dev, lock != NULL,
        is_memory ? "nvmlDeviceSetMemoryLockedClocks" : "nvmlDeviceSetGpuLockedClocks", err);
    if (r < 0) {
        return r;
    }
    return nvml_check_code(dev, lock(dev->handle, min_mhz, max_mhz),
                           is_memory ? "locking memory clocks" : "locking graphics clocks", err);
}

int nvml_reset_locked_clocks(struct device *device, uint32_t clock, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    int is_memory = clock == ZEUS_CLOCK_MEMORY;
    nvml_code (*unlock)(nvml_handle) =
        is_memory ? dev->lib.unlock_memory : dev->lib.unlock_graphics;
    int r = nvml_check_call(
        dev, unlock != NULL,
        is_memory ? "nvmlDeviceResetMemoryLockedClocks" : "nvmlDeviceResetGpuLockedClocks", err);
    if (r < 0) {
        return r;
    }
    return nvml_check_code(dev, unlock(dev->handle),
                           is_memory ? "unlocking memory clocks" : "unlocking graphics clocks",
                           err);
}
