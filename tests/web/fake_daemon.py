# SPDX-License-Identifier: Apache-2.0
"""A daemon made of Python for the page's tests: the routes the page uses, over made-up devices.

    fake_daemon.py [--port N] [--gpus N] [--cpus N] [--token T] [--lost GPU] [--lease]

Headers of the files are those of src/daemon/web_assets.c, so that the content security policy is
tried as well. Time runs as it does; powers are smooth functions of it.
"""
import argparse
import http.server
import json
import math
import pathlib
import threading
import time
import urllib.parse

WEB = pathlib.Path(__file__).resolve().parent.parent.parent / "web"
DYGRAPHS = pathlib.Path("/usr/share/javascript/dygraphs")
FILES = {
    "/": (WEB / "index.html", "text/html; charset=utf-8"),
    "/ui/style.css": (WEB / "style.css", "text/css; charset=utf-8"),
    "/ui/dygraph.css": (DYGRAPHS / "dygraph.min.css", "text/css; charset=utf-8"),
    "/ui/dygraph.js": (DYGRAPHS / "dygraph.min.js", "text/javascript; charset=utf-8"),
}
for _name in ("app", "stream", "charts", "model", "view", "text"):
    FILES[f"/ui/{_name}.js"] = (WEB / f"{_name}.js", "text/javascript; charset=utf-8")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                               "connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
FEATURES = ["lease", "partial", "history", "metrics", "windows", "energy_stream",
            "temperature_stream", "clocks_stream", "resume"]
START = time.time()


class Node:
    """What there is, and what a test changes while the page looks."""

    def __init__(self, gpus=4, cpus=2, token=None, lost=(), name="node17"):
        self.gpus = gpus
        self.cpus = cpus
        self.token = token
        self.lost = set(lost)
        self.name = name
        self.leases = []
        self.processes = {0: [4711, 4712], 2: [9001]}
        self.is_silent = False  # streams stay open and say nothing
        self.is_cut = False  # streams end and are refused
        self.requests = []
        self.watchers = 0
        self.lock = threading.Lock()

    def gpu_watts(self, gpu, at):
        base = [412, 655, 118, 290][gpu % 4]
        watts = base + 40 * math.sin(at / 9 + gpu) + 14 * math.sin(at * 1.3 + 2 * gpu)
        return min(watts, 450) if self.leases and gpu == 1 else watts

    def cpu_watts(self, cpu, at):
        return 142 + 12 * math.sin(at / 5 + cpu), 21 + 2 * math.sin(at / 3 + cpu)

    def lease(self, gpu=1, name="train", owner="uid:1000", ttl_s=40.0):
        self.leases = [{"lease": name, "owner": owner, "ends": time.time() + ttl_s, "bind": "none",
                        "holds": [{"gpu_id": gpu, "pci_address": f"0000:{gpu:02x}:00.0",
                                   "setting": "power_limit", "original": 700000, "value": 450000}]}]


def discovery(node):
    return {
        "gpus": [{"id": i, "name": "NVIDIA H100 80GB HBM3", "pci_address": f"0000:{i:02x}:00.0",
                  "cumulative_energy_available": True} for i in range(node.gpus)],
        "cpus": [{"id": i, "dram_available": True} for i in range(node.cpus)],
        "enabled_api_groups": ["gpu-control", "gpu-read", "cpu-read"],
        "auth_required": node.token is not None,
        "zeusd": {"version": "0.1.0", "boot_id": "0" * 32, "features": FEATURES,
                  "hostname": node.name},
    }


def series_of(node, device, number, domain, error, watts_at, span):
    points = []
    first, last, step = span
    second = first
    while second <= last:
        watts = watts_at(second)
        points.append([int(second * 1000), int(watts * 990), int(watts * 1000), int(watts * 1010),
                       int((second - START + 90000) * watts * 1e6), 54, 1000 * step])
        second += step
    if device == "gpu" and number in node.lost:
        points = []
    return {"device": device, "id": number, "domain": domain, "sensor_class": "hopper/instant",
            "in_node_total": True, "error": error,
            "today": {"energy_uj": int(2.1e13 + 4e12 * number),
                      "since_ms": int((START - START % 86400) * 1000),
                      "until_ms": int((START - START % 86400 + 86400) * 1000), "holes": 0},
            "points": points}


def history(node, query):
    now = time.time()
    step = int(query.get("step_ms", 1000)) // 1000
    first = int(query.get("from_ms", 0)) / 1000
    first = math.floor(max(first, now - 600) / step) * step
    span = (first, now, step)
    series = [series_of(node, "gpu", i, "gpu", {"gain": 0.05, "offset_mw": 0},
                        lambda at, i=i: node.gpu_watts(i, at), span) for i in range(node.gpus)]
    for i in range(node.cpus):
        for domain, part in ((f"package-{i}", 0), ("dram", 1)):
            series.append(series_of(node, "cpu", i, domain, {"gain": 0.03, "offset_mw": 500},
                                    lambda at, i=i, part=part: node.cpu_watts(i, at)[part], span))
    return {"now_ms": int(now * 1000), "step_ms": step * 1000, "kept_s": 3600, "series": series}


