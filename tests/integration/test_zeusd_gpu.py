# SPDX-License-Identifier: Apache-2.0
"""GPU routes of zeusd against a simulated node: the daemon cases of the specification's section
13.1, with the hardware's own settings as the witness."""
import concurrent.futures
import json
import time

import pytest

from zeusd import Daemon, Node, Stream

IDLE = (300000, False, (0, 0), 0)


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


@pytest.fixture
def daemon(node):
    with Daemon(node) as daemon:
        yield daemon
        for gpu in "0123":
            daemon.post(f"/gpu/set_power_limit?gpu_ids={gpu}&power_limit_mw=300000&block=true")
            daemon.post(f"/gpu/set_persistence_mode?gpu_ids={gpu}&enabled=false&block=true")
            daemon.post(f"/gpu/reset_locked_clocks?gpu_ids={gpu}&block=true")


def ok(reply):
    assert (reply.status, reply.body) == (200, b""), reply.text
    assert reply.headers["content-length"] == "0"
    assert "content-type" not in reply.headers


def refused(reply, *words, status=400):
    assert reply.status == status, reply.text
    for word in words:
        assert word in reply.text


def test_set_persistence_mode_single(daemon, node):
    ok(daemon.post("/gpu/set_persistence_mode?gpu_ids=0&enabled=true&block=true"))
    assert [s[1] for s in node.settings()] == [True, False, False, False]


def test_set_persistence_mode_multiple(daemon, node):
    for i in range(10):
        on = "true" if i % 3 else "false"
        ok(daemon.post(f"/gpu/set_persistence_mode?gpu_ids={i % 4}&enabled={on}&block=true"))
    assert [s[1] for s in node.settings()] == [True, False, False, True]


@pytest.mark.parametrize("block", ["true", "false"])
def test_set_persistence_mode_invalid(daemon, node, block):
    path = "/gpu/set_persistence_mode"
    refused(daemon.post(f"{path}?gpu_ids=0&enable=true&block={block}"), "unknown field")
    refused(daemon.post(f"{path}?gpu_ids=0&enabled=1&block={block}"), "not `true` or `false`")
    refused(daemon.post(f"{path}?gpu_ids=0&enabled=True&block={block}"), "invalid")
    refused(daemon.post(f"{path}?gpu_ids=0&block={block}"), "missing field")
    bad = daemon.post(f"{path}?gpu_ids=5&enabled=true&block={block}")
    refused(bad, "5")
    assert bad.headers["content-type"] == "text/plain; charset=utf-8"
    assert node.settings() == [IDLE] * 4


def test_set_persistence_mode_bulk(daemon, node):
    """Commands that nobody waits for, then one that is waited for: a barrier."""
    def send(i):
        on = "true" if i % 2 else "false"
        return daemon.post(f"/gpu/set_persistence_mode?gpu_ids=0&enabled={on}&block=false")
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        for reply in pool.map(send, range(10)):
            ok(reply)
    ok(daemon.post("/gpu/set_persistence_mode?gpu_ids=0&enabled=true&block=true"))
    assert node.settings()[0][1] is True
    assert daemon.log().count("set_persistence_mode gpu=0") == 11


def test_set_power_limit_single(daemon, node):
    ok(daemon.post("/gpu/set_power_limit?gpu_ids=0&power_limit_mw=100000&block=true"))
    assert node.settings()[0][0] == 100000


def test_set_power_limit_multiple_devices(daemon, node):
    for i in range(10):
        limit = 100000 + 5000 * i
        ok(daemon.post(f"/gpu/set_power_limit?gpu_ids={i % 4}&power_limit_mw={limit}&block=true"))
    assert [s[0] for s in node.settings()] == [140000, 145000, 130000, 135000]
    ok(daemon.post("/gpu/set_power_limit?gpu_ids=3%2C1&power_limit_mw=%2B222000&block=true"))
    ok(daemon.post("/gpu/set_power_limit?gpu_ids=2,%20+0,2&power_limit_mw=211000&block=true"))
    assert [s[0] for s in node.settings()] == [211000, 222000, 211000, 222000]


