# SPDX-License-Identifier: Apache-2.0
"""Commands that watch: monitor, top, record, replay, compare."""
import json
import re
import shutil
import subprocess

import pytest

from conftest import ZEUS


def interrupted(seconds, *command):
    """A shell line that interrupts the command (Ctrl-C) after some time. In the foreground: timeout
    would send SIGCONT as well, which undoes the stop by which a leak checker looks at a process that
    ends, and then that waits for ever."""
    return ["timeout", "--foreground", "-s", "INT", str(seconds), *map(str, command)]


def test_monitor_energy_prints_the_known_form(sim):
    done = sim("demo", *interrupted(1.2, ZEUS, "monitor", "energy", "--gpu-indices", "0", "1"))
    text = re.sub(r"\s+", "", done.stdout)
    assert re.fullmatch(
        r"Measurement\(time=[\d.]+,gpu_energy=\{0:[\d.]+,1:[\d.]+\},cpu_energy=\{0:[\d.]+\},"
        r"dram_energy=\{0:[\d.]+\},soc_energy=None\)", text), done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_monitor_power_prints_lines_and_a_total(sim):
    done = sim("demo", *interrupted(1.6, ZEUS, "monitor", "power", "--update-period", "0.5"))
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?", lines[0])
    assert re.fullmatch(r"\{'GPU0': [\d.]+, 'GPU1': [\d.]+\}", lines[1])
    assert "" in lines and any(l.startswith("Total time (s): ") for l in lines)
    assert lines[-2] == "Total energy (J):" and lines[-1].startswith("{'GPU0': ")
    energy = float(re.search(r"'GPU1': ([\d.]+)", lines[-1]).group(1))
    seconds = float(lines[-3].split(": ")[1])
    assert energy == pytest.approx(48 * seconds, rel=0.25)


def test_monitor_json_lines(sim):
    done = sim("demo", *interrupted(0.8, ZEUS, "monitor", "temperature", "--json",
                                    "--update-period", "0.2"))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows and rows[0]["schema"] == "zeus.monitor.temperature/1"
    assert set(rows[0]["temperature_c"]) == {"0", "1"}


@pytest.mark.parametrize("arguments, words", [
    (["power", "--power-domain", "total"], "none of"),
    (["power", "--update-period", "0"], "--update-period"),
    (["energy", "3"], "unexpected operand"),
    (["nothing"], "no subcommand"),
    ([], "subcommand is needed"),
])
def test_monitor_wrong_usage(zeus, arguments, words):
    done = zeus("monitor", *arguments)
    assert done.returncode == 2 and words in done.stderr


def test_top_without_a_terminal_prints_one_picture(sim):
    done = sim("demo", ZEUS, "top", "--period", "300ms")
    assert done.returncode == 0
    assert "zeus top" in done.stdout and "gpu1" in done.stdout and "\x1b" not in done.stdout


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
@pytest.mark.parametrize("width, height", [(80, 24), (200, 50)])
def test_top_on_a_terminal(clean_env, tmp_path, width, height):
    tmux = ["tmux", "-L", f"zeus-{width}-{tmp_path.name}", "-f", "/dev/null"]
    env = {**clean_env, "TERM": "xterm", "LANG": "C.UTF-8"}
    subprocess.run([*tmux, "new-session", "-d", "-x", str(width), "-y", str(height),
                    f"{ZEUS} sim --node h100x8 -- {ZEUS} top --period 100ms; echo left; sleep 60"],
                   check=True, env=env)

    def screen_with(text):
        for _ in range(200):
            shown = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True,
                                   env=env).stdout
            if text in shown:
                return shown
            subprocess.run(["sleep", "0.05"], check=True)
        raise AssertionError(shown)
    try:
        shown = screen_with("gpu7")
        assert len(shown.splitlines()) <= height and "q quit" in shown
        subprocess.run([*tmux, "send-keys", "q"], check=True, env=env)
        assert "gpu7" not in screen_with("left")
    finally:
        subprocess.run([*tmux, "kill-server"], env=env, capture_output=True)


@pytest.fixture
def recording(sim, tmp_path):
    path = tmp_path / "node.zrec"
    done = sim("demo", *interrupted(1.3, ZEUS, "record", "--period", "100ms", path))
    assert path.exists(), done.stderr
    return path


def test_a_recording_replays(zeus, recording):
    done = zeus("replay", "--json", recording)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) >= 5 and done.stderr == ""
    times = [r["time_s"] for r in rows]
    assert times == sorted(times)
    energies = [r["rows"]["gpu1"]["energy_mj"] for r in rows if "energy_mj" in r["rows"]["gpu1"]]
    assert energies[-1] > energies[0] >= 0


def test_a_torn_recording_still_replays(zeus, recording):
    data = recording.read_bytes()
    recording.write_bytes(data[:-7])
    done = zeus("replay", "--json", recording)
    assert done.returncode == 0 and "damaged bytes" in done.stderr
    assert len(done.stdout.splitlines()) >= 4


def test_what_is_no_recording(zeus, tmp_path):
    path = tmp_path / "x"
    path.write_text("hello")
    done = zeus("replay", path)
    assert done.returncode == 1 and "not a recording" in done.stderr
    assert zeus("replay", tmp_path / "absent").returncode == 1


def test_record_never_overwrites(zeus, recording):
    done = zeus("record", recording)
    assert done.returncode == 1 and "exists" in done.stderr


def test_compare_by_time_finds_a_plain_difference(zeus):
    done = zeus("compare", "--by", "time", "--blocks", "10", "--warmup", "0", "--seed", "1",
                "--json", "sleep 0.01", "sleep 0.1")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["schema"] == "zeus.compare/1" and result["unit"] == "s"
    arm = result["arms"][1]
    assert arm["differs"] is True and arm["low"] > 1.5


@pytest.mark.parametrize("arguments, code, words", [
    (["true"], 2, "two to 8 commands"),
    (["--blocks", "3", "true", "true"], 2, "--blocks"),
    (["--by", "time", "--warmup", "0", "true", "exit 3"], 1, "status 3"),
])
def test_compare_errors(zeus, arguments, code, words):
    done = zeus("compare", *arguments)
    assert done.returncode == code and words in done.stderr
