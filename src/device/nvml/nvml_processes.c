/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes on a GPU: the compute list and the graphics list, each pid once. The entries' size
 * depends on the version of the function that filled them (nvml_abi.h), so lists are read as bytes
 * with the stride that belongs to the function. The list may grow between asking for its size and
 * asking for it: asked again with more room, a few times.
 */
#include "device/nvml/nvml.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define LIST_TRIES    4
#define PROCESSES_MAX 65536u
#define NOT_AVAILABLE UINT64_MAX

/* Drivers 535.43 to 535.86 grew the entry of _v3 without a new name; 535.98 took it back. */
size_t nvml_process_size_v3(const char *driver)
{
    char *rest = NULL;
    long major = strtol(driver, &rest, 10);
    long minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    return major == 535 && minor >= 43 && minor < 98 ? NVML_PROCESS_SIZE_V3_EARLY
                                                     : NVML_PROCESS_SIZE_V2;
}

struct raw_list {
    unsigned char *bytes; /* owned */
    unsigned int count;
    size_t stride;
};

/* One function's list. NVML_MEMORY when memory is short. */
static nvml_code read_list(const struct nvml_device *dev, nvml_get_processes_fn *get, size_t stride,
                           struct raw_list *ret_list)
{
    unsigned int count = 0;
    nvml_code code = get(dev->handle, &count, NULL);
    for (int i = 0; code == NVML_INSUFFICIENT_SIZE && i < LIST_TRIES; i++) {
        unsigned int room = count < PROCESSES_MAX / 2 ? count * 2 + 8 : PROCESSES_MAX;
        _free_ unsigned char *bytes = mem_calloc(room, NVML_PROCESS_SIZE_V3_EARLY);
        if (!bytes) {
            return NVML_MEMORY;
        }
        count = room;
        code = get(dev->handle, &count, bytes);
        if (code == NVML_SUCCESS && count <= room) {
            *ret_list = (struct raw_list){.bytes = bytes, .count = count, .stride = stride};
            bytes = NULL;
            return NVML_SUCCESS;
        }
    }
    return code; /* SUCCESS here means an empty list */
}

struct variant {
    nvml_get_processes_fn *get;
    size_t stride;
};

/* The newest version that the driver has and accepts. */
static nvml_code read_newest(const struct nvml_device *dev, const struct variant variants[3],
                             struct raw_list *ret_list)
{
    nvml_code code = NVML_FUNCTION_NOT_FOUND;
    for (size_t i = 0; i < 3 && (code == NVML_FUNCTION_NOT_FOUND ||
                                 code == NVML_ARGUMENT_VERSION_MISMATCH || code == NVML_DEPRECATED);
         i++) {
        if (variants[i].get) {
            code = read_list(dev, variants[i].get, variants[i].stride, ret_list);
        }
    }
    return code;
}

struct sink {
    zeus_process *processes;
    size_t capacity;
    uint32_t *pids; /* every pid seen, owned */
    size_t count;
};

static int is_known(const struct sink *sink, uint32_t pid)
{
    for (size_t i = 0; i < sink->count; i++) {
        if (sink->pids[i] == pid) {
            return 1;
        }
    }
    return 0;
}

static void add_entries(struct sink *sink, const struct raw_list *list)
{
    for (unsigned int i = 0; i < list->count; i++) {
        struct nvml_process_info entry = {0};
        memcpy(&entry, list->bytes + i * list->stride, list->stride);
        if (is_known(sink, entry.pid)) {
            continue;
        }
        if (sink->count < sink->capacity) {
            int has_memory = entry.used_memory_bytes != NOT_AVAILABLE;
            sink->processes[sink->count] =
                (zeus_process){.pid = entry.pid,
                               .has_memory = has_memory ? 1 : 0,
                               .memory_bytes = has_memory ? entry.used_memory_bytes : 0};
        }
        sink->pids[sink->count++] = entry.pid;
    }
}

/* Both lists into the caller's array, each pid once. */
static int merge(const struct raw_list *compute, const struct raw_list *graphics,
                 zeus_process *processes, size_t capacity, size_t *ret_count)
{
    size_t total = (size_t)compute->count + graphics->count;
    _free_ uint32_t *pids = mem_calloc(total + 1, sizeof(*pids));
    if (!pids) {
        return ZEUS_ENOMEM;
    }
    struct sink sink = {.processes = processes, .capacity = capacity, .pids = pids};
    add_entries(&sink, compute);
    add_entries(&sink, graphics);
    *ret_count = sink.count;
    return 0;
}

int nvml_read_processes(struct device *device, zeus_process *processes, size_t capacity,
                        size_t *ret_count, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    const struct nvml_lib *lib = &dev->lib;
    int has_list = lib->compute_processes_v3 || lib->compute_processes_v2 || lib->compute_processes;
    int r = nvml_check_call(dev, has_list, "nvmlDeviceGetComputeRunningProcesses", err);
    if (r < 0) {
        return r;
    }
    size_t size_v3 = nvml_process_size_v3(device->info.driver);
    const struct variant compute_variants[3] = {{lib->compute_processes_v3, size_v3},
                                                {lib->compute_processes_v2, NVML_PROCESS_SIZE_V2},
                                                {lib->compute_processes, NVML_PROCESS_SIZE_V1}};
    const struct variant graphics_variants[3] = {{lib->graphics_processes_v3, size_v3},
                                                 {lib->graphics_processes_v2, NVML_PROCESS_SIZE_V2},
                                                 {lib->graphics_processes, NVML_PROCESS_SIZE_V1}};
    struct raw_list compute = {0};
    struct raw_list graphics = {0};
    nvml_code code = read_newest(dev, compute_variants, &compute);
    r = nvml_check_code(dev, code, "process list", err);
    if (r == 0) {
        (void)read_newest(dev, graphics_variants, &graphics); /* data-centre boards have none */
        r = merge(&compute, &graphics, processes, capacity, ret_count);
    }
    free(compute.bytes);
    free(graphics.bytes);
    return r;
}
