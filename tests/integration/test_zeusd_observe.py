# SPDX-License-Identifier: Apache-2.0
"""What the daemon keeps: /metrics, /history, windows over the wire, and the page's files."""
import concurrent.futures
import gzip
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from test_zeusd_auth import token
from zeusd import KEY, ZEUS, Daemon, Node, Stream

SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@pytest.fixture(scope="module")
def node():
    with Node() as node:
        yield node


@pytest.fixture
def daemon(node):
    with Daemon(node) as daemon:
        yield daemon


def parse(text):
    """{(name, sorted labels): value}"""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.match(line).groups()
        key = (name, tuple(sorted(LABEL.findall(labels or ""))))
        assert key not in samples
        samples[key] = float(value)
    return samples


def scrape(daemon, **how):
    reply = daemon.get("/metrics", **how)
    assert reply.status == 200, reply.text
    return parse(reply.text)


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted(labels.items()))))


def energies(samples):
    return {labels: v for (name, labels), v in samples.items()
            if name == "zeus_energy_joules_total"}


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.1)


# ---- /metrics ----

def test_metrics_say_what_the_node_is(daemon, node):
    assert daemon.post("/gpu/set_power_limit?gpu_ids=1&power_limit_mw=200000&block=true"
                       "&lease=t&ttl_s=60").status == 200
    samples = scrape(daemon)
    for gpu in range(4):
        assert value(samples, "zeus_device_up", device=f"gpu{gpu}") == 1
        assert value(samples, "zeus_power_watts", device=f"gpu{gpu}", domain="gpu") > 0
        assert value(samples, "zeus_power_error_watts", device=f"gpu{gpu}", domain="gpu") > 0
        assert value(samples, "zeus_clock_hertz", device=f"gpu{gpu}", clock="memory") == 1593e6
        assert value(samples, "zeus_temperature_celsius", device=f"gpu{gpu}") > 20
        used = value(samples, "zeus_memory_used_bytes", device=f"gpu{gpu}")
        assert 0 < used < value(samples, "zeus_memory_size_bytes", device=f"gpu{gpu}")
        assert value(samples, "zeus_processes", device=f"gpu{gpu}") == 0
        assert value(samples, "zeus_persistence_mode", device=f"gpu{gpu}") in (0, 1)
        for part in ("gpu", "memory"):
            assert 0 <= value(samples, "zeus_utilization_ratio", device=f"gpu{gpu}", part=part) <= 1
    assert value(samples, "zeus_power_limit_watts", device="gpu1", limit="current") == 200
    assert value(samples, "zeus_power_limit_watts", device="gpu0", limit="current") == 300
    assert value(samples, "zeus_power_limit_watts", device="gpu0", limit="default") == 300
    assert value(samples, "zeusd_leases") == 1
    assert value(samples, "zeusd_connections") >= 1
    assert value(samples, "zeusd_resident_memory_bytes") > 1e6
    infos = [dict(labels) for (name, labels) in samples if name == "zeus_device_info"]
    gpu = next(i for i in infos if i["device"] == "gpu2")
    assert gpu["pci_address"] == "0000:a3:00.0" and gpu["simulated"] == "true"
    domains = {(d["device"], d["domain"]): d for d in
               (dict(labels) for (name, labels) in samples if name == "zeus_domain_info")}
    assert domains["cpu0", "dram"]["in_node_total"] == "true"
    assert ("cpu1", "dram") not in domains  # the second socket has none
    assert daemon.post("/lease/release?lease=t").status == 200


def test_persistence_and_processes(daemon, node):
    """What is set shows, and who works on a GPU is counted."""
    for enabled in (1, 0):
        assert daemon.post(f"/gpu/set_persistence_mode?gpu_ids=2&enabled={str(bool(enabled)).lower()}"
                           "&block=true").status == 200
        wait_for(lambda: value(scrape(daemon), "zeus_persistence_mode", device="gpu2") == enabled)
    idle = value(scrape(daemon), "zeus_memory_used_bytes", device="gpu2")
    load = subprocess.Popen([ZEUS, "sim", "load", "--device", "gpu2", "--level", "0.7",
                             "--seconds", "60"], env=node.env)
    try:
        wait_for(lambda: value(scrape(daemon), "zeus_processes", device="gpu2") == 1)
        assert value(scrape(daemon), "zeus_memory_used_bytes", device="gpu2") > idle
        assert value(scrape(daemon), "zeus_processes", device="gpu1") == 0
    finally:
        load.kill()
        load.wait()


