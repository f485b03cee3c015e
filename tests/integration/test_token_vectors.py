# SPDX-License-Identifier: Apache-2.0
"""The token vectors of the unit tests are what their generator writes."""
import subprocess
import sys

from conftest import SOURCE


def test_vectors_are_current():
    folder = SOURCE / "tests" / "unit" / "auth"
    text = subprocess.run([sys.executable, folder / "make_jwt_vectors.py"], capture_output=True,
                          check=True).stdout
    assert text == (folder / "jwt_vectors.h").read_bytes()
