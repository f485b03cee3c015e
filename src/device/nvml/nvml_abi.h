/* SPDX-License-Identifier: Apache-2.0
 *
 * The binary interface of libnvidia-ml as far as we call it: our own declarations of the few
 * structs and constants, with their sizes and offsets asserted. The library's functions take
 * handles, plain numbers and these structs; a struct that carries a version word is checked by the
 * library against its size, the others are a matter of trust between the symbol's version suffix
 * and the layout.
 */
#ifndef ZEUS_DEVICE_NVML_NVML_ABI_H
#define ZEUS_DEVICE_NVML_NVML_ABI_H

#include <stddef.h>
#include <stdint.h>

typedef struct nvml_opaque *nvml_handle;
typedef unsigned int nvml_code; /* nvmlReturn_t */

/* nvmlReturn_t. */
#define NVML_SUCCESS                   0u
#define NVML_UNINITIALIZED             1u
#define NVML_INVALID_ARGUMENT          2u
#define NVML_NOT_SUPPORTED             3u
#define NVML_NO_PERMISSION             4u
#define NVML_ALREADY_INITIALIZED       5u
#define NVML_NOT_FOUND                 6u
#define NVML_INSUFFICIENT_SIZE         7u
#define NVML_INSUFFICIENT_POWER        8u
#define NVML_DRIVER_NOT_LOADED         9u
#define NVML_TIMEOUT                   10u
#define NVML_IRQ_ISSUE                 11u
#define NVML_LIBRARY_NOT_FOUND         12u
#define NVML_FUNCTION_NOT_FOUND        13u
#define NVML_CORRUPTED_INFOROM         14u
#define NVML_GPU_IS_LOST               15u
#define NVML_RESET_REQUIRED            16u
#define NVML_OPERATING_SYSTEM          17u
#define NVML_LIB_RM_VERSION_MISMATCH   18u
#define NVML_IN_USE                    19u
#define NVML_MEMORY                    20u
#define NVML_NO_DATA                   21u
#define NVML_VGPU_ECC_NOT_SUPPORTED    22u
#define NVML_INSUFFICIENT_RESOURCES    23u
#define NVML_FREQ_NOT_SUPPORTED        24u
#define NVML_ARGUMENT_VERSION_MISMATCH 25u
#define NVML_DEPRECATED                26u
#define NVML_NOT_READY                 27u
#define NVML_GPU_NOT_FOUND             28u
#define NVML_INVALID_STATE             29u
#define NVML_RESET_TYPE_NOT_SUPPORTED  30u
#define NVML_UNKNOWN                   999u

/* nvmlDeviceArchitecture_t. */
#define NVML_ARCH_KEPLER    2u
#define NVML_ARCH_MAXWELL   3u
#define NVML_ARCH_PASCAL    4u
#define NVML_ARCH_VOLTA     5u
#define NVML_ARCH_TURING    6u
#define NVML_ARCH_AMPERE    7u
#define NVML_ARCH_ADA       8u
#define NVML_ARCH_HOPPER    9u
#define NVML_ARCH_BLACKWELL 10u
#define NVML_ARCH_RUBIN     13u
#define NVML_ARCH_UNKNOWN   0xffffffffu

/* Field ids and scopes of nvmlDeviceGetFieldValues. */
#define NVML_FIELD_POWER_AVERAGE 185u
#define NVML_FIELD_POWER_INSTANT 186u
#define NVML_SCOPE_GPU           0u
#define NVML_SCOPE_MODULE        1u
#define NVML_SCOPE_MEMORY        2u

/* nvmlValueType_t. */
#define NVML_VALUE_DOUBLE 0u
#define NVML_VALUE_UINT   1u
#define NVML_VALUE_ULONG  2u
#define NVML_VALUE_ULLONG 3u
#define NVML_VALUE_SLLONG 4u
#define NVML_VALUE_SINT   5u
#define NVML_VALUE_USHORT 6u

/* nvmlClockType_t and nvmlTemperatureSensors_t. */
#define NVML_CLOCK_GRAPHICS 0u
#define NVML_CLOCK_MEM      2u
#define NVML_SENSOR_GPU     0u

