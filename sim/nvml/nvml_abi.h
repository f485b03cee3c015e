/* SPDX-License-Identifier: Apache-2.0
 *
 * NVML's ABI as far as the simulated library answers it: codes, layouts, prototypes. Written from
 * the documented interface; sizes are asserted because programs were compiled against them.
 */
#ifndef ZEUS_SIM_NVML_ABI_H
#define ZEUS_SIM_NVML_ABI_H

#include <stdint.h>

typedef struct nvml_handle *nvmlDevice_t;
typedef uint32_t nvmlReturn_t;

enum {
    NVML_SUCCESS = 0,
    NVML_UNINITIALIZED = 1,
    NVML_INVALID_ARGUMENT = 2,
    NVML_NOT_SUPPORTED = 3,
    NVML_NO_PERMISSION = 4,
    NVML_ALREADY_INITIALIZED = 5,
    NVML_NOT_FOUND = 6,
    NVML_INSUFFICIENT_SIZE = 7,
    NVML_INSUFFICIENT_POWER = 8,
    NVML_DRIVER_NOT_LOADED = 9,
    NVML_TIMEOUT = 10,
    NVML_IRQ_ISSUE = 11,
    NVML_LIBRARY_NOT_FOUND = 12,
    NVML_FUNCTION_NOT_FOUND = 13,
    NVML_CORRUPTED_INFOROM = 14,
    NVML_GPU_IS_LOST = 15,
    NVML_RESET_REQUIRED = 16,
    NVML_OPERATING_SYSTEM = 17,
    NVML_LIB_RM_VERSION_MISMATCH = 18,
    NVML_IN_USE = 19,
    NVML_MEMORY = 20,
    NVML_NO_DATA = 21,
    NVML_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_UNKNOWN = 999,
};

enum { NVML_CLOCK_GRAPHICS, NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_CLOCK_VIDEO };
enum { NVML_SCOPE_GPU, NVML_SCOPE_MODULE, NVML_SCOPE_MEMORY };
enum { NVML_VALUE_UINT = 1, NVML_VALUE_ULL = 3 };

enum {
    NVML_FI_TOTAL_ENERGY = 83,
    NVML_FI_POWER_AVERAGE = 185,
    NVML_FI_POWER_INSTANT = 186,
    NVML_FI_POWER_MIN_LIMIT = 187,
    NVML_FI_POWER_MAX_LIMIT = 188,
    NVML_FI_POWER_DEFAULT_LIMIT = 189,
    NVML_FI_POWER_CURRENT_LIMIT = 190,
    NVML_FI_ENERGY = 191,
    NVML_FI_POWER_REQUESTED_LIMIT = 192,
};

typedef struct {
    char busIdLegacy[16];
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t pciDeviceId;
    uint32_t pciSubSystemId;
    char busId[32];
} nvmlPciInfo_t;
_Static_assert(sizeof(nvmlPciInfo_t) == 68, "nvmlPciInfo_t");

typedef struct {
    char busId[16];
    uint32_t domain;
    uint32_t bus;
    uint32_t device;
    uint32_t pciDeviceId;
    uint32_t pciSubSystemId;
    uint32_t reserved[4];
} nvmlPciInfo_v2_t;
_Static_assert(sizeof(nvmlPciInfo_v2_t) == 52, "nvmlPciInfo_v2_t");

typedef struct {
    uint32_t gpu;
    uint32_t memory;
} nvmlUtilization_t;

typedef struct {
    uint64_t total;
    uint64_t free;
    uint64_t used;
} nvmlMemory_t;
_Static_assert(sizeof(nvmlMemory_t) == 24, "nvmlMemory_t");

typedef struct {
    uint32_t version;
    uint64_t total;
    uint64_t reserved;
    uint64_t free;
    uint64_t used;
} nvmlMemory_v2_t;
_Static_assert(sizeof(nvmlMemory_v2_t) == 40, "nvmlMemory_v2_t");
#define NVML_MEMORY_V2 0x02000028u

