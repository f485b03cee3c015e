# SPDX-License-Identifier: Apache-2.0
"""What the specification demands of the daemon beyond the tables of the other files: the transport's
fine print, who is read and when, counters of CPUs that go round, and that GPUs do not wait for each
other. Numbers are its sections."""
import os
import socket
import time

import pytest

from zeusd import Daemon, Node, Stream


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


@pytest.fixture(scope="module")
def daemon(node):
    with Daemon(node) as daemon:
        yield daemon


def talk(daemon, data, until):
    """Raw bytes there and back, until `until(reply)`."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(daemon.socket_path))
        s.sendall(data)
        reply = b""
        while not until(reply):
            chunk = s.recv(65536)
            if not chunk:
                break
            reply += chunk
        return reply


# ---- 2: the HTTP layer ----

def test_pipelining_keeps_the_order(daemon):
    targets = ["/time", "/gpu/get_power_limit?gpu_ids=0", "/nothing", "/gpu/get_power?gpu_ids=99"] * 4
    head = "".join(f"GET {t} HTTP/1.1\r\nHost: l\r\n\r\n" for t in targets)
    reply = talk(daemon, head.encode(), lambda r: r.count(b"HTTP/1.1 ") >= 16 and b"99" in r[-200:])
    statuses = [int(part[:3]) for part in reply.decode().split("HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 404, 400] * 4


def test_http_1_0(daemon):
    reply = talk(daemon, b"GET /time HTTP/1.0\r\n\r\n", lambda r: False)  # until it closes
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0] and body.startswith(b'{"timestamp_ms":')


def test_connections_outlive_those_of_clients(daemon):
    """Clients drop a pooled connection after 5 s; ours must still be there."""
    connection = daemon.connection()
    for _ in range(2):
        connection.request("GET", "/time")
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read()
        sock = connection.sock
        time.sleep(6)
    connection.request("GET", "/time")
    assert connection.getresponse().read() and connection.sock is sock
    connection.close()


@pytest.mark.parametrize("target,status,kind", [
    ("/time", 200, "application/json"), ("/discover", 200, "application/json"),
    ("/gpu/get_power", 200, "application/json"),
    ("/gpu/get_power?gpu_ids=x", 400, "application/json"),
    ("/gpu/get_power?what=1", 400, "text/plain; charset=utf-8"), ("/nothing", 404, None)])
def test_headers(daemon, target, status, kind):
    reply = daemon.get(target, headers={"Origin": "http://localhost"})
    assert reply.status == status
    assert reply.headers.get("content-type") == kind
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert "date" in reply.headers
    assert not {"server", "content-encoding"} & set(reply.headers)
    assert not [name for name in reply.headers if name.startswith("access-control-")]
    assert b": " not in reply.body or kind != "application/json" or status != 200  # compact


@pytest.mark.parametrize("target", ["/gpu/get_power?gpu_ids=0&gpu_ids=1",
                                    "/cpu/get_cumulative_energy?cpu=true&cpu=true&dram=true"])
def test_a_repeated_key_is_refused(daemon, target):
    assert daemon.get(target).status == 400


@pytest.mark.parametrize("target", ["/time?what=1", "/discover?what=1&gpu_ids=x"])
def test_open_routes_take_any_query(daemon, target):
    assert daemon.get(target).status == 200


def test_a_long_head_and_a_slow_one(daemon):
    reply = talk(daemon, b"GET /time HTTP/1.1\r\nHost: l\r\nX: " + b"a" * 100000 + b"\r\n\r\n",
                 lambda r: b"\r\n\r\n" in r)
    assert reply == b"" or reply.split()[1] in (b"431", b"413", b"400")
    begin = time.monotonic()
    assert b" 200 " not in talk(daemon, b"GET /time HTT", lambda r: False)
    assert time.monotonic() - begin < 18  # never a connection that holds its place for good


# ---- 4: who is read, and when ----

def reads(daemon, device):
    """Reads of a device so far, as the page of metrics has it; asking costs some more."""
    lines = daemon.get("/metrics").text.splitlines()
    return next(float(line.split()[-1]) for line in lines
                if line.startswith(f'zeus_reads_total{{device="{device}"}}'))


def test_nobody_listens_nobody_wakes_up(node):
    """No wake-up at all, before the first listener and after the last one; counted by the kernel."""
    with Daemon(node, "--gpu-power-poll-hz", "100", "--cpu-power-poll-hz", "100") as daemon:
        daemon.get("/discover")

        def asleep(seconds=1.0):
            time.sleep(0.5)
            before = daemon.wakeups()
            time.sleep(seconds)
            return daemon.wakeups() - before
        assert asleep() == 0
        with Stream(daemon, "/gpu/stream_power?gpu_ids=1") as gpu, \
                Stream(daemon, "/cpu/stream_power?cpu_ids=0") as cpu:
            gpu.event(), cpu.event()
            assert asleep() > 20
        assert asleep() == 0


def test_only_what_is_listened_to_is_read(node):
    with Daemon(node, "--gpu-power-poll-hz", "100", "--cpu-power-poll-hz", "100") as daemon:
        before = {d: reads(daemon, d) for d in ("gpu0", "gpu1", "cpu0", "cpu1")}
        with Stream(daemon, "/gpu/stream_power?gpu_ids=1") as gpu, \
                Stream(daemon, "/cpu/stream_power?cpu_ids=1") as cpu:
            for _ in range(60):
                gpu.event()
            for _ in range(60):
                cpu.event()
        time.sleep(1.1)  # the text is kept for a second
        after = {d: reads(daemon, d) for d in before}
        scrapes = 5 * 8  # of four scrapes at the most, eight reads each at the most
        assert after["gpu1"] - before["gpu1"] >= 60 and after["cpu1"] - before["cpu1"] >= 60
        assert after["gpu0"] - before["gpu0"] <= scrapes
        assert after["cpu0"] - before["cpu0"] <= scrapes


def test_a_newcomer_gets_no_old_sample(node):
    """4.5: after a pause the first event is a fresh reading; while it polls, the newest at once."""
    with Daemon(node, "--gpu-power-poll-hz", "2") as daemon:
        with Stream(daemon, "/gpu/stream_power?gpu_ids=2") as first:
            first.event()
            began = time.monotonic()
            with Stream(daemon, "/gpu/stream_power?gpu_ids=2") as second:
                second.event()
                assert time.monotonic() - began < 0.4
        time.sleep(1.2)
        now_ms = daemon.get("/time").json["timestamp_ms"]
        with Stream(daemon, "/gpu/stream_power?gpu_ids=2") as later:
            assert later.event()["timestamp_ms"] >= now_ms - 2


def test_a_stream_of_no_device_is_silent():
    with Node(node="empty") as node, Daemon(node) as daemon:
        with Stream(daemon, "/gpu/stream_power", timeout=1) as stream:
            assert stream.status == 200
            assert stream.headers["content-type"] == "text/event-stream"
            with pytest.raises(TimeoutError):
                stream.chunk()


# ---- 9: RAPL ----

def test_every_top_zone_is_listed():
    """psys as well, under its zone's number and without DRAM (0.1, item 10)."""
    with Node(node="xeon-2s") as node, Daemon(node) as daemon:
        cpus = daemon.get("/discover").json["cpus"]
        assert [c["id"] for c in cpus] == [0, 1, 2]
        psys = [c for c in cpus if not c["dram_available"]]
        assert len(psys) == 1
        one = daemon.get(f"/cpu/get_cumulative_energy?cpu_ids={psys[0]['id']}&cpu=true&dram=true")
        assert one.json[str(psys[0]["id"])]["dram_energy_uj"] is None
    with Node(node="xeon-gaps") as node, Daemon(node) as daemon:  # zones 0 and 2
        assert [c["id"] for c in daemon.get("/discover").json["cpus"]] == [0, 2]
        assert daemon.get("/cpu/get_cumulative_energy?cpu_ids=2&cpu=true&dram=false").status == 200
        assert daemon.get("/cpu/get_cumulative_energy?cpu_ids=1&cpu=true&dram=false").status == 400


