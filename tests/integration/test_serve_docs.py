# SPDX-License-Identifier: Apache-2.0
"""--help and the man page of zeus-serve name the same options and variables."""
import re
import subprocess

import pytest

from serve import BINARY, ROOT


def test_man_page_names_every_option():
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    manual = (ROOT / "docs" / "man" / "zeus-serve.1.scd").read_text()
    options, variables = set(), set()
    for command in ("bso", "pfo"):
        text = subprocess.run([BINARY, command, "--help"], capture_output=True, text=True,
                              check=True).stdout
        options |= set(re.findall(r"^  (--[a-z-]+)", text, re.M))
        variables |= set(re.findall(r"\[(ZEUS_[A-Z_]+)\]", text))
    assert options == set(re.findall(r"\*(--[a-z-]+)\*", manual))
    assert variables == set(re.findall(r"ZEUS_[A-Z_]+", manual))


@pytest.mark.parametrize("args, status", [([], 2), (["nope"], 2), (["--help"], 0),
                                          (["--version"], 0), (["bso", "--nope"], 2)])
def test_usage(args, status):
    if not BINARY.exists():
        pytest.skip(f"{BINARY} is not built")
    assert subprocess.run([BINARY, *args], capture_output=True, check=False).returncode == status
