# SPDX-License-Identifier: Apache-2.0
"""`zeus run --report/--plot` and `zeus report verify`: the joules follow from the stored edges, and
any change of the file is found."""
import html.parser
import json
import re
import xml.etree.ElementTree

import pytest

from conftest import ZEUS

HOSTILE = 'x="</script><script>alert(1)</script>"; sleep 0.6 # <img src=http://x/>'
DATA = re.compile(r'(<script type="application/json" id="zeus-data">)(.*?)(</script>)', re.S)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """One report and one plot of a run on the simulated node."""
    import subprocess
    folder = tmp_path_factory.mktemp("report")
    page, plot = folder / "r.html", folder / "r.svg"
    done = subprocess.run([ZEUS, "sim", "--node", "demo", "--", ZEUS, "run", "-q", "--report", page,
                           "--plot", plot, "--", "sh", "-c", HOSTILE],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return page.read_text(), plot.read_text()


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


def test_the_joules_follow_from_the_edges(written, verify):
    done = verify(written[0])
    assert done.returncode == 0, done.stdout + done.stderr
    checks = data_of(written[0])["checks"]
    assert len(checks) == 6 and done.stdout.count("agrees") == 7  # and the total


def test_the_conditions_at_both_ends_are_told(written):
    conditions = data_of(written[0])["conditions"]
    for end in ("begin", "end"):
        assert [c["device"] for c in conditions[end]] == ["gpu0", "gpu1", "cpu0"]
        assert conditions[end][0]["power_limit_w"] == 350
        assert conditions[end][0]["temperature_c"] > 0
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
