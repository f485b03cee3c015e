# SPDX-License-Identifier: Apache-2.0
"""zeus-serve pfo --scheduler Frontier: profiling rounds, uploaded profiles, deadlines. The plans are
compared with those of `zeus plan`, which gets the same profile as a file."""
import concurrent.futures
import json
import subprocess
import time

import pytest

from conftest import ZEUS
from serve import Server

MHZ = [1410, 1260, 1110, 960]
STAGES, MICRO_BATCHES, IDLE_W = 3, 6, 70


def measured(stage, kind, mhz):
    """(seconds, joules) of a made-up device; the last stage has more to do."""
    share = mhz / 1410
    work = (0.020 if kind == "forward" else 0.043) * (1.0, 1.1, 1.5)[stage]
    time_s = work * (0.3 + 0.7 / share)
    return time_s, time_s * (IDLE_W + 300 * share ** 3)


def profile_csv(ranks=False):
    lines = ["stage,instruction,frequency,time,energy" + (",rank" if ranks else "")]
    for stage in range(STAGES):
        for kind in ("forward", "backward"):
            for mhz in MHZ:
                time_s, energy_j = measured(stage, kind, mhz)
                lines.append(f"{stage},{kind},{mhz},{time_s!r},{energy_j!r}" + ",0" * ranks)
    return "\n".join(lines) + "\n"


def start(tmp_path, more=(), **changes):
    args = {"micro_batches": MICRO_BATCHES, "p2p_power": IDLE_W, **changes}
    return Server("pfo", "--scheduler", "Frontier", "--scheduler-args", json.dumps(args), *more,
                  directory=tmp_path)


def register(server, dp=1, mhz=MHZ):
    status, _, text = server.request("POST", "/register_job", None, {
        "pp_degree": STAGES, "dp_degree": dp, "tp_degree": 1, "world_size": STAGES * dp})
    assert status == 200, text
    job = json.loads(text)
    for rank in range(STAGES * dp):
        assert server.request("POST", f"/register_rank/{job}", None, {
            "rank": rank, "dp_rank": rank // STAGES, "pp_rank": rank % STAGES, "tp_rank": 0,
            "available_frequencies": mhz})[0] == 200
    return job


def schedules(server, job, ranks=STAGES):
    with concurrent.futures.ThreadPoolExecutor(ranks) as pool:
        asked = [pool.submit(server.request, "GET", f"/schedule/{job}", {"rank": rank})
                 for rank in range(ranks)]
        answers = [a.result() for a in asked]
    assert all(status == 200 for status, _, _ in answers), answers
    return [[tuple(step) for step in json.loads(text)["frequencies"]] for _, _, text in answers]


def report(server, job, plans, breakdown=True):
    for rank, plan in enumerate(plans):
        times = {"forward": [[]], "backward": [[]]}
        energies = {"forward": [[]], "backward": [[]]}
        for kind, mhz in plan:
            time_s, energy_j = measured(rank % STAGES, kind, mhz)
            times[kind][0].append(time_s)
            energies[kind][0].append(energy_j)
        body = {"rank": rank, "iter_time": [1.0], "iter_energy": [1.0]}
        if breakdown:
            body |= {"time_breakdown": times, "energy_breakdown": energies}
        assert server.request("POST", f"/result/{job}", None, body)[0] == 200


def planner(tmp_path, *args):
    """The plan of `zeus plan` for the same profile."""
    (tmp_path / "profile.csv").write_text(profile_csv())
    plan = tmp_path / "plan.py"
    subprocess.run([ZEUS, "plan", "-q", tmp_path / "profile.csv", "-m", str(MICRO_BATCHES),
                    "--p2p-power", str(IDLE_W), "--plan", plan, *args], check=True)
    return [list(stage) for stage in eval(plan.read_text())]  # our own file


def deadline(server, job, **body):
    status, _, text = server.request("POST", f"/deadline/{job}", None, body)
    return status, json.loads(text)


def test_profiling_rounds_plan_and_deadline(tmp_path):
    with start(tmp_path) as server:
        job = register(server)
        for mhz in MHZ:
            assert deadline(server, job, deadline=1)[0] == 409
            plans = schedules(server, job)
            assert {f for plan in plans for _, f in plan} == {mhz}
            assert all(len(plan) == 2 * MICRO_BATCHES for plan in plans)
            report(server, job, plans)
        plans = schedules(server, job)
        assert plans == planner(tmp_path)
        assert {f for _, f in plans[0]} != {MHZ[0]}, "stage 0 has slack to use"
        # A deadline in the middle of a round takes effect with the next one.
        fastest = deadline(server, job)[1]
        status, slower = deadline(server, job, deadline=fastest["time"] * 1.2)
        assert status == 200 and slower["is_met"]
        assert fastest["time"] < slower["time"] <= fastest["time"] * 1.2
        assert slower["iteration"] < fastest["iteration"]
        report(server, job, plans, breakdown=False)
        assert schedules(server, job) == planner(
            tmp_path, "--deadline", f"{fastest['time'] * 1.2!r}s")


