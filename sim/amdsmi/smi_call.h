/* SPDX-License-Identifier: Apache-2.0
 *
 * What every function of the simulated AMD SMI does first: is the library initialised, is the
 * handle good, is a fault due. The sources are compiled once a generation, with SMI_ABI set to 24,
 * 25 or 26; layouts are those of the backend's header, whose assertions prove them.
 */
#ifndef ZEUS_SIM_AMDSMI_SMI_CALL_H
#define ZEUS_SIM_AMDSMI_SMI_CALL_H

#include <zeus/attr.h>

#include "device/amdsmi/amdsmi_abi.h"
#include "simcore/sim.h"

#define SMI_IO            12u
#define SMI_API_FAILED    7u
#define SMI_NOT_YET       3u
#define SMI_NO_DRIVER     34u
#define SMI_NULL_ARGUMENT 53u

#define SMI_EXPORT ZEUS_API uint32_t

struct smi_call {
    struct sim *sim;
    const struct sim_device *dev;
    uint32_t device; /* position in the simulation */
    int is_ones;     /* every bit of the answer is set */
    uint64_t t_ns;   /* to read sensors at */
};

/* Of a function of a GPU, and of one of the system. */
uint32_t smi_begin(struct smi_call *call, amdsmi_handle gpu, const char *function);
uint32_t smi_begin_system(struct smi_call *call, const char *function);

/* Status for one of our codes. */
uint32_t smi_status(int zeus_code);

/* The GPU at a position among the AMD GPUs; NULL past the end. */
amdsmi_handle smi_gpu(uint32_t nth);
uint32_t smi_gpu_count(void);
uint64_t smi_bdf(const struct sim_device *dev);

/* Gives a struct, all ones when a fault says so. */
void smi_give(const struct smi_call *call, void *out, const void *value, size_t size);

/* Copies text into a fixed field. */
void smi_text(char *out, size_t size, const char *text);

#endif /* ZEUS_SIM_AMDSMI_SMI_CALL_H */