def test_a_counter_that_goes_round():
    """Energies never fall and power stays what it is, over the wrap of package and DRAM."""
    with Node(faults=["cpu0:at=4s:WRAP"]) as node, Daemon(node) as daemon:
        last = None
        end = time.monotonic() + 6
        with Stream(daemon, "/cpu/stream_power?cpu_ids=0") as stream:
            while time.monotonic() < end:
                event = stream.event()
                assert 50_000 < event["cpu_mw"] < 400_000, event
                now = daemon.get("/cpu/get_cumulative_energy?cpu_ids=0&cpu=true&dram=true").json["0"]
                if last:
                    for key in ("cpu_energy_uj", "dram_energy_uj"):
                        assert 0 <= now[key] - last[key] < 2_000_000_000, (last, now)
                last = now


# ---- 7, 14.3: devices do not wait for each other ----

def test_gpus_work_at_the_same_time(node, tmp_path):
    """Four writes of a second each, and reads of the same GPUs meanwhile."""
    path = tmp_path / "overrides.toml"
    path.write_text('[set_persistence_mode]\ncommands = ["sleep 1"]\n')
    path.chmod(0o600)
    with Daemon(node, "--gpu-command-overrides", path) as daemon:
        begin = time.monotonic()
        assert daemon.post("/gpu/set_persistence_mode?gpu_ids=0,1,2,3&enabled=true&block=false"
                           ).status == 200
        assert time.monotonic() - begin < 0.8
        assert daemon.get("/gpu/get_power").status == 200
        assert time.monotonic() - begin < 0.9
        assert daemon.post("/gpu/set_persistence_mode?gpu_ids=0,1,2,3&enabled=true&block=true"
                           ).status == 200
        assert 1.9 < time.monotonic() - begin < 3.5  # two after each other, not eight


def test_one_slow_client_delays_nobody(node):
    """A connection that sends half a request, and one that does not read."""
    with Daemon(node) as daemon:
        half = socket.socket(socket.AF_UNIX)
        half.connect(str(daemon.socket_path))
        half.sendall(b"GET /gpu/get_po")
        deaf = socket.socket(socket.AF_UNIX)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.connect(str(daemon.socket_path))
        deaf.sendall(b"GET /gpu/stream_power HTTP/1.1\r\nHost: l\r\n\r\n")
        for _ in range(50):
            assert daemon.get("/gpu/get_power?gpu_ids=0").status == 200
        half.close()
        deaf.close()
        assert daemon.process.poll() is None and os.path.exists(daemon.socket_path)
