# SPDX-License-Identifier: Apache-2.0
"""The AMD backend on the simulated AMD SMI of all three ABI generations: real library files, real
processes, one shared node."""
import concurrent.futures
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from conftest import BUILD, SOURCE

GENERATIONS = [24, 25, 26]
VERSIONS = {24: "24.7.1.0", 25: "25.25.5.0", 26: "26.0.2"}
MI300X_PCI = ["0000:05:00.0", "0000:26:00.0", "0000:46:00.0", "0000:65:00.0", "0000:85:00.0",
              "0000:a6:00.0", "0000:c6:00.0", "0000:e5:00.0"]


class Node:
    """One simulation, seen through one generation of the library."""

    def __init__(self, tmp_path, clean_env, node, generation, faults=(), privileged=True, edit=None):
        self.dir = tmp_path / f"sim-{generation}"
        self.libs = tmp_path / f"lib-{generation}"
        empty = tmp_path / f"root-{generation}"
        for path in (self.dir, self.libs, empty):
            path.mkdir()
        name = f"libamd_smi.so.{generation}"
        (self.libs / name).symlink_to(BUILD / "sim" / "lib" / name)
        text = (SOURCE / "sim" / "nodes" / f"{node}.node").read_text()
        file = tmp_path / f"{node}-{generation}.node"
        file.write_text(edit(text) if edit else text)
        args = [BUILD / "tests" / "sim_create", *(["-p"] if privileged else [])]
        for fault in faults:
            args += ["-f", fault]
        subprocess.run([*map(str, args), str(file), str(self.dir)], check=True, timeout=30)
        self.env = {**clean_env, "ZEUS_SIM_DIR": str(self.dir), "ZEUS_SYSFS_ROOT": str(empty),
                    "AMDSMI_LIB_DIR": str(self.libs)}

    def report(self, **env):
        done = subprocess.run([str(BUILD / "bin" / "zeus"), "env", "--json"], timeout=60,
                              env={**self.env, **env}, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def gpus(self, **env):
        return [d for d in self.report(**env)["devices"] if d["kind"] == "gpu"]

    def finding(self):
        return next(f for f in self.report()["findings"] if f["family"] == "amdsmi")

    def probe(self, *args):
        done = subprocess.run([str(BUILD / "tests" / "device_probe"), *map(str, args)], timeout=60,
                              env=self.env, capture_output=True, text=True, check=True)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines if args[0] == "energy" else lines[0]


@pytest.fixture
def node(tmp_path, clean_env):
    def make(name, generation, **kwargs):
        return Node(tmp_path, clean_env, name, generation, **kwargs)
    return make


@pytest.mark.parametrize("generation", GENERATIONS)
def test_mi300x8_is_what_the_file_says(node, generation):
    sim = node("mi300x8", generation)
    finding = sim.finding()
    assert finding["code"] == "ok" and finding["devices"] == 8
    assert VERSIONS[generation] in finding["detail"]
    assert f"libamd_smi.so.{generation}" in finding["detail"]
    gpus = sim.gpus()
    assert [g["pci"] for g in gpus] == MI300X_PCI
    assert [g["physical_index"] for g in gpus] == list(range(8))
    assert len({g["uuid"] for g in gpus}) == 8
    for gpu in gpus:
        assert gpu["name"] == "AMD Instinct MI300X" and gpu["architecture"] == "cdna3"
        assert gpu["backend"] == "amdsmi" and gpu["uuid"].startswith("GPU-")
        assert gpu["temperature_c"] == 40  # 34 + 0.05 * 138, in whole degrees
        assert gpu["power_limit_uw"] == {"current": 750000000, "default": 750000000,
                                         "min": 100000000, "max": 750000000}
        domain, = gpu["domains"]
        assert domain["source"] == "counter" and domain["quantum_uj"] == 15
        assert domain["power_instant_uw"] == 138000000
        assert domain["power_average_uw"] is None
        # the first reading may show a tick from just before the simulation's start
        assert domain["energy_uj"] >= 41233871000 - 138 * 10000
        assert gpu["features"]["power-average"]["code"] == "not-supported"
        assert "no persistence mode" in gpu["features"]["persistence"]["reason"]


def test_uuids_agree_between_generations(node):
    seen = [[g["uuid"] for g in node("mi300x8", n).gpus()] for n in GENERATIONS]
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_mi250_pair(node, generation):
    sim = node("mi250-pair", generation)
    even, odd = sim.gpus()
    assert "paired-die" in even["flags"] and "silent-die" in odd["flags"]
    assert even["domains"][0]["source"] == "counter"
    assert even["domains"][0]["power_average_uw"] == 90000000  # 46 W and 44 W
    assert odd["domains"][0]["source"] == "none"
    assert odd["domains"][0]["energy_uj"] is None
    assert odd["domains"][0]["power_average_uw"] is None
    assert "sibling" in odd["features"]["energy-counter"]["reason"]
    assert even["architecture"] == odd["architecture"] == "cdna2"
    results = sim.probe("energy", 0.3)
    assert results[0]["code"] == "ok" and results[1]["code"] == "not-supported"
    watts = results[0]["energy_uj"] * 1e3 / results[0]["time_ns"]
    assert watts == pytest.approx(90, rel=0.1)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_counter_follows_the_true_power(node, generation):
    """138 W of idle, read in small steps through the whole check of the counter."""
    sim = node("mi300x8", generation)
    for result in sim.probe("energy", 0.8, 8):
        assert result["code"] == "ok"
        watts = result["energy_uj"] * 1e3 / result["time_ns"]
        assert watts == pytest.approx(138, rel=0.05)


@pytest.mark.parametrize("rate, code", [("rate=0.01", "not-supported"),
                                        ("rate=50", "not-supported"), ("rate=1", "ok")])
def test_wrong_counter_is_found_out(node, rate, code):
    sim = node("mi300x8", 26,
               edit=lambda text: text.replace("quantum=15.259uJ", f"quantum=15.259uJ {rate}"))
    assert {r["code"] for r in sim.probe("energy", 0.8, 8)} == {code}
    # and over one long gap, with two readings only
    assert {r["code"] for r in sim.probe("energy", 0.8)} == {code}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_hip_order(node, generation):
    """HIP numbers the other way round: by HIP id, or by KFD node before generation 25."""
    def edit(text):
        head, body = text.split("[gpu 0-7]\n")
        lines = [line for line in body.splitlines() if not line.startswith(("pci =", "amd."))]
        return head + "".join("\n".join([f"[gpu {i}]", *lines, f"pci = {MI300X_PCI[i]}",
                                         f"amd.hip_id = {7 - i}", f"amd.node_id = {9 - i}", ""])
                              for i in range(8))

    sim = node("mi300x8", generation, edit=edit)
    gpus = sim.gpus()
    assert [g["pci"] for g in gpus] == MI300X_PCI[::-1]
    assert [g["physical_index"] for g in gpus] == list(range(8))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_settings(node, generation):
    sim = node("mi300x8", generation)
    assert sim.probe("limit", 2, 500)["code"] == "ok"
    assert sim.probe("read", 2)["limit_uw"] == 500000000
    assert sim.probe("read", 3)["limit_uw"] == 750000000
    refused = sim.probe("limit", 2, 800)
    assert refused["code"] == "range" and "800.000 W" in refused["message"]
    assert sim.probe("default", 2)["code"] == "ok"
    assert sim.probe("read", 2)["limit_uw"] == 750000000

    assert sim.probe("read", 1)["highest_mhz"] == 2100
    assert sim.probe("clocks", 1, "graphics", 300, 800)["code"] == "ok"
    assert sim.probe("clocks", 1, "graphics", 1200, 1500)["code"] == "ok"  # maximum first
    assert sim.probe("clocks", 1, "graphics", 500, 600)["code"] == "ok"  # minimum first
    assert sim.probe("read", 1)["clock_code"] == "not-supported"  # locked: range not known
    assert sim.probe("clocks", 1, "memory", 900, 900)["code"] == "ok"
    assert sim.probe("reset", 1)["code"] == "ok"
    assert sim.probe("read", 1)["highest_mhz"] == 2100


@pytest.mark.parametrize("generation", GENERATIONS)
def test_without_permission(node, generation):
    sim = node("mi300x8", generation, privileged=False)
    for args in (("limit", 0, 500), ("clocks", 0, "graphics", 500, 600), ("reset", 0)):
        refused = sim.probe(*args)
        assert refused["code"] == "no-permission" and refused["vendor_code"] == 10
        assert "Permission denied" in refused["message"]
    assert sim.probe("read", 0)["limit_uw"] == 750000000


@pytest.mark.parametrize("fault, feature, code", [
    ("gpu3:fn=amdsmi_get_energy_count:NOT_SUPPORTED", "energy-counter", "not-supported"),
    ("gpu3:fn=amdsmi_get_energy_count:ALL_ONES", "energy-counter", "not-supported"),
    ("gpu3:fn=amdsmi_get_power_info:NO_PERMISSION", "power-instant", "no-permission"),
    ("gpu3:fn=amdsmi_get_power_info:ALL_ONES", "power-instant", "not-supported"),
    ("gpu3:fn=amdsmi_get_power_cap_info:UNKNOWN", "limit-read", "unknown"),
    ("gpu3:fn=amdsmi_get_power_cap_info:ALL_ONES", "limit-read", "not-supported"),
    ("gpu3:fn=amdsmi_get_temp_metric:TIMEOUT", "temperature", "timeout"),
    ("gpu3:fn=amdsmi_get_temp_metric:ALL_ONES", "temperature", "not-supported"),
    ("gpu3:fn=amdsmi_get_gpu_activity:ALL_ONES", "utilization", "not-supported"),
    ("gpu3:GPU_IS_LOST", "energy-counter", "not-supported"),
    ("gpu3:GPU_IS_LOST", "temperature", "driver"),
])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_faults_stay_where_they_are(node, generation, fault, feature, code):
    sim = node("mi300x8", generation, faults=[fault])
    gpus = sim.gpus()
    assert len(gpus) == 8
    sick = [g for g in gpus if g["features"][feature].get("code") == code]
    assert len(sick) == 1
    assert sick[0]["features"][feature]["reason"]
    healthy = [g for g in gpus if g is not sick[0]]
    assert all(g["features"][feature]["usable"] for g in healthy)
    assert all(g["features"]["energy-counter"]["usable"] for g in healthy)


def test_late_faults(node):
    """A GPU that is lost while it is measured, and one that takes its time."""
    sim = node("mi300x8", 26, faults=["gpu1:fn=amdsmi_get_energy_count:at=1500ms:GPU_IS_LOST",
                                      "gpu2:fn=amdsmi_get_energy_count:STALL=200ms"])
    results = sim.probe("energy", 2)
    assert results[1]["code"] == "driver"
    assert all(r["code"] == "ok" for i, r in enumerate(results) if i != 1)


def test_step_back(node):
    sim = node("mi300x8", 26, edit=lambda text: text.replace(
        "start=41233871mJ", "start=41233871mJ reset_at=1s"))
    assert {r["code"] for r in sim.probe("energy", 1.5, 3)} == {"state"}


def test_version_gate(node):
    """A file of one generation under another's name is refused, not misread."""
    sim = node("mi300x8", 26)
    wrong = sim.libs / "libamd_smi.so.26"
    wrong.unlink()
    wrong.symlink_to(BUILD / "sim" / "lib" / "libamd_smi.so.24")
    finding = sim.finding()
    assert finding["code"] == "version" and "generation 26" in finding["detail"]
    assert sim.gpus() == []


def test_no_amd_gpu_in_the_node(node):
    sim = node("h100x8", 26)
    finding = sim.finding()
    assert finding["code"] == "driver-not-loaded"
    assert "status 34" in finding["detail"] and "amdgpu" in finding["remedy"]


def test_without_a_simulation(node):
    sim = node("mi300x8", 26)
    del sim.env["ZEUS_SIM_DIR"]
    assert sim.finding()["code"] == "driver-not-loaded"


def test_many_processes_one_state(node):
    """Settings are shared by processes of one simulation; readers at the same time get sane values."""
    sim = node("mi300x8", 25)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(sim.probe, "limit", i, 400 + i) for i in range(8)]
        reads = [pool.submit(sim.probe, "energy", 0.1) for _ in range(2)]
        assert all(job.result()["code"] == "ok" for job in jobs)
        assert all(r["code"] == "ok" for read in reads for r in read.result())
    assert [sim.probe("read", i)["limit_uw"] for i in range(8)] == \
        [(400 + i) * 1000000 for i in range(8)]


