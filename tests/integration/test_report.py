# SPDX-License-Identifier: Apache-2.0
"""`zeus run --report/--plot` and `zeus report verify`: the joules follow from the stored edges, and
any change of the file is found."""
import html.parser
import json
import re
import subprocess
import sys
import xml.etree.ElementTree

import pytest

from conftest import ZEUS

HOSTILE = 'x="</script><script>alert(1)</script>"; sleep 1.6 # <img src=http://x/>'
DATA = re.compile(r'(<script type="application/json" id="zeus-data">)(.*?)(</script>)', re.S)


def write_report(page, *options, command, node="demo", sim_options=(), env=None):
    """The text of the report of one run on a simulated node."""
    done = subprocess.run([ZEUS, "sim", "--node", node, *sim_options, "--", ZEUS, "run", "-q",
                           "--report", page, *options, "--", *command],
                          capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    return page.read_text()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One report and one plot of a run on the simulated node."""
    folder = tmp_path_factory.mktemp("report")
    page, plot = folder / "r.html", folder / "r.svg"
    text = write_report(page, "--plot", plot, command=["sh", "-c", HOSTILE])
    return text, plot.read_text()


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """A run much longer than the sensors' history, with idle power, phases and a repeat: what was
    around all edges but the last ones had left the history when it ended."""
    page = tmp_path_factory.mktemp("long") / "r.html"
    return write_report(page, "--history", "4", "--idle", "1", "--phase-on", "step", "-n", "2",
                        command=["sh", "-c", "echo step 1; sleep 2.5; echo step 2; sleep 2.5"])


def data_of(page):
    return json.loads(DATA.search(page).group(2))


def reseal(page):
    """A forger's work: the seal fits the changed text again."""
    text = page[:page.rindex("<!-- zeus-seal ")]
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 % 2**64
    return f"{text}<!-- zeus-seal {value:016x} -->\n"


def with_data(page, data):
    text = json.dumps(data).replace("<", "\\u003c")
    return DATA.sub(lambda m: m.group(1) + text + m.group(3), page)


@pytest.fixture
def verify(zeus, tmp_path):
    def run(text):
        path = tmp_path / "report.html"
        path.write_text(text)
        return zeus("report", "verify", path)
    return run


def edges_of(data, **wanted):
    return [e for c in data["checks"] if all(c[k] == v for k, v in wanted.items())
            for e in c["edges"]]


def is_around(edge):
    times = [knot[0] for knot in edge["knots"]]
    return times and times[0] <= edge["time_ns"] < times[-1]


def test_the_joules_follow_from_the_edges(written, verify):
    done = verify(written[0])
    assert done.returncode == 0, done.stdout + done.stderr
    data = data_of(written[0])
    assert data["schema"] == "zeus.report/2" and len(data["checks"]) == 6
    assert "DIFFERS" not in done.stdout and "not verifiable" not in done.stdout
    for what in ("run 0 .* gpu0 ", "run 0 .* total ", "mean .* time", "mean .* total ",
                 "mean .* all gpus ", "run 0 .* gpu0 plotted "):
        assert re.search(what + ".* agrees$", done.stdout, re.M), what


def test_a_run_longer_than_the_history_is_verified_whole(long_run, verify):
    done = verify(long_run)
    assert done.returncode == 0, done.stdout + done.stderr
    data = data_of(long_run)
    edges = edges_of(data)
    assert not any("unverifiable" in c for c in data["checks"])
    settled = [e for e in edges if e["settled_j"] is not None]
    assert len(settled) > len(edges) / 2 and all(is_around(e) for e in settled)
    for window in ("idle", "run 0", "run 1", "run 0 phase 2", "run 1 phase 0", "mean"):
        assert re.search(f"^{window} .* agrees$", done.stdout, re.M), window
    assert re.search("^mean .*gpu0 above idle .* agrees$", done.stdout, re.M)
    phases = {(c["trial"], c["phase"]) for c in data["checks"] if c["window"] == "phase"}
    assert phases == {(t, p) for t in range(2) for p in range(3)}


def drop_knots(data):
    """The readings of a settled edge, so that only its energy would be left."""
    for edge in edges_of(data, window="run", trial=0, place="gpu0"):
        edge["knots"] = []


def move_knots(data):
    for edge in edges_of(data, window="run", trial=0, place="gpu0"):
        for knot in edge["knots"]:
            knot[3] += 5.0


def change_settled(data):
    edges_of(data, window="run", trial=0, place="gpu0")[0]["settled_j"] += 1


def other_source(data):
    for edge in edges_of(data, window="run", trial=0, place="gpu0"):
        edge["source"] = "integrated-power"


def edges_of_another_window(data):
    wanted = {c["place"]: c["edges"] for c in data["checks"]
              if c["window"] == "run" and c["trial"] == 1}
    for check in data["checks"]:
        if check["window"] == "run" and check["trial"] == 0 and check["place"] == "gpu1":
            check["edges"] = wanted["gpu1"]


def knots_of_another_place(data):
    gpu1 = edges_of(data, window="run", trial=0, place="gpu1")
    for edge, other in zip(edges_of(data, window="run", trial=0, place="gpu0"), gpu1):
        edge["knots"] = other["knots"]


def change_idle(data):
    for check in data["checks"]:
        if check["window"] == "idle" and check["place"] == "gpu0":
            check["energy_j"] += 1


def change_phase(data):
    [check] = [c for c in data["checks"] if c["window"] == "phase" and c["phase"] == 1 and
               c["trial"] == 0 and c["place"] == "gpu1"]
    check["energy_j"] *= 1.01


def change_mean(data):
    data["run"]["summary"]["energy"][0]["energy_j"] += 1


def change_above_idle(data):
    data["run"]["summary"]["energy"][0]["above_idle_j"] += 1


def change_time(data):
    data["run"]["summary"]["time_s"]["mean"] *= 1.1


def change_samples(data):
    for sample in data["plots"]["series"][0]["samples"]:
        sample[2] *= 2


def drop_samples(data):
    data["plots"]["series"] = []


@pytest.mark.parametrize("change", [drop_knots, move_knots, change_settled, other_source,
                                    edges_of_another_window, knots_of_another_place, change_idle,
                                    change_phase, change_mean, change_above_idle, change_time,
                                    change_samples, drop_samples])
def test_a_forged_long_run_is_found(long_run, verify, change):
    data = data_of(long_run)
    change(data)
    done = verify(reseal(with_data(long_run, data)))
    assert done.returncode == 1 and "DIFFERS" in done.stdout, done.stdout + done.stderr
    assert "do not follow from their edges" in done.stderr


def test_samples_that_are_not_the_counted_joules_are_found(long_run, verify):
    """Samples and the energy under them changed alike: they fit each other, not the counter."""
    data = data_of(long_run)
    for sample in data["plots"]["series"][0]["samples"]:
        sample[2] *= 2
    for check in data["checks"]:
        if check["plot"] and check["plot"]["series"] == 0 and check["plot"]["energy_j"]:
            check["plot"]["energy_j"] *= 2
    done = verify(reseal(with_data(long_run, data)))
    assert done.returncode == 1 and "does not agree with the counted joules" in done.stdout


def test_a_number_without_readings_is_told(written, verify):
    data = data_of(written[0])
    check = data["checks"][0]
    del check["edges"]
    check["unverifiable"] = "the dog ate them"
    done = verify(reseal(with_data(written[0], data)))
    assert done.returncode == 3
    assert re.search("gpu0 .* not verifiable: the dog ate them", done.stdout)
    assert re.search("total .* not verifiable: a part of it", done.stdout)
    assert "cannot be verified" in done.stderr


def test_more_windows_than_a_report_keeps(tmp_path, verify):
    """Beyond the bound it is said why a number cannot be followed; the run itself can."""
    page = write_report(tmp_path / "r.html", "--phase-on", "x", node="h100x8",
                        command=["sh", "-c", "yes x | head -n 1300"])
    done = verify(page)
    checks = data_of(page)["checks"]
    assert sum(len(c.get("edges", ())) for c in checks) == 16384
    assert data_of(page)["run"]["trials"][0]["phases_dropped"] == 277
    assert done.returncode == 3, done.stderr
    assert "the report keeps the edges of no more windows" in done.stdout
    assert not [c for c in checks if c["window"] == "run" and "edges" not in c]


@pytest.mark.parametrize("where", ['<p class="sum"><b>', '<tr><td>gpu1</td><td class="n">'])
def test_a_page_that_shows_another_number_is_found(written, verify, where):
    at = written[0].index(where) + len(where)
    done = verify(reseal(written[0][:at] + "1" + written[0][at:]))
    assert done.returncode == 1 and "the page shows another number" in done.stdout


def test_the_plotted_samples_are_stored_and_bounded(long_run):
    data = data_of(long_run)
    plots = data["plots"]
    names = {(s["device"], s["quantity"]) for s in plots["series"]}
    assert {("gpu0", "device_instant"), ("gpu1", "temperature"), ("cpu0", "cpu_package")} <= names
    assert sum(len(s["samples"]) for s in plots["series"]) <= 65536
    for series in plots["series"]:
        end = 0
        for sample in series["samples"]:
            assert len(sample) == (5 if series["bucket_ns"] else 3)
            assert sample[0] >= end
            end = sample[0] + sample[1]
        assert end <= plots["end_ns"] - plots["begin_ns"]


def test_thinned_samples_are_verified(long_run, verify):
    """Stretches with mean, lowest and highest value, as long runs have them: the joules are those of
    the values, to what the stretches hide that an edge of the run cuts."""
    data = data_of(long_run)
    for series in data["plots"]["series"]:
        thin, rest = [], series["samples"]
        while rest:
            group, rest = rest[:3], rest[3:]
            length = sum(s[1] for s in group)
            mean = sum(s[1] * s[2] for s in group) / length
            thin.append([group[0][0], length, mean, min(s[2] for s in group),
                         max(s[2] for s in group)])
        series["samples"], series["bucket_ns"] = thin, 300000000
    done = verify(reseal(with_data(long_run, data)))
    assert re.search("run 0 .* gpu1 plotted .* agrees$", done.stdout, re.M)


@pytest.mark.parametrize("sample", [[0, 10], [0, 10, None], [0, 10, 5, 6, 7], [0, 10, 5, 4],
                                    [2**62, 10, 5], ["0", 10, 5]])
def test_samples_that_are_none_are_refused(written, verify, sample):
    data = data_of(written[0])
    data["plots"]["series"][0]["samples"] = [sample]
    done = verify(reseal(with_data(written[0], data)))
    assert done.returncode == 1 and "wrong kind" in done.stderr


def test_an_older_schema_is_told_by_name(written, verify):
    data = data_of(written[0])
    data["schema"] = "zeus.report/1"
    done = verify(reseal(with_data(written[0], data)))
    assert done.returncode == 1
    assert "zeus.report/1" in done.stderr and "zeus.report/2" in done.stderr


def warnings_of(page):
    return {w["kind"]: w["text"] for w in data_of(page)["warnings"]}


def test_throttling_is_told_in_words(tmp_path):
    """Every reason at once, as the simulator's fault of all bits gives them."""
    page = write_report(tmp_path / "r.html", command=["sleep", "1.2"], sim_options=[
        "--fault", "gpu0:fn=nvmlDeviceGetCurrentClocksEventReasons:ALL_ONES"])
    data = data_of(page)
    during = {d["device"]: d for d in data["conditions"]["during"]}
    assert "thermal" in during["gpu0"]["throttle"] and during["gpu0"]["looks"] > 0
    assert "thermal" not in during["gpu1"]["throttle"]
    assert "thermal" in warnings_of(page)["throttled"]
    assert "gpu0 slowed itself down" in page[:page.index("zeus-data")]


SET_LIMIT = """
import ctypes, time
time.sleep(0.8)
nvml, gpu = ctypes.CDLL("libnvidia-ml.so.1"), ctypes.c_void_p()
assert nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetHandleByIndex_v2(1, ctypes.byref(gpu)) == 0
assert nvml.nvmlDeviceSetPowerManagementLimit(gpu, 250000) == 0
time.sleep(0.8)
"""


def is_sanitized():
    return "asan" in subprocess.run(["ldd", ZEUS], capture_output=True, text=True).stdout


@pytest.mark.skipif(is_sanitized(),
                    reason="an unsanitized interpreter cannot load a sanitized library")
def test_a_limit_changed_during_the_run_is_told(tmp_path):
    page = write_report(tmp_path / "r.html", command=[sys.executable, "-c", SET_LIMIT],
                        sim_options=["--privileged"])
    kinds = warnings_of(page)
    assert "gpu1" in kinds["limit-changed"] and "between 250 and 350 W" in kinds["limit-changed"]
    begin, end = (data_of(page)["conditions"][k][1] for k in ("begin", "end"))
    assert begin["power_limit_w"] == 350 and end["power_limit_w"] == 250
    assert "350 to 250\u00a0W" in page


def test_others_on_the_gpu_are_told(tmp_path):
    """A load that was there before, and stays."""
    page = tmp_path / "r.html"
    script = (f"{ZEUS} sim load --device gpu1 --level 0.5 --seconds 60 & sleep 0.5; "
              f"{ZEUS} run -q --report {page} -- sleep 1.2; kill $!")
    done = subprocess.run([ZEUS, "sim", "--node", "demo", "--", "sh", "-c", script],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 143), done.stderr
    text = page.read_text()
    all_texts = [w["text"] for w in data_of(text)["warnings"]]
    assert any("gpu1 was in use when the run began: 1 process (" in t for t in all_texts), all_texts
    assert any("gpu1 was busy when the run began" in t for t in all_texts)
    assert any("Processes that the run did not start used gpu1" in t for t in all_texts)
    assert data_of(text)["conditions"]["begin"][1]["processes"]["count"] == 1


def test_the_conditions_at_both_ends_are_told(written):
    conditions = data_of(written[0])["conditions"]
    for end in ("begin", "end"):
        assert [c["device"] for c in conditions[end]] == ["gpu0", "gpu1", "cpu0"]
        assert conditions[end][0]["power_limit_w"] == 350
        assert conditions[end][0]["temperature_c"] > 0
        assert conditions[end][0]["driver"] == "550.54.15"
        assert conditions[end][0]["throttle"] is not None
        assert conditions[f"host_{end}"]["processors"] >= 1
        assert conditions[end][2]["graphics_mhz"] is None


def test_the_page_asks_for_nothing_and_runs_nothing(written):
    seen = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append((tag, dict(attrs)))
    Reader().feed(written[0])
    tags = {tag for tag, _ in seen}
    assert not tags & {"img", "link", "iframe", "object", "form", "base"}
    scripts = [attrs for tag, attrs in seen if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "zeus-data"}]
    assert not any(name in attrs for _, attrs in seen for name in ("src", "href", "onload"))
    assert "default-src 'none'" in written[0]


