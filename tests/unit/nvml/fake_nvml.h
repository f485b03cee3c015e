/* SPDX-License-Identifier: Apache-2.0
 *
 * A struct nvml_lib of fakes: GPUs as plain structs whose answers and failures a test sets. The
 * handle of a GPU is the address of its struct, so the fakes need no state of their own except the
 * list of GPUs.
 */
#ifndef ZEUS_TESTS_FAKE_NVML_H
#define ZEUS_TESTS_FAKE_NVML_H

#include "device/nvml/nvml.h"

#define FAKE_GPUS_MAX   8
#define FAKE_SLICES_MAX 4

enum fake_call {
    FAKE_INIT,  /* set on GPU 0 */
    FAKE_COUNT, /* set on GPU 0 */
    FAKE_OPEN,
    FAKE_NAME,
    FAKE_UUID,
    FAKE_PCI,
    FAKE_ARCHITECTURE,
    FAKE_CAPABILITY,
    FAKE_ENERGY,
    FAKE_FIELDS,
    FAKE_TEMPERATURE_V,
    FAKE_TEMPERATURE,
    FAKE_UTILIZATION,
    FAKE_CLOCK,
    FAKE_THROTTLE,
    FAKE_PROCESSES,
    FAKE_LIMIT,
    FAKE_SET_LIMIT,
    FAKE_PERSISTENCE,
    FAKE_SET_PERSISTENCE,
    FAKE_CLOCK_LIST,
    FAKE_LOCK,
    FAKE_MIG,
    FAKE_CALLS
};

/* What a power field answers in one scope. */
struct fake_power {
    nvml_code code;
    uint32_t value_type;
    uint32_t power_mw;
};

struct fake_gpu {
    char name[64];
    char uuid[64];
    uint32_t architecture;
    int cc_major;
    int cc_minor;
    uint64_t energy_mj;
    uint64_t energy_step_mj;       /* added at every wait */
    struct fake_power power[2][3]; /* [field 185, 186][scope] */
    nvml_code fail[FAKE_CALLS];
    int fail_times[FAKE_CALLS]; /* how often `fail` is returned; < 0: always */
    unsigned int limit_mw;
    unsigned int persistence;
    unsigned int locked_mhz[2][2]; /* [clock][min, max] */
    unsigned int is_mig;
    unsigned int slice_count;
    struct fake_gpu *slices; /* opened as MIG handles */
    unsigned int gpu_instance;
    unsigned int compute_instance;
    int writes;
};

extern struct fake_gpu fake_gpus[FAKE_GPUS_MAX];
extern unsigned int fake_gpu_count;
extern char fake_driver[32];
extern int fake_waits;

/* `count` healthy H100s and a complete library. */
struct nvml_lib fake_reset(unsigned int count);
/* Every further call of this kind on this GPU answers `code`. */
void fake_fail(unsigned int gpu, enum fake_call call, nvml_code code);
/* nvml_discover over `lib`, privileged, not simulated. */
int fake_discover(const struct nvml_lib *lib, struct device_list *list, zeus_finding *ret_finding);

#endif /* ZEUS_TESTS_FAKE_NVML_H */