def test_set_power_limit_invalid(daemon, node):
    path = "/gpu/set_power_limit"
    for limit in (99000, 330000):
        refused(daemon.post(f"{path}?gpu_ids=0&power_limit_mw={limit}&block=true"),
                "Invalid request", "100000-300000 mW")
    ok(daemon.post(f"{path}?gpu_ids=0&power_limit_mw=10000&block=false"))
    refused(daemon.post(f"{path}?gpu_ids=0&power_limit=100000&block=true"), "unknown field")
    refused(daemon.post(f"{path}?gpu_ids=0&power_limit_mw=100000"), "missing field")
    for text in ("x", "-1", "4294967296", "1.5", "", "0x10", "+"):
        refused(daemon.post(f"{path}?gpu_ids=0&power_limit_mw={text}&block=true"), "invalid")
    refused(daemon.post(f"{path}?gpu_ids=0&gpu_ids=1&power_limit_mw=100000&block=true"), "field")
    for block in ("true", "false"):
        refused(daemon.post(f"{path}?gpu_ids=5&power_limit_mw=100000&block={block}"))
    assert node.settings() == [IDLE] * 4


def test_failures_of_a_fan_out(daemon, node):
    """One reply for all: the failures by device; what worked stays done."""
    ok(daemon.post("/gpu/set_power_limit?gpu_ids=0,1&power_limit_mw=150000&block=true"))
    reply = daemon.post("/gpu/set_power_limit?gpu_ids=0,1&power_limit_mw=90000&block=true")
    refused(reply)
    assert reply.headers["content-type"] == "application/json"
    assert sorted(reply.json["errors"]) == ["0", "1"]
    assert [s[0] for s in node.settings()] == [150000, 150000, 300000, 300000]


def test_set_power_limit_bulk(daemon, node):
    limits = [100000 + 10000 * i for i in range(10)]
    for limit in limits:
        ok(daemon.post(f"/gpu/set_power_limit?gpu_ids=0&power_limit_mw={limit}&block=false"))
    refused(daemon.post("/gpu/set_power_limit?gpu_ids=0&power_limit_mw=350000&block=true"))
    assert node.settings()[0][0] == limits[-1]
    assert daemon.log().count("set_power_limit gpu=0") == 11


@pytest.mark.parametrize("which,index", [("gpu", 2), ("mem", 3)])
def test_locked_clocks(daemon, node, which, index):
    low, high = (1005, 1500) if which == "gpu" else (1593, 1593)
    ok(daemon.post(f"/gpu/set_{which}_locked_clocks?gpu_ids=0&min_clock_mhz={low}"
                   f"&max_clock_mhz={high}&block=true"))
    assert node.settings()[0][index] == ((low, high) if which == "gpu" else high)
    for i in range(8):
        ok(daemon.post(f"/gpu/set_{which}_locked_clocks?gpu_ids={i % 4}&min_clock_mhz={low}"
                       f"&max_clock_mhz={high}&block=false"))
    ok(daemon.post(f"/gpu/reset_{which}_locked_clocks?gpu_ids=2&block=true"))
    ok(daemon.post(f"/gpu/set_{which}_locked_clocks?gpu_ids=3&min_clock_mhz={low}"
                   f"&max_clock_mhz={high}&block=true"))
    locked = [bool(s[index][1] if which == "gpu" else s[index]) for s in node.settings()]
    assert locked[2:] == [False, True]


@pytest.mark.parametrize("which", ["gpu", "mem"])
def test_locked_clocks_invalid(daemon, node, which):
    path = f"/gpu/set_{which}_locked_clocks"
    refused(daemon.post(f"{path}?gpu_ids=0&min_clock=1&max_clock_mhz=2&block=true"), "field")
    refused(daemon.post(f"{path}?gpu_ids=0&min_clock_mhz=abc&max_clock_mhz=2&block=true"),
            "invalid")
    refused(daemon.post(f"/gpu/reset_{which}_locked_clocks?gpu_ids=0&min_clock_mhz=1&block=true"),
            "unknown field")
    for block in ("true", "false"):
        refused(daemon.post(f"/gpu/reset_{which}_locked_clocks?gpu_ids=5&block={block}"))
    assert node.settings() == [IDLE] * 4


def test_reset_locked_clocks(daemon, node):
    ok(daemon.post("/gpu/set_gpu_locked_clocks?gpu_ids=0&min_clock_mhz=1005&max_clock_mhz=1500"
                   "&block=true"))
    ok(daemon.post("/gpu/set_mem_locked_clocks?gpu_ids=0&min_clock_mhz=1593&max_clock_mhz=1593"
                   "&block=true"))
    ok(daemon.post("/gpu/reset_locked_clocks?gpu_ids=0&block=true"))
    assert node.settings()[0] == IDLE


def test_cumulative_energy(daemon):
    one = daemon.get("/gpu/get_cumulative_energy?gpu_ids=0").json
    assert list(one) == ["0"] and list(one["0"]) == ["energy_mj"]
    every = daemon.get("/gpu/get_cumulative_energy").json
    assert list(every) == ["0", "1", "2", "3"]
    assert every["0"]["energy_mj"] >= one["0"]["energy_mj"] > 18000000


