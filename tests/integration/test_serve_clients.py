# SPDX-License-Identifier: Apache-2.0
"""The published Python clients, unmodified, against zeus-serve.

Needs a Python with the package (zeus-ml with its bso-server extra and pydantic below 2), named by
ZEUS_CLIENT_PYTHON; skipped without.
"""
import json
import os
import pathlib
import subprocess

import pytest

from serve import Server

PYTHON = os.environ.get("ZEUS_CLIENT_PYTHON")
SCRIPT = pathlib.Path(__file__).with_name("published_clients.py")

pytestmark = pytest.mark.skipif(
    not PYTHON, reason="ZEUS_CLIENT_PYTHON names no Python with the published client")


def run(command, server):
    done = subprocess.run([PYTHON, SCRIPT, command, f"http://127.0.0.1:{server.port}"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.rpartition("RESULT ")[2])


@pytest.mark.parametrize("args", [[], ["--compat"]])
def test_recurring_job(tmp_path, args):
    with Server("bso", "--database", f"sqlite:///{tmp_path}/db", *args,
                directory=tmp_path) as server:
        got = run("bso", server)
    assert got["job_id"].startswith("mnist-") and got["max_power"] == 1200
    assert got["chosen"][0] == 1024
    assert got["chosen"][-8:].count(512) >= 7  # the cheapest of the three


@pytest.mark.parametrize("args", [[], ["--compat"]])
def test_pipeline(tmp_path, args):
    plan = tmp_path / "plan.py"
    plan.write_text("[[('forward', 1410), ('forward', 930), ('backward', 1410), "
                    "('backward', 1200)]]\n")
    with Server("pfo", "--solution", plan, *args, directory=tmp_path) as server:
        got = run("pfo", server)
    assert got["job_id"].endswith("+PointSolution+one rank")
    assert got["locked"] == [1410, 930, 1410, 1200] * 2
