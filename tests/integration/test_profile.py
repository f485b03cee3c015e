# SPDX-License-Identifier: Apache-2.0
"""zeus profile on the simulated privileged node: the reports to the letter, both sweeps at several
settings, and settings that are put back whatever ends it."""
import json
import re
import subprocess
import sys

import pytest

from conftest import ZEUS

WORK = [ZEUS, "sim", "work", "--device", "gpu0", "--units", "4"]
QUICK = ["--gpus", "0", "--warmup", "1", "--calibration", "2", "--trials", "2",
         "--warmup-trials", "1"]
TAIL = (r"  mean=\d+\.\d{4} J  std=\d+\.\d{4} J  temp_before=\d+\.\d °C  temp_after=\d+\.\d °C"
        r"  \[(VALID|INVALID)\]")

# Runs zeus profile inside the simulation, ends it by a signal once the limit is changed, and prints
# its status and the limit afterwards, once it is back (or after ten seconds).
END_IT = """
import json, os, signal, subprocess, sys, time
zeus, sig = sys.argv[1], int(sys.argv[2])

def shown():
    out = subprocess.run([zeus, "sim", "show", "--json"], capture_output=True, text=True).stdout
    return json.loads(out)["devices"]

def wait_for(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.025)

run = subprocess.Popen([zeus, "profile"] + sys.argv[3:], stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)
is_changed = lambda d: d["power_limit_w"] != 700 or d["locked_core_max_mhz"] != 0
wait_for(lambda: all(is_changed(d) for d in shown()[:2]))
changed = [is_changed(d) for d in shown()[:2]]
run.send_signal(sig)
run.communicate()
wait_for(lambda: not any(is_changed(d) for d in shown()))
print(json.dumps({"status": run.returncode, "changed": changed,
                  "after": [is_changed(d) for d in shown()]}))
"""


@pytest.fixture
def privileged(sim):
    def run(*command):
        return sim("h100x8", *command, options=["--privileged"])
    return run


def shown_limits(text):
    return [d["power_limit_w"] for d in json.loads(text)["devices"]]


def test_both_sweeps_to_the_letter(privileged):
    done = privileged(ZEUS, "profile", *QUICK, "--measurements", "0.1,0.25", "--cooldowns",
                      "0,0.1", "--", *WORK)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"Calibrated iteration duration: \d+\.\d{3} ms", lines[0])
    assert lines[1] == "Sweep measurement_duration (fixed cooldown_duration=0.1 s):"
    assert re.fullmatch(r"  measurement_duration=0\.1 s" + TAIL, lines[2])
    assert re.fullmatch(r"  measurement_duration=0\.2 s" + TAIL, lines[3])
    # The longest measurement, 0.25, is the fixed side: %.1f of it is 0.2.
    assert lines[4] == "Sweep cooldown_duration (fixed measurement_duration=0.2 s):"
    assert re.fullmatch(r"  cooldown_duration=0\.0 s" + TAIL, lines[5])
    assert len(lines) == 7
    assert done.stderr == ""  # progress is for terminals


def test_settings_in_json_and_back(privileged):
    done = privileged("sh", "-c", " ".join(
        [str(ZEUS), "profile", *QUICK, "--what", "measure", "--measurement", "0.3", "--cooldown",
         "0", "--power-limits", "300,600", "--clocks", "1980", "--json", "--",
         *map(str, WORK), "&&", str(ZEUS), "sim", "show", "--json"]))
    assert done.returncode == 0, done.stderr
    decoder = json.JSONDecoder()
    result, end = decoder.raw_decode(done.stdout)
    after = json.loads(done.stdout[end:])["devices"][0]
    assert result["schema"] == "zeus.profile/1" and result["what"] == "measure"
    slow, fast = result["settings"]
    assert (slow["power_limit_w"], fast["power_limit_w"]) == (300, 600)
    assert slow["graphics_mhz"] == 1980
    assert slow["trial"]["iterations"] >= 1
    # A lower limit makes this work slower and cheaper: that is what the node simulates.
    assert slow["trial"]["time_per_iter_s"] > fast["trial"]["time_per_iter_s"]
    assert slow["trial"]["energy_per_iter_j"] < fast["trial"]["energy_per_iter_j"]
    assert after["power_limit_w"] == 700 and after["locked_core_max_mhz"] == 0


