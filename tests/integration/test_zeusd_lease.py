# SPDX-License-Identifier: Apache-2.0
"""Leases: whatever happens to clients and daemon, the hardware ends at its original settings."""
import os
import random
import signal
import time

import pytest

from test_zeusd_auth import CONTROL, READ, token
from zeusd import KEY, Daemon, Node, Stream

ORIGINAL = [(300000, False, (0, 0), 0)] * 4


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


@pytest.fixture
def daemon(node):
    with Daemon(node) as daemon:
        yield daemon
    assert node.settings() == ORIGINAL


def limit(gpus, mw, lease="", ttl=600, bind="none", block="true"):
    extra = f"&lease={lease}&ttl_s={ttl}&bind={bind}" if lease else ""
    return f"/gpu/set_power_limit?gpu_ids={gpus}&power_limit_mw={mw}&block={block}{extra}"


def clocks(gpus, low, high, lease, ttl=600, bind="none"):
    return (f"/gpu/set_gpu_locked_clocks?gpu_ids={gpus}&min_clock_mhz={low}&max_clock_mhz={high}"
            f"&block=true&lease={lease}&ttl_s={ttl}&bind={bind}")


def persistence(gpus, on, lease, ttl=600, bind="none"):
    return (f"/gpu/set_persistence_mode?gpu_ids={gpus}&enabled={on}&block=true"
            f"&lease={lease}&ttl_s={ttl}&bind={bind}")


