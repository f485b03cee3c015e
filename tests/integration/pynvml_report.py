# SPDX-License-Identifier: Apache-2.0
"""What the public nvidia-ml-py bindings say about every GPU, in the units of gpu_probe."""
import json

import pynvml as n

IDS = {1: "init", 2: "invalid-argument", 3: "not-supported", 4: "no-permission", 6: "not-found",
       13: "function-not-found", 15: "device-lost", 999: "unknown"}


def ask(function, *arguments):
    """The value, or the identifier that Zeus uses for the same error."""
    try:
        return function(*arguments)
    except n.NVMLError as error:
        return IDS.get(error.value, f"nvml-{error.value}")


def scaled(value, factor=1000):
    return value if isinstance(value, str) else value * factor


def field(handle, field_id, scope):
    value = n.nvmlDeviceGetFieldValues(handle, [(field_id, scope)])[0]
    if value.nvmlReturn != 0:
        return IDS.get(value.nvmlReturn, f"nvml-{value.nvmlReturn}")
    return value.value.uiVal * 1000


def slices(handle):
    found = []
    if ask(n.nvmlDeviceGetMigMode, handle) not in ([1, 1], [1, 0]):
        return found
    for i in range(n.nvmlDeviceGetMaxMigDeviceCount(handle)):
        mig = ask(n.nvmlDeviceGetMigDeviceHandleByIndex, handle, i)
        if not isinstance(mig, str):
            found.append({"uuid": n.nvmlDeviceGetUUID(mig), "name": n.nvmlDeviceGetName(mig),
                          "gpu_instance": n.nvmlDeviceGetGpuInstanceId(mig),
                          "compute_instance": n.nvmlDeviceGetComputeInstanceId(mig)})
    return found


def gpu(index):
    h = n.nvmlDeviceGetHandleByIndex(index)
    pci = n.nvmlDeviceGetPciInfo(h)
    limits = ask(n.nvmlDeviceGetPowerManagementLimitConstraints, h)
    memory_clocks = ask(n.nvmlDeviceGetSupportedMemoryClocks, h)
    load = ask(n.nvmlDeviceGetUtilizationRates, h)
    return {
        "physical_index": index, "name": n.nvmlDeviceGetName(h), "uuid": n.nvmlDeviceGetUUID(h),
        "pci": f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0",
        "driver": n.nvmlSystemGetDriverVersion(),
        "energy_uj": scaled(ask(n.nvmlDeviceGetTotalEnergyConsumption, h)),
        "fields": {f"{f}/{s}": field(h, f, s) for f in (185, 186) for s in (0, 1, 2)},
        "limit_uw": scaled(ask(n.nvmlDeviceGetPowerManagementLimit, h)),
        "limit_default_uw": scaled(ask(n.nvmlDeviceGetPowerManagementDefaultLimit, h)),
        "limit_min_uw": limits if isinstance(limits, str) else limits[0] * 1000,
        "limit_max_uw": limits if isinstance(limits, str) else limits[1] * 1000,
        "temperature_c": ask(n.nvmlDeviceGetTemperature, h, 0),
        "persistence": ask(n.nvmlDeviceGetPersistenceMode, h),
        "graphics_mhz": ask(n.nvmlDeviceGetClockInfo, h, 0),
        "memory_mhz": ask(n.nvmlDeviceGetClockInfo, h, 2),
        "gpu_pct": load if isinstance(load, str) else load.gpu,
        "memory_clocks_mhz": memory_clocks,
        "graphics_clocks_mhz": ask(n.nvmlDeviceGetSupportedGraphicsClocks, h, memory_clocks[0]),
        "processes": [p.pid for p in n.nvmlDeviceGetComputeRunningProcesses(h)],
        "mig": slices(h),
    }


n.nvmlInit()
print(json.dumps([gpu(i) for i in range(n.nvmlDeviceGetCount())]))
n.nvmlShutdown()
