# SPDX-License-Identifier: Apache-2.0
"""zeus plan, zeus plan solve and zeus plan verify from outside: the tiny reference problems, a profile
there and back, and everything that can be wrong with either."""
import csv
import json
import xml.etree.ElementTree

import pytest

from serve import shared

MHZ = [1410, 1260, 1110, 960]


def profile_csv(stages=2):
    lines = ["stage,instruction,frequency,time,energy"]
    for stage in range(stages):
        for kind, work in (("forward", 0.020), ("backward", 0.043)):
            for mhz in MHZ:
                time_s = work * (1, 1.4, 1.1)[stage] * (0.3 + 0.7 * 1410 / mhz)
                lines.append(f"{stage},{kind},{mhz},{time_s!r},"
                             f"{time_s * (70 + 300 * (mhz / 1410) ** 3)!r}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "profile.csv"
    path.write_text(profile_csv())
    return path


def problem(edges=(("s", "a"), ("a", "b"), ("b", "t")), options=((0.02, 1), (0.01, 2)), **more):
    return json.dumps({
        "unit_time": 0.001, "source": "s", "sink": "t",
        "specs": [{"id": 0, "options": [{"real_time": time_s, "cost": cost, "knob": i}
                                        for i, (time_s, cost) in enumerate(options)]}],
        "ops": {"s": {"dummy": True}, "t": {"dummy": True}, "a": {"spec": 0}, "b": {"spec": 0}},
        "edges": edges, **more})


# --- zeus plan solve -------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["tiny_chain3", "tiny_par2x2", "par4x3", "pipe_2x4"])
def test_no_dearer_than_the_reference(zeus, tmp_path, name):
    source = shared(f"reference/planner/{name}.input.json")
    want = json.loads(shared(f"reference/planner/{name}.rust.json").read_text())
    out = tmp_path / "frontier.json"
    done = zeus("plan", "solve", source, "--frontier", out)
    assert done.returncode == 0, done.stderr
    got = json.loads(out.read_text())
    assert got["columns"] == want["columns"]
    assert got["initial_cost_all_slowest"] == pytest.approx(want["initial_cost_all_slowest"])
    ours = {row[3]: row[2] for row in got["frontier"]}
    for _, _, cost, units in want["frontier"]:
        assert ours[units] <= cost * (1 + 1e-9)
    costs = [row[2] for row in got["frontier"]]
    assert costs == sorted(costs), "shorter is never cheaper"


def test_one_deadline_and_its_plan(zeus, tmp_path):
    source = shared("reference/planner/tiny_par2x2.input.json")
    frontier, plan = tmp_path / "frontier.json", tmp_path / "plan.json"
    assert zeus("plan", "solve", source, "--frontier", frontier).returncode == 0
    cost = {row[3]: row[2] for row in json.loads(frontier.read_text())["frontier"]}[100]
    for deadline in ("100", "0.1s", "100ms"):
        assert zeus("plan", "solve", source, "--deadline", deadline, "--plan", plan).returncode == 0
        got = json.loads(plan.read_text())
        assert got["quant_time"] == 100 and got["total_cost"] == pytest.approx(cost, rel=1e-9)
        specs = {s["id"]: s for s in json.loads(source.read_text())["specs"]}
        operations = json.loads(source.read_text())["ops"]
        for name, (duration, knob) in got["durations"].items():
            options = specs[operations[name]["spec"]]["options"]
            chosen = next(o for o in options if o["knob"] == knob)
            fastest = min(o["quant_time"] for o in options)
            assert chosen["quant_time"] <= max(duration, fastest)


@pytest.mark.parametrize("text, words", [
    ("", "broken.json"), ("{", "line 1"), ("[]", "broken.json"),
    (problem(edges=[["s", "a"], ["a", "b"], ["b", "a"], ["b", "t"]]), "cycle"),
    (problem(edges=[["s", "a"], ["a", "nowhere"], ["a", "t"]]), "nowhere"),
    (problem(options=((-0.02, 1), (0.01, 2))), "real_time"),
    (problem(options=()), "option"),
    (problem(unit_time=0), "unit"),
    (problem(ops={"s": {"dummy": True}, "t": {"dummy": True}}, edges=[["s", "t"]]), "time")])
def test_wrong_problems(zeus, tmp_path, text, words):
    path = tmp_path / "broken.json"
    path.write_text(text)
    done = zeus("plan", "solve", path, "--frontier", tmp_path / "out.json")
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert not (tmp_path / "out.json").exists()


def test_a_deadline_that_is_too_short(zeus, tmp_path):
    path = tmp_path / "problem.json"
    path.write_text(problem())
    done = zeus("plan", "solve", path, "--deadline", "19", "--plan", tmp_path / "plan.json")
    assert done.returncode == 1 and "fastest takes 20" in done.stderr
    assert not (tmp_path / "plan.json").exists()
    assert zeus("plan", "solve", path, "--deadline", "20").returncode == 0
    assert zeus("plan", "solve", path, "--deadline", "soon").returncode in (1, 2)


# --- zeus plan and zeus plan verify ----------------------------------------------------------------

@pytest.mark.parametrize("options", [
    [], ["--deadline", "450ms"], ["--schedule", "gpipe"], ["--schedule", "early-recompute"],
    ["--model", "hull"], ["--p2p-power", "70"], ["--p2p-power", "70", "--deadline", "500ms"]])
def test_a_plan_is_verified(zeus, tmp_path, profile, options):
    plan = tmp_path / "plan.json"
    done = zeus("plan", profile, "-m", 4, "--plan", plan, *options)
    assert done.returncode == 0, done.stderr
    checked = zeus("plan", "verify", plan, profile)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count(": kept") == 3 and "BROKEN" not in checked.stdout


def test_the_baseline_is_everything_at_the_highest_frequency(zeus, tmp_path, profile):
    """By a schedule of its own: 1F1B is each stage's order and what the neighbour has done."""
    rows = {}
    for row in csv.DictReader(profile.read_text().splitlines()):
        if row["frequency"] == "1410":
            rows[int(row["stage"]), row["instruction"]] = float(row["time"]), float(row["energy"])
    orders = [["f0", "f1", "b0", "f2", "b1", "f3", "b2", "b3"],
              ["f0", "b0", "f1", "b1", "f2", "b2", "f3", "b3"]]
    ends, spent = {}, 0
    for _ in range(16):  # until nothing moves
        for stage, order in enumerate(orders):
            now = 0
            for step in order:
                needs = ends.get((0, step), 0) if step[0] == "f" and stage else (
                    ends.get((1, step), 1e9) if step[0] == "b" and not stage else 0)
                now = max(now, needs) + rows[stage, "forward" if step[0] == "f" else "backward"][0]
                ends[stage, step] = now
    length = max(ends.values())
    spent = 4 * sum(energy for _, energy in rows.values())
    plan = tmp_path / "plan.json"
    done = zeus("plan", profile, "-m", 4, "--plan", plan)
    base = json.loads(plan.read_text())["all_at_highest_frequency"]
    assert base["time"] == pytest.approx(length, rel=1e-12)
    assert base["cost"] == base["cost_p2p"] == pytest.approx(spent, rel=1e-12)
    assert f"{length:.3f} s" in done.stdout.split("all at highest")[1]
    got = json.loads(plan.read_text())
    saved = 100 * (1 - got["chosen_cost_p2p"] / base["cost_p2p"])
    assert f"{saved:.1f} %" in done.stdout and saved > 3
    waiting = zeus("plan", profile, "-m", 4, "--p2p-power", 70, "--plan", plan, "--html",
                   tmp_path / "r.html")
    assert waiting.returncode == 0
    base = json.loads(plan.read_text())["all_at_highest_frequency"]
    quanta = 4 * sum(int(time // 0.001) for time, _ in rows.values())
    assert base["cost"] == pytest.approx(spent - 70 * quanta * 0.001, rel=1e-12)
    assert base["cost_p2p"] == pytest.approx(base["cost"] + 2 * 70 * length, rel=1e-12)
    assert "all at the highest frequency" in (tmp_path / "r.html").read_text()


def test_ranks_of_a_stage_wait_together(zeus, tmp_path, profile):
    """Two ranks of half the energy each are one device that draws twice as much while it waits."""
    lines = profile.read_text().splitlines()
    half = [",".join(line.split(",")[:-1] + [repr(float(line.split(",")[-1]) / 2)])
            for line in lines[1:]]
    ranks = tmp_path / "ranks.csv"
    ranks.write_text("\n".join([lines[0] + ",rank"] + [f"{line},{rank}" for rank in (0, 1)
                                                       for line in half]) + "\n")
    plans = []
    for path, power in ((profile, 70), (ranks, 35)):
        plan = tmp_path / f"{path.name}.json"
        assert zeus("plan", path, "-m", 4, "--p2p-power", power, "--plan", plan).returncode == 0
        assert zeus("plan", "verify", plan, path).returncode == 0
        plans.append(json.loads(plan.read_text()))
    assert plans[0]["instructions"] == plans[1]["instructions"]
    assert plans[1]["p2p_power"] == 70, "of the whole stage"
    assert plans[0]["total_cost_p2p"] == pytest.approx(plans[1]["total_cost_p2p"], rel=1e-12)
    ranks.write_text(ranks.read_text() + half[0].replace("1410", "1400") + ",1\n")
    done = zeus("plan", ranks, "-m", 4)
    assert done.returncode == 1 and "1 ranks profiled forward of stage 0" in done.stderr


def test_all_outputs(zeus, tmp_path, profile):
    out = {name: tmp_path / name for name in ("f.csv", "f.json", "p.csv", "p.py", "g.svg", "f.svg",
                                              "r.html")}
    done = zeus("plan", "-q", profile, "-m", 4, "--frontier", out["f.csv"], "--plan", out["p.csv"],
                "--gantt", out["g.svg"], "--frontier-svg", out["f.svg"], "--html", out["r.html"])
    assert done.returncode == 0 and done.stdout == "", done.stderr
    assert zeus("plan", "-q", profile, "-m", 4, "--frontier", out["f.json"],
                "--plan", out["p.py"]).returncode == 0
    with open(out["f.csv"], newline="") as f:
        rows = list(csv.DictReader(f))
    assert [int(r["quant_time"]) for r in rows] == list(range(547, 409, -1))
    assert len(json.loads(out["f.json"].read_text())["frontier"]) in (len(rows), len(rows) - 1)
    stages = eval(out["p.py"].read_text())  # our own file
    assert [len(stage) for stage in stages] == [8, 8]
    assert {mhz for stage in stages for _, mhz in stage} <= set(MHZ)
    for name in ("g.svg", "f.svg"):
        assert xml.etree.ElementTree.parse(out[name]).getroot().tag.endswith("svg")
    assert "<svg" in out["r.html"].read_text()


def change(plan, **changes):
    step = plan["instructions"][0][0]
    step.update(changes)
    return plan


@pytest.mark.parametrize("mistake, words", [
    (lambda p: change(p, frequency=960), "960 MHz"),
    (lambda p: change(p, frequency=1000), "1000"),
    (lambda p: change(p, instruction="backward"), "stage 0"),
    (lambda p: p["instructions"][1].pop() and p, "leaves out a backward"),
    (lambda p: p | {"quant_time": p["quant_time"] - 1}, ""),
    (lambda p: p | {"chosen_cost": p["chosen_cost"] * 0.99}, ""),
    (lambda p: p | {"format": "something"}, "not zeus-plan-1"),
    (lambda p: p | {"instructions": 7}, "")])
def test_a_wrong_plan_is_found(zeus, tmp_path, profile, mistake, words):
    plan = tmp_path / "plan.json"
    assert zeus("plan", profile, "-m", 4, "--plan", plan).returncode == 0
    plan.write_text(json.dumps(mistake(json.loads(plan.read_text()))))
    done = zeus("plan", "verify", plan, profile)
    assert done.returncode == 1 and words in done.stdout + done.stderr, done.stderr


@pytest.mark.parametrize("text, words", [
    ("", "empty"), ("stage,instruction\n", "frequency"),
    (profile_csv() + "0,sideways,1410,1,1\n", "line 18: the instruction"),
    (profile_csv() + "0,forward,1410,-1,1\n", "line 18: the time"),
    (profile_csv() + "0,forward,1410,1\n", "line 18"),
    (profile_csv().split("1,backward")[0], "no backward of stage 1")])
def test_wrong_profiles(zeus, tmp_path, text, words):
    path = tmp_path / "profile.csv"
    path.write_text(text)
    done = zeus("plan", path, "-m", 4, "--plan", tmp_path / "plan.json")
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert not (tmp_path / "plan.json").exists()


@pytest.mark.parametrize("arguments, status, words", [
    ([], 2, "profile"), (["PROFILE"], 2, "--micro-batches"), (["PROFILE", "-m", 0], 2, "micro"),
    (["PROFILE", "-m", 4, "--stages", 3], 1, "2 stages, not 3"),
    (["PROFILE", "-m", 4, "--deadline", "1ms"], 1, "fastest takes 410"),
    (["PROFILE", "-m", 4, "--schedule", "zigzag"], 2, "zigzag"),
    (["nothing.csv", "-m", 4], 1, "nothing.csv"),
    (["solve"], 2, "problem"), (["solve", "nothing.json"], 1, "nothing.json"),
    (["verify", "PROFILE"], 2, "a plan and a profile"),
    (["verify", "nothing.json", "PROFILE"], 1, "nothing.json")])
def test_wrong_usage(zeus, profile, arguments, status, words):
    done = zeus("plan", *[profile if a == "PROFILE" else a for a in arguments])
    assert done.returncode == status and words in done.stderr, done.stderr


def test_an_output_that_cannot_be_written(zeus, tmp_path, profile):
    done = zeus("plan", profile, "-m", 4, "--plan", tmp_path / "absent" / "plan.json")
    assert done.returncode == 1 and "absent" in done.stderr
