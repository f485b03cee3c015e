# SPDX-License-Identifier: Apache-2.0
"""The recorded simulations driven through the server: the same batch sizes as in process.

A simulated recurrence is a function of the sizes that the policy asked for so far. So as long as
every answer is the recorded one, giving the server the recorded outcomes is running the simulator
against it, and that is asserted at every step. ZEUS_TEST_ALL_RUNS=1 takes all 79 runs.
"""
import csv
import http.client
import json
import math
import os
import uuid

import pytest

from postgres import Postgres
from serve import Server, shared

LOWER_IS_BETTER = {"librispeech"}  # word error rate; the other targets are accuracies

# Runs that show each workload, a weight, no early stopping and windows; and all four in which the
# simulator takes a run that is over the server's bound.
SOME = {("v100", "cifar100", 2, 0.5, 2.0, 0), ("p100", "cifar100", 2, 0.5, 2.0, 0),
        ("a40", "cifar100", 2, 0.5, 2.0, 0), ("v100", "librispeech", 1, 1.0, 2.0, 0),
        ("v100", "librispeech", 1, 0.5, 2.0, 0), ("v100", "librispeech", 1, 0.5, 2.0, 5),
        ("v100", "librispeech", 1, 0.5, 2.0, 10), ("v100", "librispeech", 1, 0.5, "inf", 0),
        ("v100", "squad", 1, 0.5, 2.0, 0), ("a40", "imagenet", 1, 0.5, 2.0, 0),
        ("v100", "movielens-1m", 1, 0.0, 2.0, 0), ("p100", "sentiment140", 1, 0.5, 2.0, 0)}


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bso.db"
    return request.getfixturevalue("postgres").create("s" + uuid.uuid4().hex[:12])


def key_of(run):
    return tuple(run[k] for k in ("gpu", "dataset", "seed", "eta_knob", "beta_knob", "window_size"))


def recorded_runs():
    with open(shared("reference/nsdi23/single_runs.jsonl"), encoding="utf-8") as f:
        runs = [json.loads(line) for line in f]
    if os.environ.get("ZEUS_TEST_ALL_RUNS") == "1":
        return runs
    some = [run for run in runs if key_of(run) in SOME]
    assert {key_of(run) for run in some} == SOME
    return some


def batch_sizes(run):
    """Those that are in both tables, as the simulator takes them."""
    found = []
    for name in ("summary_train.csv", f"summary_power_{run['gpu']}.csv"):
        with open(shared("data/nsdi23/" + name), encoding="utf-8") as f:
            found.append({int(r["batch_size"]) for r in csv.DictReader(f) if all(
                r[k] == run[k] for k in ("dataset", "network", "optimizer"))})
    return sorted(found[0] & found[1])


def job_of(run):
    beta = float(run["beta_knob"])
    return {"max_power": float(run["max_power"]), "number_of_gpus": 1, "gpu_model": run["gpu"],
            "job_id": "simulation-" + uuid.uuid4().hex, "job_id_prefix": "simulation",
            "batch_sizes": batch_sizes(run), "default_batch_size": run["b0"],
            "eta_knob": run["eta_knob"], "beta_knob": None if math.isinf(beta) else beta,
            "target_metric": run["target_metric"], "max_epochs": run["max_epochs"],
            "higher_is_better_metric": run["dataset"] not in LOWER_IS_BETTER,
            "window_size": run["window_size"], "mab_seed": run["seed"]}


def first_over_bound(run):
    """The first row that reached its target although it cost more than beta times the cheapest
    trial before it, or None. The simulator takes it and the server does not."""
    least = math.inf
    for at, (_, _, energy, reached, time_s) in enumerate(run["history"]):
        cost = run["eta_knob"] * energy + (1 - run["eta_knob"]) * run["max_power"] * time_s
        if reached and cost > float(run["beta_knob"]) * least:
            return at
        if reached:
            least = min(least, cost)
    return None


class Client:
    """One connection; requests as the published client sends them: JSON, no Content-Type."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

    def ask(self, method, path, body=None):
        text = None if body is None else json.dumps(body).encode()
        self.connection.request(method, path, body=text)
        reply = self.connection.getresponse()
        answer = json.loads(reply.read())
        assert reply.status in (200, 201), (reply.status, answer)
        return answer


def drive(client, run):
    """Runs it up to its end or to the first row over the server's bound; returns the rows done."""
    job = job_of(run)
    client.ask("POST", "/jobs", job)
    asked = [size for kind, size, *_ in run["events"] if kind == "p"]
    assert asked == [row[0] for row in run["history"]]
    sign = 1 if job["higher_is_better_metric"] else -1
    over = first_over_bound(run)
    for at, (size, _, energy, reached, time_s) in enumerate(run["history"]):
        trial = client.ask("GET", "/jobs/batch_size?job_id=" + job["job_id"])
        assert (trial["batch_size"], trial["trial_number"]) == (size, at + 1), key_of(run)
        said = client.ask("POST", "/report", {
            **trial, "time": time_s, "energy": energy, "current_epoch": run["max_epochs"],
            "metric": run["target_metric"] + (sign if reached else -sign)})
        assert said["stop_train"]
        if at == over:
            assert not said["converged"] and "cost upper bound" in said["message"]
            return at + 1
        assert said["converged"] == reached
    return len(run["history"])


@pytest.mark.parametrize("rules", ["compat", "fixed"])
def test_same_batch_sizes_as_in_process(database, rules, tmp_path):
    flags = ["--compat"] if rules == "compat" else []
    runs = recorded_runs()
    if rules == "fixed":
        # Few outcomes in a window are often equal, and the simulator keeps the certainty that the
        # fixed rules take away from an arm whose outcomes are all the same.
        runs = [run for run in runs if run["window_size"] == 0]
    # Each answer waits for the disk: one of the four cases takes the whole selection.
    is_whole = os.environ.get("ZEUS_TEST_ALL_RUNS") == "1" or (
        rules == "compat" and "sqlite" in database)
    runs = runs if is_whole else runs[::3]
    whole = parted = rows = 0
    with Server("bso", "--database", database, *flags, directory=tmp_path) as server:
        client = Client(server)
        for run in runs:
            rows += drive(client, run)
            whole += first_over_bound(run) is None
            parted += first_over_bound(run) is not None
    print(f"{rules}: {whole} runs to their end, {parted} to a run over the bound, {rows} trials")
    assert parted == 4 or not is_whole
