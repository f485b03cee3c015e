# SPDX-License-Identifier: Apache-2.0
"""zeus plan compose and zeus plan compare: reference problems of a brute force (compose_oracle.py),
the way from parts to a plan, and everything that can be wrong with a recipe."""
import ast
import csv
import io
import json
import pathlib
import random
from fractions import Fraction

import pytest

import compose_oracle as oracle

PROBLEMS = pathlib.Path(__file__).resolve().parents[1] / "reference" / "compose"
NAMES = ["plain", "checkpointing", "context_parallel", "one_choice"]


def read_rows(text):
    found = []
    for row in csv.DictReader(io.StringIO(text)):
        labels = [row[k] for k in row if k.startswith("config_") and row[k]]
        found.append((int(row["stage"]), row["instruction"], int(row["frequency"]), tuple(labels),
                      float(row["time"]), float(row["energy"])))
    return found


def composed(zeus, tmp_path, recipe, *options):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(recipe))
    done = zeus("plan", "compose", path, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_those_of_the_brute_force(zeus, tmp_path, name):
    problem = json.loads((PROBLEMS / f"{name}.json").read_text())
    text = composed(zeus, tmp_path, problem["recipe"], "--p2p-power", problem["p2p_power"])
    want = sorted((s, k, mhz, tuple(labels), t, e) for s, k, mhz, labels, t, e in problem["rows"])
    assert sorted(read_rows(text)) == want


@pytest.mark.parametrize("name", NAMES)
def test_frontier_is_that_of_the_brute_force(zeus, tmp_path, name):
    problem = json.loads((PROBLEMS / f"{name}.json").read_text())
    profile, frontier = tmp_path / "profile.csv", tmp_path / "frontier.json"
    profile.write_text(composed(zeus, tmp_path, problem["recipe"], "--p2p-power",
                                problem["p2p_power"]))
    done = zeus("plan", "-q", profile, "-m", 2, "--model", "hull", "--p2p-power",
                problem["p2p_power"], "--unit", f"{problem['unit_ns']}ns", "--frontier", frontier)
    assert done.returncode == 0, done.stderr
    got = json.loads(frontier.read_text())
    ours = {row[3]: row[2] for row in got["frontier"]}
    ours[got["initial_quant_time"]] = got["initial_cost_all_slowest"]
    least = dict(map(tuple, problem["frontier"]))
    assert min(ours) == min(least)
    assert len(ours) > 1 or name == "one_choice"
    for units, cost in ours.items():
        assert cost == pytest.approx(least[min(units, max(least))], rel=1e-9), units


def test_small_random_recipes_against_the_brute_force(zeus, tmp_path):
    """Exact numbers; ties are frequent because there are few different ones."""
    rng = random.Random(7)
    compared = 0
    for _ in range(40):
        parts = {}
        for name in "abcd"[:rng.randint(1, 4)]:
            parts[name] = [{"freq": mhz, "time_s": rng.randint(1, 8) / 4,
                            "energy_j": rng.randint(1, 64) / 2, "config": f"{name}{mhz}{i}"}
                           for mhz in (300, 200, 100) for i in range(rng.randint(1, 4))]
        names = list(parts)
        stages = [{"layers": rng.randint(1, 3), **{kind: {
            "layer": rng.choices(names, k=rng.randint(1, 3)), "once": rng.choices(names, k=1)}
            for kind in oracle.KINDS}} for _ in range(rng.randint(1, 2))]
        recipe = {"parts": parts, "stages": stages, "nanobatches": rng.randint(1, 2)}
        power = rng.choice([0, 2, 10])
        got = {}
        for stage, kind, _, _, time, energy in read_rows(
                composed(zeus, tmp_path, recipe, "--p2p-power", power)):
            got.setdefault((stage, kind), set()).add((time, energy - power * time))
        for key, rows in oracle.compose(recipe, Fraction(power)).items():
            want = {(float(t), float(e - power * t)) for _, _, t, e in rows}
            assert got[key] == want, (recipe, key)
            compared += len(want)
    print(f"{compared} choices compared")
    assert compared > 200


def test_from_parts_to_a_plan(zeus, tmp_path):
    """Files beside the recipe, the plan verified, its configurations, and what they are worth."""
    problem = json.loads((PROBLEMS / "checkpointing.json").read_text())
    recipe = problem["recipe"]
    for name, points in recipe["parts"].items():
        lines = [json.dumps(point | {"samples": [1, 2]}) for point in points]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n\n")
    recipe["parts"] = {name: f"{name}.jsonl" for name in recipe["parts"]}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    out = {name: tmp_path / name for name in ("profile.csv", "plan.json", "f.csv", "freqs.py",
                                              "scheds.py")}
    power = ("--p2p-power", problem["p2p_power"])
    assert zeus("plan", "compose", tmp_path / "recipe.json", *power, "-o",
                out["profile.csv"]).returncode == 0
    plan = ("plan", "-q", out["profile.csv"], "-m", 6, "--model", "hull", *power)
    assert zeus(*plan, "--plan", out["plan.json"], "--frontier", out["f.csv"], "--configurations",
                out["scheds.py"]).returncode == 0
    assert zeus(*plan, "--plan", out["freqs.py"]).returncode == 0
    done = zeus("plan", "verify", out["plan.json"], out["profile.csv"])
    assert done.returncode == 0 and done.stdout.count(": kept") == 3, done.stdout + done.stderr
    frequencies = ast.literal_eval(out["freqs.py"].read_text().split("#")[0])
    schedules = ast.literal_eval(out["scheds.py"].read_text())
    known = {tuple(r[3]) for r in problem["rows"]}
    assert [len(stage) for stage in schedules] == [12, 12]
    for stage, steps in enumerate(schedules):
        for (kind, mhz), (same, *labels) in zip(frequencies[stage], steps):
            assert kind == same and tuple(labels) in known
            assert len(labels) == (2 if kind == "forward" else 4)

    # Against the same parts without a choice of configuration.
    for name, points in json.loads((PROBLEMS / "checkpointing.json").read_text())[
            "recipe"]["parts"].items():
        first = [p for p in points if p.get("sm", 3) == 3]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, first)))
    plain = tmp_path / "plain.csv"
    assert zeus("plan", "compose", tmp_path / "recipe.json", *power, "-o", plain).returncode == 0
    for frontier in ("plain-frontier.csv", "plain-frontier.json"):
        assert zeus("plan", "-q", plain, "-m", 6, "--model", "hull", *power, "--frontier",
                    tmp_path / frontier).returncode == 0
        done = zeus("plan", "compare", out["f.csv"], tmp_path / frontier)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("% less") == 2, done.stdout
    print(done.stdout)
    same = zeus("plan", "compare", tmp_path / "plain-frontier.csv", tmp_path / "plain-frontier.json")
    assert same.stdout.count(" 0.0 % more") == 2, same.stdout