BINDINGS = """
import json, sys, amdsmi
amdsmi.amdsmi_init()
out = []
for h in amdsmi.amdsmi_get_processor_handles():
    cap = amdsmi.amdsmi_get_power_cap_info(h)
    energy = amdsmi.amdsmi_get_energy_count(h)
    out.append({
        "name": amdsmi.amdsmi_get_gpu_asic_info(h)["market_name"],
        "pci": amdsmi.amdsmi_get_gpu_device_bdf(h).lower(),
        "power": amdsmi.amdsmi_get_power_info(h)["current_socket_power"],
        "energy_uj": energy["energy_accumulator"] * energy["counter_resolution"],
        "cap": [cap["power_cap"], cap["default_power_cap"], cap["min_power_cap"],
                cap["max_power_cap"]],
        "temperature": amdsmi.amdsmi_get_temp_metric(
            h, amdsmi.AmdSmiTemperatureType.HOTSPOT, amdsmi.AmdSmiTemperatureMetric.CURRENT),
    })
refused = None
try:
    amdsmi.amdsmi_set_power_cap(amdsmi.amdsmi_get_processor_handles()[0], 0, 500000000)
except amdsmi.AmdSmiLibraryException as e:
    refused = e.get_error_code()
version = amdsmi.amdsmi_get_lib_version()
amdsmi.amdsmi_shut_down()
json.dump({"gpus": out, "refused": refused, "major": version["major"],
           "year": version.get("year")}, sys.stdout)
"""


