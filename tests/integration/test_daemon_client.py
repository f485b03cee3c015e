# SPDX-License-Identifier: Apache-2.0
"""libzeus against stand-ins for the daemon in every dialect, with a simulated node's GPUs: which
settings get through and to which board, counters through the daemon, and what the programs say."""
import json
import re
import subprocess

import pytest

from conftest import BUILD, ZEUS
from zeusd_dialects import DIALECTS, Daemon

GPU_PROBE = BUILD / "tests" / "gpu_probe"
ENERGY_PROBE = BUILD / "tests" / "energy_probe"
PROBE = BUILD / "tests" / "daemon_probe"
LEVELS = {"v0.2.0": 2, "v0.3.0": 3, "v0.4.0": 4, "v0.5.0": 5, "master": 6}

pytestmark = pytest.mark.skipif(not (BUILD / "sim" / "bin" / "zeus-sim").exists(),
                                reason="the simulator is not built")


@pytest.fixture(scope="module")
def addresses():
    done = subprocess.run([ZEUS, "sim", "--node", "h100x8", "--", ZEUS, "env", "--json"],
                          capture_output=True, text=True, check=True, timeout=60)
    return [d["pci"] for d in json.loads(done.stdout)["devices"] if d["kind"] == "gpu"]


@pytest.fixture
def probe(clean_env):
    """Runs daemon_probe against a stand-in; the parsed answer."""
    def run(daemon, *args, env=None):
        done = subprocess.run([PROBE, *args], capture_output=True, text=True, timeout=30,
                              env={**clean_env, "ZEUSD_SOCK_PATH": daemon.path, **(env or {})})
        return [json.loads(line) for line in done.stdout.splitlines()]
    return run


