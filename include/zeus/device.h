/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices: GPUs, CPU packages, SoCs and whole platforms behind one interface.
 *
 * A device has one or more *domains*: named places where energy is spent ("gpu", "package-0",
 * "dram", "VDD_CPU"). Domains contain each other (psys contains package contains core); the parent
 * of each is known, so that a sum can pick each joule once. Every value carries how it was come by.
 * What cannot be read is a code with a reason, never a zero.
 *
 * Ownership: a zeus_device is borrowed from its session and dies with it (session.h).
 * Threads: reads and settings of one device may be called from any thread at any time.
 * Units: energy in microjoules, power in microwatts, clocks in MHz, temperature in degrees Celsius,
 * time in nanoseconds of the monotonic clock.
 */
#ifndef ZEUS_DEVICE_H
#define ZEUS_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include <zeus/attr.h>
#include <zeus/error.h>

ZEUS_BEGIN_DECLS

typedef struct zeus_device zeus_device;

/* What a device is. */
#define ZEUS_KIND_GPU      1u
#define ZEUS_KIND_CPU      2u /* one CPU package (socket) */
#define ZEUS_KIND_SOC      3u /* one system on chip with several rails */
#define ZEUS_KIND_PLATFORM 4u /* something that contains others: psys, a superchip module */

/* zeus_device_info.flags */
#define ZEUS_DEVICE_SHARED_BOARD \
    (1u << 0) /* a MIG slice was asked for: values are the whole board's */
#define ZEUS_DEVICE_MODULE_SCOPE \
    (1u << 1) /* power or energy covers a module (CPU + GPU), not the GPU */
#define ZEUS_DEVICE_PAIRED_DIE (1u << 2) /* values cover this die and its sibling (MI250) */
#define ZEUS_DEVICE_SILENT_DIE (1u << 3) /* the sibling reports for this die: no values here */
#define ZEUS_DEVICE_SIMULATED  (1u << 4) /* comes from a simulated node */

/* Who a device is. Plain record; empty strings where the driver does not say. */
typedef struct zeus_device_info {
    uint32_t kind;          /* ZEUS_KIND_... */
    uint32_t flags;         /* ZEUS_DEVICE_... */
    int32_t index;          /* position among the visible devices of its kind */
    int32_t physical_index; /* the driver's own number: NVML index, HIP index, powercap zone */
    char name[96];          /* "NVIDIA H100 80GB HBM3", "package-0" */
    char uuid[96];          /* "GPU-...", stable over reboots; synthesised ids say so in front */
    char pci[24];           /* "0000:3b:00.0", lower case */
    char backend[16];       /* "nvml", "amdsmi", "rapl", "hwmon", "jetson", "apple", "replay" */
    char driver[64];        /* version of driver or library */
    char architecture[32];  /* "hopper", "cdna3"; empty when unknown */
    char slice_uuid[96];    /* the MIG UUID that selected this device; empty otherwise */
} zeus_device_info;

/* What a domain is. */
#define ZEUS_DOMAIN_GPU        1u  /* a GPU board or die */
#define ZEUS_DOMAIN_GPU_MEMORY 2u  /* its memory, contained in GPU */
#define ZEUS_DOMAIN_MODULE     3u  /* CPU + GPU module of a superchip */
#define ZEUS_DOMAIN_PACKAGE    4u  /* CPU package */
#define ZEUS_DOMAIN_CORE       5u  /* all cores of a package */
#define ZEUS_DOMAIN_UNCORE     6u  /* integrated GPU and the like, in the package */
#define ZEUS_DOMAIN_DRAM       7u  /* memory attached to a package, not contained in it */
#define ZEUS_DOMAIN_PSYS       8u  /* whole platform as the firmware sees it */
#define ZEUS_DOMAIN_SOC_TOTAL  9u  /* the SoC's or board's input */
#define ZEUS_DOMAIN_SOC_CPU    10u /* CPU rail or clusters */
#define ZEUS_DOMAIN_SOC_GPU    11u
#define ZEUS_DOMAIN_SOC_OTHER  12u

/* How the energy of a domain is come by. */
#define ZEUS_SOURCE_NONE       0u /* no energy and no power: only the reason is known */
#define ZEUS_SOURCE_COUNTER    1u /* a cumulative energy counter of the hardware */
#define ZEUS_SOURCE_INTEGRATED 2u /* power samples, integrated by us */

/* zeus_domain_info.flags */
#define ZEUS_DOMAIN_MIRROR   (1u << 0) /* shows the same counter as another domain: never summed */
#define ZEUS_DOMAIN_MODELLED (1u << 1) /* a model's estimate, not a measurement */
#define ZEUS_DOMAIN_SUSPECT  (1u << 2) /* the counter failed a plausibility check */

