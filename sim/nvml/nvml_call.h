/* SPDX-License-Identifier: Apache-2.0
 *
 * What every simulated NVML function does first: is the library initialised, is the handle good, is
 * a fault due.
 */
#ifndef ZEUS_SIM_NVML_CALL_H
#define ZEUS_SIM_NVML_CALL_H

#include "nvml/nvml_abi.h"
#include "simcore/sim.h"

#define NVML_BOARD_ONLY                                                       \
    1 /* instances of MIG answer NOT_SUPPORTED, as the real ones do for power \
       */

/* A device or one of its MIG instances. */
struct nvml_handle {
    uint32_t device; /* position in the simulation */
    uint32_t mig;    /* SIM_NONE: the board itself */
};

struct nvml_call {
    struct sim *sim;
    const struct sim_device *dev;
    const struct sim_mig *mig; /* NULL: the board */
    uint32_t device;
    int is_ones;   /* every bit of the answer is set */
    uint64_t t_ns; /* to read sensors at */
};

/* Of a function that touches a device. */
nvmlReturn_t nvml_begin(struct nvml_call *call, nvmlDevice_t handle, const char *function,
                        uint32_t flags);
/* Of one that does not. */
nvmlReturn_t nvml_begin_system(struct nvml_call *call, const char *function);

nvmlReturn_t nvml_code(int zeus_code);

/* Handle of a device (mig SIM_NONE) or an instance. */
nvmlDevice_t nvml_handle_of(uint32_t device, uint32_t mig);

/* Copies text with NVML's size rule. */
nvmlReturn_t nvml_give_text(const char *text, char *out, uint32_t length);

/* Value of a u32 answer, honouring the all-ones fault. */
nvmlReturn_t nvml_give_u32(const struct nvml_call *call, uint32_t value, uint32_t *out);

#endif /* ZEUS_SIM_NVML_CALL_H */
