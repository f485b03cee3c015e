/* SPDX-License-Identifier: Apache-2.0
 *
 * Which GPUs a program sees and in which order, from the variables that CUDA and HIP programs obey.
 * visibility_select is pure: GPUs and texts in, a selection out. The rules and their table are in
 * docs/visibility.md; tests/unit/device/test_visibility.c runs that table.
 */
#ifndef ZEUS_DEVICE_VISIBILITY_H
#define ZEUS_DEVICE_VISIBILITY_H

#include "device/backend.h"

/* One MIG slice of a board. Texts are borrowed. */
struct visibility_slice {
    const char *uuid;
    uint32_t gpu_instance;
    uint32_t compute_instance;
};

/* One GPU as the driver numbers it. Texts are borrowed; empty when unknown. */
struct visibility_gpu {
    int32_t physical_index;
    const char *uuid;
    const char *model;
    uint64_t speed_rank; /* higher is faster; 0 unknown */
    const struct visibility_slice *slices;
    size_t slice_count;
};

#define VISIBILITY_NVIDIA 0u
#define VISIBILITY_AMD    1u

/* The variables, NULL where unset. */
struct visibility_env {
    uint32_t vendor;      /* whose GPUs are selected: VISIBILITY_... */
    int has_other_vendor; /* CUDA_VISIBLE_DEVICES may be meant for the other vendor's GPUs */
    const char *cuda_visible_devices;
    const char *cuda_device_order;
    const char *hip_visible_devices;
    const char *rocr_visible_devices;
    const char *gpu_device_ordinal;
};

/* One selected GPU; its number in the result is the index that programs use. */
struct visibility_pick {
    size_t position;        /* in the array of GPUs */
    int is_shared;          /* a slice was named: the board's values are shared with other slices */
    const char *slice_uuid; /* borrowed from the GPU's slices; NULL for a whole board */
};

#define VISIBILITY_NOTE_SIZE 200

struct visibility_result {
    size_t count;
    char note[VISIBILITY_NOTE_SIZE]; /* what a person should know; empty when all is plain */
};

/* Fills `picks` (room for gpu_count entries). A malformed value is INVAL with an error that names
 * the variable, its value and the entry; `ret_result` is untouched then. Every board is picked at
 * most once. With no GPUs at all every value is fine. */
int visibility_select(const struct visibility_gpu *gpus, size_t gpu_count,
                      const struct visibility_env *env, struct visibility_pick *picks,
                      struct visibility_result *ret_result, zeus_error *err) ZEUS_CHECK;

/* Keeps the visible devices of one backend ("nvml", "amdsmi") in visible order, destroys the others
 * of that backend, marks slices, and numbers all GPUs of the list anew. The finding gets the number
 * of visible devices and the note. */
int visibility_apply(const struct device_env *env, const char *backend, struct device_list *list,
                     zeus_finding *finding, zeus_error *err) ZEUS_CHECK;

#endif /* ZEUS_DEVICE_VISIBILITY_H */
