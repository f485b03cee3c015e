# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: the build under test and how to run its programs."""
import json
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ZEUS_BUILD", SOURCE / "build")).resolve()
ZEUS = BUILD / "bin" / "zeus"

# Variables that would let the machine's own state into a test.
STEERING = ["CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES",
            "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "ZEUSD_SOCK_PATH", "ZEUSD_HOST_PORT",
            "ZEUS_SYSFS_ROOT", "ZEUS_SIM_DIR", "ZEUS_CALIBRATION", "AMDSMI_LIB_DIR", "ROCM_PATH", "LD_LIBRARY_PATH"]


@pytest.fixture
def clean_env():
    """The environment without anything that steers Zeus, nor calibrations of this machine."""
    kept = {k: v for k, v in os.environ.items() if k not in STEERING}
    return {**kept, "ZEUS_CALIBRATION": ""}


@pytest.fixture
def zeus(clean_env):
    """Runs zeus with arguments; returns the finished process (text mode)."""
    def run(*args, env=None, **kwargs):
        return subprocess.run([str(ZEUS), *map(str, args)], env={**clean_env, **(env or {})},
                              capture_output=True, text=True, timeout=60, **kwargs)
    return run


@pytest.fixture
def sim(zeus):
    """Runs a command under `zeus sim --node NODE`, with options before the command."""
    def run(node, *command, options=(), env=None):
        return zeus("sim", "--node", node, *options, "--", *command, env=env)
    return run


@pytest.fixture
def sim_env(sim):
    """The parsed `zeus env --json` of a simulated node."""
    def run(node, options=(), env=None, arguments=()):
        done = sim(node, ZEUS, "env", "--json", *arguments, options=options, env=env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return run


@pytest.fixture
def empty_root(tmp_path):
    """A root directory in which no device of any kind can be found."""
    (tmp_path / "sys").mkdir()
    (tmp_path / "proc").mkdir()
    return tmp_path