def change(sim, daemon, *args, env=None):
    """One setting through a session on the simulated node; how it went."""
    done = sim("h100x8", GPU_PROBE, *args, options=("--virtual",),
               env={"ZEUSD_SOCK_PATH": daemon.path, **(env or {})})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["change"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_setting_reaches_its_board_or_none(dialect, tmp_path, sim, addresses):
    shuffled = addresses[3:] + addresses[:3]  # our 0 is the daemon's 5
    with Daemon(tmp_path / "d", dialect, shuffled) as daemon:
        told = change(sim, daemon, "set-limit", "0", "400")
        if dialect == "master":
            assert daemon.writes == [(5, "set_power_limit", {"power_limit_mw": 400000})]
        else:
            assert daemon.writes == []
            assert "ZEUS_TRUST_INDEX" in json.dumps(told)
        daemon.writes.clear()
        change(sim, daemon, "set-limit", "1", "400", env={"ZEUS_TRUST_INDEX": "1"})
        expected = 6 if dialect == "master" else 1
        assert daemon.writes == [(expected, "set_power_limit", {"power_limit_mw": 400000})]
        daemon.writes.clear()
        for args, name, values in [
                (("lock", "2", "600", "1200"), "set_gpu_locked_clocks",
                 {"min_clock_mhz": 600, "max_clock_mhz": 1200}),
                (("unlock", "2"), "reset_gpu_locked_clocks", {})]:
            change(sim, daemon, *args, env={"ZEUS_TRUST_INDEX": "1"})
            assert (7 if dialect == "master" else 2, name, values) in daemon.writes


def test_an_unchanged_limit_sends_nothing(tmp_path, sim, addresses):
    with Daemon(tmp_path / "d", "master", addresses) as daemon:
        change(sim, daemon, "set-limit", "0", "700")  # what it is
        assert not [r for r in daemon.requests if r[0] == "POST"]
        change(sim, daemon, "set-limit", "0", "9999")  # out of range
        assert daemon.writes == []


def test_a_board_that_the_daemon_does_not_list(tmp_path, sim, addresses):
    with Daemon(tmp_path / "d", "master", addresses[:2]) as daemon:
        told = change(sim, daemon, "set-limit", "5", "400")
        assert daemon.writes == []
        assert f"lists no GPU at {addresses[5]}" in json.dumps(told)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_told_and_read(dialect, tmp_path, probe, addresses):
    with Daemon(tmp_path / "d", dialect, addresses, {0: True, 1: False}) as daemon:
        info = probe(daemon, "info")[0]
        assert info["dialect"] == LEVELS[dialect]
        rows = probe(daemon, "cpu", "energy")[0]["rows"]
        assert [r["id"] for r in rows] == [0, 1]
        assert rows[0]["has_dram"] and not rows[1]["has_dram"]
        power = probe(daemon, "gpu", "power")[0]
        limit = probe(daemon, "gpu", "limit")[0]
        clock = probe(daemon, "clock")[0]
        if dialect == "v0.2.0":
            assert power["error"] == "not-supported"
        else:
            assert [r["power_mw"] for r in power["rows"]] == list(range(70000, 70008))
            assert len(probe(daemon, "stream", "gpu-power", "8")) == 8
        assert ("error" in limit) == (LEVELS[dialect] < 5)
        assert ("error" in clock) == (LEVELS[dialect] < 4)
        assert probe(daemon, "gpu", "temperature")[0]["error"] == "not-supported"
        assert probe(daemon, "release", "x")[0]["error"] == "not-supported"
        assert "error" not in probe(daemon, "reset", "3")[0]
        assert {w[1] for w in daemon.writes} == (
            {"reset_locked_clocks"} if dialect == "master" else
            {"reset_gpu_locked_clocks", "reset_mem_locked_clocks"})


@pytest.mark.parametrize("dialect", DIALECTS)
def test_counters_come_from_the_daemon(dialect, tmp_path, clean_env, empty_root):
    topology = empty_root / "sys/devices/system/cpu/cpu0/topology"
    topology.mkdir(parents=True)
    (topology / "physical_package_id").write_text("0\n")
    with Daemon(tmp_path / "d", dialect, cpus={0: True}) as daemon:
        done = subprocess.run([ENERGY_PROBE, "0.3"], capture_output=True, text=True, timeout=30,
                              env={**clean_env, "ZEUSD_SOCK_PATH": daemon.path,
                                   "ZEUS_SYSFS_ROOT": str(empty_root)})
        assert done.returncode == 0, done.stderr
        lines = {line.split()[1]: line.split() for line in done.stdout.splitlines()}
        assert set(lines) == {"package-0", "dram"}
        for name, watts in [("package-0", 10), ("dram", 2)]:
            _, _, source, _, start, end, energy_uj, worst, error = lines[name]
            assert source == "counter" and error == "0" and float(worst) >= 0
            seconds = (int(end) - int(start)) / 1e9
            assert float(energy_uj) / 1e6 / seconds == pytest.approx(watts, rel=0.2)


def test_groups_and_tokens(tmp_path, zeus, empty_root, probe):
    with Daemon(tmp_path / "d", "master", ["0000:01:00.0"], {0: False}, token="s3cret",
                scopes=["gpu-read"]) as daemon:
        env = {"ZEUSD_SOCK_PATH": daemon.path, "ZEUS_SYSFS_ROOT": str(empty_root)}
        shown = json.loads(zeus("env", "--json", env=env).stdout)["daemon"]
        assert shown["answers"] and shown["token"] == "missing"
        env["ZEUSD_TOKEN"] = "wrong"
        shown = json.loads(zeus("env", "--json", env=env).stdout)["daemon"]
        assert shown["token"] == "refused"
        env["ZEUSD_TOKEN"] = "s3cret"
        done = zeus("env", "--json", env=env)
        shown = json.loads(done.stdout)["daemon"]
        assert shown["token"] == "accepted" and shown["scopes"] == ["gpu-read"]
        assert shown["dialect"] == "master"
        for command in (("env",), ("doctor",), ("env", "--json"), ("doctor", "--json")):
            done = zeus(*command, env=env)
            assert "s3cret" not in done.stdout + done.stderr
        assert re.search(r"^warn +daemon\.gpu-control +the token does not allow it",
                         zeus("doctor", env=env).stdout, re.M)
        answer = probe(daemon, "set-limit", "0", "1", env={"ZEUSD_TOKEN": "s3cret"})[0]
        assert answer["error"] == "no-permission" and "dana lacks gpu-control" in answer["message"]


def test_a_daemon_that_is_not_there(tmp_path, sim):
    done = sim("h100x8", GPU_PROBE, "set-limit", "0", "400", options=("--virtual",),
               env={"ZEUSD_SOCK_PATH": str(tmp_path / "none")})
    report = json.loads(done.stdout)
    assert len(report["gpus"]) == 8  # measured all the same
    assert str(tmp_path / "none") in json.dumps(report["change"])
    done = sim("h100x8", ZEUS, "env", env={"ZEUSD_SOCK_PATH": str(tmp_path / "none")})
    assert "start zeusd" in done.stdout
