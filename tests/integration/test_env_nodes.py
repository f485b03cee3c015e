# SPDX-License-Identifier: Apache-2.0
"""Each simulated node: `zeus env --json` lists exactly what the node's file describes.

The file is read here by a few lines of Python that share nothing with the simulator's parser.
"""
import re

import pytest

from conftest import SOURCE, ZEUS

NODES = sorted(p.stem for p in (SOURCE / "sim" / "nodes").glob("*.node"))

# Domains of the visible devices, written by hand from docs/devices-*.md:
# kind -> list of devices -> list of (domain, kind, source)
COUNTER, POWER, NONE = "counter", "integrated-power", "none"
RAPL_DRAM = [("dram", "dram", COUNTER)]
EXPECTED = {
    "a100x4-mig": {"gpu": [[("gpu", "gpu", COUNTER)]] * 4},
    "demo": {"gpu": [[("gpu", "gpu", COUNTER), ("gpu.memory", "gpu-memory", POWER)]] * 2,
             "cpu": [[("package-0", "package", COUNTER), *RAPL_DRAM]]},
    "empty": {},
    "epyc-mirror": {"cpu": [[(f"package-0-die-{d}", "package", COUNTER), ("core", "core", COUNTER)]
                            for d in (0, 1)]},
    "gh200": {"gpu": [[("module", "module", COUNTER)]],
              "cpu": [[("package-0", "package", POWER), ("cpu", "core", POWER),
                       ("sysio", "uncore", POWER)]]},
    "h100x8": {"gpu": [[("gpu", "gpu", COUNTER), ("gpu.memory", "gpu-memory", POWER)]] * 8},
    "mi250-pair": {"gpu": [[("gpu", "gpu", COUNTER)], [("gpu", "gpu", NONE)]]},
    "mi300x8": {"gpu": [[("gpu", "gpu", COUNTER)]] * 8},
    "p100x2": {"gpu": [[("gpu", "gpu", POWER)]] * 2},
    "rack72": {"gpu": [[("gpu", "gpu", COUNTER)]] * 72},
    "v100x4": {"gpu": [[("gpu", "gpu", COUNTER)]] * 4},
    "xeon-2s": {"cpu": [[(f"package-{p}", "package", COUNTER), *RAPL_DRAM] for p in (0, 1)],
                "platform": [[("psys", "psys", COUNTER)]]},
    "xeon-gaps": {"cpu": [[(f"package-{p}", "package", COUNTER), *RAPL_DRAM] for p in (0, 1)]},
}


def read_node(name):
    """{(section kind, number): {key: value}} of a node file, models resolved, ranges spread."""
    sections, models, current = {}, {}, None
    for line in (SOURCE / "sim" / "nodes" / f"{name}.node").read_text().splitlines():
        line = line.split("#")[0].strip()
        header = re.fullmatch(r"\[(\w+)(?: ([\w-]+))?\]", line)
        if header:
            kind, which = header.groups()
            current = {}
            if kind == "model":
                models[which] = current
                continue
            first, _, last = (which or "0").partition("-")
            for number in range(int(first), int(last or first) + 1):
                sections[kind, number] = current
        elif line:
            key, _, value = line.partition("=")
            current[key.strip()] = value.strip()
    return {k: {**models.get(v.get("model"), {}), **v} for k, v in sections.items()}


def devices_of(report, kind):
    return [d for d in report["devices"] if d["kind"] == kind]


@pytest.mark.parametrize("node", [n for n in NODES if n in EXPECTED])
def test_devices_and_domains(sim_env, node):
    report = sim_env(node)
    for kind in ("gpu", "cpu", "soc", "platform"):
        got = [[(x["name"], x["kind"], x["source"]) for x in d["domains"]]
               for d in devices_of(report, kind)]
        assert got == EXPECTED[node].get(kind, []), kind
    for device in report["devices"]:
        assert "simulated" in device["flags"]


def test_every_node_is_covered():
    assert {n for n in NODES if not n.startswith("jetson")} == set(EXPECTED)


@pytest.mark.parametrize("node", [n for n in NODES if n not in ("empty",)])
def test_names_addresses_and_limits(sim_env, node):
    described = read_node(node)
    gpus = [described[k] for k in sorted(k for k in described if k[0] == "gpu")]
    report = sim_env(node)
    found = devices_of(report, "gpu")
    assert [d["name"] for d in found] == [g["name"] for g in gpus]
    assert [d["index"] for d in found] == list(range(len(gpus)))
    for number, (device, gpu) in enumerate(zip(found, gpus)):
        addresses = [a.strip() for a in gpu.get("pci", "").split(",") if a.strip()]
        if len(addresses) == len(gpus):
            assert device["pci"] == addresses[number]
        limit = dict(p.split("=") for p in gpu["limit"].split())
        got = device["power_limit_uw"]
        for word in ("min", "max", "default"):
            assert got[word] == int(float(limit[word]) * 1e6)