def test_what_a_driver_does_not_tell_is_not_there():
    """AMD has no persistence mode; the device is up all the same, and its memory is known."""
    with Node(node="mi300x8") as node, Daemon(node) as daemon:
        samples = scrape(daemon)
        assert value(samples, "zeus_device_up", device="gpu0") == 1
        assert value(samples, "zeus_persistence_mode", device="gpu0") is None
        assert value(samples, "zeus_memory_size_bytes", device="gpu0") > 1e9
        assert value(samples, "zeus_processes", device="gpu0") == 0
    faults = ["gpu0:fn=nvmlDeviceGetMemoryInfo:UNKNOWN", "gpu0:fn=nvmlDeviceGetPersistenceMode:NO_PERMISSION",
              "nvml:MISSING=nvmlDeviceGetUtilizationRates"]
    with Node(faults=faults) as node, Daemon(node) as daemon:
        samples = scrape(daemon)
        assert value(samples, "zeus_device_up", device="gpu0") == 1
        for name in ("zeus_memory_used_bytes", "zeus_memory_size_bytes", "zeus_persistence_mode"):
            assert value(samples, name, device="gpu0") is None
            assert value(samples, name, device="gpu1") is not None
        assert value(samples, "zeus_utilization_ratio", device="gpu1", part="memory") is None
        assert value(samples, "zeus_power_watts", device="gpu0", domain="gpu") > 0


def test_formats(daemon):
    plain = daemon.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# EOF" not in plain.text and "# UNIT" not in plain.text
    wanted = {"Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3,*/*;q=0.1"}
    modern = daemon.get("/metrics", headers=wanted)
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")
    assert "# UNIT zeus_energy_joules joules\n" in modern.text
    assert daemon.get("/metrics?x=1").status == 400
    assert daemon.post("/metrics").status == 404


def test_promtool_accepts_it(daemon):
    if not shutil.which("promtool"):
        pytest.skip("promtool (Debian package prometheus) is not installed")
    with Stream(daemon, "/cpu/stream_power") as stream:
        stream.event()
        done = subprocess.run(["promtool", "check", "metrics"], input=daemon.get("/metrics").body,
                              capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_many_scrapers_cost_one_read(daemon):
    before = value(scrape(daemon), "zeus_reads_total", device="gpu0")
    time.sleep(1.1)  # the readings have grown old
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: daemon.get("/metrics").status, range(64)))
    assert replies == [200] * 64
    after = value(scrape(daemon), "zeus_reads_total", device="gpu0")
    # a refresh is eight reads and lasts a second; on a busy machine the crowd spans several
    assert after - before <= 8 * (time.monotonic() - begin + 2)
    time.sleep(1.1)
    # between scrapes nothing is read
    assert value(scrape(daemon), "zeus_reads_total", device="gpu0") - after <= 8


def test_energy_is_true(daemon, node):
    """A stretch of load, against what the simulation knows was spent."""
    first = scrape(daemon)
    begin = time.monotonic_ns()
    subprocess.run([ZEUS, "sim", "load",
                    "--device", "gpu0", "--level", "0.9", "--seconds", "1.5"],
                   env=node.env, check=True, capture_output=True)
    time.sleep(1.6)
    last = scrape(daemon)
    end = time.monotonic_ns()
    spent = (value(last, "zeus_energy_joules_total", device="gpu0", domain="gpu") -
             value(first, "zeus_energy_joules_total", device="gpu0", domain="gpu"))
    truth = subprocess.run([ZEUS, "sim",
                            "truth", "--device", "gpu0", "--from", f"{begin}ns", "--to",
                            f"{end}ns", "--json"], env=node.env, check=True, capture_output=True)
    true_j = json.loads(truth.stdout)["energy_j"]
    # the counter ticks every 20 ms, the scrapes take some milliseconds each
    assert abs(spent - true_j) < 0.1 * true_j + 20, (spent, true_j)


