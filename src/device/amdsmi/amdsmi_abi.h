/* SPDX-License-Identifier: Apache-2.0
 *
 * AMD SMI's binary interface, as much of it as Zeus touches: constants, structures of the three
 * generations that are in the field (soname numbers 24, 25 and 26: ROCm 6.3, 6.4 and 7.x), function
 * types. Written from the interface's documented layout; the assertions below are the proof that a
 * structure has the size and offsets that the vendor's library uses. Only LP64 machines exist here.
 */
#ifndef ZEUS_DEVICE_AMDSMI_AMDSMI_ABI_H
#define ZEUS_DEVICE_AMDSMI_AMDSMI_ABI_H

#include <stddef.h>
#include <stdint.h>

/* The generations, newest first where order matters. */
#define AMDSMI_ABI_24 24u
#define AMDSMI_ABI_25 25u
#define AMDSMI_ABI_26 26u

#define AMDSMI_INIT_FLAG_GPUS 2u

/* Status codes that the code tests for; all of them are in amdsmi_status.c. */
#define AMDSMI_OK               0u
#define AMDSMI_INVALID          1u
#define AMDSMI_NOT_SUPPORTED    2u
#define AMDSMI_NO_PERM          10u
#define AMDSMI_OUT_OF_RESOURCES 15u
#define AMDSMI_NOT_FOUND        31u
#define AMDSMI_NOT_INIT         32u
#define AMDSMI_SMALL_BUFFER     41u

#define AMDSMI_CLOCK_GFX      0u
#define AMDSMI_CLOCK_MEM      4u
#define AMDSMI_LIMIT_MIN      0u
#define AMDSMI_LIMIT_MAX      1u
#define AMDSMI_PERF_AUTO      0u
#define AMDSMI_TEMP_EDGE      0u
#define AMDSMI_TEMP_HOTSPOT   1u
#define AMDSMI_TEMP_CURRENT   0u
#define AMDSMI_UUID_BYTES     38u
#define AMDSMI_ASIC_BYTES     1024u /* room for any generation's ASIC information */
#define AMDSMI_MARKET_NAME    256u
#define AMDSMI_FREQUENCIES    33u
#define AMDSMI_NA_16          0xFFFFu
#define AMDSMI_NA_32          0xFFFFFFFFu
#define AMDSMI_PERF_UNKNOWN   256u
#define AMDSMI_PROCESSES_HARD 4096u /* more processes than this on one GPU are not asked for */

typedef void *amdsmi_handle;

/* Micro-watts. */
struct amdsmi_abi_power_cap {
    uint64_t power_cap;
    uint64_t default_power_cap;
    uint64_t dpm_cap;
    uint64_t min_power_cap;
    uint64_t max_power_cap;
    uint64_t reserved[3];
};
_Static_assert(sizeof(struct amdsmi_abi_power_cap) == 64, "power cap");
_Static_assert(offsetof(struct amdsmi_abi_power_cap, default_power_cap) == 8, "power cap");
_Static_assert(offsetof(struct amdsmi_abi_power_cap, dpm_cap) == 16, "power cap");
_Static_assert(offsetof(struct amdsmi_abi_power_cap, min_power_cap) == 24, "power cap");
_Static_assert(offsetof(struct amdsmi_abi_power_cap, max_power_cap) == 32, "power cap");

/* MHz. */
struct amdsmi_abi_clock {
    uint32_t clk;
    uint32_t min_clk;
    uint32_t max_clk;
    uint8_t is_locked;
    uint8_t is_deep_sleep;
    uint32_t reserved[4];
};
_Static_assert(sizeof(struct amdsmi_abi_clock) == 32, "clock");
_Static_assert(offsetof(struct amdsmi_abi_clock, max_clk) == 8, "clock");
_Static_assert(offsetof(struct amdsmi_abi_clock, is_locked) == 12, "clock");
_Static_assert(offsetof(struct amdsmi_abi_clock, reserved) == 16, "clock");

