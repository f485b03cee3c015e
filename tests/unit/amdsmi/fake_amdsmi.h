/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of functions that behaves like AMD SMI, for tests of the backend: GPUs are records that a
 * test fills, every call can be made to fail, writes of clocks are recorded in order.
 */
#ifndef ZEUS_TESTS_FAKE_AMDSMI_H
#define ZEUS_TESTS_FAKE_AMDSMI_H

#include "device/amdsmi/amdsmi_device.h"

#define FAKE_GPUS   16
#define FAKE_WRITES 32

/* Calls that can be told to fail. */
enum fake_call {
    FAKE_INIT,
    FAKE_VERSION,
    FAKE_SOCKETS,
    FAKE_PROCESSORS,
    FAKE_ASIC,
    FAKE_BDF,
    FAKE_UUID,
    FAKE_ENUMERATION,
    FAKE_KFD,
    FAKE_DRIVER,
    FAKE_POWER,
    FAKE_ENERGY,
    FAKE_CAP,
    FAKE_SET_CAP,
    FAKE_CLOCK,
    FAKE_PERF,
    FAKE_SET_PERF,
    FAKE_TEMPERATURE,
    FAKE_ACTIVITY,
    FAKE_PROCESSES,
    FAKE_CALLS
};

struct fake_write {
    uint32_t clock;
    uint32_t limit;
    uint64_t mhz;
};

struct fake_gpu {
    const char *name;
    const char *serial;
    const char *hip_uuid;
    uint64_t gfx; /* as the generation spells it */
    uint64_t bdf;
    uint32_t hip_id;
    uint32_t node_id;
    uint32_t partition;
    uint32_t current_w;
    uint32_t average_w;
    uint64_t accumulator;
    float resolution_uj;
    struct amdsmi_abi_power_cap cap;
    struct amdsmi_abi_clock clock[2]; /* graphics, memory */
    uint32_t perf_level;
    int64_t hotspot_c;
    int64_t edge_c;
    uint32_t hotspot_status;
    struct amdsmi_abi_engine_usage usage;
    uint32_t process_count;
    uint32_t status[FAKE_CALLS]; /* of this GPU; 0: works */
};

struct fake_amdsmi {
    uint32_t abi;
    uint32_t sockets; /* GPUs are dealt out to them in order, evenly */
    uint32_t gpu_count;
    struct fake_gpu gpus[FAKE_GPUS];
    uint32_t status[FAKE_CALLS]; /* of every GPU */
    uint32_t version[4];         /* year, major, minor, release; 26: from major */
    uint32_t power_status_after; /* returned with the power filled in */
    uint64_t now_ns;
    uint32_t calls[FAKE_CALLS];
    struct fake_write writes[FAKE_WRITES];
    uint32_t write_count;
    uint32_t write_status[FAKE_WRITES]; /* of the n-th clock write */
    uint64_t cap_written_uw;
    int in_driver;     /* calls that are inside now */
    int was_reentered; /* two threads were inside at once */
    int is_slow;       /* stays inside for a while */
};

extern struct fake_amdsmi fake; /* what the functions act on */

/* `count` MI300X of generation `abi`, all in order. */
void fake_reset(uint32_t abi, uint32_t count);
/* A started library on the fake's functions; one user. */
struct amdsmi_lib *fake_lib(void);
/* Discovery over the fake; the list is owned by the caller. */
int fake_discover(struct device_list *list, zeus_finding *ret_finding);
/* Moves time and lets the counter of every GPU run at its current power times `rate`. */
void fake_run(double seconds, double rate);

#endif /* ZEUS_TESTS_FAKE_AMDSMI_H */