def bindings():
    """Directory of an installed amdsmi package, or what ZEUS_TEST_AMDSMI names (several, split by
    colons: one a generation)."""
    named = os.environ.get("ZEUS_TEST_AMDSMI")
    if named:
        return named.split(":")
    found = importlib.util.find_spec("amdsmi")
    return [os.path.dirname(os.path.dirname(found.origin))] if found else []


def generation_of(package):
    """From what the bindings look up: enumeration came with 25, the CPU model's name with 26."""
    with open(os.path.join(package, "amdsmi", "amdsmi_wrapper.py"), encoding="utf-8") as file:
        text = file.read()
    return 26 if "amdsmi_get_cpu_model_name" in text else \
        25 if "amdsmi_get_gpu_enumeration_info" in text else 24


def test_public_bindings_see_the_same_node(node, tmp_path):
    """The unmodified Python bindings of the vendor and our own report, side by side."""
    packages = bindings()
    if not packages:
        pytest.skip("the amdsmi package is not installed (or name it with ZEUS_TEST_AMDSMI)")
    for package in packages:
        generation = generation_of(package)
        sim = node("mi300x8", generation, privileged=False)
        rocm = tmp_path / f"rocm-{generation}"
        (rocm / "lib").mkdir(parents=True)
        (rocm / "lib" / "libamd_smi.so").symlink_to(sim.libs / f"libamd_smi.so.{generation}")
        done = subprocess.run([sys.executable, "-c", BINDINGS], capture_output=True, text=True,
                              timeout=60, env={**sim.env, "ROCM_PATH": str(rocm),
                                               "PYTHONPATH": package})
        assert done.returncode == 0, done.stderr
        theirs = json.loads(done.stdout)
        ours = sim.gpus()
        assert theirs["refused"] == 10
        assert len(theirs["gpus"]) == len(ours) == 8
        for their, our in zip(theirs["gpus"], ours):
            assert their["name"] == our["name"] and their["pci"] == our["pci"]
            assert their["power"] * 1000000 == our["domains"][0]["power_instant_uw"]
            limits = our["power_limit_uw"]
            assert their["cap"] == [limits["current"], limits["default"], limits["min"],
                                    limits["max"]]
            assert their["temperature"] == our["temperature_c"]
            moved_uj = our["domains"][0]["energy_uj"] - their["energy_uj"]
            assert 0 <= moved_uj < 138e6 * 30  # read later, by less than half a minute
        shutil.rmtree(rocm)


