/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the NVIDIA device and its parts. NVML may be called from any
 * thread, so a device is filled at discovery and constant afterwards; no locks.
 */
#ifndef ZEUS_DEVICE_NVML_NVML_H
#define ZEUS_DEVICE_NVML_NVML_H

#include "device/backend.h"
#include "device/nvml/nvml_lib.h"

#define NVML_DOMAINS_MAX 3u /* gpu, gpu.memory, module */

/* What the driver answered to a power field in one scope. */
struct nvml_field_probe {
    nvml_code code; /* NVML_SUCCESS: it answers */
    int is_asked;   /* 0: not probed, `code` means nothing */
    uint64_t power_uw;
};

/* Where a domain's numbers are read. */
struct nvml_place {
    uint32_t scope;                        /* NVML_SCOPE_... */
    int has_energy;                        /* the counter belongs to this domain */
    int has_field[ZEUS_POWER_AVERAGE + 1]; /* indexed by ZEUS_POWER_... */
};

struct nvml_device {
    struct device base;
    struct nvml_lib lib;
    nvml_handle handle;
    nvml_code open_code; /* why there is no handle; NVML_SUCCESS when there is */
    uint32_t architecture;
    int cc_major;
    int cc_minor;
    int is_privileged; /* settings may be written, as far as one can know without trying */
    struct nvml_place places[NVML_DOMAINS_MAX]; /* as base.domains */
};

/* What discovery works on; injected by tests. */
struct nvml_context {
    const struct nvml_lib *lib;
    const struct device_env *env;
    int is_privileged;
    void (*wait)(uint64_t duration_ns); /* between two looks at a counter that stands at zero */
};

extern const struct device_ops nvml_ops;

/* nvml_backend.discover without loading the library. */
int nvml_discover(const struct nvml_context *context, struct device_list *list,
                  zeus_finding *ret_finding, zeus_error *err) ZEUS_CHECK;

/* The device behind a handle of ours; traps when it is somebody else's. */
struct nvml_device *nvml_from_device(struct device *dev);

/* 0, or why a call cannot be made: the GPU did not open, or the driver lacks `symbol`. */
int nvml_check_call(const struct nvml_device *dev, int has_symbol, const char *symbol,
                    zeus_error *err) ZEUS_CHECK;
/* Translates a code; the message names the GPU, what was tried and NVML's own words. */
int nvml_check_code(const struct nvml_device *dev, nvml_code code, const char *what,
                    zeus_error *err) ZEUS_CHECK;
/* States a feature from the result of a probe: usable, or the error's words and a remedy that fits
 * the code. */
void nvml_feature_from(struct nvml_device *dev, uint32_t feature, int code, const zeus_error *err);

/* nvml_identity.c: name, UUID, PCI address, architecture, rank. Unknown ones stay empty. */
void nvml_identify(struct nvml_device *dev);
const char *nvml_architecture_name(uint32_t architecture);

/* nvml_sensor.c: row of the sensor table, "hopper/instant", or "" when the table does not know.
 * `cc_minor` tells GA100 (8.0) from the other Ampere chips. Pure. */
const char *nvml_sensor_class(uint32_t architecture, int cc_minor, uint32_t power_field);

/* nvml_energy.c */
int nvml_read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err);
/* One raw look at the counter in millijoules; all-ones is an error. */
int nvml_energy_look(const struct nvml_device *dev, uint64_t *ret_mj, zeus_error *err) ZEUS_CHECK;
/* Nonzero for superchips whose counter covers the whole module. */
int nvml_energy_is_module_wide(const char *device_name);

/* nvml_power.c */
int nvml_read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                    zeus_error *err);
/* Reads one field in one scope. */
nvml_code nvml_power_look(const struct nvml_device *dev, uint32_t field_id, uint32_t scope,
                          uint64_t *ret_uw);
/* Probes the fields, builds the domains and states the power and energy features. `energy_code` is
 * the result of looking at the counter, explained in `energy_err`. */
int nvml_build_domains(struct nvml_device *dev, int energy_code, const zeus_error *energy_err)
    ZEUS_CHECK;

/* nvml_activity.c */
int nvml_read_temperature(struct device *dev, int32_t *ret_c, zeus_error *err);
int nvml_read_activity(struct device *dev, zeus_activity *ret_activity, zeus_error *err);
int nvml_read_throttle(struct device *dev, uint32_t *ret_reasons, zeus_error *err);

int nvml_read_memory(struct device *dev, struct device_memory *ret_memory, zeus_error *err);

/* nvml_processes.c */
int nvml_read_processes(struct device *dev, zeus_process *processes, size_t capacity,
                        size_t *ret_count, zeus_error *err);
/* Bytes of one entry of the _v3 list, by driver version. */
size_t nvml_process_size_v3(const char *driver);

/* nvml_mig.c */
int nvml_read_mig(struct device *dev, zeus_mig_slice *slices, size_t capacity, size_t *ret_count,
                  zeus_error *err);

/* nvml_clocks.c */
int nvml_read_supported_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz,
                               uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                               zeus_error *err);
int nvml_write_locked_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz, uint32_t max_mhz,
                             zeus_error *err);
int nvml_reset_locked_clocks(struct device *dev, uint32_t clock, zeus_error *err);

/* nvml_control.c */
int nvml_read_power_limits(struct device *dev, zeus_power_limits *ret_limits, zeus_error *err);
int nvml_write_power_limit(struct device *dev, uint64_t limit_uw, zeus_error *err);
int nvml_read_persistence(struct device *dev, int *ret_is_enabled, zeus_error *err);
int nvml_write_persistence(struct device *dev, int is_enabled, zeus_error *err);

/* nvml_features.c: probes and states every feature except energy and power. */
void nvml_state_features(struct nvml_device *dev);

#endif /* ZEUS_DEVICE_NVML_NVML_H */