def test_counters_never_fall(node, tmp_path):
    seen = {}

    def check(daemon):
        samples = scrape(daemon)
        now = energies(samples)
        assert len(now) == 7
        for labels, joules in now.items():
            assert joules >= seen.get(labels, 0), labels
        seen.update(now)
        return sum(v for (name, _), v in samples.items() if name == "zeus_energy_holes_total")

    daemon = Daemon(node, directory=tmp_path)
    check(daemon)
    time.sleep(1.1)
    assert check(daemon) == 0
    daemon.stop()
    daemon = Daemon(node, directory=tmp_path)  # in good order: nothing is lost at all
    assert check(daemon) == 0
    time.sleep(1.1)
    check(daemon)
    daemon.kill()
    before = dict(seen)
    time.sleep(1)
    daemon = Daemon(node, directory=tmp_path)
    assert check(daemon) == 0
    # what was spent while the daemon was dead is counted, for the counter knew
    assert all(seen[labels] > before[labels] + 5 for labels in seen)
    daemon.kill()
    with Node() as other:  # the driver was loaded again: every counter starts anew
        with Daemon(other, directory=tmp_path) as daemon:
            assert check(daemon) >= 4
            time.sleep(1.1)
            before = dict(seen)
            check(daemon)
            assert all(seen[labels] > before[labels] for labels in seen)


