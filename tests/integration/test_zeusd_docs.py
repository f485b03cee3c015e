# SPDX-License-Identifier: Apache-2.0
"""--help, the man page and the packaged settings of zeusd name the same options."""
import pathlib
import re
import subprocess

import pytest

from zeusd import ZEUSD

ROOT = pathlib.Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not ZEUSD.exists(), reason=f"{ZEUSD} is not built")


def options(*command):
    text = subprocess.run([ZEUSD, *command, "--help"], capture_output=True, text=True,
                          check=True).stdout
    return set(re.findall(r"^  --([a-z-]+)", text, re.M))


def test_man_page_names_every_option():
    manual = (ROOT / "docs" / "man" / "zeusd.8.scd").read_text()
    assert options("serve") | options("token", "issue") == set(
        re.findall(r"\*--([a-z-]+)\*", manual))


def test_packaged_settings_are_known(tmp_path):
    text = (ROOT / "packaging" / "systemd" / "zeusd.toml").read_text()
    keys = set(re.findall(r"^#?([a-z_]+) = ", text, re.M))
    assert keys and {key.replace("_", "-") for key in keys} <= options("serve")
    done = subprocess.run([ZEUSD, "--check-config", "--config",
                           ROOT / "packaging" / "systemd" / "zeusd.toml"], capture_output=True,
                          text=True)
    assert done.returncode == 0 and 'socket-permissions = "660"' in done.stdout, done.stderr
