# SPDX-License-Identifier: Apache-2.0
"""The NVIDIA backend on simulated nodes: the same numbers as the public nvidia-ml-py bindings, every
fault its own error, visibility, settings.

The bindings are looked for in $ZEUS_PYNVML (a directory with pynvml.py), then in this Python; tests
that need them are skipped where there are none."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import BUILD, ZEUS

HERE = pathlib.Path(__file__).resolve().parent
PROBE = BUILD / "tests" / "gpu_probe"
NODES = ["h100x8", "a100x4-mig", "v100x4", "p100x2", "gh200", "rack72"]

pytestmark = pytest.mark.skipif(not (BUILD / "sim" / "bin" / "zeus-sim").exists(),
                                reason="the simulator is not built")


@pytest.fixture
def probe(sim):
    """Runs gpu_probe on a node; returns the report, or the finished process with check=False."""
    def run(node, *arguments, options=(), env=None, check=True):
        done = sim(node, PROBE, *arguments, options=("--virtual", *options), env=env)
        if not check:
            return done
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return run


@pytest.fixture
def bindings(sim):
    """Runs pynvml_report.py on a node under a Python that has the bindings."""
    path = os.environ.get("ZEUS_PYNVML", "")
    env = {"PYTHONPATH": path} if path else {}
    if subprocess.run([sys.executable, "-c", "import pynvml"], env={**os.environ, **env},
                      capture_output=True).returncode:
        pytest.skip("nvidia-ml-py is not installed (ZEUS_PYNVML may name its directory)")

    def run(node, options=()):
        done = sim(node, sys.executable, HERE / "pynvml_report.py",
                   options=("--virtual", *options), env=env)
        if "runtime does not come first" in done.stderr:
            pytest.skip("a sanitizer build of the simulator does not load into a plain Python")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return run


@pytest.mark.parametrize("node", NODES)
def test_same_numbers_as_the_bindings(node, probe, bindings):
    ours, theirs = probe(node)["gpus"], bindings(node)
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs):
        for key in ("physical_index", "name", "uuid", "pci", "driver", "limit_uw",
                    "limit_default_uw", "limit_min_uw", "limit_max_uw", "temperature_c",
                    "persistence", "graphics_mhz", "memory_mhz", "gpu_pct", "memory_clocks_mhz",
                    "graphics_clocks_mhz", "processes"):
            if key == "gpu_pct" and b[key] == "not-supported":
                assert a["activity_valid"] & 4 == 0
                continue
            assert a[key] == b[key], key
        mig = [] if a["mig"] == "not-supported" else a["mig"]
        assert mig == b["mig"]
        scope = 1 if "module" in a["domains"] else 0
        board = a["domains"]["module" if scope else "gpu"]
        assert board["energy_uj"] == b["energy_uj"]
        assert board["instant_uw"] == b["fields"][f"186/{scope}"]
        assert board["average_uw"] == b["fields"][f"185/{scope}"]
        memory = a["domains"].get("gpu.memory", {"average_uw": "not-supported"})
        assert memory["average_uw"] == b["fields"]["185/2"]


def test_env_report_agrees(sim_env, bindings):
    """`zeus env --json` and the bindings, on the clock that stands still."""
    theirs = bindings("h100x8")
    gpus = [d for d in sim_env("h100x8", options=("--virtual",))["devices"] if d["kind"] == "gpu"]
    assert len(gpus) == len(theirs) == 8
    for a, b in zip(gpus, theirs):
        assert (a["name"], a["uuid"], a["pci"]) == (b["name"], b["uuid"], b["pci"])
        domain = a["domains"][0]
        assert domain["energy_uj"] == b["energy_uj"]
        assert domain["power_instant_uw"] == b["fields"]["186/0"]
        assert domain["power_average_uw"] == b["fields"]["185/0"]
        assert a["power_limit_uw"]["current"] == b["limit_uw"]


def test_what_each_node_has(probe):
    def look(node):
        gpu = probe(node)["gpus"][0]
        return {d: (v["source"], v["sensor_class"]) for d, v in gpu["domains"].items()}

    assert look("h100x8") == {"gpu": ("counter", "hopper/instant"),
                              "gpu.memory": ("integrated-power", "")}
    assert look("v100x4") == {"gpu": ("counter", "volta/instant")}
    assert look("p100x2") == {"gpu": ("integrated-power", "pascal/instant")}
    assert look("a100x4-mig") == {"gpu": ("counter", "ga100/instant")}
    assert look("gh200") == {"module": ("counter", "hopper/instant")}
    assert probe("gh200")["gpus"][0]["flags"] & 2
    assert probe("p100x2")["gpus"][0]["features"]["energy-counter"][0] == "not-supported"
    assert len(probe("rack72")["gpus"]) == 72
    empty = probe("empty")
    assert empty["gpus"] == [] and empty["finding"] != "ok"


# NVML function -> the features that a driver without it loses.
MISSING = {
    "nvmlDeviceGetTotalEnergyConsumption": {"energy-counter"},
    "nvmlDeviceGetFieldValues": {"power-instant", "power-average", "power-memory"},
    "nvmlDeviceGetTemperatureV": set(),
    "nvmlDeviceGetUtilizationRates": {"utilization"},
    "nvmlDeviceGetClockInfo": {"clocks"},
    "nvmlDeviceGetComputeRunningProcesses_v3": set(),
    "nvmlDeviceGetPciInfo_v3": set(),
    "nvmlDeviceSetPowerManagementLimit": {"limit-write"},
    "nvmlDeviceSetGpuLockedClocks": {"locked-clocks"},
    "nvmlDeviceGetMigMode": {"mig"},
    "nvmlErrorString": set(),
    "nvmlDeviceGetArchitecture": set(),
}


def lost(before, after):
    return {name for name in before["features"]
            if before["features"][name][0] != after["features"][name][0]
            or (after["features"][name][0] == "function-not-found")}


@pytest.mark.parametrize("function", MISSING)
def test_missing_function_costs_its_feature(function, probe):
    before = probe("h100x8")["gpus"]
    after = probe("h100x8", options=("--fault", f"nvml:MISSING={function}"))["gpus"]
    assert len(after) == 8
    for a, b in zip(before, after):
        assert lost(a, b) == MISSING[function]
        assert (b["name"], b["uuid"], b["pci"], b["architecture"]) == \
               (a["name"], a["uuid"], a["pci"], a["architecture"])
        for name in MISSING[function]:
            if b["features"][name][0] == "function-not-found":
                assert b["features"][name][2] == "update the NVIDIA driver"


FAULTS = {"GPU_IS_LOST": "device-lost", "NOT_SUPPORTED": "not-supported",
          "NO_PERMISSION": "no-permission", "UNKNOWN": "unknown", "TIMEOUT": "timeout",
          "RESET_REQUIRED": "reset-required", "ALL_ONES": "driver"}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_of_the_counter_is_its_own(fault, probe):
    """One function of one GPU fails: its error, and the other seven are as before."""
    spec = f"gpu3:fn=nvmlDeviceGetTotalEnergyConsumption:{fault}"
    before = probe("h100x8")["gpus"]
    after = probe("h100x8", options=("--fault", spec))["gpus"]
    for i, (a, b) in enumerate(zip(before, after)):
        if i != 3:
            assert a == b
            continue
        assert b["domains"]["gpu"]["energy_uj"] == FAULTS[fault]
        assert b["domains"]["gpu"]["source"] == "integrated-power"
        assert b["features"]["energy-counter"][0] == FAULTS[fault]
        assert b["domains"]["gpu"]["instant_uw"] == a["domains"]["gpu"]["instant_uw"]


def test_lost_gpu_hides_nobody(probe):
    before = probe("h100x8")["gpus"]
    report = probe("h100x8", options=("--fault", "gpu3:GPU_IS_LOST"))
    after = report["gpus"]
    assert [g["physical_index"] for g in after] == list(range(8))
    assert all(a == b for i, (a, b) in enumerate(zip(before, after)) if i != 3)
    gpu = after[3]
    assert {d["source"] for d in gpu["domains"].values()} == {"none"}
    assert gpu["domains"]["gpu"]["energy_uj"] == "device-lost"
    assert gpu["domains"]["gpu"]["instant_uw"] == "device-lost"
    assert gpu["features"]["limit-read"][0] == "device-lost"
    assert "reset" in gpu["features"]["limit-read"][2]


def test_gpu_that_is_lost_later(sim):
    """Before its time the fault is not there; after it the others go on counting."""
    script = f"{PROBE} && echo --- && {ZEUS} sim clock --to start+3s >&2 && {PROBE}"
    done = sim("h100x8", "/bin/sh", "-c", script,
               options=("--virtual", "--fault", "gpu3:at=2s:GPU_IS_LOST"))
    assert done.returncode == 0, done.stderr
    before, after = (json.loads(part)["gpus"] for part in done.stdout.split("---"))
    for i, (a, b) in enumerate(zip(before, after)):
        assert isinstance(a["domains"]["gpu"]["energy_uj"], int)
        if i == 3:
            assert b["domains"]["gpu"]["energy_uj"] == "device-lost"
            continue
        joules = (b["domains"]["gpu"]["energy_uj"] - a["domains"]["gpu"]["energy_uj"]) / 1e6
        assert 72 * 2.8 < joules < 72 * 3.2  # 72 W for 3 s, less or more than a tick of 100 ms


def test_passing_error_does_not_become_module_scope(probe):
    """The GPU scope times out while the module scope would answer: no module watts."""
    spec = "gpu0:fn=nvmlDeviceGetFieldValues:TIMEOUT"
    gpu = probe("h100x8", options=("--fault", spec))["gpus"][0]
    assert "module" not in gpu["domains"] and gpu["flags"] & 2 == 0
    assert gpu["domains"]["gpu"]["instant_uw"] == "timeout"


def test_driver_not_loaded(probe):
    report = probe("h100x8", options=("--fault", "nvml:fn=nvmlInit_v2:DRIVER_NOT_LOADED"))
    assert report["gpus"] == [] and report["finding"] == "driver-not-loaded"


VISIBLE = [
    (None, "0 1 2 3"), ("", ""), ("-1", ""), ("NoDevFiles", ""), ("2", "2"), ("3,1", "3 1"),
    (" 1 , 0 ", "1 0"), ("0,-1,2", "0"), ("0,9,2", "0"), ("0,x", "0"),
    ("4", "CUDA_VISIBLE_DEVICES=4"), ("x", "CUDA_VISIBLE_DEVICES=x"), ("0,0", "entry 2"),
    ("GPU-", "no digits"), ("GPU-zz", "no GPU of this machine"), ("MIG-zz", "no MIG device"),
]


@pytest.mark.parametrize("value, expected", VISIBLE)
def test_visibility(value, expected, probe):
    env = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    done = probe("a100x4-mig", env=env, check=False)
    if done.returncode:
        assert done.stderr.startswith("invalid-argument: ") and expected in done.stderr
        return
    gpus = json.loads(done.stdout)["gpus"]
    assert " ".join(str(g["physical_index"]) for g in gpus) == expected


def test_visibility_by_uuid(probe):
    boards = probe("a100x4-mig")["gpus"]
    whole = boards[2]["uuid"]
    short = next(whole[:n] for n in range(5, 41)
                 if sum(b["uuid"].startswith(whole[:n]) for b in boards) == 1)
    for value in (whole, whole.upper().replace("GPU", "GPU"), short):
        gpus = probe("a100x4-mig", env={"CUDA_VISIBLE_DEVICES": value})["gpus"]
        assert [g["physical_index"] for g in gpus] == [2]
    mig = boards[0]["mig"]
    assert len(mig) == 4
    old = f"MIG-{boards[0]['uuid']}/{mig[1]['gpu_instance']}/{mig[1]['compute_instance']}"
    for value in (mig[1]["uuid"], old):
        gpus = probe("a100x4-mig", env={"CUDA_VISIBLE_DEVICES": value})["gpus"]
        assert [g["physical_index"] for g in gpus] == [0]
        assert gpus[0]["flags"] & 1 and gpus[0]["slice_uuid"] == mig[1]["uuid"]
    both = probe("a100x4-mig", env={"CUDA_VISIBLE_DEVICES": f"{mig[0]['uuid']},{mig[1]['uuid']}"})
    assert [g["physical_index"] for g in both["gpus"]] == [0]
    assert "more than once" in both["detail"]


def test_settings(probe):
    done = probe("h100x8", "set-limit", 2, 350, options=("--privileged",))
    assert done["change"]["code"] == "ok"
    assert [g["limit_uw"] for g in done["gpus"]][1:4] == [700000000, 350000000, 700000000]
    done = probe("h100x8", "persist", 0, 1, options=("--privileged",))
    assert done["change"]["code"] == "ok" and done["gpus"][0]["persistence"] == 1
    done = probe("h100x8", "set-limit", 0, 900, options=("--privileged",))
    assert done["change"]["code"] == "range" and "200.000 W to 700.000 W" in done["change"]["message"]
    done = probe("h100x8", "lock", 0, 345, 1200, options=("--privileged",))
    assert done["change"]["code"] == "ok"
    done = probe("h100x8", "lock", 0, 1, 1200, options=("--privileged",))
    assert done["change"]["code"] == "range"
    done = probe("h100x8", "unlock", 0, options=("--privileged",))
    assert done["change"]["code"] == "ok"


def test_settings_need_permission(probe):
    done = probe("h100x8", "set-limit", 0, 350)
    assert done["change"]["code"] == "no-permission"
    assert done["change"]["vendor_code"] == 4
    assert done["change"]["message"].startswith("GPU 0: setting the power limit: ")
    assert done["gpus"][0]["limit_uw"] == 700000000
    same = probe("h100x8", "set-limit", 0, 700)
    assert same["change"]["code"] == "ok"  # nothing would change: the driver is not asked
