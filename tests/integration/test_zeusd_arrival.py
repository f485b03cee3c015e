# SPDX-License-Identifier: Apache-2.0
"""GPUs that come after the daemon's start: a driver loaded late, a GPU that did not answer, and what
a daemon that was killed had left on it. Nothing is looked for while nobody asks."""
import time

import pytest

from test_zeusd_observe import scrape, value, wait_for
from zeusd import Daemon, Node, Stream

LATE_S = 8  # of the node's time, which begins before the daemon
LIMIT = "/gpu/set_power_limit?block=true&gpu_ids={}&power_limit_mw={}"


def gpus(daemon):
    return daemon.get("/discover").json["gpus"]


def test_a_driver_that_is_loaded_late():
    with Node(faults=[f"nvml:fn=nvmlInit*:at=0s:for={LATE_S}s:DRIVER_NOT_LOADED"]) as node, \
            Daemon(node) as daemon:
        assert gpus(daemon) == [] and len(daemon.get("/discover").json["cpus"]) == 2
        assert daemon.get("/gpu/get_power").json["power_mw"] == {}
        assert daemon.get("/gpu/get_power?gpu_ids=0").status == 400
        assert value(scrape(daemon), "zeus_device_up", device="cpu0") == 1
        with Stream(daemon, "/cpu/stream_power?cpu_ids=1") as cpu:
            cpu.event()
            found = wait_for(lambda: gpus(daemon), 40)
            assert cpu.event()["cpu_id"] == 1
        assert [g["id"] for g in found] == [0, 1, 2, 3]
        assert [g["pci_address"] for g in found][2] == "0000:a3:00.0"
        assert all(g["cumulative_energy_available"] and g["uuid"] for g in found)
        assert daemon.get("/health").json["gpus"] == 4
        assert len(daemon.get("/gpu/get_power").json["power_mw"]) == 4
        assert daemon.get("/gpu/get_cumulative_energy?gpu_ids=3").json["3"]["energy_mj"] > 0
        with Stream(daemon, "/gpu/stream_power") as stream, \
                Stream(daemon, "/cpu/stream_power?cpu_ids=0") as cpu:
            assert {stream.event()["gpu_id"] for _ in range(12)} == {0, 1, 2, 3}
            assert cpu.event()["cpu_id"] == 0
        assert daemon.post(LIMIT.format(3, 200000) + "&lease=a&ttl_s=60").status == 200
        assert node.settings()[3][0] == 200000
        assert daemon.post("/lease/release?lease=a").status == 200
        assert node.settings()[3][0] == 300000
        samples = scrape(daemon)
        for gpu in range(4):
            assert value(samples, "zeus_device_up", device=f"gpu{gpu}") == 1
            assert value(samples, "zeus_energy_joules_total", device=f"gpu{gpu}", domain="gpu") >= 0
        shown = {(s["device"], s["id"]) for s in daemon.get("/history").json["series"]}
        assert {("gpu", 2), ("cpu", 0)} <= shown
        assert daemon.post("/window/begin?name=w").status == 200
        energy = daemon.post("/window/end?name=w")
        assert energy.status == 200, energy.text
        assert "is there now: GPU 0" in daemon.log()


def test_nobody_asks_nobody_looks():
    """The daemon sleeps although GPUs are lacking."""
    with Node(faults=[f"nvml:fn=nvmlInit*:at=0s:for={LATE_S}s:DRIVER_NOT_LOADED"]) as node, \
            Daemon(node) as daemon:
        gpus(daemon)
        time.sleep(0.5)
        before = daemon.wakeups()
        time.sleep(LATE_S)
        assert daemon.wakeups() == before
        assert wait_for(lambda: gpus(daemon), 20)


def test_a_gpu_that_answers_later():
    """It has its number from the start, and its name, counter and history when it answers."""
    with Node(faults=[f"gpu1:at=0s:for={LATE_S}s:GPU_IS_LOST"]) as node, Daemon(node) as daemon:
        listed = gpus(daemon)
        assert [g["id"] for g in listed] == [0, 1, 2, 3]
        assert listed[1]["pci_address"] == "" and not listed[1]["cumulative_energy_available"]
        power = daemon.get("/gpu/get_power?partial=true").json
        assert list(power["power_mw"]) == ["0", "2", "3"] and list(power["errors"]) == ["1"]
        assert value(scrape(daemon), "zeus_device_up", device="gpu1") == 0
        wait_for(lambda: daemon.get("/gpu/get_power").status == 200, 40)
        there = wait_for(lambda: [g for g in gpus(daemon) if g["pci_address"] == "0000:27:00.0"])
        assert there[0]["id"] == 1 and there[0]["cumulative_energy_available"]
        assert len(gpus(daemon)) == 4
        samples = scrape(daemon)
        assert value(samples, "zeus_device_up", device="gpu1") == 1
        assert value(samples, "zeus_energy_joules_total", device="gpu1", domain="gpu") >= 0
        assert daemon.get("/gpu/get_cumulative_energy?gpu_ids=1").status == 200
        with Stream(daemon, "/gpu/stream_energy?gpu_ids=1") as stream:
            assert stream.event()["energy_uj"] >= 0


def test_what_was_left_on_a_gpu_that_was_away(tmp_path):
    """kill -9 with a lease; the next daemon starts without the GPU; it comes, and so does its
    original."""
    with Node(faults=[f"gpu1:at=6s:for={LATE_S}s:GPU_IS_LOST"]) as node:
        begin = time.monotonic()
        first = Daemon(node, directory=tmp_path)
        assert first.post(LIMIT.format(1, 150000) + "&lease=a&ttl_s=600").status == 200
        assert first.post(LIMIT.format(2, 150000) + "&lease=a&ttl_s=600").status == 200
        first.kill()
        if time.monotonic() - begin > 5:
            pytest.skip("the machine is too slow for this test")
        time.sleep(max(0, begin + 6.2 - time.monotonic()))
        with Daemon(node, directory=tmp_path) as second:
            settings = node.settings()
            assert (settings[1][0], settings[2][0]) == (150000, 300000)
            assert "is not there" in second.log()
            wait_for(lambda: second.get("/gpu/get_power").status == 200, 40)
            wait_for(lambda: node.settings()[1][0] == 300000, 20)
