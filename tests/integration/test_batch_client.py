# SPDX-License-Identifier: Apache-2.0
"""The C client of the batch size server: an example job recurs against a real zeus-serve."""
import subprocess
import time

import pytest

from conftest import BUILD, ZEUS

JOB = BUILD / "examples" / "recurring_job"
SERVE = BUILD / "bin" / "zeus-serve"

pytestmark = pytest.mark.skipif(not SERVE.exists(), reason="built without servers")


@pytest.fixture
def server(tmp_path):
    port_file = tmp_path / "port"
    process = subprocess.Popen(
        [SERVE, "bso", "--database", f"sqlite:///{tmp_path}/jobs.db", "--port", "0",
         "--port-file", port_file, "--log-level", "warning"])
    for _ in range(200):
        if port_file.exists() and port_file.read_text().strip():
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port_file.read_text().strip()}", process
    process.kill()
    process.wait()


def recur(*args):
    """One recurrence, its energy measured on the simulated node."""
    return subprocess.run([ZEUS, "sim", "--node", "demo", "--", JOB, *args], capture_output=True,
                          text=True, timeout=60)


def test_a_job_recurs(server):
    url, _ = server
    first = recur(url)
    assert first.returncode == 0, first.stderr
    job_id, _, _, size = first.stdout.splitlines()[0].split()
    sizes = [int(size)]
    outcomes = [first.stdout.splitlines()[1].split()[0]]
    for _ in range(9):
        done = recur(url, job_id)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].startswith(job_id + " ")
        sizes.append(int(lines[0].split()[-1]))
        outcomes.append(lines[1].split()[0])
    # Default, down to the smallest, up; what follows depends on the energies measured.
    assert sizes[:5] == [64, 32, 16, 8, 128]
    assert outcomes[:3] == ["converged"] * 3
    assert [o for s, o in zip(sizes, outcomes) if s == 128] == ["failed"]


def test_refusals(server):
    url, process = server
    refused = recur(url, "other-1")
    assert refused.returncode == 1 and "answered 422" in refused.stderr
    process.kill()
    process.wait()
    away = recur(url)
    assert away.returncode == 1 and "POST " + url + "/jobs" in away.stderr
