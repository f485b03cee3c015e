# SPDX-License-Identifier: Apache-2.0
"""A handful of kills; `crash.py --kills 1000` is the long run."""
import pytest

from crash import Load, sqlite_checks
from postgres import Postgres


def test_sqlite(tmp_path):
    path = tmp_path / "bso.db"
    load = Load(f"sqlite:///{path}", tmp_path, clients=6)
    load.run(8)
    counts = load.check(sqlite_checks(path))
    assert counts["reports"] > 0


def test_two_processes_on_one_file(tmp_path):
    path = tmp_path / "bso.db"
    load = Load(f"sqlite:///{path}", tmp_path, servers=2, clients=6)
    load.run(4)
    assert load.check(sqlite_checks(path))["reports"] > 0


@pytest.fixture
def postgres():
    server = Postgres()
    yield server
    server.stop()


def test_four_processes_on_postgresql(postgres, tmp_path):
    load = Load(postgres.create("crash"), tmp_path, servers=4, clients=8)
    load.run(6)
    assert load.check(lambda text: postgres.sql(text, "crash"))["reports"] > 0
