# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the daemon in every released dialect (docs/daemon-client.md), as strict as they
are: unknown query keys, missing keys, a body where none belongs and unknown paths are refused the
way the dialect refuses them. It keeps what it was asked."""
import json
import os
import socketserver
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

DIALECTS = ["v0.2.0", "v0.3.0", "v0.4.0", "v0.5.0", "master"]

# query keys of the writes besides gpu_ids and block
WRITES = {
    "set_power_limit": {"power_limit_mw": int},
    "set_persistence_mode": {"enabled": bool},
    "set_gpu_locked_clocks": {"min_clock_mhz": int, "max_clock_mhz": int},
    "reset_gpu_locked_clocks": {},
    "set_mem_locked_clocks": {"min_clock_mhz": int, "max_clock_mhz": int},
    "reset_mem_locked_clocks": {},
    "reset_locked_clocks": {},
}
READS_SINCE = {"get_power": 1, "get_cumulative_energy": 1, "get_power_limit": 3,
               "get_power_limit_constraints": 3, "get_persistence_mode": 3}


class Refusal(Exception):
    def __init__(self, status, body=""):
        super().__init__(body)
        self.status, self.body = status, body


class Daemon:
    """`gpus`: PCI addresses, position = id. `cpus`: {id: has_dram}."""

    def __init__(self, path, dialect, gpus=(), cpus=(), groups=None, token=None, scopes=None):
        self.path, self.dialect, self.level = str(path), dialect, DIALECTS.index(dialect)
        self.gpus, self.cpus, self.token = list(gpus), dict(cpus), token
        self.groups = groups or ["gpu-control", "gpu-read", "cpu-read"]
        self.scopes = scopes if scopes is not None else self.groups
        self.requests, self.writes = [], []
        self.energy_uj = {i: 1_000_000_000 for i in self.cpus}
        self.started = time.monotonic()
        self.server = None

    def __enter__(self):
        daemon = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def address_string(self):
                return "unix"

            def handle_any(self):
                daemon.answer(self)
            do_GET = do_POST = handle_any

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = Server(self.path, Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.path)

    def answer(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length", 0) or 0))
        self.requests.append((h.command, h.path, body))
        try:
            status, reply = 200, self.route(h, body)
        except Refusal as refusal:
            status, reply = refusal.status, refusal.body
        if reply is STREAM:
            return
        data = b"" if reply is None else (reply if isinstance(reply, str)
                                          else json.dumps(reply, separators=(",", ":"))).encode()
        h.send_response(status)
        if data:
            h.send_header("Content-Type", "text/plain; charset=utf-8" if isinstance(reply, str)
                          else "application/json")
        h.send_header("Content-Length", str(len(data)))
        h.end_headers()
        h.wfile.write(data)

    def route(self, h, body):
        url = urllib.parse.urlsplit(h.path)
        parts = url.path.split("/")[1:]
        if self.level == 0:
            return self.route_v0_2(h.command, parts, url.query, body)
        if body:
            raise Refusal(400, "a body where none belongs")
        pairs = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
        if len({k for k, _ in pairs}) != len(pairs):
            raise Refusal(400, "duplicate field")
        self.admit(h, url.path)
        query = dict(pairs)
        if (h.command, url.path) == ("GET", "/discover"):
            return self.discover()
        if (h.command, url.path) == ("GET", "/time") and self.level >= 2:
            return {"timestamp_ms": int(time.time() * 1000)}
        if (h.command, url.path) == ("GET", "/auth/whoami") and self.level >= 2 and self.token:
            return {"sub": "dana", "scopes": self.scopes}
        if parts[0] == "gpu" and len(parts) == 2:
            return self.route_gpu(h, parts[1], query)
        if parts[0] == "cpu" and len(parts) == 2 and h.command == "GET":
            return self.route_cpu(h, parts[1], query)
        raise Refusal(404)

    def admit(self, h, path):
        if self.level < 2 or path in ("/discover", "/time"):
            return
        group = ("gpu-control" if path.startswith(("/gpu/set_", "/gpu/reset_")) else
                 "gpu-read" if path.startswith("/gpu/") else
                 "cpu-read" if path.startswith("/cpu/") else None)
        if group and group not in self.groups:
            raise Refusal(404, {"error": f"API group {group} is not enabled"})
        if not self.token:
            return
        if h.headers.get("Authorization") != f"Bearer {self.token}":
            raise Refusal(401, {"error": "a bearer token is needed"})
        if group and group not in self.scopes:
            raise Refusal(403, {"error": f"dana lacks {group}"})

    def discover(self):
        if self.level < 3:
            reply = {"gpu_ids": list(range(len(self.gpus))), "cpu_ids": list(self.cpus),
                     "dram_available": list(self.cpus.values())}
        else:
            reply = {"gpus": [{"id": i, "name": "NVIDIA H100 80GB HBM3"}
                              for i in range(len(self.gpus))],
                     "cpus": [{"id": i, "dram_available": d} for i, d in self.cpus.items()]}
            if self.level > 3:
                for gpu, pci in zip(reply["gpus"], self.gpus):
                    gpu.update(pci_address=pci, cumulative_energy_available=True)
        if self.level >= 2:
            reply.update(enabled_api_groups=self.groups, auth_required=bool(self.token))
        return reply

    def ids(self, query, key, known, mandatory=False):
        if key not in query:
            if mandatory:
                raise Refusal(400, f"missing field `{key}`")
            return list(known)
        try:
            found = sorted({int(piece) for piece in query.pop(key).split(",")})
        except ValueError:
            raise Refusal(400, {"error": f"bad {key}"}) from None
        if any(i not in known for i in found):
            raise Refusal(400, {"error": f"unknown {key}"})
        return found

    def take(self, query, keys):
        values = {}
        for key in query:
            if key not in keys:
                raise Refusal(400, f"unknown field `{key}`")
        for key, kind in keys.items():
            if key not in query:
                raise Refusal(400, f"missing field `{key}`")
            if kind is bool and query[key] not in ("true", "false"):
                raise Refusal(400, "provided string was not `true` or `false`")
            values[key] = query[key] == "true" if kind is bool else int(query[key])
        return values

    def route_gpu(self, h, name, query):
        known = range(len(self.gpus))
        if h.command == "POST" and name in WRITES:
            if name == "reset_locked_clocks" and self.level < 4:
                raise Refusal(404)
            ids = self.ids(query, "gpu_ids", known, mandatory=True)
            values = self.take(query, {**WRITES[name], "block": bool})
            self.writes += [(i, name, {k: v for k, v in values.items() if k != "block"})
                            for i in ids]
            return None
        if h.command != "GET":
            raise Refusal(404)
        ids = self.ids(query, "gpu_ids", known)
        self.take(query, {})
        if name == "stream_power":
            return self.stream(h, ids)
        if READS_SINCE.get(name, 99) > self.level:
            raise Refusal(404)
        if name == "get_power":
            return {"timestamp_ms": 1, "power_mw": {str(i): 70000 + i for i in ids}}
        value = {"get_cumulative_energy": {"energy_mj": 5}, "get_persistence_mode": {"enabled": True},
                 "get_power_limit": {"power_limit_mw": 700000},
                 "get_power_limit_constraints": {"min_power_limit_mw": 1,
                                                 "max_power_limit_mw": 2}}[name]
        return {str(i): value for i in ids}

    def read_cpu(self, i, cpu=True, dram=True):
        # 10 W and 2 W, so that windows have something to measure
        spent = int((time.monotonic() - self.started) * 1e6)
        return {"cpu_energy_uj": self.energy_uj[i] + 10 * spent if cpu else None,
                "dram_energy_uj": self.energy_uj[i] + 2 * spent if dram and self.cpus[i] else None}

    def route_cpu(self, h, name, query):
        if name == "get_cumulative_energy":
            ids = self.ids(query, "cpu_ids", self.cpus, mandatory=self.level < 3)
            which = self.take(query, {"cpu": bool, "dram": bool})
            return {str(i): self.read_cpu(i, **which) for i in ids}
        ids = self.ids(query, "cpu_ids", self.cpus)
        self.take(query, {})
        if name == "get_power":
            return {"timestamp_ms": 1, "power_mw": {str(i): {"cpu_mw": 10000, "dram_mw": None}
                                                    for i in ids}}
        raise Refusal(404)

    def stream(self, h, ids):
        h.send_response(200)
        h.send_header("Content-Type", "text/event-stream")
        h.send_header("Transfer-Encoding", "chunked")
        h.end_headers()
        events = [{"timestamp_ms": 1, "power_mw": {str(i): 70000 for i in ids}}] \
            if self.level < 3 else [{"timestamp_ms": 1, "gpu_id": i, "power_mw": 70000}
                                    for i in ids]
        try:
            for event in events:
                data = f"data: {json.dumps(event)}\n\n".encode()
                h.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            h.wfile.flush()
            h.rfile.read(1)  # until the client goes
        except OSError:
            pass
        h.close_connection = True
        return STREAM

    def route_v0_2(self, method, parts, query, body):
        if len(parts) != 3 or query:
            raise Refusal(404)
        kind, number, name = parts
        number = int(number)
        if kind == "cpu" and method == "GET" and name == "supports_dram_energy":
            if number not in self.cpus:
                raise Refusal(400, f"CPU {number} does not exist")
            return {"dram_available": self.cpus[number]}
        if method != "POST":
            raise Refusal(404)
        try:
            given = json.loads(body)
        except ValueError:
            raise Refusal(400, "Json deserialize error") from None
        if kind == "cpu" and name == "get_index_energy":
            if set(given) != {"cpu", "dram"} or number not in self.cpus:
                raise Refusal(400, "Json deserialize error")
            return self.read_cpu(number, **given)
        if kind == "gpu" and name in WRITES and name != "reset_locked_clocks":
            keys = {**WRITES[name], "block": bool}
            if set(given) != set(keys) or any(type(given[k]) is not t for k, t in keys.items()):
                raise Refusal(400, "Json deserialize error")
            if number >= len(self.gpus):
                raise Refusal(400, f"GPU {number} does not exist")
            self.writes.append((number, name, {k: v for k, v in given.items() if k != "block"}))
            return None
        raise Refusal(404)


STREAM = object()