/* Powers in watts, voltages in millivolts. */
struct amdsmi_abi_power_24 {
    uint32_t current_socket_power;
    uint32_t average_socket_power;
    uint32_t gfx_voltage;
    uint32_t soc_voltage;
    uint32_t mem_voltage;
    uint32_t power_limit;
    uint32_t reserved[11];
};
_Static_assert(sizeof(struct amdsmi_abi_power_24) == 68, "power, 24");
_Static_assert(offsetof(struct amdsmi_abi_power_24, average_socket_power) == 4, "power, 24");
_Static_assert(offsetof(struct amdsmi_abi_power_24, power_limit) == 20, "power, 24");

struct amdsmi_abi_power_25 {
    uint64_t socket_power;
    uint32_t current_socket_power;
    uint32_t average_socket_power;
    uint32_t gfx_voltage;
    uint32_t soc_voltage;
    uint32_t mem_voltage;
    uint32_t power_limit;
    uint32_t reserved[2];
};
_Static_assert(sizeof(struct amdsmi_abi_power_25) == 40, "power, 25");
_Static_assert(offsetof(struct amdsmi_abi_power_25, current_socket_power) == 8, "power, 25");
_Static_assert(offsetof(struct amdsmi_abi_power_25, average_socket_power) == 12, "power, 25");
_Static_assert(offsetof(struct amdsmi_abi_power_25, power_limit) == 28, "power, 25");

struct amdsmi_abi_power_26 {
    uint64_t socket_power;
    uint32_t current_socket_power;
    uint32_t average_socket_power;
    uint64_t gfx_voltage;
    uint64_t soc_voltage;
    uint64_t mem_voltage;
    uint32_t power_limit;
    uint64_t reserved[18];
};
_Static_assert(sizeof(struct amdsmi_abi_power_26) == 192, "power, 26");
_Static_assert(offsetof(struct amdsmi_abi_power_26, current_socket_power) == 8, "power, 26");
_Static_assert(offsetof(struct amdsmi_abi_power_26, average_socket_power) == 12, "power, 26");
_Static_assert(offsetof(struct amdsmi_abi_power_26, gfx_voltage) == 16, "power, 26");
_Static_assert(offsetof(struct amdsmi_abi_power_26, power_limit) == 40, "power, 26");
_Static_assert(offsetof(struct amdsmi_abi_power_26, reserved) == 48, "power, 26");

/* The library fills as many bytes as its own generation has. */
union amdsmi_abi_power {
    struct amdsmi_abi_power_24 v24;
    struct amdsmi_abi_power_25 v25;
    struct amdsmi_abi_power_26 v26;
};

struct amdsmi_abi_version_24 { /* also 25 */
    uint32_t year;
    uint32_t major;
    uint32_t minor;
    uint32_t release;
    const char *build;
};
_Static_assert(sizeof(struct amdsmi_abi_version_24) == 24, "version, 24");
_Static_assert(offsetof(struct amdsmi_abi_version_24, build) == 16, "version, 24");

struct amdsmi_abi_version_26 {
    uint32_t major;
    uint32_t minor;
    uint32_t release;
    const char *build;
};
_Static_assert(sizeof(struct amdsmi_abi_version_26) == 24, "version, 26");
_Static_assert(offsetof(struct amdsmi_abi_version_26, build) == 16, "version, 26");

union amdsmi_abi_version {
    struct amdsmi_abi_version_24 v24;
    struct amdsmi_abi_version_26 v26;
};

struct amdsmi_abi_asic_24 {
    char market_name[AMDSMI_MARKET_NAME];
    uint32_t vendor_id;
    char vendor_name[64];
    uint32_t subvendor_id;
    uint64_t device_id;
    uint32_t rev_id;
    char asic_serial[32];
    uint32_t oam_id;
    uint32_t compute_units;
    uint64_t target_graphics_version;
    uint32_t reserved[15];
};
_Static_assert(sizeof(struct amdsmi_abi_asic_24) == 456, "asic, 24");
_Static_assert(offsetof(struct amdsmi_abi_asic_24, asic_serial) == 340, "asic, 24");
_Static_assert(offsetof(struct amdsmi_abi_asic_24, target_graphics_version) == 384, "asic, 24");