def test_uploaded_profile_and_wrong_ones(tmp_path):
    with start(tmp_path) as server:
        job = register(server)

        def upload(text, to=job):
            return server.request("POST", f"/profile/{to}", None, text)

        for text, words in [("", "empty"), ("stage,instruction\n", "frequency"),
                            (profile_csv() + "0,sideways,1410,1,1\n", "line 26: the instruction"),
                            (profile_csv() + "0,forward,1410,1\n", "line 26 has 4 columns, the header 5"),
                            (profile_csv() + "7,forward,1410,1,1\n", "stage 7"),
                            (profile_csv() + "0,forward,1410,-1,1\n", "line 26: the time"),
                            (profile_csv().split("2,backward")[0], "no backward of stage 2")]:
            status, _, body = upload(text)
            assert status == 422 and words in json.loads(body)["detail"], (text[-40:], body)
        assert upload(profile_csv(), "nothing")[0] == 404
        assert upload(profile_csv(ranks=True))[0] == 200
        assert upload(profile_csv())[0] == 409
        assert schedules(server, job) == planner(tmp_path)


def test_the_straggler_keeps_the_fastest_plan(tmp_path):
    with start(tmp_path) as server:
        job = register(server, dp=2)
        assert server.request("POST", f"/profile/{job}", None, profile_csv())[0] == 200
        fastest = deadline(server, job)[1]
        assert deadline(server, job, deadline=fastest["time"] * 1.3, straggler=1)[0] == 200
        plans = schedules(server, job, 2 * STAGES)
        assert plans[STAGES:] == planner(tmp_path)
        assert plans[:STAGES] == planner(tmp_path, "--deadline", f"{fastest['time'] * 1.3!r}s")
        assert plans[:STAGES] != plans[STAGES:]


def test_impossible_deadlines_and_bad_bodies(tmp_path):
    with start(tmp_path) as server:
        job = register(server)
        assert server.request("POST", f"/profile/{job}", None, profile_csv())[0] == 200
        status, answer = deadline(server, job, deadline=1e-6)
        assert status == 200 and not answer["is_met"]
        status, answer = deadline(server, job, deadline=1e300)
        assert status == 200 and answer["is_met"] and answer["iteration"] == 0
        for body in ({"deadline": 0}, {"deadline": -1}, {"deadline": "soon"}, {"straggler": -1}):
            assert server.request("POST", f"/deadline/{job}", None, body)[0] == 422
        assert deadline(server, "nothing")[0] == 404


def test_a_profiling_round_without_breakdowns_fails_the_job(tmp_path):
    with start(tmp_path) as server:
        job = register(server)
        report(server, job, schedules(server, job), breakdown=False)
        status, _, text = server.request("GET", f"/schedule/{job}", {"rank": 0})
        assert status == 500 and "time_breakdown" in json.loads(text)["detail"]


def test_no_common_frequency(tmp_path):
    with start(tmp_path) as server:
        job = register(server, mhz=[])
        status, _, text = server.request("GET", f"/schedule/{job}", {"rank": 0})
        assert status == 500 and "in common" in json.loads(text)["detail"]


@pytest.mark.parametrize("args, words", [
    ("{}", "micro_batches"), ('{"micro_batches": 0}', "micro_batches"),
    ('{"micro_batches": 4, "schedule": "zigzag"}', "zigzag"), ("{", "JSON object"),
    ('{"micro_batches": 4, "unit_time": 0}', "unit_time")])
def test_wrong_arguments(tmp_path, args, words):
    with pytest.raises(RuntimeError, match=words):
        Server("pfo", "--scheduler", "Frontier", "--scheduler-args", args, directory=tmp_path)


def test_other_schedulers_take_no_deadline(tmp_path):
    (tmp_path / "plan.py").write_text("[[('forward', 1)], [('forward', 1)], [('forward', 1)]]\n")
    with Server("pfo", "--solution", tmp_path / "plan.py", directory=tmp_path) as server:
        job = register(server)
        assert deadline(server, job, deadline=1)[0] == 409
        assert server.request("POST", f"/profile/{job}", None, profile_csv())[0] == 409


BIG_STAGES, BIG_MICRO_BATCHES = 16, 128  # seconds to plan


def big_csv():
    lines = ["stage,instruction,frequency,time,energy"]
    for stage in range(BIG_STAGES):
        for kind, work in (("forward", 0.065), ("backward", 0.13)):
            for k in range(25):
                mhz = 1410 - 30 * k
                time_s = work * (1 + 0.003 * (7 * stage % 16)) * (0.25 + 0.75 * 1410 / mhz)
                lines.append(f"{stage},{kind},{mhz},{time_s!r},"
                             f"{time_s * (90 + 290 * (mhz / 1410) ** 2.6)!r}")
    return "\n".join(lines) + "\n"


def register_pipeline(server, stages):
    status, _, text = server.request("POST", "/register_job", None, {
        "pp_degree": stages, "dp_degree": 1, "tp_degree": 1, "world_size": stages})
    assert status == 200, text
    job = json.loads(text)
    for rank in range(stages):
        assert server.request("POST", f"/register_rank/{job}", None, {
            "rank": rank, "dp_rank": 0, "pp_rank": rank, "tp_rank": 0,
            "available_frequencies": MHZ})[0] == 200
    return job


