/* SPDX-License-Identifier: Apache-2.0
 *
 * One function per question to the driver: serialised where it must be, the generation's layout
 * resolved, "not available" markers turned into absent values, the status turned into our code with
 * the vendor's kept. Above this file nobody knows generations or markers.
 */
#ifndef ZEUS_DEVICE_AMDSMI_AMDSMI_CALLS_H
#define ZEUS_DEVICE_AMDSMI_AMDSMI_CALLS_H

#include "device/amdsmi/amdsmi_lib.h"

/* Socket power; a field that the GPU does not offer has its has_ flag clear. */
struct amdsmi_power {
    int has_current;
    int has_average;
    uint64_t current_uw;
    uint64_t average_uw;
};

struct amdsmi_clock {
    int has_now;
    int has_bounds;
    uint32_t now_mhz;
    uint32_t min_mhz;
    uint32_t max_mhz;
};

/* Who a GPU is; empty text and cleared flags where the driver does not say. */
struct amdsmi_identity {
    char name[96];
    char uuid[96];
    char pci[24];
    char architecture[32];
    char driver[48];
    uint64_t bdf; /* 0 when unknown */
    int has_hip_id;
    int has_node_id;
    int has_partition;
    uint32_t hip_id;
    uint32_t node_id;
    uint32_t partition;
};

/* All GPU handles: for each socket in order, its processors. *ret_handles is owned. */
int amdsmi_list_gpus(const struct amdsmi_lib *lib, amdsmi_handle **ret_handles, size_t *ret_count,
                     zeus_error *err) ZEUS_CHECK;

/* Never fails: what cannot be read stays empty; `err` keeps the first thing that went wrong. */
void amdsmi_read_identity(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                          struct amdsmi_identity *ret_identity, zeus_error *err);

int amdsmi_read_power(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                      struct amdsmi_power *ret_power, zeus_error *err) ZEUS_CHECK;

/* Accumulator times resolution. NOTSUP when the driver reports no counter. */
int amdsmi_read_energy(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint64_t *ret_uj,
                       double *ret_resolution_uj, zeus_error *err) ZEUS_CHECK;

/* NOTSUP names the limit that the driver leaves out. */
int amdsmi_read_limits(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                       zeus_power_limits *ret_limits, zeus_error *err) ZEUS_CHECK;
int amdsmi_write_limit(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint64_t limit_uw,
                       zeus_error *err) ZEUS_CHECK;

/* `clock` is AMDSMI_CLOCK_... here and below. */
int amdsmi_read_clock(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint32_t clock,
                      struct amdsmi_clock *ret_clock, zeus_error *err) ZEUS_CHECK;
int amdsmi_write_clock_limit(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint32_t clock,
                             uint32_t limit, uint32_t mhz, zeus_error *err) ZEUS_CHECK;
int amdsmi_write_perf_auto(const struct amdsmi_lib *lib, amdsmi_handle gpu, zeus_error *err)
    ZEUS_CHECK;
/* NOSYM where the library has no such question. */
int amdsmi_read_perf_level(const struct amdsmi_lib *lib, amdsmi_handle gpu, uint32_t *ret_level,
                           zeus_error *err) ZEUS_CHECK;

/* Degrees Celsius: the library already divides the kernel's millidegrees. Hot spot, else edge. */
int amdsmi_read_temperature(const struct amdsmi_lib *lib, amdsmi_handle gpu, int32_t *ret_c,
                            zeus_error *err) ZEUS_CHECK;

/* Adds the load fields to `activity`; absent ones stay invalid. */
int amdsmi_read_load(const struct amdsmi_lib *lib, amdsmi_handle gpu, zeus_activity *activity,
                     zeus_error *err) ZEUS_CHECK;

int amdsmi_read_memory(const struct amdsmi_lib *lib, amdsmi_handle gpu,
                       struct device_memory *ret_memory, zeus_error *err) ZEUS_CHECK;

int amdsmi_read_processes(const struct amdsmi_lib *lib, amdsmi_handle gpu, zeus_process *processes,
                          size_t capacity, size_t *ret_count, zeus_error *err) ZEUS_CHECK;

/* "0001:c5:00.0" for the packed address. */
void amdsmi_format_bdf(uint64_t bdf, char *out, size_t size);

#endif /* ZEUS_DEVICE_AMDSMI_AMDSMI_CALLS_H */