def test_config_reads(daemon):
    assert daemon.get("/gpu/get_power_limit?gpu_ids=0").json == {"0": {"power_limit_mw": 300000}}
    assert daemon.get("/gpu/get_power_limit").json == {
        str(i): {"power_limit_mw": 300000} for i in range(4)}
    assert daemon.get("/gpu/get_power_limit_constraints?gpu_ids=2").json == {
        "2": {"min_power_limit_mw": 100000, "max_power_limit_mw": 300000}}
    ok(daemon.post("/gpu/set_persistence_mode?gpu_ids=0,1&enabled=true&block=true"))
    assert daemon.get("/gpu/get_persistence_mode?gpu_ids=0,1").json == {
        "0": {"enabled": True}, "1": {"enabled": True}}


def test_reads_of_ours(daemon):
    assert daemon.get("/gpu/get_temperature?gpu_ids=1").json["1"]["temperature_c"] > 20
    assert daemon.get("/gpu/get_clocks?gpu_ids=1").json["1"]["memory_mhz"] == 1593
    assert 0 <= daemon.get("/gpu/get_utilization?gpu_ids=1").json["1"]["gpu_pct"] <= 100
    assert daemon.get("/gpu/get_processes?gpu_ids=1").json["1"]["processes"] == []


@pytest.mark.parametrize("path", ["get_power", "get_cumulative_energy", "get_power_limit",
                                  "get_power_limit_constraints", "get_persistence_mode",
                                  "stream_power", "get_temperature", "get_clocks"])
def test_reads_reject_bad_ids(daemon, path):
    for ids in ("99", "0,,1", "0,", "", "%20", "x", "-1", "1.0", "18446744073709551616"):
        reply = daemon.get(f"/gpu/{path}?gpu_ids={ids}")
        refused(reply)
        assert list(reply.json) == ["error"]
    refused(daemon.get(f"/gpu/{path}?cpu_ids=0"), "unknown field")


def test_power_oneshot(daemon):
    reply = daemon.get("/gpu/get_power")
    assert reply.headers["content-type"] == "application/json"
    body = reply.json
    assert list(body) == ["timestamp_ms", "power_mw"]
    assert abs(body["timestamp_ms"] - time.time() * 1000) < 60000
    assert list(body["power_mw"]) == ["0", "1", "2", "3"]
    assert all(isinstance(v, int) and v > 0 for v in body["power_mw"].values())
    assert " " not in reply.text
    for ids in ("0,2", "0%2C2", "2,0,2"):
        assert list(daemon.get(f"/gpu/get_power?gpu_ids={ids}").json["power_mw"]) == ["0", "2"]


def test_power_oneshot_returns_promptly_with_steady_power(daemon):
    for _ in range(10):
        assert daemon.get("/gpu/get_power").status == 200


def test_power_stream(daemon):
    with Stream(daemon, "/gpu/stream_power?gpu_ids=0") as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-cache"
        assert stream.headers["transfer-encoding"] == "chunked"
        first = stream.chunk().decode()
        assert first.startswith("data: ") and first.endswith("\n\n")
        assert first.count("\n") == 2 and "\r" not in first
        event = json.loads(first[6:])
        assert list(event)[:3] == ["timestamp_ms", "gpu_id", "power_mw"]
        assert event["gpu_id"] == 0 and 40000 < event["power_mw"] < 60000
        later = stream.event()
        assert later["seq"] == event["seq"] + 1 and later["boot_id"] == event["boot_id"]
        assert later["monotonic_ns"] > event["monotonic_ns"]
        assert later["energy_uj"] >= event["energy_uj"]


def test_streams_of_ours(daemon):
    with Stream(daemon, "/gpu/stream_energy?gpu_ids=1") as stream:
        assert stream.event()["energy_uj"] >= 0
    with Stream(daemon, "/gpu/stream_temperature?gpu_ids=1") as stream:
        assert stream.event()["temperature_c"] > 20
    with Stream(daemon, "/gpu/stream_clocks?gpu_ids=1") as stream:
        assert stream.event()["memory_mhz"] == 1593


def test_stream_energy_survives_the_daemon(node, tmp_path):
    """Cumulative energy of events goes on where it was, also after kill -9."""
    first = Daemon(node, directory=tmp_path)
    with Stream(first, "/gpu/stream_power?gpu_ids=0") as stream:
        before = [stream.event()["energy_uj"] for _ in range(3)]
    assert before == sorted(before)
    first.kill()
    with Daemon(node, directory=tmp_path) as second:
        with Stream(second, "/gpu/stream_power?gpu_ids=0") as stream:
            assert stream.event()["energy_uj"] >= before[-1]


