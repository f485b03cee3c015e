# SPDX-License-Identifier: Apache-2.0
"""`zeus simulate`: the recorded runs through the command line, and what it says when asked wrongly."""
import csv
import json
import os
import pathlib

import pytest

from conftest import SOURCE

SHARED = pathlib.Path(os.environ.get("ZEUS_SHARED", SOURCE.parent / "shared"))
TRACES = SHARED / "data" / "nsdi23"
REFERENCE = SHARED / "reference" / "nsdi23"
needs_traces = pytest.mark.skipif(not TRACES.is_dir(), reason=f"no traces at {TRACES}")


def lines(name):
    return [json.loads(line) for line in open(REFERENCE / name, encoding="utf-8")]


def arguments(run):
    return ["simulate", "recurring", "--traces", TRACES, "--gpu", run["gpu"],
            "--dataset", run["dataset"], "--model", run["network"],
            "--optimizer", run["optimizer"], "--target-metric", run["target_metric"],
            "--max-epochs", run["max_epochs"], "--b-0", run["b0"], "--seed", run["seed"],
            "--eta-knob", run["eta_knob"], "--beta-knob", run["beta_knob"],
            "--window-size", run["window_size"]]


@needs_traces
def test_recorded_single_runs_to_the_digit(zeus):
    for run in lines("single_runs.jsonl"):
        done = zeus(*arguments(run), "--json", "-")
        assert done.returncode == 0, done.stderr
        got = json.loads(done.stdout)
        assert got["history"] == run["history"]
        assert got["num_recurrence"] == run["num_recurrence"]
        assert got["beta_knob"] == run["beta_knob"]
        assert [(a["bs"], a["n"]) for a in got["arms"]] == [(a["bs"], a["n"]) for a in run["arms"]]


@needs_traces
def test_recorded_groups_to_the_digit(zeus, tmp_path):
    out = tmp_path / "groups.json"
    done = zeus("simulate", "cluster", "--traces", TRACES, "--groups",
                REFERENCE / "synthetic_groups.csv", "--json", out)
    assert done.returncode == 0, done.stderr
    got = {s["group"]: s for s in json.loads(out.read_text())["simulations"]}
    assert len(got) == 12
    for run in lines("synthetic_group_runs.jsonl"):
        assert got[run["group"]]["history"] == run["history"]
        assert got[run["group"]]["seed"] == run["seed"]


@needs_traces
def test_expected_baselines(zeus):
    """The table's two expectations against the recorded baselines, to their six digits."""
    with open(REFERENCE / "baselines.csv", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            done = zeus("simulate", "recurring", "--traces", TRACES, "--gpu", row["gpu"],
                        "--dataset", row["dataset"], "--num-recurrence", 1, "--json", "/dev/full")
            base = next(l for l in done.stdout.splitlines() if l.startswith("expected: default"))
            energy = float(base.split()[5])
            assert int(base.split()[2]) == int(row["b0"])
            assert energy == pytest.approx(float(row["default_ETA"]), rel=1e-5, abs=0.06)


@needs_traces
def test_threads_do_not_change_results(zeus):
    one = zeus("simulate", "recurring", "--traces", TRACES, "--seed", "1-6", "--compare",
               "--jobs", 1, "--csv", "-")
    four = zeus("simulate", "recurring", "--traces", TRACES, "--seed", "1-6", "--compare",
                "--jobs", 4, "--csv", "-")
    assert one.returncode == 0 and one.stdout == four.stdout
    rows = list(csv.DictReader(one.stdout.splitlines()))
    assert {r["kind"] for r in rows} == {"zeus", "default", "grid"}
    assert {r["seed"] for r in rows} == set("123456")
    assert all(float(r["energy_j"]) > 0 for r in rows)


@needs_traces
@pytest.mark.parametrize("extra, words", [
    (["--dataset", "mnist"], "no experiment is known for dataset \"mnist\"; there are"),
    (["--gpu", "h100"], "summary_power_h100.csv"),
    (["--gpu", "../x"], "cannot be a GPU's name"),
    (["--eta-knob", "1.5"], "eta_knob is 1.5, must be 0 to 1"),
    (["--beta-knob", "0"], "beta_knob is 0, must be above 0"),
    (["--beta-knob", "x"], "--beta-knob: \"x\" is not a number"),
    (["--b-0", "100"], "default_batch_size 100 is not among the batch sizes"),
    (["--target-metric", "41.5"], "no run of librispeech with target 41.5"),
    (["--max-epochs", "1"], "default batch size 192 did not converge"),
    (["--policy", "magic"], "zeus|default|grid"),
    (["--seed", "x"], "--seed"),
])
def test_wrong_questions(zeus, extra, words):
    done = zeus("simulate", "recurring", "--traces", TRACES, *extra)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert done.stdout == ""


def test_without_traces(zeus, tmp_path):
    assert zeus("simulate", "recurring").returncode == 2
    done = zeus("simulate", "recurring", "--traces", tmp_path)
    assert done.returncode == 1 and "summary_train.csv" in done.stderr
    (tmp_path / "summary_train.csv").write_text("dataset,network\nx,y\n")
    (tmp_path / "summary_power_v100.csv").write_text("")
    done = zeus("simulate", "recurring", "--traces", tmp_path)
    assert done.returncode == 1 and 'no column "batch_size"' in done.stderr


def test_drift_slices(zeus, tmp_path):
    texts = [{"date": f"2009-05-{1 + i // 10:02d} 12:00", "text": f"tweet {i}", "label": i % 2}
             for i in range(60)]
    source = tmp_path / "texts.jsonl"
    source.write_text("".join(json.dumps(t) + "\n" for t in texts))
    out = tmp_path / "slices"
    out.mkdir()
    done = zeus("simulate", "drift", "--input", source, "--out", out, "--window", 40,
                "--date-key", "date", "--first-day", "2009-05-02")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in out.iterdir()) == ["1_train.json", "1_val.json",
                                                     "2_train.json", "2_val.json"]
    for i, start in ((1, 10), (2, 20)):
        train, val = ([json.loads(line) for line in (out / f"{i}_{part}.json").open()]
                      for part in ("train", "val"))
        assert (len(train), len(val)) == (34, 6)
        assert train != texts[start:start + 34]
        assert sorted(t["text"] for t in train + val) == sorted(
            t["text"] for t in texts[start:start + 40])
    refused = zeus("simulate", "drift", "--input", source, "--out", out, "--window", 100)
    assert refused.returncode == 1 and "60 lines make no slice of 100" in refused.stderr


@needs_traces
def test_pictures(zeus, tmp_path):
    done = zeus("simulate", "recurring", "--traces", TRACES, "--seed", "1,2", "--compare",
                "--plot", tmp_path / "plots", "--quiet")
    assert done.returncode == 0 and done.stdout == ""
    for name in ("cost.svg", "regret.svg", "energy.svg"):
        assert (tmp_path / "plots" / name).read_text().startswith("<svg")