def wait_until(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


def leases(daemon, **kwargs):
    return daemon.get("/lease/list", **kwargs).json["leases"]


def test_release_brings_everything_back(daemon, node):
    for target in (limit("0,1", 200000, "a"), limit(0, 150000, "a"), clocks(0, 1005, 1500, "a"),
                   persistence(2, "true", "a")):
        assert daemon.post(target).status == 200
    assert node.settings() == [(150000, False, (1005, 1500), 0), (200000, False, (0, 0), 0),
                               (300000, True, (0, 0), 0), ORIGINAL[3]]
    (lease,) = leases(daemon)
    assert (lease["lease"], lease["owner"], lease["bind"]) == ("a", f"uid:{os.getuid()}", "none")
    assert 590 < lease["expires_in_s"] <= 600
    holds = {(h["gpu_id"], h["setting"]): (h["original"], h["value"]) for h in lease["holds"]}
    assert holds == {(0, "power_limit"): (300000, 150000), (1, "power_limit"): (300000, 200000),
                     (0, "gpu_clocks"): (None, [1005, 1500]), (2, "persistence"): (0, 1)}
    assert daemon.post("/lease/renew?lease=a&ttl_s=900").status == 200
    assert leases(daemon)[0]["expires_in_s"] > 890
    reply = daemon.post("/lease/release?lease=a")
    assert (reply.status, reply.body) == (200, b"")
    assert node.settings() == ORIGINAL and leases(daemon) == []
    assert daemon.post("/lease/release?lease=a").status == 404
    assert daemon.post("/lease/renew?lease=a&ttl_s=5").status == 404


def test_time_ends_a_lease(daemon, node):
    assert daemon.post(limit("0,3", 120000, "short", ttl=1)).status == 200
    wait_until(lambda: node.settings() == ORIGINAL, "the lease did not run out")


def test_a_plain_write_takes_over(daemon, node):
    assert daemon.post(limit(0, 120000, "a")).status == 200
    assert daemon.post(limit(0, 250000)).status == 200
    assert leases(daemon)[0]["holds"] == []
    assert daemon.post("/lease/release?lease=a").status == 200
    assert node.settings()[0][0] == 250000
    assert daemon.post(limit(0, 300000)).status == 200


def test_a_refused_write_leaves_nothing(daemon, node):
    assert daemon.post(limit(0, 999000, "a")).status == 400
    assert all(not lease["holds"] for lease in leases(daemon))
    assert daemon.post("/lease/release?lease=a").status == 200


@pytest.mark.parametrize("query", [
    "lease=a", "ttl_s=5", "lease=a&ttl_s=0", "lease=a&ttl_s=86401", "lease=a&ttl_s=x",
    "lease=&ttl_s=5", "lease=a%20b&ttl_s=5", f"lease={'x' * 65}&ttl_s=5",
    "lease=a&ttl_s=5&bind=forever", "bind=process", "lease=a&lease=b&ttl_s=5"])
def test_bad_lease_queries(daemon, node, query):
    assert daemon.post(limit(0, 200000) + "&" + query).status == 400
    assert node.settings() == ORIGINAL


def test_streams_hold_a_lease(daemon, node):
    with Stream(daemon, "/lease/hold?lease=h&ttl_s=0") as stream:
        assert stream.event() == {"lease": "h", "state": "held", "reason": ""}
        assert daemon.post(limit(1, 140000, "h", ttl=1)).status == 200
        assert leases(daemon)[0]["expires_in_s"] is None
        assert daemon.post(limit(1, 160000)).status == 200
        assert stream.event()["state"] == "taken"
        assert daemon.post(limit(2, 140000, "h", ttl=1)).status == 200
    wait_until(lambda: leases(daemon) == [], "the closed stream did not end its lease")
    assert node.settings()[2] == ORIGINAL[2]
    assert daemon.post(limit(1, 300000)).status == 200


def test_a_stream_is_told_of_the_end(daemon):
    with Stream(daemon, "/lease/hold?lease=h&ttl_s=5") as stream:
        stream.event()
        assert daemon.post("/lease/release?lease=h").status == 200
        assert stream.event()["state"] == "ended"


def test_conflict_names_the_holder(node):
    with Daemon(node, key=KEY) as daemon:
        first, second = (token(CONTROL, READ, sub=s) for s in ("ann", "ben"))
        assert daemon.post(limit(0, 200000, "tune"), token=first).status == 200
        reply = daemon.post(limit(0, 210000, "mine"), token=second)
        assert reply.status == 409
        holder = reply.json["holder"]
        assert 590 < holder.pop("expires_in_s") <= 600
        assert holder == {"lease": "tune", "owner": "token:ann", "gpu_id": 0,
                          "setting": "power_limit"}
        assert "ann" in reply.json["error"]
        both = daemon.post(limit("0,1", 210000, "mine"), token=second)
        assert both.status == 409 and list(both.json["errors"]) == ["0"]
        # Somebody else's lease cannot be let go or renewed; another name of one's own can conflict.
        assert daemon.post("/lease/release?lease=tune", token=second).status == 404
        assert daemon.post(limit(0, 210000, "other"), token=first).status == 409
        assert daemon.post("/lease/release?lease=tune", token=first).status == 200
        assert daemon.post(limit(0, 210000, "mine"), token=second).status == 200
        assert daemon.post("/lease/release?lease=mine", token=second).status == 200
    assert node.settings() == ORIGINAL


STEPS = [limit("0,1,2", 200000, "s", bind="process"), limit(0, 150000, "s", bind="process"),
         clocks("0,1", 1005, 1500, "s", bind="process"), persistence(2, "true", "s", bind="process"),
         limit(3, 110000, "t", bind="process"), "/lease/renew?lease=s&ttl_s=30",
         "/lease/release?lease=t", limit(3, 101000, "t", bind="process"), "/lease/release?lease=s"]


def start_client(daemon, steps):
    """A process that does the steps and then waits to be killed. Returns once they are done."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for target in steps:
                assert daemon.post(target).status == 200
            os.write(write_end, b"x")
            signal.pause()
        finally:
            os._exit(1)
    os.close(write_end)
    assert os.read(read_end, 1) == b"x"
    os.close(read_end)
    return pid


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_kill_the_client_after_every_step(daemon, node, done):
    kill(start_client(daemon, STEPS[:done]))
    wait_until(lambda: leases(daemon) == [], "a dead client's leases live on")
    assert node.settings() == ORIGINAL


@pytest.mark.parametrize("done", range(len(STEPS) + 1))
def test_kill_the_daemon_after_every_step(node, done, tmp_path):
    daemon = Daemon(node, directory=tmp_path)
    client = start_client(daemon, STEPS[:done])
    daemon.kill()
    with Daemon(node, directory=tmp_path) as daemon:
        assert node.settings() == ORIGINAL
        assert leases(daemon) == []
    kill(client)


@pytest.mark.parametrize("seed", range(10))
def test_kill_the_daemon_in_the_middle(node, seed, tmp_path):
    """Wherever the kill falls inside the work on a request, the journal knows enough."""
    rng = random.Random(seed)
    for _ in range(5):
        daemon = Daemon(node, directory=tmp_path)
        connections = []
        for target in rng.sample(STEPS[:5], 3):
            connection = daemon.connection()
            connection.connect()
            connection.sock.sendall(f"POST {target} HTTP/1.1\r\nHost: l\r\nContent-Length: 0\r\n"
                                    "\r\n".encode())
            connections.append(connection)
        spin_until = time.perf_counter() + rng.uniform(0, 0.004)
        while time.perf_counter() < spin_until:
            pass
        daemon.kill()
        for connection in connections:
            connection.close()
        with Daemon(node, directory=tmp_path):
            assert node.settings() == ORIGINAL


def random_target(rng, who):
    gpu, lease = rng.randrange(4), f"{who}{rng.randrange(2)}"
    bind = rng.choice(["none", "process"])
    return rng.choice([limit(gpu, rng.randrange(100000, 300001), lease, bind=bind),
                       limit("0,1,2,3", 250000, lease, bind=bind),
                       clocks(gpu, 1005, rng.choice([1200, 1500]), lease, bind=bind),
                       persistence(gpu, "true", lease, bind=bind),
                       f"/lease/release?lease={lease}", f"/lease/renew?lease={lease}&ttl_s=60"])


class Client:
    """A process of its own that posts what it is told."""

    def __init__(self, daemon, name):
        self.name, self.token = name, token(CONTROL, READ, sub=name)
        self.to_child, self.from_child = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                for line in os.fdopen(self.to_child[0]):
                    status = daemon.post(line.strip(), token=self.token).status
                    os.write(self.from_child[1], f"{status:03d}".encode())
            finally:
                os._exit(0)

    def post(self, target):
        os.write(self.to_child[1], target.encode() + b"\n")
        return int(os.read(self.from_child[0], 3))

    def die(self):
        kill(self.pid)
        for end in (*self.to_child, *self.from_child):
            os.close(end)


INTERLEAVINGS = int(os.environ.get("ZEUS_TEST_INTERLEAVINGS", "40"))


def test_random_interleavings(node, tmp_path):
    """Three clients, leases in conflict, deaths, and the daemon killed now and then."""
    rng = random.Random(20)
    daemon = Daemon(node, directory=tmp_path, key=KEY)
    reader = token(READ)
    seen = set()
    for _ in range(INTERLEAVINGS):
        clients = [Client(daemon, name) for name in ("ann", "ben", "cat")]
        for _ in range(rng.randrange(4, 16)):
            client = rng.choice(clients)
            if rng.random() < 0.1:
                client.die()
                clients[clients.index(client)] = Client(daemon, client.name)
            else:
                seen.add(client.post(random_target(rng, client.name)))
        if rng.random() < 0.3:
            daemon.kill()
            daemon = Daemon(node, directory=tmp_path, key=KEY)
        else:
            for client in clients:
                for number in range(2):
                    assert client.post(f"/lease/release?lease={client.name}{number}") in (200, 404)
        assert node.settings() == ORIGINAL
        for client in clients:
            client.die()
        assert leases(daemon, token=reader) == []
    assert {200, 404, 409} <= seen
    daemon.stop()