def test_stream_of_all(daemon):
    with Stream(daemon, "/gpu/stream_power") as stream:
        seen = set()
        while len(seen) < 4:
            seen.add(stream.event()["gpu_id"])
    assert seen == {0, 1, 2, 3}


def test_discover(daemon):
    body = daemon.get("/discover?whatever=1").json
    assert [list(gpu)[:4] for gpu in body["gpus"]] == [
        ["id", "name", "pci_address", "cumulative_energy_available"]] * 4
    assert [gpu["id"] for gpu in body["gpus"]] == [0, 1, 2, 3]
    assert [gpu["pci_address"] for gpu in body["gpus"]] == [
        "0000:17:00.0", "0000:27:00.0", "0000:a3:00.0", "0000:b3:00.0"]
    assert all(gpu["cumulative_energy_available"] and "vendor" not in gpu for gpu in body["gpus"])
    assert [(cpu["id"], cpu["dram_available"]) for cpu in body["cpus"]] == [(0, True), (1, False)]
    assert body["enabled_api_groups"] == ["gpu-control", "gpu-read", "cpu-read"]
    assert body["auth_required"] is False
    assert len(body["zeusd"]["boot_id"]) == 32


def test_read_only_mode(node):
    with Daemon(node, "--enable", "gpu-read") as daemon:
        assert daemon.get("/gpu/get_power").status == 200
        for reply in (daemon.post("/gpu/set_power_limit?gpu_ids=0&power_limit_mw=1&block=true"),
                      daemon.get("/cpu/get_power"), daemon.get("/cpu/nothing")):
            refused(reply, "not enabled", status=404)
            assert list(reply.json) == ["error"]
        body = daemon.get("/discover").json
        assert (len(body["gpus"]), body["cpus"]) == (4, [])
        assert body["enabled_api_groups"] == ["gpu-read"]


def test_control_only_mode(node):
    with Daemon(node, "--enable=gpu-control") as daemon:
        ok(daemon.post("/gpu/set_power_limit?gpu_ids=0&power_limit_mw=300000&block=true"))
        for path in ("get_power", "get_power_limit", "get_power_limit_constraints",
                     "get_persistence_mode", "stream_power"):
            refused(daemon.get(f"/gpu/{path}"), status=404)


def test_discover_without_gpu_groups(node):
    with Daemon(node, "--enable", "cpu-read") as daemon:
        body = daemon.get("/discover").json
        assert (body["gpus"], len(body["cpus"])) == ([], 2)
        assert body["enabled_api_groups"] == ["cpu-read"]


def test_order_and_repeats_of_groups_are_kept(node):
    with Daemon(node, "--enable", "cpu-read,gpu-read", "--enable", "cpu-read") as daemon:
        assert daemon.get("/discover").json["enabled_api_groups"] == [
            "cpu-read", "gpu-read", "cpu-read"]


def test_partial_results():
    with Node(faults=["gpu2:GPU_IS_LOST"]) as node, Daemon(node) as daemon:
        whole = daemon.get("/gpu/get_power_limit")
        assert whole.status == 500 and list(whole.json["errors"]) == ["2"]
        part = daemon.get("/gpu/get_power_limit?partial=true")
        assert part.status == 200
        assert [k for k in part.json if k != "errors"] == ["0", "1", "3"]
        assert list(part.json["errors"]) == ["2"]
        power = daemon.get("/gpu/get_power?partial=true").json
        assert list(power) == ["timestamp_ms", "power_mw", "errors"]


def test_time_and_health(daemon):
    connection = daemon.connection()
    stamps = []
    for _ in range(5):
        connection.request("GET", "/time?x=y")
        reply = connection.getresponse()
        assert reply.status == 200
        stamps.append(json.loads(reply.read())["timestamp_ms"])
    assert all(isinstance(s, int) for s in stamps) and stamps == sorted(stamps)
    assert daemon.get("/health").json["status"] == "ok"


def test_unmatched(daemon):
    for method, target in (("GET", "/nothing"), ("POST", "/discover"), ("HEAD", "/time"),
                           ("GET", "/gpu/set_power_limit"), ("GET", "/time/"), ("PUT", "/time"),
                           ("GET", "/gpu/get_power/")):
        reply = daemon.request(method, target)
        assert (reply.status, reply.body) == (404, b""), (method, target)