typedef struct {
    uint32_t pid;
    uint64_t usedGpuMemory;
} nvmlProcessInfo_v1_t;
_Static_assert(sizeof(nvmlProcessInfo_v1_t) == 16, "nvmlProcessInfo_v1_t");

typedef struct {
    uint32_t pid;
    uint64_t usedGpuMemory;
    uint32_t gpuInstanceId;
    uint32_t computeInstanceId;
} nvmlProcessInfo_t;
_Static_assert(sizeof(nvmlProcessInfo_t) == 24, "nvmlProcessInfo_t");

typedef struct {
    uint32_t fieldId;
    uint32_t scopeId;
    int64_t timestamp;
    int64_t latencyUsec;
    uint32_t valueType;
    uint32_t nvmlReturn;
    union {
        double dVal;
        int32_t siVal;
        uint32_t uiVal;
        uint64_t ullVal;
        int64_t sllVal;
        uint16_t usVal;
    } value;
} nvmlFieldValue_t;
_Static_assert(sizeof(nvmlFieldValue_t) == 40, "nvmlFieldValue_t");

typedef struct {
    uint32_t version;
    uint32_t sensorType;
    int32_t temperature;
} nvmlTemperature_t;
_Static_assert(sizeof(nvmlTemperature_t) == 12, "nvmlTemperature_t");
#define NVML_TEMPERATURE_V1 0x0100000Cu

typedef struct {
    uint32_t version;
    uint32_t powerScope;
    uint32_t powerValueMw;
} nvmlPowerValue_v2_t;
_Static_assert(sizeof(nvmlPowerValue_v2_t) == 12, "nvmlPowerValue_v2_t");
#define NVML_POWER_VALUE_V2 0x0200000Cu

typedef struct {
    uint32_t multiprocessorCount;
    uint32_t sharedCopyEngineCount;
    uint32_t sharedDecoderCount;
    uint32_t sharedEncoderCount;
    uint32_t sharedJpegCount;
    uint32_t sharedOfaCount;
    uint32_t gpuInstanceSliceCount;
    uint32_t computeInstanceSliceCount;
    uint64_t memorySizeMB;
} nvmlDeviceAttributes_t;
_Static_assert(sizeof(nvmlDeviceAttributes_t) == 40, "nvmlDeviceAttributes_t");