def test_fewer_choices_on_request(zeus, tmp_path):
    recipe = json.loads((PROBLEMS / "context_parallel.json").read_text())["recipe"]
    every = read_rows(composed(zeus, tmp_path, recipe))
    few = read_rows(composed(zeus, tmp_path, recipe, "--resolution", "4ms"))
    assert 4 <= len(few) < len(every)
    for stage, kind, _, _, time, energy in every:  # a little time at each of five parts is all that is lost
        assert any(row[:2] == (stage, kind) and row[4] <= time + 5 * 0.004 and row[5] <= energy
                   for row in few)
    none_saves_more = read_rows(composed(zeus, tmp_path, recipe, "--tolerance", "1e6"))
    assert len(none_saves_more) < len(every)
    done = zeus("plan", "compose", tmp_path / "recipe.json", "--sums-max", 5)
    assert done.returncode == 1 and "more than 5 sums (--resolution" in done.stderr


def recipe(**changes):
    base = {"parts": {"a": [{"freq": 1000, "time_s": 1, "energy_j": 2}]},
            "stages": [{"forward": {"layer": ["a"]}, "backward": {"layer": ["a"]}}]}
    return json.dumps(base | changes)


POINT = {"freq": 1000, "time_s": 1, "energy_j": 2}


@pytest.mark.parametrize("text, words", [
    ("", "too early"), ("[]", "JSON object"), ("{", "line 1"), ("{}", "needs parts and stages"),
    (recipe(colour=1), "a recipe has"), (recipe(scale=0), "positive number"),
    (recipe(scale="1"), "positive number"), (recipe(parts=[]), "parts are an object"),
    (recipe(parts={"a": 3}), "part a: byte"), (recipe(parts={"a": []}), "part a: no points"),
    (recipe(parts={"a": [3]}), "a point is an object"),
    (recipe(parts={"a": "nothing.jsonl"}), "nothing.jsonl"),
    (recipe(parts={"a": "bad.jsonl"}), "bad.jsonl: row 2"),
    (recipe(parts={"a": [POINT | {"freq": 0}]}), "positive number"),
    (recipe(parts={"a": [{"freq": 1}]}), "needs freq, time_s and energy_j"),
    (recipe(parts={"a": [POINT | {"energy_j": -1}]}), "positive number"),
    (recipe(parts={"a": [POINT | {"config": "x,y"}]}), "without commas"),
    (recipe(parts={"a": [POINT | {"sm": 3}]}), "overlap_start, overlap_end, sm and block"),
    (recipe(parts={"a": [POINT, POINT | {"config": "x"}]}), "all points of a part"),
    (recipe(parts={"a": [POINT], "b": [POINT | {"freq": 2}]},
            stages=[{"forward": {"layer": ["a", "b"]}}]), "stage 0 forward: its parts have no"),
    (recipe(stages=[]), "no instructions"), (recipe(stages=[3]), "stage 0: byte"),
    (recipe(stages=[{"sideways": {}}]), "a stage has layers and instructions"),
    (recipe(stages=[{"forward": {}}]), "stage 0 forward: it has no parts"),
    (recipe(stages=[{"forward": {"layer": ["b"]}}]), "there is no part b"),
    (recipe(stages=[{"forward": {"often": []}}]), "layer and once"),
    (recipe(stages=[{"layers": -1, "forward": {"layer": ["a"]}}]), "positive number"),
    (recipe(stages=[{"forward": {"layer": ["a"] * 49}}]), "more than 48 parts"),
    (recipe()[:-1] + ', "parts": {}}', "no part a")])
