# SPDX-License-Identifier: Apache-2.0
"""zeus-serve bso against the recorded exchanges of the published server, on both databases."""
import json
import math
import random
import re
import sqlite3
import time
import uuid

import pytest

from postgres import Postgres
from serve import Server, exchanges, shared

JOB = {"job_id_prefix": "test", "batch_sizes": [8, 16, 32], "default_batch_size": 16,
       "max_power": 300.0, "number_of_gpus": 1, "gpu_model": "V100", "mab_seed": 7}

# Texts that quote the published server's database library; ours says the same in its own words.
FREE_TEXTS = {"register: duplicate batch size"}


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """(URL, function that runs SQL and returns rows)."""
    if request.param == "sqlite":
        path = tmp_path / "bso.db"

        def sql(text):
            with sqlite3.connect(path) as db:
                return db.execute(text).fetchall()
        return f"sqlite:///{path}", sql
    server = request.getfixturevalue("postgres")
    name = "t" + uuid.uuid4().hex[:12]
    url = server.create(name)
    return url, lambda text: server.sql(text, name)


def start(database, tmp_path, *args):
    return Server("bso", "--database", database[0], *args, directory=tmp_path)


def register(server, **changes):
    status, _, text = server.request("POST", "/jobs", None, {**JOB, **changes})
    assert status in (200, 201), text
    return json.loads(text)["job_id"]


def predict(server, job):
    status, _, text = server.request("GET", "/jobs/batch_size", {"job_id": job})
    assert status == 200, text
    return json.loads(text)


def report(server, trial, time_s=10.0, energy=1000.0, metric=0.9, epoch=5):
    status, _, text = server.request("POST", "/report", None, {
        **trial, "time": time_s, "energy": energy, "metric": metric, "current_epoch": epoch})
    return status, json.loads(text)


class Replay:
    def __init__(self, server):
        self.server = server
        self.ids = {}  # made by the server: differ from the recorded ones

    def run(self, recorded):
        for x in recorded:
            body = x["request"]
            query = x["query"]
            if body == "" and x["method"] == "GET":
                body = None
            got = self.server.request(x["method"], x["path"], query, body)
            self.check(x, got)

    def check(self, x, got):
        status, content_type, text = got
        assert (status, content_type) == (x["status"], x["content_type"]), (x["label"], text)
        want = x["raw_response"]
        if x["label"] in FREE_TEXTS:
            assert set(json.loads(text)) == {"message"}
            return
        asked = x["request"] if isinstance(x["request"], dict) else {}
        if x["path"] == "/jobs" and status == 201 and not asked.get("job_id"):
            theirs, ours = json.loads(want)["job_id"], json.loads(text)["job_id"]
            assert re.fullmatch(re.escape(asked["job_id_prefix"]) + "-[0-9a-f]{8}", ours)
            self.ids[ours] = theirs
            text = text.replace(ours, theirs)
        assert text == want, x["label"]


def recorded_rows():
    """{table: {primary key: row}} of the dump after the exchanges."""
    tables = {}
    for block in shared("reference/batch-size-server/db_dump.txt").read_text().split("## ")[1:]:
        lines = block.strip().split("\n")
        names = lines[1].split("|")
        tables[lines[0]] = [dict(zip(names, line.split("|"))) for line in lines[2:]]
    return tables


def same(want, got):
    if want in ("None", ""):
        return got in (None, "")
    if got in ("t", "f"):
        got = {"t": "1", "f": "0"}[got]
    try:
        return float(want) == float(got) or (math.isinf(float(want)) and math.isinf(float(got)))
    except ValueError:
        return want == str(got)


def test_recorded_exchanges(database, tmp_path):
    recorded = exchanges(shared("reference/batch-size-server/http_exchanges.jsonl"))
    assert len(recorded) == 209
    with start(database, tmp_path, "--compat") as server:
        replay = Replay(server)
        replay.run(recorded)
    for table, rows in recorded_rows().items():
        names = [n for n in rows[0] if not n.endswith("timestamp")]
        got = database[1](f'SELECT {", ".join(names)} FROM "{table}"')
        key = names[:3] if table == "Trial" else names[:2]

        def key_of(row):
            return tuple(str(row[n]) for n in key)
        ours = {}
        for values in got:
            row = dict(zip(names, values))
            row["job_id"] = replay.ids.get(row["job_id"], row["job_id"])
            ours[key_of(row)] = row
        assert len(ours) == len(rows), table
        for row in rows:
            for name in names:
                assert same(row[name], ours[key_of(row)][name]), (table, row, name)


