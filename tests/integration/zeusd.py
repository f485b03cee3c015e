# SPDX-License-Identifier: Apache-2.0
"""A simulated node and zeusd on it, and a plain HTTP client. Standard library only.

The node outlives the daemon, so that a test can kill the daemon and ask the hardware what it was
left with. Readiness comes over the notification socket, as systemd would get it."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("ZEUS_BUILD", HERE.parents[1] / "build")).resolve()
ZEUS = BUILD / "bin" / "zeus"
ZEUSD = BUILD / "bin" / "zeusd"
NODE = HERE / "nodes" / "zeusd4.node"
KEY = b"integration-test-signing-key!!!!"
STEERING = ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES",
            "ZEUSD_SOCK_PATH", "ZEUSD_HOST_PORT", "ZEUSD_TOKEN", "ZEUS_SYSFS_ROOT", "ZEUS_SIM_DIR",
            "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"]


class Node:
    """`zeus sim` held open: everything started with .env sees the same hardware."""

    def __init__(self, node=NODE, privileged=True, faults=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="zeus-node-"))
        env = {k: v for k, v in os.environ.items() if k not in STEERING}
        ready = self.dir / "env"
        command = [ZEUS, "sim", "--node", node, "--dir", self.dir / "sim"]
        command += ["--privileged"] if privileged else []
        for fault in faults:
            command += ["--fault", fault]
        script = f'env -0 > "{ready}.new" && mv "{ready}.new" "{ready}" && exec sleep 100000'
        self.holder = subprocess.Popen([*map(str, command), "--", "sh", "-c", script], env=env,
                                       start_new_session=True)
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert self.holder.poll() is None and time.monotonic() < deadline, "zeus sim failed"
            time.sleep(0.002)
        self.env = dict(line.split("=", 1) for line in ready.read_text().split("\0") if line)

    def close(self):
        if self.holder.poll() is None:
            os.killpg(self.holder.pid, signal.SIGTERM)
            self.holder.wait(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def show(self):
        """What the simulated hardware is set to, by device name: the oracle of settings."""
        done = subprocess.run([ZEUS, "sim", "show", "--json"], env=self.env, capture_output=True,
                              text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return {device["id"]: device for device in json.loads(done.stdout)["devices"]}

    def settings(self):
        """(limit mW, persistence, locked core clocks, locked memory clock) of each GPU."""
        devices = self.show()
        gpus = [devices[name] for name in sorted(devices) if name.startswith("gpu")]
        return [(round(g["power_limit_w"] * 1000), g["persistence"],
                 (g["locked_core_min_mhz"], g["locked_core_max_mhz"]), g["locked_memory_max_mhz"])
                for g in gpus]


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=20):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One zeusd on a node. `args` are flags of serve."""

    def __init__(self, node, *args, mode="uds", key=None, directory=None, env=None, wait=True):
        if not ZEUSD.exists():
            pytest.skip(f"{ZEUSD} is not built")
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="zeusd-"))
        self.dir.mkdir(exist_ok=True)
        self.socket_path = self.dir / "zeusd.sock"
        self.token = None
        command = [ZEUSD, "serve", "--mode", mode, "--socket-path", self.socket_path,
                   "--state-dir", self.dir / "state"]
        if mode != "uds":
            command += ["--tcp-bind-address", "127.0.0.1:0", "--port-file", self.dir / "port"]
        if key is not None:
            (self.dir / "key").write_bytes(key)
            os.chmod(self.dir / "key", 0o600)
            command += ["--signing-key-path", self.dir / "key"]
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify_path = self.dir / f"notify-{time.monotonic_ns()}"
        notify.bind(str(notify_path))
        notify.settimeout(20)
        self.log_path = self.dir / "log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*map(str, command), *map(str, args)], stderr=log,
                                            env={**node.env, "NOTIFY_SOCKET": str(notify_path),
                                                 **(env or {})})
        self.notify = notify
        if wait:
            self.wait_ready()

    def wait_ready(self):
        self.notify.settimeout(0.2)
        deadline = time.monotonic() + 20
        while True:
            try:
                if b"READY=1" in self.notify.recv(4096):
                    break
            except socket.timeout:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"zeusd did not start: {self.log_path.read_text()}")
        port = self.dir / "port"
        self.port = int(port.read_text()) if port.exists() else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(timeout=20)
        self.notify.close()
        return status

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=20)

    def log(self):
        return self.log_path.read_text()

    def wakeups(self):
        """How often its threads were scheduled so far, as the kernel counts; the asking costs none."""
        total = 0
        for status in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/status"):
            total += int(status.read_text().split("\nvoluntary_ctxt_switches:")[1].split()[0])
        return total

    def connection(self, tcp=False, timeout=20):
        if tcp:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return UnixConnection(self.socket_path, timeout)

    def request(self, method, target, token=None, headers=None, tcp=False):
        connection = self.connection(tcp)
        sent = dict(headers or {})
        token = token or self.token
        if token:
            sent["Authorization"] = f"Bearer {token}"
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            if method == "POST":
                connection.putheader("Content-Length", "0")
            connection.endheaders()
            reply = connection.getresponse()
            return Reply(reply.status, dict((k.lower(), v) for k, v in reply.getheaders()),
                         reply.read())
        finally:
            connection.close()

    def get(self, target, **kwargs):
        return self.request("GET", target, **kwargs)

    def post(self, target, **kwargs):
        return self.request("POST", target, **kwargs)


class Stream:
    """A raw stream: chunks as the server sent them, and the events in them."""

    def __init__(self, daemon, target, headers=None, tcp=False, timeout=10):
        self.connection = daemon.connection(tcp, timeout)
        self.connection.connect()
        lines = [f"GET {target} HTTP/1.1", "Host: localhost"]
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        self.connection.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.connection.sock.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, value = line.decode().rstrip("\r\n").split(":", 1)
            self.headers[name.lower()] = value.strip()
        self.rest = b""

    def chunk(self):
        size = int(self.file.readline(), 16)
        data = self.file.read(size)
        assert self.file.read(2) == b"\r\n"
        return data

    def event(self):
        """The next event's JSON; comments are passed over."""
        while True:
            while b"\n\n" not in self.rest:
                self.rest += self.chunk()
            block, self.rest = self.rest.split(b"\n\n", 1)
            for line in block.split(b"\n"):
                if line.startswith(b"data: "):
                    return json.loads(line[6:])

    def until_end(self):
        """All that still comes, as text. The end must not be a clean one (spec 0.1, item 7)."""
        data = self.rest
        while True:
            head = self.file.readline()
            if not head:
                return data.decode()
            size = int(head, 16)
            assert size > 0, "a clean end"
            data += self.file.read(size)
            self.file.read(2)

    def close(self):
        self.file.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