def test_wrong_recipes(zeus, tmp_path, text, words):
    (tmp_path / "bad.jsonl").write_text(json.dumps(POINT) + "\nnonsense\n")
    path = tmp_path / "recipe.json"
    path.write_text(text)
    done = zeus("plan", "compose", path, "-o", tmp_path / "out.csv")
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("text, words", [
    ("", "no columns"), ("{", "line 1"), ("{}", "unit_time"), ('{"unit_time": 1}', "no points"),
    ('{"unit_time": 1, "frontier": [[1, 2, 3]]}', "four numbers"),
    ('{"unit_time": 1, "frontier": [[1, 2, 3, 0]]}', "point 1"),
    ("time,total_cost_p2p\n1\n", "line 2"), ("time,total_cost_p2p\n", "no points")])
def test_wrong_frontiers(zeus, tmp_path, text, words):
    good, bad = tmp_path / "good.csv", tmp_path / "bad"
    good.write_text("time,total_cost_p2p\n1,2\n")
    bad.write_text(text)
    done = zeus("plan", "compare", good, bad)
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert zeus("plan", "compare", good, tmp_path / "absent").returncode == 1
    assert zeus("plan", "compare", good).returncode == 2
    slow = zeus("plan", "compare", good, good)
    assert slow.returncode == 0


def test_a_frontier_that_is_never_as_good(zeus, tmp_path):
    good, poor = tmp_path / "good.csv", tmp_path / "poor.csv"
    good.write_text("time,total_cost_p2p\n1,2\n")
    poor.write_text("time,total_cost_p2p\n2,3\n")
    done = zeus("plan", "compare", poor, good)
    assert done.returncode == 0
    assert "never that fast" in done.stdout and "never spends that little" in done.stdout


def test_configurations_need_a_composed_profile(zeus, tmp_path):
    profile = tmp_path / "profile.csv"
    profile.write_text("stage,instruction,frequency,time,energy\n0,forward,1000,1,1\n"
                       "0,backward,1000,1,1\n")
    done = zeus("plan", profile, "-m", 1, "--configurations", tmp_path / "out.py")
    assert done.returncode == 1 and "out.py" in done.stderr
