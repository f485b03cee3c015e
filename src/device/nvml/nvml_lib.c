/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libnvidia-ml and translating its codes. The symbol table lists older names before newer
 * ones; the newest that the driver exports wins. Process lists keep their versions apart because
 * their entries differ in size.
 */
#include "device/nvml/nvml_lib.h"

#include "base/dl.h"
#include "base/err.h"
#include "base/macro.h"

#define SYMBOL(member, name)        DL_OPTIONAL(struct nvml_lib, member, "nvml" name)
#define SYMBOL_OR(member, new, old) DL_OPTIONAL_OR(struct nvml_lib, member, "nvml" new, "nvml" old)
#define REQUIRED_OR(member, new, old) \
    DL_REQUIRED_OR(struct nvml_lib, member, "nvml" new, "nvml" old)

static const struct dl_symbol symbols[] = {
    REQUIRED_OR(init, "Init_v2", "Init"),
    REQUIRED_OR(device_count, "DeviceGetCount_v2", "DeviceGetCount"),
    REQUIRED_OR(handle_by_index, "DeviceGetHandleByIndex_v2", "DeviceGetHandleByIndex"),
    SYMBOL(error_string, "ErrorString"),
    SYMBOL(driver_version, "SystemGetDriverVersion"),
    SYMBOL(name, "DeviceGetName"),
    SYMBOL(uuid, "DeviceGetUUID"),
    SYMBOL(pci_info, "DeviceGetPciInfo"),
    SYMBOL_OR(pci_info, "DeviceGetPciInfo_v3", "DeviceGetPciInfo_v2"),
    SYMBOL(architecture, "DeviceGetArchitecture"),
    SYMBOL(compute_capability, "DeviceGetCudaComputeCapability"),
    SYMBOL(max_clock, "DeviceGetMaxClockInfo"),
    SYMBOL(total_energy, "DeviceGetTotalEnergyConsumption"),
    SYMBOL(field_values, "DeviceGetFieldValues"),
    SYMBOL(temperature_v, "DeviceGetTemperatureV"),
    SYMBOL(temperature, "DeviceGetTemperature"),
    SYMBOL(utilization, "DeviceGetUtilizationRates"),
    SYMBOL(memory, "DeviceGetMemoryInfo"),
    SYMBOL(clock, "DeviceGetClockInfo"),
    SYMBOL_OR(throttle, "DeviceGetCurrentClocksEventReasons",
              "DeviceGetCurrentClocksThrottleReasons"),
    SYMBOL(compute_processes_v3, "DeviceGetComputeRunningProcesses_v3"),
    SYMBOL(compute_processes_v2, "DeviceGetComputeRunningProcesses_v2"),
    SYMBOL(compute_processes, "DeviceGetComputeRunningProcesses"),
    SYMBOL(graphics_processes_v3, "DeviceGetGraphicsRunningProcesses_v3"),
    SYMBOL(graphics_processes_v2, "DeviceGetGraphicsRunningProcesses_v2"),
    SYMBOL(graphics_processes, "DeviceGetGraphicsRunningProcesses"),
    SYMBOL(limit, "DeviceGetPowerManagementLimit"),
    SYMBOL(default_limit, "DeviceGetPowerManagementDefaultLimit"),
    SYMBOL(limit_constraints, "DeviceGetPowerManagementLimitConstraints"),
    SYMBOL(set_limit, "DeviceSetPowerManagementLimit"),
    SYMBOL(persistence, "DeviceGetPersistenceMode"),
    SYMBOL(set_persistence, "DeviceSetPersistenceMode"),
    SYMBOL(memory_clocks, "DeviceGetSupportedMemoryClocks"),
    SYMBOL(graphics_clocks, "DeviceGetSupportedGraphicsClocks"),
    SYMBOL(lock_graphics, "DeviceSetGpuLockedClocks"),
    SYMBOL(lock_memory, "DeviceSetMemoryLockedClocks"),
    SYMBOL(unlock_graphics, "DeviceResetGpuLockedClocks"),
    SYMBOL(unlock_memory, "DeviceResetMemoryLockedClocks"),
    SYMBOL(mig_mode, "DeviceGetMigMode"),
    SYMBOL(mig_max_count, "DeviceGetMaxMigDeviceCount"),
    SYMBOL(mig_handle, "DeviceGetMigDeviceHandleByIndex"),
    SYMBOL(gpu_instance_id, "DeviceGetGpuInstanceId"),
    SYMBOL(compute_instance_id, "DeviceGetComputeInstanceId"),
};

