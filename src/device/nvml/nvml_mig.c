/* SPDX-License-Identifier: Apache-2.0
 *
 * The slices of a partitioned GPU. NVML measures power and energy of whole boards only: slices are
 * listed so that a MIG UUID can be led back to its board, never as devices with watts of their own.
 */
#include "device/nvml/nvml.h"

#include <stdio.h>

/* Fills what the driver tells about one slice. */
static void describe(const struct nvml_device *dev, nvml_handle mig, zeus_mig_slice *slice)
{
    const struct nvml_lib *lib = &dev->lib;
    char text[NVML_UUID_SIZE + 1] = "";
    *slice = (zeus_mig_slice){0};
    unsigned int id = 0;
    if (lib->gpu_instance_id && lib->gpu_instance_id(mig, &id) == NVML_SUCCESS) {
        slice->gpu_instance = id;
    }
    if (lib->compute_instance_id && lib->compute_instance_id(mig, &id) == NVML_SUCCESS) {
        slice->compute_instance = id;
    }
    if (lib->uuid && lib->uuid(mig, text, NVML_UUID_SIZE) == NVML_SUCCESS) {
        (void)snprintf(slice->uuid, sizeof(slice->uuid), "%.95s", text);
    }
    text[0] = '\0';
    if (lib->name && lib->name(mig, text, NVML_NAME_SIZE) == NVML_SUCCESS) {
        (void)snprintf(slice->name, sizeof(slice->name), "%.95s", text);
    }
}

int nvml_read_mig(struct device *device, zeus_mig_slice *slices, size_t capacity, size_t *ret_count,
                  zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    const struct nvml_lib *lib = &dev->lib;
    int r = nvml_check_call(dev, lib->mig_mode && lib->mig_max_count && lib->mig_handle,
                            "nvmlDeviceGetMigMode", err);
    if (r < 0) {
        return r;
    }
    unsigned int mode = 0;
    unsigned int pending = 0;
    r = nvml_check_code(dev, lib->mig_mode(dev->handle, &mode, &pending), "MIG mode", err);
    if (r < 0) {
        return r;
    }
    unsigned int places = 0;
    if (mode == NVML_ENABLED) {
        r = nvml_check_code(dev, lib->mig_max_count(dev->handle, &places), "MIG layout", err);
        if (r < 0) {
            return r;
        }
    }
    size_t count = 0;
    for (unsigned int i = 0; i < places; i++) {
        nvml_handle mig = NULL;
        if (lib->mig_handle(dev->handle, i, &mig) != NVML_SUCCESS) {
            continue; /* places are numbered with gaps */
        }
        if (count < capacity) {
            describe(dev, mig, &slices[count]);
        }
        count++;
    }
    *ret_count = count;
    return 0;
}
