# SPDX-License-Identifier: Apache-2.0
"""`zeus run`: the program's status, signals, terminal and input are its own; nothing is orphaned;
the numbers agree with the simulator's own integral."""
import json
import os
import pty
import signal
import subprocess
import time

import pytest

from conftest import ZEUS


@pytest.fixture
def start(clean_env):
    def run(*command, **kwargs):
        return subprocess.Popen([ZEUS, "run", *command], env=clean_env, text=True, **kwargs)
    return run


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("condition did not come true")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_every_exit_code_passes_through(zeus):
    """All 256, side by side in one shell so that it takes a second."""
    script = "for i in $(seq 0 255); do %s run -q -- sh -c \"exit $i\"; [ $? = $i ] || echo $i; done"
    done = subprocess.run(["sh", "-c", script % ZEUS], capture_output=True, text=True, timeout=120)
    assert done.stdout == "" and done.stderr == ""


@pytest.mark.parametrize("name", ["TERM", "KILL", "INT", "SEGV", "USR1", "ABRT", "PIPE", "HUP"])
def test_death_by_signal_is_passed_on(zeus, name):
    done = zeus("run", "-q", "--", "sh", "-c", f"kill -{name} $$")
    assert done.returncode == -getattr(signal, "SIG" + name)


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "USR1", "USR2", "QUIT"])
def test_a_signal_sent_to_us_reaches_the_program(start, name):
    program = f"trap 'echo got; exit 7' {name}; echo ready; while :; do sleep 0.02; done"
    run = start("-q", "--", "sh", "-c", program, stdout=subprocess.PIPE)
    assert run.stdout.readline() == "ready\n"
    run.send_signal(getattr(signal, "SIG" + name))
    assert run.stdout.readline() == "got\n"
    assert run.wait(10) == 7


def test_killing_us_kills_the_program(start):
    run = start("-q", "--", "sh", "-c", "echo $$; exec sleep 1000", stdout=subprocess.PIPE)
    pid = int(run.stdout.readline())
    run.kill()
    run.wait(10)
    wait_for(lambda: not is_alive(pid))


def test_stdin_and_stdout_are_the_programs_own(zeus):
    done = zeus("run", "-q", "--", "tr", "a-z", "A-Z", input="hello\n")
    assert done.stdout == "HELLO\n" and done.stderr == "" and done.returncode == 0


def test_a_terminal_stays_a_terminal(start):
    master, slave = pty.openpty()
    run = start("-q", "--", "sh", "-c", "test -t 0 && test -t 1 && echo both", stdin=slave,
                stdout=slave)
    os.close(slave)
    assert run.wait(10) == 0
    assert b"both" in os.read(master, 100)
    os.close(master)


def test_closed_standard_descriptors(clean_env):
    script = f"{ZEUS} run -q -- sh -c 'exit 3' <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], env=clean_env, timeout=20).returncode == 3
    script = f"{ZEUS} run -- sh -c 'echo x || exit 9' >&-"
    done = subprocess.run(["sh", "-c", script], env=clean_env, capture_output=True, timeout=20)
    assert done.returncode == 9


def test_a_program_that_forks_and_leaves(start):
    """The daemon it leaves behind neither holds us up nor is killed by our end."""
    program = "(sleep 30 >/dev/null 2>&1 & echo $!)"
    run = start("-q", "--", "sh", "-c", program, stdout=subprocess.PIPE)
    begin = time.monotonic()
    pid = int(run.stdout.readline())
    assert run.wait(10) == 0 and time.monotonic() - begin < 10
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_phases_end_though_a_daemon_holds_the_pipe(start):
    run = start("-q", "--phase-on", "step", "--", "sh", "-c", "sleep 30 & echo $!; echo step 1",
                stdout=subprocess.PIPE)
    pid = int(run.stdout.readline())
    assert run.wait(10) == 0
    os.kill(pid, signal.SIGKILL)


