# SPDX-License-Identifier: Apache-2.0
"""zeus calibrate on simulated nodes: the node files' numbers come back, within what the method says
of its own uncertainty (how small that is on a quiet clock is the unit tests' matter); the load is
always cleaned up; the store is used and guarded."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from conftest import SOURCE, ZEUS

UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
# Node, device of the load, what of the node file holds the sensors.
NODES = [("h100x8", "gpu0"), ("v100x4", "gpu0"), ("p100x2", "gpu0"), ("a100x4-mig", "gpu0"),
         ("mi300x8", "gpu0"), ("rack72", "gpu0"), ("odd", "gpu0")]
ODD = """[node]
name = odd
description = sensors that no class describes
driver = 1.2.3
cuda = 12040

[gpu 0]
kind = nvidia
name = Odd
arch = hopper
compute = 9.0
memory = 1000MiB
limit = min=100 max=500 default=500
channel.gpu = load idle=40 dynamic=300
sensor.instant = period=73ms jitter=1ms window=31ms lag=17ms noise=1W round=1W
sensor.average = period=50ms tau=180ms noise=0.5W
sensor.usage = period=50ms window=50ms
counter.energy = period=37ms jitter=1ms quantum=1mJ
"""
FIELD_NAMES = {"current": "instant", "energy": "counter"}


def load_command(device="gpu0"):
    return f"exec {ZEUS} sim load --device {device} --level 1 --seconds 600"


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * UNITS[unit]


def node_truth(path):
    """Field name -> {period, window, lag, tau} of the first device's own domain."""
    truth = {}
    for name, text in re.findall(r"^(?:sensor|counter)\.(\w+) = (.*)$", path.read_text(), re.M):
        words = dict(word.split("=") for word in text.split())
        if words.get("of", "gpu") == "gpu":
            truth.setdefault(FIELD_NAMES.get(name, name), {
                key: seconds(words[key]) for key in ("period", "window", "lag", "tau")
                if key in words})
    return truth


def calibrate(*arguments, node="h100x8", env, **kwargs):
    return subprocess.run([str(ZEUS), "sim", "--node", str(node), "--", str(ZEUS), "calibrate",
                           "--gpus", "0", *arguments], env=env, capture_output=True, text=True,
                          timeout=120, **kwargs)


