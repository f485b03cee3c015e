/* SPDX-License-Identifier: Apache-2.0
 *
 * The energy counter. Whether a board has one is found by asking, never by its architecture: vGPUs
 * and integrated GPUs of new architectures answer NOT_SUPPORTED. A counter that shows all-ones is
 * no reading; one that stays at zero is found by discovery (nvml.c), which can wait once for all
 * GPUs.
 */
#include "device/nvml/nvml.h"

#include <string.h>

#include "base/err.h"
#include "base/macro.h"

#define COUNTER_SYMBOL "nvmlDeviceGetTotalEnergyConsumption"

int nvml_energy_look(const struct nvml_device *dev, uint64_t *ret_mj, zeus_error *err)
{
    int r = nvml_check_call(dev, dev->lib.total_energy != NULL, COUNTER_SYMBOL, err);
    if (r < 0) {
        return r;
    }
    unsigned long long energy_mj = 0;
    r = nvml_check_code(dev, dev->lib.total_energy(dev->handle, &energy_mj), "energy counter", err);
    if (r < 0) {
        return r;
    }
    if (energy_mj > UINT64_MAX / 1000) { /* all-ones among them */
        return err_set(err, ZEUS_EDRIVER, "GPU %d: the energy counter shows %llu mJ: no reading",
                       dev->base.info.physical_index, energy_mj);
    }
    *ret_mj = energy_mj;
    return 0;
}

/* Why a domain has no counter: what probing found, or that the counter covers another domain. */
static int explain_absence(const struct device *device, uint32_t domain, zeus_error *err)
{
    const zeus_feature_state *state = &device->features[ZEUS_FEATURE_ENERGY_COUNTER];
    int is_memory = device->domains[domain].kind == ZEUS_DOMAIN_GPU_MEMORY;
    int code = state->code < 0 && !is_memory ? state->code : ZEUS_ENOTSUP;
    return err_set(err, code, "GPU %d: domain %s has no energy counter%s%s",
                   device->info.physical_index, device->domains[domain].name,
                   code == state->code ? ": " : "", code == state->code ? state->reason : "");
}

int nvml_read_energy(struct device *device, uint32_t domain, uint64_t *ret_uj, zeus_error *err)
{
    const struct nvml_device *dev = nvml_from_device(device);
    if (!dev->places[domain].has_energy) {
        return explain_absence(device, domain, err);
    }
    uint64_t energy_mj = 0;
    int r = nvml_energy_look(dev, &energy_mj, err);
    if (r < 0) {
        return r;
    }
    *ret_uj = energy_mj * 1000;
    return 0;
}

int nvml_energy_is_module_wide(const char *device_name)
{
    /* Superchips on which the counter was seen to include the CPU next to the GPU. */
    static const char *const superchips[] = {"GH200"};
    for (size_t i = 0; i < ARRAY_LEN(superchips); i++) {
        if (strstr(device_name, superchips[i])) {
            return 1;
        }
    }
    return 0;
}