def state(server, job):
    return json.loads(server.request("GET", f"/status/{job}")[2])


def wait_for(condition):
    deadline_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline_at
        time.sleep(0.002)


def metric(server, name):
    lines = server.request("GET", "/metrics")[2].splitlines()
    return float(next(line for line in lines if line.startswith(name + " ")).split()[1])


def test_planning_holds_nobody_up(tmp_path):
    """One job is planned for seconds; others get their deadlines, uploads queue up to a limit."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool, start(
            tmp_path, micro_batches=BIG_MICRO_BATCHES, more=["--profiles-max", 2]) as server:
        small = register_pipeline(server, STAGES)
        assert server.request("POST", f"/profile/{small}", None, profile_csv())[0] == 200
        fastest = deadline(server, small)[1]["time"]
        big, second, third = (register_pipeline(server, BIG_STAGES) for _ in range(3))
        assert state(server, big) == {
            "phase": "requests", "round": 0, "ranks": 16, "world_size": 16, "waiting": 0,
            "points": 0, "ahead": None, "failure": None}

        def upload(job):
            return pool.submit(server.request, "POST", f"/profile/{job}", None, big_csv(), None, 120)

        first_answer = upload(big)
        wait_for(lambda: state(server, big)["ahead"] == 0)
        second_answer = upload(second)
        wait_for(lambda: state(server, second)["ahead"] == 1)
        wait_for(lambda: metric(server, "zeus_pfo_solving") == 1)
        assert metric(server, "zeus_pfo_solve_queue") == 1
        status, _, text = server.request("POST", f"/profile/{third}", None, big_csv())
        assert status == 503 and "2 profiles wait" in json.loads(text)["detail"]
        assert deadline(server, big)[0] == 409, "it is being planned"
        assert server.request("POST", f"/profile/{big}", None, "x")[0] in (409, 503)
        took = []
        while state(server, big)["phase"] == "solving" and len(took) < 200:
            begin = time.perf_counter()
            assert deadline(server, small, deadline=fastest * (1 + len(took) / 200))[0] == 200
            took.append(time.perf_counter() - begin)
        assert len(took) >= 10, "deadlines are answered while a frontier is solved"
        print(f"{len(took)} deadlines of another job while a 16x128 frontier is solved: median "
              f"{sorted(took)[len(took) // 2] * 1e3:.2f} ms, slowest {max(took) * 1e3:.2f} ms")
        assert first_answer.result()[0] == 200 and second_answer.result()[0] == 200
        assert state(server, big)["points"] == state(server, second)["points"] > 10000
        assert metric(server, "zeus_pfo_solved_total") == 3
        assert metric(server, "zeus_pfo_solving") == 0
        assert deadline(server, big)[0] == 200


def test_a_stop_ends_the_planning(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        server = start(tmp_path, micro_batches=BIG_MICRO_BATCHES)
        jobs = [register_pipeline(server, BIG_STAGES) for _ in range(2)]
        answers = [pool.submit(server.request, "POST", f"/profile/{job}", None, big_csv(), None, 120)
                   for job in jobs]
        wait_for(lambda: sorted(str(state(server, job)["ahead"]) for job in jobs) == ["0", "1"])
        assert server.stop() == 0
        for answer in answers:
            status, _, text = answer.result()
            assert status == 503 and "stop" in json.loads(text)["detail"]


def test_status_of_jobs(tmp_path):
    with start(tmp_path) as server:
        assert server.request("GET", "/status/nothing")[0] == 404
        job = register(server)
        status, _, _ = server.request("POST", f"/profile/{job}", None,
                                      profile_csv().split("2,backward")[0])
        assert status == 422
        assert state(server, job)["phase"] == "requests", "a bad upload does no harm"
        assert metric(server, "zeus_pfo_solve_failed_total") == 1
        for _ in MHZ:
            plans = schedules(server, job)
            assert state(server, job)["phase"] == "results"
            report(server, job, plans)
        wait_for(lambda: state(server, job)["phase"] == "requests")
        assert state(server, job)["points"] > 0 and state(server, job)["round"] == len(MHZ)
        failed = register(server)
        report(server, failed, schedules(server, failed), breakdown=False)
        assert state(server, failed)["phase"] == "failed"
        assert "time_breakdown" in state(server, failed)["failure"]


def test_a_deadline_is_a_look_up(tmp_path):
    """Prints how long the answer takes; what it may take is no matter of a test."""
    with start(tmp_path) as server:
        job = register(server)
        assert server.request("POST", f"/profile/{job}", None, profile_csv())[0] == 200
        fastest = deadline(server, job)[1]["time"]
        took = []
        for k in range(50):
            begin = time.perf_counter()
            assert deadline(server, job, deadline=fastest * (1 + k / 100))[0] == 200
            took.append(time.perf_counter() - begin)
    print(f"a new deadline over HTTP, connection included: median {sorted(took)[25] * 1e3:.2f} ms")