BASE = {"max_power": 1200.0, "number_of_gpus": 4, "gpu_model": "Tesla V100", "job_id": None,
        "job_id_prefix": "mnist", "batch_sizes": [256, 512], "default_batch_size": 256}


@pytest.mark.parametrize("label, body, headers", [
    ("no content type", BASE, {}),
    ("text/plain", BASE, {"Content-Type": "text/plain"}),
    ("application/json; charset", BASE, {"Content-Type": "application/json; charset=utf-8"}),
    ("beta Infinity", json.dumps({**BASE, "beta_knob": math.inf}), {}),
    ("beta NaN", json.dumps({**BASE, "beta_knob": math.nan}), {}),
    ("empty prefix", {**BASE, "job_id_prefix": ""}, {}),
    ("no prefix", {k: v for k, v in BASE.items() if k != "job_id_prefix"}, {}),
    ("default missing", {k: v for k, v in BASE.items() if k != "default_batch_size"}, {}),
    ("bool for int", {**BASE, "max_epochs": True}, {}),
    ("float 10.7", {**BASE, "max_epochs": 10.7}, {}),
    ("str bool", {**BASE, "higher_is_better_metric": "yes"}, {}),
    ("null eta", {**BASE, "eta_knob": None}, {}),
    ("null window", {**BASE, "window_size": None}, {}),
    ("two errors", {**BASE, "eta_knob": 2, "max_epochs": 0}, {}),
    ("body list", [1], {}),
    ("gpu_model 31 chars+", {**BASE, "gpu_model": "x" * 60}, {}),
    ("job_id number", {**BASE, "job_id": "mnist-é"}, {}),
    ("huge int", {**BASE, "max_epochs": 10 ** 30}, {}),
])
def test_edge_cases(tmp_path, label, body, headers):
    """The recorded single requests: status and body as recorded."""
    want = None
    for line in shared("reference/batch-size-server/edge_cases.txt").read_text().splitlines():
        status, _, rest = line.partition(" ")
        name, bar, text = rest.partition(" | ")
        if bar and name == label:
            want = int(status), text
    assert want, label
    with start((f"sqlite:///{tmp_path}/db", None), tmp_path, "--compat") as server:
        status, _, text = server.request("POST", "/jobs", None, body, headers)
    if status == 201 and not (isinstance(body, dict) and body["job_id"]):
        theirs = re.search('"job_id":"([^"]*)"', want[1]).group(1)
        text = text.replace(json.loads(text)["job_id"], theirs)
    assert status == want[0]
    assert text.startswith(want[1]) if label.startswith("gpu_model") else text == want[1]


def test_fixed_rules(database, tmp_path):
    """Without --compat: the listed mistakes of the published server are not repeated."""
    with start(database, tmp_path) as server:
        for bad in ({"batch_sizes": [16, 16]}, {"batch_sizes": [-8, 16]}, {"mab_seed": -1},
                    {"max_epochs": 10 ** 30}, {"batch_sizes": list(range(1, 2000))}):
            assert server.request("POST", "/jobs", None, {**JOB, **bad})[0] == 422, bad
        # A cheap failure does not become the bound.
        job = register(server)
        first = predict(server, job)
        assert report(server, first, 100.0, 20000.0)[1]["converged"]
        second = predict(server, job)
        assert not report(server, second, 1.0, 10.0, metric=0.1, epoch=100)[1]["converged"]
        third = predict(server, job)
        assert report(server, third, 100.0, 20000.0)[1]["converged"]
        # A negative energy is the client's mistake.
        fourth = predict(server, job)
        assert report(server, fourth, 1.0, -1.0)[0] == 422
        # A concurrent trial reported in the bandit stage is taken.
        job = register(server, batch_sizes=[16], num_pruning_rounds=1, beta_knob=None)
        early, late = predict(server, job), predict(server, job)
        assert report(server, early)[0] == 200
        assert report(server, predict(server, job))[0] == 200
        assert report(server, late)[0] == 200
        arms = database[1]('SELECT num_observations FROM "GaussianTsArmState" WHERE job_id = '
                           f"'{job}'")
        assert [int(a[0]) for a in arms] == [3]


def test_lease(database, tmp_path):
    with start(database, tmp_path, "--lease", "0.3") as server:
        job = register(server)
        lost = predict(server, job)
        assert predict(server, job)["batch_size"] == lost["batch_size"]  # concurrent
        time.sleep(0.5)
        again = predict(server, job)
        assert again["batch_size"] == lost["batch_size"]
        kinds = database[1](f"SELECT type, status FROM \"Trial\" WHERE job_id = '{job}' "
                            "ORDER BY trial_number")
        assert [tuple(k) for k in kinds] == [("Exploration", "Failed"), ("Concurrent", "Dispatched"),
                                             ("Exploration", "Dispatched")]
        assert report(server, lost)[0] == 400