/* One domain of a device. */
typedef struct zeus_domain_info {
    char name[48];         /* unique within the device */
    uint32_t kind;         /* ZEUS_DOMAIN_... */
    uint32_t source;       /* ZEUS_SOURCE_... */
    uint32_t flags;        /* ZEUS_DOMAIN_MIRROR... */
    int32_t parent;        /* domain of the same device that contains this one, -1 when none does */
    uint64_t quantum_uj;   /* smallest step of the counter, 0 when unknown */
    uint64_t wrap_uj;      /* range after which the hardware counter wraps (we unwrap), 0 = never */
    char origin[160];      /* where the number is read: library call or file */
    char sensor_class[48]; /* row of the sensor table, e.g. "hopper/instant"; empty when unknown */
} zeus_domain_info;

/* Which of a domain's power readings. */
#define ZEUS_POWER_INSTANT 0u /* the shortest window the sensor offers */
#define ZEUS_POWER_AVERAGE 1u /* the sensor's long average (one second on recent NVIDIA boards) */

/* A cumulative energy reading. The origin is arbitrary; differences count. Wraps are removed. */
typedef struct zeus_energy_sample {
    uint64_t time_ns;    /* middle of the read */
    uint64_t latency_ns; /* how long the read took */
    uint64_t energy_uj;
} zeus_energy_sample;

/* A power reading. */
typedef struct zeus_power_sample {
    uint64_t time_ns;    /* middle of the read */
    uint64_t latency_ns; /* how long the read took */
    uint64_t power_uw;
} zeus_power_sample;

/* Things a device may or may not be able to do here and now. */
#define ZEUS_FEATURE_ENERGY_COUNTER       0u
#define ZEUS_FEATURE_POWER_INSTANT        1u
#define ZEUS_FEATURE_POWER_AVERAGE        2u
#define ZEUS_FEATURE_POWER_MEMORY         3u
#define ZEUS_FEATURE_DRAM_ENERGY          4u
#define ZEUS_FEATURE_TEMPERATURE          5u
#define ZEUS_FEATURE_UTILIZATION          6u
#define ZEUS_FEATURE_CLOCKS               7u
#define ZEUS_FEATURE_PROCESSES            8u
#define ZEUS_FEATURE_LIMIT_READ           9u
#define ZEUS_FEATURE_LIMIT_WRITE          10u
#define ZEUS_FEATURE_PERSISTENCE          11u
#define ZEUS_FEATURE_LOCKED_CLOCKS        12u /* graphics clock */
#define ZEUS_FEATURE_LOCKED_MEMORY_CLOCKS 13u
#define ZEUS_FEATURE_MIG                  14u
#define ZEUS_FEATURE_COUNT                15u

/* State of one feature: usable, or why not and what would help. */
typedef struct zeus_feature_state {
    int32_t code;     /* 0 = usable, else ZEUS_E...; write features: best knowledge before trying */
    char reason[160]; /* why not; empty when usable */
    char remedy[200]; /* what a person can do about it; empty when nothing can be done */
} zeus_feature_state;

/* Power management limits. */
typedef struct zeus_power_limits {
    uint64_t current_uw;
    uint64_t default_uw;
    uint64_t min_uw;
    uint64_t max_uw;
} zeus_power_limits;

/* Which clock. */
#define ZEUS_CLOCK_GRAPHICS 0u
#define ZEUS_CLOCK_MEMORY   1u

/* Clocks and load of a GPU. Fields not in `valid` are unknown. */
typedef struct zeus_activity {
    uint32_t valid; /* ZEUS_ACTIVITY_... */
    uint32_t graphics_mhz;
    uint32_t memory_mhz;
    uint32_t gpu_pct;    /* share of time in which a kernel ran */
    uint32_t memory_pct; /* share of time in which memory was read or written */
    uint32_t reserved;
} zeus_activity;
#define ZEUS_ACTIVITY_GRAPHICS_CLOCK (1u << 0)
#define ZEUS_ACTIVITY_MEMORY_CLOCK   (1u << 1)
#define ZEUS_ACTIVITY_GPU_LOAD       (1u << 2)
#define ZEUS_ACTIVITY_MEMORY_LOAD    (1u << 3)

/* Why a GPU runs slower than it could just now; bits. */
#define ZEUS_THROTTLE_IDLE        (1u << 0) /* nothing to do */
#define ZEUS_THROTTLE_SETTING     (1u << 1) /* clocks that were asked for */
#define ZEUS_THROTTLE_POWER_CAP   (1u << 2) /* the power limit */
#define ZEUS_THROTTLE_THERMAL     (1u << 3) /* too hot: GPU, memory or board */
#define ZEUS_THROTTLE_POWER_BRAKE (1u << 4) /* the supply or the chassis asked for less */
#define ZEUS_THROTTLE_SLOWDOWN    (1u << 5) /* the hardware slows down, for heat or for power */
#define ZEUS_THROTTLE_SYNC        (1u << 6) /* kept in step with other GPUs */
#define ZEUS_THROTTLE_DISPLAY     (1u << 7)
#define ZEUS_THROTTLE_OTHER       (1u << 8) /* something that the driver names and we do not know */

/* Name of one ZEUS_THROTTLE_... bit ("power-cap"), NULL for an unknown bit. */
ZEUS_API const char *zeus_throttle_name(uint32_t bit);

