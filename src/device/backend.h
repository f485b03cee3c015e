/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract between the device frame and the vendor folders.
 *
 * A backend finds its devices in one call and appends them to a device_list; each device carries a
 * table of operations. A NULL operation means "not supported": the front functions in device.c
 * answer ZEUS_ENOTSUP and nobody else tests for NULL. The front functions also check arguments,
 * stamp the time around reads, compare settings with limits and skip writes that change nothing, so
 * operations here are plain: one reading, one write.
 *
 * Thread rule: every operation may be called from any thread at any time; a backend with state
 * (wrap counters, a library that must be serialised) locks inside, with a hold bounded by one call
 * of the driver.
 * Time classes: [fast] a sysfs or perf read, microseconds; [driver] a vendor call, up to
 * milliseconds; [slow] may take seconds.
 */
#ifndef ZEUS_DEVICE_BACKEND_H
#define ZEUS_DEVICE_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/device.h>
#include <zeus/session.h>

#include "base/attr.h"
#include "base/log.h"

struct device;
struct forkmark;

/* Memory of a GPU. */
struct device_memory {
    uint64_t used_bytes; /* the driver's own part included */
    uint64_t size_bytes;
};

/* All functions return 0 or a negative ZEUS_E code and leave outputs alone on failure. `err` may be
 * NULL; a backend that has a vendor's code or text puts it there. */
struct device_ops {
    const char *name; /* the backend: "nvml"; mandatory */

    /* Frees the device. Mandatory. Must not change any setting. */
    void (*destroy)(struct device *dev);

    /* Cumulative energy of a domain, wraps removed. [driver] */
    int (*read_energy)(struct device *dev, uint32_t domain, uint64_t *ret_uj, zeus_error *err);

    /* How many intervals had to be left out of the domain's total since discovery, because the
     * counter was reset or read too seldom. Each was told once, by the read that found it
     * (ZEUS_ESTALE); two readings with different numbers here span a hole. NULL: never. [fast] */
    uint32_t (*energy_holes)(struct device *dev, uint32_t domain);

    /* Power of a domain; `field` is ZEUS_POWER_... [driver] */
    int (*read_power)(struct device *dev, uint32_t domain, uint32_t field, uint64_t *ret_uw,
                      zeus_error *err);

    int (*read_temperature)(struct device *dev, int32_t *ret_c, zeus_error *err);
    int (*read_activity)(struct device *dev, zeus_activity *ret_activity, zeus_error *err);
    int (*read_throttle)(struct device *dev, uint32_t *ret_reasons, zeus_error *err);

    /* Fill at most `capacity`, set *ret_count to how many there are. [driver] */
    int (*read_processes)(struct device *dev, zeus_process *processes, size_t capacity,
                          size_t *ret_count, zeus_error *err);
    int (*read_memory)(struct device *dev, struct device_memory *ret_memory, zeus_error *err);
    int (*read_mig)(struct device *dev, zeus_mig_slice *slices, size_t capacity, size_t *ret_count,
                    zeus_error *err);
    int (*read_supported_clocks)(struct device *dev, uint32_t clock, uint32_t memory_mhz,
                                 uint32_t *clocks_mhz, size_t capacity, size_t *ret_count,
                                 zeus_error *err);

    int (*read_power_limits)(struct device *dev, zeus_power_limits *ret_limits, zeus_error *err);
    /* The value was checked against the limits and differs from the current one. [slow] */
    int (*write_power_limit)(struct device *dev, uint64_t limit_uw, zeus_error *err);

    int (*read_persistence)(struct device *dev, int *ret_is_enabled, zeus_error *err);
    int (*write_persistence)(struct device *dev, int is_enabled, zeus_error *err);

    /* min <= max, both non-zero, both inside the supported range where that is known. [slow] */
    int (*write_locked_clocks)(struct device *dev, uint32_t clock, uint32_t min_mhz,
                               uint32_t max_mhz, zeus_error *err);
    int (*reset_locked_clocks)(struct device *dev, uint32_t clock, zeus_error *err);
    /* NULL: the front function resets both domains one after the other. */
    int (*reset_all_clocks)(struct device *dev, zeus_error *err);
};

/* Base of every device: first member of the vendor's struct. Filled by the backend at discovery and
 * constant afterwards, except info.index and the visibility marks, which the session sets. */
struct device {
    const struct device_ops *ops;
    const struct forkmark *fork_mark; /* the session's, borrowed; NULL without one */
    zeus_device_info info;
    zeus_domain_info *domains; /* owned, freed by device_base_done */
    uint32_t domain_count;
    zeus_feature_state features[ZEUS_FEATURE_COUNT]; /* all NOTSUP until the backend says more */
    uint64_t speed_rank; /* higher is faster, 0 unknown; orders mixed boards as CUDA would */
};

/* What discovery may use. Borrowed by backends for the session's life. */
struct device_env {
    int root_fd;      /* directory that stands for "/" */
    const char *root; /* its path, without trailing slash; "" is the real root */
    int is_simulated; /* the root or libraries belong to a simulated node */
    const struct log_sink *log;
    const char *(*get_env)(const char *name); /* secure_getenv, or a test's */
};

/* Growable list of owned devices. */
struct device_list {
    struct device **items;
    size_t count;
    size_t capacity;
};

/* One family's discovery. Appends what it finds; 0 with nothing found is not an error as long as
 * `finding` says why. Returns < 0 only for NOMEM and for conditions the user must mend (a malformed
 * setting); everything else (no library, no driver, no permission) is a finding. */
struct backend {
    const char *name;
    uint32_t family; /* ZEUS_FAMILY_... */
    int (*discover)(const struct device_env *env, struct device_list *list,
                    zeus_finding *ret_finding, zeus_error *err);
};

extern const struct backend nvml_backend;
extern const struct backend amdsmi_backend;
extern const struct backend rapl_backend;
extern const struct backend hwmon_backend;
extern const struct backend jetson_backend;
extern const struct backend apple_backend;

/* Helpers for backends (device.c). */

/* Base initialised: ops set, every feature NOTSUP with the reason "not supported". */
void device_base_init(struct device *dev, const struct device_ops *ops, uint32_t kind);
/* Frees what the base owns (domains). The backend frees the struct itself. */
void device_base_done(struct device *dev);

/* Appends a copy of `domain`; returns its number or NOMEM. */
int device_add_domain(struct device *dev, const zeus_domain_info *domain) ZEUS_CHECK;

/* States a feature: code 0 means usable. Texts may be NULL. */
void device_set_feature(struct device *dev, uint32_t feature, int code, const char *reason,
                        const char *remedy);

/* Appends to the list, which takes ownership; on failure the device is destroyed. */
int device_list_add(struct device_list *list, struct device *dev) ZEUS_CHECK;
/* Destroys every device and the list's memory. */
void device_list_done(struct device_list *list);

/* Fills a finding: texts are formatted and cut to size. */
void finding_set(zeus_finding *finding, int code, int devices, const char *remedy,
                 const char *format, ...) ZEUS_PRINTF(5, 6);

#endif /* ZEUS_DEVICE_BACKEND_H */
