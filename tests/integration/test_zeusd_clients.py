# SPDX-License-Identifier: Apache-2.0
"""The published Python package's clients, unmodified, against zeusd on a simulated node.

ZEUS_ZEUSD_CLIENT_PYTHON names a Python that has the package (0.16 or newer); skipped without. What
they send on the wire is tested without them in test_zeusd_gpu.py and its neighbours."""
import json
import os
import pathlib
import subprocess

import pytest

from test_zeusd_auth import CPU, CONTROL, READ, token
from zeusd import KEY, Daemon, Node

PYTHON = os.environ.get("ZEUS_ZEUSD_CLIENT_PYTHON")
SCRIPT = pathlib.Path(__file__).with_name("published_zeusd.py")

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="ZEUS_ZEUSD_CLIENT_PYTHON names no Python with the published client")


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


def run(command, endpoint, credentials=""):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ZEUSD_")}
    done = subprocess.run([PYTHON, SCRIPT, command, str(endpoint), credentials],
                          capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.rpartition("RESULT ")[2])


def check_everything(got):
    assert [gpu["id"] for gpu in got["gpus"]] == [0, 1, 2, 3]
    assert [(cpu["id"], cpu["dram_available"]) for cpu in got["cpus"]] == [(0, True), (1, False)]
    assert got["can"] == [True, True, True]
    assert sorted(got["energy"]) == ["0", "2"] and sorted(got["power"]) == ["0", "1", "2", "3"]
    assert got["power_some"] == [1, 3]
    assert got["limit"] == {"0": 200000, "1": 200000, "2": 150000, "3": 300000}
    assert got["constraints"] == {"0": [100000, 300000]}
    assert got["persistence"] == {"0": False, "1": True}
    assert "100000-300000 mW" in got["refused"]
    assert got["cpu_energy"]["1"]["dram_energy_uj"] is None
    assert got["cpu_energy"]["0"]["cpu_energy_uj"] > 0
    assert 90000 < got["cpu_power"]["0"]["cpu_mw"] < 110000
    assert got["time_off_s"] < 5


@pytest.mark.parametrize("tcp", [False, True])
def test_everything(node, tcp):
    with Daemon(node, mode="both") as daemon:
        endpoint = f"127.0.0.1:{daemon.port}" if tcp else daemon.socket_path
        got = run("everything", endpoint)
        check_everything(got)
        assert got["auth"] == [False, None, []]
    assert [s[:2] for s in node.settings()] == [(300000, False)] * 4


def test_everything_with_a_token(node):
    with Daemon(node, key=KEY) as daemon:
        got = run("everything", daemon.socket_path, token(READ, CONTROL, CPU))
        check_everything(got)
        assert got["auth"] == [True, None, sorted([READ, CONTROL, CPU])]


@pytest.mark.parametrize("credentials,can", [("", [False] * 3), ("garbage", [False] * 3),
                                             (token(READ, exp=1), [False] * 3),
                                             (token(READ), [True, False, False]),
                                             (token(CPU), [False, False, True])])
def test_capabilities(node, credentials, can):
    with Daemon(node, key=KEY) as daemon:
        got = run("everything", daemon.socket_path, credentials)
        assert got["can"] == can and len(got["gpus"]) == 4
        assert bool(got["auth"][1]) == (not any(can))


@pytest.mark.parametrize("tcp,key", [(False, None), (True, KEY)])
def test_stream(node, tcp, key):
    with Daemon(node, mode="both", key=key) as daemon:
        endpoint = f"127.0.0.1:{daemon.port}" if tcp else daemon.socket_path
        got = run("stream", endpoint, token(READ, CPU) if key else "")
    assert sorted(got["gpus"]) == ["0", "1", "2", "3"]
    assert all(40 < power < 60 for power in got["gpus"].values())
    assert 80 < got["cpus"]["0"][0] < 120 and got["cpus"]["1"][1] is None
    assert got["lag_s"] < 5


def test_reconnect(node, tmp_path):
    daemon = Daemon(node, directory=tmp_path)
    client = subprocess.Popen([PYTHON, SCRIPT, "reconnect", str(daemon.socket_path), ""],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdout.readline() == "STREAMING\n"
    daemon.kill()
    with Daemon(node, directory=tmp_path):
        out, _ = client.communicate("\n", timeout=60)
    assert client.returncode == 0 and json.loads(out.rpartition("RESULT ")[2])["again"]