def is_near(found, error, truth):
    return abs(found - truth) <= 2 * error + 1e-6 * truth


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """All nodes at once: a calibration mostly waits."""
    folder = tmp_path_factory.mktemp("nodes")
    (folder / "odd.node").write_text(ODD)
    env = {**os.environ, "ZEUS_CALIBRATION": str(folder / "store.json")}
    runs = {}
    for name, device in NODES:
        path = SOURCE / "sim" / "nodes" / f"{name}.node"
        path = path if path.exists() else folder / f"{name}.node"
        runs[name] = (path, subprocess.Popen(
            [ZEUS, "sim", "--node", path, "--", ZEUS, "calibrate", "--json", "--gpus", "0",
             "--duration", "12s", "--warmup", "500ms", "--load-cmd", load_command(device)],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    results = {}
    for name, (path, run) in runs.items():
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, (name, err)
        results[name] = (path, json.loads(out))
    return folder / "store.json", results


@pytest.mark.parametrize("name", [name for name, _ in NODES])
def test_the_node_files_numbers_come_back(measured, name):
    path, result = measured[1][name]
    truth = node_truth(path)
    checked = 0
    print(f"\n{name}")
    for field in result["fields"]:
        if field["domain"] != "gpu" or field["field"] not in truth:
            continue
        if "error" in field:  # refused, not wrong: a machine too busy to tell
            assert field["error"] == "range" and field["reason"], field
            print(f"  {field['field']:8} refused: {field['reason']}")
            continue
        expected = truth[field["field"]]
        key = "tick" if field["field"] == "counter" else "update"
        numbers = [(key, expected["period"])]
        if key == "update":
            numbers.append(("tau", expected["tau"]) if "tau" in expected
                           else ("window", expected["window"]))
            numbers.append(("lag", expected.get("lag", 0)))
        for what, value in numbers:
            found, error = field[f"{what}_s"], field[f"{what}_error_s"]
            print(f"  {field['field']:8} {what:7} {found * 1e3:9.3f} +/- {error * 1e3:.3f} ms, "
                  f"node file {value * 1e3:g} ms")
            assert is_near(found, error, value), (name, field["field"], what, found, error, value)
            checked += 1
    assert result["schema"] == "zeus.calibrate/1"
    if checked < 3:
        pytest.skip("this machine is too busy to calibrate on")


def test_all_of_them_are_stored(measured):
    store, results = measured
    entries = json.loads(store.read_text())["entries"]
    assert len(entries) == sum("error" not in f for _, r in results.values() for f in r["fields"])
    devices = {entry["device"] for entry in entries}
    assert len(devices) == len(results)
    assert all(entry["date"] and "sim load" in entry["method"] for entry in entries)
    assert not [p for p in store.parent.iterdir() if p.suffix not in (".json", ".node")]


def test_a_stored_model_is_used_and_says_so(measured, clean_env):
    env = {**clean_env, "ZEUS_CALIBRATION": str(measured[0])}
    command = [str(ZEUS), "sim", "--node", "h100x8", "--", str(ZEUS), "run", "--gpus", "0,1",
               "--json", "/dev/stdout", "--", "sleep", "0.3"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    gpus = json.loads(done.stdout)["trials"][0]["measurement"]["gpus"]
    assert "own-model" in gpus["0"]["flags"] and "own-model" not in gpus["1"]["flags"]
    env["ZEUS_CALIBRATION"] = ""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert "own-model" not in done.stdout


def test_another_driver_is_said(measured, clean_env, tmp_path):
    entries = json.loads(measured[0].read_text())
    for entry in entries["entries"]:
        entry["driver"] = "1.0"
    (tmp_path / "c.json").write_text(json.dumps(entries))
    env = {**clean_env, "ZEUS_CALIBRATION": str(tmp_path / "c.json")}
    done = subprocess.run([ZEUS, "sim", "--node", "h100x8", "--", ZEUS, "doctor"], env=env,
                          capture_output=True, text=True, timeout=60)
    assert "calibrated under driver '1.0' and this is '550.54.15': not used" in done.stdout


@pytest.mark.parametrize("text, words", [
    ("{\n oops", "line 2"),
    ('{"schema":"zeus.calibration/7","entries":[]}', "zeus.calibration/7 is not known"),
    ('{"schema":"zeus.calibration/1","entries":[{"windw_ns":1}]}', '"windw_ns" is not known'),
])
def test_a_bad_file_is_a_clear_error(clean_env, tmp_path, text, words):
    (tmp_path / "c.json").write_text(text)
    env = {**clean_env, "ZEUS_CALIBRATION": str(tmp_path / "c.json")}
    done = subprocess.run([ZEUS, "sim", "--node", "h100x8", "--", ZEUS, "run", "--", "true"],
                          env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and words in done.stderr and "c.json" in done.stderr


def test_flat_load_is_refused(clean_env, tmp_path):
    done = calibrate("--duration", "3s", "--warmup", "0s", "--load-cmd", "exec sleep 100",
                     "--output", tmp_path / "c.json", node="p100x2", env=clean_env)
    assert done.returncode == 1
    assert re.search(r"gpu0 gpu instant +.*flat.*\(31\.0 to 31\.0 W: \+/- 0\.00 %\)", done.stdout)
    assert not (tmp_path / "c.json").exists()


def test_without_a_load_only_what_shows(clean_env, tmp_path):
    done = calibrate("--duration", "3s", "--output", tmp_path / "c.json", env=clean_env)
    assert done.returncode == 0
    assert re.search(r"gpu0 gpu counter +(99|100)[\d.]* \+/- [\d.]+ +- +- ", done.stdout)
    assert "without --load-cmd" in done.stdout
    entries = json.loads((tmp_path / "c.json").read_text())["entries"]
    assert [entry["field"] for entry in entries] == ["counter"]


def test_dry_run_stores_nothing(clean_env, tmp_path):
    done = calibrate("--duration", "3s", "--dry-run", "--output", tmp_path / "c.json",
                     env=clean_env)
    assert done.returncode == 0 and "nothing stored" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_restarting_works_too(clean_env):
    done = calibrate("--duration", "6s", "--json", "--dry-run", "--load-switch", "restart",
                     "--load-cmd", load_command(), env=clean_env)
    assert done.returncode == 0, done.stderr
    average = next(f for f in json.loads(done.stdout)["fields"]
                   if f["field"] == "average" and f["domain"] == "gpu")
    assert "error" in average or is_near(average["window_s"], average["window_error_s"], 1.0)


@pytest.mark.parametrize("command, words", [
    ("true", "ended with status 0 while it was still needed"),
    ("exit 3", "ended with status 3"),
    ("/no/such/program", "ended with status 127: it could not be run"),
    ("kill -SEGV $$", "killed by signal 11"),
])
def test_a_load_that_ends_is_an_error(clean_env, command, words):
    done = calibrate("--dry-run", "--warmup", "200ms", "--load-cmd", command, env=clean_env)
    assert done.returncode == 1 and words in done.stderr


def wait_for(condition):
    for _ in range(400):
        value = condition()
        if value:
            return value
        time.sleep(0.025)
    raise AssertionError("nothing happened")


def processes(token):
    """Processes whose command line holds the token."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            words = open(f"/proc/{entry}/cmdline", "rb").read()
        except (OSError, ValueError):
            continue
        if entry.isdigit() and token.encode() in words and b"calibrate" not in words:
            found.append(int(entry))
    return found


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_nothing_stays(clean_env, tmp_path, sig):
    token = f"4{os.getpid()}{int(sig)}.5"
    # One that ignores polite words, and one in the background.
    command = f"trap '' TERM TSTP; sleep {token} & sleep {token}"
    run = subprocess.Popen([ZEUS, "sim", "--node", "h100x8", "--", ZEUS, "calibrate", "--output",
                            tmp_path / "c.json", "--warmup", "300ms", "--load-cmd", command],
                           env=clean_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: len(processes(token)) >= 2)
    time.sleep(1)
    run.send_signal(sig)  # zeus sim passes it on
    run.communicate(timeout=20)
    assert run.returncode in (128 + sig, -sig)
    wait_for(lambda: not processes(token))
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize("arguments, words", [
    (["--duration", "1s"], "--duration"),
    (["--load-switch", "pause"], "go with --load-cmd"),
    (["--load-cmd", ""], "--load-cmd is empty"),
    (["--load-cmd", "x", "--load-switch", "wish"], "none of"),
    (["./burn"], "the load goes into --load-cmd"),
    (["--gpus", "99"], "there is no GPU 99"),
])
def test_wrong_usage(clean_env, arguments, words):
    done = subprocess.run([ZEUS, "calibrate", *arguments], env=clean_env, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 2 and words in done.stderr


def test_nothing_to_calibrate(clean_env, empty_root):
    done = subprocess.run([ZEUS, "calibrate"], capture_output=True, text=True, timeout=60,
                          env={**clean_env, "ZEUS_SYSFS_ROOT": str(empty_root)})
    assert done.returncode == 1 and "no sensor to calibrate" in done.stderr