@pytest.mark.parametrize("node", ["demo", "h100x8", "rack72", "xeon-2s"])
def test_uuids_are_unique_and_stable(sim_env, node):
    first = [d["uuid"] for d in sim_env(node)["devices"]]
    assert len(set(first)) == len(first)
    assert [d["uuid"] for d in sim_env(node)["devices"]] == first


def test_sums_count_no_joule_twice(sim_env):
    def summed(node):
        return {(p["device"], p["domain"]) for p in sim_env(node)["summed_domains"]}
    assert summed("xeon-2s") == {("platform0", "psys")}
    assert summed("demo") == {("gpu0", "gpu"), ("gpu1", "gpu"), ("cpu0", "package-0"),
                              ("cpu0", "dram")}
    assert summed("gh200") == {("gpu0", "module")}
    assert summed("epyc-mirror") == {("cpu0", "package-0-die-0")}
    assert summed("mi250-pair") == {("gpu0", "gpu")}


# --- faults: each its own error, the rest of the node unaffected

def energy(report, index):
    domain = devices_of(report, "gpu")[index]["domains"][0]
    return domain.get("energy_error", domain["energy_uj"])


@pytest.mark.parametrize("effect, code", [
    ("GPU_IS_LOST", "device-lost"),
    ("NO_PERMISSION", "no-permission"),
    ("UNKNOWN", "unknown"),
    ("RESET_REQUIRED", "reset-required"),
    ("TIMEOUT", "timeout"),
])
def test_a_failing_read_is_told_and_stays_alone(sim_env, effect, code):
    fault = f"gpu3:fn=nvmlDeviceGetTotalEnergyConsumption:{effect}"
    report = sim_env("h100x8", options=["--fault", fault])
    gpus = devices_of(report, "gpu")
    assert len(gpus) == 8
    assert energy(report, 3) == code or gpus[3]["domains"][0]["source"] != COUNTER
    for other in (0, 1, 2, 4, 5, 6, 7):
        assert isinstance(energy(report, other), int)
        assert gpus[other]["domains"][0]["source"] == COUNTER


def test_a_counter_that_is_not_supported_leaves_integrated_power(sim_env):
    fault = "gpu1:fn=nvmlDeviceGetTotalEnergyConsumption:NOT_SUPPORTED"
    gpus = devices_of(sim_env("demo", options=["--fault", fault]), "gpu")
    assert gpus[1]["domains"][0]["source"] == POWER
    assert gpus[1]["features"]["energy-counter"]["usable"] is False
    assert gpus[0]["domains"][0]["source"] == COUNTER


def test_a_lost_gpu_hides_no_other(sim_env):
    report = sim_env("h100x8", options=["--fault", "gpu0:GPU_IS_LOST"])
    names = [d["physical_index"] for d in devices_of(report, "gpu")
             if isinstance(d["domains"][0]["energy_uj"] if d["domains"] else None, int)]
    assert names == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("function, feature", [
    ("nvmlDeviceGetTotalEnergyConsumption", "energy-counter"),
    ("nvmlDeviceGetFieldValues", "power-average"),
    ("nvmlDeviceGetUtilizationRates", "utilization"),
    ("nvmlDeviceGetPersistenceMode", "persistence"),
])
def test_a_missing_function_loses_one_feature(sim_env, function, feature):
    whole = devices_of(sim_env("demo"), "gpu")[0]["features"]
    assert whole[feature]["usable"] is True
    lost = devices_of(sim_env("demo", options=["--fault", f"nvml:MISSING={function}"]),
                      "gpu")[0]["features"]
    assert lost[feature]["usable"] is False
    changed = {f for f in whole if whole[f]["usable"] != lost[f]["usable"]}
    allowed = {feature}
    if function == "nvmlDeviceGetFieldValues":
        allowed |= {"power-instant", "power-memory"}
    assert changed <= allowed


def test_a_file_that_vanishes_loses_one_domain(sim_env):
    before = devices_of(sim_env("xeon-2s"), "cpu")
    assert [len(d["domains"]) for d in before] == [2, 2]
    report = sim_env("xeon-2s", options=["--fault", "cpu1:VANISH"])
    after = devices_of(report, "cpu")
    assert len(after) == 2
    assert isinstance(after[0]["domains"][0]["energy_uj"], int)


def test_doctor_fails_on_a_lost_gpu_and_passes_without(zeus, sim):
    assert sim("demo", ZEUS, "doctor").returncode == 0
    done = sim("demo", ZEUS, "doctor", options=["--fault", "gpu1:GPU_IS_LOST"])
    assert done.returncode == 1
    assert re.search(r"^fail .*gpu1", done.stdout, re.M)


def test_an_ordinary_process_never_sees_the_simulation(zeus):
    report = zeus("env", "--json").stdout
    assert '"simulated"' not in report