def test_a_bad_energy_file_is_told(node, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state" / "energy.json").write_text('{"schema":"zeusd.energy/1","entries":[{}]}')
    with Daemon(node, directory=tmp_path) as daemon:
        assert len(energies(scrape(daemon))) == 7
        assert "energy totals begin afresh" in daemon.log()
        assert "energy.json" in daemon.log()


def test_a_lost_gpu():
    with Node(faults=["gpu1:at=4s:for=6s:GPU_IS_LOST"]) as node, Daemon(node) as daemon:
        first = scrape(daemon)
        assert value(first, "zeus_device_up", device="gpu1") == 1

        def is_down():
            samples = scrape(daemon)
            return samples if value(samples, "zeus_device_up", device="gpu1") == 0 else None
        down = wait_for(is_down)
        assert value(down, "zeus_read_errors_total", device="gpu1", code="device-lost") >= 1
        assert value(down, "zeus_device_up", device="gpu0") == 1
        time.sleep(5)  # what was read before has grown old
        down = scrape(daemon)
        if value(down, "zeus_device_up", device="gpu1") == 0:
            assert value(down, "zeus_power_watts", device="gpu1", domain="gpu") is None
            assert value(down, "zeus_temperature_celsius", device="gpu1") is None

        def is_up():
            samples = scrape(daemon)
            return samples if value(samples, "zeus_device_up", device="gpu1") == 1 else None
        up = wait_for(is_up, 25)
        energy = {"device": "gpu1", "domain": "gpu"}
        assert (value(up, "zeus_energy_joules_total", **energy) >=
                value(down, "zeus_energy_joules_total", **energy) >=
                value(first, "zeus_energy_joules_total", **energy))


def test_a_stuck_gpu_does_not_stop_the_scrape():
    with Node(faults=["gpu2:fn=nvmlDeviceGetTemperature*:at=3s:for=8s:STALL=30s"]) as node:
        with Daemon(node) as daemon:
            wait_for(lambda: value(scrape(daemon), "zeus_device_up", device="gpu2") == 0)
            begin = time.monotonic()
            samples = scrape(daemon)
            assert time.monotonic() - begin < 4
            assert value(samples, "zeus_device_up", device="gpu0") == 1
            daemon.kill()  # it would wait for the stuck call


# ---- the day so far ----

def noon():
    """A zone in which it is about noon: no test runs over midnight there."""
    return {"TZ": f"NOON{(time.gmtime().tm_hour - 12) % 24:d}" if time.gmtime().tm_hour >= 12
            else f"NOON-{12 - time.gmtime().tm_hour:d}"}


def todays(daemon):
    return {(s["device"], s["id"], s["domain"]): s["today"]
            for s in daemon.get("/history").json["series"]}


@pytest.fixture
def left(node, tmp_path):
    """Runs a daemon, lets a change be made to its energy file, and starts another one."""
    running = []

    def run(change):
        with Daemon(node, directory=tmp_path, env=noon()) as first:
            scrape(first)
        path = tmp_path / "state" / "energy.json"
        state = json.loads(path.read_text())
        for entry in state["entries"]:
            change(state, entry)
        path.write_text(json.dumps(state))
        running.append(Daemon(node, directory=tmp_path, env=noon()))
        return running[-1]

    yield run
    for daemon in running:
        assert daemon.stop() == 0


GPU0 = ("gpu", 0, "gpu")
HOUR = 3600000


def test_today_goes_on_over_a_restart(left):
    kept = {}
    daemon = left(lambda _, entry: kept.setdefault("since", entry["day_wall_ms"]))
    today = todays(daemon)[GPU0]  # nothing was read by this one yet
    assert abs(today["since_ms"] - kept["since"]) < 2000 and today["holes"] == 0

    def grown():  # a busy machine may miss the first scrape's three seconds
        scrape(daemon)
        now = todays(daemon)[GPU0]
        return now if now["energy_uj"] > today["energy_uj"] else None
    later = wait_for(grown)
    assert abs(later["since_ms"] - kept["since"]) < 2000 and later["holes"] == 0
    assert later["until_ms"] - later["since_ms"] < 14 * HOUR


def test_yesterday_is_not_today(left):
    """The last reading was yesterday: today is unknown, then counts from the first reading on."""
    def yesterday(_, entry):
        entry["day_wall_ms"] -= 20 * HOUR
        entry["day_boot_ms"] = 0
        entry["day_uj"] = 0
    daemon = left(yesterday)
    assert todays(daemon)[GPU0] is None
    now_ms = daemon.get("/time").json["timestamp_ms"]
    scrape(daemon)
    first = todays(daemon)[GPU0]
    assert first["energy_uj"] == 0 and abs(first["since_ms"] - now_ms) < 10000
    time.sleep(1.1)
    scrape(daemon)
    assert todays(daemon)[GPU0]["energy_uj"] > 0


def test_today_over_a_reboot_is_a_least(left):
    def reboot(state, entry):
        state["boot_id"] = "another"
        entry["day_wall_ms"] -= HOUR
    daemon = left(reboot)
    scrape(daemon)
    today = todays(daemon)[GPU0]
    now_ms = daemon.get("/time").json["timestamp_ms"]
    assert today["holes"] == 1 and abs(now_ms - HOUR - today["since_ms"]) < 60000


def test_a_wall_clock_that_was_set(left):
    """What the clock showed at the first reading is moved along with the clock."""
    def wrong(_, entry):
        entry["day_wall_ms"] -= 300 * HOUR
    daemon = left(wrong)
    today = todays(daemon)[GPU0]
    assert abs(today["since_ms"] - daemon.get("/time").json["timestamp_ms"]) < 60000


# ---- who may see what ----

def test_scopes(node):
    gpu = token("gpu-read")
    cpu = token("cpu-read")
    control = token("gpu-control")
    with Daemon(node, key=KEY) as daemon:
        for path in ("/metrics", "/history", "/window/read?name=w"):
            assert daemon.get(path).status == 401
            assert daemon.get(path, token=control).status == 403
        samples = scrape(daemon, token=gpu)
        assert value(samples, "zeus_device_up", device="gpu0") == 1
        assert value(samples, "zeus_device_up", device="cpu0") is None
        samples = scrape(daemon, token=cpu)
        assert value(samples, "zeus_device_up", device="gpu0") is None
        assert value(samples, "zeus_device_up", device="cpu0") == 1
        shown = {s["device"] for s in daemon.get("/history", token=cpu).json["series"]}
        assert shown == {"cpu"}
        assert daemon.get("/history?gpu_ids=0", token=cpu).status == 403
        assert daemon.post("/window/begin?name=w&gpu_ids=0", token=cpu).status == 403
        assert daemon.post("/window/begin?name=w", token=cpu).status == 200
        assert daemon.post("/window/end?name=w", token=gpu).status == 200  # both are dana's
        for path in ("/", "/ui/app.js"):
            assert daemon.get(path, headers={"Accept-Encoding": "gzip"}).status == 200


# ---- /history ----

def test_history(daemon):
    assert all(s["points"] == [] for s in daemon.get("/history").json["series"])
    with Stream(daemon, "/gpu/stream_power?gpu_ids=0,2"), Stream(daemon, "/cpu/stream_power"):
        time.sleep(3.2)
    now_ms = time.time() * 1000
    answer = daemon.get("/history?gpu_ids=0,1&cpu_ids=0").json
    series = {(s["device"], s["id"], s["domain"]): s for s in answer["series"]}
    assert set(series) == {("gpu", 0, "gpu"), ("gpu", 1, "gpu"), ("cpu", 0, "package-0"),
                           ("cpu", 0, "dram")}
    assert series["gpu", 1, "gpu"]["points"] == []  # nobody asked for it: it was not read
    for key in (("gpu", 0, "gpu"), ("cpu", 0, "package-0")):
        points = [dict(zip(answer["columns"], row)) for row in series[key]["points"]]
        assert 3 <= len(points) <= 5
        assert all(p["min_mw"] <= p["mean_mw"] <= p["max_mw"] for p in points)
        assert any(p["covered_ms"] > 950 for p in points)
        assert abs(points[-1]["time_ms"] - now_ms) < 3000
        rising = [p["energy_uj"] for p in points]
        assert rising == sorted(rising)
        assert series[key]["in_node_total"] and series[key]["error"]["gain"] > 0
    today = series["gpu", 0, "gpu"]["today"]
    assert today["energy_uj"] > 0 and abs(today["since_ms"] - now_ms) < 60000
    assert today["holes"] == 0 and 0 < today["until_ms"] - now_ms <= 25 * 3600000
    one = daemon.get("/history?gpu_ids=0&step_ms=60000").json["series"][0]["points"]
    assert 1 <= len(one) <= 2
    assert daemon.get("/history?gpu_ids=0&from_ms=1&to_ms=2").json["series"][0]["points"] == []


@pytest.mark.parametrize("query", ["from_ms=2&to_ms=1", "step_ms=x", "step_ms=-1", "gpu_ids=9",
                                   "gpu_ids=x", "what=1", "step_ms=99999999999",
                                   "from_ms=1&from_ms=2"])
def test_history_refuses(daemon, query):
    assert daemon.get(f"/history?{query}").status == 400


# ---- windows ----

def has_sampler(daemon):
    """Whether a sampler's thread lives; threads come and go while we look."""
    tasks = f"/proc/{daemon.process.pid}/task"
    for task in os.listdir(tasks):
        try:
            with open(f"{tasks}/{task}/comm", encoding="ascii") as name:
                if name.read().strip() == "zeus-sampler":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            pass
    return False


def test_a_window(daemon, node):
    assert not has_sampler(daemon)
    begun = daemon.post("/window/begin?name=epoch-1&gpu_ids=0,3")
    assert begun.status == 200 and begun.json["window"] == "epoch-1"
    assert begun.json["expires_in_s"] > 86000
    wait_for(lambda: has_sampler(daemon))
    assert value(scrape(daemon), "zeusd_windows") == 1
    begin = time.monotonic()
    time.sleep(1)
    so_far = daemon.get("/window/read?name=epoch-1").json
    assert 0.9 < so_far["time_s"] < 3
    done = daemon.post("/window/end?name=epoch-1")
    assert done.status == 200
    measured = done.json
    elapsed = time.monotonic() - begin
    assert measured["schema"] == "zeus.measurement/1" and measured["name"] == "epoch-1"
    assert set(measured["gpus"]) == {"0", "3"} and measured["cpus"] == {}
    energy = measured["gpus"]["3"]
    assert 30 < energy["energy_j"] / measured["time_s"] < 320
    assert energy["uncertainty_j"]["random"] > 0 and energy["source"] == "counter"
    assert measured["total"]["places"] == 2
    assert so_far["time_s"] < measured["time_s"] < elapsed + 0.1
    wait_for(lambda: not has_sampler(daemon))  # gone with the last window
    assert daemon.post("/window/end?name=epoch-1").status == 404


def test_same_shape_as_zeus_run(daemon, node, tmp_path):
    assert daemon.post("/window/begin?name=w").status == 200
    time.sleep(0.3)
    ours = daemon.post("/window/end?name=w").json
    written = tmp_path / "run.json"
    subprocess.run([ZEUS, "run", "--json", written, "--", "sleep", "0.3"], env=node.env,
                   capture_output=True, check=True)
    theirs = json.loads(written.read_text())["trials"][0]["measurement"]
    assert list(ours) == list(theirs)
    for section in ("gpus", "cpus", "dram"):
        assert set(ours[section]) == set(theirs[section]), section
        for index in ours[section]:
            assert {*ours[section][index]} - {"reason"} == {*theirs[section][index]} - {"reason"}
    assert {*ours["total"]} == {*theirs["total"]}


def test_windows_refuse(daemon):
    assert daemon.post("/window/begin?name=a").status == 200
    again = daemon.post("/window/begin?name=a")
    assert again.status == 409 and "already exists" in again.json["error"]
    for target in ("/window/begin", "/window/begin?name=", "/window/begin?name=" + "x" * 129,
                   "/window/begin?name=b&gpu_ids=9", "/window/begin?name=b&what=1",
                   "/window/end", "/window/end?name=a&gpu_ids=0", "/window/begin?name=a%0Ab"):
        assert daemon.post(target).status == 400, target
    for path in ("end", "cancel"):
        missing = daemon.post(f"/window/{path}?name=nobody")
        assert missing.status == 404 and "does not exist" in missing.json["error"]
    assert daemon.get("/window/read?name=nobody").status == 404
    assert daemon.get("/window/begin?name=b").status == 404  # a write is no GET
    assert daemon.post("/window/cancel?name=a").status == 200
    assert daemon.post("/window/cancel?name=a").status == 404


def test_limits_and_owners(node):
    dana, erin = token("gpu-read", sub="dana"), token("gpu-read", sub="erin")
    with Daemon(node, key=KEY) as daemon:
        for i in range(64):
            assert daemon.post(f"/window/begin?name=w{i}", token=dana).status == 200
        assert daemon.post("/window/begin?name=more", token=dana).status == 429
        assert daemon.post("/window/end?name=w0", token=erin).status == 404
        assert daemon.post("/window/begin?name=w0", token=erin).status == 200
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            ended = list(pool.map(lambda i: daemon.post(f"/window/end?name=w{i}", token=dana),
                                  range(64)))
        assert [reply.status for reply in ended] == [200] * 64
        assert daemon.post("/window/end?name=w0", token=erin).status == 200
        for choice in ("0", "1", "2", "3", "0,1", "0,2", "0,3", "1,2"):
            assert daemon.post(f"/window/begin?name=c{choice}&gpu_ids={choice}",
                               token=dana).status == 200
        full = daemon.post("/window/begin?name=c&gpu_ids=1,3", token=dana)
        assert full.status == 429 and "choices" in full.json["error"]
        assert daemon.stop() == 0  # with windows open


# ---- the page's files ----

def test_page_files(daemon):
    plain = daemon.get("/")
    assert plain.status == 406 and "gzip" in plain.json["error"]
    wanted = {"Accept-Encoding": "gzip, deflate"}
    page = daemon.get("/", headers=wanted)
    assert page.status == 200 and page.headers["content-encoding"] == "gzip"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    html = gzip.decompress(page.body).decode()
    for file in re.findall(r'(?:href|src)="(/ui/[^"]+)"', html):
        got = daemon.get(file, headers=wanted)
        assert got.status == 200 and len(gzip.decompress(got.body)) > 100, file
        again = daemon.get(file, headers={**wanted, "If-None-Match": got.headers["etag"]})
        assert again.status == 304 and again.body == b""
    for path in ("/ui/", "/ui/../discover", "/ui/app.js/x", "/ui/%2e%2e/x", "/ui/nothing.js"):
        assert daemon.get(path, headers=wanted).status == 404, path
