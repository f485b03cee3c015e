# SPDX-License-Identifier: Apache-2.0
"""A session of libzeus and its typed client against the real daemon on a simulated node: settings
reach their board through the daemon, counters that cannot be read come from it and agree with the
truth, sums are the same, restarts leave holes and never negative energies."""
import json
import os
import subprocess
import time

import pytest

from zeusd import BUILD, KEY, ZEUS, ZEUSD, Daemon, Node

GPU_PROBE = BUILD / "tests" / "gpu_probe"
ENERGY_PROBE = BUILD / "tests" / "energy_probe"
PROBE = BUILD / "tests" / "daemon_probe"

pytestmark = pytest.mark.skipif(not ZEUSD.exists(), reason="zeusd is not built")


def run(node, daemon, *command, env=None, check=True, tcp=False):
    place = ({"ZEUSD_HOST_PORT": f"127.0.0.1:{daemon.port}"} if tcp else
             {"ZEUSD_SOCK_PATH": str(daemon.socket_path)})
    done = subprocess.run([*map(str, command)], env={**node.env, **place, **(env or {})},
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or not check, done.stderr + done.stdout
    return done


def ask(node, daemon, *args, **kwargs):
    return [json.loads(line)
            for line in run(node, daemon, PROBE, *args, check=False, **kwargs).stdout.splitlines()]


def env_of(node, daemon, env):
    return json.loads(run(node, daemon, ZEUS, "env", "--json", env=env).stdout)


@pytest.fixture(scope="module")
def demo():
    with Node("demo") as node, Daemon(node, mode="both") as daemon:
        yield node, daemon


def test_settings_go_through_it_to_the_right_board(demo):
    node, daemon = demo
    before = node.settings()
    # The visible 0 is the driver's 1.
    report = json.loads(run(node, daemon, GPU_PROBE, "set-limit", "0", "250",
                            env={"CUDA_VISIBLE_DEVICES": "1"}).stdout)
    after = node.settings()
    assert after[0] == before[0]
    assert after[1][0] == 250000
    assert '"setting":"power_limit"' in daemon.log()  # its audit line: it was the daemon
    assert len(report["gpus"]) == 1
    run(node, daemon, GPU_PROBE, "persist", "0", "1")
    run(node, daemon, GPU_PROBE, "lock", "1", "600", "1200", tcp=True)
    assert node.settings()[1][2] == (600, 1200)
    run(node, daemon, GPU_PROBE, "unlock", "1")
    assert node.settings()[1][2] == before[1][2]
    run(node, daemon, GPU_PROBE, "set-limit", "1", str(before[1][0] // 1000))
    assert node.settings()[1][0] == before[1][0]


def test_the_typed_client(demo):
    node, daemon = demo
    info = ask(node, daemon, "info")[0]
    assert info["dialect"] == 10 and len(info["gpus"]) == 2 and info["cpus"][0]["name"]
    for what in ("power", "energy", "limit", "range", "persistence", "temperature", "clocks",
                 "utilization"):
        rows = ask(node, daemon, "gpu", what)[0]["rows"]
        assert [r["id"] for r in rows] == [0, 1] and all(r["valid"] for r in rows)
        assert ask(node, daemon, "gpu", what, "partial")[0]["rows"]
    assert ask(node, daemon, "cpu", "energy")[0]["rows"][0]["cpu"] > 0
    assert ask(node, daemon, "cpu", "power")[0]["rows"][0]["cpu"] > 0
    assert abs(ask(node, daemon, "clock")[0]["offset_ns"]) < 1e9
    for kind in ("gpu-power", "cpu-power", "gpu-energy", "cpu-energy", "gpu-temperature",
                 "gpu-clocks"):
        samples = ask(node, daemon, "stream", kind, "5")
        assert len(samples) >= 5 and all(s["lost"] == 0 for s in samples)


def test_leases(demo):
    node, daemon = demo
    original = node.settings()[0][0]
    assert ask(node, daemon, "set-limit", "0", "300000", "job", "60") == [{}]
    assert node.settings()[0][0] == 300000
    assert ask(node, daemon, "holds")[0]["holds"] == [
        {"lease": "job", "setting": "power_limit", "gpu_id": 0, "original": original,
         "value": 300000}]
    refused = ask(node, daemon, "set-limit", "0", "250000", "other", "60")[0]
    assert refused["error"] == "busy" and refused["status"] == 409
    assert ask(node, daemon, "renew", "job", "60") == [{}]
    assert ask(node, daemon, "release", "job") == [{}]
    assert node.settings()[0][0] == original
    held = ask(node, daemon, "hold", "stay", "0", "0.3")[0]
    assert held["state"] == 1


def test_history_and_windows(demo):
    node, daemon = demo
    history = ask(node, daemon, "history")[0]
    assert "error" not in history and history["history"]
    window = ask(node, daemon, "window", "train", "0.3")[0]
    assert "error" not in window and window["window"]


@pytest.mark.parametrize("name", ["demo", "xeon-2s", "xeon-gaps", "epyc-mirror"])
def test_counters_that_cannot_be_read_here(name, empty_root):
    """A client without powercap and perf_event sees what the daemon sees, sums the same domains,
    and measures what the hardware really used."""
    with Node(name) as node, Daemon(node) as daemon:
        blind = {"ZEUS_SYSFS_ROOT": str(empty_root)}
        here = env_of(node, daemon, {})
        there = env_of(node, daemon, blind)
        cpus = [d for d in here["devices"] if d["kind"] in ("cpu", "platform")]
        remote = [d for d in there["devices"] if d["kind"] in ("cpu", "platform")]
        assert {(d["kind"], d["name"]) for d in cpus} == {(d["kind"], d["name"]) for d in remote}
        assert all("zeusd " in dom["origin"] for d in remote for dom in d["domains"])

        def summed(report):
            return sorted(str(place) for place in report["summed_domains"])
        assert summed(here) == summed(there)
        start = time.monotonic()
        done = run(node, daemon, ENERGY_PROBE, "1", env=blind)
        for line in done.stdout.splitlines():
            device, domain, source, _, from_ns, to_ns, energy_uj, worst, error = line.split()
            if source != "counter" or device.startswith("gpu"):
                continue
            assert error == "0" and float(worst) >= 0, line
            assert float(energy_uj) > 0, line
        assert time.monotonic() - start < 30


def test_a_restart_in_the_middle_leaves_a_hole(empty_root):
    with Node("demo") as node:
        first = Daemon(node)
        env = {**node.env, "ZEUS_SYSFS_ROOT": str(empty_root),
               "ZEUSD_SOCK_PATH": str(first.socket_path)}
        probe = subprocess.Popen([ENERGY_PROBE, "3"], env=env, stdout=subprocess.PIPE, text=True)
        time.sleep(0.8)
        first.kill()
        with Daemon(node, directory=first.dir):
            out, _ = probe.communicate(timeout=60)
        lines = [line.split() for line in out.splitlines() if "counter" in line]
        cpu = [line for line in lines if not line[0].startswith("gpu")]
        assert cpu
        for line in cpu:
            assert float(line[7]) >= 0, line  # no total ever fell
            assert line[8] != "0", line       # and that something was missing was told


def test_tokens(empty_root):
    with Node("demo") as node, Daemon(node, key=KEY) as daemon:
        shown = env_of(node, daemon, {})["daemon"]
        assert shown["answers"] and shown["token"] == "missing"
        token = subprocess.run([ZEUSD, "token", "issue", "--signing-key-path", daemon.dir / "key",
                                "--user", "dana", "--scope", "gpu-read,gpu-control", "--expires",
                                "1h"], capture_output=True, text=True, check=True).stdout.strip()
        shown = env_of(node, daemon, {"ZEUSD_TOKEN": token})["daemon"]
        assert shown["token"] == "accepted" and shown["scopes"] == ["gpu-control", "gpu-read"]
        refused = ask(node, daemon, "cpu", "energy", env={"ZEUSD_TOKEN": token})[0]
        assert refused["error"] == "no-permission"
        samples = ask(node, daemon, "stream", "gpu-power", "3", env={"ZEUSD_TOKEN": token})
        assert len(samples) >= 3


@pytest.fixture
def empty_root(tmp_path):
    """A root without any counter; the CPUs of the machine are not told either."""
    for name in ("sys", "proc"):
        os.makedirs(tmp_path / "root" / name)
    return tmp_path / "root"
