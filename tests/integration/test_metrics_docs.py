# SPDX-License-Identifier: Apache-2.0
"""What is shipped for Prometheus and Grafana speaks of metrics that exist."""
import json
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = (ROOT / "docs/metrics.md").read_text()
ROWS = dict(re.findall(r"^\| `(zeus\w+)` \| (\w+) \|", DOCUMENT, re.M))
NAME = re.compile(r"\bzeusd?_[a-z_]+\b")


def expressions():
    board = json.loads((ROOT / "integrations/grafana/zeus-node.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']}", target["expr"]
    for variable in board["templating"]["list"]:
        yield variable["name"], variable["query"]
    for i, block in enumerate(re.findall(r"```promql\n(.*?)```", DOCUMENT, re.S)):
        yield f"docs/metrics.md block {i}", block


def test_expressions_name_metrics_that_exist():
    seen = set()
    for where, text in expressions():
        for name in NAME.findall(text):
            assert name in ROWS, f"{where}: {name} is not in docs/metrics.md"
            seen.add(name)
    assert {"zeus_energy_joules_total", "zeus_domain_info", "zeus_device_up"} <= seen


def test_rates_are_of_counters():
    for where, text in expressions():
        for name in re.findall(r"(?:rate|increase)\((zeus\w+)", text):
            assert ROWS[name] == "counter", f"{where}: {name} is a {ROWS[name]}"


def test_panels_do_not_overlap():
    board = json.loads((ROOT / "integrations/grafana/zeus-node.json").read_text())
    cells = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert x < 24 and (x, y) not in cells, panel["title"]
                cells.add((x, y))


def test_scrape_configuration_is_valid():
    if not shutil.which("promtool"):
        pytest.skip("promtool (Debian package prometheus) is not installed")
    path = ROOT / "integrations/prometheus/zeusd.yml"
    done = subprocess.run(["promtool", "check", "config", "--syntax-only", path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_expressions_parse(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool (Debian package prometheus) is not installed")
    rules = []
    for i, (_, text) in enumerate(expressions()):
        if "zeus" in text and not text.startswith("label_values"):
            text = text.replace("$__rate_interval", "5m").replace("$__range", "1h")
            rules.append({"record": f"rule{i}", "expr": text.strip()})
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))  # JSON is YAML
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