#define NVML_ENABLED 1u /* nvmlEnableState_t */

#define NVML_NAME_SIZE   96u
#define NVML_UUID_SIZE   96u
#define NVML_DRIVER_SIZE 80u

struct nvml_field_value {
    uint32_t field_id;
    uint32_t scope_id;
    int64_t timestamp_us;
    int64_t latency_us;
    uint32_t value_type;
    nvml_code code; /* each value has its own result */
    union {
        double d;
        uint32_t ui;
        unsigned long ul;
        uint64_t ull;
        int64_t sll;
        int32_t si;
        uint16_t us;
    } value;
};
_Static_assert(sizeof(struct nvml_field_value) == 40, "nvmlFieldValue_t");
_Static_assert(offsetof(struct nvml_field_value, scope_id) == 4, "nvmlFieldValue_t");
_Static_assert(offsetof(struct nvml_field_value, timestamp_us) == 8, "nvmlFieldValue_t");
_Static_assert(offsetof(struct nvml_field_value, value_type) == 24, "nvmlFieldValue_t");
_Static_assert(offsetof(struct nvml_field_value, code) == 28, "nvmlFieldValue_t");
_Static_assert(offsetof(struct nvml_field_value, value) == 32, "nvmlFieldValue_t");

/* nvmlPciInfo_t of _v3. The structs of _v2 and of the first version end after `sub_system_id` and
 * 16 reserved bytes: the same fields at the same places, so one buffer of this size serves all. */
struct nvml_pci_info {
    char bus_id_legacy[16];
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t device_id;
    uint32_t sub_system_id;
    char bus_id[32];
};
_Static_assert(sizeof(struct nvml_pci_info) == 68, "nvmlPciInfo_t");
_Static_assert(offsetof(struct nvml_pci_info, domain) == 16, "nvmlPciInfo_t");
_Static_assert(offsetof(struct nvml_pci_info, device) == 24, "nvmlPciInfo_t");
_Static_assert(offsetof(struct nvml_pci_info, bus_id) == 36, "nvmlPciInfo_t");

/* Entry of the process lists. The first version ends after the memory (16 bytes); _v2 and _v3 end
 * after the instance ids (24 bytes), except that drivers 535.43 to 535.86 fill _v3 with 32 bytes.
 */
struct nvml_process_info {
    uint32_t pid;
    uint64_t used_memory_bytes; /* all ones: not available */
    uint32_t gpu_instance;
    uint32_t compute_instance;
    uint64_t protected_memory_bytes;
};
_Static_assert(offsetof(struct nvml_process_info, used_memory_bytes) == 8, "nvmlProcessInfo_t");
_Static_assert(offsetof(struct nvml_process_info, gpu_instance) == 16, "nvmlProcessInfo_t");
_Static_assert(sizeof(struct nvml_process_info) == 32, "nvmlProcessInfo_t");
#define NVML_PROCESS_SIZE_V1       16u
#define NVML_PROCESS_SIZE_V2       24u
#define NVML_PROCESS_SIZE_V3_EARLY 32u

struct nvml_temperature {
    uint32_t version; /* NVML_TEMPERATURE_V1 */
    uint32_t sensor;
    int32_t temperature_c;
};
_Static_assert(sizeof(struct nvml_temperature) == 12, "nvmlTemperature_v1_t");
#define NVML_TEMPERATURE_V1 ((uint32_t)sizeof(struct nvml_temperature) | 1u << 24)

struct nvml_utilization {
    uint32_t gpu_pct;
    uint32_t memory_pct;
};
_Static_assert(sizeof(struct nvml_utilization) == 8, "nvmlUtilization_t");

/* The first version, which every driver has; `used` includes what the driver keeps. */
struct nvml_memory {
    unsigned long long total_bytes;
    unsigned long long free_bytes;
    unsigned long long used_bytes;
};
_Static_assert(sizeof(struct nvml_memory) == 24, "nvmlMemory_t");

#endif /* ZEUS_DEVICE_NVML_NVML_ABI_H */