/* The library exports exactly these (nvml.map). X(name, parameters) */
#define NVML_FUNCTIONS(X)                                                                          \
    X(nvmlInit, (void))                                                                            \
    X(nvmlInit_v2, (void))                                                                         \
    X(nvmlInitWithFlags, (uint32_t flags))                                                         \
    X(nvmlShutdown, (void))                                                                        \
    X(nvmlSystemGetDriverVersion, (char *text, uint32_t length))                                   \
    X(nvmlSystemGetNVMLVersion, (char *text, uint32_t length))                                     \
    X(nvmlSystemGetCudaDriverVersion, (int *version))                                              \
    X(nvmlSystemGetCudaDriverVersion_v2, (int *version))                                           \
    X(nvmlSystemGetProcessName, (uint32_t pid, char *name, uint32_t length))                       \
    X(nvmlUnitGetCount, (uint32_t * count))                                                        \
    X(nvmlDeviceGetCount, (uint32_t * count))                                                      \
    X(nvmlDeviceGetCount_v2, (uint32_t * count))                                                   \
    X(nvmlDeviceGetHandleByIndex, (uint32_t index, nvmlDevice_t * device))                         \
    X(nvmlDeviceGetHandleByIndex_v2, (uint32_t index, nvmlDevice_t * device))                      \
    X(nvmlDeviceGetHandleByUUID, (const char *uuid, nvmlDevice_t *device))                         \
    X(nvmlDeviceGetHandleBySerial, (const char *serial, nvmlDevice_t *device))                     \
    X(nvmlDeviceGetHandleByPciBusId, (const char *id, nvmlDevice_t *device))                       \
    X(nvmlDeviceGetHandleByPciBusId_v2, (const char *id, nvmlDevice_t *device))                    \
    X(nvmlDeviceGetName, (nvmlDevice_t device, char *name, uint32_t length))                       \
    X(nvmlDeviceGetUUID, (nvmlDevice_t device, char *uuid, uint32_t length))                       \
    X(nvmlDeviceGetSerial, (nvmlDevice_t device, char *serial, uint32_t length))                   \
    X(nvmlDeviceGetVbiosVersion, (nvmlDevice_t device, char *text, uint32_t length))               \
    X(nvmlDeviceGetIndex, (nvmlDevice_t device, uint32_t * index))                                 \
    X(nvmlDeviceGetMinorNumber, (nvmlDevice_t device, uint32_t * minor))                           \
    X(nvmlDeviceGetBrand, (nvmlDevice_t device, uint32_t * brand))                                 \
    X(nvmlDeviceGetPciInfo, (nvmlDevice_t device, nvmlPciInfo_v2_t * pci))                         \
    X(nvmlDeviceGetPciInfo_v2, (nvmlDevice_t device, nvmlPciInfo_v2_t * pci))                      \
    X(nvmlDeviceGetPciInfo_v3, (nvmlDevice_t device, nvmlPciInfo_t * pci))                         \
    X(nvmlDeviceGetArchitecture, (nvmlDevice_t device, uint32_t * architecture))                   \
    X(nvmlDeviceGetCudaComputeCapability, (nvmlDevice_t device, int *major, int *minor))           \
    X(nvmlDeviceGetTotalEnergyConsumption, (nvmlDevice_t device, unsigned long long *mj))          \
    X(nvmlDeviceGetPowerUsage, (nvmlDevice_t device, uint32_t * mw))                               \
    X(nvmlDeviceGetFieldValues, (nvmlDevice_t device, int count, nvmlFieldValue_t *values))        \
    X(nvmlDeviceGetPowerManagementMode, (nvmlDevice_t device, uint32_t * mode))                    \
    X(nvmlDeviceGetPowerManagementLimit, (nvmlDevice_t device, uint32_t * mw))                     \
    X(nvmlDeviceGetPowerManagementLimitConstraints,                                                \
      (nvmlDevice_t device, uint32_t * min_mw, uint32_t * max_mw))                                 \
    X(nvmlDeviceGetPowerManagementDefaultLimit, (nvmlDevice_t device, uint32_t * mw))              \
    X(nvmlDeviceGetEnforcedPowerLimit, (nvmlDevice_t device, uint32_t * mw))                       \
    X(nvmlDeviceSetPowerManagementLimit, (nvmlDevice_t device, uint32_t mw))                       \
    X(nvmlDeviceSetPowerManagementLimit_v2, (nvmlDevice_t device, nvmlPowerValue_v2_t * value))    \
    X(nvmlDeviceGetPersistenceMode, (nvmlDevice_t device, uint32_t * mode))                        \
    X(nvmlDeviceSetPersistenceMode, (nvmlDevice_t device, uint32_t mode))                          \
    X(nvmlDeviceGetSupportedMemoryClocks, (nvmlDevice_t device, uint32_t * count, uint32_t * mhz)) \
    X(nvmlDeviceGetSupportedGraphicsClocks,                                                        \
      (nvmlDevice_t device, uint32_t memory_mhz, uint32_t * count, uint32_t * mhz))                \
    X(nvmlDeviceSetGpuLockedClocks, (nvmlDevice_t device, uint32_t min, uint32_t max))             \
    X(nvmlDeviceResetGpuLockedClocks, (nvmlDevice_t device))                                       \
    X(nvmlDeviceSetMemoryLockedClocks, (nvmlDevice_t device, uint32_t min, uint32_t max))          \
    X(nvmlDeviceResetMemoryLockedClocks, (nvmlDevice_t device))                                    \
    X(nvmlDeviceGetClockInfo, (nvmlDevice_t device, uint32_t type, uint32_t * mhz))                \
    X(nvmlDeviceGetMaxClockInfo, (nvmlDevice_t device, uint32_t type, uint32_t * mhz))             \
    X(nvmlDeviceGetClock, (nvmlDevice_t device, uint32_t type, uint32_t id, uint32_t * mhz))       \
    X(nvmlDeviceGetTemperature, (nvmlDevice_t device, uint32_t sensor, uint32_t * celsius))        \
    X(nvmlDeviceGetTemperatureV, (nvmlDevice_t device, nvmlTemperature_t * temperature))           \
    X(nvmlDeviceGetUtilizationRates, (nvmlDevice_t device, nvmlUtilization_t * rates))             \
    X(nvmlDeviceGetCurrentClocksEventReasons, (nvmlDevice_t device, unsigned long long *reasons))  \
    X(nvmlDeviceGetCurrentClocksThrottleReasons,                                                   \
      (nvmlDevice_t device, unsigned long long *reasons))                                          \
    X(nvmlDeviceGetPerformanceState, (nvmlDevice_t device, uint32_t * state))                      \
    X(nvmlDeviceGetMemoryInfo, (nvmlDevice_t device, nvmlMemory_t * memory))                       \
    X(nvmlDeviceGetMemoryInfo_v2, (nvmlDevice_t device, nvmlMemory_v2_t * memory))                 \
    X(nvmlDeviceGetComputeRunningProcesses,                                                        \
      (nvmlDevice_t device, uint32_t * count, nvmlProcessInfo_v1_t * infos))                       \
    X(nvmlDeviceGetComputeRunningProcesses_v2,                                                     \
      (nvmlDevice_t device, uint32_t * count, nvmlProcessInfo_t * infos))                          \
    X(nvmlDeviceGetComputeRunningProcesses_v3,                                                     \
      (nvmlDevice_t device, uint32_t * count, nvmlProcessInfo_t * infos))                          \
    X(nvmlDeviceGetGraphicsRunningProcesses,                                                       \
      (nvmlDevice_t device, uint32_t * count, nvmlProcessInfo_v1_t * infos))                       \
    X(nvmlDeviceGetGraphicsRunningProcesses_v2,                                                    \
      (nvmlDevice_t device, uint32_t * count, nvmlProcessInfo_t * infos))                          \
    X(nvmlDeviceGetGraphicsRunningProcesses_v3,                                                    \
      (nvmlDevice_t device, uint32_t * count, nvmlProcessInfo_t * infos))                          \
    X(nvmlDeviceGetMigMode, (nvmlDevice_t device, uint32_t * current, uint32_t * pending))         \
    X(nvmlDeviceGetMaxMigDeviceCount, (nvmlDevice_t device, uint32_t * count))                     \
    X(nvmlDeviceGetMigDeviceHandleByIndex,                                                         \
      (nvmlDevice_t device, uint32_t index, nvmlDevice_t * mig))                                   \
    X(nvmlDeviceGetGpuInstanceId, (nvmlDevice_t device, uint32_t * id))                            \
    X(nvmlDeviceGetComputeInstanceId, (nvmlDevice_t device, uint32_t * id))                        \
    X(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, (nvmlDevice_t mig, nvmlDevice_t * device))     \
    X(nvmlDeviceIsMigDeviceHandle, (nvmlDevice_t device, uint32_t * is_mig))                       \
    X(nvmlDeviceGetAttributes, (nvmlDevice_t device, nvmlDeviceAttributes_t * attributes))         \
    X(nvmlDeviceGetAttributes_v2, (nvmlDevice_t device, nvmlDeviceAttributes_t * attributes))

#define NVML_EXPORT                    __attribute__((visibility("default")))
#define NVML_DECLARE(name, parameters) NVML_EXPORT nvmlReturn_t name parameters;
NVML_FUNCTIONS(NVML_DECLARE)
#undef NVML_DECLARE
NVML_EXPORT const char *nvmlErrorString(nvmlReturn_t code);

#endif /* ZEUS_SIM_NVML_ABI_H */
