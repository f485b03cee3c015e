/* SPDX-License-Identifier: Apache-2.0
 *
 * libnvidia-ml as a struct of function pointers. Every device keeps its own copy (it is a few
 * hundred bytes), so nothing global exists and tests fill one with fakes. Only the four functions
 * without which there is nothing to do are required; any other may be NULL, which costs its feature
 * alone.
 */
#ifndef ZEUS_DEVICE_NVML_NVML_LIB_H
#define ZEUS_DEVICE_NVML_NVML_LIB_H

#include <zeus/error.h>

#include "base/attr.h"
#include "device/nvml/nvml_abi.h"

typedef nvml_code nvml_get_text_fn(nvml_handle dev, char *text, unsigned int size);
typedef nvml_code nvml_get_u32_fn(nvml_handle dev, unsigned int *ret_value);
typedef nvml_code nvml_get_two_fn(nvml_handle dev, unsigned int *ret_a, unsigned int *ret_b);
typedef nvml_code nvml_get_kind_fn(nvml_handle dev, unsigned int kind, unsigned int *ret_value);
typedef nvml_code nvml_get_processes_fn(nvml_handle dev, unsigned int *count, void *infos);

struct nvml_lib {
    /* Required. */
    nvml_code (*init)(void);
    nvml_code (*device_count)(unsigned int *ret_count);
    nvml_code (*handle_by_index)(unsigned int index, nvml_handle *ret_dev);
    /* The library as a whole. */
    const char *(*error_string)(nvml_code code);
    nvml_code (*driver_version)(char *text, unsigned int size);
    /* Identity. */
    nvml_get_text_fn *name;
    nvml_get_text_fn *uuid;
    nvml_code (*pci_info)(nvml_handle dev, struct nvml_pci_info *ret_info);
    nvml_get_u32_fn *architecture;
    nvml_code (*compute_capability)(nvml_handle dev, int *ret_major, int *ret_minor);
    nvml_get_kind_fn *max_clock;
    /* Energy and power. */
    nvml_code (*total_energy)(nvml_handle dev, unsigned long long *ret_mj);
    nvml_code (*field_values)(nvml_handle dev, int count, struct nvml_field_value *values);
    /* State. */
    nvml_code (*temperature_v)(nvml_handle dev, struct nvml_temperature *temperature);
    nvml_get_kind_fn *temperature;
    nvml_code (*utilization)(nvml_handle dev, struct nvml_utilization *ret_utilization);
    nvml_code (*memory)(nvml_handle dev, struct nvml_memory *ret_memory);
    nvml_get_kind_fn *clock;
    nvml_code (*throttle)(nvml_handle dev, unsigned long long *ret_reasons);
    nvml_get_processes_fn *compute_processes_v3;
    nvml_get_processes_fn *compute_processes_v2;
    nvml_get_processes_fn *compute_processes;
    nvml_get_processes_fn *graphics_processes_v3;
    nvml_get_processes_fn *graphics_processes_v2;
    nvml_get_processes_fn *graphics_processes;
    /* Settings. */
    nvml_get_u32_fn *limit;
    nvml_get_u32_fn *default_limit;
    nvml_get_two_fn *limit_constraints;
    nvml_code (*set_limit)(nvml_handle dev, unsigned int limit_mw);
    nvml_get_u32_fn *persistence;
    nvml_code (*set_persistence)(nvml_handle dev, unsigned int is_enabled);
    nvml_code (*memory_clocks)(nvml_handle dev, unsigned int *count, unsigned int *clocks_mhz);
    nvml_code (*graphics_clocks)(nvml_handle dev, unsigned int memory_mhz, unsigned int *count,
                                 unsigned int *clocks_mhz);
    nvml_code (*lock_graphics)(nvml_handle dev, unsigned int min_mhz, unsigned int max_mhz);
    nvml_code (*lock_memory)(nvml_handle dev, unsigned int min_mhz, unsigned int max_mhz);
    nvml_code (*unlock_graphics)(nvml_handle dev);
    nvml_code (*unlock_memory)(nvml_handle dev);
    /* MIG. */
    nvml_get_two_fn *mig_mode;
    nvml_get_u32_fn *mig_max_count;
    nvml_code (*mig_handle)(nvml_handle dev, unsigned int index, nvml_handle *ret_mig);
    nvml_get_u32_fn *gpu_instance_id;
    nvml_get_u32_fn *compute_instance_id;
};

/* Loads libnvidia-ml.so.1, else libnvidia-ml.so. NOLIB lists what was tried; NOSYM names the
 * required function that is missing. */
int nvml_lib_load(struct nvml_lib *ret_lib, zeus_error *err) ZEUS_CHECK;

/* Our code for an NVML code; 0 for success. */
int nvml_code_to_error(nvml_code code);

/* The library's own words for a code, ours where it has no function for that. Never NULL. */
const char *nvml_code_text(const struct nvml_lib *lib, nvml_code code);

/* Nonzero when a code says "not on this board or driver", now and later; zero when asking again may
 * succeed. */
int nvml_code_is_definitive(nvml_code code);

#endif /* ZEUS_DEVICE_NVML_NVML_LIB_H */
