# SPDX-License-Identifier: Apache-2.0
"""zeus-serve pfo against the recorded exchanges of the published server, and its own rules."""
import concurrent.futures
import json
import re
import socket
import time

import pytest

from serve import Server, exchanges, shared

# Two stages, as the recorded schedules have them.
PLAN = """[
[('forward', 1410), ('forward', 930), ('backward', 1410), ('backward', 1200)],
[('forward', 1410), ('backward', 1410), ('forward', 1290), ('backward', 1260)],
]
# Iteration 12 cost change: 1.25
"""
RANK = {"dp_rank": 0, "tp_rank": 0, "available_frequencies": [1410, 1395, 1380]}


def plan_file(tmp_path, text=PLAN):
    path = tmp_path / "freqs_pipeline_00012.py"
    path.write_text(text)
    return path


def start(tmp_path, *args, scheduler="PointSolution", text=PLAN, env=None):
    return Server("pfo", "--scheduler", scheduler, "--solution", plan_file(tmp_path, text),
                  *args, directory=tmp_path, env=env)


class Replay:
    """Sends recorded requests in order; job ids carry the time, so they are mapped to ours."""

    def __init__(self, server):
        self.server = server
        self.ids = {}
        self.pool = concurrent.futures.ThreadPoolExecutor(16)

    def path(self, path):
        for theirs, ours in self.ids.items():
            path = path.replace(theirs, ours)
        return path

    def send(self, x, timeout=10):
        body = None if x["request"] is None else x["request"]
        headers = {"Content-Type": "application/json"} if body is not None else {}
        return self.server.request(x["method"], self.path(x["path"]), x["query"], body, headers,
                                   timeout)

    def check(self, x, got):
        status, content_type, text = got
        assert (status, content_type) == (x["status"], x["content_type"]), (x["label"], text)
        want = x["raw_response"]
        if "Python traceback" in want:  # free text: its last line is what tells
            last = re.search(r"last line: (.*?)\\n>", want).group(1)
            assert json.loads(text)["detail"].rstrip("\n").splitlines()[-1] == last
        elif x["path"] == "/register_job" and status == 200:
            tail = json.loads(want).partition("+")[2]
            ours = json.loads(text)
            assert re.fullmatch(r"\d{4}(-\d\d){5}", ours.partition("+")[0])
            assert ours.partition("+")[2] == tail
            self.ids[json.loads(want)] = ours
        else:
            assert text == want, x["label"]

    def run(self, recorded):
        waiting = []
        for x in recorded:
            if x["method"] == "GET" and x["path"].startswith("/schedule/") and x["status"] == 200:
                waiting.append((x, self.pool.submit(self.send, x)))
                continue
            for asked, future in waiting:
                self.check(asked, future.result())
            waiting = []
            if isinstance(x["status"], str):  # the client gave up
                with pytest.raises(TimeoutError):
                    self.send(x, timeout=1.5)
            else:
                self.check(x, self.send(x))
        for asked, future in waiting:
            self.check(asked, future.result())


def recorded_dumps():
    files = {}
    for block in shared("reference/pipeline-server/dump_files.txt").read_text().split("== ./")[1:]:
        name, _, text = block.partition("\n")
        files[name] = text.rstrip("\n")
    return files


def test_recorded_exchanges(tmp_path):
    recorded = exchanges(shared("reference/pipeline-server/http_exchanges.jsonl"))
    plain = [x for x in recorded if not x["label"].startswith("3D")]
    three_d = [x for x in recorded if x["label"].startswith("3D")]
    ids = {}
    dump = tmp_path / "dump"
    for part, scheduler in ((plain, "PointSolution"), (three_d, "PointSolution3D")):
        with start(tmp_path, "--compat", "--dump-dir", dump, scheduler=scheduler) as server:
            replay = Replay(server)
            replay.run(part)
            ids.update(replay.ids)
    assert len(ids) == 4
    want = recorded_dumps()
    got = {}
    for theirs, ours in ids.items():
        for file in (dump / ours).iterdir():
            got[f"{theirs}/{file.name}"] = file.read_text()
    assert got == want


def register(server, pp, dp=1, meta=None):
    status, _, text = server.request("POST", "/register_job", None, {
        "job_id": "", "pp_degree": pp, "dp_degree": dp, "tp_degree": 1, "world_size": pp * dp,
        "job_metadata": meta})
    assert status == 200, text
    return json.loads(text)


def rank_info(rank):
    return {"rank": rank, "pp_rank": rank, **RANK}


