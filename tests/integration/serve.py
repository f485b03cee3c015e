# SPDX-License-Identifier: Apache-2.0
"""Starting zeus-serve and talking to it: shared by the server tests. Standard library only."""
import http.client
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("ZEUS_BUILD", ROOT / "build")) / "bin" / "zeus-serve"


def shared(name):
    """A file of the reference data, or a skip with the reason."""
    candidates = [os.environ.get("ZEUS_SHARED"), ROOT.parent / "shared"]
    for base in filter(None, candidates):
        path = pathlib.Path(base) / name
        if path.exists():
            return path
    pytest.skip(f"reference data {name} is not there (ZEUS_SHARED)")


class Server:
    """One zeus-serve process on a free port."""

    def __init__(self, command, *args, env=None, directory=None):
        if not BINARY.exists():
            pytest.skip(f"{BINARY} is not built")
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="zeus-serve-"))
        port_file = self.dir / f"port-{time.monotonic_ns()}"
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(
            [BINARY, command, "--port", "0", "--port-file", port_file, *map(str, args)],
            env={**os.environ, **(env or {})}, stderr=self.log, cwd=self.dir)
        deadline = time.monotonic() + 20
        while not port_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.close()
                text = (self.dir / "log").read_text()
                raise RuntimeError(f"zeus-serve did not start: {text}")
            time.sleep(0.005)
        self.port = int(port_file.read_text())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(timeout=20)
        self.log.close()
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def request(self, method, path, query=None, body=None, headers=None, timeout=20):
        """(status, content type, text); body is text, bytes or an object to send as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        return send(connection, method, path, query, body, headers)


def send(connection, method, path, query=None, body=None, headers=None):
    target = path + ("?" + urllib.parse.urlencode(query) if query else "")
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    try:
        connection.request(method, target, body=body, headers=headers or {})
        reply = connection.getresponse()
        return reply.status, reply.getheader("content-type"), reply.read().decode()
    finally:
        connection.close()


def exchanges(path):
    with open(path) as f:
        return [json.loads(line) for line in f]
