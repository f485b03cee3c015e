# SPDX-License-Identifier: Apache-2.0
"""Four ranks train on the simulated node: profile, plan, apply, then a straggler and its deadline.
Times are the machine's, energies the simulation's truth. Prints the figures."""
import json
import subprocess

import pytest

from conftest import BUILD, ZEUS
from serve import Server
from zeusd import Daemon, Node

TRAIN = BUILD / "examples" / "pipeline_train"

pytestmark = pytest.mark.skipif(not TRAIN.exists(), reason=f"{TRAIN} is not built (libcurl)")

ARGS = json.dumps({"micro_batches": 4, "p2p_power": 72})


def train(clean_env, url):
    return subprocess.run([ZEUS, "sim", "--node", "h100x8", "--privileged", "--", TRAIN, url],
                          env=clean_env, capture_output=True, text=True, timeout=120)


def train_through_the_daemon(url, directory):
    """The ranks may change nothing themselves: their clocks are set by zeusd."""
    with Node("h100x8") as node, Daemon(node, directory=directory) as daemon:
        env = {**node.env, "ZEUSD_SOCK_PATH": str(daemon.socket_path)}
        del env["ZEUS_SIM_PRIVILEGED"]
        done = subprocess.run([TRAIN, url], env=env, capture_output=True, text=True, timeout=120)
        log = daemon.log()
        assert all(state[2] == (0, 0) for state in node.settings())  # unlocked at the end
    assert "set_gpu_locked_clocks gpu=3" in log
    return done


@pytest.mark.parametrize("through_daemon", [False, True])
def test_profile_plan_apply_and_follow_a_straggler(tmp_path, clean_env, through_daemon):
    with Server("pfo", "--scheduler", "Frontier", "--scheduler-args", ARGS,
                directory=tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}"
        done = train_through_the_daemon(url, tmp_path / "zeusd") if through_daemon else train(
            clean_env, url)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    highest = lines[0]
    rounds = {line["round"]: line for line in lines if "round" in line}
    plan, straggler, follows = rounds["plan"], rounds["straggler"], rounds["deadline"]
    asked = next(line for line in lines if "deadline_s" in line)
    assert highest["clock_mhz"] == 1980

    print()
    for name, x in [("highest clocks", highest), ("plan", plan), ("straggler appears", straggler),
                    ("plan follows", follows)]:
        print(f"{name:18} {x['time_s'] * 1e3:7.1f} ms  {x['energy_j']:7.2f} J an iteration")
    saved = 1 - plan["energy_j"] / highest["energy_j"]
    more = 1 - follows["energy_j"] / straggler["energy_j"]
    print(f"saved by the plan {saved:.1%} at {plan['time_s'] / highest['time_s'] - 1:+.1%} time, "
          f"by following the straggler {more:.1%} at "
          f"{follows['time_s'] / straggler['time_s'] - 1:+.1%} time")

    assert plan["time_s"] == pytest.approx(highest["time_s"], rel=0.1)
    assert saved > 0.05
    assert straggler["time_s"] > 1.1 * plan["time_s"]
    assert asked["planned_s"] <= asked["deadline_s"] == straggler["time_s"]
    assert follows["time_s"] == pytest.approx(straggler["time_s"], rel=0.1)
    assert more > 0.05


def test_failures_are_told(tmp_path, clean_env):
    done = train(clean_env, "http://127.0.0.1:1")
    assert done.returncode == 1 and "pipeline_train: io" in done.stderr
    done = subprocess.run([TRAIN, "http://127.0.0.1:1"], env=clean_env, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and "not-found" in done.stderr
    plan = tmp_path / "plan.py"
    plan.write_text("[[('forward', 1980)], [('forward', 1980)]]\n")
    with Server("pfo", "--scheduler", "PointSolution3D", "--solution", plan,
                directory=tmp_path) as server:
        done = train(clean_env, f"http://127.0.0.1:{server.port}")
    assert done.returncode == 1 and "beyond the schedule" in done.stderr
