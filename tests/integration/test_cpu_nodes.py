# SPDX-License-Identifier: Apache-2.0
"""CPUs, platforms and SoCs of simulated nodes: what the library measures against the truth.

One process keeps reading, as a sampler does, while the simulation goes on; then the simulator is
asked for the exact integral over the very same nanoseconds. Busy machines may delay the writer of
the simulated files, so that the tolerance is a quarter of a second's energy at each end; the
mistakes looked for (a wrap, a joule counted twice) are hundreds to thousands of times larger.
"""
import collections
import json
import subprocess

import pytest

from conftest import BUILD, ZEUS

PROBE = BUILD / "tests" / "energy_probe"
Track = collections.namedtuple(
    "Track", "device domain source summed from_ns to_ns energy_j worst_uj error")


def parse(line):
    words = line.rsplit(" ", 7)
    device, domain = words[0].rsplit(" ", 1)
    return Track(device, domain, words[1], words[2] == "1", int(words[3]), int(words[4]),
                 int(words[5]) / 1e6, int(words[6]), int(words[7]))


def measure(node, channels, clean_env, load=(), seconds=1.5):
    """[(track, truth in J, mean power in W)] for {(device, domain): (simulated device, channel)}."""
    loads = " ".join(f"{ZEUS} sim load --device {d} --level 1 --seconds {seconds / 2} &"
                     for d in load)
    script = f"{loads} {PROBE} {seconds}; echo; "
    script += "while read -r command; do eval \"$command\"; done"
    process = subprocess.Popen([ZEUS, "sim", "--node", node, "--", "sh", "-c", script],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=clean_env)
    tracks = []
    for line in iter(process.stdout.readline, "\n"):
        assert line, f"the probe ended with {process.wait()}"
        tracks.append(parse(line.rstrip("\n")))
    wanted = [t for t in tracks if (t.device, t.domain) in channels]
    asked = ""
    for t in wanted:
        device, channel = channels[t.device, t.domain]
        asked += (f"{ZEUS} sim truth --device {device} --domain {channel} "
                  f"--from {t.from_ns}ns --to {t.to_ns}ns --json\n")
    out, _ = process.communicate(asked, timeout=60)
    truths = [json.loads(line) for line in out.splitlines()]
    assert len(truths) == len(wanted) == len(channels)
    return tracks, [(t, truth["energy_j"], truth["mean_power_w"])
                    for t, truth in zip(wanted, truths)]


def check(results):
    for track, truth_j, power_w in results:
        assert track.error == 0, track
        assert track.worst_uj >= 0, f"{track.domain} fell"
        assert track.energy_j == pytest.approx(truth_j, abs=0.5 * power_w + 0.001), track


def test_xeon_through_a_wrap(clean_env):
    channels = {("package-0", "package-0"): ("cpu0", "package"),
                ("package-1", "package-1"): ("cpu1", "package"),
                ("package-0", "dram"): ("cpu0", "dram"), ("package-1", "dram"): ("cpu1", "dram"),
                ("psys", "psys"): ("psys", "psys")}
    tracks, results = measure("xeon-2s", channels, clean_env, load=("cpu0",))
    check(results)
    assert [(t.device, t.domain) for t in tracks if t.summed] == [("psys", "psys")]
    # The node starts package 0 so close to its range that these seconds hold a wrap.
    package = next(t for t in tracks if t.domain == "package-0")
    assert package.energy_j > 30


def test_zone_numbers_with_gaps(clean_env):
    channels = {("package-0", "package-0"): ("cpu0", "package"),
                ("package-1", "package-1"): ("cpu1", "package")}
    _, results = measure("xeon-gaps", channels, clean_env, load=("cpu1",), seconds=1)
    check(results)
    idle, busy = (next(t.energy_j for t, _, _ in results if t.device == d)
                  for d in ("package-0", "package-1"))
    assert busy > 1.5 * idle  # and not the other way round


def test_mirrored_dies_are_summed_once(clean_env):
    channels = {("package-0-die-0", "package-0-die-0"): ("cpu0", "package"),
                ("package-0-die-1", "package-0-die-1"): ("cpu1", "package")}
    tracks, results = measure("epyc-mirror", channels, clean_env, seconds=1)
    check(results)
    assert [t.device for t in tracks if t.summed] == ["package-0-die-0"]


@pytest.mark.parametrize("node, rails", [
    ("jetson-orin", {"VDD_GPU_SOC": "gpu", "VDD_CPU_CV": "cpu", "VIN_SYS_5V0": "vin",
                     "VDDQ_VDD2_1V8AO": "vddq"}),
    ("jetson-xavier", {"GPU": "gpu", "CPU": "cpu", "SOC": "soc", "VDDRQ": "vddrq",
                       "SYS5V": "sys"}),
])
def test_jetson_rails(clean_env, sim_env, node, rails):
    name = next(d["name"] for d in sim_env(node)["devices"])
    channels = {(name, rail): ("soc0", channel) for rail, channel in rails.items()}
    tracks, results = measure(node, channels, clean_env, load=("soc0",), seconds=1)
    check(results)
    inside = {"VDDQ_VDD2_1V8AO"}  # fed by the 5 V rail
    assert {t.domain for t in tracks if t.summed} == set(rails) - inside


def test_grace_by_its_meters(clean_env):
    channels = {("package-0", "package-0"): ("hwmon0", "grace"),
                ("package-0", "cpu"): ("hwmon0", "cpu"),
                ("package-0", "sysio"): ("hwmon0", "sysio")}
    tracks, results = measure("gh200", channels, clean_env, seconds=1)
    check(results)
    assert not any(t.summed for t in tracks)  # the GPU's counter holds the whole module


def test_process_to_package(sim_env):
    report = sim_env("xeon-gaps")
    cpus = [d for d in report["devices"] if d["kind"] == "cpu"]
    assert [(d["name"], d["physical_index"]) for d in cpus] == [("package-0", 2), ("package-1", 0)]


def test_a_vanished_file_leaves_the_rest(sim, clean_env):
    script = (f"rm \"$(readlink -f $ZEUS_SYSFS_ROOT/sys/class/powercap/intel-rapl:1)\"/energy_uj; "
              f"{ZEUS} env --json")
    done = sim("xeon-2s", "sh", "-c", script)
    cpus = [d for d in json.loads(done.stdout)["devices"] if d["kind"] == "cpu"]
    assert cpus[0]["features"]["energy-counter"]["usable"] is True
    assert cpus[1]["features"]["energy-counter"]["usable"] is False
    assert "energy_uj" in cpus[1]["features"]["energy-counter"]["reason"]