def launched(clean_env, node, *faults):
    """`zeus env --json` under `zeus sim`."""
    args = [BUILD / "bin" / "zeus", "sim", "--node", node]
    for fault in faults:
        args += ["--fault", fault]
    done = subprocess.run([*map(str, args), "--", str(BUILD / "bin" / "zeus"), "env", "--json"],
                          capture_output=True, text=True, timeout=60, env=clean_env)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    finding = next(f for f in report["findings"] if f["family"] == "amdsmi")
    return finding, [d for d in report["devices"] if d["backend"] == "amdsmi"]


@pytest.mark.parametrize("node_name, generation", [("mi300x8", 25), ("mi250-pair", 24)])
def test_launcher_gives_the_generation_of_the_node(clean_env, node_name, generation):
    finding, gpus = launched(clean_env, node_name)
    assert f"libamd_smi.so.{generation} ({VERSIONS[generation]})" in finding["detail"]
    assert gpus


def test_launcher_hides_the_real_library(clean_env):
    finding, gpus = launched(clean_env, "h100x8")
    assert finding["code"] == "library-not-found" and gpus == []


def test_missing_function_costs_one_feature(clean_env):
    _, gpus = launched(clean_env, "mi300x8", "amdsmi:MISSING=amdsmi_get_temp_metric")
    for gpu in gpus:
        assert gpu["features"]["temperature"]["code"] == "function-not-found"
        assert "amdsmi_get_temp_metric" in gpu["features"]["temperature"]["reason"]
        assert gpu["features"]["energy-counter"]["usable"] and gpu["temperature_c"] is None