struct amdsmi_abi_asic_25 { /* 26 has the same, with one reserved word named */
    char market_name[AMDSMI_MARKET_NAME];
    uint32_t vendor_id;
    char vendor_name[256];
    uint32_t subvendor_id;
    uint64_t device_id;
    uint32_t rev_id;
    char asic_serial[256];
    uint32_t oam_id;
    uint32_t compute_units;
    uint64_t target_graphics_version;
    uint32_t subsystem_id;
    uint32_t reserved[21];
};
_Static_assert(sizeof(struct amdsmi_abi_asic_25) == 896, "asic, 25");
_Static_assert(offsetof(struct amdsmi_abi_asic_25, asic_serial) == 532, "asic, 25");
_Static_assert(offsetof(struct amdsmi_abi_asic_25, target_graphics_version) == 800, "asic, 25");

/* More room than any generation needs, so that a longer structure of a later release cannot write
 * past the end. */
union amdsmi_abi_asic {
    struct amdsmi_abi_asic_24 v24;
    struct amdsmi_abi_asic_25 v25;
    uint64_t room[AMDSMI_ASIC_BYTES / 8];
};
_Static_assert(sizeof(union amdsmi_abi_asic) == AMDSMI_ASIC_BYTES, "asic");

struct amdsmi_abi_kfd {
    uint64_t kfd_id;
    uint32_t node_id;
    uint32_t current_partition_id;
    uint32_t reserved[12];
};
_Static_assert(sizeof(struct amdsmi_abi_kfd) == 64, "kfd");
_Static_assert(offsetof(struct amdsmi_abi_kfd, node_id) == 8, "kfd");

/* Since generation 25. */
struct amdsmi_abi_enumeration {
    uint32_t drm_render;
    uint32_t drm_card;
    uint32_t hsa_id;
    uint32_t hip_id;
    char hip_uuid[256];
};
_Static_assert(sizeof(struct amdsmi_abi_enumeration) == 272, "enumeration");
_Static_assert(offsetof(struct amdsmi_abi_enumeration, hip_uuid) == 16, "enumeration");

/* Percent. */
struct amdsmi_abi_engine_usage {
    uint32_t gfx_activity;
    uint32_t umc_activity;
    uint32_t mm_activity;
    uint32_t reserved[13];
};
_Static_assert(sizeof(struct amdsmi_abi_engine_usage) == 64, "engine usage");

/* Mebibytes. The library writes 16 bytes at most; the rest is room should it grow. */
struct amdsmi_abi_vram {
    uint32_t total_mib;
    uint32_t used_mib;
    uint32_t reserved[14];
};
_Static_assert(sizeof(struct amdsmi_abi_vram) == 64, "memory in use");

struct amdsmi_abi_driver_24 {
    char version[64];
    char date[64];
    char name[64];
};
_Static_assert(sizeof(struct amdsmi_abi_driver_24) == 192, "driver, 24");

struct amdsmi_abi_driver_25 { /* also 26 */
    char version[256];
    char date[256];
    char name[256];
};
_Static_assert(sizeof(struct amdsmi_abi_driver_25) == 768, "driver, 25");

union amdsmi_abi_driver {
    struct amdsmi_abi_driver_24 v24;
    struct amdsmi_abi_driver_25 v25;
};

/* Nanoseconds of engine time; bytes of memory. */
struct amdsmi_abi_process_engines {
    uint64_t gfx;
    uint64_t enc;
    uint32_t reserved[12];
};
_Static_assert(sizeof(struct amdsmi_abi_process_engines) == 64, "process engines");

