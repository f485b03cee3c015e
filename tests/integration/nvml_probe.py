# SPDX-License-Identifier: Apache-2.0
"""Asks whatever libnvidia-ml.so.1 the loader finds, by ctypes alone, and prints JSON.

Written from the documented interface and independent of both the simulator's and the library's own
declarations. usage: nvml_probe.py [FUNCTION INDEX REPEAT PAUSE_S]
"""
import ctypes as c
import json
import sys
import time

nvml = c.CDLL("libnvidia-ml.so.1")
U = c.c_uint


class Pci(c.Structure):
    _fields_ = [("legacy", c.c_char * 16), ("domain", U), ("bus", U), ("device", U), ("id", U),
                ("subsystem", U), ("bus_id", c.c_char * 32)]


class Value(c.Union):
    _fields_ = [("d", c.c_double), ("ui", U), ("ull", c.c_ulonglong)]


class Field(c.Structure):
    _fields_ = [("field", U), ("scope", U), ("time", c.c_longlong), ("latency", c.c_longlong),
                ("type", U), ("code", U), ("value", Value)]


def text(function, device, size=96):
    out = c.create_string_buffer(size)
    r = getattr(nvml, function)(device, out, U(size))
    return out.value.decode() if r == 0 else r


def number(function, device, kind=U):
    out = kind()
    r = getattr(nvml, function)(device, c.byref(out))
    return [r, out.value]


def fields(device):
    wanted = [(186, 0), (185, 0), (186, 1), (185, 1), (185, 2), (83, 0), (9999, 0)]
    values = (Field * len(wanted))(*[Field(f, s) for f, s in wanted])
    r = nvml.nvmlDeviceGetFieldValues(device, len(wanted), values)
    return {f"{f}/{s}": [v.code, v.value.ull if f == 83 else v.value.ui]
            for (f, s), v in zip(wanted, values)} if r == 0 else r


def clocks(device):
    count, memory = U(32), (U * 32)()
    if nvml.nvmlDeviceGetSupportedMemoryClocks(device, c.byref(count), memory):
        return None
    result = {}
    for mhz in list(memory)[:count.value]:
        n, core = U(1024), (U * 1024)()
        assert nvml.nvmlDeviceGetSupportedGraphicsClocks(device, U(mhz), c.byref(n), core) == 0
        result[mhz] = list(core)[:n.value]
    return result


def mig(device):
    current, pending, instances = U(), U(), []
    r = nvml.nvmlDeviceGetMigMode(device, c.byref(current), c.byref(pending))
    for i in range(7):
        handle = c.c_void_p()
        if nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, U(i), c.byref(handle)):
            break
        instances.append({"name": text("nvmlDeviceGetName", handle),
                          "uuid": text("nvmlDeviceGetUUID", handle),
                          "power": number("nvmlDeviceGetPowerUsage", handle),
                          "energy": number("nvmlDeviceGetTotalEnergyConsumption", handle,
                                           c.c_ulonglong)})
    return {"mode": [r, current.value], "instances": instances}


def describe(index):
    device = c.c_void_p()
    r = nvml.nvmlDeviceGetHandleByIndex_v2(U(index), c.byref(device))
    if r:
        return {"handle": r}
    pci, low, high = Pci(), U(), U()
    assert nvml.nvmlDeviceGetPciInfo_v3(device, c.byref(pci)) == 0
    constraints = nvml.nvmlDeviceGetPowerManagementLimitConstraints(device, c.byref(low),
                                                                    c.byref(high))
    return {
        "handle": 0,
        "name": text("nvmlDeviceGetName", device),
        "uuid": text("nvmlDeviceGetUUID", device),
        "pci": pci.bus_id.decode(),
        "architecture": number("nvmlDeviceGetArchitecture", device),
        "power": number("nvmlDeviceGetPowerUsage", device),
        "energy": number("nvmlDeviceGetTotalEnergyConsumption", device, c.c_ulonglong),
        "limit": number("nvmlDeviceGetPowerManagementLimit", device),
        "default": number("nvmlDeviceGetPowerManagementDefaultLimit", device),
        "constraints": [constraints, low.value, high.value],
        "set_limit": nvml.nvmlDeviceSetPowerManagementLimit(device, U(low.value)),
        "fields": fields(device),
        "clocks": clocks(device),
        "mig": mig(device),
    }


def main():
    early = nvml.nvmlDeviceGetCount_v2(c.byref(U()))
    code = nvml.nvmlInit_v2()
    if code:
        print(json.dumps({"init": code}))
        return
    if len(sys.argv) > 1:
        function, index, repeat, pause_s = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), \
            float(sys.argv[4])
        device, rows = c.c_void_p(), []
        assert nvml.nvmlDeviceGetHandleByIndex_v2(U(index), c.byref(device)) == 0
        kind = c.c_ulonglong if "Energy" in function else U
        for _ in range(repeat):
            start = time.monotonic()
            rows.append([start, *number(function, device, kind), time.monotonic() - start])
            time.sleep(pause_s)
        print(json.dumps(rows))
        return
    count = U()
    assert nvml.nvmlDeviceGetCount_v2(c.byref(count)) == 0
    devices = [describe(i) for i in range(count.value)]
    beyond = describe(count.value)["handle"]
    assert nvml.nvmlShutdown() == 0
    print(json.dumps({"init": 0, "before_init": early, "beyond": beyond, "devices": devices,
                      "after_shutdown": nvml.nvmlShutdown()}))


main()
