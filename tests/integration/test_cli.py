# SPDX-License-Identifier: Apache-2.0
"""The command line on a machine without devices: exit codes, help, JSON, generated files."""
import json
import re
import subprocess

import pytest

from conftest import ZEUS

NO_GPU = {"AMDSMI_LIB_DIR": "/nonexistent"}


def test_env_with_nothing_is_success(zeus, empty_root):
    done = zeus("env", "--json", env={"ZEUS_SYSFS_ROOT": str(empty_root), **NO_GPU})
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["schema"] == "zeus.env/1"
    assert [d for d in report["devices"] if d["kind"] != "gpu"] == []
    families = {f["family"]: f for f in report["findings"]}
    assert families["rapl"]["code"] != "ok" and families["rapl"]["remedy"]
    assert families["amdsmi"]["code"] != "ok" and "/nonexistent" in families["amdsmi"]["detail"]


def test_env_text_names_remedies(zeus, empty_root):
    done = zeus("env", env={"ZEUS_SYSFS_ROOT": str(empty_root), **NO_GPU})
    assert done.returncode == 0
    assert "CPUs\n  none" in done.stdout
    assert "->" in done.stdout


def test_bad_root_is_an_error_that_names_it(zeus):
    done = zeus("env", env={"ZEUS_SYSFS_ROOT": "/nonexistent/root"})
    assert done.returncode == 1
    assert "/nonexistent/root" in done.stderr


def test_doctor_json_has_stable_ids(zeus, empty_root):
    done = zeus("doctor", "--json", env={"ZEUS_SYSFS_ROOT": str(empty_root), **NO_GPU})
    checks = {c["id"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["session.opens"]["verdict"] == "pass"
    assert checks["family.rapl"]["verdict"] == "skip"
    assert checks["daemon.reachable"]["verdict"] == "skip"
    assert done.returncode == 0


def test_doctor_fails_when_the_daemon_is_named_but_absent(zeus, empty_root, tmp_path):
    done = zeus("doctor", env={"ZEUS_SYSFS_ROOT": str(empty_root),
                               "ZEUSD_SOCK_PATH": str(tmp_path / "no.sock")})
    assert done.returncode == 1
    assert re.search(r"^fail +daemon\.reachable", done.stdout, re.M)


@pytest.mark.parametrize("args, words", [
    (["nonsense"], "no command 'nonsense'"),
    (["env", "--nonsense"], "unknown option '--nonsense'"),
    (["env", "extra"], "unexpected operand 'extra'"),
    (["env", "--json=yes"], "takes no value"),
    (["doctor", "-x"], "unknown option '-x'"),
    ([], "Usage"),
])
def test_wrong_usage_exits_with_2(zeus, args, words):
    done = zeus(*args)
    assert done.returncode == 2
    assert words in done.stderr


def commands(zeus):
    text = zeus("--help").stdout
    return re.findall(r"^  ([a-z-]+)  ", text, re.M)


def test_every_command_has_help(zeus):
    names = commands(zeus)
    assert "env" in names and "doctor" in names
    for name in names:
        if name == "sim":
            continue
        done = zeus(name, "--help")
        assert done.returncode == 0 and done.stdout.startswith(f"Usage: zeus {name}"), name
        assert zeus("help", name).stdout == done.stdout


def test_help_and_man_page_have_the_same_options(zeus):
    man = zeus("generate", "man").stdout.replace("\\-", "-")
    for name in commands(zeus):
        if name == "sim":
            continue
        for option in re.findall(r"--[a-z0-9-]+", zeus(name, "--help").stdout.split("Options:")[1]):
            if option not in ("--help",):
                assert option in man, (name, option)


def test_bash_completion_offers_commands_options_and_values(zeus, tmp_path, clean_env):
    script = tmp_path / "zeus.bash"
    script.write_text(zeus("generate", "bash").stdout)

    def complete(*words):
        line = " ".join(f"'{w}'" for w in words)
        code = (f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _zeus;"
                "printf '%s\\n' \"${COMPREPLY[@]}\"")
        return subprocess.run(["bash", "-c", code], capture_output=True, text=True,
                              check=True, env=clean_env).stdout.split()

    assert "env" in complete("zeus", "e")
    assert "--json" in complete("zeus", "env", "--j")
    assert complete("zeus", "doctor", "--v") == ["--verbose"]


def test_output_that_cannot_be_written_is_a_failure(clean_env):
    with open("/dev/full", "w") as full:
        done = subprocess.run([ZEUS, "env"], stdout=full, stderr=subprocess.PIPE, env=clean_env,
                              text=True)
    assert done.returncode == 1 and "cannot write" in done.stderr