def result(rank):
    return {"rank": rank, "iter_time": [1.0], "iter_energy": [2.0]}


def test_rounds_with_retries(tmp_path):
    """Fixed rules: a repeated request does not stand in for another rank."""
    with start(tmp_path) as server, concurrent.futures.ThreadPoolExecutor(8) as pool:
        job = register(server, 2)
        for rank in (0, 1):
            server.request("POST", f"/register_rank/{job}", None, rank_info(rank))
        assert server.request("POST", f"/register_rank/{job}", None, rank_info(0))[0] == 409
        assert server.request("POST", f"/result/{job}", None, result(0))[0] == 409
        for _ in range(3):
            asks = [pool.submit(server.request, "GET", f"/schedule/{job}", {"rank": 0})
                    for _ in range(3)]
            time.sleep(0.1)
            assert not any(a.done() for a in asks)
            one = server.request("GET", f"/schedule/{job}", {"rank": 1})
            assert one[0] == 200 and json.loads(one[2])["rank"] == 1
            assert {a.result()[2] for a in asks} == {asks[0].result()[2]}
            again = server.request("GET", f"/schedule/{job}", {"rank": 0})
            assert again[2] == asks[0].result()[2]
            for rank in (0, 1, 1)[:2]:
                assert server.request("POST", f"/result/{job}", None, result(rank))[0] == 200


def test_fixed_refusals(tmp_path):
    with start(tmp_path) as server:
        job = register(server, 2)
        for method, path, query, body, status in (
                ("GET", "/schedule/nope", {"rank": 0}, None, 404),
                ("GET", f"/schedule/{job}", {"rank": 2}, None, 422),
                ("GET", f"/schedule/{job}", {"rank": "x"}, None, 422),
                ("GET", f"/schedule/{job}", {"rank": -1}, None, 422),
                ("POST", f"/register_rank/{job}", None, rank_info(7), 422),
                ("POST", "/register_job", None, {"pp_degree": 0, "world_size": 2}, 422),
                ("POST", "/register_job", None, "{bad", 422),
                ("POST", "/register_job", None, b"\xff\xfe{}", 400),
                ("POST", "/register_job", None, None, 422),
                ("POST", f"/result/{job}", None, {"rank": 0, "iter_time": ["x"]}, 422),
                ("PUT", "/register_job", None, {}, 405),
                ("GET", "/schedule/a%2Fb", {"rank": 0}, None, 400),
                ("GET", "/schedule/%zz", {"rank": 0}, None, 400),
                ("POST", "/register_job", None, b"x" * 100, 422),
                ("GET", "/" + "a" * 5000, None, None, 414)):
            got = server.request(method, path, query, body)
            assert got[0] == status, (path[:40], got)


