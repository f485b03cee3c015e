# SPDX-License-Identifier: Apache-2.0
"""The C clients of zeus/servers.h against zeus-serve."""
import json
import os
import pathlib
import subprocess

import pytest

from serve import ROOT, Server

PROBE = pathlib.Path(os.environ.get("ZEUS_BUILD", ROOT / "build")) / "tests" / "client_probe"

pytestmark = pytest.mark.skipif(not PROBE.exists(), reason=f"{PROBE} is not built (libcurl)")

PLAN = """[[('forward', 1410), ('forward', 930), ('backward', 1410), ('backward', 1200)],
[('forward', 1410), ('backward', 1410), ('forward', 1290), ('backward', 1260)]]
"""


def run(*args):
    return subprocess.run([PROBE, *map(str, args)], capture_output=True, text=True, timeout=60)


def url(server):
    return f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize("args", [[], ["--compat"]])
def test_recurring_job(tmp_path, args):
    with Server("bso", "--database", f"sqlite:///{tmp_path}/db", *args,
                directory=tmp_path) as server:
        done = run("bso", url(server))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    got = json.loads(done.stdout)
    assert got["chosen"][0] == 1024 and got["chosen"][-6:].count(512) >= 5
    assert got["job_id"].startswith("mnist-")
    assert got["changed"] == ["state", 409]


def test_pipeline(tmp_path):
    plan = tmp_path / "plan.py"
    plan.write_text(PLAN)
    with Server("pfo", "--solution", plan, directory=tmp_path) as server:
        done = run("pfo", url(server))
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["taken"] == [1410, 930, 1410, 1200] * 2 + [1410, 1410, 1290, 1260] * 2
    dumped = tmp_path / "dump" / got["job_id"]
    ranks = json.loads((dumped / "ranks.json").read_text())
    assert [r["available_frequencies"] for r in ranks] == [[1410, 1395, 1380]] * 2
    assert (dumped / "1.prof.json").exists()


def test_tokens_and_absent_servers(tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    token.chmod(0o600)
    with Server("bso", "--database", f"sqlite:///{tmp_path}/db", "--token-file", token,
                directory=tmp_path) as server:
        assert "not-authenticated" in run("bso", url(server)).stderr
        assert run("bso", url(server), "0123456789abcdef").returncode == 0
        address = url(server)
    assert "io: " in run("bso", address).stderr
    assert "invalid-argument" in run("bso", "ftp://x").stderr