def test_restart_keeps_everything(database, tmp_path):
    with start(database, tmp_path) as server:
        job = register(server)
        trial = predict(server, job)
    with start(database, tmp_path) as server:
        assert report(server, trial)[1]["converged"]
        assert predict(server, job)["trial_number"] == 2
        assert register(server, job_id=job) == job


def test_newer_schema_is_refused(database, tmp_path):
    start(database, tmp_path).stop()
    database[1]("INSERT INTO zeus_schema (version) VALUES (99)")
    with pytest.raises(RuntimeError, match="schema version 99"):
        start(database, tmp_path)


def test_existing_database_is_taken_over(tmp_path):
    """A file with the published server's tables and none of ours."""
    path = tmp_path / "bso.db"
    with sqlite3.connect(path) as db:
        db.executescript(shared("reference/batch-size-server/schema_sqlite.sql").read_text())
    with Server("bso", "--database", f"sqlite+aiosqlite:///{path}", directory=tmp_path) as server:
        job = register(server)
        assert predict(server, job)["trial_number"] == 1


def test_schema_matches_the_published_one(tmp_path):
    start((f"sqlite:///{tmp_path}/a.db", None), tmp_path).stop()
    with sqlite3.connect(tmp_path / "b.db") as theirs, sqlite3.connect(tmp_path / "a.db") as ours:
        theirs.executescript(shared("reference/batch-size-server/schema_sqlite.sql").read_text())
        for table in ("Job", "BatchSize", "GaussianTsArmState", "Trial"):
            for pragma in ("table_info", "foreign_key_list"):
                question = f'PRAGMA {pragma}("{table}")'
                assert ours.execute(question).fetchall() == theirs.execute(question).fetchall()


def test_pages_health_metrics(database, tmp_path):
    with start(database, tmp_path) as server:
        job = register(server, job_id="test-<b>&", gpu_model="<script>")
        report(server, predict(server, job))
        status, kind, text = server.request("GET", "/ui")
        assert status == 200 and kind.startswith("text/html")
        assert "test-&lt;b&gt;&amp;" in text and "<script>" not in text
        status, _, text = server.request("GET", "/ui/job", {"job_id": job})
        assert status == 200 and "<svg" in text and "converged" in text
        assert server.request("GET", "/ui/job", {"job_id": "nope"})[0] == 404
        assert json.loads(server.request("GET", "/health")[2])["status"] == "ok"
        metrics = server.request("GET", "/metrics")[2]
        assert 'route="/report",status="2xx"} 1' in metrics
        for line in metrics.splitlines():
            assert re.fullmatch(r"# (HELP|TYPE) .*|[a-z_]+(\{[^{}]*\})? [0-9.e+-]+", line), line


def test_bad_databases(tmp_path):
    for url, words in (("mysql://x", "starts with none of"), ("sqlite://x", "not of the form"),
                       ("sqlite:////nonexistent/x.db", "unable to open"),
                       ("postgresql://nobody@/x?host=/nonexistent", "database")):
        with pytest.raises(RuntimeError, match=words):
            Server("bso", "--database", url, directory=tmp_path)


def test_lost_connection(postgres, tmp_path):
    database = postgres.create("lost" + uuid.uuid4().hex[:8])
    with Server("bso", "--database", database, directory=tmp_path) as server:
        job = register(server)
        trial = predict(server, job)
        postgres.restart()
        assert report(server, trial)[1]["converged"]
        assert predict(server, job)["trial_number"] == 2


def test_simulated_runs_end(database, tmp_path):
    """Random outcomes, with crashes and concurrent requests: numbers are consecutive, and the
    cheapest size wins."""
    rng = random.Random(5)
    truth = {8: 300.0, 16: 100.0, 32: 200.0}
    with start(database, tmp_path) as server:
        job = register(server, beta_knob=None)
        chosen = []
        for number in range(1, 60):
            trial = predict(server, job)
            assert trial["trial_number"] == number
            if rng.random() < 0.1:
                assert server.request("PATCH", "/trials", None, trial)[0] == 200
                continue
            cost = truth[trial["batch_size"]] * rng.uniform(0.95, 1.05)
            assert report(server, trial, cost / 10, cost * 10)[1]["converged"]
            chosen.append(trial["batch_size"])
        assert chosen[-20:].count(16) >= 18