struct amdsmi_abi_process_memory {
    uint64_t gtt_mem;
    uint64_t cpu_mem;
    uint64_t vram_mem;
    uint32_t reserved[10];
};
_Static_assert(sizeof(struct amdsmi_abi_process_memory) == 64, "process memory");

struct amdsmi_abi_process_24 {
    char name[32];
    uint32_t pid;
    uint64_t mem;
    struct amdsmi_abi_process_engines engines;
    struct amdsmi_abi_process_memory memory;
    char container_name[32];
    uint32_t reserved[4];
};
_Static_assert(sizeof(struct amdsmi_abi_process_24) == 224, "process, 24");
_Static_assert(offsetof(struct amdsmi_abi_process_24, pid) == 32, "process, 24");
_Static_assert(offsetof(struct amdsmi_abi_process_24, mem) == 40, "process, 24");

struct amdsmi_abi_process_25 { /* also 26 */
    char name[256];
    uint32_t pid;
    uint64_t mem;
    struct amdsmi_abi_process_engines engines;
    struct amdsmi_abi_process_memory memory;
    char container_name[256];
    uint32_t cu_occupancy;
    uint32_t reserved[11];
};
_Static_assert(sizeof(struct amdsmi_abi_process_25) == 704, "process, 25");
_Static_assert(offsetof(struct amdsmi_abi_process_25, pid) == 256, "process, 25");
_Static_assert(offsetof(struct amdsmi_abi_process_25, mem) == 264, "process, 25");
_Static_assert(offsetof(struct amdsmi_abi_process_25, memory) == 336, "process, 25");

/* The functions. Status and enumerations are 32-bit unsigned numbers. Structures whose layout
 * depends on the generation are passed as void *. */
typedef uint32_t amdsmi_init_fn(uint64_t flags);
typedef uint32_t amdsmi_shut_down_fn(void);
typedef uint32_t amdsmi_sockets_fn(uint32_t *count, amdsmi_handle *handles);
typedef uint32_t amdsmi_processors_fn(amdsmi_handle socket, uint32_t *count,
                                      amdsmi_handle *handles);
typedef uint32_t amdsmi_fill_fn(amdsmi_handle gpu, void *out);
typedef uint32_t amdsmi_bdf_fn(amdsmi_handle gpu, uint64_t *bdf);
typedef uint32_t amdsmi_uuid_fn(amdsmi_handle gpu, uint32_t *length, char *uuid);
typedef uint32_t amdsmi_power_cap_fn(amdsmi_handle gpu, uint32_t sensor,
                                     struct amdsmi_abi_power_cap *out);
typedef uint32_t amdsmi_set_cap_fn(amdsmi_handle gpu, uint32_t sensor, uint64_t cap_uw);
typedef uint32_t amdsmi_energy_fn(amdsmi_handle gpu, uint64_t *accumulator, float *resolution_uj,
                                  uint64_t *timestamp_ns);
typedef uint32_t amdsmi_clock_fn(amdsmi_handle gpu, uint32_t clock, struct amdsmi_abi_clock *out);
typedef uint32_t amdsmi_version_fn(void *out);
typedef uint32_t amdsmi_status_text_fn(uint32_t status, const char **text);
typedef uint32_t amdsmi_clock_limit_fn(amdsmi_handle gpu, uint32_t clock, uint32_t limit,
                                       uint64_t mhz);
typedef uint32_t amdsmi_perf_level_fn(amdsmi_handle gpu, uint32_t level);
typedef uint32_t amdsmi_get_perf_level_fn(amdsmi_handle gpu, uint32_t *level);
typedef uint32_t amdsmi_temp_fn(amdsmi_handle gpu, uint32_t sensor, uint32_t metric, int64_t *c);
typedef uint32_t amdsmi_processes_fn(amdsmi_handle gpu, uint32_t *count, void *list);

#endif /* ZEUS_DEVICE_AMDSMI_AMDSMI_ABI_H */
