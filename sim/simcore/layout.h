/* SPDX-License-Identifier: Apache-2.0
 *
 * What a simulation's shared state file holds: plain records without pointers, the same in every
 * process. The description part is written once at creation and is read-only afterwards; `live` and
 * the event log change under the state's mutex (only state.c and settings.c write them).
 * All times inside are nanoseconds since the simulation's origin, so they may be negative.
 */
#ifndef ZEUS_SIM_LAYOUT_H
#define ZEUS_SIM_LAYOUT_H

#include <stdint.h>

#define SIM_NAME_SIZE 24
#define SIM_TEXT_SIZE 96
#define SIM_DEVICE_CHANNELS \
    8 /* primitive truths of one device: each event keeps a prefix integral */
#define SIM_DEVICE_SENSORS  12
#define SIM_DEVICE_COUNTERS 6
#define SIM_CHANNEL_TERMS   12 /* of a sum */
#define SIM_MEMORY_CLOCKS   8
#define SIM_MIG_MAX         7
#define SIM_LOAD_SLOTS      32
#define SIM_NONE            UINT32_MAX

/* Which interface shows a device. */
enum sim_kind {
    SIM_NVIDIA = 1, /* libnvidia-ml */
    SIM_AMD,        /* libamd_smi */
    SIM_CPU,        /* a RAPL package zone with its sub-zones */
    SIM_PSYS,       /* a top-level RAPL zone named psys */
    SIM_HWMON,      /* a hwmon power chip (Grace) */
    SIM_JETSON,     /* an INA3221 */
};

/* One linear piece of a base trace, from t_ns (within the period) to the next piece. */
struct sim_piece {
    int64_t t_ns;
    double from_w;
    double to_w;
    double prefix_j; /* energy of the pieces before this one */
};

struct sim_term {
    uint32_t channel;
    uint32_t reserved;
    double factor;
};

/* One true power P(t). Primitive: min(cap, base trace + dynamic part that follows announced load,
 * clocks and limit). Sum: constant plus factors times channels that come earlier in the table. */
struct sim_channel {
    char name[SIM_NAME_SIZE]; /* "gpu", "memory", "module", "package", "dram", rail label... */
    uint32_t device;
    uint32_t is_sum;
    uint32_t slot;      /* primitive: which prefix of the device's events is its own */
    uint32_t is_capped; /* the device's power limit holds for it */
    uint32_t first_piece;
    uint32_t piece_count;
    int64_t period_ns;   /* 0: the last value holds forever */
    int64_t shift_ns;    /* the base trace is read at t + shift */
    double period_j;     /* energy of one period of the base trace */
    double max_w;        /* of the base trace */
    double dynamic_w;    /* added at load 1 and full clocks */
    double memory_share; /* of dynamic_w that follows the memory clock and not the core clock */
    double constant_w;
    uint32_t term_count;
    uint32_t reserved;
    struct sim_term terms[SIM_CHANNEL_TERMS];
};

/* A power sensor: what it shows at update k, which happens at phase + k * period + jitter(k), is
 * the mean of the channel over [update - lag - window, update - lag] (window 0: the value there;
 * tau: an RC response instead), times gain, plus offset, plus noise(k), rounded. */
struct sim_sensor {
    char name[SIM_NAME_SIZE]; /* see sim.h */
    uint32_t channel;
    uint32_t reserved;
    int64_t period_ns; /* 0: continuous */
    int64_t phase_ns;
    int64_t jitter_ns; /* largest deviation either way, below period / 2 */
    int64_t window_ns;
    int64_t lag_ns;
    int64_t tau_ns; /* RC response: "log" in accuracy.md */
    double gain;
    double offset_w;
    double noise_w; /* standard deviation */
    double round_w; /* readings are multiples of this; 0: none */
};

/* An energy counter: at tick k shows floor((start + rate * energy) / quantum) quanta, modulo wrap.
 */
struct sim_counter {
    char name[SIM_NAME_SIZE];
    uint32_t channel;
    uint32_t reserved;
    int64_t period_ns;
    int64_t phase_ns;
    int64_t jitter_ns;
    int64_t lag_ns;
    int64_t
        window_ns; /* 0: true integral; else each tick adds the mean of its last window * period */
    double quantum_uj;
    double start_uj;
    double rate;
    double wrap_uj;      /* 0: never wraps */
    int64_t reset_at_ns; /* INT64_MAX: never; from then on it counts from zero */
    int64_t step_at_ns;  /* INT64_MAX: never */
    double step_uj;      /* added at step_at; negative is a backwards step */
};

struct sim_mig {
    uint32_t gpu_instance;
    uint32_t compute_instance;
    uint32_t slices;
    uint32_t memory_mib;
    char profile[SIM_NAME_SIZE]; /* "3g.40gb" */
    char uuid[48];               /* "MIG-..." */
};

