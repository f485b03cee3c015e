# SPDX-License-Identifier: Apache-2.0
"""The simulated node from outside: launcher, fake NVML through ctypes and through the public
bindings, sysfs trees, faults, truth. Nothing here uses the product's own library."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from conftest import BUILD, SOURCE, STEERING

SIM = BUILD / "sim" / "bin" / "zeus-sim"
PROBE = SOURCE / "tests" / "integration" / "nvml_probe.py"

NVML_NOT_SUPPORTED, NVML_NO_PERMISSION, NVML_GPU_IS_LOST = 3, 4, 15


def is_sanitized():
    return "asan" in subprocess.run(["ldd", str(SIM)], capture_output=True, text=True).stdout


needs_plain_build = pytest.mark.skipif(
    is_sanitized(), reason="an unsanitized interpreter cannot load a sanitized library")


@pytest.fixture
def env(tmp_path):
    """A clean environment whose temporary directory is the test's own."""
    clean = {k: v for k, v in os.environ.items() if k not in STEERING}
    clean["TMPDIR"] = str(tmp_path)
    return clean


@pytest.fixture
def run(env):
    def go(node, *command, options=(), **kwargs):
        return subprocess.run([str(SIM), "--node", node, *options, "--", *map(str, command)],
                              env=env, capture_output=True, text=True, timeout=60, **kwargs)
    return go