@pytest.mark.parametrize("what, keys", [
    ("measurement", {"measurement_sweep"}),
    ("cooldown", {"cooldown_sweep"}),
    ("calibration", set()),
])
def test_one_of_them(privileged, what, keys):
    done = privileged(ZEUS, "profile", *QUICK, "--what", what, "--measurements", "0.1",
                      "--cooldowns", "0.1", "--measurement", "0.1", "--cooldown", "0.1", "--json",
                      "--", *WORK)
    point = json.loads(done.stdout)["settings"][0]
    assert set(point) == {"power_limit_w", "graphics_mhz", "iteration_s"} | keys
    assert point["power_limit_w"] is None and point["iteration_s"] > 0
    for key in keys:
        entry = point[key]["entries"][0]
        assert len(entry["trials"]) == 2
        mean = sum(t["energy_per_iter_j"] for t in entry["trials"]) / 2
        assert entry["energy_mean_j"] == pytest.approx(mean)
        assert entry["is_valid"] == (entry["energy_std_j"] < 0.01)


@pytest.mark.parametrize("sig, status", [(2, 130), (15, 143), (1, 129), (9, -9)])
def test_settings_are_put_back_whatever_ends_it(privileged, sig, status):
    done = privileged(sys.executable, "-c", END_IT, ZEUS, sig, "--gpus", "0,1", "--power-limits",
                      "250", "--clocks", "900", "--what", "measure", "--measurement", "60",
                      "--cooldown", "0", "--warmup", "1", "--calibration", "1", "--", *WORK)
    result = json.loads(done.stdout)
    assert result == {"status": status, "changed": [True, True], "after": [False] * 8}, done.stderr


def test_interrupted_while_cooling(privileged):
    done = privileged("timeout", "--foreground", "-s", "INT", "2", ZEUS, "profile", "--gpus", "0", "--what",
                      "measure", "--iteration", "0.05", "--measurement", "0.1", "--cooldown",
                      "600", "--warmup", "1", "--", *WORK)
    assert done.returncode == 124


def test_settings_need_permission(sim):
    done = sim("h100x8", "sh", "-c",
               f"{ZEUS} profile --power-limits 300 -- true; echo status $?; {ZEUS} sim show --json")
    assert "Insufficient Permissions" in done.stderr and "status 1" in done.stdout
    assert shown_limits(done.stdout.split("\n", 1)[1]) == [700] * 8


def test_a_limit_out_of_range(privileged):
    done = privileged(ZEUS, "profile", *QUICK, "--power-limits", "300,9000", "--what",
                      "calibration", "--", *WORK)
    assert done.returncode == 1 and "9000" in done.stderr


@pytest.mark.parametrize("command, status, words", [
    (["sh", "-c", "exit 7"], 7, "ended with status 7"),
    (["sh", "-c", "kill -9 $$"], 137, "ended with status 137"),
    (["/no/such/program"], 127, "cannot run /no/such/program"),
])
def test_a_command_that_fails_is_not_measured(sim, command, status, words):
    done = sim("h100x8", ZEUS, "profile", *QUICK, "--", *command)
    assert done.returncode == status and words in done.stderr and done.stdout == ""


def test_output_of_the_command(sim):
    command = [ZEUS, "profile", *QUICK, "--what", "calibration"]
    assert "hello" not in sim("h100x8", *command, "--", "echo", "hello").stdout
    done = sim("h100x8", *command, "--output", "--", "echo", "hello")
    assert done.stdout.count("hello") == 3


@pytest.mark.parametrize("arguments, words", [
    ([], "a command to profile is needed"),
    (["--measurements", "1,x", "--", "true"], "'x' is no number"),
    (["--measurements", "1,", "--", "true"], "'' is no number"),
    (["--power-limits", "0", "--", "true"], "--power-limits"),
    (["--trials", "0", "--", "true"], "--trials"),
    (["--what", "all", "--", "true"], "none of"),
    (["--cooldown", "-1", "--", "true"], "--cooldown"),
])
def test_wrong_usage(zeus, arguments, words):
    done = zeus("profile", *arguments)
    assert done.returncode == 2 and words in done.stderr


def test_no_gpu_to_set(zeus, empty_root):
    done = zeus("profile", "--power-limits", "300", "--", "true",
                env={"ZEUS_SYSFS_ROOT": str(empty_root)})
    assert done.returncode == 1 and "there is no GPU" in done.stderr