def test_stop_and_continue(clean_env):
    """As under a shell with job control: the terminal's stop is ignored by a process group whose
    parent is of another session, so the job needs a shell of its own session above it."""
    script = (f"set -m; {ZEUS} run -q -- sh -c 'kill -TSTP $$; exit 5' & echo $!; "
              "while :; do wait $!; [ $? = 5 ] && exit 5; sleep 0.05; done")
    shell = subprocess.Popen(["bash", "-c", script], env=clean_env, text=True,
                             start_new_session=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    pid = int(shell.stdout.readline())

    def state():
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    try:
        wait_for(lambda: state() == "T")
        os.kill(pid, signal.SIGCONT)
        assert shell.wait(10) == 5
    finally:
        shell.kill()


@pytest.mark.parametrize("command, code, words", [
    (["/nonexistent/program"], 127, "No such file"),
    (["/etc/passwd"], 126, "Permission denied"),
])
def test_a_program_that_cannot_start(zeus, command, code, words):
    done = zeus("run", "--", *command)
    assert done.returncode == code
    assert words in done.stderr and command[0] in done.stderr


@pytest.mark.parametrize("arguments, words", [
    ([], "a command to run is needed"),
    (["--repeat", "0", "--", "true"], "--repeat"),
    (["--repeat", "x", "--", "true"], "'x' is not a whole number"),
    (["--until-ci", "200", "--", "true"], "--until-ci"),
    (["--idle", "soon", "--", "true"], "is not a duration"),
    (["--gpus", "1-", "--", "true"], "is not a list of indices"),
])
def test_wrong_usage(zeus, arguments, words):
    done = zeus("run", *arguments)
    assert done.returncode == 2 and words in done.stderr


def test_a_gpu_that_is_not_there(zeus):
    done = zeus("run", "--gpus", "7", "--", "true")
    assert done.returncode == 1 and "7" in done.stderr


def test_no_device_still_measures_time(zeus, empty_root):
    done = zeus("run", "--", "true", env={"ZEUS_SYSFS_ROOT": str(empty_root)})
    assert done.returncode == 0
    assert "time" in done.stderr and "nothing here can be measured" in done.stderr


def test_a_zero_length_run(sim, tmp_path):
    out = tmp_path / "out.json"
    done = sim("demo", ZEUS, "run", "-q", "--json", out, "--", "true")
    assert done.returncode == 0, done.stderr
    row = {r["label"]: r for r in json.loads(out.read_text())["summary"]["energy"]}
    assert row["total"]["energy_j"] is None or row["total"]["energy_j"] >= 0
    assert row["gpu0"]["energy_j"] is None or row["gpu0"]["uncertainty_j"]["random"] > 0


def test_the_number_is_the_truth(sim, tmp_path):
    """Steady programs on the demo node against the simulator's own integral of each device."""
    out = tmp_path / "out.json"
    script = (f"{ZEUS} run -q --json {out} -- sh -c 'sleep 1.2'; "
              f"for d in gpu0 gpu1 'cpu0 --domain package'; do "
              f"{ZEUS} sim truth --json --device $d; done")
    done = sim("demo", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["schema"] == "zeus.run/1"
    trial = result["trials"][0]["measurement"]
    assert trial["schema"] == "zeus.measurement/1"
    rows = {r["label"]: r for r in result["summary"]["energy"]}
    for label, idle_w in (("gpu1", 48.0),):
        row = rows[label]
        truth_j = idle_w * trial["time_s"]
        bound = row["uncertainty_j"]["random"] + row["uncertainty_j"]["systematic"]
        assert abs(row["energy_j"] - truth_j) <= bound
    assert rows["total"]["energy_j"] == pytest.approx(
        sum(rows[r]["energy_j"] for r in ("gpu0", "gpu1", "cpu0 package-0", "cpu0 dram")))


def test_repeats_and_csv(sim, tmp_path):
    csv, out = tmp_path / "out.csv", tmp_path / "out.json"
    done = sim("demo", ZEUS, "run", "-n", "3", "--warmup", "1", "--csv", csv, "--json", out, "--",
               "sleep", "0.1")
    assert done.returncode == 0
    result = json.loads(out.read_text())
    assert len(result["trials"]) == 3 and result["warmups"] == 1
    assert "3 runs" in done.stderr
    lines = csv.read_text().splitlines()
    assert lines[0].startswith("trial,device,domain,time_s,energy_j")
    assert {line.split(",")[0] for line in lines[1:]} == {"0", "1", "2"}


def test_phases(sim, tmp_path):
    out = tmp_path / "out.json"
    done = sim("demo", ZEUS, "run", "--phase-on", "epoch", "--json", out, "--", "sh", "-c",
               "echo epoch 1; sleep 0.3; echo other; echo epoch 2; sleep 0.3")
    assert done.stdout == "epoch 1\nother\nepoch 2\n"
    phases = json.loads(out.read_text())["trials"][0]["phases"]
    assert [p["label"] for p in phases] == ["start", "epoch 1", "epoch 2"]
    assert all(0.25 < p["measurement"]["time_s"] < 2 for p in phases[1:])


def test_shares_add_up_to_the_whole(sim, tmp_path):
    out = tmp_path / "out.json"
    sim("demo", ZEUS, "run", "-q", "--json", out, "--", "sh", "-c", "i=0; while [ $i -lt 90000 ]; do i=$((i+1)); done")
    shares = json.loads(out.read_text())["trials"][0]["estimated_shares"]
    for share in [shares["cpu"], *shares["gpus"]]:
        assert share is None or sum(share.values()) == pytest.approx(1)
    assert shares["cpu"]["program"] > 0


def test_idle_is_subtracted_beside_the_gross(sim, tmp_path):
    out = tmp_path / "out.json"
    done = sim("demo", ZEUS, "run", "--idle", "1.5", "--json", out, "--", "sleep", "1")
    assert done.returncode == 0
    rows = {r["label"]: r for r in json.loads(out.read_text())["summary"]["energy"]}
    assert abs(rows["gpu1"]["above_idle_j"]) < 0.15 * rows["gpu1"]["energy_j"]


def test_a_failing_program_still_gets_its_report(zeus):
    done = zeus("run", "-n", "5", "--", "sh", "-c", "exit 4")
    assert done.returncode == 4
    assert "zeus run" in done.stderr


def test_a_report_that_cannot_be_written(zeus):
    done = zeus("run", "--json", "/nonexistent/x.json", "--", "true")
    assert done.returncode == 1 and "/nonexistent/x.json" in done.stderr