/* Changeable state of a device. */
struct sim_settings {
    double limit_w;
    uint32_t core_min_mhz; /* locked range; max 0: not locked */
    uint32_t core_max_mhz;
    uint32_t memory_min_mhz;
    uint32_t memory_max_mhz;
    uint32_t persistence;
    uint32_t perf_level; /* AMD's number; 0 is AUTO */
};

/* State in force from t_ns until the next event, and what was spent before it. */
struct sim_event {
    int64_t t_ns;
    double load;    /* announced, 0..1 */
    double crowd;   /* sum of announced levels before it was held at 1 */
    double limit_w; /* 0: no limit */
    double core;    /* effective core clock, share of the highest */
    double memory;  /* effective memory clock, share of the highest */
    double speed;   /* units of announced work per second at level 1 */
    uint32_t core_mhz;
    uint32_t memory_mhz;
    double prefix_j[SIM_DEVICE_CHANNELS]; /* energy from the origin to t_ns */
};

/* Load that somebody announced. */
struct sim_load {
    uint32_t id;  /* 0: free slot */
    int32_t pid;  /* 0: nobody owns it; else it ends when the process is gone */
    double level; /* 0..1 */
    int64_t end_ns;
};

struct sim_live {
    struct sim_settings settings;
    struct sim_load loads[SIM_LOAD_SLOTS];
    uint32_t load_count;
    uint32_t next_load_id;
    uint32_t event_count;
    int64_t reaped_ns; /* when owners of loads were last looked at */
};

struct sim_device {
    /* who it is */
    char id[SIM_NAME_SIZE]; /* "gpu0", "cpu1", "psys", "soc0": section of the node file */
    uint32_t kind;
    uint32_t kind_index; /* position among the devices of its kind: NVML index, package number... */
    char name[SIM_TEXT_SIZE];
    char uuid[48];
    char serial[SIM_NAME_SIZE];
    uint32_t pci_domain;
    uint32_t pci_bus;
    uint32_t pci_device;
    uint32_t pci_function;
    uint32_t pci_device_id;
    uint32_t pci_subsystem_id;
    uint32_t architecture; /* NVML's number */
    uint32_t compute_major;
    uint32_t compute_minor;
    uint32_t minor_number;
    uint64_t memory_bytes;
    double temperature_c; /* at idle; rises with power */
    double celsius_per_w;

    /* limits and clocks; limit_max_w 0: no power limit */
    double limit_min_w;
    double limit_max_w;
    double limit_default_w;
    uint32_t core_max_mhz; /* 0: clocks not supported */
    uint32_t core_min_mhz;
    double core_step_mhz;
    uint32_t core_idle_mhz;
    uint32_t memory_clock_count;
    uint32_t memory_mhz[SIM_MEMORY_CLOCKS]; /* descending */
    uint32_t has_persistence;
    uint32_t has_lock; /* locked clocks can be set */

    /* announced work: seconds of a unit = (compute / core share + (1 - compute) / memory share) /
     * units_per_s */
    double units_per_s;
    double compute_share;

    /* MIG */
    uint32_t mig_capable;
    uint32_t mig_enabled;
    uint32_t mig_count;
    struct sim_mig mig[SIM_MIG_MAX];

    /* RAPL */
    uint32_t zone; /* number in intel-rapl:N */
    uint32_t package;
    uint32_t die; /* SIM_NONE: single-die naming */
    uint32_t cpu_first;
    uint32_t cpu_count;

    /* truths, sensors and counters */
    uint32_t first_channel;
    uint32_t channel_count;
    uint32_t sensor_count;
    uint32_t counter_count;
    struct sim_sensor sensors[SIM_DEVICE_SENSORS];
    struct sim_counter counters[SIM_DEVICE_COUNTERS];
    uint32_t first_attr; /* text attributes, see sim_attr() */
    uint32_t attr_count;

    struct sim_live live;
};

/* Any key of the node file with a vendor prefix ("amd.hip_id", "nvml.brand") is kept as text. */
struct sim_attr_text {
    char key[40];
    char value[SIM_TEXT_SIZE];
};

struct sim_fault {
    uint32_t device; /* SIM_NONE: any */
    uint32_t effect; /* enum sim_effect */
    int32_t code;    /* ZEUS_E..., for SIM_EFFECT_ERROR */
    uint32_t reserved;
    int64_t from_ns;
    int64_t until_ns;
    int64_t value_ns;  /* length of a stall */
    char library[16];  /* "nvml", "amdsmi", or empty: any */
    char function[64]; /* empty: any; may end in '*'; for MISSING the symbol, for VANISH the file */
};

#endif /* ZEUS_SIM_LAYOUT_H */
