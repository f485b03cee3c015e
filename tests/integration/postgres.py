# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of our own for a test: unprivileged, in a temporary directory, on a Unix socket."""
import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest


def _binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if found:
        return pathlib.Path(found[-1]).parent
    on_path = shutil.which("initdb")
    return pathlib.Path(on_path).parent if on_path else None


class Postgres:
    def __init__(self):
        self.bin = _binaries()
        if not self.bin:
            pytest.skip("PostgreSQL's server programs are not installed")
        self.user = {}
        self.name = pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self.name = "nobody"
            self.user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid,
                         "extra_groups": []}
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="zeus-pg-", dir="/tmp"))
        if self.user:
            os.chown(self.dir, pwd.getpwnam("nobody").pw_uid, self.user["group"])
        self._run(self.bin / "initdb", "-D", self.dir / "data", "-U", self.name, "-A", "trust",
                  "--no-sync", "--locale=C", "-E", "UTF8")
        self.start()

    def _run(self, *command):
        done = subprocess.run(list(map(str, command)), cwd=self.dir, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, **self.user)
        if done.returncode:
            pytest.skip(f"PostgreSQL does not start here: {done.stdout[-400:]}")

    def start(self):
        self._run(self.bin / "pg_ctl", "-D", self.dir / "data", "-w", "-l", self.dir / "log", "-o",
                  f"-k {self.dir} -c listen_addresses=''", "start")

    def url(self, database="postgres"):
        return f"postgresql://{self.name}@/{database}?host={self.dir}"

    def sql(self, text, database="postgres"):
        done = subprocess.run([self.bin / "psql", "-X", "-q", "-t", "-A", "-F", "|", "-c", text,
                               self.url(database)], check=True, capture_output=True, text=True)
        return [line.split("|") for line in done.stdout.splitlines() if line]

    def create(self, database):
        self.sql(f"CREATE DATABASE {database}")
        return self.url(database)

    def restart(self):
        self._run(self.bin / "pg_ctl", "-D", self.dir / "data", "-m", "immediate", "-w", "stop")
        self.start()

    def stop(self):
        subprocess.run([self.bin / "pg_ctl", "-D", self.dir / "data", "-m", "immediate", "stop"],
                       cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False, **self.user)
        shutil.rmtree(self.dir, ignore_errors=True)