/* A process that uses a GPU. */
typedef struct zeus_process {
    uint32_t pid;
    uint32_t has_memory; /* 0: memory_bytes is unknown (no permission, driver does not say) */
    uint64_t memory_bytes;
} zeus_process;

/* One slice of a partitioned GPU. */
typedef struct zeus_mig_slice {
    uint32_t gpu_instance;
    uint32_t compute_instance;
    char uuid[96];
    char name[96];
} zeus_mig_slice;

/* Short names, stable: "gpu", "package", "counter", "energy-counter". Never NULL. */
ZEUS_API const char *zeus_kind_name(uint32_t kind);
ZEUS_API const char *zeus_domain_kind_name(uint32_t domain_kind);
ZEUS_API const char *zeus_source_name(uint32_t source);
ZEUS_API const char *zeus_feature_name(uint32_t feature);

/* Who the device is. */
ZEUS_API int zeus_device_get_info(const zeus_device *dev, zeus_device_info *ret_info) ZEUS_CHECK;

/* Domains of the device, 0 .. count-1. */
ZEUS_API uint32_t zeus_device_domain_count(const zeus_device *dev);
ZEUS_API int zeus_device_get_domain(const zeus_device *dev, uint32_t domain,
                                    zeus_domain_info *ret_info) ZEUS_CHECK;

/* What the device can do here and now, decided by probing when the session was opened. */
ZEUS_API int zeus_device_get_feature(const zeus_device *dev, uint32_t feature,
                                     zeus_feature_state *ret_state) ZEUS_CHECK;

/* Cumulative energy of a domain. NOTSUP where the domain has no counter, DEVLOST, DRIVER... */
ZEUS_API int zeus_device_read_energy(zeus_device *dev, uint32_t domain,
                                     zeus_energy_sample *ret_sample) ZEUS_CHECK;

/* Power of a domain; `field` is ZEUS_POWER_... */
ZEUS_API int zeus_device_read_power(zeus_device *dev, uint32_t domain, uint32_t field,
                                    zeus_power_sample *ret_sample) ZEUS_CHECK;

ZEUS_API int zeus_device_read_temperature(zeus_device *dev, int32_t *ret_c) ZEUS_CHECK;
ZEUS_API int zeus_device_read_activity(zeus_device *dev, zeus_activity *ret_activity) ZEUS_CHECK;

/* ZEUS_THROTTLE_... bits as of now, 0 for full speed. NOTSUP where the driver does not say. */
ZEUS_API int zeus_device_read_throttle(zeus_device *dev, uint32_t *ret_reasons) ZEUS_CHECK;

/* Processes on the GPU. Fills up to `capacity` entries and sets *ret_count to how many there are;
 * TOOSMALL when that is more than the capacity (the first `capacity` are filled). */
ZEUS_API int zeus_device_read_processes(zeus_device *dev, zeus_process *processes, size_t capacity,
                                        size_t *ret_count) ZEUS_CHECK;

/* MIG slices of the GPU, same rule; a count of 0 when the GPU is not partitioned. */
ZEUS_API int zeus_device_read_mig(zeus_device *dev, zeus_mig_slice *slices, size_t capacity,
                                  size_t *ret_count) ZEUS_CHECK;

/* Settings. Setters check the range against the device's own limits (RANGE names both), skip the
 * driver call when nothing would change, and return the driver's reason in `err` otherwise. */
ZEUS_API int zeus_device_read_power_limits(zeus_device *dev, zeus_power_limits *ret_limits)
    ZEUS_CHECK;
ZEUS_API int zeus_device_set_power_limit(zeus_device *dev, uint64_t limit_uw, zeus_error *err)
    ZEUS_CHECK;
ZEUS_API int zeus_device_reset_power_limit(zeus_device *dev, zeus_error *err) ZEUS_CHECK;

ZEUS_API int zeus_device_read_persistence(zeus_device *dev, int *ret_is_enabled) ZEUS_CHECK;
ZEUS_API int zeus_device_set_persistence(zeus_device *dev, int is_enabled, zeus_error *err)
    ZEUS_CHECK;

/* Supported clocks in MHz, descending; `memory_mhz` is the memory clock the graphics clocks are
 * asked for (0: the highest). Same capacity rule as above. */
ZEUS_API int zeus_device_read_supported_clocks(zeus_device *dev, uint32_t clock,
                                               uint32_t memory_mhz, uint32_t *clocks_mhz,
                                               size_t capacity, size_t *ret_count) ZEUS_CHECK;
ZEUS_API int zeus_device_set_locked_clocks(zeus_device *dev, uint32_t clock, uint32_t min_mhz,
                                           uint32_t max_mhz, zeus_error *err) ZEUS_CHECK;
ZEUS_API int zeus_device_reset_locked_clocks(zeus_device *dev, uint32_t clock, zeus_error *err)
    ZEUS_CHECK;
/* Both domains; on AMD the only reset there is. The second is tried even when the first fails. */
ZEUS_API int zeus_device_reset_all_clocks(zeus_device *dev, zeus_error *err) ZEUS_CHECK;

ZEUS_END_DECLS

#endif /* ZEUS_DEVICE_H */