def test_missing_required_function_is_named(clean_env):
    finding, gpus = launched(clean_env, "mi250-pair", "amdsmi:MISSING=amdsmi_set_gpu_clk_limit")
    assert finding["code"] == "function-not-found" and gpus == []
    assert "amdsmi_set_gpu_clk_limit (ROCm 6.2; 6.3 is the oldest supported)" in finding["detail"]


SCRIPT = """
"$ZEUS" sim load --device gpu0 --level 1 --seconds 30 & load=$!
sleep 0.3; "$PROBE" energy 0.4 | head -n 1
"$PROBE" limit 0 300 >/dev/null; sleep 0.1; "$PROBE" energy 0.4 | head -n 1
"$PROBE" default 0 >/dev/null; "$PROBE" clocks 0 graphics 500 900 >/dev/null
sleep 0.1; "$PROBE" energy 0.4 | head -n 1
"$PROBE" reset 0 >/dev/null; sleep 0.1; "$PROBE" energy 0.4 | head -n 1
kill $load
"""


def test_settings_change_the_power(clean_env):
    """Full load draws 738 W; the cap and the clocks bring it down, their reset back up."""
    done = subprocess.run([str(BUILD / "bin" / "zeus"), "sim", "--privileged", "--node", "mi300x8",
                           "--", "sh", "-c", SCRIPT], capture_output=True, text=True, timeout=60,
                          env={**clean_env, "ZEUS": str(BUILD / "bin" / "zeus"),
                               "PROBE": str(BUILD / "tests" / "device_probe")})
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{\"gpu\"")]
    free, capped, slow, again = [r["energy_uj"] * 1e3 / r["time_ns"] for r in results]
    assert free == pytest.approx(738, rel=0.05)
    assert capped == pytest.approx(300, rel=0.05)
    assert 250 < slow < 500
    assert again == pytest.approx(free, rel=0.05)


@pytest.mark.parametrize("rate", ["rate=0", "rate=0.01", "rate=50"])
def test_measuring_with_a_wrong_counter(node, rate):
    """The product's main job on a GPU whose counter is wrong: integrated power takes over."""
    sim = node("mi300x8", 26,
               edit=lambda text: text.replace("quantum=15.259uJ", f"quantum=15.259uJ {rate}"))
    done = subprocess.run([str(BUILD / "bin" / "zeus"), "run", "--", "sleep", "1.2"], env=sim.env,
                          capture_output=True, text=True, timeout=60)
    text = done.stdout + done.stderr
    seconds = float(re.search(r"time\s+([0-9.]+) s", text).group(1))
    joules = [float(j) for j in re.findall(r"gpu[0-7]\s+([0-9.]+) J", text)]
    assert len(joules) == 8, text
    assert joules == [pytest.approx(138 * seconds, rel=0.05)] * 8
    assert text.count("integrated-power") == 8 and text.count("note: the counter") == 8
