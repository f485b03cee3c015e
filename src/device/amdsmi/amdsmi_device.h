/* SPDX-License-Identifier: Apache-2.0
 *
 * One AMD GPU (or die, or partition) as a device of the frame; shared by the files of this folder.
 */
#ifndef ZEUS_DEVICE_AMDSMI_AMDSMI_DEVICE_H
#define ZEUS_DEVICE_AMDSMI_AMDSMI_DEVICE_H

#include <pthread.h>

#include "device/amdsmi/amdsmi_calls.h"
#include "device/amdsmi/amdsmi_check.h"

/* What is known of one clock domain's range. */
struct amdsmi_range {
    int is_known;
    uint32_t min_mhz;
    uint32_t max_mhz;
};

struct amdsmi_device {
    struct device base; /* first: downcast by amdsmi_device_of */
    struct amdsmi_lib *lib;
    amdsmi_handle gpu;
    struct amdsmi_identity id;
    uint32_t position; /* AMD SMI's own order */
    int has_current;
    int has_average;
    int has_counter;
    int is_silent; /* the sibling die reports for this one */
    int is_mirror; /* a further partition of a GPU that is already listed */
    double resolution_uj;

    pthread_mutex_t lock; /* guards what follows; never held across a call of the driver, except
                           * clocks_lock, which makes a change of a clock range one step */
    struct amdsmi_check check;
    int has_last_energy;
    uint64_t last_energy_ns;
    uint64_t last_energy_uj;

    pthread_mutex_t clocks_lock;
    struct amdsmi_range range[2];     /* in force, by ZEUS_CLOCK_...; unknown after a failure */
    struct amdsmi_range supported[2]; /* seen while nobody had locked the clocks */
};

extern const struct device_ops amdsmi_ops;

struct amdsmi_device *amdsmi_device_of(struct device *dev);

/* amdsmi_energy.c */
int amdsmi_device_read_energy(struct device *dev, uint32_t domain, uint64_t *ret_uj,
                              zeus_error *err) ZEUS_CHECK;
int amdsmi_device_read_power(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                             zeus_error *err) ZEUS_CHECK;
/* First reading of power and counter at discovery; sets has_..., the features and the check. */
void amdsmi_device_probe_energy(struct amdsmi_device *gpu, const struct amdsmi_power *power,
                                int power_code, const zeus_error *power_err);

/* amdsmi_control.c */
int amdsmi_device_read_limits(struct device *dev, zeus_power_limits *ret_limits, zeus_error *err)
    ZEUS_CHECK;
int amdsmi_device_write_limit(struct device *dev, uint64_t limit_uw, zeus_error *err) ZEUS_CHECK;
int amdsmi_device_list_clocks(struct device *dev, uint32_t clock, uint32_t memory_mhz,
                              uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                              zeus_error *err) ZEUS_CHECK;
int amdsmi_device_write_clocks(struct device *dev, uint32_t clock, uint32_t min_mhz,
                               uint32_t max_mhz, zeus_error *err) ZEUS_CHECK;
int amdsmi_device_reset_clocks(struct device *dev, uint32_t clock, zeus_error *err) ZEUS_CHECK;
int amdsmi_device_reset_all(struct device *dev, zeus_error *err) ZEUS_CHECK;
void amdsmi_device_probe_control(struct amdsmi_device *gpu);

/* 1: the upper limit is written first. Two writes move a range; the first must not make it empty.
 */
int amdsmi_max_first(const struct amdsmi_range *in_force, uint32_t new_min_mhz);

/* amdsmi_order.c: HIP's numbering. */
#define AMDSMI_ORDER_HIP      0 /* the driver's own HIP ids */
#define AMDSMI_ORDER_KFD      1 /* rank of the KFD node */
#define AMDSMI_ORDER_POSITION 2 /* neither is known: AMD SMI's order */
/* Fills ret_hip[0..count-1] with distinct numbers and says by which rule. */
int amdsmi_order_hip(const struct amdsmi_identity *ids, size_t count, uint32_t *ret_hip);

/* MI250 and partition rules, over all GPUs in AMD SMI's order. */
struct amdsmi_role {
    int is_paired; /* carries its sibling's energy too */
    int is_silent;
    int is_mirror;
};
void amdsmi_order_roles(const struct amdsmi_identity *ids, const int *shows_power, size_t count,
                        struct amdsmi_role *ret_roles);

/* amdsmi.c: everything after the library was started. `finding` is filled. */
int amdsmi_discover_with(struct amdsmi_lib *lib, const struct device_env *env,
                         struct device_list *list, zeus_finding *ret_finding, zeus_error *err)
    ZEUS_CHECK;

/* What a person can do about a code; "" when nothing. */
const char *amdsmi_remedy(int code);

/* States a feature from the result of its probe. */
void amdsmi_state_feature(struct amdsmi_device *gpu, uint32_t feature, int code,
                          const zeus_error *err);

#endif /* ZEUS_DEVICE_AMDSMI_AMDSMI_DEVICE_H */
