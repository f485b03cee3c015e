# SPDX-License-Identifier: Apache-2.0
"""Kills zeus-serve bso under load and checks that nothing that was answered is lost.

usage: crash.py [--database sqlite|postgresql] [--servers N] [--kills N] [--clients N] [--jobs N]

Clients run recurrences of a few shared jobs against random servers. A random server is killed with
SIGKILL again and again and started anew. Afterwards, in the database: every report whose answer
arrived is there with its values; trial numbers are those that were handed out, each once and
without gaps; the schema's invariants hold.
"""
import argparse
import collections
import http.client
import json
import pathlib
import random
import sqlite3
import sys
import tempfile
import threading
import time
import urllib.parse

from postgres import Postgres
from serve import Server

JOB = {"job_id_prefix": "crash", "batch_sizes": [8, 16, 32, 64], "default_batch_size": 16,
       "max_power": 300.0, "number_of_gpus": 1, "gpu_model": "V100", "beta_knob": None,
       "window_size": 10}


class Client(threading.Thread):
    """Runs recurrences until told to stop; remembers what was answered."""

    def __init__(self, load, seed):
        super().__init__()
        self.load = load
        self.rng = random.Random(seed)
        self.reported = {}  # (job, trial) -> (time, energy)
        self.dispatched = []  # (job, trial)
        self.unsure = set()  # (job, trial) whose report was cut off
        self.wrong = []
        self.connections = {}

    def ask(self, method, path, body=None):
        """(status, object), or None when the connection broke."""
        server = self.rng.choice(self.load.servers)
        port = server.port
        connection = self.connections.pop(port, None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            reply = connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return None
        self.connections[port] = connection
        return reply.status, json.loads(text)

    def recurrence(self, job):
        query = urllib.parse.urlencode({"job_id": job})
        got = self.ask("GET", f"/jobs/batch_size?{query}")
        if got is None or got[0] == 503:
            return
        if got[0] != 200:
            self.wrong.append(got)
            return
        trial = got[1]
        key = (job, trial["trial_number"])
        self.dispatched.append(key)
        time_s = round(self.rng.uniform(1, 100), 3)
        result = {**trial, "time": time_s, "energy": 10 * time_s, "metric": 1.0,
                  "current_epoch": 1}
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            got = self.ask("POST", "/report", result)
            if got is not None and got[0] != 503:
                break
            self.unsure.add(key)
            time.sleep(0.002)
        else:
            self.wrong.append(("no answer", key))
            return
        # A report that was stored although its answer was lost is answered as already reported.
        if got[0] != 200 or not got[1]["stop_train"]:
            self.wrong.append((got, key))
        elif "already reported" in got[1]["message"] and key not in self.unsure:
            self.wrong.append((got, key))
        else:
            self.reported[key] = (time_s, 10 * time_s)

    def run(self):
        while not self.load.is_over:
            self.recurrence(self.rng.choice(self.load.jobs))
        for connection in self.connections.values():
            connection.close()


class Load:
    def __init__(self, url, directory, servers=1, clients=8, jobs=3, seed=1):
        self.url, self.directory = url, directory
        self.rng = random.Random(seed)
        self.is_over = False
        self.servers = [self.start() for _ in range(servers)]
        self.jobs = []
        for _ in range(jobs):
            status, _, text = self.servers[0].request("POST", "/jobs", None, JOB)
            assert status == 201, text
            self.jobs.append(json.loads(text)["job_id"])
        self.clients = [Client(self, seed * 1000 + i) for i in range(clients)]

    def start(self):
        return Server("bso", "--database", self.url, "--database-connections", 4,
                      directory=self.directory)

    def run(self, kills, pause_s=0.05):
        for client in self.clients:
            client.start()
        for _ in range(kills):
            time.sleep(self.rng.uniform(0, pause_s))
            at = self.rng.randrange(len(self.servers))
            self.servers[at].kill()
            self.servers[at] = self.start()
        time.sleep(0.2)
        self.is_over = True
        for client in self.clients:
            client.join()
        for server in self.servers:
            assert server.stop() == 0

    def check(self, sql):
        """Raises AssertionError naming what is wrong; returns counts."""
        for client in self.clients:
            assert not client.wrong, client.wrong[:3]
        handed_out = collections.Counter(k for c in self.clients for k in c.dispatched)
        twice = [k for k, n in handed_out.items() if n > 1]
        assert not twice, f"handed out twice: {twice[:3]}"
        rows = {(r[0], int(r[1])): r for r in sql(
            'SELECT job_id, trial_number, status, time, energy FROM "Trial"')}
        reports = 0
        for client in self.clients:
            for key, (time_s, energy_j) in client.reported.items():
                row = rows.get(key)
                assert row, f"lost trial {key}"
                assert row[2] == "Succeeded" and float(row[3]) == time_s and \
                    float(row[4]) == energy_j, f"lost report {key}: {row}"
                reports += 1
        for job in self.jobs:
            numbers = sorted(n for j, n in rows if j == job)
            assert numbers == list(range(1, len(numbers) + 1)), f"gaps in {job}"
        orphans = sql('SELECT count(*) FROM "GaussianTsArmState" a WHERE a.num_observations < 1 '
                      'OR NOT EXISTS (SELECT 1 FROM "BatchSize" b WHERE b.job_id = a.job_id AND '
                      'b.batch_size = a.batch_size)')
        assert int(orphans[0][0]) == 0
        return {"trials": len(rows), "reports": reports,
                "cut_off": sum(len(c.unsure) for c in self.clients)}


def sqlite_checks(path):
    def sql(text):
        with sqlite3.connect(path) as db:
            return db.execute(text).fetchall()
    return sql


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=3)
    args = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="zeus-crash-")
    postgres = None
    if args.database == "sqlite":
        path = pathlib.Path(directory) / "bso.db"
        url, sql = f"sqlite:///{path}", sqlite_checks(path)
    else:
        postgres = Postgres()
        url, sql = postgres.create("crash"), lambda text: postgres.sql(text, "crash")
    begin = time.monotonic()
    try:
        load = Load(url, directory, args.servers, args.clients, args.jobs)
        load.run(args.kills)
        counts = load.check(sql)
        if args.database == "sqlite":
            assert sql("PRAGMA integrity_check") == [("ok",)]
            assert sql("PRAGMA foreign_key_check") == []
    finally:
        if postgres:
            postgres.stop()
    print(f"{args.database}, {args.servers} servers, {args.kills} kills in "
          f"{time.monotonic() - begin:.0f} s: {counts['trials']} trials, {counts['reports']} "
          f"answered reports, {counts['cut_off']} cut off and sent again; nothing lost, no number "
          "twice")
    print("BENCH " + json.dumps({"bench": "serve_crash", **vars(args), **counts}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