def test_the_plot_is_well_formed(written):
    assert xml.etree.ElementTree.fromstring(written[1]).tag.endswith("svg")


def change_energy(data):
    data["checks"][0]["energy_j"] += 0.001


def change_total(data):
    for check in data["checks"]:
        check["total_j"] += 0.001


def change_membership(data):
    data["checks"][0]["in_total"] = not data["checks"][0]["in_total"]


def change_edge(data):
    edge = data["checks"][0]["edges"][1]
    for knot in edge["knots"]:
        knot[3] += 0.01


def drop_edges(data):
    del data["checks"][0]["edges"]


def drop_checks(data):
    del data["checks"]


def empty_checks(data):
    data["checks"] = []


def other_schema(data):
    data["schema"] = "zeus.report/9"


@pytest.mark.parametrize("change", [change_energy, change_total, change_membership,
                                    change_edge, drop_edges, drop_checks, empty_checks,
                                    other_schema])
@pytest.mark.parametrize("is_forged", [False, True])
def test_a_change_is_found(written, verify, change, is_forged):
    data = data_of(written[0])
    change(data)
    page = with_data(written[0], data)
    done = verify(reseal(page) if is_forged else page)
    assert done.returncode == 1 and done.stderr
    assert is_forged or "changed" in done.stderr


def test_a_resealed_report_that_was_not_changed_is_fine(written, verify):
    assert verify(reseal(with_data(written[0], data_of(written[0])))).returncode == 0


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_found(written, verify, share):
    done = verify(written[0][:int(len(written[0]) * share)])
    assert done.returncode == 1 and done.stderr.startswith("zeus report verify: ")


def test_a_number_changed_in_the_table_is_found(written, verify):
    page = re.sub(r'(<td class="n">)\d', r"\g<1>9", written[0], count=1)
    assert page == written[0] or verify(page).returncode == 1


def test_not_a_report(verify, zeus):
    assert verify("<html>hello</html>").returncode == 1
    assert zeus("report", "verify", "/nonexistent").returncode == 1
    assert zeus("report", "verify").returncode == 2
