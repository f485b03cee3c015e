# SPDX-License-Identifier: Apache-2.0
"""The asynchronous frequency controller on simulated nodes: clocks follow, settings come back, and
a slow driver does not slow the loop. Prints what a call costs."""
import json

import pytest

from conftest import BUILD, ZEUS

PROBE = BUILD / "tests" / "frequency_probe"


def run(sim, tmp_path, gpu=0, limit_w=400, mhz=1200, node="h100x8", options=("--privileged",)):
    during, after = tmp_path / "during.json", tmp_path / "after.json"
    done = sim(node, PROBE, gpu, limit_w, mhz, f"{ZEUS} sim show --json > {during}",
               f"{ZEUS} sim show --json > {after}", options=options)
    return done, during, after


def device(path, gpu):
    return next(d for d in json.loads(path.read_text())["devices"] if d["id"] == f"gpu{gpu}")


def test_clocks_follow_and_settings_come_back(sim, tmp_path):
    done, during, after = run(sim, tmp_path, gpu=3)
    assert done.returncode == 0, done.stderr
    now, then = device(during, 3), device(after, 3)
    assert now["locked_core_min_mhz"] == now["locked_core_max_mhz"] == 1200
    assert now["locked_memory_max_mhz"] == 2619
    assert now["power_limit_w"] == 700, "the default: a plan is made without a cap"
    assert then["locked_core_max_mhz"] == then["locked_memory_max_mhz"] == 0
    assert then["power_limit_w"] == 400, "as it was found"
    figures = json.loads(done.stdout)
    assert figures["requests"] == 300
    assert figures["applied"] + figures["superseded"] + figures["unchanged"] == 300
    print(f"instant driver: {figures}")


def test_a_slow_driver_does_not_slow_the_loop(sim, tmp_path):
    done, during, after = run(sim, tmp_path, options=(
        "--privileged", "--fault", "gpu0:fn=nvmlDeviceSetGpuLockedClocks:STALL=15ms"))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["direct_us"] > 15000
    assert figures["superseded"] > 100, "the newest wins, the clock does not lag behind"
    assert figures["applied"] + figures["superseded"] + figures["unchanged"] == 300
    assert device(during, 0)["locked_core_max_mhz"] == 1200
    assert device(after, 0)["locked_core_max_mhz"] == 0
    print(f"driver call of 15 ms: {figures}")


def test_without_permission_nothing_changes(sim, tmp_path):
    done, _, _ = run(sim, tmp_path, options=(), limit_w=0)
    assert done.returncode == 1 and "open: no-permission" in done.stderr, done.stderr


@pytest.mark.parametrize("effect, words", [("GPU_IS_LOST", "device-lost"),
                                           ("NO_PERMISSION", "no-permission")])
def test_a_driver_that_fails_later_is_told(sim, tmp_path, effect, words):
    done, _, after = run(sim, tmp_path, options=(
        "--privileged", "--fault", f"gpu0:fn=nvmlDeviceSetGpuLockedClocks:at=500ms:{effect}"))
    assert done.returncode == 1 and words in done.stderr, done.stderr
    assert device(after, 0)["power_limit_w"] == 400, "what can be put back is"
    assert device(after, 0)["locked_core_max_mhz"] == 0


def test_amd(sim, tmp_path):
    done, during, after = run(sim, tmp_path, node="mi300x8", limit_w=0, mhz=1200)
    assert done.returncode == 0, done.stderr
    assert device(during, 0)["locked_core_max_mhz"] == 1200
    assert device(after, 0)["locked_core_max_mhz"] == device(after, 0)["locked_memory_max_mhz"] == 0