def per_gpu(node, make):
    answer = {str(i): make(i) for i in range(node.gpus) if i not in node.lost}
    answer["errors"] = {str(i): "the device fell off the bus" for i in sorted(node.lost)}
    return answer


def leases(node):
    now = time.time()
    kept = [lease for lease in node.leases if lease["ends"] > now]
    return {"leases": [{"lease": lease["lease"], "owner": lease["owner"], "bind": lease["bind"],
                        "expires_in_s": lease["ends"] - now, "holds": lease["holds"]}
                       for lease in kept]}


JSON_ROUTES = {
    "/auth/whoami": lambda node, query: {"sub": "dana", "scopes": ["gpu-read", "cpu-read"]},
    "/history": history,
    "/lease/list": lambda node, query: leases(node),
    "/gpu/get_temperature": lambda node, query: per_gpu(
        node, lambda i: {"temperature_c": 48 + 3 * (i % 5)}),
    "/gpu/get_clocks": lambda node, query: per_gpu(
        node, lambda i: {"graphics_mhz": 1980 - 15 * i, "memory_mhz": None if i == 2 else 2619}),
    "/gpu/get_power_limit": lambda node, query: per_gpu(
        node, lambda i: {"power_limit_mw": 450000 if node.leases and i == 1 else 700000}),
    "/gpu/get_power_limit_constraints": lambda node, query: per_gpu(
        node, lambda i: {"min_power_limit_mw": 200000, "max_power_limit_mw": 700000}),
    "/gpu/get_processes": lambda node, query: per_gpu(
        node, lambda i: {"processes": [{"pid": pid, "memory_bytes": None if pid == 9001
                                        else 41_300_000_000} for pid in node.processes.get(i, [])]}),
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, kind, body, more=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status, value):
        self.send(status, "application/json", json.dumps(value).encode())

    def do_GET(self):  # noqa: N802 (the base class names it)
        node = self.server.node
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with node.lock:
            node.requests.append(self.path)
        if url.path in FILES:
            path, kind = FILES[url.path]
            self.send(200, kind, path.read_bytes(), HEADERS)
        elif url.path == "/discover":
            self.send_json(200, discovery(node))
        elif node.token and self.headers.get("Authorization") != f"Bearer {node.token}":
            self.send_json(401, {"error": "Invalid or missing token"})
        elif url.path in JSON_ROUTES:
            self.send_json(200, JSON_ROUTES[url.path](node, query))
        elif url.path in ("/gpu/stream_power", "/cpu/stream_power"):
            self.stream(node, url.path.split("/")[1])
        else:
            self.send_json(404, {"error": "Not found"})

    def stream(self, node, kind):
        if node.is_cut:
            self.send_json(503, {"error": "going down"})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with node.lock:
            node.watchers += 1
        number = 0
        try:
            while not node.is_cut and not self.server.is_stopping:
                for event in [] if node.is_silent else self.events(node, kind):
                    number += 1
                    text = f"id: {'0' * 32}-{number}\ndata: {json.dumps(event)}\n\n".encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
                self.wfile.flush()
                time.sleep(0.1)
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with node.lock:
                node.watchers -= 1

    def events(self, node, kind):
        now = time.time()
        for i in range(node.gpus if kind == "gpu" else node.cpus):
            if kind == "gpu" and i not in node.lost:
                watts = node.gpu_watts(i, now)
                yield {"timestamp_ms": int(now * 1000), "gpu_id": i, "power_mw": int(watts * 1000),
                       "energy_uj": int((now - START + 90000) * 400e6)}
            elif kind == "cpu":
                package, dram = node.cpu_watts(i, now)
                yield {"timestamp_ms": int(now * 1000), "cpu_id": i, "cpu_mw": int(package * 1000),
                       "dram_mw": int(dram * 1000),
                       "cpu_energy_uj": int((now - START + 90000) * 140e6),
                       "dram_energy_uj": int((now - START + 90000) * 20e6)}


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        pass  # a browser that closes a connection is no error


class Daemon:
    """The server in a thread: with Daemon(Node()) as daemon: daemon.url ..."""

    def __init__(self, node, port=0):
        self.node = node
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.node = node
        self.server.is_stopping = False
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.is_stopping = True
        self.server.shutdown()
        self.server.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4938)
    parser.add_argument("--gpus", type=int, default=4)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--token")
    parser.add_argument("--lost", type=int, action="append", default=[])
    parser.add_argument("--lease", action="store_true")
    args = parser.parse_args()
    node = Node(args.gpus, args.cpus, args.token, args.lost)
    if args.lease:
        node.lease(ttl_s=3600)
    with Daemon(node, args.port) as daemon:
        print(daemon.url, flush=True)
        daemon.thread.join()


if __name__ == "__main__":
    main()