@pytest.fixture
def probe(run):
    def go(node, *arguments, options=()):
        done = run(node, sys.executable, PROBE, *arguments, options=options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return go


def shell(run, node, script, options=()):
    done = run(node, "sh", "-c", f"Z={SIM}\n{script}", options=options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the launcher ----------------------------------------------------------------------------------

def test_list(env):
    done = subprocess.run([str(SIM), "--list", "--json"], env=env, capture_output=True, text=True)
    nodes = {n["name"]: n["devices"] for n in json.loads(done.stdout)}
    assert nodes["h100x8"] == 8 and nodes["rack72"] == 72 and nodes["empty"] == 0
    files = {p.stem for p in (SOURCE / "sim" / "nodes").glob("*.node")}
    assert set(nodes) == files


@pytest.mark.parametrize("command, status", [
    (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -TERM $$"], -signal.SIGTERM),
    (["sh", "-c", "kill -KILL $$"], -signal.SIGKILL), (["/nonexistent/program"], 127),
    (["/etc/passwd"], 126)])
def test_status_passes_through(run, command, status):
    assert run("empty", *command).returncode == status


def test_arguments_and_standard_streams_pass_through(run):
    done = run("empty", "sh", "-c", 'cat; printf "[%s]" "$@"; echo err >&2', "x", "a b", "", "*",
               input="in|")
    assert done.stdout == "in|[a b][][*]" and done.stderr == "err\n"


def test_nothing_is_left_behind(run, tmp_path):
    run("xeon-2s", "true")
    assert list(tmp_path.iterdir()) == []
    run("xeon-2s", "true", options=["--node", "nonsense"])
    assert list(tmp_path.iterdir()) == []
    run("h100x8", "true", options=["--keep"])
    (kept,) = tmp_path.iterdir()
    assert (kept / "state").stat().st_mode & 0o777 == 0o600
    assert kept.stat().st_mode & 0o777 == 0o700


def test_a_killed_launcher_leaves_nothing(env, tmp_path):
    pid_file = tmp_path / "pid"
    launcher = subprocess.Popen([str(SIM), "--node", "xeon-2s", "--", "sh", "-c",
                                 f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file};"
                                 "exec sleep 60"], env=env)
    deadline = time.monotonic() + 10
    while not pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    program = int(pid_file.read_text())
    launcher.kill()
    launcher.wait()
    while time.monotonic() < deadline:
        left = [p.name for p in tmp_path.iterdir() if p != pid_file]
        if not left and not pathlib.Path(f"/proc/{program}").exists():
            return
        time.sleep(0.02)
    pytest.fail(f"left: {left}, program alive: {pathlib.Path(f'/proc/{program}').exists()}")


def test_signals_are_handed_on(env, tmp_path):
    ready = tmp_path / "ready"
    launcher = subprocess.Popen(
        [str(SIM), "--node", "empty", "--", "sh", "-c",
         f"trap 'exit 42' TERM; touch {ready}; while :; do sleep 0.05; done"], env=env)
    deadline = time.monotonic() + 10
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(timeout=10) == 42


@pytest.mark.parametrize("arguments, words", [
    ([], "--node"), (["--node", "h100x8"], "COMMAND"), (["--nonsense"], "--nonsense"),
    (["frobnicate"], "frobnicate"), (["--node"], "--node"), (["--keep=1", "--list"], "--keep")])
def test_wrong_usage(env, arguments, words):
    done = subprocess.run([str(SIM), *arguments], env=env, capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr


@pytest.mark.parametrize("options, words", [
    (["--fault", "gpu9:STALE"], "gpu9"), (["--fault", "gpu0:BAD"], "BAD"),
    (["--fault", "nvml:MISSING=nvmlNoSuchThing"], "nvmlNoSuchThing"), (["--seed", "x"], "x")])
def test_wrong_set_up(run, options, words):
    done = run("v100x4", "true", options=options)
    assert done.returncode == 1 and words in done.stderr


def test_own_node_file_and_its_mistakes(run, tmp_path):
    path = tmp_path / "mine.node"
    path.write_text("[node]\nname = mine\n[gpu 0]\nkind = nvidia\nname = My GPU\n"
                    "channel.gpu = csv file=trace.csv\nsensor.instant = period=1ms\n")
    (path.parent / "trace.csv").write_text("0,100\n0.5,300\n1,100\n")
    out = json.loads(shell(run, str(path), "$Z truth --device gpu0 --from start --to start+1s --json"))
    assert out["energy_j"] == pytest.approx(200)
    path.write_text("[node]\nname = mine\nwhat = 1\n")
    done = run(str(path), "true")
    assert done.returncode == 1 and "mine.node:3: unknown key 'what'" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a set-uid program")
def test_a_set_uid_program_sees_no_simulation(run, tmp_path):
    program = tmp_path / "raised"
    shutil.copy(SIM, program)
    os.chown(program, 65534, 65534)
    program.chmod(0o4755)
    tmp_path.chmod(0o755)
    assert run("h100x8", SIM, "show").returncode == 0
    done = run("h100x8", program, "show")
    if done.returncode == 0 and "nosuid" in pathlib.Path("/proc/mounts").read_text():
        pytest.skip("the temporary directory is mounted nosuid")
    assert done.returncode == 1 and "works inside" in done.stderr


def test_commands_outside_a_simulation_say_so(env):
    done = subprocess.run([str(SIM), "show"], env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "zeus sim --node" in done.stderr


# --- NVML ------------------------------------------------------------------------------------------

@needs_plain_build
@pytest.mark.parametrize("node, count, name, has_energy, scopes", [
    ("h100x8", 8, "NVIDIA H100 80GB HBM3", True, ["186/0", "185/0", "185/2"]),
    ("a100x4-mig", 4, "NVIDIA A100-SXM4-40GB", True, ["186/0"]),
    ("v100x4", 4, "Tesla V100-SXM2-16GB", True, ["186/0"]),
    ("p100x2", 2, "Tesla P100-SXM2-16GB", False, ["186/0"]),
    ("gh200", 1, "NVIDIA GH200 480GB", True, ["186/1", "185/1"]),
    ("rack72", 72, "NVIDIA GB200", True, ["186/0", "185/0"]),
])
def test_nvml_shows_the_node(probe, run, node, count, name, has_energy, scopes):
    seen = probe(node)
    shown = json.loads(shell(run, node, "$Z show --json"))
    gpus = [d for d in shown["devices"] if d["kind"] == "nvidia"]
    assert seen["before_init"] == 1 and seen["after_shutdown"] == 1 and seen["beyond"] == 2
    assert len(seen["devices"]) == count == len(gpus)
    assert len({d["uuid"] for d in seen["devices"]}) == count
    assert len({d["pci"] for d in seen["devices"]}) == count
    for device, gpu in zip(seen["devices"], gpus):
        assert device["name"] == name == gpu["name"]
        assert device["uuid"] == gpu["uuid"]
        assert device["energy"][0] == (0 if has_energy else NVML_NOT_SUPPORTED)
        assert device["limit"] == [0, round(gpu["power_limit_w"] * 1000)]
        assert device["set_limit"] == NVML_NO_PERMISSION
        power = {k: v for k, v in device["fields"].items() if k.startswith("18")}
        assert [k for k, v in power.items() if v[0] == 0] == scopes
        assert all(v[0] == NVML_NOT_SUPPORTED for k, v in power.items() if k not in scopes)
        assert device["fields"]["9999/0"][0] == NVML_NOT_SUPPORTED
        for cores in (device["clocks"] or {}).values():
            assert cores == sorted(set(cores), reverse=True)


@needs_plain_build
def test_nodes_without_nvidia_have_no_driver(probe):
    for node in ["empty", "xeon-2s", "mi300x8"]:
        assert probe(node) == {"init": 9}


@needs_plain_build
def test_mig_layout(probe):
    devices = probe("a100x4-mig")["devices"]
    names = [[i["name"].split()[-1] for i in d["mig"]["instances"]] for d in devices]
    assert names == [["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"], ["7g.40gb"], [], []]
    assert [d["mig"]["mode"] for d in devices] == [[0, 1], [0, 1], [0, 0], [0, 0]]
    for instance in devices[0]["mig"]["instances"]:
        assert instance["uuid"].startswith("MIG-")
        assert instance["power"][0] == instance["energy"][0] == NVML_NOT_SUPPORTED
    assert probe("v100x4")["devices"][0]["mig"]["mode"][0] == NVML_NOT_SUPPORTED


@needs_plain_build
def test_the_counter_agrees_with_the_truth(run):
    """Counter and oracle around announced work differ by at most one tick at either end."""
    script = (f"P='{sys.executable} {PROBE} nvmlDeviceGetTotalEnergyConsumption 0 1 0'\n"
              "$P; $Z load --device gpu0 --level 0.8 --seconds 0.6; $P; $Z truth --device gpu0 --json")
    lines = shell(run, "v100x4", script).splitlines()
    (before,), (after,) = json.loads(lines[0]), json.loads(lines[1])
    truth = json.loads(lines[2])
    counted_j = (after[2] - before[2]) / 1000
    assert before[1] == after[1] == 0
    assert counted_j > 100
    assert counted_j < truth["energy_j"]


@needs_plain_build
def test_settings_are_shared_and_change_power_and_speed(run):
    set_limit = ("import ctypes as c; n=c.CDLL('libnvidia-ml.so.1'); n.nvmlInit_v2(); h=c.c_void_p();"
                 "n.nvmlDeviceGetHandleByIndex_v2(0,c.byref(h));"
                 "raise SystemExit(n.nvmlDeviceSetPowerManagementLimit(h,c.c_uint(250000)))")
    script = (f'$Z work --device gpu0 --units 30 --json; {sys.executable} -c "{set_limit}"; echo $?\n'
              "$Z work --device gpu0 --units 30 --json; $Z show --json")
    out = shell(run, "h100x8", script, options=["--privileged"]).split("\n", 3)
    fast, slow, shown = json.loads(out[0]), json.loads(out[2]), json.loads(out[3])
    assert out[1] == "0"
    assert slow["time_s"] > 1.3 * fast["time_s"]
    assert slow["energy_j"] < 0.9 * fast["energy_j"]
    assert slow["energy_j"] / slow["time_s"] == pytest.approx(250, rel=0.01)
    assert [d["power_limit_w"] for d in shown["devices"]][:2] == [250, 700]
    out = shell(run, "h100x8", f'{sys.executable} -c "{set_limit}" || echo $?')
    assert out.strip() == str(NVML_NO_PERMISSION)


FAULTS = [  # effect, NVML code
    ("GPU_IS_LOST", 15), ("NOT_SUPPORTED", 3), ("NO_PERMISSION", 4), ("UNKNOWN", 999),
    ("UNINITIALIZED", 1), ("INVALID_ARGUMENT", 2), ("NOT_FOUND", 6), ("INSUFFICIENT_POWER", 8),
    ("TIMEOUT", 10), ("IRQ_ISSUE", 11), ("CORRUPTED_INFOROM", 14), ("RESET_REQUIRED", 16),
    ("OPERATING_SYSTEM", 17), ("VERSION_MISMATCH", 18), ("MEMORY", 20)]


@needs_plain_build
@pytest.mark.parametrize("effect, code", FAULTS)
def test_each_error_leaves_the_rest_alone(probe, effect, code):
    fault = f"gpu2:fn=nvmlDeviceGetTotalEnergyConsumption:{effect}"
    devices = probe("v100x4", options=["--fault", fault])["devices"]
    assert [d["energy"][0] for d in devices] == [0, 0, code, 0]
    assert all(d["power"][0] == 0 for d in devices)


@needs_plain_build
def test_a_lost_gpu_gives_no_handle(probe):
    devices = probe("v100x4", options=["--fault", "gpu1:GPU_IS_LOST"])["devices"]
    assert [d["handle"] for d in devices] == [0, NVML_GPU_IS_LOST, 0, 0]


@needs_plain_build
def test_all_ones_stale_and_stall(probe):
    ones = probe("v100x4", options=["--fault", "gpu0:fn=nvmlDeviceGetPowerUsage:ALL_ONES"])
    assert ones["devices"][0]["power"] == [0, 2**32 - 1]
    assert ones["devices"][1]["power"][1] == 42000
    energy = "nvmlDeviceGetTotalEnergyConsumption"
    rows = probe("v100x4", energy, 0, 4, 0.1, options=["--fault", "gpu0:at=0s:STALE"])
    assert len({r[2] for r in rows}) == 1
    rows = probe("v100x4", energy, 1, 4, 0.1, options=["--fault", "gpu0:at=0s:STALE"])
    assert rows[-1][2] > rows[0][2]
    rows = probe("v100x4", "nvmlDeviceGetPowerUsage", 0, 1, 0,
                 options=["--fault", "gpu0:fn=nvmlDeviceGetPowerUsage:STALL=300ms"])
    assert rows[0][3] >= 0.3 and rows[0][1] == 0


@needs_plain_build
def test_faults_come_when_the_script_says(run):
    out = shell(run, "v100x4", "$Z clock --json\n"
                f"{sys.executable} {PROBE} nvmlDeviceGetPowerUsage 0 60 0.02",
                options=["--fault", "gpu0:at=600ms:for=300ms:UNKNOWN"]).splitlines()
    origin_s = json.loads(out[0])["origin_ns"] * 1e-9
    for start_s, code, _, length_s in json.loads(out[1]):
        first_s, last_s = start_s - origin_s, start_s - origin_s + length_s
        if 0.6 <= first_s and last_s < 0.9:
            assert code == 999
        elif last_s < 0.6 or first_s >= 0.9:
            assert code == 0


@needs_plain_build
def test_a_missing_function_is_missing_for_dlsym(run):
    script = ("import ctypes as c; n=c.CDLL('libnvidia-ml.so.1');"
              "print([hasattr(n,f) for f in ['nvmlDeviceGetTotalEnergyConsumption',"
              "'nvmlDeviceGetPowerUsage','nvmlDeviceGetTemperatureV']], n.nvmlInit_v2())")
    options = ["--fault", "nvml:MISSING=nvmlDeviceGetTotalEnergyConsumption",
               "--fault", "nvml:MISSING=nvmlDeviceGetTemperatureV"]
    done = run("v100x4", sys.executable, "-c", script, options=options)
    assert done.stdout.strip() == "[False, True, False] 0"
    assert run("v100x4", sys.executable, "-c", script).stdout.strip() == "[True, True, True] 0"


@needs_plain_build
def test_public_bindings(run):
    """nvidia-ml-py, unmodified; ZEUS_PYNVML names a directory to find it in."""
    path = os.environ.get("ZEUS_PYNVML", "")
    have = subprocess.run([sys.executable, "-c", "import pynvml"], capture_output=True,
                          env={**os.environ, "PYTHONPATH": path})
    if have.returncode:
        pytest.skip("the public NVML bindings (nvidia-ml-py) are not installed")
    script = f"""
import json, sys
sys.path.insert(0, {path!r})
import pynvml as n
n.nvmlInit()
rows = []
for i in range(n.nvmlDeviceGetCount()):
    h = n.nvmlDeviceGetHandleByIndex(i)
    f = n.nvmlDeviceGetFieldValues(h, [186, 185, (185, 1), (185, 2), 83])
    rows.append([n.nvmlDeviceGetName(h), n.nvmlDeviceGetUUID(h), n.nvmlDeviceGetPciInfo(h).busId,
                 n.nvmlDeviceGetPowerUsage(h), n.nvmlDeviceGetTotalEnergyConsumption(h),
                 n.nvmlDeviceGetPowerManagementLimit(h),
                 n.nvmlDeviceGetPowerManagementLimitConstraints(h),
                 n.nvmlDeviceGetTemperature(h, 0), n.nvmlDeviceGetClockInfo(h, 0),
                 n.nvmlDeviceGetMemoryInfo(h).total, n.nvmlDeviceGetMemoryInfo(h, version=n.nvmlMemory_v2).total,
                 len(n.nvmlDeviceGetComputeRunningProcesses(h)), n.nvmlDeviceGetArchitecture(h),
                 n.nvmlDeviceGetCudaComputeCapability(h), n.nvmlDeviceGetMigMode(h),
                 n.nvmlDeviceGetUtilizationRates(h).gpu, [x.nvmlReturn for x in f], f[0].value.uiVal])
try:
    n.nvmlDeviceSetPowerManagementLimit(h, 300000)
except n.NVMLError as e:
    rows.append(str(e))
print(json.dumps(rows))
"""
    done = run("h100x8", sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    *rows, refusal = json.loads(done.stdout)
    assert len(rows) == 8 and refusal == "Insufficient Permissions"
    first = rows[0]
    assert first[0] == "NVIDIA H100 80GB HBM3" and first[2] == "00000000:19:00.0"
    assert first[3] == first[17] == 72000
    assert first[5] == 700000 and first[6] == [200000, 700000] and first[9] == first[10]
    assert first[12] == 9 and first[13] == [9, 0] and first[14] == [0, 0]
    assert first[16] == [0, 0, 3, 0, 0]


# --- sysfs -----------------------------------------------------------------------------------------

def test_rapl_zones(run):
    out = shell(run, "xeon-2s", "cd $ZEUS_SYSFS_ROOT/sys/class/powercap; head */name; "
                                "cat $ZEUS_SYSFS_ROOT/sys/devices/system/cpu/cpu30/topology/physical_package_id")
    names = [line for line in out.splitlines() if line and not line.startswith("==>")]
    assert names == ["package-0", "dram", "package-1", "dram", "psys", "1"]
    out = shell(run, "xeon-gaps", "cd $ZEUS_SYSFS_ROOT/sys/class/powercap; ls; cat intel-rapl:2/name")
    assert "intel-rapl:1\n" not in out and out.endswith("package-0\n")


READER = """
import os, sys, time
f = os.open(os.environ["ZEUS_SYSFS_ROOT"] + "/sys/class/powercap/" + sys.argv[1], os.O_RDONLY)
for _ in range(int(sys.argv[2])):
    print(time.monotonic_ns(), os.pread(f, 64, 0).split(b"\\n")[0].decode())
    time.sleep(0.02)
"""


def read_counter(run, node, zone, count, options=()):
    done = run(node, sys.executable, "-c", READER, f"{zone}/energy_uj", str(count), options=options)
    assert done.returncode == 0, done.stderr
    return [tuple(map(int, line.split())) for line in done.stdout.splitlines()]


def test_counters_move_under_an_open_descriptor(run):
    rows = read_counter(run, "xeon-gaps", "intel-rapl:2", 15)
    assert all(b[1] > a[1] for a, b in zip(rows, rows[1:]))
    power_w = (rows[-1][1] - rows[0][1]) / (rows[-1][0] - rows[0][0]) * 1000
    assert 20 < power_w < 140


def test_mirrored_dies_show_one_counter(run):
    done = run("epyc-mirror", "sh", "-c", "cd $ZEUS_SYSFS_ROOT/sys/class/powercap; "
               "cat intel-rapl:0/name intel-rapl:1/name; "
               "for i in 1 2 3; do cat intel-rapl:0/energy_uj intel-rapl:1/energy_uj; done")
    lines = done.stdout.split()
    assert lines[:2] == ["package-0-die-0", "package-0-die-1"]
    values = list(map(int, lines[2:]))
    assert all(abs(a - b) < 5e6 for a, b in zip(values[::2], values[1::2]))


def test_a_wrap_in_the_middle(run):
    rows = read_counter(run, "xeon-gaps", "intel-rapl:0", 40,
                        options=["--fault", "cpu1:at=400ms:WRAP"])
    falls = [i for i in range(1, len(rows)) if rows[i][1] < rows[i - 1][1]]
    assert len(falls) == 1
    assert rows[falls[0] - 1][1] > 262143328850 - 10e6 and rows[falls[0]][1] < 10e6


def test_a_file_that_vanishes(run):
    out = shell(run, "xeon-2s", "cd $ZEUS_SYSFS_ROOT/sys/class/powercap;"
                "for i in $(seq 400); do test -e intel-rapl:0/energy_uj || break; sleep 0.02; done;"
                "ls intel-rapl:0 intel-rapl:1",
                options=["--fault", "cpu0:at=300ms:VANISH=intel-rapl:0/energy_uj"])
    assert out.count("energy_uj") == 1  # package 1's own


def test_no_permission_takes_the_read_bits(run):
    out = shell(run, "xeon-2s", "sleep 0.1; stat -L -c %a $ZEUS_SYSFS_ROOT/sys/class/powercap/"
                "intel-rapl:0/energy_uj $ZEUS_SYSFS_ROOT/sys/class/powercap/intel-rapl:1/energy_uj",
                options=["--fault", "cpu0:NO_PERMISSION"])
    assert out.split() == ["0", "444"]


def test_jetson_rails_of_both_drivers(run):
    out = shell(run, "jetson-orin", "cd $ZEUS_SYSFS_ROOT/sys/bus/i2c/drivers/ina3221/1-0040/hwmon/"
                "hwmon3; cat in3_label in3_input curr3_input")
    label, mv, ma = out.split()
    assert label == "VIN_SYS_5V0" and 5 < int(mv) * int(ma) / 1e6 < 60
    out = shell(run, "jetson-xavier", "cd $ZEUS_SYSFS_ROOT/sys/bus/i2c/drivers/ina3221x/1-0040/"
                "iio:device0; cat rail_name_0 in_power0_input in_voltage0_input in_current0_input")
    label, mw, mv, ma = out.split()
    assert label == "GPU" and abs(int(mw) - int(mv) * int(ma) / 1000) < 20


def test_grace_power_meters(run):
    out = shell(run, "gh200", "cd $ZEUS_SYSFS_ROOT/sys/class/hwmon; for h in hwmon*; do "
                "cat $h/name $h/device/power1_oem_info $h/device/power1_average; done")
    lines = out.splitlines()
    assert lines[0] == "power_meter" and lines[1] == "Grace Power Socket 0"
    assert int(lines[2]) == 68_000_000


# --- truth and time --------------------------------------------------------------------------------

def test_truth_of_announced_load(run):
    out = shell(run, "v100x4", "$Z load --device gpu1 --level 0.5 --seconds 0.4\n"
                "$Z truth --device gpu1 --from start --to now --json; $Z show --json")
    truth, shown = json.loads(out.split("\n", 1)[0]), json.loads(out.split("\n", 1)[1])
    length_s = (truth["to_ns"] - truth["from_ns"]) * 1e-9
    expected_j = 42 * length_s + 0.5 * 262 * 0.4
    assert truth["energy_j"] == pytest.approx(expected_j, rel=1e-6)
    assert shown["devices"][1]["load"] == 0


def test_virtual_time(run):
    out = shell(run, "v100x4", "$Z clock --to start+3600s >/dev/null\n"
                "$Z work --device gpu0 --units 72000 --json; $Z truth --device gpu0 --json",
                options=["--virtual"])
    work, truth = map(json.loads, out.splitlines())
    assert work["time_s"] == pytest.approx(3600, rel=0.01)  # the limit takes a little speed
    assert truth["energy_j"] == pytest.approx(42 * 3600 + work["energy_j"], rel=1e-9)
    done = run("v100x4", SIM, "clock", "--to", "now+1s")
    assert done.returncode == 1 and "--virtual" in done.stderr


@pytest.mark.parametrize("arguments, words", [
    (["truth"], "--device"), (["truth", "--device", "gpu9"], "gpu9"),
    (["truth", "--device", "gpu0", "--domain", "soul"], "soul"),
    (["truth", "--device", "gpu0", "--from", "later"], "later"),
    (["truth", "--device", "gpu0", "--from", "now", "--to", "start"], "before"),
    (["load", "--device", "gpu0", "--level", "2", "--seconds", "1"], "gpu0"),
    (["load", "--device", "gpu0", "--level", "1", "--seconds", "-1"], "--seconds"),
    (["work", "--device", "gpu0", "--units", "many"], "many")])
def test_wrong_questions(run, arguments, words):
    done = run("v100x4", SIM, *arguments)
    assert done.returncode == 1 and words in done.stderr
