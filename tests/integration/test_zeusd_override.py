# SPDX-License-Identifier: Apache-2.0
"""Command overrides and the audit log of the running daemon. The commands write down what they were
told in a file, which is what the hardware behind them would have heard."""
import json
import os
import signal
import time

import pytest

from zeusd import Daemon, Node


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


class Site:
    """An override file whose commands append to `heard`."""

    def __init__(self, directory):
        self.path = directory / "overrides.toml"
        self.heard_path = directory / "heard"

    def write(self, *tables):
        self.path.write_text("\n".join(tables) + "\n")
        return self

    def table(self, operation, words, extra=""):
        return (f"[{operation}]\ncommands = ['''sh -c 'echo \"$@\" >> {self.heard_path}' - "
                f"{operation} {words}''']\n{extra}")

    def heard(self):
        return self.heard_path.read_text().splitlines() if self.heard_path.exists() else []


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    return site.write(
        site.table("set_gpu_locked_clocks", "{gpu_id} {min_clock_mhz} {max_clock_mhz}"),
        site.table("reset_gpu_locked_clocks", "{gpu_id}"),
        "[set_persistence_mode]\ncommands = [\"sh -c 'echo no luck >&2; exit 7'\"]",
        "[set_mem_locked_clocks]\ncommands = [\"sleep 100\"]")


def start(node, site, *args):
    return Daemon(node, "--gpu-command-overrides", site.path, *args)


def lock(gpus, low, high, extra=""):
    return (f"/gpu/set_gpu_locked_clocks?gpu_ids={gpus}&min_clock_mhz={low}&max_clock_mhz={high}"
            f"&block=true{extra}")


def audit_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_commands_replace_the_driver(node, site):
    with start(node, site) as daemon:
        assert daemon.post(lock("1,0", 300, 900)).status == 200
        assert sorted(site.heard()) == ["set_gpu_locked_clocks 0 300 900",
                                        "set_gpu_locked_clocks 1 300 900"]
        assert node.settings()[0][2] == (0, 0)  # the driver was left alone
        limit = "/gpu/set_power_limit?gpu_ids=0&block=true&power_limit_mw="
        assert daemon.post(limit + "200000").status == 200  # no table: the driver
        assert node.settings()[0][0] == 200000
        assert daemon.post(limit + "300000").status == 200


def test_a_failure_is_told(node, site):
    with start(node, site) as daemon:
        reply = daemon.post("/gpu/set_persistence_mode?gpu_ids=2&enabled=true&block=true")
        assert reply.status == 500
        for words in ("exit code 7", "no luck", "sh -c"):
            assert words in reply.json["errors"]["2"]


def test_a_lease_ends_through_the_command(node, site):
    with start(node, site) as daemon:
        assert daemon.post(lock(0, 300, 900, "&lease=a&ttl_s=60")).status == 200
        assert daemon.post("/lease/release?lease=a").status == 200
        assert site.heard() == ["set_gpu_locked_clocks 0 300 900", "reset_gpu_locked_clocks 0"]


def test_stopping_restores_through_the_command(node, site, tmp_path):
    with start(node, site, "--audit-log", tmp_path / "audit") as daemon:
        assert daemon.post(lock(0, 300, 900, "&lease=a&ttl_s=60")).status == 200
    assert site.heard() == ["set_gpu_locked_clocks 0 300 900", "reset_gpu_locked_clocks 0"]
    write, restore = audit_lines(tmp_path / "audit")
    assert (write["event"], write["lease"], write["uid"]) == ("write", "a", os.getuid())
    assert write["changes"] == [{"setting": "gpu_clocks", "old": "unlocked", "new": [300, 900]}]
    assert (restore["event"], restore["owner"]) == ("restore", "zeusd")
    assert restore["lease_owner"] == f"uid:{os.getuid()}"
    assert restore["changes"] == [{"setting": "gpu_clocks", "old": [300, 900], "new": "unlocked"}]


def test_killed_and_restored_through_the_command(node, site, tmp_path):
    with Daemon(node, "--gpu-command-overrides", site.path, directory=tmp_path) as daemon:
        assert daemon.post(lock(0, 300, 900, "&lease=a&ttl_s=60")).status == 200
        daemon.kill()
    with Daemon(node, "--gpu-command-overrides", site.path, directory=tmp_path):
        assert site.heard()[-1] == "reset_gpu_locked_clocks 0"


def test_a_slow_command_delays_no_read_and_no_stop(node, site):
    with start(node, site) as daemon:
        slow = "/gpu/set_mem_locked_clocks?gpu_ids=0&min_clock_mhz=1&max_clock_mhz=2&block=false"
        assert daemon.post(slow).status == 200
        begin = time.monotonic()
        assert daemon.get("/gpu/get_power_limit?gpu_ids=0").status == 200
        assert daemon.post("/gpu/reset_gpu_locked_clocks?gpu_ids=1&block=true").status == 200
        assert daemon.stop() == 0
        assert time.monotonic() - begin < 15


def test_reload(node, site):
    with start(node, site) as daemon:
        site.write(site.table("reset_gpu_locked_clocks", "new {gpu_id}"))
        daemon.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while "new" not in " ".join(site.heard()):
            assert time.monotonic() < deadline
            assert daemon.post("/gpu/reset_gpu_locked_clocks?gpu_ids=3&block=true").status == 200
        before = daemon.log().count("overrides.toml")
        site.write("[set_power]\ncommands = ['x']")  # refused: the one before stays
        daemon.process.send_signal(signal.SIGHUP)
        while daemon.log().count("overrides.toml") == before:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert "unknown field" in daemon.log()
        assert daemon.post("/gpu/reset_gpu_locked_clocks?gpu_ids=3&block=true").status == 200
        assert site.heard()[-1] == "reset_gpu_locked_clocks new 3"


def test_an_untrusted_file_stops_the_start(node, site):
    os.chmod(site.path, 0o646)
    with pytest.raises(RuntimeError, match="can be written by everybody"):
        start(node, site)
    os.chmod(site.path, 0o664)
    with start(node, site) as daemon:
        assert "can be written by its group" in daemon.log()


def test_refusals_in_the_audit_log(node, site, tmp_path):
    path = tmp_path / "audit"
    with start(node, site, "--audit-log", path) as daemon:
        limit = "/gpu/set_power_limit?gpu_ids=0&block=true&power_limit_mw="
        for _ in range(50):
            assert daemon.post(limit + "1000").status == 400
        assert daemon.post(limit + "250000").status == 200
        assert daemon.post(limit + "300000").status == 200
    lines = audit_lines(path)
    failed = [line for line in lines if line["outcome"] != "ok"]
    assert len(lines) == 4 and len(failed) == 2
    assert failed[0]["outcome"] == "range" and "reason" in failed[0]
    assert sum(line.get("repeated", 1) for line in failed) == 50
    done = [line for line in lines if line["outcome"] == "ok"]
    assert [line["changes"][0]["new"] for line in done] == [250000, 300000]
    assert done[0]["changes"][0]["old"] == 300000
    assert done[0]["pci_address"] and done[0]["address"] == "unix"
    assert (path.stat().st_mode & 0o777) == 0o640