def raw(server, text):
    """What the server says to bytes of our own."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
        s.sendall(text.encode())
        reply = s.recv(65536).decode()
    return int(reply.split()[1])


def test_admission_order(tmp_path):
    """Size before route, route before load and rights, rights before the route's own body limit."""
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123\n")
    token.chmod(0o600)
    key = "Authorization: Bearer 0123456789abcdef0123\r\n"
    big, huge = "Content-Length: 2097152\r\n", "Content-Length: 1000000000\r\n"
    with start(tmp_path, "--token-file", token) as server:
        for target, method, headers, status in (
                ("/nope", "POST", huge, 413), ("/%", "POST", huge, 400),
                ("/nope", "POST", big, 404), ("/register_job", "PUT", big, 405),
                ("/register_job", "POST", big, 401), ("/register_job", "POST", key + big, 413),
                ("/register_job", "POST", "Content-Length: x\r\n", 400),
                ("/health", "GET", "", 200)):
            got = raw(server, f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
            assert got == status, (method, target, headers)
        chunk = "100000\r\n" + "x" * 0x100000 + "\r\n"
        head = f"POST /register_job HTTP/1.1\r\nHost: x\r\n{key}Transfer-Encoding: chunked\r\n\r\n"
        assert raw(server, head + chunk + "1\r\nx\r\n0\r\n\r\n") == 413
        assert raw(server, "GET / HTTP/1.1\r\nHost: x\r\nA: " + "b" * 40000 + "\r\n\r\n") == 431


def test_limits(tmp_path):
    with start(tmp_path, "--rate", "5", "--in-flight-max", "2") as server:
        answers = [server.request("GET", "/health")[0] for _ in range(30)]
        assert answers[0] == 200 and 429 in answers
    with start(tmp_path, "--in-flight-max", "2") as server:
        job = register(server, 4)
        sockets = []
        for rank in (0, 1):
            s = socket.create_connection(("127.0.0.1", server.port))
            s.sendall(f"GET /schedule/{job}?rank={rank} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            sockets.append(s)
        deadline = time.monotonic() + 10
        while server.request("GET", "/health")[0] != 503 and time.monotonic() < deadline:
            pass
        assert server.request("GET", "/health")[0] == 503
        for s in sockets:
            s.close()


def test_ids_are_unique_and_harmless(tmp_path):
    with start(tmp_path) as server:
        ids = {register(server, 1, meta="../../x y?#%é") for _ in range(20)}
        assert len(ids) == 20
        assert all("/" not in i and "?" not in i and i.endswith("+.._.._x y___é") for i in ids)


def test_stop_answers_waiting_ranks(tmp_path):
    server = start(tmp_path)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = register(server, 2)
        ask = pool.submit(server.request, "GET", f"/schedule/{job}", {"rank": 0})
        time.sleep(0.2)
        assert server.stop() == 0
        assert ask.result()[0] == 503


def test_gone_client_is_dropped(tmp_path):
    with start(tmp_path) as server:
        job = register(server, 2)
        s = socket.create_connection(("127.0.0.1", server.port))
        s.sendall(f"GET /schedule/{job}?rank=0 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        deadline = time.monotonic() + 10

        def waiting():
            text = server.request("GET", "/metrics")[2]
            return float(re.search(r"^zeus_pfo_waiting (\S+)$", text, re.M).group(1))

        while waiting() != 1 and time.monotonic() < deadline:
            pass
        s.close()
        while waiting() != 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert waiting() == 0


def test_idle_jobs_are_forgotten(tmp_path):
    with start(tmp_path, "--max-job-idle-time", "0") as server:
        job = register(server, 2)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if server.request("GET", f"/schedule/{job}", {"rank": 5})[0] == 404:
                return
            time.sleep(0.05)
        pytest.fail("the job is still known")


def test_tokens(tmp_path):
    token = tmp_path / "token"
    token.write_text("# first\n0123456789abcdef0123\n")
    token.chmod(0o644)
    with pytest.raises(RuntimeError, match="others may access it"):
        start(tmp_path, "--token-file", token)
    token.chmod(0o600)
    with start(tmp_path, "--token-file", token) as server:
        ask = ("POST", "/register_job", None,
               {"pp_degree": 1, "dp_degree": 1, "tp_degree": 1, "world_size": 1})
        assert server.request(*ask)[0] == 401
        assert server.request(*ask, {"Authorization": "Bearer 0123456789abcdef0124"})[0] == 401
        assert server.request(*ask, {"Authorization": "Bearer 0123456789abcdef0123"})[0] == 200
        assert server.request("GET", "/health")[0] == 200
        assert server.request("GET", "/nope")[0] == 404  # routes come before rights


@pytest.mark.parametrize("args, words", [
    (["--scheduler", "Nope"], "scheduler Nope: unknown"),
    (["--scheduler-args", "{}"], "needs a solution_path"),
    (["--solution", "plan.txt"], "does not end in .py"),
    (["--solution", "absent.py"], "absent.py"),
    (["--solutoin", "x"], "did you mean --solution"),
    (["--port"], "needs a value"),
])
def test_bad_options(tmp_path, args, words):
    with pytest.raises(RuntimeError, match=re.escape(words)):
        Server("pfo", *args, directory=tmp_path)


@pytest.mark.parametrize("text, words", [
    ("[[('forward', 1410)]] x", "text after the end"),
    ("[[('forward' 1410)]]", "expected a comma"),
    ("[[('forward', -1)]]", "expected a frequency"),
    ("[[(__import__('os').system('true'), 1)]]", "expected an instruction name"),
    ("[[('forward', 1410)", "expected a comma or ]"),
    ("", "line 1, column 1: expected ["),
])
def test_bad_plans(tmp_path, text, words):
    with pytest.raises(RuntimeError, match=re.escape(words)):
        start(tmp_path, text=text)


def test_environment(tmp_path):
    args = json.dumps({"solution_path": str(plan_file(tmp_path))})
    env = {"ZEUS_PFO_SCHEDULER_ARGS": args, "zeus_pfo_scheduler": "PointSolution3D",
           "ZEUS_PFO_DUMP_DATA": "off"}
    with Server("pfo", directory=tmp_path, env=env) as server:
        assert register(server, 2).endswith("+PointSolution3D")
    assert not (tmp_path / "dump").exists()