int nvml_lib_load(struct nvml_lib *ret_lib, zeus_error *err)
{
    void *handle = NULL;
    if (dl_open("libnvidia-ml.so.1", &handle, NULL) < 0 &&
        dl_open("libnvidia-ml.so", &handle, NULL) < 0) {
        return err_set(err, ZEUS_ENOLIB, "neither libnvidia-ml.so.1 nor libnvidia-ml.so loads");
    }
    struct nvml_lib lib = {0};
    int r = dl_load(handle, symbols, ARRAY_LEN(symbols), &lib, err);
    if (r < 0) {
        return r;
    }
    *ret_lib = lib;
    return 0;
}

struct code_row {
    nvml_code code;
    int error;
    const char *text;
};

static const struct code_row code_rows[] = {
    {NVML_SUCCESS, 0, "Success"},
    {NVML_UNINITIALIZED, ZEUS_EINIT, "Uninitialized"},
    {NVML_INVALID_ARGUMENT, ZEUS_EINVAL, "Invalid Argument"},
    {NVML_NOT_SUPPORTED, ZEUS_ENOTSUP, "Not Supported"},
    {NVML_NO_PERMISSION, ZEUS_EPERM, "Insufficient Permissions"},
    {NVML_ALREADY_INITIALIZED, ZEUS_EALREADY, "Already Initialized"},
    {NVML_NOT_FOUND, ZEUS_ENOTFOUND, "Not Found"},
    {NVML_INSUFFICIENT_SIZE, ZEUS_ETOOSMALL, "Insufficient Size"},
    {NVML_INSUFFICIENT_POWER, ZEUS_ENOPOWER, "Insufficient External Power"},
    {NVML_DRIVER_NOT_LOADED, ZEUS_ENODRIVER, "Driver Not Loaded"},
    {NVML_TIMEOUT, ZEUS_ETIMEOUT, "Timeout"},
    {NVML_IRQ_ISSUE, ZEUS_EIRQ, "Interrupt Request Issue"},
    {NVML_LIBRARY_NOT_FOUND, ZEUS_ENOLIB, "NVML Shared Library Not Found"},
    {NVML_FUNCTION_NOT_FOUND, ZEUS_ENOSYM, "Function Not Found"},
    {NVML_CORRUPTED_INFOROM, ZEUS_EINFOROM, "Corrupted infoROM"},
    {NVML_GPU_IS_LOST, ZEUS_EDEVLOST, "GPU is lost"},
    {NVML_RESET_REQUIRED, ZEUS_ERESETREQ, "GPU requires reset"},
    {NVML_OPERATING_SYSTEM, ZEUS_EOS, "GPU access blocked by the operating system"},
    {NVML_LIB_RM_VERSION_MISMATCH, ZEUS_EVERSION, "Driver/library version mismatch"},
    {NVML_IN_USE, ZEUS_EBUSY, "In use by another client"},
    {NVML_MEMORY, ZEUS_ENOMEM, "Insufficient Memory"},
    {NVML_NO_DATA, ZEUS_EAGAIN, "No data"},
    {NVML_VGPU_ECC_NOT_SUPPORTED, ZEUS_ENOTSUP, "Not supported on vGPU with ECC"},
    {NVML_INSUFFICIENT_RESOURCES, ZEUS_ELIMIT, "Insufficient Resources"},
    {NVML_FREQ_NOT_SUPPORTED, ZEUS_ERANGE, "Frequency Not Supported"},
    {NVML_ARGUMENT_VERSION_MISMATCH, ZEUS_EVERSION, "Argument Version Mismatch"},
    {NVML_DEPRECATED, ZEUS_ENOTSUP, "Deprecated"},
    {NVML_NOT_READY, ZEUS_EAGAIN, "Not Ready"},
    {NVML_GPU_NOT_FOUND, ZEUS_ENOTFOUND, "No GPUs Found"},
    {NVML_INVALID_STATE, ZEUS_ESTATE, "Invalid State"},
    {NVML_RESET_TYPE_NOT_SUPPORTED, ZEUS_ENOTSUP, "Reset Type Not Supported"},
    {NVML_UNKNOWN, ZEUS_EUNKNOWN, "Unknown Error"},
};

static const struct code_row *find_code(nvml_code code)
{
    for (size_t i = 0; i < ARRAY_LEN(code_rows); i++) {
        if (code_rows[i].code == code) {
            return &code_rows[i];
        }
    }
    return NULL;
}

int nvml_code_to_error(nvml_code code)
{
    const struct code_row *row = find_code(code);
    return row ? row->error : ZEUS_EUNKNOWN;
}

const char *nvml_code_text(const struct nvml_lib *lib, nvml_code code)
{
    const char *text = lib->error_string ? lib->error_string(code) : NULL;
    if (text && *text) {
        return text;
    }
    const struct code_row *row = find_code(code);
    return row ? row->text : "unlisted NVML code";
}

int nvml_code_is_definitive(nvml_code code)
{
    return code == NVML_NOT_SUPPORTED || code == NVML_INVALID_ARGUMENT ||
           code == NVML_FUNCTION_NOT_FOUND || code == NVML_DEPRECATED;
}
